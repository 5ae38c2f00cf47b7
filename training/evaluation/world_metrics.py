"""Errors in the world, over segments of at most 100 frames.

Sources: Shin et al., WHAM, 2024 (WA-MPJPE, W-MPJPE, root translation error, foot sliding); Shen et
al., GVHMR, 2024 (jitter in 10 m/s^3).
"""

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.skeleton import CONTACT_JOINTS

from .. import metrics

SEGMENT = 100  # frames
_SHORTEST_WAY = 0.3  # metres that a root must travel for a share of its way to mean something
_FEET = list(CONTACT_JOINTS[:4])


def wa_mpjpe(joints: Floats, true_joints: Floats) -> float:
    """Metres, of (T, J, 3), after one similarity a segment over all of its frames."""
    errors = [
        metrics.joint_errors(metrics.aligned(_flat(here), _flat(there)), _flat(there)).mean()
        for here, there in _segments(joints, true_joints)
    ]
    return float(np.mean(errors))


def w_mpjpe(joints: Floats, true_joints: Floats) -> float:
    """Metres, of (T, J, 3), after the similarity of each segment's first two frames."""
    errors: list[float] = []
    for here, there in _segments(joints, true_joints):
        moved = metrics.carried(_flat(here), _flat(here[:2]), _flat(there[:2]))
        errors.append(float(metrics.joint_errors(moved, _flat(there)).mean()))
    return float(np.mean(errors))


def root_translation_error(root: Floats, true_root: Floats) -> float:
    """Share of the way, of (T, 3), after the best rigid move; NaN where there is hardly a way."""
    way = float(np.linalg.norm(np.diff(true_root, axis=0), axis=-1).sum())
    if way < _SHORTEST_WAY:
        return float("nan")
    moved = metrics.carried(root, root, true_root, scaled=False)
    return float(np.linalg.norm(moved - true_root, axis=-1).mean()) / way


def foot_sliding(joints: Floats, contacts: Bools, seconds: Floats) -> float:
    """Metres a thirtieth of a second that ankles and toes move while they touch the ground.

    Args:
        joints: (T, 24, 3) `world`.
        contacts: (T, 6) true contacts, CONTACT_NAMES.
        seconds: (T,).
    """
    step = np.linalg.norm(np.diff(joints[:, _FEET], axis=0), axis=-1)  # (T - 1, 4)
    planted = contacts[1:, :4] & contacts[:-1, :4]
    if not planted.any():
        return float("nan")
    frames = np.maximum(np.diff(seconds)[:, None] * 30.0, 1e-3)
    return float((step / frames)[planted].mean())


def _segments(joints: Floats, true_joints: Floats) -> list[tuple[Floats, Floats]]:
    return [
        (joints[start : start + SEGMENT], true_joints[start : start + SEGMENT])
        for start in range(0, len(joints), SEGMENT)
        if start == 0 or len(joints) - start >= 2
    ]


def _flat(joints: Floats) -> Floats:
    return joints.reshape(-1, 3)
