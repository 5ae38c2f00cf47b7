"""How often a body is found when it is turned, cut at the chest or at the picture's edge.

python -m tests.benchmarks.region_finding [FOLDER]: pictures and movies (six frames each); without
it tests/data.
The truth is what the front end says about whole bodies in the untouched picture: look at it first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import Footage
from fhmr_blender.pipeline.perception.crops import crop_to_image, cut
from fhmr_blender.pipeline.perception.front_end import PictureObservation, observe_picture
from fhmr_blender.pipeline.weights import load_networks

DATA = Path(__file__).resolve().parents[1] / "data"
CLOSE = 0.05  # of the region's side
TURNS = (30, 45, 90, 135, 180, 225, 270, 315)  # degrees, clockwise
FRAMES = 6  # of a movie
KNEES_ANKLES = [25, 26, 27, 28]
SMALLEST = 100.0  # pixels; smaller people are no truth
Points = np.ndarray


@dataclass(frozen=True)
class Trial:
    """A changed picture, the way back to the untouched one, and what can still be seen."""

    kind: str
    image: np.ndarray
    back: Callable[[Points], Points]
    visible: np.ndarray  # (33,)


def is_truth(person: PictureObservation) -> bool:
    """A whole body, large and well found: what is cut already proves nothing when it is turned."""
    whole = person.keypoints[KNEES_ANKLES, 4].min() >= 0.5
    return bool(whole and person.region[2] >= SMALLEST and person.overlap >= 0.5)


def trials(image: np.ndarray, person: PictureObservation) -> Iterator[Trial]:
    """The changes of one picture for one person."""
    height, width = image.shape[:2]
    everything = np.ones(33, np.bool_)
    for degrees in TURNS:
        square = np.array([width / 2, height / 2, np.hypot(width, height), np.radians(degrees)])
        size = min(int(square[2]), 1600)
        turned = cut(image, square, size, replicate=True).astype(np.uint8)
        yield Trial(
            f"turned {degrees}",
            turned,
            lambda points, square=square, size=size: crop_to_image(points, square, size),
            everything,
        )
    points = person.keypoints[:, :2]
    shoulders, hips = points[[11, 12], 1].mean(), points[[23, 24], 1].mean()
    row = int(shoulders + 0.6 * (hips - shoulders))
    if 64 < row < height and hips > shoulders:
        yield Trial("cut at the chest", image[:row], lambda points: points, points[:, 1] < row)
    column = int(points[[11, 12, 23, 24], 0].mean())
    if 64 < column < width - 64:
        left, right = image[:, :column], image[:, column:]
        yield Trial(
            "half outside, right",
            np.ascontiguousarray(left),
            lambda points: points,
            points[:, 0] < column,
        )
        yield Trial(
            "half outside, left",
            np.ascontiguousarray(right),
            lambda points: points + np.array([column, 0]),
            points[:, 0] > column,
        )


def pictures(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Every picture, and frames of every movie."""
    for path in sorted(folder.iterdir()):
        try:
            footage = Footage(path)
        except FhmrError:
            continue
        count = 1 if footage.is_picture else min(FRAMES, footage.frame_count)
        for number in np.linspace(0, footage.frame_count - 1, count).astype(int):
            yield f"{path.name} {number}", footage.frame(int(number))


def main() -> None:
    """Measure and print one line a kind."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    networks = load_networks(threads=1)
    outcomes: dict[str, list[bool]] = {}
    seconds: list[float] = []
    people_seen = 0
    for _, image in pictures(folder):
        start = time.perf_counter()
        people = observe_picture(image, networks)
        seconds.append(time.perf_counter() - start)
        for person in people:
            if not is_truth(person):
                continue
            people_seen += 1
            for trial in trials(image, person):
                if trial.visible.sum() < 8:
                    continue
                errors = [
                    np.median(
                        np.linalg.norm(
                            trial.back(found.keypoints[:, :2]) - person.keypoints[:, :2], axis=-1
                        )[trial.visible]
                    )
                    / person.region[2]
                    for found in observe_picture(trial.image, networks)
                ]
                outcomes.setdefault(trial.kind, []).append(min(errors, default=1.0) < CLOSE)
    print(f"{people_seen} people in {len(seconds)} pictures of {folder}")
    print(f"a picture: median {np.median(seconds):.2f} s, one thread")
    for kind, found in outcomes.items():
        print(f"{kind:20s} {np.mean(found):.2f} of {len(found)}")


if __name__ == "__main__":
    main()
