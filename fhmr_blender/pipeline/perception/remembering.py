"""A follower's knowledge as arrays, in parts, so that an interrupted run goes on where it was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from ...core.arrays import Floats
from ...core.zipped_arrays import Array
from .cuts import CutFinder
from .following import Follower
from .sightings import Followed, Sighting
from .tracking import Track

_NOT_GONE = -1
_LOOKED = {  # what looks at one person in one frame differ in
    "region": (4,),
    "keypoints": (33, 5),
    "keypoints_world": (33, 3),
    "agreement": (33,),
    "image_feature": (288,),
}


def part_of(follower: Follower, since: int, unreadable: Iterable[int]) -> dict[str, Array]:
    """Everything that the follower knows, and the sightings behind the frame `since`."""
    people = follower.people
    numbered = [
        (number, sighting)
        for number, person in enumerate(people)
        for sighting in person.sightings
        if sighting.frame > since
    ]
    sightings = [sighting for _, sighting in numbered]
    samples = follower.finder.last
    return {
        "frame": np.array(follower.frame),
        "since": np.array(since),
        "only_given": np.array(follower.only_given),
        "cuts": np.array(follower.cuts, dtype=np.int64),
        "unreadable": np.array(sorted(unreadable), dtype=np.int64),
        "samples": np.zeros((0, 0, 3), np.float32) if samples is None else samples,
        "track_box": _stacked([person.track.box for person in people], 4),
        "track_frame": np.array([person.track.frame for person in people], dtype=np.int64),
        "track_velocity": _stacked([person.track.velocity for person in people], 4),
        "track_region": _stacked([cast("Floats", person.track.region) for person in people], 4),
        "worn": _stacked([person.clothing for person in people], 128),
        "confirmed": np.array([person.confirmed for person in people], dtype=np.int64),
        "quality": np.array([person.quality for person in people], dtype=np.float64),
        "doubted": np.array([person.doubted for person in people], dtype=np.int64),
        "until": np.array(
            [_NOT_GONE if person.until is None else person.until for person in people],
            dtype=np.int64,
        ),
        "person": np.array([number for number, _ in numbered], dtype=np.int64),
        "seen": np.array([sighting.frame for sighting in sightings], dtype=np.int64),
        "confidence": np.array([sighting.confidence for sighting in sightings], dtype=np.float64),
        "box": _stacked([sighting.box for sighting in sightings], 4),
        "region": _stacked([sighting.region for sighting in sightings], 4),
        "keypoints": _stacked([sighting.keypoints for sighting in sightings], 33, 5),
        "keypoints_world": _stacked([sighting.keypoints_world for sighting in sightings], 33, 3),
        "agreement": _stacked([sighting.agreement for sighting in sightings], 33),
        "image_feature": _stacked([sighting.image_feature for sighting in sightings], 288),
        "clothing": _stacked([sighting.clothing for sighting in sightings], 128),
        **{f"other_{name}": _others(sightings, name, *shape) for name, shape in _LOOKED.items()},
    }


def recall(follower: Follower, part: Mapping[str, Array]) -> list[int]:
    """Let a follower go on behind a part; the parts before it were recalled already.

    Returns:
        The frames that could not be read so far.

    Raises:
        ValueError: The part does not follow what the follower knows, or is none.
    """
    try:
        if int(part["since"]) != follower.frame:
            raise ValueError("the part belongs elsewhere")
        people = [
            _person(part, number, follower.people) for number in range(len(part["track_frame"]))
        ]
        order = np.argsort(part["seen"], kind="stable")
        for row in order:
            people[int(part["person"][row])].sightings.append(_sighting(part, int(row)))
        if len(people) < len(follower.people) or not all(person.sightings for person in people):
            raise ValueError("people are missing")
        samples = part["samples"].astype(np.float32)
        follower.people = people
        follower.frame = int(part["frame"])
        follower.only_given = bool(part["only_given"])
        follower.cuts = [int(frame) for frame in part["cuts"]]
        follower.finder = CutFinder(samples if samples.size else None)
        return [int(frame) for frame in part["unreadable"]]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("the part is none") from error


def _person(part: Mapping[str, Array], number: int, known: Sequence[Followed]) -> Followed:
    track = Track(
        box=part["track_box"][number].reshape(4),
        frame=int(part["track_frame"][number]),
        velocity=part["track_velocity"][number].reshape(4),
        region=part["track_region"][number].reshape(4),
    )
    until = int(part["until"][number])
    return Followed(
        track=track,
        clothing=part["worn"][number].reshape(128),
        confirmed=int(part["confirmed"][number]),
        quality=float(part["quality"][number]),
        doubted=int(part["doubted"][number]),
        until=None if until == _NOT_GONE else until,
        sightings=list(known[number].sightings) if number < len(known) else [],
    )


def _sighting(part: Mapping[str, Array], row: int) -> Sighting:
    sighting = Sighting(
        frame=int(part["seen"][row]),
        confidence=float(part["confidence"][row]),
        box=part["box"][row].reshape(4),
        region=part["region"][row].reshape(4),
        keypoints=part["keypoints"][row].reshape(33, 5),
        keypoints_world=part["keypoints_world"][row].reshape(33, 3),
        agreement=part["agreement"][row].reshape(33),
        image_feature=part["image_feature"][row].reshape(288),
        clothing=part["clothing"][row].reshape(128),
    )
    others = tuple(
        replace(
            sighting,
            **{name: part[f"other_{name}"][row, look] for name in _LOOKED},
        )
        for look in range(part["other_region"].shape[1])
    )
    return replace(sighting, others=others)


def _others(sightings: Sequence[Sighting], name: str, *shape: int) -> Array:
    """(n, L, *shape): one array of each further look; all have as many of them."""
    looks = len(sightings[0].others) if sightings else 0
    if not looks:
        return np.zeros((len(sightings), 0, *shape), dtype=np.float32)
    return np.array([[getattr(other, name) for other in one.others] for one in sightings])


def _stacked(arrays: Sequence[Floats], *shape: int) -> Array:
    """(n, *shape), n may be 0."""
    return np.stack(arrays) if arrays else np.zeros((0, *shape), dtype=np.float32)
