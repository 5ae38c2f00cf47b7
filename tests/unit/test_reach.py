"""Limbs brought to where they are held: in closed form, the limb natural, the torso still."""

from __future__ import annotations

import numpy as np
import pytest

from fhmr_blender.core.rotations import (
    axis_angle_from_matrix,
    geodesic_angle,
    matrix_from_axis_angle,
)
from fhmr_blender.core.skeleton import JOINT_INDEX, LIMBS, forward_kinematics
from fhmr_blender.pipeline.holds import Hold
from fhmr_blender.pipeline.reach import reach, smoothstep
from fhmr_blender.pipeline.unmet import unmet
from tests.unit.sitter import build, posture, shot

WALK = shot(40, moving=True)
REST = build().rest_joints
ENDS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
MIDDLES = ("left_elbow", "right_elbow", "left_knee", "right_knee")


def limb_of(joint: str) -> str:
    return next(limb for limb, chain in LIMBS.items() if JOINT_INDEX[joint] in chain)


def hold(joint: str, places: np.ndarray, **more: object) -> Hold:
    count = len(places)
    told = {"onto": np.tile(np.eye(3), (count, 1, 1)), "rows": np.ones(count, bool), **more}
    return Hold(joint=JOINT_INDEX[joint], places=places, name="pin", **told)


def reached(rotations: np.ndarray, *holds: Hold) -> np.ndarray:
    seconds = np.arange(len(rotations)) / 30.0
    return reach(rotations[None], REST, holds, seconds, (None, None))[0]


def joints_of(rotations: np.ndarray) -> np.ndarray:
    return forward_kinematics(rotations, REST)[1]


def within_reach(rotations: np.ndarray, joint: str, seed: int) -> np.ndarray:
    """(n, 3) places that the limb can reach: where another bend of the same limb has the joint."""
    rng = np.random.default_rng(seed)
    other = rotations.copy()
    first, middle = LIMBS[limb_of(joint)][:2]
    other[:, first] = other[:, first] @ posture(len(rotations), seed + 50).rotations[:, 4]
    axis = 1 if "arm" in limb_of(joint) else 0
    sign = -1.0 if limb_of(joint) == "left_arm" else 1.0
    bend = np.zeros((len(rotations), 3))
    bend[:, axis] = sign * rng.uniform(0.3, 1.8, len(rotations))
    other[:, middle] = matrix_from_axis_angle(bend)
    return joints_of(other)[:, JOINT_INDEX[joint]]


# -- the solution in closed form


@pytest.mark.parametrize("joint", [*ENDS, "left_hand", "right_foot"])
def test_an_end_within_reach_is_reached(joint: str) -> None:
    rotations = posture(200, seed=3).rotations
    places = within_reach(rotations, joint, 3)
    found = joints_of(reached(rotations, hold(joint, places)))[:, JOINT_INDEX[joint]]
    np.testing.assert_allclose(found, places, atol=1e-6)


@pytest.mark.parametrize("joint", MIDDLES)
def test_an_elbow_or_knee_is_turned_to_its_place(joint: str) -> None:
    rotations = posture(50, seed=4).rotations
    places = within_reach(rotations, joint, 4)
    found = joints_of(reached(rotations, hold(joint, places)))[:, JOINT_INDEX[joint]]
    np.testing.assert_allclose(found, places, atol=1e-9)


@pytest.mark.parametrize(("middle", "end"), list(zip(MIDDLES, ENDS, strict=True)))
def test_elbow_and_wrist_are_held_together(middle: str, end: str) -> None:
    rotations = posture(80, seed=5).rotations
    rotations[:, LIMBS[limb_of(middle)][1]] = np.eye(3)
    truth = posture(80, seed=6).rotations
    truth[:, [0, 3, 6, 9, 13, 14]] = rotations[:, [0, 3, 6, 9, 13, 14]]
    axis = 1 if "arm" in limb_of(middle) else 0
    bend = np.zeros((80, 3))
    sign = -1.0 if limb_of(middle) == "left_arm" else 1.0
    bend[:, axis] = sign * np.linspace(0.2, 2.0, 80)
    truth[:, LIMBS[limb_of(middle)][1]] = matrix_from_axis_angle(bend)
    wanted = joints_of(truth)
    holds = [hold(joint, wanted[:, JOINT_INDEX[joint]]) for joint in (end, middle)]
    found = joints_of(reached(rotations, *holds))
    for joint in (middle, end):
        np.testing.assert_allclose(
            found[:, JOINT_INDEX[joint]], wanted[:, JOINT_INDEX[joint]], atol=1e-6
        )


@pytest.mark.parametrize("joint", ENDS)
def test_elbows_and_knees_never_bend_backwards(joint: str) -> None:
    rotations = posture(200, seed=7, bend=0.1).rotations
    places = within_reach(rotations, joint, 8)
    turned = reached(rotations, hold(joint, places))
    limb = limb_of(joint)
    middle = LIMBS[limb][1]
    axis = 1 if "arm" in limb else 0
    sign = -1.0 if limb == "left_arm" else 1.0
    bend = sign * axis_angle_from_matrix(turned[:, middle])[:, axis]
    assert bend.min() > np.radians(-20.0)  # the rest pose's own bend and the posture's twist


