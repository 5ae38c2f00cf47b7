"""Smooth courses through knots."""

import numpy as np

from fhmr_blender.core.arrays import Floats


def spline_weights(place: Floats) -> Floats:
    """Weights (T, K) of uniform cubic B-spline knots one apart, at places (T,) from 0 on."""
    knots = np.arange(-1, int(np.floor(place.max())) + 3)
    away = np.abs(place[:, None] - knots)
    inner = 2 / 3 - away**2 + away**3 / 2
    outer = np.clip(2 - away, 0, None) ** 3 / 6
    return np.where(away < 1, inner, outer)
