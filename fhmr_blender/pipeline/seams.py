"""Drawn limbs eased into the frames beside a range, which stay as they are."""

import numpy as np

from ..core.arrays import Floats
from ..core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from .reach import smoothstep

_PEAK = 5.7735  # largest second derivative of `smoothstep`: 10 / sqrt(3)
_EDGE = 12  # frames at each end in which the difference is looked at; guess, 0.4 s at 30 fps
_CALMEST = 0.005  # metres a frame^2; guess: nobody sees an easing that quick
_OWN = 0.75  # quantile of the clip's accelerations that counts as its own; guess: not its outliers
_SHARE = 0.5  # of the clip's own acceleration that an easing may add


def own_acceleration(joints: Floats) -> float:
    """The clip's own acceleration of joints (N, K, 3), metres a frame^2."""
    if len(joints) < 3:
        return _CALMEST
    bends = np.linalg.norm(joints[2:] - 2.0 * joints[1:-1] + joints[:-2], axis=-1)
    return max(float(np.quantile(bends.max(axis=1), _OWN)), _CALMEST)


def shares(drawn: Floats, stored: Floats, before: bool, after: bool, acceleration: float) -> Floats:
    """How much of the drawn limb every frame shows.

    Args:
        drawn: (S, n, K, 3) the limb's joints as drawn, metres.
        stored: (n, K, 3) as they are.
        before: Whether a frame that stays comes before.
        after: Whether one comes after.
        acceleration: The clip's own, metres a frame^2; easing adds at most half of it.

    Returns:
        (S, n) from 0 to 1. Each end eases over as many frames as its difference needs, at most
        half of the range; ranges of one and two frames are not eased.
    """
    count = len(stored)
    share = np.ones(drawn.shape[:2])
    apart = np.linalg.norm(drawn - stored, axis=-1).max(axis=-1)  # (S, n)
    longest = (count - 1) // 2
    for here, rows in ((before, slice(None)), (after, slice(None, None, -1))):
        if not here or not longest:
            continue
        gap = apart[:, rows][:, :_EDGE].max(axis=1)  # (S,)
        frames = np.clip(np.ceil(np.sqrt(_PEAK * gap / (_SHARE * acceleration))), 1, longest)
        away = np.arange(1, count + 1) / (frames[:, None] + 1.0)
        share[:, rows] *= smoothstep(away)
    return share


def eased(drawn: Floats, stored: Floats, share: Floats) -> Floats:
    """Rotations (S, n, K, 3, 3) on the way from stored ones (n, K, 3, 3), by shares (S, n)."""
    way = axis_angle_from_matrix(np.swapaxes(stored, -1, -2) @ drawn)
    mixed = stored @ matrix_from_axis_angle(way * share[..., None, None])
    return np.where((share == 1.0)[..., None, None, None], drawn, mixed)
