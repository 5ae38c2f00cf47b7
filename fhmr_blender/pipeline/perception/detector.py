"""Where people are: boxes of persons (NanoDet), alignment points of bodies (BlazePose's detector).

Sources: Lyu, NanoDet (https://github.com/RangiLyu/nanodet), for distances as distributions over
bins; Bazarevsky et al., BlazePose: On-device Real-time Body Pose Tracking, 2020, for the points.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from ...core.arrays import Floats, check_shapes
from ..runtime import Network
from .boxes import clipped, overlaps, suppress
from .crops import Picture, crop_to_image, cut

_PERSON_SIZE = 416  # pixels of NanoDet's input
_PERSON_STRIDES = (8, 16, 32)
_BINS = 11  # of each distance
_BGR_MEAN = np.array([103.53, 116.28, 123.675], np.float32)  # NanoDet's own normalisation
_BGR_STD = np.array([57.375, 57.12, 58.395], np.float32)
_PERSON_OVERLAP = 0.6  # NanoDet's own suppression

_BODY_SIZE = 224  # pixels of the pose detector's input
_BODY_SCORE = 0.5  # BlazePose's own threshold
_BODY_OVERLAP = 0.3  # of the weighted suppression

TILE_ASPECT = 1.3  # guess: wider (or taller) pictures are also searched in two square tiles


@dataclass(frozen=True, eq=False)
class People:
    """Boxes of persons in one picture, best first."""

    boxes: Floats  # (P, 4) x0 y0 x1 y1, pixels
    scores: Floats  # (P,) 0..1

    def __post_init__(self) -> None:
        check_shapes(self, boxes="P 4", scores="P")


@dataclass(frozen=True, eq=False)
class Bodies:
    """Alignment points of bodies in one picture, best first."""

    points: Floats  # (P, 4, 2) mid-hip, point that sets the size, mid-shoulder, its point; pixels
    scores: Floats  # (P,) 0..1

    def __post_init__(self) -> None:
        check_shapes(self, points="P 4 2", scores="P")


def detect_people(
    image: Picture, person_detector: Network, min_score: float, *, tiles: bool
) -> People:
    """Find persons in a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        person_detector: NanoDet.
        min_score: 0..1.
        tiles: Search a long picture in two square tiles too: finds small people, costs three times.
    """
    height, width = image.shape[:2]
    squares = search_squares(image, tiles=tiles)
    found = [_people_in(image, square, person_detector, min_score) for square in squares]
    boxes = clipped(np.concatenate([people.boxes for people in found]), width, height)
    scores = np.concatenate([people.scores for people in found])
    kept = suppress(boxes, scores, _PERSON_OVERLAP)
    return People(boxes=boxes[kept], scores=scores[kept])


def search_squares(image: Picture, *, tiles: bool) -> list[Floats]:
    """Upright squares (4,) to search: the whole picture, of a long one two tiles as well."""
    height, width = image.shape[:2]
    long, short = max(height, width), min(height, width)
    squares = [np.array([width / 2, height / 2, long, 0.0])]
    if tiles and long > TILE_ASPECT * short:
        for centre in (short / 2, long - short / 2):
            middle = (centre, height / 2) if width > height else (width / 2, centre)
            squares.append(np.array([*middle, short, 0.0]))
    return squares


def _people_in(image: Picture, square: Floats, network: Network, min_score: float) -> People:
    """Persons in an upright square of the picture; what a tile's inner edge cuts is left out."""
    crop = cut(image, square, _PERSON_SIZE, replicate=False)
    normalised = (crop[..., ::-1] - _BGR_MEAN) / _BGR_STD
    answer = network({"input_1": normalised.transpose(2, 0, 1)[None]})
    boxes: list[Floats] = []
    scores: list[Floats] = []
    for stride in _PERSON_STRIDES:
        person = answer[f"scores_{stride}"][0, :, 0]
        chosen = np.flatnonzero(person >= min_score)
        logits = answer[f"distances_{stride}"][0, chosen].reshape(-1, 4, _BINS)
        sides = _softmax(logits) @ np.arange(_BINS) * stride  # (n, 4) left top right bottom
        cells = _PERSON_SIZE // stride
        centres = np.stack((chosen % cells, chosen // cells), axis=-1) * stride + stride / 2
        boxes.append(np.concatenate((centres - sides[:, :2], centres + sides[:, 2:]), axis=-1))
        scores.append(person[chosen])
    found, confidence = np.concatenate(boxes), np.concatenate(scores)
    found = np.clip(found, 0.0, _PERSON_SIZE)
    kept = suppress(found, confidence, _PERSON_OVERLAP)
    corners = crop_to_image(found[kept].reshape(-1, 2, 2), square, _PERSON_SIZE)
    in_picture = corners.reshape(-1, 4)
    whole = ~_cut_by(in_picture, square, image)
    return People(boxes=in_picture[whole], scores=confidence[kept][whole].astype(float))


def _cut_by(boxes: Floats, square: Floats, image: Picture) -> np.ndarray:
    """(P,) whether a box ends at an edge of the square that is no edge of the picture."""
    height, width = image.shape[:2]
    margin = square[2] * 0.01
    low, high = square[:2] - square[2] / 2, square[:2] + square[2] / 2
    inner_low = low > margin
    inner_high = high < np.array([width, height]) - margin
    return ((boxes[:, :2] < low + margin) & inner_low).any(axis=-1) | (
        (boxes[:, 2:] > high - margin) & inner_high
    ).any(axis=-1)


def detect_bodies(image: Picture, square: Floats, detector: Network) -> Bodies:
    """Find bodies, however they are turned, in an upright square of the picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        square: (4,) centre x y, side in pixels; roll 0.
        detector: BlazePose's detector.
    """
    crop = cut(image, square, _BODY_SIZE, replicate=False)
    answer = detector({"image": crop[None] / np.float32(127.5) - np.float32(1.0)})
    logits = np.clip(answer["logits"][0, :, 0], -100.0, 100.0)
    scores = 1.0 / (1.0 + np.exp(-logits.astype(float)))
    chosen = np.flatnonzero(scores >= _BODY_SCORE)
    raw = answer["boxes"][0, chosen].astype(float).reshape(-1, 6, 2) / _BODY_SIZE
    anchors = _anchors()[chosen]
    centres, sizes, points = raw[:, 0] + anchors, raw[:, 1], raw[:, 2:] + anchors[:, None]
    boxes = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=-1)
    merged = _weighted_suppression(boxes, scores[chosen], points)
    pixels = crop_to_image(merged.points * _BODY_SIZE, square, _BODY_SIZE)
    return Bodies(points=pixels, scores=merged.scores)


@cache
def _anchors() -> Floats:
    """(2254, 2) centres of cells, 0..1: 28 x 28 and 14 x 14 twice, 7 x 7 six times."""
    layers: list[Floats] = []
    for stride, count in ((8, 2), (16, 2), (32, 6)):
        cells = _BODY_SIZE // stride
        centres = (np.arange(cells) + 0.5) / cells
        columns, rows = np.meshgrid(centres, centres)
        grid = np.stack((columns.ravel(), rows.ravel()), axis=-1)
        layers.append(np.repeat(grid, count, axis=0))
    return np.concatenate(layers)


def _weighted_suppression(boxes: Floats, scores: Floats, points: Floats) -> Bodies:
    """Average the points of boxes that overlap, weighted by their scores."""
    left = np.argsort(-scores, kind="stable")
    merged: list[Floats] = []
    best: list[float] = []
    while len(left):
        first = boxes[left[:1]]
        near = overlaps(first, boxes[left])[0] > _BODY_OVERLAP
        near[0] = True
        group = left[near]
        merged.append(np.average(points[group], axis=0, weights=scores[group]))
        best.append(float(scores[left[0]]))
        left = left[~near]
    return Bodies(points=np.array(merged).reshape(-1, 4, 2), scores=np.array(best))


def _softmax(logits: Floats) -> Floats:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
