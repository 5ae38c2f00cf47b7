"""A second look in the mirror: what it says, what it is worth, where it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.second_look import agreement, middle, unmirrored, unmirrored_world
from fhmr_blender.core.shot_layout import arrays_of, shot_of
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.alignment import Freedom, align, reprojection
from fhmr_blender.pipeline.anchor import view_of
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.evidence import gather_evidence
from fhmr_blender.pipeline.footage import Footage
from fhmr_blender.pipeline.keypoint_edits import edited
from fhmr_blender.pipeline.lens import choose_intrinsics
from fhmr_blender.pipeline.perception.front_end import observe
from fhmr_blender.pipeline.perception.landmarks import find_landmarks
from fhmr_blender.pipeline.perception.sightings import seen_again, sighting_of
from tests.unit.footage_networks import shipped
from tests.unit.painted_people import Looks, PaintedFootage, networks
from tests.unit.sitter import build, constants, evidence, person, posture, shot

PICTURE = Path(__file__).resolve().parents[1] / "data" / "tfjs_pose.jpg"
INTRINSICS = np.array([300.0, 300.0, 160.0, 120.0])
LEFT_WRIST, RIGHT_WRIST = 15, 16
SIDE = np.array(200.0)


def landmarks() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(20.0, 180.0, (33, 5)), rng.normal(0.0, 0.3, (33, 3))


# -- the middle of two looks


def test_a_mirrored_picture_has_its_sides_exchanged() -> None:
    keypoints, world = landmarks()
    turned, turned_world = unmirrored(keypoints, 640.0), unmirrored_world(world)
    np.testing.assert_array_equal(turned[LEFT_WRIST, 0], 640.0 - keypoints[RIGHT_WRIST, 0])
    np.testing.assert_array_equal(turned[LEFT_WRIST, 1:], keypoints[RIGHT_WRIST, 1:])
    np.testing.assert_array_equal(turned_world[LEFT_WRIST], world[RIGHT_WRIST] * [-1, 1, 1])
    np.testing.assert_allclose(unmirrored(turned, 640.0), keypoints)


def test_looks_that_agree_meet_in_the_middle_and_others_leave_the_first() -> None:
    keypoints, world = landmarks()
    again, again_world = keypoints.copy(), world + 0.1
    again[LEFT_WRIST, 0] += 0.004 * SIDE
    again[RIGHT_WRIST, 1] += 0.2 * SIDE
    both, both_world = middle(keypoints, again, world, again_world, SIDE)
    assert both[LEFT_WRIST, 0] == pytest.approx(keypoints[LEFT_WRIST, 0] + 0.002 * SIDE)
    np.testing.assert_allclose(both_world[LEFT_WRIST], world[LEFT_WRIST] + 0.05)
    np.testing.assert_array_equal(both[RIGHT_WRIST], keypoints[RIGHT_WRIST])
    np.testing.assert_array_equal(both_world[RIGHT_WRIST], world[RIGHT_WRIST])
    agreed = agreement(keypoints, again, SIDE)
    assert agreed[0] == 1.0 and 0.9 < agreed[LEFT_WRIST] < 1.0 and agreed[RIGHT_WRIST] < 0.01


# -- the landmark network


def test_a_man_is_the_same_in_the_mirror() -> None:
    image = Footage(PICTURE).frame(0)
    region = np.array([500.0, 430.0, 760.0, 0.1])
    first = find_landmarks(image, region, shipped().landmarker)
    again = find_landmarks(image, region, shipped().landmarker, mirrored=True)
    apart = np.linalg.norm((again.keypoints - first.keypoints)[:, :2], axis=-1) / region[2]
    assert 1e-4 < np.median(apart) < 0.01  # another look, at the same man, sides in their places
    metres = np.linalg.norm(again.keypoints_world - first.keypoints_world, axis=-1)
    assert np.median(metres) < 0.15  # its own 3D leans, in the mirror to the other side
    np.testing.assert_allclose(again.next_region, first.next_region, atol=0.03 * region[2])
    assert (again.mask == first.mask).mean() > 0.98
    seen = sighting_of(first, 0, np.zeros(4), 1.0)
    assert np.isnan(seen.agreement).all()
    four = seen_again(seen, image, shipped().landmarker, (1.0, 1.3))
    assert np.median(four.agreement) > 0.8
    np.testing.assert_array_equal(four.region, seen.region)
    assert [other.region[2] for other in four.others] == [760.0, 988.0, 988.0]
    for other in four.others:
        apart = np.linalg.norm((other.keypoints - four.keypoints)[:, :2], axis=-1) / region[2]
        assert np.median(apart) < 0.02
    wider, turned = four.others[1:]
    np.testing.assert_array_equal(wider.agreement, turned.agreement)
    np.testing.assert_array_equal(wider.image_feature, turned.image_feature)


def test_where_looks_differ_both_are_kept() -> None:
    image = Footage(PICTURE).frame(0)
    calls = iter(range(2))

    def landmarker(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        answer = shipped().landmarker(inputs)
        if next(calls) == 1:  # the second look sees a wrist elsewhere
            seen = answer["landmarks"].copy()
            seen.reshape(-1, 39, 5)[0, RIGHT_WRIST, 0] += 60.0  # in the mirror: the left one
            answer = {**answer, "landmarks": seen}
        return answer

    first = find_landmarks(image, np.array([500.0, 430.0, 760.0, 0.1]), landmarker)
    twice = seen_again(sighting_of(first, 0, np.zeros(4), 1.0), image, landmarker, (1.0,))
    (other,) = twice.others
    np.testing.assert_allclose(
        twice.keypoints[LEFT_WRIST, :2], first.keypoints[LEFT_WRIST, :2], atol=1e-3
    )
    moved = np.linalg.norm(other.keypoints[LEFT_WRIST, :2] - twice.keypoints[LEFT_WRIST, :2])
    assert moved > 0.15 * 760.0
    np.testing.assert_allclose(other.keypoints[:7], twice.keypoints[:7], rtol=1e-5)  # they agree


# -- clips and pictures


def test_everybody_is_looked_at_twice_where_it_is_asked_for() -> None:
    def paint(number: int) -> dict[str, tuple[float, float]]:
        late = {"green": (230.0, 120.0)} if number >= 11 else {}  # seen first in frame 16
        return {"red": (80.0, 120.0), **late}

    looks, once = Looks(), Looks()
    people = observe(
        PaintedFootage(paint, 20), range(20), INTRINSICS, networks(looks), silent, twice=True
    ).people
    assert [len(seen.frames) for seen in people] == [20, 9]
    for seen in people:  # the newcomer's frames before it was found, too
        assert np.isfinite(seen.agreement).all()
    plain = observe(PaintedFootage(paint, 20), range(20), INTRINSICS, networks(once), silent)
    assert all(np.isnan(seen.agreement).all() for seen in plain.people)
    assert looks.landmarks - once.landmarks == 20 + 9


def test_who_was_found_behind_a_neighbour_is_looked_at_again_without_the_neighbour() -> None:
    crowd = Footage(PICTURE.with_name("tfjs_three_people.jpg"))
    lens = choose_intrinsics(crowd).values
    people = observe(crowd, [0], lens, shipped(), silent, twice=True).people
    agreed = [float(np.median(seen.agreement)) for seen in people]
    assert len(agreed) == 3 and min(agreed) > 0.5, agreed  # .01 where the neighbour was seen


def test_a_single_picture_is_looked_at_four_times() -> None:
    shown = PaintedFootage(lambda number: {"red": (80.0, 120.0)}, 1)
    once, often = Looks(), Looks()
    plain = observe(shown, [0], INTRINSICS, networks(once), silent)
    found = observe(shown, [0], INTRINSICS, networks(often), silent, twice=True)
    assert often.landmarks - once.landmarks == 3
    assert (len(plain.others[0]), len(found.others[0])) == (0, 3)


def test_a_picture_is_looked_at_twice_and_a_file_keeps_how_the_looks_agree() -> None:
    found = estimate(Footage(PICTURE), shipped(), EstimateSettings(hypotheses=1), silent)
    agreed = found.people[0].observations.agreement
    assert found.settings["look_twice"] is True
    assert np.median(agreed) > 0.8 and np.ptp(agreed) > 0.1
    np.testing.assert_array_equal(
        shot_of(arrays_of(found)).people[0].observations.agreement, agreed
    )


def test_a_file_from_before_the_second_look_says_that_there_was_one_look() -> None:
    arrays = arrays_of(shot(3))
    del arrays["person1/agreement"]
    assert np.isnan(shot_of(arrays).people[0].observations.agreement).all()


# -- what it is worth


def test_a_landmark_on_which_two_looks_differ_hardly_counts() -> None:
    seen = person(2).observations
    agreed = np.ones((2, 33))
    agreed[:, LEFT_WRIST] = 0.01
    twice = replace(seen, agreement=agreed)
    before, after = (gather_evidence(one, constants()) for one in (seen, twice))
    np.testing.assert_allclose(after.visible[:, LEFT_WRIST], 0.01 * before.visible[:, LEFT_WRIST])
    np.testing.assert_array_equal(after.visible[:, RIGHT_WRIST], before.visible[:, RIGHT_WRIST])
    assert (before.worth == 1.0).all() and (after.worth > 1.0).all()
    inputs = view_of(twice, None).inputs
    np.testing.assert_allclose(
        inputs.landmarks[:, LEFT_WRIST, 4], 0.01 * seen.keypoints[:, LEFT_WRIST, 4]
    )


def test_the_picture_pulls_harder_after_two_looks() -> None:
    start, seen = posture(4), evidence(posture(4, seed=1))
    surer = replace(seen, worth=np.full((4, 33), 10.0))
    free = Freedom(tuple(range(24)), np.full((4, 24), 0.3), np.full(4, 0.3))
    once, twice = (align(start, build(), one, free, 0.02) for one in (seen, surer))
    assert (reprojection(twice, build(), seen) < reprojection(once, build(), seen)).all()


def test_what_the_artist_moves_is_as_sure_as_two_looks() -> None:
    seen = person(2).observations
    move = {"frame": 0, "landmark": "left_wrist", "x": 10.0, "y": 20.0}
    moved = edited(seen, [move])
    assert moved.agreement[0, LEFT_WRIST] == 1.0 and np.isnan(moved.agreement[1]).all()
    swapped = edited(moved, [{"frame": 0, "swap": "arms"}])
    assert swapped.agreement[0, RIGHT_WRIST] == 1.0 and np.isnan(swapped.agreement[0, LEFT_WRIST])
