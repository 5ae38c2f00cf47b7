"""Cuts a turned square out of a picture: one convention for training and use.

A pixel's centre lies at +0.5 in both the picture and the crop; the square's corners fall on the
crop's corners. Shrinking averages whole blocks first, so that nothing aliases.
"""

import numpy as np
from numpy.typing import NDArray

from ...core.arrays import Bools, Floats

Picture = NDArray[np.uint8]  # (H, W, 3) RGB


def cut(image: Picture, region: Floats, size: int, *, replicate: bool) -> Floats:
    """Sample a square region, bilinear.

    Args:
        image: (H, W, 3) uint8.
        region: (4,) centre x y, side in pixels; clockwise roll in radians.
        size: Of the crop, pixels.
        replicate: Continue the picture's edge outside it; otherwise black.

    Returns:
        (size, size, 3) float32, 0..255.
    """
    offsets = ((np.arange(size) + 0.5) / size - 0.5) * region[2]
    cos, sin = np.cos(region[3]), np.sin(region[3])
    x = (region[0] + cos * offsets - sin * offsets[:, None]).ravel()
    y = (region[1] + sin * offsets + cos * offsets[:, None]).ravel()
    height, width = image.shape[:2]
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    x, y = np.clip(x, 0.0, width), np.clip(y, 0.0, height)
    factor = max(int(region[2] / size + 0.5), 1)
    # One block more all round, so that no block of the inside is completed by its own edge.
    left, top = (max(int(low) - factor - 1, 0) for low in (x.min(), y.min()))
    right = min(int(x.max()) + factor + 2, width)
    bottom = min(int(y.max()) + factor + 2, height)
    reduced = _reduced(image[top:bottom, left:right], factor)
    sampled = _bilinear(reduced, (x - left) / factor, (y - top) / factor)
    if not replicate:
        sampled[~inside] = 0.0
    return sampled.reshape(size, size, 3)


def crop_to_image(points: Floats, region: Floats, size: int) -> Floats:
    """Crop pixels (..., 2) -> picture pixels (..., 2)."""
    turn = _turn(region[3])
    return (points / size - 0.5) * region[2] @ turn.T + region[:2]


def image_to_crop(points: Floats, region: Floats, size: int) -> Floats:
    """Picture pixels (..., 2) -> crop pixels (..., 2)."""
    turn = _turn(region[3])
    return ((points - region[:2]) @ turn / region[2] + 0.5) * size


def painted(image: Picture, mask: Bools, region: Floats) -> Picture:
    """The picture with a crop's mask painted over in the picture's mean colour.

    Args:
        image: (H, W, 3) uint8.
        mask: (size, size) of the crop.
        region: (4,) of the crop.
    """
    size = len(mask)
    height, width = image.shape[:2]
    reach = region[2] * 0.71  # half the diagonal of the turned square
    left, top = (max(int(low - reach), 0) for low in region[:2])
    right, bottom = min(int(region[0] + reach) + 1, width), min(int(region[1] + reach) + 1, height)
    columns, rows = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
    points = image_to_crop(np.stack((columns, rows), axis=-1), region, size)
    cells = np.floor(points).astype(np.int64)
    inside = ((cells >= 0) & (cells < size)).all(axis=-1)
    cells = np.clip(cells, 0, size - 1)
    result = image.copy()
    hidden = inside & mask[cells[..., 1], cells[..., 0]]
    result[top:bottom, left:right][hidden] = image.mean(axis=(0, 1)).astype(np.uint8)
    return result


def _turn(roll: float) -> Floats:
    """(2, 2) clockwise on the screen (y down)."""
    cos, sin = np.cos(roll), np.sin(roll)
    return np.array([[cos, -sin], [sin, cos]])


def _reduced(window: Picture, factor: int) -> Floats:
    """Average blocks of factor x factor; incomplete blocks at the end continue the edge."""
    if factor == 1:
        return window.astype(np.float32)
    height, width = window.shape[:2]
    below, right = -height % factor, -width % factor
    if below or right:
        window = np.pad(window, ((0, below), (0, right), (0, 0)), mode="edge")
    height, width = window.shape[:2]
    rows = np.zeros((height // factor, width, 3), np.float32)
    for offset in range(factor):
        rows += window[offset::factor]
    blocks = np.zeros((height // factor, width // factor, 3), np.float32)
    for offset in range(factor):
        blocks += rows[:, offset::factor]
    return blocks / np.float32(factor * factor)


def _bilinear(image: Floats, x: Floats, y: Floats) -> Floats:
    """Sample float32 (H, W, 3) at points (M,) whose pixel centres lie at +0.5; edges continue."""
    height, width = image.shape[:2]
    x = np.clip(x - 0.5, 0.0, width - 1.0)
    y = np.clip(y - 0.5, 0.0, height - 1.0)
    left = np.minimum(x.astype(np.int64), max(width - 2, 0))
    top = np.minimum(y.astype(np.int64), max(height - 2, 0))
    right_weight = (x - left).astype(np.float32)[:, None]
    lower_weight = (y - top).astype(np.float32)[:, None]
    flat = image.reshape(-1, 3)
    first = top * width + left
    step_x, step_y = int(width > 1), width * int(height > 1)

    def row(start: NDArray[np.int64]) -> Floats:
        near = flat.take(start, axis=0)
        return near + (flat.take(start + step_x, axis=0) - near) * right_weight

    upper = row(first)
    return upper + (row(first + step_y) - upper) * lower_weight
