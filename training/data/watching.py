"""The front end on a few pictures of one person, whose boxes somebody else has found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.pipeline.perception.boxes import clipped
from fhmr_blender.pipeline.perception.crops import Picture
from fhmr_blender.pipeline.perception.landmarks import Landmarks
from fhmr_blender.pipeline.perception.regions import find_body, follow_body
from fhmr_blender.pipeline.perception.tracking import Track
from fhmr_blender.pipeline.weights import Networks

_FOUND_OVERLAP = 0.2  # pose against box; below, the front end's own rule says "not found"
_SMALLEST = 16.0  # pixels of a visible silhouette's longer side, below which nobody looks


@dataclass(frozen=True, eq=False)
class Sighting:
    """What the front end said of one frame."""

    landmarks: Landmarks | None  # None where the person was not found
    region: Floats  # (4,) that was looked at


def watch(images: Sequence[Picture], boxes: Floats, networks: Networks) -> tuple[Sighting, ...]:
    """Track one person as the front end does; boxes (T, 4) stand for the person detector."""
    track: Track | None = None
    sightings: list[Sighting] = []
    for frame, image in enumerate(images):
        box = clipped(boxes[frame], image.shape[1], image.shape[0])
        size = (box[2:] - box[:2]).max()
        expected = track.expected_region(frame) if track is not None else None
        if size < _SMALLEST:
            sightings.append(Sighting(None, expected if expected is not None else _around(box)))
            track = None
            continue
        fit = None
        if expected is not None:
            fit = follow_body(image, expected, box, networks.landmarker)
        if fit is None or fit.overlap < _FOUND_OVERLAP:
            fit = find_body(image, box, networks.detector, networks.landmarker)
        if fit.overlap < _FOUND_OVERLAP:
            sightings.append(Sighting(None, fit.landmarks.region))
            track = None
            continue
        sightings.append(Sighting(fit.landmarks, fit.landmarks.region))
        if track is None:
            track = Track(box=box, frame=frame)
        track.see(box, fit.landmarks.next_region, frame)
    return tuple(sightings)


def _around(box: Floats) -> Floats:
    """A region (4,) around a box, for frames in which nobody was looked for."""
    return np.array([*(box[:2] + box[2:]) / 2, max(1.25 * (box[2:] - box[:2]).max(), 16.0), 0.0])
