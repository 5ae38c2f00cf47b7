"""Euler angles in any order of axes, without flips over time.

Blender names an order by what turns first: "XYZ" is Rz Ry Rx.
Source: Shoemake, Euler Angle Conversion, Graphics Gems IV, 1994.
"""

import numpy as np

from .arrays import Floats
from .rotations import rotation_about

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
_LOCKED = 1e-7  # cosine of the middle angle below which the outer two axes are one


def matrix_from_euler(angles: Floats, order: str) -> Floats:
    """(..., 3) radians about x, y, z -> (..., 3, 3)."""
    first, second, third = ("XYZ".index(axis) for axis in order)
    return (
        rotation_about(third, angles[..., third])
        @ rotation_about(second, angles[..., second])
        @ rotation_about(first, angles[..., first])
    )


def euler_from_matrix(matrix: Floats, order: str) -> Floats:
    """(..., 3, 3) -> (..., 3) radians about x, y, z; the middle angle within a quarter turn.

    Where the outer two axes are one, the third angle is 0.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    cosine = np.hypot(matrix[..., i, i], matrix[..., j, i])
    locked = cosine < _LOCKED
    angles = np.empty(matrix.shape[:-1])
    angles[..., i] = np.where(
        locked,
        np.arctan2(-matrix[..., j, k], matrix[..., j, j]),
        np.arctan2(matrix[..., k, j], matrix[..., k, k]),
    )
    angles[..., j] = np.arctan2(-matrix[..., k, i], cosine)
    angles[..., k] = np.where(locked, 0.0, np.arctan2(matrix[..., j, i], matrix[..., i, i]))
    return sign * angles


def continuous_eulers(matrices: Floats, order: str) -> Floats:
    """Rotations over time (T, ..., 3, 3) -> angles (T, ..., 3) that never jump without need.

    Every rotation has two triples of angles, and each angle any number of full turns. The way
    from a triple to the next is as long as that between their other forms, so only whether to
    change the form has to be decided from one frame to the next.
    """
    angles = euler_from_matrix(matrices, order)
    other = _other_form(angles, order)
    stay = np.sum(np.abs(_wrapped(angles[1:] - angles[:-1])), axis=-1)
    change = np.sum(np.abs(_wrapped(other[1:] - angles[:-1])), axis=-1)
    start = np.sum(np.abs(other[:1]), axis=-1) < np.sum(np.abs(angles[:1]), axis=-1)
    changes = np.cumsum(np.concatenate((start, change < stay), axis=0), axis=0) % 2 == 1
    return np.unwrap(np.where(changes[..., None], other, angles), axis=0)


def _other_form(angles: Floats, order: str) -> Floats:
    middle = "XYZ".index(order[1])
    other = angles + np.pi
    other[..., middle] = np.pi - angles[..., middle]
    return _wrapped(other)


def _wrapped(angles: Floats) -> Floats:
    """Into -pi..pi."""
    return (angles + np.pi) % (2.0 * np.pi) - np.pi
