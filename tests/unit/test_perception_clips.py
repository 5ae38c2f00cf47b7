"""Who is who over a clip: crossings, hiding, leaving, cuts, frames that cannot be read."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from fhmr_blender.core.motion import Observations
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.perception.appearance import clothing, colour_distance
from fhmr_blender.pipeline.perception.assignment import cheapest_pairs
from fhmr_blender.pipeline.perception.cuts import CutFinder
from fhmr_blender.pipeline.perception.front_end import Observed, observe
from fhmr_blender.pipeline.perception.linking import identities
from fhmr_blender.pipeline.perception.sightings import Followed, Sighting
from fhmr_blender.pipeline.perception.tracking import Track
from tests.unit.painted_people import Looks, PaintedFootage, networks

INTRINSICS = np.array([300.0, 300.0, 160.0, 120.0])


def watch(footage: PaintedFootage, **options: object) -> Observed:
    return observe(footage, range(footage.frame_count), INTRINSICS, networks(), silent, **options)


def places(person: Observations) -> dict[int, float]:
    """Frame -> x of the box's middle, where the person was seen."""
    middle = (person.bbox[:, 0] + person.bbox[:, 2]) / 2
    seen = person.track_confidence > 0
    return dict(zip(person.frames[seen].tolist(), middle[seen].tolist(), strict=True))


# -- identities


def test_people_who_cross_stay_themselves_though_one_hides_the_other() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]]:
        return {"red": (40 + 4 * number, 120), "green": (280 - 4 * number, 124)}

    people = watch(PaintedFootage(paint, 60)).people
    assert len(people) == 2
    for person in people:
        x = places(person)
        right = x[0] < 160
        for frame, place in x.items():
            expected = 40 + 4 * frame if right else 280 - 4 * frame
            assert place == pytest.approx(expected, abs=24)  # half hidden at the crossing
        assert min(x) == 0 and max(x) == 59


def test_people_who_meet_and_turn_back_are_not_exchanged() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]]:
        step = 4 * min(number, 60 - number)
        return {"red": (40 + step, 120), "green": (280 - step, 124)}

    for person in watch(PaintedFootage(paint, 60)).people:
        x = places(person)
        assert x[59] == pytest.approx(x[1], abs=6)


def test_somebody_who_steps_out_where_another_hides_keeps_his_clothes() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]]:
        people = {"red": (40 + 4 * number, 120), "green": (260 - 4 * number, 120)}
        # Behind a post both, one after the other: where one vanishes the other comes out.
        if 24 <= number < 27:
            del people["red"]
        if 27 <= number < 35:
            del people["green"]
        return people

    people = watch(PaintedFootage(paint, 54)).people
    assert len(people) == 2
    for person in people:
        x = places(person)
        expected = {frame: 40 + 4 * frame if x[0] < 160 else 260 - 4 * frame for frame in x}
        assert x == pytest.approx(expected, abs=24)
        assert max(x) == 53


def piece(frames: list[int], x: float) -> Followed:
    """Somebody in red, found in these frames, who walks 2 pixels a frame from x at frame 0."""
    worn = dressed((200, 40, 40), (40, 40, 120), 1.0)
    person = Followed(Track(np.zeros(4), frames[-1]), worn, frames[-1])
    for frame in frames:
        left = x + 2 * frame
        person.sightings.append(
            Sighting(
                frame=frame,
                confidence=0.9,
                box=np.array([left, 60.0, left + 40, 170.0]),
                region=np.array([left + 20, 115.0, 140.0, 0.0]),
                keypoints=np.zeros((33, 5), np.float32),
                keypoints_world=np.zeros((33, 3), np.float32),
                agreement=np.full(33, np.nan, np.float32),
                image_feature=np.zeros(288, np.float16),
                clothing=worn,
            )
        )
    return person


def test_two_tracks_that_see_somebody_in_turn_are_one_person() -> None:
    old, new = piece([*range(31), 32, 35], 40), piece([30, 31, 33, 34, *range(36, 60)], 44)
    (person,) = identities([old, new], (), 10.0, 60)
    assert [sighting.frame for sighting in person] == list(range(60))


def test_two_who_are_seen_side_by_side_stay_two() -> None:
    old, new = piece(list(range(36)), 40), piece(list(range(30, 60)), 60)
    assert len(identities([old, new], (), 10.0, 60)) == 2


def test_somebody_whom_only_the_pose_detector_sees_joins_the_others() -> None:
    footage = PaintedFootage(lambda number: {"red": (60, 120), "green": (220 + number, 120)}, 40)
    eyes = networks(unseen=("green",), posed=("red", "green"))
    people = observe(footage, range(40), INTRINSICS, eyes, silent).people
    assert sorted(round(places(person)[0]) for person in people) == [60, 220]
    assert all(person.frames.tolist() == list(range(40)) for person in people)


def hiding(start: int, stop: int) -> PaintedFootage:
    """Somebody walks, nobody sees him from `start` to `stop`."""

    def paint(number: int) -> dict[str, tuple[float, float]]:
        return {} if start <= number < stop else {"red": (40 + 2 * number, 120)}

    return PaintedFootage(paint, 120)


def test_somebody_hidden_for_a_moment_stays_with_confidence_zero() -> None:
    (person,) = watch(hiding(40, 60)).people
    assert person.frames.tolist() == list(range(120))
    hidden = person.frames[person.track_confidence == 0.0]
    assert hidden.tolist() == list(range(40, 60))
    middle = (person.bbox[:, 0] + person.bbox[:, 2]) / 2
    np.testing.assert_allclose(middle, 40 + 2 * np.arange(120), atol=3)
    assert not person.keypoints[40:60, :, 3:].any()
    assert np.isnan(person.image_feature[40:60]).all()
    assert np.isfinite(person.image_feature[:40]).all()


