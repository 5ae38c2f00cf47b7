"""A motion between its frames."""

import numpy as np

from .arrays import Floats
from .motion import Motion
from .rotations import continuous_quaternions, matrix_from_quaternion, quaternion_from_matrix


def motion_at(motion: Motion, at: Floats) -> Motion:
    """A motion of N frames at fractional indices (K,), 0..N-1.

    Rotations go straight from quaternion to quaternion, as Blender's linear curves do.
    """
    low = np.clip(np.floor(at).astype(int), 0, len(motion.transl) - 1)
    share = at - low
    if not share.any():
        return Motion(motion.rotations[low], motion.transl[low], motion.betas)
    high = np.minimum(low + 1, len(motion.transl) - 1)
    quaternions = continuous_quaternions(quaternion_from_matrix(motion.rotations))
    turned = _between(quaternions[low], quaternions[high], share[:, None, None])
    transl = _between(motion.transl[low], motion.transl[high], share[:, None])
    return Motion(matrix_from_quaternion(turned), transl, motion.betas)


def _between(start: Floats, end: Floats, share: Floats) -> Floats:
    return start * (1.0 - share) + end * share
