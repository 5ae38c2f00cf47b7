"""Draws meshes into a picture with a depth buffer, all triangles of a size at once.

Source: Pineda, A Parallel Algorithm for Polygon Rasterization, 1988 (edge functions).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Floats, Indices
from ..core.camera import project

_NEAREST = 0.05  # metres; triangles that come closer are left out
_CANDIDATES = 2_000_000  # pixels looked at together, for memory


@dataclass(frozen=True, eq=False)
class Fragments:
    """What is seen: one entry a covered pixel."""

    pixels: Indices  # (M,) row * width + column
    faces: Indices  # (M,)
    corners: Floats  # (M, 3) barycentric weights


def rasterise(
    points_cam: Floats, faces: Indices, intrinsics: Floats, size: tuple[int, int]
) -> Fragments:
    """Find the nearest triangle of every pixel.

    Args:
        points_cam: (V, 3) metres, `cam`.
        faces: (F, 3), seen counter-clockwise from outside.
        intrinsics: (4,) pixels.
        size: Width and height.
    """
    width, height = size
    image = project(points_cam, intrinsics)
    corners, depth = image[faces], points_cam[faces][..., 2]  # (F, 3, 2), (F, 3)
    edges = corners[:, 1:] - corners[:, :1]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    low = np.ceil(corners.min(axis=1) - 0.5).clip(0, [width, height])
    high = np.floor(corners.max(axis=1) - 0.5).clip(-1, [width - 1, height - 1])
    span = (high - low + 1).max(axis=1)
    # With y down, outsides turn clockwise on the screen: their area is negative.
    shown = (area < 0) & (depth.min(axis=1) > _NEAREST) & np.all(high >= low, axis=1)
    found = [
        _covered(group, low[group], int(span[group].max()), corners, depth, area, high)
        for group in _groups(np.flatnonzero(shown), span)
    ]
    if not found:
        return Fragments(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 3)))
    column, row, face, weights, inverse_depth = (
        np.concatenate(part) for part in zip(*found, strict=True)
    )
    # Far ones first: where pixels repeat, the last that is written stays.
    order = np.argsort(inverse_depth, kind="stable")
    nearest = np.full(width * height, -1)
    nearest[row[order] * width + column[order]] = order
    pixels = np.flatnonzero(nearest >= 0)
    kept = nearest[pixels]
    return Fragments(pixels, face[kept], weights[kept])


def _groups(faces: Indices, span: Floats) -> Iterator[Indices]:
    """Triangles of like size together, each group small enough for the memory."""
    octave = np.ceil(np.log2(np.maximum(span[faces], 1))).astype(int)
    for power in np.unique(octave):
        alike = faces[octave == power]
        step = max(1, _CANDIDATES // 4**power)
        for start in range(0, len(alike), step):
            yield alike[start : start + step]


def _covered(
    group: Indices,
    low: Floats,
    span: int,
    corners: Floats,
    depth: Floats,
    area: Floats,
    high: Floats,
) -> tuple[Indices, Indices, Indices, Floats, Floats]:
    """Column, row, face, perspective weights and inverse depth of the pixels that are inside."""
    grid = np.arange(span)
    column = low[:, None, None, 0] + grid[None, None, :]  # (G, 1, K)
    row = low[:, None, None, 1] + grid[None, :, None]  # (G, K, 1)
    a, b, c = (corners[group, k][:, None, None] for k in range(3))  # (G, 1, 1, 2)
    x, y = column + 0.5, row + 0.5

    def edge(start: Floats, end: Floats) -> Floats:
        run = end - start
        return run[..., 0] * (y - start[..., 1]) - run[..., 1] * (x - start[..., 0])

    scale = 1.0 / area[group][:, None, None]
    first, second = edge(b, c) * scale, edge(c, a) * scale
    third = 1.0 - first - second
    within = (first >= 0) & (second >= 0) & (third >= 0)
    within &= (column <= high[group][:, None, None, 0]) & (row <= high[group][:, None, None, 1])
    triangle, down, across = np.nonzero(within)
    weights = np.stack((first[within], second[within], third[within]), axis=-1)
    weights = weights / depth[group][triangle]  # linear in the picture: attribute over depth
    inverse_depth = weights.sum(axis=1)
    return (
        (low[triangle, 0] + across).astype(np.int64),
        (low[triangle, 1] + down).astype(np.int64),
        group[triangle],
        weights / inverse_depth[:, None],
        inverse_depth,
    )
