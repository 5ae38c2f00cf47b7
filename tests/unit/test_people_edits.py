"""Who is who, mended by hand: only what was mended changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Person, Shot
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.people_edits import (
    add_boxed,
    drop,
    merge,
    portrait,
    presence,
    split,
)
from fhmr_blender.pipeline.weights import Networks
from tests.unit import painted_people, sitter
from tests.unit.painted_people import PaintedFootage

COUNT = 24


def anchor_network(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Everybody stands upright, four heights away."""
    batch, count = inputs["box"].shape[:2]
    eye = np.eye(3, dtype=np.float32)
    return {
        "rotations": np.tile(eye, (batch, count, 6, 1, 1)),
        "translation": np.tile(np.array([0, 0, 1.4], np.float32), (batch, count, 1)),
        "betas": np.zeros((batch, 10), np.float32),
        "log_variance": np.full((batch, count, 8), -4.0, np.float32),
        "first_guess": np.tile(eye, (batch, count, 18, 1, 1)),
    }


@pytest.fixture
def networks() -> Networks:
    return replace(painted_people.networks(), anchor=anchor_network)


def seen_between(person: Person, start: int, stop: int) -> Person:
    """The person's stored rows of some frames."""
    keep = slice(start, stop)
    seen = person.observations
    observations = replace(seen, **{name: array[keep] for name, array in vars(seen).items()})
    anchor = replace(
        person.anchor,
        **{
            name: array if name == "betas" else array[keep]
            for name, array in vars(person.anchor).items()
        },
    )
    samples = replace(
        person.samples,
        frames=person.samples.frames[keep],
        rotations6d=person.samples.rotations6d[:, keep],
        scores=person.samples.scores[:, keep],
    )
    return replace(
        person,
        observations=observations,
        anchor=anchor,
        samples=samples,
        sample_count=person.sample_count[keep],
        chosen=person.chosen[keep],
        motion_cam=_cut(person.motion_cam, keep),
        motion_world=_cut(person.motion_world, keep),
        joints_cam=person.joints_cam[keep],
        contacts=person.contacts[keep],
    )


def _cut(motion: object, keep: slice) -> object:
    return replace(motion, rotations=motion.rotations[keep], transl=motion.transl[keep])


@pytest.fixture
def shot() -> Shot:
    """Person 1 over the first half, person 2 over the second, 3 over all."""
    made = sitter.shot(COUNT, people=3)
    first, second, third = made.people
    people = (seen_between(first, 0, 10), seen_between(second, 14, COUNT), third)
    return shot_file.stored(replace(made, people=people))


def content(shot: Shot, person: int) -> dict[str, bytes]:
    from fhmr_blender.core.shot_layout import arrays_of

    prefix = f"person{person}/"
    return {
        name: array.tobytes() for name, array in arrays_of(shot).items() if name.startswith(prefix)
    }


def ids(shot: Shot) -> list[int]:
    return [person.id for person in shot.people]


def test_dropping_somebody_leaves_the_others_to_the_bit(shot: Shot) -> None:
    left = drop(shot, 2)
    assert ids(left) == [1, 3]
    assert content(left, 1) == content(shot, 1) and content(left, 3) == content(shot, 3)
    assert set(left.settings["body"]) == {"1", "3"}
    np.testing.assert_array_equal(left.T_world_from_cam, shot.T_world_from_cam)


def test_the_last_person_cannot_be_dropped(shot: Shot) -> None:
    with pytest.raises(FhmrError, match="Nobody would be left"):
        drop(drop(drop(shot, 1), 2), 3)
    with pytest.raises(FhmrError, match="no person 9"):
        drop(shot, 9)


def test_two_tracks_merge_into_one_and_the_short_gap_is_bridged(
    shot: Shot, networks: Networks
) -> None:
    merged = merge(shot, 1, 2, networks, silent)
    assert ids(merged) == [1, 3]
    seen = merged.people[0].observations
    assert seen.frames.tolist() == list(range(COUNT))
    assert seen.frames[seen.track_confidence == 0.0].tolist() == [10, 11, 12, 13]
    for before in shot.people[:2]:
        rows = np.searchsorted(seen.frames, before.observations.frames)
        np.testing.assert_array_equal(seen.keypoints[rows], before.observations.keypoints)
        np.testing.assert_array_equal(seen.seconds[rows], before.observations.seconds)
    assert content(merged, 3) == content(shot, 3)
    assert presence(merged, 1).sum() == COUNT - 4
    assert merged.people[0].motion_world.rotations.shape == (COUNT, 24, 3, 3)