def test_somebody_hidden_for_longer_is_the_same_person_but_not_there_meanwhile() -> None:
    (person,) = watch(hiding(30, 75)).people
    assert person.frames.tolist() == [*range(30), *range(75, 120)]
    assert (person.track_confidence > 0).all()


def test_somebody_else_who_comes_later_is_somebody_else() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]]:
        if number < 40:
            return {"red": (100 + number, 120)}
        return {"green": (100 + number, 120)} if number >= 60 else {}

    people = watch(PaintedFootage(paint, 100)).people
    assert sorted(person.frames[0] for person in people) == [0, 60]


def test_a_newcomer_is_followed_back_to_the_first_sight() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]]:
        both = {"red": (60, 120), "green": (220 + number, 120)}
        return both if number >= 11 else {"red": (60, 120)}

    people = watch(PaintedFootage(paint, 40)).people
    assert sorted(person.frames[0] for person in people) == [0, 11]  # the detector looks at 8, 16


def test_nobody_is_made_of_a_moments_false_alarm() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]]:
        alarm = {"green": (260, 120)} if 15 <= number < 18 else {}
        return {"red": (60 + number, 120), **alarm}

    assert len(watch(PaintedFootage(paint, 60)).people) == 1


def test_what_is_too_small_to_be_made_out_is_nobody() -> None:
    small = PaintedFootage(lambda number: {"red": (160, 120)}, 12, fps=10.0, box=(14, 28))
    with pytest.raises(FhmrError, match="No person was found"):
        watch(small)


def test_the_detector_rests_between_its_looks() -> None:
    looks = Looks()
    footage = PaintedFootage(lambda number: {"red": (60 + number, 120)}, 60)
    observe(footage, range(60), INTRINSICS, networks(looks), silent)
    assert looks.people <= 3 * 60 / 8 + 3  # every eighth frame, at most three tiles
    assert looks.landmarks <= 1.3 * 60


# -- cuts


def test_a_cut_is_noticed_and_nobody_is_carried_over_it() -> None:
    footage = PaintedFootage(
        lambda number: {"red": (100 + number, 120)},
        60,
        scene=lambda number: 1 if number >= 33 else 2,
    )
    seen = watch(footage)
    assert seen.cuts == (33,)
    spans = sorted((int(person.frames[0]), int(person.frames[-1])) for person in seen.people)
    assert spans == [(0, 32), (33, 59)]


def test_flashes_and_quick_turns_are_no_cuts() -> None:
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 200, (12, 20, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    finder = CutFinder()
    frames = [picture, picture // 2 + 100, picture, np.roll(picture, 25, axis=1)]
    assert [finder.is_cut(frame) for frame in frames] == [False] * 4
    other = np.kron(rng.integers(0, 90, (12, 20, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    assert finder.is_cut(other)


# -- frames that cannot be read


def test_frames_that_cannot_be_read_are_bridged_and_named() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]] | None:
        return None if 20 <= number < 24 else {"red": (60 + 2 * number, 120)}

    seen = watch(PaintedFootage(paint, 50))
    (person,) = seen.people
    assert person.frames.tolist() == list(range(50))
    assert person.frames[person.track_confidence == 0.0].tolist() == [20, 21, 22, 23]
    assert seen.notes == ("Frames 20, 21, 22, 23 cannot be read: nobody was looked for there.",)


def test_footage_without_a_single_frame_that_can_be_read_says_so() -> None:
    with pytest.raises(FhmrError, match="cannot be decoded"):
        watch(PaintedFootage(lambda number: None, 5))


# -- parts


def test_pairs_are_those_of_least_total_cost() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        costs = rng.random((rng.integers(1, 5), 4))
        best = min(
            sum(min(costs[row, column], 0.6) for row, column in enumerate(chosen))
            for chosen in permutations(range(4), len(costs))
        )
        pairs = cheapest_pairs(costs, 0.6)
        total = sum(costs[row, column] for row, column in pairs) + 0.6 * (len(costs) - len(pairs))
        assert total == pytest.approx(best)
        assert all(costs[row, column] < 0.6 for row, column in pairs)


def test_impossible_pairs_are_never_made() -> None:
    costs = np.array([[np.inf, 0.2], [np.inf, 0.1]])
    assert cheapest_pairs(costs, 1.0) == [(1, 1)]
    assert cheapest_pairs(np.zeros((0, 3)), 1.0) == []


def dressed(upper: tuple[int, int, int], lower: tuple[int, int, int], light: float) -> np.ndarray:
    crop = np.zeros((256, 256, 3))
    crop[:128], crop[128:] = np.multiply(upper, light), np.multiply(lower, light)
    points = np.full((33, 2), 128.0)
    points[[11, 12, 23, 24, 25, 26]] = [
        (160, 60), (96, 60), (150, 126), (106, 126), (150, 190), (106, 190),
    ]  # fmt: skip
    return clothing(crop, points)


def test_the_same_clothes_are_alike_in_other_light_and_others_are_not() -> None:
    red = dressed((200, 40, 40), (40, 40, 120), 1.0)
    darker = dressed((200, 40, 40), (40, 40, 120), 0.7)
    swapped = dressed((40, 40, 120), (200, 40, 40), 1.0)
    assert colour_distance(red, red) == pytest.approx(0.0, abs=1e-3)
    assert colour_distance(red, darker) < 0.6 * colour_distance(red, swapped)
    assert colour_distance(red, swapped) > 0.6
