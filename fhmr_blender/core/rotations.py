"""Rotations as matrices, axis-angle, quaternions and the 6D form, all batched.

Source: Zhou et al., On the Continuity of Rotation Representations, 2019 (6D).
"""

import numpy as np

from .arrays import Floats

IDENTITY_6D = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
_TINY = 1e-12


def matrix_from_axis_angle(axis_angle: Floats) -> Floats:
    """(..., 3) radians along the axis -> (..., 3, 3). Rodrigues' formula."""
    angle = np.linalg.norm(axis_angle, axis=-1)[..., None, None]
    skew = _skew(axis_angle)
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    # Taylor series next to zero, where sin(a)/a and (1 - cos a)/a^2 lose their digits.
    sine = np.where(small, 1.0 - angle**2 / 6.0, np.sin(safe) / safe)
    cosine = np.where(small, 0.5 - angle**2 / 24.0, (1.0 - np.cos(safe)) / safe**2)
    identity = np.eye(3, dtype=axis_angle.dtype)
    return (identity + sine * skew + cosine * (skew @ skew)).astype(axis_angle.dtype)


def axis_angle_from_matrix(matrix: Floats) -> Floats:
    """(..., 3, 3) -> (..., 3) radians, angle in 0..pi."""
    quaternion = quaternion_from_matrix(matrix)
    quaternion = np.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quaternion[..., :1])
    scale = np.where(sine < 1e-7, 2.0, angle / np.maximum(sine, _TINY))
    return quaternion[..., 1:] * scale


def quaternion_from_matrix(matrix: Floats) -> Floats:
    """(..., 3, 3) -> (..., 4) unit quaternion w x y z, sign free.

    Source: Bar-Itzhack's form of Shepperd's method: the largest of four candidates.
    """
    m = matrix
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    wx, wy, wz = (
        m[..., 2, 1] - m[..., 1, 2],
        m[..., 0, 2] - m[..., 2, 0],
        m[..., 1, 0] - m[..., 0, 1],
    )
    xy, xz, yz = (
        m[..., 0, 1] + m[..., 1, 0],
        m[..., 0, 2] + m[..., 2, 0],
        m[..., 1, 2] + m[..., 2, 1],
    )
    candidates = np.stack(
        (
            np.stack((1 + xx + yy + zz, wx, wy, wz), -1),
            np.stack((wx, 1 + xx - yy - zz, xy, xz), -1),
            np.stack((wy, xy, 1 - xx + yy - zz, yz), -1),
            np.stack((wz, xz, yz, 1 - xx - yy + zz), -1),
        ),
        -2,
    )  # (..., 4, 4)
    best = np.argmax(np.diagonal(candidates, axis1=-2, axis2=-1), axis=-1)
    chosen = np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :]
    return chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)


def matrix_from_quaternion(quaternion: Floats) -> Floats:
    """(..., 4) w x y z, any length but zero -> (..., 3, 3)."""
    w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = (
        np.stack((1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)), -1),
        np.stack((2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)), -1),
        np.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), -1),
    )
    return np.stack(rows, -2)


def continuous_quaternions(quaternions: Floats) -> Floats:
    """(T, ..., 4) with signs chosen so that neighbours in time are close."""
    dots = np.sum(quaternions[1:] * quaternions[:-1], axis=-1)
    signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), axis=0)
    out = quaternions.copy()
    out[1:] *= signs[..., None]
    return out


def sixd_from_matrix(matrix: Floats) -> Floats:
    """(..., 3, 3) -> (..., 6): first column, then second."""
    return np.concatenate((matrix[..., :, 0], matrix[..., :, 1]), axis=-1)


def matrix_from_sixd(sixd: Floats) -> Floats:
    """(..., 6) -> (..., 3, 3) by Gram-Schmidt."""
    first = _unit(sixd[..., :3])
    second = sixd[..., 3:]
    second = _unit(second - np.sum(first * second, axis=-1, keepdims=True) * first)
    return np.stack((first, second, np.cross(first, second)), axis=-1)


def nearest_rotation(matrix: Floats) -> Floats:
    """(..., 3, 3) -> the closest rotation in the Frobenius norm. Source: Kabsch, 1976."""
    u, _, vt = np.linalg.svd(matrix)
    sign = np.sign(np.linalg.det(u @ vt))
    u = u.copy()
    u[..., :, 2] *= sign[..., None]
    return u @ vt


def geodesic_angle(first: Floats, second: Floats) -> Floats:
    """Angle in radians (...,) between two rotations (..., 3, 3)."""
    relative = np.swapaxes(first, -1, -2) @ second
    return np.linalg.norm(axis_angle_from_matrix(relative), axis=-1)


def shortest_arc(start: Floats, end: Floats) -> Floats:
    """The smallest rotation (..., 3, 3) that takes direction `start` to `end`, (..., 3) each."""
    start, end = np.broadcast_arrays(_unit(start), _unit(end))
    cross = np.cross(start, end)
    cosine = np.sum(start * end, axis=-1)[..., None, None]
    skew = _skew(cross)
    opposite = cosine < -1.0 + 1e-9
    arc = np.eye(3) + skew + skew @ skew / np.where(opposite, 1.0, 1.0 + cosine)
    # Opposite directions: half a turn about any axis at a right angle to them.
    helper = np.where(np.abs(start[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    axis = _unit(np.cross(start, helper))
    half_turn = 2.0 * axis[..., :, None] * axis[..., None, :] - np.eye(3)
    return np.where(opposite, half_turn, arc)


def rotation_about(axis: int, angle: Floats | float) -> Floats:
    """Rotation (..., 3, 3) by `angle` radians about coordinate axis 0, 1 or 2."""
    vector = np.zeros((*np.shape(angle), 3))
    vector[..., axis] = angle
    return matrix_from_axis_angle(vector)


def _unit(vector: Floats) -> Floats:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), _TINY)


def _skew(vector: Floats) -> Floats:
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    zero = np.zeros_like(x)
    rows = (
        np.stack((zero, -z, y), -1),
        np.stack((z, zero, -x), -1),
        np.stack((-y, x, zero), -1),
    )
    return np.stack(rows, -2)
