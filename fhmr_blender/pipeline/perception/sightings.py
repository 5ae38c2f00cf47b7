"""What is remembered of everybody who is followed: small, without pixels."""

from dataclasses import dataclass, field, replace

import numpy as np

from ...core.arrays import Floats
from ...core.second_look import agreement, middle
from ..runtime import Network
from .crops import Picture
from .landmarks import LANDMARKS, Landmarks, find_landmarks
from .tracking import Track

_WORN = 0.1  # guess: share of a new look in what is remembered of somebody's clothing

LEAST_CONFIDENCE = 0.01  # 0 means that nobody was seen


@dataclass(frozen=True, eq=False)
class Sighting:
    """One person in one frame."""

    frame: int  # counted in frames observed
    confidence: float  # 0..1, overlap of pose and box; less where only the pose speaks
    box: Floats  # (4,) of the pose, pixels
    region: Floats  # (4,)
    keypoints: Floats  # (33, 5) float32
    keypoints_world: Floats  # (33, 3) float32
    agreement: Floats  # (33,) float32, 0..1 of two looks; NaN after one
    image_feature: Floats  # (288,) float16
    clothing: Floats  # (128,) float32


def sighting_of(landmarks: Landmarks, frame: int, box: Floats, confidence: float) -> Sighting:
    """Keep of a look what later stages need."""
    return Sighting(
        frame=frame,
        confidence=max(confidence, LEAST_CONFIDENCE),
        box=box,
        region=landmarks.region,
        keypoints=landmarks.keypoints.astype(np.float32),
        keypoints_world=landmarks.keypoints_world.astype(np.float32),
        agreement=np.full(LANDMARKS, np.nan, np.float32),
        image_feature=landmarks.image_feature.astype(np.float16),
        clothing=landmarks.clothing,
    )


def seen_again(sighting: Sighting, image: Picture, landmarker: Network) -> Sighting:
    """A sighting after a second look at the same region, in the mirror.

    Args:
        sighting: After one look.
        image: (H, W, 3) uint8 RGB that it is of.
        landmarker: BlazePose's landmark network.
    """
    again = find_landmarks(image, sighting.region, landmarker, mirrored=True)
    side = np.asarray(sighting.region[2], dtype=float)
    first, first_world = sighting.keypoints, sighting.keypoints_world
    keypoints, world = middle(first, again.keypoints, first_world, again.keypoints_world, side)
    return replace(
        sighting,
        keypoints=keypoints.astype(np.float32),
        keypoints_world=world.astype(np.float32),
        agreement=agreement(first, again.keypoints, side).astype(np.float32),
    )


@dataclass(eq=False)
class Followed:
    """One person on the way through a clip; the follower alone changes it."""

    track: Track
    clothing: Floats  # (128,) worn over the last looks
    confirmed: int  # last frame in which a detector said that there is somebody
    quality: float = 0.0  # confidence of that look
    doubted: int = 0  # looks of the detectors since then that found nobody here
    until: int | None = None  # gone: nothing is believed of what was seen after this frame
    sightings: list[Sighting] = field(default_factory=lambda: [])

    def see(self, landmarks: Landmarks, frame: int, box: Floats, confidence: float) -> None:
        """Note a look at this person."""
        self.sightings.append(sighting_of(landmarks, frame, box, confidence))
        self.track.see(box, landmarks.next_region, frame)
        self.clothing = (1.0 - _WORN) * self.clothing + _WORN * landmarks.clothing

    def confirm(self, frame: int, quality: float) -> None:
        """Note that a detector has seen somebody here."""
        self.confirmed, self.quality, self.doubted = frame, quality, 0

    def believed(self) -> list[Sighting]:
        """What was seen before the person was gone, in order."""
        last = np.inf if self.until is None else self.until
        return [sighting for sighting in self.sightings if sighting.frame <= last]
