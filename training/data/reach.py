"""A hand brought to a place by its elbow and shoulder, nothing else moved."""

from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import (
    matrix_from_axis_angle,
    quaternion_from_matrix,
    shortest_arc,
)
from fhmr_blender.core.skeleton import (
    JOINT_INDEX,
    LIMBS,
    MIRRORED_JOINTS,
    PARENTS,
)

from .limits import JointLimits
from .posed import Posed

_NEVER_STRAIGHTER = 0.015  # metres that a reaching hand stays within the arm's length
_FLEXION = {"left_arm": np.array([0.0, -1.0, 0.0]), "right_arm": np.array([0.0, 1.0, 0.0])}
_FLEXION_SHARE = 1.0  # of the anatomical bending plane in the present one; decides straight arms
# Turns of the elbow about the line from shoulder to hand that may be tried, radians.
SWIVELS = np.array([0.0, 0.4, -0.4, 0.8, -0.8, 1.3, -1.3])


@dataclass(frozen=True, eq=False)
class Target:
    """A place that goes along with a joint."""

    joint: int
    offset: Floats  # (3,) metres in the joint's frame


# Joints of the body and boxes (centre, half edges) in their frames, metres on the neutral body;
# for the left hand, `other` sides first. The hand's own thickness is left to the clearance.
_PLACES: dict[str, tuple[str, tuple[float, float, float], tuple[float, float, float]]] = {
    "head": ("head", (0.0, 0.17, 0.0), (0.12, 0.06, 0.1)),
    "face": ("head", (0.0, 0.06, 0.17), (0.08, 0.07, 0.03)),
    "neck": ("neck", (0.0, 0.03, -0.1), (0.08, 0.04, 0.02)),
    "chest": ("spine3", (0.0, 0.06, 0.21), (0.14, 0.08, 0.03)),
    "belly": ("spine1", (0.0, 0.0, 0.22), (0.12, 0.08, 0.03)),
    "back": ("spine1", (0.0, 0.0, -0.22), (0.12, 0.1, 0.03)),
    "hip": ("pelvis", (0.19, 0.02, 0.0), (0.03, 0.06, 0.06)),
    "thigh": ("left_hip", (0.02, -0.2, 0.13), (0.04, 0.15, 0.03)),
    "other thigh": ("right_hip", (0.0, -0.2, 0.13), (0.04, 0.15, 0.03)),
    "knee": ("left_knee", (0.0, 0.0, 0.11), (0.05, 0.05, 0.03)),
    "other knee": ("right_knee", (0.0, 0.0, 0.11), (0.05, 0.05, 0.03)),
    "ankle": ("left_ankle", (0.0, 0.05, 0.1), (0.05, 0.06, 0.03)),
    "other ankle": ("right_ankle", (0.0, 0.05, 0.1), (0.05, 0.06, 0.03)),
    "other shoulder": ("right_shoulder", (-0.02, 0.05, 0.08), (0.05, 0.04, 0.04)),
    "other elbow": ("right_elbow", (0.0, 0.0, 0.1), (0.06, 0.02, 0.02)),
    "other hand": ("right_hand", (0.0, 0.02, 0.03), (0.02, 0.07, 0.07)),
}
PLACES = tuple(_PLACES)


def target(rng: np.random.Generator, place: str, arm: str) -> Target:
    """A point of one of `PLACES` for a hand."""
    name, centre, half = _PLACES[place]
    offset = np.array(centre) + rng.uniform(-1, 1, 3) * np.array(half)
    joint = JOINT_INDEX[name]
    if arm == "right_arm":
        joint, offset = MIRRORED_JOINTS[joint], offset * np.array([-1.0, 1.0, 1.0])
    return Target(joint=joint, offset=offset)


def target_points(pose: Posed, goal: Target) -> Floats:
    """Where a target is, (T, 3) relative to the pelvis, outer axes, metres."""
    return pose.joints[:, goal.joint] + pose.outer[:, goal.joint] @ goal.offset


def reachable(pose: Posed, arm: str, points: Floats) -> bool:
    """Whether an arm is long enough for points (T, 3) at all times, at full stretch."""
    shoulder, elbow, _, hand = LIMBS[arm]
    upper = np.linalg.norm(pose.rest_joints[elbow] - pose.rest_joints[shoulder])
    fore = np.linalg.norm(pose.rest_joints[hand] - pose.rest_joints[elbow])
    away = np.linalg.norm(points - pose.joints[:, shoulder], axis=1)
    return bool(away.max() < upper + fore - _NEVER_STRAIGHTER)


def reach(
    pose: Posed,
    arm: str,
    points: Floats,
    weight: Floats,
    limits: JointLimits,
    swivels: Floats = SWIVELS,
) -> Posed | None:
    """Bring a hand to moving points.

    Args:
        pose: The body.
        arm: "left_arm" or "right_arm".
        points: (T, 3) relative to the pelvis, outer axes, for the hand's joint.
        weight: (T,) 0 where the hand stays, 1 where it is at its point.
        limits: Which turns of shoulder and elbow are possible.
        swivels: (K,) radians about the line from shoulder to hand; the first possible one is taken.

    Returns:
        The body with another shoulder and elbow, or None where the arm is too short or no elbow
        place is possible.
    """
    shoulder, elbow, _, hand = LIMBS[arm]
    outer, joints = pose.outer, pose.joints
    at_shoulder, at_elbow, at_hand = joints[:, shoulder], joints[:, elbow], joints[:, hand]
    upper, fore = at_elbow - at_shoulder, at_hand - at_elbow
    upper_length, fore_length = np.linalg.norm(upper, axis=1), np.linalg.norm(fore, axis=1)
    wanted = at_hand + weight[:, None] * (points - at_hand)
    away = np.linalg.norm(wanted - at_shoulder, axis=1)
    longest = upper_length + fore_length - _NEVER_STRAIGHTER * weight
    if (away > longest + 1e-6).any() or (away < np.abs(upper_length - fore_length) + 0.05).any():
        return None
    cosine = (away**2 - upper_length**2 - fore_length**2) / (2 * upper_length * fore_length)
    bend = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None]
    straight = upper / upper_length[:, None]
    inwards = np.cross(outer[:, shoulder] @ _FLEXION[arm], straight)
    aside = fore / fore_length[:, None] + _FLEXION_SHARE * weight[:, None] * inwards
    aside = aside - np.sum(aside * straight, axis=1, keepdims=True) * straight
    aside = aside / np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    direction = np.cos(bend) * straight + np.sin(bend) * aside
    fold = shortest_arc(fore, direction)  # (T, 3, 3)
    turned = quaternion_from_matrix(
        np.swapaxes(outer[:, shoulder], -1, -2) @ fold @ outer[:, elbow]
    )
    if not limits.within(turned[:, None], (elbow,)).all():
        return None
    folded = upper + fore_length[:, None] * direction
    swing = shortest_arc(folded, wanted - at_shoulder)
    line = (wanted - at_shoulder) / away[:, None]
    turns = matrix_from_axis_angle(swivels[:, None, None] * weight[:, None] * line)  # (K, T, 3, 3)
    parent = np.swapaxes(outer[:, PARENTS[shoulder]], -1, -2)
    shoulders = quaternion_from_matrix(parent @ turns @ swing @ outer[:, shoulder])
    possible = limits.within(shoulders[:, :, None], (shoulder,)).all(axis=1)
    if not possible.any():
        return None
    quaternions = pose.quaternions[:, LIMBS[arm]].copy()
    quaternions[:, 0] = shoulders[int(np.argmax(possible))]
    quaternions[:, 1] = turned
    return pose.limb_turned(arm, quaternions)
