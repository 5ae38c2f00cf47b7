"""Smoothing over time that shifts nothing: a Gaussian window with a local straight line.

At every moment a line is fitted to what lies around it, weighted by a Gaussian in time. In the
middle of a clip that is Gaussian smoothing, whose phase is zero; at its ends, and beside gaps, it
does not pull towards the middle. Any spacing of frames will do.
Source: Cleveland, Robust Locally Weighted Regression and Smoothing Scatterplots, 1979.
"""

import math

import numpy as np

from .arrays import Floats
from .rotations import continuous_quaternions, matrix_from_quaternion, quaternion_from_matrix

CUTOFF_HIGHEST = 6.0  # Hz at a strength next to 0: at 30 frames a second the trembling goes
CUTOFF_LOWEST = 0.3  # Hz at a strength of 1: hardly anything moves; both are guesses
_REACH = 3.0  # deviations of the window
# A Gaussian of deviation s passes half of the power at sqrt(ln 2) / (2 pi s).
_DEVIATION_OF_CUTOFF = math.sqrt(math.log(2.0)) / (2.0 * math.pi)


def cutoff_of(strength: float) -> float:
    """The cut-off in Hz of a smoothing strength 0..1; infinite at 0."""
    if strength <= 0.0:
        return math.inf
    ratio = CUTOFF_LOWEST / CUTOFF_HIGHEST
    return CUTOFF_HIGHEST * ratio ** min(strength, 1.0)


def deviation_of(cutoff: float) -> float:
    """The deviation of the Gaussian, seconds, that passes half of the power at `cutoff` Hz."""
    return _DEVIATION_OF_CUTOFF / cutoff


def smooth_points(points: Floats, seconds: Floats, cutoff: float) -> Floats:
    """Take what is faster than `cutoff` out of a signal.

    Args:
        points: (T, ...) any signal.
        seconds: (T,) increasing.
        cutoff: Hz; infinite returns the signal itself.
    """
    if not math.isfinite(cutoff) or len(seconds) < 3:
        return points
    flat = points.reshape(len(points), -1).astype(float)
    return _local_lines(flat, seconds, deviation_of(cutoff)).reshape(points.shape)


def smooth_rotations(rotations: Floats, seconds: Floats, cutoff: float) -> Floats:
    """The same for rotations (T, ..., 3, 3), as quaternions with continuous signs."""
    if not math.isfinite(cutoff) or len(seconds) < 3:
        return rotations
    quaternions = continuous_quaternions(quaternion_from_matrix(rotations))
    return matrix_from_quaternion(smooth_points(quaternions, seconds, cutoff))


def _local_lines(signal: Floats, seconds: Floats, deviation: float) -> Floats:
    """(T, C) at every moment the value of the line fitted around it."""
    count = len(seconds)
    reach = _REACH * deviation
    # Sums over the window of w, w d, w d^2, w x, w d x; d: seconds from the middle.
    zeroth, first, second = np.ones(count), np.zeros(count), np.zeros(count)
    value, slope = signal.copy(), np.zeros_like(signal)
    for shift in range(1, count):
        apart = seconds[shift:] - seconds[:-shift]
        near = apart <= reach
        if not near.any():
            break
        weight = np.where(near, np.exp(-0.5 * (apart / deviation) ** 2), 0.0)
        here, there = slice(0, count - shift), slice(shift, count)
        for middle, other, away in ((here, there, apart), (there, here, -apart)):
            zeroth[middle] += weight
            first[middle] += weight * away
            second[middle] += weight * away**2
            value[middle] += weight[:, None] * signal[other]
            slope[middle] += (weight * away)[:, None] * signal[other]
    spread = zeroth * second - first**2
    # One neighbour on one side alone: a line through both changes nothing. None: nothing to fit.
    alone = spread <= 1e-9 * deviation**2
    safe = np.where(alone, 1.0, spread)
    line = (second[:, None] * value - first[:, None] * slope) / safe[:, None]
    return np.where(alone[:, None], signal, line)
