"""Cuts a turned square out of a picture: one convention for training and use.

A pixel's centre lies at +0.5 in both the picture and the crop; the square's corners fall on the
crop's corners. Shrinking averages whole blocks first, so that nothing aliases.
"""

import numpy as np
from numpy.typing import NDArray

from ...core.arrays import Bools, Floats, Indices

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
    x, y = _places(region, size)
    height, width = image.shape[:2]
    inside = None if replicate else (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    x, y = np.clip(x, 0.0, width), np.clip(y, 0.0, height)
    factor = max(int(region[2] / size + 0.5), 1)
    # One block more all round, so that no block of the inside is completed by its own edge.
    left, top = (max(int(low) - factor - 1, 0) for low in (x.min(), y.min()))
    right = min(int(x.max()) + factor + 2, width)
    bottom = min(int(y.max()) + factor + 2, height)
    planes = _reduced(image[top:bottom, left:right], factor)
    sampled = _sampled(planes, (x - left) / factor, (y - top) / factor)
    if inside is not None:
        sampled[:, ~inside] = 0.0
    return sampled.transpose(1, 2, 0)


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
    """Average blocks of factor x factor; incomplete blocks at the end continue the edge.

    Returns:
        (3, h, w) float32: numpy is quick where the last axis is long.
    """
    if factor == 1:
        return window.transpose(2, 0, 1).astype(np.float32, order="C")
    height, width = window.shape[:2]
    below, right = -height % factor, -width % factor
    if below or right:
        window = np.pad(window, ((0, below), (0, right), (0, 0)), mode="edge")
    whole = np.uint16 if factor <= 16 else np.uint32  # holds a block's sum
    rows = window[::factor].astype(whole)
    for offset in range(1, factor):
        rows += window[offset::factor]
    planes = rows.transpose(2, 0, 1)
    blocks = planes[..., ::factor].copy(order="C")
    for offset in range(1, factor):
        blocks += planes[..., offset::factor]
    return blocks.astype(np.float32) / np.float32(factor * factor)


def _places(region: Floats, size: int) -> tuple[Floats, Floats]:
    """Where in the picture a crop's pixels lie, x and y (size, size).

    Of an upright region x (1, size) and y (size, 1), since its rows are alike, and its columns.
    """
    offsets = ((np.arange(size) + 0.5) / size - 0.5) * region[2]
    if region[3] == 0.0:
        return (region[0] + offsets)[None], (region[1] + offsets)[:, None]
    cos, sin = np.cos(region[3]), np.sin(region[3])
    x = region[0] + cos * offsets - sin * offsets[:, None]
    y = region[1] + sin * offsets + cos * offsets[:, None]
    return x, y


def _sampled(planes: Floats, x: Floats, y: Floats) -> Floats:
    """Sample (3, h, w) bilinear, pixel centres at +0.5; edges continue.

    Args:
        planes: float32.
        x: As `_places` gives them, in pixels of the planes.
        y: The same.

    Returns:
        (3, size, size) float32.
    """
    height, width = planes.shape[1:]
    step_x, step_y = int(width > 1), int(height > 1)
    left, across = _between(x, width)
    top, down = _between(y, height)
    if len(x) == 1:  # every row needs the same columns
        column, line = left.reshape(-1), top.reshape(-1)
        rows = _mixed(planes.take(column, axis=2), planes.take(column + step_x, axis=2), across)
        return _mixed(rows.take(line, axis=1), rows.take(line + step_y, axis=1), down)
    flat = planes.reshape(3, -1)
    first: Indices = top * width + left
    second: Indices = first + step_y * width
    upper = _mixed(flat.take(first, axis=1), flat.take(first + step_x, axis=1), across)
    lower = _mixed(flat.take(second, axis=1), flat.take(second + step_x, axis=1), across)
    return _mixed(upper, lower, down)


def _between(places: Floats, length: int) -> tuple[Indices, Floats]:
    """The pixel before each place along an axis, and the share of the one behind it."""
    places = np.clip(places - 0.5, 0.0, length - 1.0)
    before = np.minimum(places.astype(np.int64), max(length - 2, 0))
    return before, (places - before).astype(np.float32)


def _mixed(near: Floats, far: Floats, share: Floats) -> Floats:
    """near + (far - near) share, in the place of `far`: new arrays cost as much as the sums."""
    far -= near
    far *= share
    far += near
    return far
