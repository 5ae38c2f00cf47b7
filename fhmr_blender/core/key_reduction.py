"""Fewer keys: at which frames curves need one, so that they stay within a tolerance between.

Between two keys whose handles lie a third of the way, Blender's curve is the cubic Hermite
polynomial of their values and slopes (de Boor, A Practical Guide to Splines, 1978). Slopes are
those of the motion itself, so each stretch can be divided without a look at the others.
"""

from collections.abc import Callable

import numpy as np

from .arrays import Bools, Floats, Indices
from .euler import matrix_from_euler

Deviation = Callable[[Floats, Floats], Floats]
"""How far (T, G, C) are from (T, G, C): (T, G)."""


def slopes(frames: Indices, values: Floats) -> Floats:
    """Change a frame (T, ...) of values (T, ...) at increasing frames (T,)."""
    if len(frames) < 2:
        return np.zeros_like(values)
    return np.gradient(values, frames.astype(float), axis=0)


def key_positions(frames: Indices, values: Floats, deviation: Deviation, tolerance: float) -> Bools:
    """Choose keys, for each group of curves its own.

    Args:
        frames: (T,) increasing.
        values: (T, G, C) of G groups of C curves that share their keys.
        deviation: In which measure.
        tolerance: At most so far at every frame, in that measure.

    Returns:
        (T, G) where a key is needed; the first and the last frame always are.
    """
    keys: Bools = np.zeros(values.shape[:2], dtype=bool)
    keys[[0, -1]] = True
    slope = slopes(frames, values)
    open_groups: Bools = np.ones(int(values.shape[1]), dtype=bool)
    while open_groups.any():
        chosen: Indices = np.flatnonzero(open_groups)
        shown = interpolated(frames, values[:, chosen], slope[:, chosen], keys[:, chosen])
        far = deviation(shown, values[:, chosen])
        worst = (far > tolerance) & (far >= _worst_of_stretch(far, keys[:, chosen]))
        worst &= ~keys[:, chosen]
        keys[:, chosen] |= worst
        open_groups[chosen] = worst.any(axis=0)
    return keys


def interpolated(frames: Indices, values: Floats, slope: Floats, keys: Bools) -> Floats:
    """What curves with some keys show: (T, G, C) of values, slopes (T, G, C) and keys (T, G)."""
    before, after = _neighbours(keys)
    times = frames.astype(float)
    width = np.where(after > before, times[after] - times[before], 1.0)[..., None]
    share = (times[:, None] - times[before])[..., None] / width
    start, end = _taken(values, before), _taken(values, after)
    away, towards = width * _taken(slope, before), width * _taken(slope, after)
    rise = end - start
    curve = (away + towards - 2.0 * rise) * share + (3.0 * rise - 2.0 * away - towards)
    return start + share * (away + share * curve)


def quaternion_deviation(shown: Floats, true: Floats) -> Floats:
    """Radians (T, G) between quaternions (T, G, 4): `shown` of any length, `true` of length 1."""
    unit = shown / np.linalg.norm(shown, axis=-1, keepdims=True)
    chord = np.linalg.norm(unit - true, axis=-1)  # an arc cosine loses its digits near 0
    return 4.0 * np.arcsin(np.clip(0.5 * chord, 0.0, 1.0))


def euler_deviation(order: str) -> Deviation:
    """Radians between Euler angles of an order of axes."""

    def measure(shown: Floats, true: Floats) -> Floats:
        apart = matrix_from_euler(shown, order) - matrix_from_euler(true, order)
        chord = np.sqrt(np.sum(apart**2, axis=(-1, -2)) / 8.0)  # sin(angle / 2)
        return 2.0 * np.arcsin(np.clip(chord, 0.0, 1.0))

    return measure


def distance(shown: Floats, true: Floats) -> Floats:
    """Between places (T, G, 3): (T, G)."""
    return np.linalg.norm(shown - true, axis=-1)


def _neighbours(keys: Bools) -> tuple[Indices, Indices]:
    """Rows (T, G) of the last key up to each frame, and of the next after it (or the last)."""
    count = len(keys)
    rows = np.arange(count)[:, None]
    before = np.maximum.accumulate(np.where(keys, rows, 0), axis=0)
    following = np.minimum.accumulate(np.where(keys, rows, count - 1)[::-1], axis=0)[::-1]
    after = np.concatenate((following[1:], following[-1:]), axis=0)
    return before, after


def _worst_of_stretch(far: Floats, keys: Bools) -> Floats:
    """(T, G): the largest deviation between the keys around each frame."""
    stretch = np.cumsum(keys, axis=0) - 1  # (T, G)
    groups = int(far.shape[1])
    flat: Indices = (groups * stretch + np.arange(groups)).reshape(-1)
    largest: Floats = np.zeros(far.size)
    np.maximum.at(largest, flat, far.reshape(-1))
    return largest[flat].reshape(far.shape)


def _taken(values: Floats, rows: Indices) -> Floats:
    return np.take_along_axis(values, rows[..., None], axis=0)
