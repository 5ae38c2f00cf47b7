"""Boxes as x0 y0 x1 y1 in pixels, and how they overlap."""

import numpy as np

from ...core.arrays import Floats, Indices


def areas(boxes: Floats) -> Floats:
    """(..., 4) -> (...)."""
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1)


def intersections(a: Floats, b: Floats) -> Floats:
    """Common areas of (A, 4) and (B, 4), (A, B)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.prod(np.maximum(high - low, 0.0), axis=-1)


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of (A, 4) and (B, 4), (A, B)."""
    common = intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None] - common
    return common / np.maximum(union, 1e-9)


def suppress(boxes: Floats, scores: Floats, max_overlap: float) -> Indices:
    """Indices of the boxes that no better one overlaps by more than `max_overlap`, best first."""
    order = np.argsort(-scores, kind="stable")
    table = overlaps(boxes, boxes)
    kept: list[int] = []
    for index in order:
        if all(table[index, other] <= max_overlap for other in kept):
            kept.append(int(index))
    return np.array(kept, dtype=np.int64)


def clipped(boxes: Floats, width: int, height: int) -> Floats:
    """Boxes (..., 4) inside the picture."""
    return np.clip(boxes, 0.0, np.array([width, height, width, height], dtype=float))
