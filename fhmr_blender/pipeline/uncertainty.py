"""Where the samples disagree: what the artist had better look at."""

from dataclasses import dataclass, replace
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np

from ..core.arrays import Bools, Floats, Indices, check_shapes
from ..core.motion import Person, assemble
from ..core.rotations import matrix_from_sixd
from ..core.skeleton import (
    LIMB_JOINTS,
    LIMB_NAMES,
    LIMB_OF_LIMB_JOINT,
    LIMBS,
    forward_kinematics,
)

KEPT = "limb_joint_spread"
"""Name of the array in `Person.extra` that keeps the spread of frames drawn earlier."""
DECIDED = "decided"
"""Name of the array (N, 5) in `Person.extra` that keeps where the artist is content."""
_HALFWAY = 0.15  # metres of spread that count as half uncertain; guess: a hand's length
_APART = 0.5  # seconds between two places of the same limb; guess
_CERTAIN = 0.1  # of `uncertainty`; below it nobody needs to look: 1.6 cm


@dataclass(frozen=True)
class Place:
    """A frame and a limb that need the artist."""

    frame: int  # of the source
    limb: str
    uncertainty: float  # 0..1


@dataclass(frozen=True, eq=False)
class Spread:
    """How far samples lie from their mean: metres, root of the mean square."""

    joints: Floats  # (N, 18) LIMB_JOINTS

    def __post_init__(self) -> None:
        check_shapes(self, joints="N 18")

    @property
    def limbs(self) -> Floats:
        """(N, 5) mean over the joints that a limb moves; its first hangs on the torso."""
        moved = np.array(
            [joint not in {chain[0] for chain in LIMBS.values()} for joint in LIMB_JOINTS]
        )
        columns = [
            self.joints[:, (limb == LIMB_OF_LIMB_JOINT) & moved].mean(axis=1)
            for limb in range(len(LIMB_NAMES))
        ]
        return np.stack(columns, axis=-1)


# A slider that moves asks for the same person's again and again.
_spreads: "WeakKeyDictionary[Person, Spread]" = WeakKeyDictionary()


def spread_of(joints: Floats) -> Floats:
    """Joints of samples (S, ..., 3), metres -> (...,) root mean square distance from the mean."""
    return np.sqrt(((joints - joints.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0))


def spread(person: Person, rest_joints: Floats) -> Spread:
    """The samples' spread in every frame.

    Args:
        person: After Estimate his samples cover all frames; each draw keeps what it replaces.
        rest_joints: (24, 3) metres, of his body.
    """
    known = _spreads.get(person)
    if known is not None:
        return known
    found = _spreads[person] = _spread(person, rest_joints)
    return found


def _spread(person: Person, rest_joints: Floats) -> Spread:
    kept = person.extra.get(KEPT)
    count = len(person.observations.frames)
    estimated = bool(np.all(person.chosen < 0)) and len(person.samples.frames) == count
    fits = kept is not None and kept.shape == (count, 18) and kept.dtype.kind == "f"
    if kept is not None and fits and not estimated:
        return Spread(np.nan_to_num(cast("Floats", kept).astype(float)))
    found = np.zeros((count, 18))
    samples = person.samples
    if len(samples.rotations6d):
        rows = np.searchsorted(person.observations.frames, samples.frames)
        rotations = assemble(
            person.anchor.rotations[rows], matrix_from_sixd(samples.rotations6d.astype(float))
        )
        _, joints = forward_kinematics(rotations, rest_joints)
        found[rows] = spread_of(joints[:, :, LIMB_JOINTS])
    return Spread(found)


def replaced(before: Spread, rows: Indices, limbs: list[int], drawn: Floats) -> Spread:
    """A spread (N, 18) with some rows of some limbs from a new draw (n, 18)."""
    columns = np.flatnonzero(np.isin(LIMB_OF_LIMB_JOINT, limbs))
    joints = before.joints.copy()
    joints[np.ix_(rows, columns)] = drawn[:, columns]
    return Spread(joints)


def joint_spread(person: Person, rest_joints: Floats) -> Floats:
    """(N, 24) metres, 0 on the torso: skinning weights spread it over the mesh."""
    found = np.zeros((len(person.observations.frames), 24))
    found[:, LIMB_JOINTS] = spread(person, rest_joints).joints
    return found


def uncertainty(person: Person, rest_joints: Floats) -> Floats:
    """(N, 5) from 0, certain or decided by the artist, to 1: look here first."""
    metres = spread(person, rest_joints).limbs
    return np.where(decided(person), 0.0, metres / (metres + _HALFWAY))


def decided(person: Person) -> Bools:
    """(N, 5) where the artist has kept a variation; what is estimated again is open again."""
    kept = person.extra.get(DECIDED)
    if kept is None or kept.shape != person.chosen.shape or kept.dtype.kind not in "iu":
        return np.zeros(person.chosen.shape, dtype=bool)
    return (kept > 0) & (person.chosen >= 0)


def with_decided(person: Person, rows: Indices, limbs: Indices, content: bool) -> Person:
    """The person with some limbs of some rows marked as decided, or open again."""
    now = decided(person)
    now[np.ix_(rows, limbs)] = content
    return replace(person, extra={**person.extra, DECIDED: now.astype(np.int8)})


def uncertain_places(person: Person, rest_joints: Floats) -> tuple[Place, ...]:
    """The frames and limbs that need the artist most, worst first, not two of one moment."""
    unsure = uncertainty(person, rest_joints)
    seconds, frames = person.observations.seconds, person.observations.frames
    places: list[Place] = []
    while unsure.max(initial=0.0) > _CERTAIN:
        row, column = np.unravel_index(int(np.argmax(unsure)), unsure.shape)
        places.append(Place(int(frames[row]), LIMB_NAMES[column], float(unsure[row, column])))
        unsure[np.abs(seconds - seconds[row]) < _APART, column] = 0.0
    return tuple(places)


def next_uncertain(
    person: Person, rest_joints: Floats, after: tuple[int, str] | None = None
) -> Place | None:
    """The place to look at after a frame and limb, worst first, then round again.

    Args:
        person: Of a shot.
        rest_joints: (24, 3) metres, of his body.
        after: Frame of the source and limb where the artist is; None starts with the worst.

    Returns:
        None where nothing is uncertain any more.
    """
    places = uncertain_places(person, rest_joints)
    if not places:
        return None
    at = [(place.frame, place.limb) for place in places]
    following = at.index(after) + 1 if after in at else 0
    return places[following % len(places)]
