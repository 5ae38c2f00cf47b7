"""Motion on a skeleton of other proportions, in another rest pose, with other bone axes."""

from __future__ import annotations

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.frames import BODY_TO_WORLD
from fhmr_blender.core.motion import Motion
from fhmr_blender.core.retargeting import (
    HEEL,
    RETARGETED,
    TIP,
    Carried,
    Rest,
    carry,
    local_rotations,
    rest_turns,
    source_rest,
)
from fhmr_blender.core.rotations import geodesic_angle, matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX, PARENTS, forward_kinematics
from tests.unit.sitter import build

REST = build().rest_joints
FLOOR = float(REST[:, 1].min()) - 0.03
SOURCE = source_rest(REST, FLOOR)
LIMBS = [
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
    )
]


def other(growth: float = 1.3, arms: float = 0.8, legs: float = 0.1, shin: float = 1.1) -> Rest:
    """A taller skeleton whose arms hang and whose legs are apart; bones with axes of their own."""
    rng = np.random.default_rng(7)
    turned = np.broadcast_to(np.eye(3), (1, 24, 3, 3)).copy()
    for sign, side in ((1, "left"), (-1, "right")):
        turned[0, JOINT_INDEX[f"{side}_shoulder"]] = rotation_about(2, -sign * arms)
        turned[0, JOINT_INDEX[f"{side}_hip"]] = rotation_about(2, sign * legs)
        turned[0, JOINT_INDEX[f"{side}_ankle"]] = rotation_about(2, -sign * legs)
    long = REST.copy()
    for side in ("left", "right"):  # a longer shin, the foot with it
        knee, ankle = REST[JOINT_INDEX[f"{side}_knee"]], REST[JOINT_INDEX[f"{side}_ankle"]]
        for joint in (f"{side}_ankle", f"{side}_foot"):
            long[JOINT_INDEX[joint]] += (shin - 1.0) * (ankle - knee)
    _, joints = forward_kinematics(turned, growth * long)
    order = [JOINT_INDEX[name] for name in RETARGETED]
    floor = float(joints[0, :, 1].min()) - 0.03 * growth
    axes = matrix_from_axis_angle(rng.normal(size=(len(order), 3)))
    return Rest(RETARGETED, axes, joints[0, order], floor)


def walking(frames: int = 60) -> Motion:
    """Somebody who bends and swings while travelling 3 m to the left."""
    rng = np.random.default_rng(8)
    time = np.arange(frames)[:, None, None] / 10.0
    turns = matrix_from_axis_angle(0.5 * np.sin(time + rng.uniform(0, 6, size=(24, 3))))
    turns[:, 0] = BODY_TO_WORLD @ rotation_about(1, 0.3 * np.sin(time[:, 0, 0]))
    transl = np.stack((time[:, 0, 0] / 2, 0 * time[:, 0, 0], 1 + 0 * time[:, 0, 0]), axis=-1)
    return Motion(turns, transl, np.zeros(10))


def places(carried: Carried, target: Rest) -> dict[str, Floats]:
    """Where the target's joints come to stand, (N, 3) each, its bones chained."""
    found: dict[str, Floats] = {"pelvis": carried.root}
    for name in target.joints[1:]:
        parent = "pelvis"
        ancestor = PARENTS[JOINT_INDEX[name]]
        while ancestor > 0:
            candidate = next(n for n, i in JOINT_INDEX.items() if i == ancestor)
            if candidate in target.joints:
                parent = candidate
                break
            ancestor = PARENTS[ancestor]
        index = target.joints.index(parent)
        offset = target.rotations[index].T @ (target.head(name) - target.head(parent))
        found[name] = found[parent] + (carried.rotations[:, index] @ offset[:, None])[..., 0]
    return found


def source_places(motion: Motion) -> Floats:
    _, joints = forward_kinematics(motion.rotations, REST)
    return joints + (motion.transl + REST[0])[:, None]


def direction(start: Floats, end: Floats) -> Floats:
    way = end - start
    return way / np.linalg.norm(way, axis=-1, keepdims=True)


@pytest.mark.parametrize("legs", [0.0, 0.1])
def test_limbs_point_where_the_sources_do(legs: float) -> None:
    target, motion = other(legs=legs), walking()
    found, joints = places(carry(motion, SOURCE, target), target), source_places(motion)
    for start, end in LIMBS:
        wanted = direction(joints[:, JOINT_INDEX[start]], joints[:, JOINT_INDEX[end]])
        angle = np.arccos(np.clip(np.sum(wanted * direction(found[start], found[end]), -1), -1, 1))
        assert np.degrees(angle.max()) < 0.01


