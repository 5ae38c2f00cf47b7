"""Puts pieces of tracks together: somebody who hid or left is the same person afterwards.

Over the whole clip at once, by clothing, place and speed; never across a cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Floats
from .appearance import colour_distance
from .assignment import cheapest_pairs
from .boxes import areas
from .sightings import Followed, Sighting

_AWAY = 10.0  # s; who was away longer is a new person
_WORN_OVER = 15  # sightings at a piece's end whose clothing is averaged
_NEAR = 0.75  # guess: heights of the box by which two sights of one place differ
_SPEED = 2.5  # guess: heights of the box in a second that somebody may have moved unseen
_RESIZED = 2.0  # guess: factor of the box's height that may have changed unseen
_ALIKE = 0.45  # guess: distance of clothing up to which two pieces may be one person
_FAR = 0.15  # guess: what the farthest possible place adds to the distance of clothing
_SURE = 0.45  # guess: median confidence of people in a clip; furniture taken for people has less
_ABSENCE = 0.03  # guess: what a second out of sight adds to the distance of clothing
_TWICE = 1.0  # guess: s for which somebody may be followed by two tracks in turn
_TWICE_SEEN = 2  # guess: frames in which both may have seen him; two people are seen by both
_SMALLEST = 32.0  # pixels; nobody can be made out in less, and signposts look like people
_SHORTEST = 5  # frames; who is seen in fewer of a clip is taken for a false alarm


@dataclass(frozen=True, eq=False)
class _End:
    """A piece of a track where it ends or begins."""

    frame: int
    centre: Floats  # (2,)
    velocity: Floats  # (2,) pixels a frame
    height: float  # pixels
    clothing: Floats  # (128,)


def identities(
    people: Sequence[Followed],
    cuts: Sequence[int],
    rate: float,
    frame_count: int,
    given: bool = False,
) -> list[list[Sighting]]:
    """Everybody who was no false alarm, the most prominent first.

    Args:
        people: Pieces of tracks.
        cuts: Frames with which a new angle begins.
        rate: Frames observed in a second.
        frame_count: Of the clip; a single picture shows what it shows.
        given: Their boxes were drawn by hand: everybody is meant.
    """
    pieces = [piece for piece in (person.believed() for person in people) if piece]
    if given:
        return sorted(pieces, key=prominence, reverse=True)
    pieces.sort(key=lambda piece: piece[0].frame)
    after = dict(_links(pieces, cuts, rate))
    followers = set(after.values())
    joined: list[list[Sighting]] = []
    for first in range(len(pieces)):
        if first in followers:
            continue
        person, piece = list(pieces[first]), first
        while piece in after:
            piece = after[piece]
            person = _joined(person, pieces[piece])
        joined.append(person)
    shortest = min(_SHORTEST, frame_count)
    stayed = [
        person
        for person in joined
        if len(person) >= shortest and (frame_count == 1 or _is_sure(person))
    ]
    return sorted(stayed, key=prominence, reverse=True)


def prominence(sightings: Sequence[Sighting]) -> float:
    """Large, sure and long in the picture."""
    return sum(sighting.confidence * float(np.sqrt(areas(sighting.box))) for sighting in sightings)


def _is_sure(person: Sequence[Sighting]) -> bool:
    """Whether somebody was seen well, and large enough, most of the time."""
    heights = [sighting.box[3] - sighting.box[1] for sighting in person]
    confidence = float(np.median([sighting.confidence for sighting in person]))
    return confidence >= _SURE and float(np.median(heights)) >= _SMALLEST


def _links(
    pieces: Sequence[Sequence[Sighting]], cuts: Sequence[int], rate: float
) -> list[tuple[int, int]]:
    """Pairs of a piece and the one that goes on with the same person."""
    costs = np.full((len(pieces), len(pieces)), np.inf)
    ends = [_end(piece[-_WORN_OVER:], piece[-1]) for piece in pieces]
    starts = [_end(piece[:_WORN_OVER], piece[0]) for piece in pieces]
    for first, end in enumerate(ends):
        for second, start in enumerate(starts):
            if start.frame <= end.frame:
                before = _before(pieces[first], pieces[second], rate)
                last = _end(before[-_WORN_OVER:], before[-1]) if before else None
            else:
                last = end
            if last and not any(last.frame < cut <= start.frame for cut in cuts):
                costs[first, second] = _cost(last, start, rate)
    return cheapest_pairs(costs, _ALIKE)


def _before(
    piece: Sequence[Sighting], following: Sequence[Sighting], rate: float
) -> Sequence[Sighting]:
    """What a piece saw before another began, if both may be the same person's; else nothing.

    Somebody who comes out from behind another is often found anew while the old track still
    claims him now and then: a pose is granted to one of them at a time.
    """
    shared = {sighting.frame for sighting in piece} & {sighting.frame for sighting in following}
    start = following[0].frame
    if len(shared) > _TWICE_SEEN or piece[-1].frame - start > _TWICE * rate:
        return ()
    return [sighting for sighting in piece if sighting.frame < start]


def _joined(first: Sequence[Sighting], second: Sequence[Sighting]) -> list[Sighting]:
    """Two pieces of one person, in order; where both saw him the surer sight."""
    surest: dict[int, Sighting] = {}
    for sighting in (*first, *second):
        known = surest.get(sighting.frame)
        if known is None or sighting.confidence > known.confidence:
            surest[sighting.frame] = sighting
    return [surest[frame] for frame in sorted(surest)]


def _cost(end: _End, start: _End, rate: float) -> float:
    """How unlike one person two pieces are; infinite where they cannot be one."""
    seconds = (start.frame - end.frame) / rate
    if not 0.0 < seconds <= _AWAY:
        return np.inf
    height = max(end.height, start.height)
    drift = end.velocity * min(start.frame - end.frame, 0.5 * rate)
    distance = float(np.linalg.norm(start.centre - end.centre - drift)) / height
    reach = _NEAR + _SPEED * seconds
    if distance > reach or height > _RESIZED * min(end.height, start.height):
        return np.inf
    worn = colour_distance(end.clothing, start.clothing)
    return worn + _FAR * distance / reach + _ABSENCE * seconds


def _end(near: Sequence[Sighting], last: Sighting) -> _End:
    boxes = np.array([sighting.box for sighting in near])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    span = near[-1].frame - near[0].frame
    velocity = (centres[-1] - centres[0]) / span if span else np.zeros(2)
    return _End(
        frame=last.frame,
        centre=(last.box[:2] + last.box[2:]) / 2,
        velocity=velocity,
        height=float(np.median(boxes[:, 3] - boxes[:, 1])),
        clothing=np.mean([sighting.clothing for sighting in near], axis=0),
    )
