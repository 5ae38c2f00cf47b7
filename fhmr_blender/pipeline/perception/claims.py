"""Who was looked for, and who claims which pose, within one frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...core.arrays import Floats
from .appearance import colour_distance
from .boxes import overlaps
from .landmarks import Landmarks
from .regions import PRESENT_FLAG, same_pose
from .sightings import Followed

_NEAR = 0.2  # guess: overlap of a pose and where a neighbour is expected that makes it his, too
_WORN_BETTER = 0.25  # guess: distances of clothing saved that give a pose to the neighbour
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


def by_clothing(claims: Sequence[Claim], looks: Sequence[Look]) -> list[Claim]:
    """Give poses that wear a neighbour's clothes to the neighbour.

    Where people cross, the one behind is taken on by the pose of the one in front, and fits it as
    well as his own: only the clothes tell.

    Args:
        claims: At most one a person.
        looks: Of everybody who is followed.

    Returns:
        As many claims, some of them of others; two people exchange theirs, or one loses his.
    """
    owners = {id(claim.person): claim for claim in claims}
    rivals: list[tuple[float, Claim, Look]] = []
    for claim in claims:
        for look in looks:
            if look.person is not claim.person and _is_near(claim, look):
                gain = _strange(claim, claim) - _strange(look, claim)
                other = owners.get(id(look.person))
                if other is not None:
                    gain += _strange(other, other) - _strange(claim, other)
                rivals.append((gain, claim, look))
    moved: set[int] = set()
    for gain, claim, look in sorted(rivals, key=lambda rival: -rival[0]):
        pair = {id(claim.person), id(look.person)}
        if gain < _WORN_BETTER or pair & moved:
            continue
        moved |= pair
        other = owners.pop(id(look.person), None)
        owners[id(look.person)] = replace(claim, person=look.person)
        del owners[id(claim.person)]
        if other is not None:
            owners[id(claim.person)] = replace(other, person=claim.person)
    return list(owners.values())


def _is_near(claim: Claim, look: Look) -> bool:
    return bool(overlaps(claim.box[None], look.expected[None])[0, 0] >= _NEAR)


def _strange(who: Claim | Look, claim: Claim) -> float:
    """How little a claimed pose wears of somebody's clothes, 0..1."""
    return colour_distance(who.person.clothing, claim.landmarks.clothing)
