"""What a body can do, measured on recordings: how far each joint turns, how near its parts come.

A joint's turns are remembered as the occupied cells of a grid over axis-angle space, so that its
axes limit each other; bones are capsules whose least distances are those of real motion.
"""

import numpy as np
from scipy.ndimage import binary_closing, binary_dilation

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import (
    JOINT_NAMES,
    LIMBS,
    MIRRORED_JOINTS,
    forward_kinematics,
)

CELL = (
    0.15  # radians an edge; a guess: 9 degrees, between noise and what a joint's limit is known to
)
_CELLS = 42  # an axis; 42 * 0.15 > 2 pi
_CLOSING = 2  # cells that a gap between recorded turns may be wide
_DISTANCE_FRAMES = 8000  # on which the parts' distances are measured
_NEAR_SHARE = 0.001  # of recorded frames are nearer than what is allowed
_SLACK = 0.01  # metres; recordings were made with other bodies

# Ends (joints), metres beyond the second one, radius: median distance of the neutral body's skin.
_TORSO = (
    ("pelvis", "spine2", 0.0, 0.13),
    ("spine2", "neck", 0.0, 0.11),
    ("left_hip", "right_hip", 0.0, 0.11),
)
_HEAD = (("neck", "head", 0.12, 0.08),)
_ARM = (
    ("shoulder", "elbow", 0.0, 0.045),
    ("elbow", "wrist", 0.0, 0.033),
    ("wrist", "hand", 0.08, 0.03),
)
_LEG = (("hip", "knee", 0.0, 0.08), ("knee", "ankle", 0.0, 0.048), ("ankle", "foot", 0.04, 0.032))


class JointLimits:
    """Which turns of each joint recordings hold.

    Args:
        poses: (M, 24, 3) recorded axis-angle; seen in the mirror, too, they limit both sides alike.
    """

    def __init__(self, poses: Floats) -> None:
        both = np.concatenate((poses, _reflected(poses)))
        self._possible = np.zeros((24, _CELLS, _CELLS, _CELLS), dtype=bool)
        self._recorded: list[Indices] = []
        for joint in range(24):
            cells = np.ravel_multi_index(tuple(_cells(both[:, joint]).T), (_CELLS,) * 3)
            seen = np.bincount(cells, minlength=_CELLS**3) > 0
            closed = binary_closing(seen.reshape((_CELLS,) * 3), iterations=_CLOSING)
            self._possible[joint] = binary_dilation(closed | seen.reshape(closed.shape))
            self._recorded.append(np.flatnonzero(seen))

    def within(self, quaternions: Floats, joints: tuple[int, ...]) -> Bools:
        """(..., J, 4) parent-relative turns of `joints` -> (...) whether all are possible."""
        cells = np.moveaxis(_cells(_axis_angle(quaternions)), -1, 0)
        return self._possible[np.array(joints), cells[0], cells[1], cells[2]].all(axis=-1)

    def draw(self, rng: np.random.Generator, joints: tuple[int, ...], count: int) -> Floats:
        """Turns (count, J, 4), each joint's alike from everywhere in its range."""
        turns = np.empty((count, len(joints), 3))
        for place, joint in enumerate(joints):
            chosen = rng.choice(self._recorded[joint], size=count)
            turns[:, place] = np.stack(np.unravel_index(chosen, (_CELLS,) * 3), axis=-1)
        return _quaternion((turns + rng.random(turns.shape)) * CELL - np.pi)


