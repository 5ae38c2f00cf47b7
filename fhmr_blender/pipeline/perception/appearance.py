"""What somebody wears: colours along trunk and thighs, for telling people apart.

Colour alone: the light's strength counts little, the pose hardly at all.
"""

import numpy as np

from ...core.arrays import Floats

_LEFT_SHOULDER, _RIGHT_SHOULDER, _LEFT_HIP, _RIGHT_HIP, _LEFT_KNEE, _RIGHT_KNEE = (
    11, 12, 23, 24, 25, 26,
)  # fmt: skip
_GRID = (np.arange(10) + 0.5) / 10  # along and across a zone; guess: a hundred samples say enough
_CELLS = 4  # of each colour axis
_CORNERS = np.array(list(np.ndindex(2, 2, 2)))  # (8, 3) of the cube of cells around a colour
_CHROMA = 0.5  # guess: reach of the two colour axes, in shares of the brightness
CLOTHING_SIZE = 2 * _CELLS**3


def clothing(crop: Floats, points: Floats) -> Floats:
    """Histograms of the colours of trunk and thighs.

    Args:
        crop: (size, size, 3) 0..255 RGB.
        points: (33, 2) landmarks in crop pixels.

    Returns:
        (128,) float32, each half's sum is 1.
    """
    trunk = _quad(points[[_LEFT_SHOULDER, _RIGHT_SHOULDER, _LEFT_HIP, _RIGHT_HIP]])
    thighs = _quad(points[[_LEFT_HIP, _RIGHT_HIP, _LEFT_KNEE, _RIGHT_KNEE]])
    return np.concatenate([_histogram(_colours(crop, zone)) for zone in (trunk, thighs)])


def colour_distance(a: Floats, b: Floats) -> float:
    """Hellinger's distance of two people's clothing, 0 (the same) to 1."""
    likeness = float(np.sqrt(np.maximum(a * b, 0.0)).sum()) / 2
    return float(np.sqrt(max(1.0 - likeness, 0.0)))


def _quad(corners: Floats) -> Floats:
    """(100, 2) points between two upper and two lower corners (4, 2), the rim left out."""
    across, down = np.meshgrid(0.15 + 0.7 * _GRID, 0.1 + 0.8 * _GRID)
    upper = corners[0] + (corners[1] - corners[0]) * across[..., None]
    lower = corners[2] + (corners[3] - corners[2]) * across[..., None]
    return (upper + (lower - upper) * down[..., None]).reshape(-1, 2)


def _colours(crop: Floats, points: Floats) -> Floats:
    """(n, 3) of the nearest pixels."""
    size = len(crop)
    columns, rows = np.clip(points, 0, size - 1).astype(np.int64).T
    return crop[rows, columns]


def _histogram(colours: Floats) -> Floats:
    """(64,) over brightness and two colour axes, every colour shared among its neighbours."""
    red, green, blue = (colours / 255.0).T
    brightness = (red + green + blue) / 3
    scale = np.maximum(brightness, 0.1)  # in the dark colours are noise
    axes = np.stack(
        (
            brightness,
            0.5 + (red - green) / scale / (2 * _CHROMA) / 2,
            0.5 + (blue - (red + green) / 2) / scale / (2 * _CHROMA) / 2,
        )
    )
    place = np.clip(axes, 0.0, 1.0) * (_CELLS - 1)  # (3, n)
    low = np.minimum(place.astype(np.int64), _CELLS - 2)
    share = place - low
    step = _CORNERS[..., None]
    weights = np.where(step == 1, share, 1.0 - share).prod(axis=1)  # (8, n)
    cells = np.ravel_multi_index(tuple(np.moveaxis(low + step, 1, 0)), (_CELLS,) * 3)
    histogram = np.bincount(cells.ravel(), weights.ravel(), _CELLS**3)
    return (histogram / max(histogram.sum(), 1e-9)).astype(np.float32)
