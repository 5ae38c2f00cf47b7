"""People of two colours on grey, and networks of a few lines that see them exactly.

A person is a box: the upper half one colour, the lower half another. The networks answer in the
form of the shipped ones, so that everything between pixels and observations runs as it ships.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.weights import Networks
from tests.unit import sitter

GREY = 110
COLOURS = {  # upper, lower
    "red": ((230, 40, 40), (40, 40, 120)),
    "green": ((40, 200, 60), (120, 60, 20)),
    "blue": ((60, 90, 240), (20, 100, 90)),
}
_MEAN = np.array([103.53, 116.28, 123.675])  # NanoDet's normalisation, BGR
_STD = np.array([57.375, 57.12, 58.395])
_TEMPLATE = np.tile([0.5, 0.08], (33, 1))  # places in the box, 0..1
for _mark, _place in {
    7: (0.6, 0.08), 8: (0.4, 0.08), 11: (0.8, 0.2), 12: (0.2, 0.2), 13: (0.9, 0.35),
    14: (0.1, 0.35),
    15: (0.95, 0.5), 16: (0.05, 0.5), 17: (0.97, 0.53), 18: (0.03, 0.53), 19: (0.97, 0.55),
    20: (0.03, 0.55), 21: (0.93, 0.53), 22: (0.07, 0.53), 23: (0.7, 0.52), 24: (0.3, 0.52),
    25: (0.7, 0.75), 26: (0.3, 0.75), 27: (0.7, 0.95), 28: (0.3, 0.95), 29: (0.7, 0.98),
    30: (0.3, 0.98), 31: (0.8, 0.99), 32: (0.2, 0.99),
}.items():  # fmt: skip
    _TEMPLATE[_mark] = _place


@dataclass
class Looks:
    """How often each network was asked."""

    landmarks: int = 0
    people: int = 0


@dataclass
class PaintedFootage:
    """Frames that a function paints.

    Attributes:
        paint: Frame number -> places of people (name -> x, y of the box's centre), those behind
            first; None is a frame that cannot be read.
        scene: Frame number -> brightness of the background; another scene is another angle.
    """

    paint: Callable[[int], Mapping[str, tuple[float, float]] | None]
    frame_count: int
    fps: float = 30.0
    size: tuple[int, int] = (320, 240)
    box: tuple[int, int] = (36, 110)
    scene: Callable[[int], int] = lambda number: 0
    sha256: str = "5" * 64
    path: Path = Path("painted.mp4")
    read: list[int] = field(default_factory=list)

    def frame(self, number: int) -> np.ndarray:
        self.read.append(number)
        people = self.paint(number)
        if people is None:
            raise FhmrError(f"Frame {number} of painted.mp4 cannot be decoded.", "Cut it out.")
        width, height = self.size
        image = np.full((height, width, 3), GREY, np.uint8)
        _decorate(image, self.scene(number))
        for name, (x, y) in people.items():
            upper, lower = COLOURS[name]
            left, right = int(x - self.box[0] / 2), int(x + self.box[0] / 2)
            top, bottom = int(y - self.box[1] / 2), int(y + self.box[1] / 2)
            middle = int(y + 0.02 * self.box[1])
            columns = slice(max(left, 0), max(right, 0))
            image[max(top, 0) : max(middle, 0), columns] = upper
            image[max(middle, 0) : max(bottom, 0), columns] = lower
        return image

    def seconds(self, numbers: Sequence[int]) -> np.ndarray:
        return np.asarray(numbers, dtype=float) / self.fps


def _decorate(image: np.ndarray, scene: int) -> None:
    """Grey patches: in every scene others, and of another brightness."""
    rng = np.random.default_rng(scene)
    height, width = image.shape[:2]
    darkest = {0: 90, 1: 40, 2: 170}[scene]
    shades = rng.integers(darkest, darkest + 50, (6, 8))
    cells = np.kron(shades, np.ones((-(-height // 6), -(-width // 8))))[:height, :width]
    image[:] = cells[..., None].astype(np.uint8)


def _boxes(image: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> box (4,) of the visible pixels and their mask, RGB 0..255."""
    found = {}
    planes = np.ascontiguousarray(image.astype(np.int16).transpose(2, 0, 1))
    for name, halves in COLOURS.items():
        mask = np.zeros(image.shape[:2], dtype=bool)
        for colour in halves:
            near = np.abs(planes[0] - colour[0]) < 30
            for plane, value in zip(planes[1:], colour[1:], strict=True):
                near &= np.abs(plane - value) < 30
            mask |= near
        if mask.sum() >= 30:
            rows, columns = np.nonzero(mask)
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            found[name] = (box.astype(float), mask)
    return found


def networks(
    looks: Looks | None = None, unseen: Sequence[str] = (), posed: Sequence[str] = ()
) -> Networks:
    """Networks that see painted people.

    Args:
        looks: Counts them.
        unseen: Missed by the person detector.
        posed: Found by the pose detector.
    """
    looks = Looks() if looks is None else looks

    def person_detector(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        looks.people += 1
        image = (inputs["input_1"][0].transpose(1, 2, 0) * _STD + _MEAN)[..., ::-1]
        answer = {}
        for stride, count in ((8, 2704), (16, 676), (32, 169)):
            answer[f"scores_{stride}"] = np.zeros((1, count, 80), np.float32)
            answer[f"distances_{stride}"] = np.full((1, count, 44), -60.0, np.float32)
        for name, (box, _) in _boxes(image).items():
            if name in unseen:
                continue
            column, row = (int(c) for c in ((box[:2] + box[2:]) / 2) // 32)
            cell = row * 13 + column
            centre = np.array([column, row]) * 32 + 16.0
            sides = np.concatenate((centre - box[:2], box[2:] - centre)) / 32
            for side, bins in enumerate(np.clip(sides, 0.0, 9.99)):
                low = int(bins)
                share = bins - low
                place = side * 11 + low
                logits = np.log(np.maximum([1 - share, share], 1e-9))
                answer["distances_32"][0, cell, place : place + 2] = logits
            answer["scores_32"][0, cell, 0] = 0.9
        return answer

    def detector(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        boxes = np.zeros((1, 2254, 12), np.float32)
        logits = np.full((1, 2254, 1), -100.0, np.float32)
        found = _boxes((inputs["image"][0] + 1.0) * 127.5)
        for name in set(posed) & set(found):
            box, _ = found[name]
            centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
            column, row = (int(c) for c in np.minimum(centre // 32, 6))
            anchor = 1960 + 6 * (7 * row + column)  # the first of the cell's, in the coarsest grid
            trunk = centre - [0, 0.3 * size[1]]
            points = [centre, centre - [0, 0.5 * size[1]], trunk, trunk]
            offsets = np.array([centre, size, *points]) - (np.array([column, row]) * 32 + 16.0)
            offsets[1] = size
            boxes[0, anchor], logits[0, anchor] = offsets.ravel(), 5.0
        return {"boxes": boxes, "logits": logits}

    def landmarker(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        looks.landmarks += 1
        found = _boxes(inputs["image"][0] * 255.0)
        box, mask, flag = np.array([100.0, 60.0, 156.0, 200.0]), np.zeros((256, 256), bool), 0.0
        if found:
            box, mask = min(
                found.values(), key=lambda one: np.abs((one[0][:2] + one[0][2:]) / 2 - 128).sum()
            )
            flag = 1.0
        landmarks = np.zeros((39, 5), np.float32)
        landmarks[:33, :2] = box[:2] + _TEMPLATE * (box[2:] - box[:2])
        landmarks[:, 3:] = 4.0
        height = box[3] - box[1]
        landmarks[33, :2] = landmarks[[23, 24], :2].mean(axis=0)
        landmarks[34, :2] = landmarks[33, :2] - [0, 0.5 * height]
        world = np.zeros((39, 3), np.float32)
        world[:33, :2] = (_TEMPLATE - [0.5, 0.52]) * [0.6, 1.7]
        return {
            "landmarks": landmarks.reshape(1, 195),
            "world": world.reshape(1, 117),
            "heatmap": np.full((1, 39, 64, 64), -9.0, np.float32),
            "poseflag": np.full((1, 1), flag, np.float32),
            "seg_logits": np.where(mask, 5.0, -5.0)[None, None].astype(np.float32),
            "feature": np.full((1, 2, 2, 288), mask.mean(), np.float32),
        }

    return Networks(
        landmarker=landmarker,
        detector=detector,
        person_detector=person_detector,
        anchor=sitter.never,
        completion=sitter.completion_network,
        constants=sitter.constants(),
        checksums={"landmarker": "a", "detector": "b", "person_detector": "c"},
    )
