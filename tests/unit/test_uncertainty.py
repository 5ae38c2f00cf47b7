"""Where the artist should look next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import LimbSamples, Person
from fhmr_blender.core.rotations import matrix_from_axis_angle, sixd_from_matrix
from fhmr_blender.core.skeleton import LIMB_JOINTS, LIMB_NAMES, LIMB_OF_LIMB_JOINT, TORSO_JOINTS
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.uncertainty import (
    decided,
    joint_spread,
    next_uncertain,
    spread,
    spread_of,
    uncertain_places,
    uncertainty,
    with_decided,
)
from fhmr_blender.pipeline.variations import keep_variation, show_variation
from tests.unit.sitter import build, networks, person, shot

REST = build().rest_joints
ARM, LEG = LIMB_NAMES.index("left_arm"), LIMB_NAMES.index("right_leg")


def unsure(count: int = 90) -> Person:
    """Samples agree but for the left arm around frame 20 and the right leg around frame 70."""
    rng = np.random.default_rng(0)
    turns = np.zeros((6, count, 18, 3))
    for limb, frame, size in ((ARM, 20, 0.5), (LEG, 70, 0.1)):
        near = np.exp(-0.5 * ((np.arange(count) - frame) / 4.0) ** 2)[:, None, None]
        joints = np.flatnonzero(limb == LIMB_OF_LIMB_JOINT)
        turns[:, :, joints] = near * rng.normal(0.0, size, (6, 1, len(joints), 3))
    one = person(count)
    rotations = one.motion_cam.rotations[:, LIMB_JOINTS] @ matrix_from_axis_angle(turns)
    samples = LimbSamples(np.arange(count), sixd_from_matrix(rotations), np.zeros((6, count, 5)))
    return replace(one, samples=samples)


def test_spread_is_the_root_mean_square_distance_from_the_mean() -> None:
    joints = np.zeros((2, 1, 3))
    joints[0, 0, 0], joints[1, 0, 0] = 0.3, -0.3
    np.testing.assert_allclose(spread_of(joints), [0.3])


def test_the_worst_places_come_first_and_one_at_a_time() -> None:
    places = uncertain_places(unsure(), REST)
    assert [place.limb for place in places[:2]] == ["left_arm", "right_leg"]
    np.testing.assert_allclose([place.frame for place in places[:2]], [20, 70], atol=2)
    worst = [place.uncertainty for place in places]
    assert worst == sorted(worst, reverse=True)
    assert 0.0 < worst[-1] < worst[0] < 1.0


def test_next_uncertain_goes_on_and_round_again() -> None:
    one = unsure()
    places = uncertain_places(one, REST)
    assert next_uncertain(one, REST) == places[0]
    assert next_uncertain(one, REST, (places[0].frame, "left_arm")) == places[1]
    last = (places[-1].frame, places[-1].limb)
    assert next_uncertain(one, REST, last) == places[0]
    assert next_uncertain(one, REST, (3, "head")) == places[0]


def test_what_the_artist_has_decided_is_certain() -> None:
    one = replace(unsure(), chosen=np.zeros((90, 5), dtype=int))
    content = with_decided(one, np.arange(40), np.array([ARM]), content=True)
    assert np.all(uncertainty(content, REST)[:40, ARM] == 0.0)
    place = next_uncertain(content, REST)
    assert place is not None
    assert place.limb == "right_leg"
    whole = with_decided(one, np.arange(90), np.arange(5), content=True)
    assert next_uncertain(whole, REST) is None


def test_a_draw_is_no_decision_keeping_is_and_a_new_draw_opens_it_again() -> None:
    wanted = ResampleSettings(("left_arm",), start=1, stop=3)
    drawn = resample(shot(6), networks(), wanted, silent)
    assert not decided(drawn.people[0]).any()
    kept = shot_file.decode(shot_file.encode(keep_variation(drawn)))
    assert np.argwhere(decided(kept.people[0])).tolist() == [[1, ARM], [2, ARM]]
    assert not decided(show_variation(drawn, None, 2).people[0]).any()
    again = resample(kept, networks(), replace(wanted, stop=2, seed=4), silent)
    assert np.argwhere(decided(again.people[0])).tolist() == [[2, ARM]]
    with pytest.raises(FhmrError, match="No variation"):
        keep_variation(shot(3))


def test_the_mesh_is_coloured_where_joints_spread_and_never_on_the_torso() -> None:
    metres = joint_spread(unsure(), REST)
    assert np.all(metres[:, TORSO_JOINTS] == 0.0)
    assert metres[20, 20] > metres[20, 18] > 0.0  # wrist over elbow
    assert metres[20, 20] > 20 * metres[80, 20]


def test_a_resampling_keeps_the_spread_of_all_other_frames_and_limbs() -> None:
    before = shot(6)
    old = spread(before.people[0], REST).joints
    wanted = ResampleSettings(("left_arm",), start=1, stop=3)
    after = resample(before, networks(), wanted, silent)
    for again in (after, shot_file.decode(shot_file.encode(after))):
        new = spread(again.people[0], REST).joints
        changed = ~np.isclose(new, old, atol=1e-6)
        arm = LIMB_OF_LIMB_JOINT == ARM
        assert not changed[:, ~arm].any()
        assert changed[1:3, arm].any()
        assert not changed[[0, 3, 4, 5]].any()


def test_a_person_without_samples_is_certain() -> None:
    one = person(3)
    none = LimbSamples(np.zeros(0, int), np.zeros((0, 0, 18, 6)), np.zeros((0, 0, 5)))
    assert not uncertainty(replace(one, samples=none), REST).any()
