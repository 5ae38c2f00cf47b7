"""How the camera turned, from the background: small grey pictures aligned by rotation alone.

Each picture is aligned with a key picture over the pixels that have contrast and belong to nobody,
coarse to fine, brightness included. The key stays until too little of it is left in view, so that
errors add up from key to key, not from frame to frame. Tiles of the picture that still seem to
slide afterwards tell that rotation does not explain it: the camera walks, or nothing is to be seen.
Sources: Baker & Matthews, Lucas-Kanade 20 Years On, 2004 (inverse composition); Shum & Szeliski,
Construction of Panoramic Image Mosaics, 2000 (rotational model).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Bools, Floats, Indices, check_shapes
from ..core.rotations import geodesic_angle, matrix_from_axis_angle, nearest_rotation

WIDTH = 480  # pixels of the longer side at which pictures are compared
_LEVELS = 4  # each half as wide as the one before it
_PIXELS = 2400  # at most on a level: those of the most contrast, spread over the picture
_ROUNDS = 12  # at most on a level
_SETTLED = 0.02  # pixels
_MARGIN = 0.12  # of a box's larger side, grown about people
_CONTRAST = 1.5  # grey levels a pixel, below which a gradient is noise; a guess
_KEPT = 0.6  # share of the key's pixels that must be in view
_TILES = (6, 8)  # rows, columns
_TILE_PIXELS = 8  # below which a tile has no say
_SLIDES = 0.7  # pixels, beyond which a tile contradicts; a guess: three times the noise
_AGREED = 0.6  # share of tiles by which a turn is relied on; a guess
_FEWEST_TILES = 6

Grey = Floats


@dataclass(frozen=True, eq=False)
class Turns:
    """The camera's turn over T frames."""

    R_first_from_cam: Floats  # (T, 3, 3)
    agreement: Floats  # (T,) 0..1, share of the background that the turn explains

    def __post_init__(self) -> None:
        check_shapes(self, R_first_from_cam="T 3 3", agreement="T")

    @property
    def reliable(self) -> Bools:
        """(T,) whether rotation alone explains what the background did."""
        return self.agreement >= _AGREED


def small_grey(image: NDArray[np.uint8]) -> Grey:
    """A picture (H, W, 3) as grey (h, w) of at most about `WIDTH`, by the mean of whole blocks."""
    block = max(1, round(max(image.shape[:2]) / WIDTH))
    height, width = image.shape[0] // block, image.shape[1] // block
    green = image[: height * block, : width * block, 1]
    rows = np.add.reduce(green.reshape(height, block, width * block), axis=1, dtype=np.uint16)
    total = np.add.reduce(rows.reshape(height, width, block), axis=2, dtype=np.uint32)
    return total.astype(np.float32) / np.float32(block * block)


def follow_turns(
    pictures: Iterable[Grey], people: Iterable[Floats], intrinsics: Iterable[Floats], width: int
) -> Turns:
    """Follow the camera's turn from frame to frame.

    Args:
        pictures: (h, w) of each frame, from `small_grey`.
        people: (P, 4) boxes of each frame, x0 y0 x1 y1, pixels of the full picture.
        intrinsics: (4,) fx fy cx cy of each frame, pixels of the full picture.
        width: Of the full picture, pixels.
    """
    turns: list[Floats] = []
    agreements: list[float] = []
    key: _Key | None = None
    before: _View | None = None
    speed = np.eye(3)  # the last turn, as a guess at the next one
    for picture, boxes, lens in zip(pictures, people, intrinsics, strict=True):
        scale = picture.shape[1] / width
        view = _View(picture, boxes * scale, lens * scale)
        if key is None or before is None:
            key, turn, agreement = _Key(view, np.eye(3)), np.eye(3), 1.0
        else:
            guess = turns[-1] @ speed
            turn, agreement, kept = key.align(view, guess)
            if agreement < _AGREED or kept < _KEPT:
                key = _Key(before, turns[-1])
                other, nearby, _ = key.align(view, guess)
                if nearby >= agreement:
                    turn, agreement = other, nearby
            if agreement < _AGREED / 2:  # nothing was found out: it is taken to rest
                turn = turns[-1]
            speed = turns[-1].T @ turn
        turns.append(turn)
        agreements.append(agreement)
        before = view
    return Turns(np.stack(turns), np.array(agreements))


