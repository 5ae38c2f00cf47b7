"""What is measured: errors of joints and of motion, and how far hypotheses can be believed.

All distances go in as metres and come out as metres; frames along the first axes.
"""

import numpy as np

from fhmr_blender.core.arrays import Floats


def mpjpe(joints: Floats, true_joints: Floats) -> Floats:
    """Mean distance (...,) of joints (..., J, 3), both already relative to the same root."""
    return np.linalg.norm(joints - true_joints, axis=-1).mean(axis=-1)


def joint_errors(joints: Floats, true_joints: Floats) -> Floats:
    """Distance of each joint (..., J)."""
    return np.linalg.norm(joints - true_joints, axis=-1)


def aligned(joints: Floats, true_joints: Floats) -> Floats:
    """Joints (..., J, 3) after the best similarity onto the truth."""
    return carried(joints, joints, true_joints)


def carried(points: Floats, here: Floats, there: Floats, scaled: bool = True) -> Floats:
    """Points (..., N, 3) after the similarity that carries (..., J, 3) `here` best to `there`.

    Without `scaled` it is a rigid move. Source: Umeyama, 1991.
    """
    middle = here.mean(axis=-2, keepdims=True)
    true_middle = there.mean(axis=-2, keepdims=True)
    offsets, true_offsets = here - middle, there - true_middle
    u, singular, vt = np.linalg.svd(np.swapaxes(true_offsets, -1, -2) @ offsets)
    sign = np.ones_like(singular)
    sign[..., 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[..., None, :]) @ vt
    size = np.maximum(np.square(offsets).sum(axis=(-1, -2)), 1e-12)
    scale = (singular * sign).sum(axis=-1) / size if scaled else np.ones(size.shape)
    turned = (points - middle) @ np.swapaxes(rotation, -1, -2)
    return scale[..., None, None] * turned + true_middle


def pa_mpjpe(joints: Floats, true_joints: Floats) -> Floats:
    """Mean distance (...,) after the best similarity a frame."""
    return mpjpe(aligned(joints, true_joints), true_joints)


def hip_centred(joints: Floats, left: int, right: int) -> Floats:
    """Joints (..., J, 3) relative to the middle of joints `left` and `right`."""
    return joints - joints[..., [left, right], :].mean(axis=-2, keepdims=True)


def acceleration_error(joints: Floats, true_joints: Floats, seconds: Floats) -> float:
    """Mean difference of accelerations, m/s^2, of joints (T, J, 3); NaN below three frames."""
    if len(joints) < 3:
        return float("nan")
    difference = _acceleration(joints, seconds) - _acceleration(true_joints, seconds)
    return float(np.linalg.norm(difference, axis=-1).mean())


def jitter(joints: Floats, seconds: Floats) -> float:
    """Mean third derivative, 10 m/s^3 as in GVHMR, of joints (T, J, 3); NaN below four frames."""
    if len(joints) < 4:
        return float("nan")
    step = float(np.mean(np.diff(seconds)))
    return float(np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1).mean() / step**3 / 10.0)


def spread(samples: Floats) -> Floats:
    """Root mean square distance (..., J) of samples (S, ..., J, 3) from their mean."""
    offsets = samples - samples.mean(axis=0)
    return np.sqrt(np.square(offsets).sum(axis=-1).mean(axis=0))


def calibration_slope(predicted: Floats, error: Floats) -> float:
    """Least-squares slope through zero of the true error over the predicted spread; 1 is ideal."""
    return float((predicted * error).sum() / np.maximum(np.square(predicted).sum(), 1e-12))


def reliability(predicted: Floats, error: Floats, bins: int) -> Floats:
    """(bins, 2) mean predicted spread and root mean square error, by rising spread."""
    order = np.argsort(predicted.reshape(-1))
    parts = np.array_split(order, bins)
    flat, wrong = predicted.reshape(-1), error.reshape(-1)
    return np.array([(flat[part].mean(), np.sqrt(np.square(wrong[part]).mean())) for part in parts])


def _acceleration(joints: Floats, seconds: Floats) -> Floats:
    """(T - 2, J, 3), for uneven steps."""
    step = np.maximum(np.diff(seconds), 1e-3)[:, None, None]
    velocity = np.diff(joints, axis=0) / step
    return np.diff(velocity, axis=0) / ((step[1:] + step[:-1]) / 2)