def test_where_both_were_seen_the_surer_sight_counts(shot: Shot, networks: Networks) -> None:
    third = shot.people[2]
    sure = third.observations.track_confidence.copy()
    sure[:5], sure[5:] = 0.2, 0.95
    unsure = replace(third, observations=replace(third.observations, track_confidence=sure))
    shot = replace(shot, people=(*shot.people[:2], unsure))
    (merged, _) = merge(shot, 1, 3, networks, silent).people
    first = shot.people[0].observations
    np.testing.assert_array_equal(merged.observations.keypoints[:5], first.keypoints[:5])
    expected = unsure.observations.keypoints[5:]
    np.testing.assert_array_equal(merged.observations.keypoints[5:], expected)


def test_somebody_cannot_be_merged_with_himself(shot: Shot, networks: Networks) -> None:
    with pytest.raises(FhmrError, match="with itself"):
        merge(shot, 1, 1, networks, silent)


def test_splitting_gives_the_later_part_a_new_id(shot: Shot, networks: Networks) -> None:
    halves = split(shot, 3, 9, networks, silent)
    assert ids(halves) == [1, 2, 3, 4]
    assert halves.people[2].observations.frames.tolist() == list(range(9))
    assert halves.people[3].observations.frames.tolist() == list(range(9, COUNT))
    assert halves.settings["body"]["4"] == halves.settings["body"]["3"]
    assert content(halves, 1) == content(shot, 1)
    together = merge(halves, 3, 4, networks, silent)
    np.testing.assert_array_equal(
        together.people[2].observations.keypoints, shot.people[2].observations.keypoints
    )


@pytest.mark.parametrize("frame", [0, COUNT, 500])
def test_a_split_needs_both_sides(frame: int, shot: Shot, networks: Networks) -> None:
    with pytest.raises(FhmrError, match="not seen on both sides"):
        split(shot, 3, frame, networks, silent)


# -- a box drawn by hand


def painted() -> PaintedFootage:
    """Two people on the pictures of a shot; the detector misses the green one."""

    def paint(number: int) -> dict[str, tuple[float, float]]:
        people = {"red": (150.0 + 4 * number, 300.0)}
        if 3 <= number < 20:
            people["green"] = (420.0 - 2 * number, 350.0)
        return people

    return PaintedFootage(paint, COUNT, size=sitter.SIZE, box=(70, 210))


def test_a_box_by_hand_is_followed_both_ways_until_nobody_is_there(
    shot: Shot, networks: Networks
) -> None:
    blind = replace(networks, person_detector=painted_people.networks(
        unseen=("red", "green")
    ).person_detector)  # fmt: skip
    box = (390 - 35, 350 - 105, 390 + 35, 350 + 105)
    added = add_boxed(shot, painted(), 20 - 5, box, blind, silent)
    assert ids(added) == [1, 2, 3, 4]
    new = added.people[3].observations
    assert new.frames.tolist() == list(range(3, 20))
    middle = (new.bbox[:, 0] + new.bbox[:, 2]) / 2
    np.testing.assert_allclose(middle, 420 - 2 * new.frames, atol=8)
    for person in (1, 2, 3):
        assert content(added, person) == content(shot, person)
    shown = portrait(painted(), added.people[3], 64)
    assert shown.shape == (64, 64, 3) and shown.dtype == np.uint8
    green = np.array(painted_people.COLOURS["green"][0])
    assert (np.abs(shown.astype(int) - green).max(axis=-1) < 12).mean() > 0.05


def test_a_box_over_somebody_known_is_refused(shot: Shot, networks: Networks) -> None:
    box = (390 - 35, 350 - 105, 390 + 35, 350 + 105)
    added = add_boxed(shot, painted(), 15, box, networks, silent)
    with pytest.raises(FhmrError, match="followed already"):
        add_boxed(added, painted(), 15, box, networks, silent)


@pytest.mark.parametrize(
    ("frame", "box", "said"),
    [
        (99, (0, 0, 50, 50), "not in the shot"),
        (3, (900, 0, 990, 50), "outside the picture"),
        (3, (50, 50, 20, 20), "outside the picture"),
        (3, (float("nan"), 0, 50, 50), "outside the picture"),
    ],
    ids=str,
)
def test_a_useless_box_is_refused(
    frame: int, box: tuple[float, ...], said: str, shot: Shot, networks: Networks
) -> None:
    with pytest.raises(FhmrError, match=said):
        add_boxed(shot, painted(), frame, box, networks, silent)