def test_the_same_skeleton_moves_the_same() -> None:
    motion = walking()
    carried = carry(motion, SOURCE, SOURCE)
    outer, joints = forward_kinematics(motion.rotations, REST)
    np.testing.assert_allclose(carried.rotations, outer, atol=1e-12)
    np.testing.assert_allclose(carried.root, motion.transl + REST[0], atol=1e-12)
    assert joints.shape == (60, 24, 3)


def _soles(points: dict[str, Floats], turns: dict[str, Floats], rest: Rest) -> Floats:
    """(N,) the lowest point of the soles."""
    low = []
    for side in ("left", "right"):
        ankle, ball = f"{side}_ankle", f"{side}_foot"
        along = (rest.head(ball) - rest.head(ankle)) * np.array([1.0, 0.0, 1.0])
        for name, reach in ((ankle, 0.0), (ankle, -HEEL), (ball, 0.0), (ball, TIP)):
            down = np.array([0.0, rest.floor - rest.head(name)[1], 0.0]) + reach * along
            low.append(points[name][:, 2] + (turns[name] @ down)[:, 2])
    return np.min(low, axis=0)


def test_soles_are_on_the_floor_when_the_sources_are() -> None:
    target, motion = other(), walking()
    carried = carry(motion, SOURCE, target)
    turns = {
        name: carried.rotations[:, index] @ target.rotations[index].T
        for index, name in enumerate(target.joints)
    }
    outer, _ = forward_kinematics(motion.rotations, REST)
    joints = source_places(motion)
    low = _soles(
        {name: joints[:, index] for name, index in JOINT_INDEX.items()},
        {name: outer[:, index] for name, index in JOINT_INDEX.items()},
        SOURCE,
    )
    growth = target.leg_length / SOURCE.leg_length
    found = _soles(places(carried, target), turns, target)
    np.testing.assert_allclose(found, growth * low, atol=1e-9)


def test_the_way_grows_with_the_legs_or_stays() -> None:
    target, motion = other(growth=1.5, shin=1.0), walking()
    own = carry(motion, SOURCE, SOURCE).root
    grown = carry(motion, SOURCE, target).root
    same = carry(motion, SOURCE, target, scaled=False).root
    centre = source_places(motion)[0, 1:3].mean(axis=0)
    offset = 0.5 * 1.5 * np.linalg.norm(REST[0] - 0.5 * (REST[1] + REST[2]))
    np.testing.assert_allclose(grown[0, :2], own[0, :2], atol=offset)
    np.testing.assert_allclose(grown[-1, 0] - centre[0], 1.5 * (own[-1, 0] - centre[0]), atol=0.05)
    np.testing.assert_allclose(same[-1, 0] - same[0, 0], own[-1, 0] - own[0, 0], atol=0.02)


def test_flat_feet_stay_flat_whatever_shape_the_foot_has() -> None:
    target = other(legs=0.0)
    high = target.heads.copy()
    for name in ("left_ankle", "right_ankle"):
        high[target.joints.index(name), 1] += 0.08  # a heel
    turns = rest_turns(SOURCE, Rest(target.joints, target.rotations, high, target.floor))
    for name in ("left_ankle", "left_foot", "right_ankle"):
        np.testing.assert_allclose(turns[target.joints.index(name), 1], [0, 1, 0], atol=1e-12)


def test_bones_that_are_missing_are_bridged() -> None:
    full, motion = other(), walking()
    kept = [
        index
        for index, name in enumerate(full.joints)
        if name not in ("spine2", "left_collar", "right_collar", "neck", "left_foot", "right_foot")
    ]
    names = tuple(full.joints[index] for index in kept)
    less = Rest(names, full.rotations[kept], full.heads[kept], full.floor)
    carried = carry(motion, SOURCE, less)
    elbow = names.index("left_elbow")
    expected = carry(motion, SOURCE, full).rotations[:, full.joints.index("left_elbow")]
    np.testing.assert_allclose(carried.rotations[:, elbow], expected, atol=1e-12)


def test_local_rotations_chain_back() -> None:
    rng = np.random.default_rng(9)
    rotations = matrix_from_axis_angle(rng.normal(size=(5, 4, 3)))
    between = matrix_from_axis_angle(rng.normal(size=(4, 3)))
    parents = np.array([-1, 0, 1, 0])
    local = local_rotations(rotations, parents, between)
    again = np.empty_like(rotations)
    for bone, parent in enumerate(parents):
        zero = between[bone] if parent < 0 else again[:, parent] @ between[bone]
        again[:, bone] = zero @ local[:, bone]
    assert geodesic_angle(again, rotations).max() < 1e-7