def turn_between(
    pictures: tuple[Grey, Grey],
    people: tuple[Floats, Floats],
    intrinsics: tuple[Floats, Floats],
    width: int,
) -> float | None:
    """The angle in radians between two pictures, as for `follow_turns`; None: it is not known."""
    scale = pictures[0].shape[1] / width
    views = [
        _View(picture, boxes * scale, lens * scale)
        for picture, boxes, lens in zip(pictures, people, intrinsics, strict=True)
    ]
    turn, agreement, _ = _Key(views[0], np.eye(3)).align(views[1], np.eye(3))
    if agreement < _AGREED:
        return None
    return float(geodesic_angle(np.eye(3), turn))


class _View:
    """A picture with its pyramid and what of it belongs to the background."""

    def __init__(self, picture: Grey, boxes: Floats, intrinsics: Floats) -> None:
        self.levels = [picture]
        for _ in range(_LEVELS - 1):
            above = self.levels[-1]
            even = above[: above.shape[0] // 2 * 2, : above.shape[1] // 2 * 2]
            halves = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
            self.levels.append(halves.mean(axis=(1, 3)))
        self.intrinsics = intrinsics
        self.background: Bools = np.full(picture.shape, True)
        for box in boxes:
            grown = _MARGIN * max(box[2] - box[0], box[3] - box[1])
            x0, y0 = np.maximum(np.floor(box[:2] - grown), 0).astype(int)
            x1, y1 = np.maximum(np.ceil(box[2:] + grown), 0).astype(int)
            self.background[y0:y1, x0:x1] = False

    def lens(self, level: int) -> Floats:
        """(4,) of a level, whose pixels' centres lie at whole numbers."""
        fx, fy, cx, cy = self.intrinsics / 2**level
        return np.array([fx, fy, cx - 0.5, cy - 0.5])


@dataclass(frozen=True, eq=False)
class _Pixels:
    """M pixels of the key on one level."""

    rays: Floats  # (M, 3)
    grey: Floats  # (M,)
    gradient: Floats  # (M, 2) grey levels a pixel
    slope: Floats  # (M, 5) of the grey value by a turn about x, y, z, by gain and by offset
    tile: Indices  # (M,)


class _Key:
    """The picture that others are aligned with."""

    def __init__(self, view: _View, R_first_from_key: Floats) -> None:
        self._R_first_from_key = R_first_from_key
        self._levels = [_chosen_pixels(view, level) for level in range(_LEVELS)]

    def align(self, view: _View, R_first_from_cam: Floats) -> tuple[Floats, float, float]:
        """Find a view's turn from a guess.

        Returns:
            `R_first_from_cam`, the share of tiles that agree, the share of pixels in view.
        """
        R_cam_from_key = R_first_from_cam.T @ self._R_first_from_key
        agreement, kept = 0.0, 0.0
        for level in reversed(range(_LEVELS)):
            pixels = self._levels[level]
            if len(pixels.grey) < 10:
                continue
            R_cam_from_key, residual, inside = _refined(pixels, view, level, R_cam_from_key)
            if level == 0:
                agreement = _agreement(pixels, residual, inside)
                kept = float(inside.mean())
        return self._R_first_from_key @ R_cam_from_key.T, agreement, kept


def _chosen_pixels(view: _View, level: int) -> _Pixels:
    """The background's pixels of most contrast, one a cell."""
    grey = view.levels[level].astype(float)
    height, width = grey.shape
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    background = view.background[:: 2**level, :: 2**level][:height, :width]
    strength = np.where(background, strength, 0.0)
    strength[[0, -1]] = 0.0
    strength[:, [0, -1]] = 0.0
    cell = max(1, int(np.sqrt(height * width / _PIXELS)))
    rows, columns = height // cell, width // cell
    cells = strength[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    cells = cells.swapaxes(1, 2).reshape(rows, columns, cell * cell)
    best = cells.argmax(axis=-1)
    strong = cells.max(axis=-1) > _CONTRAST
    cell_row, cell_column = np.nonzero(strong)
    inside = best[cell_row, cell_column]
    row, column = cell_row * cell + inside // cell, cell_column * cell + inside % cell
    fx, fy, cx, cy = view.lens(level)
    a, b = (column - cx) / fx, (row - cy) / fy
    gx, gy = right[row, column], down[row, column]
    value = grey[row, column]
    slope = np.stack(
        (
            -gx * fx * a * b - gy * fy * (1 + b**2),
            gx * fx * (1 + a**2) + gy * fy * a * b,
            -gx * fx * b + gy * fy * a,
            value,
            np.ones_like(value),
        ),
        axis=-1,
    )
    return _Pixels(
        rays=np.stack((a, b, np.ones_like(a)), axis=-1),
        grey=value,
        gradient=np.stack((gx, gy), axis=-1),
        slope=slope,
        tile=(row * _TILES[0] // height) * _TILES[1] + column * _TILES[1] // width,
    )


def _refined(
    pixels: _Pixels, view: _View, level: int, R_cam_from_key: Floats
) -> tuple[Floats, Floats, Bools]:
    """The turn after some rounds, what is left of the difference (M,), and what is in view (M,)."""
    focal = view.lens(level)[0]
    residual, inside = _difference(pixels, view, level, R_cam_from_key)
    gain = np.array([0.0, 0.0])
    for _ in range(_ROUNDS):
        left = residual - pixels.slope[:, 3:] @ gain
        spread = 1.4826 * np.median(np.abs(left[inside])) if inside.sum() >= 10 else 0.0
        scale = 4.7 * max(float(spread), 0.5)  # Tukey's biweight; half a grey level is rounding
        weight = np.where(inside, np.maximum(1.0 - (left / scale) ** 2, 0.0) ** 2, 0.0)
        weighted = pixels.slope * weight[:, None]
        normal = weighted.T @ pixels.slope + np.diag([1e-6 * focal**2] * 3 + [1e3, 1e-3])
        step = np.linalg.solve(normal, weighted.T @ residual)
        gain = step[3:]
        R_cam_from_key = R_cam_from_key @ matrix_from_axis_angle(step[:3]).T
        residual, inside = _difference(pixels, view, level, R_cam_from_key)
        if np.abs(step[:3]).max() * focal < _SETTLED:
            break
    residual = residual - pixels.slope[:, 3:] @ gain
    return nearest_rotation(R_cam_from_key), residual, inside


def _difference(
    pixels: _Pixels, view: _View, level: int, R_cam_from_key: Floats
) -> tuple[Floats, Bools]:
    """(M,) grey of the view where the key's pixels fall, less the key's; and where they do."""
    grey = view.levels[level]
    height, width = grey.shape
    rays = pixels.rays @ R_cam_from_key.T
    fx, fy, cx, cy = view.lens(level)
    depth = np.maximum(rays[:, 2], 1e-3)
    x, y = rays[:, 0] / depth * fx + cx, rays[:, 1] / depth * fy + cy
    inside = (rays[:, 2] > 0.1) & (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
    x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
    column, row = x.astype(int), y.astype(int)
    right, down = x - column, y - row
    background = view.background[:: 2**level, :: 2**level]
    inside &= background[row, column]
    above = grey[row, column] * (1 - right) + grey[row, column + 1] * right
    below = grey[row + 1, column] * (1 - right) + grey[row + 1, column + 1] * right
    value = above * (1 - down) + below * down
    return np.where(inside, value - pixels.grey, 0.0), inside


def _agreement(pixels: _Pixels, residual: Floats, inside: Bools) -> float:
    """Share of tiles that do not slide any more; 0 where there is too little to tell."""
    count = _TILES[0] * _TILES[1]
    tile, gradient, left = pixels.tile[inside], pixels.gradient[inside], residual[inside]

    def summed(values: Floats) -> Floats:
        return np.bincount(tile, values, count).astype(float)

    xx, yy = summed(gradient[:, 0] ** 2), summed(gradient[:, 1] ** 2)
    xy = summed(gradient[:, 0] * gradient[:, 1])
    xr, yr = summed(gradient[:, 0] * left), summed(gradient[:, 1] * left)
    ridge = 0.05 * (xx + yy) + 1e-9  # along an edge nothing is known: it counts as resting
    determinant = (xx + ridge) * (yy + ridge) - xy**2
    slide_x = ((yy + ridge) * xr - xy * yr) / determinant
    slide_y = ((xx + ridge) * yr - xy * xr) / determinant
    enough = np.bincount(tile, minlength=count) >= _TILE_PIXELS
    if enough.sum() < _FEWEST_TILES:
        return 0.0
    return float((np.hypot(slide_x, slide_y)[enough] < _SLIDES).mean())
