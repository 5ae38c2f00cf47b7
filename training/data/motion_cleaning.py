"""What retargeted motion still needs: wrists, floor, contacts, and which frames to believe."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_dilation

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.rotations import geodesic_angle, matrix_from_axis_angle
from fhmr_blender.core.skeleton import CONTACT_JOINTS, JOINT_INDEX, JOINT_NAMES

FPS = 30.0
CONTACT_SPEED_MAX = 0.15  # m/s
# Metres from a joint to the skin below it: ankle and toe of the neutral body standing, the others
# a guess at half a limb's thickness.
JOINT_RADII = np.full(24, 0.08)
for _name, _radius in {
    "ankle": 0.077,
    "foot": 0.033,
    "knee": 0.05,
    "wrist": 0.03,
    "hand": 0.02,
}.items():
    JOINT_RADII[[JOINT_INDEX[f"left_{_name}"], JOINT_INDEX[f"right_{_name}"]]] = _radius
_CONTACT_HEIGHTS = np.array([0.06, 0.06, 0.05, 0.05, 0.08, 0.08])  # m of skin above the floor
_SPEED_MAX = 14.0  # m/s of a body joint; nobody's wrist is faster
_TURN_MAX = np.deg2rad(80.0)  # of a joint between frames at 30 fps
_FLOOR_PERCENTILE = 5.0
_FLOOR_DEVIATION = 0.12  # m of a take from its performer's floor, beyond which they are off it
_FLOOR_TAKES_MIN = 4  # below, nobody knows who is off the floor
_FOREARM_SHARE = 0.5  # of the forearm's twist that the elbow takes over from the wrist; a guess
_WRIST_TWIST_MAX = np.deg2rad(130.0)
_ANKLE_TURN_MAX = np.deg2rad(90.0)  # a dancer's pointed foot stays below
_ANKLE_MARGIN = 3  # frames
_WRIST_BEND_MAX = np.deg2rad(100.0)
# Degrees beyond which a joint is flipped rather than bent; wide of any gymnast's (a guess).
_TURN_LIMITS = {"neck": 120, "head": 95, "spine1": 110, "spine2": 90, "spine3": 90}
_HIP_TWIST_MAX = np.deg2rad(100.0)
_EXTREMITIES = [
    JOINT_INDEX[f"{side}_{part}"]
    for side in ("left", "right")
    for part in ("foot", "hand", "wrist")
]


def share_forearm_twist(rotations: Floats, rest_joints: Floats) -> tuple[Floats, int]:
    """Spread the forearm's twist over elbow and wrist; flipped wrists take a neighbour's turn.

    Args:
        rotations: (T, 24, 3, 3) parent-relative.
        rest_joints: (24, 3) metres.

    Returns:
        Rotations, and the number of flipped wrists. No joint moves, except below flipped wrists.
    """
    shared, flipped_count = rotations.copy(), 0
    for side in ("left", "right"):
        elbow, wrist = JOINT_INDEX[f"{side}_elbow"], JOINT_INDEX[f"{side}_wrist"]
        bone = rest_joints[wrist] - rest_joints[elbow]
        bone = bone / np.linalg.norm(bone)
        twist, bend = twist_and_bend(shared[:, wrist], bone)
        flipped = (np.abs(twist) > _WRIST_TWIST_MAX) | (bend > _WRIST_BEND_MAX)
        flipped_count += int(flipped.sum())
        if flipped.all():
            shared[:, wrist] = np.eye(3)
            continue
        nearest = _nearest(~flipped)
        half = matrix_from_axis_angle(twist[nearest, None] * _FOREARM_SHARE * bone)
        shared[:, elbow] = shared[:, elbow] @ half
        shared[:, wrist] = np.swapaxes(half, -1, -2) @ shared[nearest, wrist]
    return shared, flipped_count


def mend_ankles(rotations: Floats) -> tuple[Floats, int]:
    """Feet that a recording turned backwards, and those just before and after, go to rest.

    Also says how many there are. Such feet stay so for long: no other frame tells their turn.
    """
    mended, flipped_count = rotations.copy(), 0
    for side in ("left", "right"):
        ankle = JOINT_INDEX[f"{side}_ankle"]
        flipped = geodesic_angle(rotations[:, ankle], np.eye(3)) > _ANKLE_TURN_MAX
        flipped = binary_dilation(flipped, iterations=_ANKLE_MARGIN)
        flipped_count += int(flipped.sum())
        mended[flipped, ankle] = np.eye(3)
    return mended, flipped_count


def twist_and_bend(rotations: Floats, axis: Floats) -> tuple[Floats, Floats]:
    """Radians (T,) of a turn about `axis`, done last, and of the turn that leaves it out.

    Source: Huyghe's swing-twist decomposition, as in Dobrowolski, 2015.
    """
    skew = np.stack(
        (
            rotations[:, 2, 1] - rotations[:, 1, 2],
            rotations[:, 0, 2] - rotations[:, 2, 0],
            rotations[:, 1, 0] - rotations[:, 0, 1],
        ),
        axis=-1,
    )
    trace = np.trace(rotations, axis1=-2, axis2=-1)
    twist = 2.0 * np.arctan2(skew @ axis, 1.0 + trace)
    twist = (twist + np.pi) % (2 * np.pi) - np.pi
    bend = np.arccos(np.clip(np.einsum("i,tij,j->t", axis, rotations, axis), -1.0, 1.0))
    return twist, bend


def lowest_points(joints: Floats) -> Floats:
    """Height (T,) of the lowest skin, from joints (T, 24, 3) in `world`."""
    return np.min(joints[..., 2] - JOINT_RADII, axis=-1)


def floors(lowest: Sequence[Floats]) -> Floats:
    """The floor's height for each take of one performer, (takes,).

    A take far from the others' floor (on a ladder, a stool, hanging) is measured by theirs.
    """
    own = np.array([np.percentile(heights, _FLOOR_PERCENTILE) for heights in lowest])
    if len(own) < _FLOOR_TAKES_MIN:
        return own
    common = float(np.median(own))
    return np.where(np.abs(own - common) < _FLOOR_DEVIATION, own, common)


def contacts(joints: Floats) -> Bools:
    """(T, 6) in the order of CONTACT_NAMES, from joints (T, 24, 3) above a floor at z = 0."""
    return contacts_at(joints, np.arange(len(joints)) / FPS)


def contacts_at(joints: Floats, seconds: Floats) -> Bools:
    """The same at any times (T,)."""
    touching = joints[:, CONTACT_JOINTS]  # (T, 6, 3)
    height = touching[..., 2] - JOINT_RADII[list(CONTACT_JOINTS)]
    slow = speeds(touching, seconds) < CONTACT_SPEED_MAX
    return slow & (height < _CONTACT_HEIGHTS)


def speeds(points: Floats, seconds: Floats) -> Floats:
    """Metres a second (T, N) of points (T, N, 3) at times (T,), by central differences."""
    if len(points) < 2:
        return np.zeros(points.shape[:2])
    return np.linalg.norm(np.gradient(points, seconds, axis=0), axis=-1)


def believable(rotations: Floats, joints: Floats) -> Bools:
    """(T,) False on both sides of a jump in position or turn of a body joint."""
    valid = np.ones(len(joints), dtype=bool)
    if len(joints) < 2:
        return valid
    body = [joint for joint in range(24) if joint not in _EXTREMITIES]
    steps = np.linalg.norm(np.diff(joints[:, body], axis=0), axis=-1) * FPS
    turns = geodesic_angle(rotations[:-1, body], rotations[1:, body])
    jumps = (steps > _SPEED_MAX).any(axis=1) | (turns > _TURN_MAX).any(axis=1)
    valid[:-1] &= ~jumps
    valid[1:] &= ~jumps
    return valid


def possible(rotations: Floats, rest_joints: Floats) -> Bools:
    """(T,) False where a joint is turned as no body can, from (T, 24, 3, 3) parent-relative."""
    valid = np.ones(len(rotations), dtype=bool)
    for joint, name in enumerate(JOINT_NAMES):
        limit = _TURN_LIMITS.get(name.split("_")[-1])
        if limit is not None:
            angles = geodesic_angle(rotations[:, joint], np.eye(3))
            valid &= angles < np.deg2rad(limit)
        if name.endswith("hip"):
            thigh = rest_joints[JOINT_INDEX[name.replace("hip", "knee")]] - rest_joints[joint]
            twist, _ = twist_and_bend(rotations[:, joint], thigh / np.linalg.norm(thigh))
            valid &= np.abs(twist) < _HIP_TWIST_MAX
    return valid


def outside_bad_frames(seconds: Floats, source_seconds: Floats, bad_frames: Sequence[int]) -> Bools:
    """(T,) False at and before a bad frame of the packed file, at any of both rates."""
    valid = np.ones(len(seconds), dtype=bool)
    for frame in bad_frames:
        if frame >= len(source_seconds):
            continue
        start, end = source_seconds[max(frame - 1, 0)], source_seconds[frame]
        margin = max(1.0 / FPS - (end - start), 0.0) + 1e-4
        valid &= ~((seconds > start - margin) & (seconds < end + margin))
    return valid


def _nearest(good: Bools) -> Indices:
    """For every frame the index of the nearest good one."""
    frames = np.arange(len(good))
    chosen = np.flatnonzero(good)
    after = np.clip(np.searchsorted(chosen, frames), 0, len(chosen) - 1)
    before = np.clip(after - 1, 0, None)
    nearer = np.abs(chosen[before] - frames) <= np.abs(chosen[after] - frames)
    return np.where(nearer, chosen[before], chosen[after])
