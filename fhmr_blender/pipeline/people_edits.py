"""Who is who, mended by hand: merge, split, drop, and somebody whom the detector missed.

Everything else of a shot stays to the bit: the other people, the world, the camera.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ..core import shot_file
from ..core.arrays import Bools, Floats
from ..core.motion import Observations, Person, Shot
from ..errors import FhmrError
from ..jobs import Report
from .bodies import body_named
from .camera_motion import camera_turns
from .footage import Footage
from .people import person_of
from .perception.bridging import observations_of, sightings_of
from .perception.crops import Picture, cut
from .perception.following_by_hand import follow_box
from .perception.sightings import Sighting, looks_of
from .resolve import settings_of
from .solve import SolveSettings, solve_one
from .surest_look import surest_look
from .weights import Networks

_FOLLOWED = 0.8  # share of the time that following a new box takes; the bar only has to look even
_MARGIN = 1.1  # of a portrait's side over the box


def presence(shot: Shot, person_id: int) -> Bools:
    """(T,) where a person was seen; bridged gaps are none."""
    seen = person_of(shot, person_id).observations
    return np.isin(shot.frames, seen.frames[seen.track_confidence > 0.0])


def portrait(footage: Footage, person: Person, size: int = 96) -> Picture:
    """(size, size, 3) uint8 RGB of the person where it shows large and surely."""
    seen = person.observations
    extent = seen.bbox[:, 2:] - seen.bbox[:, :2]
    best = int(np.argmax(seen.track_confidence * np.sqrt(extent.prod(axis=-1))))
    centre = (seen.bbox[best, :2] + seen.bbox[best, 2:]) / 2
    square = np.array([*centre, _MARGIN * extent[best].max(), 0.0])
    image = footage.frame(int(seen.frames[best]))
    return np.rint(cut(image, square, size, replicate=True)).astype(np.uint8)


def drop(shot: Shot, person_id: int) -> Shot:
    """The shot without a person.

    Raises:
        FhmrError: There is no such person, or nobody would be left.
    """
    person_of(shot, person_id)
    left = [person for person in shot.people if person.id != person_id]
    if not left:
        raise FhmrError("Nobody would be left in the shot.", "Delete the shot instead.")
    return _with_people(shot, left, settings_of(shot), set())


def merge(shot: Shot, first: int, second: int, networks: Networks, report: Report) -> Shot:
    """Two tracks of one person as one, with the first one's id, body and height.

    Where both were seen the surer sight counts.

    Raises:
        FhmrError: There is no such person, or they are one already.
    """
    kept, gone = person_of(shot, first), person_of(shot, second)
    if kept.id == gone.id:
        raise FhmrError(f"Person {first} cannot be merged with itself.", "Choose two people.")
    surest: dict[int, Sighting] = {}
    for sighting in (*_sightings(shot, kept), *_sightings(shot, gone)):
        known = surest.get(sighting.frame)
        if known is None or sighting.confidence > known.confidence:
            surest[sighting.frame] = sighting
    settings = settings_of(shot)
    merged = _posed(shot, first, surest.values(), settings, networks, report)
    left = [person for person in shot.people if person.id not in (first, second)]
    return _with_people(shot, [*left, merged], settings, {first})


def split(shot: Shot, person_id: int, frame: int, networks: Networks, report: Report) -> Shot:
    """One track of two people as two: from a source frame on it is somebody new.

    Raises:
        FhmrError: There is no such person, or nothing lies on one side of the frame.
    """
    person = person_of(shot, person_id)
    row = int(np.searchsorted(shot.frames, frame))
    sightings = _sightings(shot, person)
    parts = (
        [sighting for sighting in sightings if sighting.frame < row],
        [sighting for sighting in sightings if sighting.frame >= row],
    )
    if not parts[0] or not parts[1]:
        raise FhmrError(
            f"Person {person_id} is not seen on both sides of frame {frame}.",
            "Choose a frame inside the person's own.",
        )
    settings, new = settings_of(shot), _next_id(shot)
    settings = replace(settings, bodies={**settings.bodies, new: settings.body_of(person_id)})
    height = settings.height_of(person_id)
    if height is not None:
        settings = replace(settings, heights={**settings.heights, new: height})
    halves = [
        _posed(
            shot,
            number,
            part,
            settings,
            networks,
            lambda fraction, message, half=half: report((half + fraction) / 2, message),
        )
        for half, (number, part) in enumerate(zip((person_id, new), parts, strict=True))
    ]
    left = [one for one in shot.people if one.id != person_id]
    return _with_people(shot, [*left, *halves], settings, {person_id, new})


def add_boxed(
    shot: Shot,
    footage: Footage,
    frame: int,
    box: Sequence[float],
    networks: Networks,
    report: Report,
) -> Shot:
    """Somebody whom the detector missed, by a box drawn by hand.

    Args:
        shot: As it is.
        footage: That the shot was made from.
        frame: Source frame in which the box was drawn.
        box: x0 y0 x1 y1, pixels of the upright picture.
        networks: All are called.
        report: Told the progress; may raise `Cancelled`.

    Returns:
        The shot with a new person, followed in both directions until it is lost, a cut comes, or it
        turns into somebody known.

    Raises:
        FhmrError: The box or frame lies outside, or shows nobody new.
    """
    corners = np.asarray(box, dtype=float).reshape(4)
    rows = np.flatnonzero(shot.frames == frame)
    if not len(rows):
        raise FhmrError(f"Frame {frame} is not in the shot.", "Draw the box in one of its frames.")
    width, height = np.minimum(corners[2:], shot.size) - np.maximum(corners[:2], 0.0)
    if not (width >= 8 and height >= 8):  # nan falls through here, too
        raise FhmrError("The box lies outside the picture.", "Draw it around the person.")
    seconds = _seconds(shot)
    found = follow_box(
        footage,
        shot.frames,
        seconds,
        int(rows[0]),
        corners,
        [_sightings(shot, person) for person in shot.people],
        networks,
        lambda fraction, message: report(_FOLLOWED * fraction, message),
        twice=bool(shot.settings.get("look_twice")),
    )
    new, settings = _next_id(shot), settings_of(shot)
    posed = _posed(
        shot,
        new,
        found,
        settings,
        networks,
        lambda fraction, message: report(_FOLLOWED + (1.0 - _FOLLOWED) * fraction, message),
    )
    return _with_people(shot, [*shot.people, posed], settings, {new})


def _posed(
    shot: Shot,
    number: int,
    sightings: Iterable[Sighting],
    settings: SolveSettings,
    networks: Networks,
    report: Report,
) -> Person:
    """A person from sightings, in the shot's world."""
    ordered = sorted(sightings, key=lambda sighting: sighting.frame)
    looks = [
        observations_of(look, shot.frames, _seconds(shot), shot.intrinsics[0])
        for look in looks_of(ordered)
    ]
    rows = np.searchsorted(shot.frames, looks[0].frames)
    turns = camera_turns(shot.T_world_from_cam[rows, :3, :3])
    seen = surest_look(
        [replace(look, intrinsics=shot.intrinsics[rows]) for look in looks], turns, networks.anchor
    )
    return solve_one(number, seen, shot.frames, shot.T_world_from_cam, networks, settings, report)


