"""Keypoints corrected by hand, sides exchanged, limbs reset, favourites kept."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import FIRST_GUESS, Shot
from fhmr_blender.core.skeleton import LANDMARK_NAMES, LIMB_NAMES, LIMBS, MIRRORED_LANDMARKS
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.anchor import view_of
from fhmr_blender.pipeline.favourites import (
    apply_favourite,
    drop_favourite,
    favourites,
    keep_favourite,
)
from fhmr_blender.pipeline.keypoint_edits import check_edits, edited
from fhmr_blender.pipeline.re_estimate import re_estimate, reset, swap_sides
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.variations import variations
from tests.unit.footage_networks import shipped
from tests.unit.sitter import networks, person, shot

WRIST = LANDMARK_NAMES.index("left_wrist")


@functools.cache
def solved() -> Shot:
    """Two people of a made shot as the shipped networks see them."""
    made = shot(6, people=2, moving=True)
    for number in (1, 2):
        made = re_estimate(made, shipped(), number, [], silent)
    return made


def moved(frame: int, x: float, y: float, **more: object) -> dict[str, object]:
    return {"frame": frame, "landmark": "left_wrist", "x": x, "y": y, **more}


# -- what was observed, corrected


def test_a_moved_landmark_is_where_it_was_moved_and_surely_seen() -> None:
    seen = person(4).observations
    found = edited(seen, [moved(2, 100.0, 50.0)])
    np.testing.assert_allclose(found.keypoints[2, WRIST, [0, 1, 3, 4]], [100.0, 50.0, 1.0, 1.0])
    same = np.ones((4, 33), dtype=bool)
    same[2, WRIST] = False
    np.testing.assert_array_equal(found.keypoints[same], seen.keypoints[same])
    np.testing.assert_array_equal(found.keypoints_world[same], seen.keypoints_world[same])
    assert seen.keypoints[2, WRIST, 0] != 100.0


def test_its_own_3d_moves_as_far_as_the_picture_says() -> None:
    seen = person(4).observations
    x, y = seen.keypoints[1, WRIST, :2]
    found = edited(seen, [moved(1, x + 26.0, y)])
    # 900 pixels of focal length at 3.5 m: 26 pixels are 10 cm.
    way = found.keypoints_world[1, WRIST] - seen.keypoints_world[1, WRIST]
    np.testing.assert_allclose(way, [0.1, 0.0, 0.0], atol=0.02)


def test_over_a_range_a_landmark_is_shifted_alike() -> None:
    seen = person(5).observations
    x, y = seen.keypoints[1, WRIST, :2]
    found = edited(seen, [moved(1, x + 9.0, y - 4.0, end=4)])
    way = found.keypoints[:, WRIST, :2] - seen.keypoints[:, WRIST, :2]
    np.testing.assert_allclose(way, [[0, 0], [9, -4], [9, -4], [9, -4], [0, 0]])


def test_a_landmark_marked_wrong_is_withheld_from_the_networks() -> None:
    seen = person(3).observations
    found = edited(seen, [{"frame": 0, "end": 2, "landmark": "left_wrist", "wrong": True}])
    given = view_of(found, None).inputs.landmark_given
    assert given[:, WRIST].tolist() == [0.0, 0.0, 1.0]
    assert given.sum() == given.size - 2


def test_exchanging_both_sides_twice_changes_nothing() -> None:
    seen = person(3).observations
    swap = {"frame": 0, "end": 3, "swap": "both"}
    once, twice = edited(seen, [swap]), edited(seen, [swap, swap])
    np.testing.assert_array_equal(twice.keypoints, seen.keypoints)
    body = slice(11, 33)  # the face stays
    mirrored = seen.keypoints[:, list(MIRRORED_LANDMARKS)]
    np.testing.assert_array_equal(once.keypoints[:, body], mirrored[:, body])
    np.testing.assert_array_equal(once.keypoints[:, :11], seen.keypoints[:, :11])


def test_exchanging_legs_leaves_the_arms() -> None:
    seen = person(3).observations
    found = edited(seen, [{"frame": 1, "end": 2, "swap": "legs"}])
    changed = np.any(found.keypoints != seen.keypoints, axis=-1)
    assert changed[1, 23:].all()
    assert not changed[:, :23].any()
    assert not changed[[0, 2]].any()


def test_the_later_edit_wins() -> None:
    seen = person(2).observations
    wrong = {"frame": 0, "landmark": "left_wrist", "wrong": True}
    assert edited(seen, [moved(0, 1.0, 2.0), wrong]).keypoints[0, WRIST, 4] == 0.0
    assert edited(seen, [wrong, moved(0, 1.0, 2.0)]).keypoints[0, WRIST, 4] == 1.0


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"frame": 0, "landmark": "tail", "wrong": True}, "no keypoint 'tail'"),
        (moved(3, 1.0, 2.0, end=3), "before it starts"),
        (moved(3, float("nan"), 2.0), "nowhere"),
        ({"frame": 0, "swap": "heads"}, "cannot change sides"),
        ({"landmark": "nose", "wrong": True}, "damaged"),
        ({"frame": 0, "landmark": "nose"}, "damaged"),
        ("nonsense", "damaged"),
    ],
    ids=str,
)
def test_edits_that_say_nothing_are_refused(edit: object, said: str) -> None:
    with pytest.raises(FhmrError, match=said):
        check_edits([edit])  # type: ignore[list-item]


# -- estimated again


def wrist_pixels(of: Shot, frame: int) -> np.ndarray:
    one = of.people[0]
    return project(one.joints_cam[frame, [20]], one.observations.intrinsics[frame])[0]


def test_the_wrist_follows_its_moved_landmark_and_nobody_else_moves() -> None:
    before = solved()
    seen = before.people[0].observations.keypoints[3, :, :2]
    shoulder = LANDMARK_NAMES.index("left_shoulder")
    x, y = (float(value) for value in seen[WRIST] + 0.4 * (seen[shoulder] - seen[WRIST]))
    edits = [moved(3, x, y)]
    after = re_estimate(before, shipped(), 1, edits, silent)
    # A landmark lies within some centimetres of its joint; one is 2.6 pixels at this distance.
    np.testing.assert_allclose(wrist_pixels(after, 3), [x, y], atol=16.0)
    assert np.linalg.norm(wrist_pixels(after, 3) - wrist_pixels(before, 3)) > 30.0
    one = after.people[0]
    assert one.edits["keypoint_edits"] == edits
    np.testing.assert_array_equal(
        one.observations.keypoints, before.people[0].observations.keypoints
    )
    np.testing.assert_array_equal(after.T_world_from_cam, before.T_world_from_cam)
    np.testing.assert_array_equal(after.people[1].joints_cam, before.people[1].joints_cam)


def test_taking_every_edit_back_gives_the_first_estimate() -> None:
    before = solved()
    wrong = [{"frame": 2, "landmark": "left_wrist", "wrong": True}]
    there = re_estimate(before, shipped(), 1, wrong, silent)
    back = re_estimate(there, shipped(), 1, [], silent)
    np.testing.assert_array_equal(back.people[0].joints_cam, before.people[0].joints_cam)


def test_chosen_limbs_stay_where_no_edit_concerns_them() -> None:
    drawn = resample(
        solved(), shipped(), ResampleSettings(("left_arm", "left_leg"), guidance=0.0), silent
    )
    wrong = [{"frame": 2, "end": 4, "landmark": "left_wrist", "wrong": True}]
    after = re_estimate(drawn, shipped(), 1, wrong, silent).people[0]
    arm, leg = LIMB_NAMES.index("left_arm"), LIMB_NAMES.index("left_leg")
    assert (after.chosen[:, arm] >= 0).tolist() == [True, True, False, False, True, True]
    assert np.all(after.chosen[:, leg] >= 0)
    kept = drawn.people[0].motion_cam.rotations[:, LIMBS["left_leg"]]
    np.testing.assert_allclose(
        after.motion_cam.rotations[:, LIMBS["left_leg"]], kept, atol=1e-6
    )  # float32 in the file
    assert variations(replace(drawn, people=(after,))) != ()


def test_a_swap_is_remembered_and_a_second_one_takes_it_back() -> None:
    before = solved()
    once = swap_sides(before, shipped(), 1, "legs", 1, 4, silent)
    assert once.people[0].edits["keypoint_edits"] == [{"frame": 1, "end": 4, "swap": "legs"}]
    legs = [joint for limb in ("left_leg", "right_leg") for joint in LIMBS[limb]]
    way = np.linalg.norm(once.people[0].joints_cam - before.people[0].joints_cam, axis=-1)
    assert way[1:4, legs].max() > 0.05
    twice = swap_sides(once, shipped(), 1, "legs", 1, 4, silent)
    np.testing.assert_array_equal(twice.people[0].joints_cam, before.people[0].joints_cam)


def test_reset_brings_back_only_the_limbs_and_frames_that_are_named() -> None:
    before = solved()
    drawn = resample(
        before, shipped(), ResampleSettings(("left_arm", "head"), guidance=0.0), silent
    )
    after = reset(drawn, shipped(), 1, ("left_arm",), 2, 4, silent).people[0]
    arm = list(LIMBS["left_arm"])
    estimated, was = before.people[0].motion_cam.rotations, drawn.people[0].motion_cam.rotations
    np.testing.assert_allclose(after.motion_cam.rotations[2:4, arm], estimated[2:4, arm], atol=1e-6)
    others = np.ones((6, 24), dtype=bool)
    others[2:4, arm] = False
    np.testing.assert_array_equal(after.motion_cam.rotations[others], was[others])
    assert np.all(after.chosen[2:4, LIMB_NAMES.index("left_arm")] == FIRST_GUESS)


# -- favourites


def test_a_favourite_comes_back_to_the_bit_after_saving_and_other_draws() -> None:
    arm = ResampleSettings(("left_arm",), start=1, stop=4, guidance=0.0, seed=5, shown=2)
    drawn = resample(shot(6), networks(), arm, silent)
    kept = keep_favourite(drawn, None, "waving")
    other = resample(kept, networks(), replace(arm, seed=9, shown=0), silent)
    other = shot_file.decode(shot_file.encode(other))
    assert not np.array_equal(other.people[0].joints_cam, drawn.people[0].joints_cam)
    again = apply_favourite(other, None, 0)
    for name in ("motion_cam", "motion_world"):
        np.testing.assert_array_equal(
            getattr(again.people[0], name).rotations, getattr(drawn.people[0], name).rotations
        )
    (favourite,) = favourites(again.people[0])
    assert (favourite.name, favourite.limbs, favourite.frames) == (
        "waving", ("left_arm",), (1, 2, 3),
    )  # fmt: skip
    assert (favourite.seed, favourite.guidance, favourite.shown) == (5, 0.0, 2)
    assert favourites(drop_favourite(again, None, 0).people[0]) == ()


def test_favourites_that_are_not_there_or_damaged_are_said() -> None:
    plain = shot(3)
    with pytest.raises(FhmrError, match="No variation is shown"):
        keep_favourite(plain, None)
    with pytest.raises(FhmrError, match="no favourite 1"):
        apply_favourite(plain, None, 0)
    kept = keep_favourite(resample(plain, networks(), ResampleSettings(("head",)), silent), None)
    one = kept.people[0]
    good = one.edits["favourites"][0]
    for damage in (
        {"pose": "x"}, {"limbs": ["tail"]}, {"frames": "1"}, {"shown": 99}, {"pose": None},
    ):  # fmt: skip
        edits = {"favourites": [{**good, **damage}]}
        broken = replace(kept, people=(replace(one, edits=edits),))
        with pytest.raises(FhmrError):
            apply_favourite(broken, None, 0)
