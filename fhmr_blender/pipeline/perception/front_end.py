"""The front end's doors: one picture, or a clip frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Floats, Indices, check_shapes
from ...core.motion import Observations
from ...errors import FhmrError
from ...jobs import Report
from ..footage import Footage
from ..weights import Networks
from .boxes import clipped
from .crops import Picture
from .detector import detect_people
from .following import STILL_SCORE, Follower, Sighting
from .regions import Fit, find_bodies, find_unboxed, without_doubles


@dataclass(frozen=True, eq=False)
class PictureObservation:
    """One person in one picture."""

    bbox: Floats  # (4,) x0 y0 x1 y1, pixels
    region: Floats  # (4,) centre x y, side in pixels; clockwise roll in radians
    confidence: float  # 0..1 of the person, 1 for a given box
    overlap: float  # 0..1 of the pose with the box
    keypoints: Floats  # (33, 5) x y z pixels, visibility and presence 0..1
    keypoints_world: Floats  # (33, 3) metres, hip-centred, picture axes
    image_feature: Floats  # (288,)

    def __post_init__(self) -> None:
        check_shapes(
            self,
            bbox="4",
            region="4",
            keypoints="33 5",
            keypoints_world="33 3",
            image_feature="288",
        )


def observe_picture(
    image: Picture, networks: Networks, boxes: Floats | None = None
) -> tuple[PictureObservation, ...]:
    """Find the people of one picture and their landmarks.

    Args:
        image: (H, W, 3) uint8 RGB.
        networks: `landmarker` and `detector` are called, without boxes `person_detector` too.
        boxes: (P, 4) x0 y0 x1 y1 of the people, pixels; None looks for them.

    Returns:
        One observation a person. With boxes: in their order, one each, whatever is found there.
        Without: the surest first, doubles and poses that do not fit their box left out.
    """
    height, width = image.shape[:2]
    if boxes is not None:
        given = clipped(np.asarray(boxes, dtype=float).reshape(-1, 4), width, height)
        fits = find_bodies(image, given, networks.detector, networks.landmarker)
        return tuple(_observation(fit, box, 1.0) for fit, box in zip(fits, given, strict=True))
    people = detect_people(image, networks.person_detector, STILL_SCORE, tiles=True)
    fits = find_bodies(image, people.boxes, networks.detector, networks.landmarker)
    found = tuple(
        _observation(fits[index], people.boxes[index], float(people.scores[index]))
        for index in without_doubles(fits)
    )
    unboxed = None if found else find_unboxed(image, networks.detector, networks.landmarker)
    if unboxed is not None:
        box, fit = unboxed
        return (_observation(fit, box, fit.overlap / 2),)  # half: only the pose speaks
    return found


def observe(
    footage: Footage,
    frames: Sequence[int],
    intrinsics: Floats,
    networks: Networks,
    report: Report,
    *,
    people: int | None = None,
    boxes: Floats | None = None,
) -> tuple[Observations, ...]:
    """Find the people of a picture or clip, keep them apart and find their landmarks.

    Args:
        footage: Read one frame at a time.
        frames: Increasing frame numbers.
        intrinsics: (4,) fx fy cx cy of every frame, pixels.
        networks: `person_detector`, `detector` and `landmarker` are called.
        report: Told the progress; may raise `Cancelled`.
        people: Keep only the most prominent; None keeps all.
        boxes: (P, 4) x0 y0 x1 y1 drawn by hand in the first frame; then only they are followed.

    Returns:
        One person each, the most prominent first, over the frames where it was seen.

    Raises:
        FhmrError: Nobody was found.
    """
    follower = Follower(networks)
    for index, number in enumerate(frames):
        report(index / len(frames), f"Landmarks {index + 1}/{len(frames)}")
        follower.look(footage.frame(number), None if index else boxes)
    found = follower.people()[:people]
    if not found:
        where = f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]}-{frames[-1]}"
        raise FhmrError(
            f"No person was found in {where} of {footage.path.name}.",
            "Choose other frames, or a picture that shows the person larger.",
        )
    numbers, seconds = np.asarray(frames, dtype=np.int64), footage.seconds(frames)
    return tuple(_observations(person, numbers, seconds, intrinsics) for person in found)


def _observations(
    person: Sequence[Sighting], numbers: Indices, seconds: Floats, intrinsics: Floats
) -> Observations:
    seen = np.array([sighting.frame for sighting in person])
    landmarks = [sighting.landmarks for sighting in person]
    return Observations(
        frames=numbers[seen],
        seconds=seconds[seen],
        intrinsics=np.broadcast_to(intrinsics, (len(seen), 4)).astype(float),
        bbox=np.array([sighting.box for sighting in person]),
        region=np.array([item.region for item in landmarks]),
        track_confidence=np.array([sighting.confidence for sighting in person]),
        keypoints=np.array([item.keypoints for item in landmarks]),
        keypoints_world=np.array([item.keypoints_world for item in landmarks]),
        image_feature=np.array([item.image_feature for item in landmarks]),
    )


def _observation(fit: Fit, box: Floats, confidence: float) -> PictureObservation:
    landmarks = fit.landmarks
    return PictureObservation(
        bbox=box,
        region=landmarks.region,
        confidence=confidence,
        overlap=fit.overlap,
        keypoints=landmarks.keypoints,
        keypoints_world=landmarks.keypoints_world,
        image_feature=landmarks.image_feature,
    )