def _sightings(shot: Shot, person: Person) -> list[Sighting]:
    return sightings_of(person.observations, shot.frames)


def _seconds(shot: Shot) -> Floats:
    """(T,) times of the shot's frames, as far as people were seen in them; else by its rate."""
    known: dict[int, float] = {}
    for person in shot.people:
        seen: Observations = person.observations
        known.update(zip(seen.frames.tolist(), seen.seconds.tolist(), strict=True))
    frames = np.array(sorted(known))
    ahead = (shot.frames - np.clip(shot.frames, frames[0], frames[-1])) / shot.fps
    times = np.interp(shot.frames, frames, [known[int(frame)] for frame in frames])
    return times + ahead


def _next_id(shot: Shot) -> int:
    return max(person.id for person in shot.people) + 1


def _with_people(
    shot: Shot, people: Sequence[Person], settings: SolveSettings, fresh: Set[int]
) -> Shot:
    """The shot with these people; the recipe speaks of them alone.

    Args:
        shot: As it was.
        people: All of them.
        settings: That they were posed with.
        fresh: Ids of those who were posed anew.
    """
    ids = {person.id for person in people}
    told = dict(shot.settings)
    bodies, heights = _table(told, "body"), _table(told, "heights")
    for number in fresh:
        name, height = settings.body_of(number), settings.height_of(number)
        bodies[str(number)] = {"name": name, "sha256": body_named(name).sha256}
        if height is not None:
            heights[str(number)] = height
    told["body"] = {name: value for name, value in bodies.items() if int(name) in ids}
    told["heights"] = {name: value for name, value in heights.items() if int(name) in ids}
    if "resampled" in told:  # their samples are Estimate's again
        told["resampled"] = [
            draw for draw in told["resampled"] if draw.get("person") in ids - fresh
        ]
    ordered = tuple(sorted(people, key=lambda person: person.id))
    return shot_file.stored(replace(shot, people=ordered, settings=told))


def _table(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    table: Any = told.get(name)
    return dict(cast("dict[str, Any]", table)) if isinstance(table, dict) else {}
