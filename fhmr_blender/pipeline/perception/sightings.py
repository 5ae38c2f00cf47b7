"""What is remembered of everybody who is followed: small, without pixels."""

from dataclasses import dataclass, field

import numpy as np

from ...core.arrays import Floats
from .landmarks import Landmarks
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
        image_feature=landmarks.image_feature.astype(np.float16),
        clothing=landmarks.clothing,
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