def test_only_the_held_limb_moves_and_only_in_its_frames() -> None:
    rotations = posture(6, seed=1).rotations
    rows = np.array([False, False, True, False, False, False])
    places = within_reach(rotations, "left_wrist", 1)
    seconds = np.arange(6.0)  # so slow that nothing else follows
    told = hold("left_wrist", places, rows=rows)
    turned = reach(rotations[None], REST, [told], seconds, (None, None))[0]
    arm = list(LIMBS["left_arm"])
    others = [joint for joint in range(24) if joint not in arm]
    np.testing.assert_array_equal(turned[:, others], rotations[:, others])
    np.testing.assert_array_equal(turned[~rows], rotations[~rows])
    assert not np.array_equal(turned[rows], rotations[rows])


def test_the_weight_says_how_much_of_the_way_a_limb_goes() -> None:
    rotations = posture(20, seed=2).rotations
    joints = joints_of(rotations)
    start = joints[:, JOINT_INDEX["left_wrist"]]
    places = start + 0.3 * (joints[:, JOINT_INDEX["left_shoulder"]] - start)
    half = joints_of(reached(rotations, hold("left_wrist", places, weight=0.5)))
    there = half[:, JOINT_INDEX["left_wrist"]]
    middle = 0.5 * (start + places)
    np.testing.assert_allclose(there, middle, atol=1e-6)


def test_frames_beside_a_held_one_follow_smoothly_and_fade() -> None:
    rotations = np.repeat(posture(1, seed=2).rotations, 41, axis=0)
    rows = np.arange(41) == 20
    place = joints_of(rotations)[:, JOINT_INDEX["right_wrist"]] + np.array([0.1, -0.1, 0.05])
    turned = reached(rotations, hold("right_wrist", place, rows=rows))
    way = np.linalg.norm(joints_of(turned) - joints_of(rotations), axis=-1)[:, 21]
    assert way[20] == way.max()
    assert np.all(np.diff(way[20:30]) <= 1e-9)
    np.testing.assert_array_equal(turned[:11], rotations[:11])  # more than 0.3 s away
    assert np.abs(np.diff(way, 2)).max() < 0.25 * way[20]


def test_two_held_frames_share_what_lies_between_them() -> None:
    rotations = np.repeat(posture(1, seed=2).rotations, 12, axis=0)
    rows = np.isin(np.arange(12), (3, 9))
    place = joints_of(rotations)[:, JOINT_INDEX["right_wrist"]] + np.array([0.08, -0.08, 0.05])
    turned = joints_of(reached(rotations, hold("right_wrist", place, rows=rows)))
    # Both ask for the same place, so the frames between them are there, too.
    np.testing.assert_allclose(turned[3:10, 21], place[3:10], atol=1e-6)


def test_the_fade_is_at_rest_at_both_ends() -> None:
    x = np.linspace(0.0, 1.0, 1001)
    y = smoothstep(x)
    assert (y[0], y[-1]) == (0.0, 1.0)
    for end in (y[:3], y[-3:]):
        assert abs(np.diff(end, 2)).max() < 1e-5


# -- the face


def test_the_face_turns_to_its_place() -> None:
    rotations = posture(60, seed=9).rotations
    outer, joints = forward_kinematics(rotations, REST)
    front = outer[:, 9, :, 2] + 0.5 * outer[:, 9, :, 0]
    places = joints[:, 15] + 2.0 * front
    turned = reached(rotations, hold("head", places, looks=True))
    outer, joints = forward_kinematics(turned, REST)
    way = places - joints[:, 15]
    cosine = np.sum(outer[:, 15, :, 2] * way, axis=-1) / np.linalg.norm(way, axis=-1)
    assert np.degrees(np.arccos(cosine)).max() < 5.0  # the head itself moves a little as it turns
    shares = [geodesic_angle(rotations[:, joint], turned[:, joint]) for joint in (12, 15)]
    assert shares[0].mean() > 0.3 * shares[1].mean()  # the neck takes part


def test_a_head_does_not_look_behind_itself_and_says_so() -> None:
    rotations = posture(3, seed=9).rotations
    outer, joints = forward_kinematics(rotations, REST)
    told = hold("head", joints[:, 15] - 2.0 * outer[:, 9, :, 2], looks=True)
    turned = reached(rotations, told)
    outer, _ = forward_kinematics(turned, REST)
    cosine = np.sum(outer[:, 15, :, 2] * outer[:, 9, :, 2], axis=-1)
    assert np.degrees(np.arccos(cosine)).max() < 96.0
    (said,) = unmet(turned, REST, [told], np.arange(3))
    assert "cannot turn" in said.sentence
