"""Who was looked for, and who claims which pose, within one frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...core.arrays import Floats
from .appearance import colour_distance
from .landmarks import Landmarks
from .regions import PRESENT_FLAG, same_pose
from .sightings import Followed

STEADY = 0.5  # guess: overlap with the expected box from which a pose alone is believed


@dataclass(frozen=True, eq=False)
class Look:
    """One person looked for where the last frame left off."""

    person: Followed
    expected: Floats  # (4,) box
    landmarks: Landmarks | None  # None: nobody looked
    box: Floats  # (4,) of the pose, else the expected one
    overlap: float  # of the two
    leaps: bool = False  # the pose is too far from the last one

    @property
    def steady(self) -> bool:
        """Whether the pose can be believed without a detector."""
        return self.believed(STEADY)

    def believed(self, overlap: float) -> bool:
        """Whether somebody is there, about where he was expected."""
        return (
            self.landmarks is not None
            and self.landmarks.flag >= PRESENT_FLAG
            and not self.leaps
            and self.overlap >= overlap
        )


@dataclass(frozen=True, eq=False)
class Claim:
    """A pose that one person claims."""

    person: Followed
    landmarks: Landmarks
    box: Floats  # (4,) of the pose
    confidence: float
    confirmed: bool  # by one of the detectors
    doubtful: bool = False  # both have looked and found nobody
    detected: Floats | None = None  # (4,) the detector's box

    @property
    def worth(self) -> float:
        """How good a claim it is: it fits, and wears the right clothes."""
        return self.confidence - colour_distance(self.person.clothing, self.landmarks.clothing)


def claim_alone(look: Look, confidence: float) -> Claim:
    if look.landmarks is None:
        raise ValueError("nobody looked")
    return Claim(look.person, look.landmarks, look.box, confidence, confirmed=False)


def one_each(claims: Sequence[Claim]) -> list[Claim]:
    """Of people who claim one pose the one with the best claim."""
    kept: list[Claim] = []
    for claim in sorted(claims, key=lambda claim: -claim.worth):
        if not any(same_pose(claim.landmarks, other.landmarks) for other in kept):
            kept.append(claim)
    return kept