class Clearance:
    """How near parts of a body that do not hang together come to each other.

    Args:
        poses: (M, 24, 3) recorded axis-angle.
        rest_joints: (24, 3) of the body that is looked at.
    """

    def __init__(self, poses: Floats, rest_joints: Floats) -> None:
        self._ends, self._beyond, self._radii, self._limb = _capsules()
        first, second = np.triu_indices(len(self._limb), 1)
        together = np.array([self._adjacent(a, b) for a, b in zip(first, second, strict=True)])
        self._pairs = np.stack((first, second), axis=1)[~together]  # (P, 2)
        step = max(1, len(poses) // _DISTANCE_FRAMES)
        rotations = matrix_from_axis_angle(poses[::step].astype(float))
        _, joints = forward_kinematics(rotations, rest_joints)
        recorded = np.quantile(self._distances(joints, self._pairs), _NEAR_SHARE, axis=0)
        self._least = np.minimum(self._radii[self._pairs].sum(axis=1), recorded) - _SLACK

    def apart(self, joints: Floats, limbs: tuple[str, ...]) -> Bools:
        """Joints (T, 24, 3) -> (T,) False where one of `limbs` goes into something."""
        numbers = [list(LIMBS).index(limb) for limb in limbs]
        asked = np.isin(self._limb[self._pairs], numbers).any(axis=1)
        return (self._distances(joints, self._pairs[asked]) >= self._least[asked]).all(axis=1)

    def _adjacent(self, first: int, second: int) -> bool:
        """Whether two capsules meet at a joint, or are of the trunk, which limits hold together."""
        limbs = self._limb[[first, second]]
        shared = set(self._ends[first]) & set(self._ends[second])
        roots = [chain[0] for chain in LIMBS.values()]
        at_trunk = bool(np.isin(self._ends[[first, second], 0], roots).any())
        return bool(shared) or (limbs.min() < 0 and (at_trunk or limbs.max() < 0))

    def _distances(self, joints: Floats, pairs: Indices) -> Floats:
        """Metres (T, P) between the axes of capsules."""
        start, end = joints[:, self._ends[:, 0]], joints[:, self._ends[:, 1]]
        along = end - start
        length = np.linalg.norm(along, axis=-1, keepdims=True)
        along = along * (1.0 + self._beyond[:, None] / np.maximum(length, 1e-6))
        first, second = pairs[:, 0], pairs[:, 1]
        return segment_distance(
            start[:, first], along[:, first], start[:, second], along[:, second]
        )


def segment_distance(
    start: Floats, along: Floats, other_start: Floats, other_along: Floats
) -> Floats:
    """Distance (...) between segments, each a start (..., 3) and the way to its end (..., 3).

    Source: Ericson, Real-Time Collision Detection, 2005, section 5.1.9.
    """
    offset = start - other_start
    a = np.maximum(np.einsum("...i,...i->...", along, along), 1e-9)
    e = np.maximum(np.einsum("...i,...i->...", other_along, other_along), 1e-9)
    b = np.einsum("...i,...i->...", along, other_along)
    c = np.einsum("...i,...i->...", along, offset)
    f = np.einsum("...i,...i->...", other_along, offset)
    s = np.clip((b * f - c * e) / np.maximum(a * e - b * b, 1e-9), 0.0, 1.0)
    t = (b * s + f) / e
    s = np.where((t < 0) | (t > 1), np.clip((b * np.clip(t, 0, 1) - c) / a, 0.0, 1.0), s)
    t = np.clip(t, 0.0, 1.0)
    gap = offset + s[..., None] * along - t[..., None] * other_along
    return np.sqrt(np.einsum("...i,...i->...", gap, gap))


def _capsules() -> tuple[Indices, Floats, Floats, Indices]:
    """Ends (S, 2), metres beyond the second (S,), radii (S,), number of the limb (S,), trunk -1."""
    rows: list[tuple[str, str, float, float, int]] = [(*row, -1) for row in _TORSO]
    for number, limb in enumerate(LIMBS):
        parts = _HEAD if limb == "head" else _ARM if limb.endswith("arm") else _LEG
        side = "" if limb == "head" else limb.split("_")[0] + "_"
        rows += [(side + a, side + b, beyond, radius, number) for a, b, beyond, radius in parts]
    ends = np.array([[JOINT_NAMES.index(row[0]), JOINT_NAMES.index(row[1])] for row in rows])
    return (
        ends,
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
        np.array([row[4] for row in rows]),
    )


def _reflected(poses: Floats) -> Floats:
    """Axis-angle (M, 24, 3) of the same poses in a mirror."""
    return poses[:, list(MIRRORED_JOINTS)] * np.array([1.0, -1.0, -1.0])


def _axis_angle(quaternions: Floats) -> Floats:
    """(..., 4) -> (..., 3) radians, angle in 0..pi."""
    upper = np.where(quaternions[..., :1] < 0, -quaternions, quaternions)
    sine = np.sqrt(np.sum(upper[..., 1:] ** 2, axis=-1, keepdims=True))
    angle = 2.0 * np.arctan2(sine, upper[..., :1])
    return upper[..., 1:] * np.where(sine < 1e-7, 2.0, angle / np.maximum(sine, 1e-12))


def _quaternion(turns: Floats) -> Floats:
    """Axis-angle (..., 3) -> (..., 4)."""
    half = np.linalg.norm(turns, axis=-1, keepdims=True) / 2
    return np.concatenate((np.cos(half), turns / 2 * np.sinc(half / np.pi)), axis=-1)


def _cells(turns: Floats) -> Indices:
    """Axis-angle (..., 3) within pi -> cell numbers (..., 3)."""
    return np.clip(((turns + np.pi) / CELL).astype(int), 0, _CELLS - 1)
