"""What is remembered of everybody who is followed: small, without pixels."""

from collections.abc import Sequence
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
    others: "tuple[Sighting, ...]" = ()  # what further looks make of it; stage 1 chooses


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


def seen_again(
    sighting: Sighting, image: Picture, landmarker: Network, regions: Sequence[float]
) -> Sighting:
    """A sighting after further looks, each at a region as it is and in the mirror.

    Of two looks each is completed by the other where they agree, and both are kept: where they do
    not, the landmark network does not know which is right.

    Args:
        sighting: After one look.
        image: (H, W, 3) uint8 RGB that it is of.
        landmarker: BlazePose's landmark network.
        regions: Sides of the regions over the sighting's own; the first is 1.
    """

    def look(region: Floats, *, mirrored: bool) -> Sighting:
        found = find_landmarks(image, region, landmarker, mirrored=mirrored)
        return sighting_of(found, sighting.frame, sighting.box, sighting.confidence)

    looks: list[Sighting] = []
    for scale in regions:
        region = sighting.region * np.array([1.0, 1.0, scale, 1.0])
        first = sighting if scale == 1.0 else look(region, mirrored=False)
        # What the network's heads read of the mirrored picture says nothing of this one.
        again = replace(look(region, mirrored=True), image_feature=first.image_feature)
        looks += [_completed(first, again), _completed(again, first)]
    return replace(looks[0], others=tuple(looks[1:]), clothing=sighting.clothing)


def looks_of(person: Sequence[Sighting]) -> list[Sequence[Sighting]]:
    """A person's sightings by the first look, and the same by each further one."""
    further = range(min(len(sighting.others) for sighting in person))
    return [person, *([sighting.others[look] for sighting in person] for look in further)]


def _completed(first: Sighting, again: Sighting) -> Sighting:
    """A look with the middle of both where another one agrees."""
    side = np.asarray(first.region[2], dtype=float)
    keypoints, world = middle(
        first.keypoints, again.keypoints, first.keypoints_world, again.keypoints_world, side
    )
    return replace(
        first,
        keypoints=keypoints.astype(np.float32),
        keypoints_world=world.astype(np.float32),
        agreement=agreement(first.keypoints, again.keypoints, side).astype(np.float32),
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
    cleared: Picture | None = None  # of the last sighting, where neighbours were painted over

    def see(self, landmarks: Landmarks, frame: int, box: Floats, confidence: float) -> None:
        """Note a look at this person."""
        self.sightings.append(sighting_of(landmarks, frame, box, confidence))
        self.track.see(box, landmarks.next_region, frame)
        self.cleared = landmarks.cleared
        self.clothing = (1.0 - _WORN) * self.clothing + _WORN * landmarks.clothing

    def shown(self, image: Picture) -> Picture:
        """What the last sighting is of: the frame, or the frame without neighbours."""
        return image if self.cleared is None else self.cleared

    def confirm(self, frame: int, quality: float) -> None:
        """Note that a detector has seen somebody here."""
        self.confirmed, self.quality, self.doubted = frame, quality, 0

    def believed(self) -> list[Sighting]:
        """What was seen before the person was gone, in order."""
        last = np.inf if self.until is None else self.until
        return [sighting for sighting in self.sightings if sighting.frame <= last]
