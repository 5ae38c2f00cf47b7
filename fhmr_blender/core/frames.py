"""Changes of the frame of reference.

`cam`: x right, y down, z forward. `world`: z up, metres. `body`: SMPL, y up, facing +z.
"""

import numpy as np

from .arrays import Floats

BODY_TO_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""An upright SMPL body in `world`: its +y becomes +z, it faces -y."""


def transform(T_to_from: Floats, points: Floats) -> Floats:
    """Map points (..., N, 3) by matrices (..., 4, 4)."""
    rotated = points @ np.swapaxes(T_to_from[..., :3, :3], -1, -2)
    return rotated + T_to_from[..., None, :3, 3]


def rigid(rotation: Floats, translation: Floats) -> Floats:
    """(..., 3, 3) and (..., 3) -> (..., 4, 4)."""
    leading = np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    matrix = np.zeros((*leading, 4, 4))
    matrix[..., :3, :3] = rotation
    matrix[..., :3, 3] = translation
    matrix[..., 3, 3] = 1.0
    return matrix


def inverse(T_to_from: Floats) -> Floats:
    """The inverse of rigid matrices (..., 4, 4)."""
    rotation = np.swapaxes(T_to_from[..., :3, :3], -1, -2)
    return rigid(rotation, -(rotation @ T_to_from[..., :3, 3:])[..., 0])
