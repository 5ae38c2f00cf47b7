"""The front end's doors: one picture, or a clip frame by frame."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.arrays import Floats, Indices, check_shapes
from ...core.motion import Observations
from ...errors import FhmrError
from ...jobs import Report
from ..footage import Footage
from ..read_ahead import read_ahead
from ..weights import Networks
from .boxes import clipped
from .bridging import observations_of
from .cache import Cache, Entry
from .crops import Picture
from .detector import detect_people
from .following import STILL_SCORE, Follower, regions_again
from .linking import identities
from .regions import Fit, find_bodies, find_unboxed, without_doubles
from .remembering import part_of, recall
from .sightings import looks_of

_PART = 120  # frames, at most, that a run which is broken off has to look at again
_VERSION = 4  # of what this folder sees: a stored part of another version is not used
_NETWORKS = ("landmarker", "detector", "person_detector")


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
    if found:
        return found
    unboxed = find_unboxed(image, np.zeros((0, 4)), networks.detector, networks.landmarker)
    # Half: only the pose speaks.
    return tuple(_observation(fit, box, fit.overlap / 2) for box, fit in unboxed)


@dataclass(frozen=True, eq=False)
class Observed:
    """Who was seen in a picture or clip."""

    people: tuple[Observations, ...]  # the most prominent first
    others: tuple[tuple[Observations, ...], ...]  # what further looks make of each of them
    cuts: tuple[int, ...]  # frame numbers with which another camera angle begins
    notes: tuple[str, ...]  # sentences for the artist


def observe(
    footage: Footage,
    frames: Sequence[int],
    intrinsics: Floats,
    networks: Networks,
    report: Report,
    *,
    people: int | None = None,
    boxes: Floats | None = None,
    twice: bool = False,
    cache: Cache | None = None,
) -> Observed:
    """Find the people of a picture or clip, keep them apart and find their landmarks.

    Args:
        footage: Read one frame at a time.
        frames: Increasing frame numbers.
        intrinsics: (4,) fx fy cx cy of every frame, pixels.
        networks: `person_detector`, `detector` and `landmarker` are called.
        report: Told the progress; may raise `Cancelled`.
        people: Keep only the most prominent; None keeps all.
        boxes: (P, 4) x0 y0 x1 y1 drawn by hand in the first frame; then only they are followed.
        twice: Look at everybody a second time, in the mirror; at a single picture four times.
        cache: Where what was seen is kept, for the next run and for one that is broken off.

    Returns:
        One person each over the frames where it was seen, short gaps bridged.

    Raises:
        FhmrError: Nobody was found, or no frame can be read.
    """
    numbers, seconds = np.asarray(frames, dtype=np.int64), footage.seconds(frames)
    rate = observed_rate(seconds)
    follower = Follower(networks, rate, regions_again(len(frames), twice=twice))
    entry = None
    if cache is not None:
        key = _key(footage, numbers, rate, boxes, networks)
        entry = cache.entry({**key, "twice": twice})
    unreadable, error = _follow(follower, footage, frames, boxes, entry, report)
    if error is not None and len(unreadable) == len(frames):
        raise error
    found = identities(follower.people, follower.cuts, rate, len(frames), follower.only_given)
    if not found:
        where = f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]}-{frames[-1]}"
        raise FhmrError(
            f"No person was found in {where} of {footage.path.name}.",
            "Choose other frames, or a picture that shows the person larger.",
        )
    notes = [_unreadable_words(numbers[unreadable])] if unreadable else []
    if entry is not None and entry.problem:
        notes.append(entry.problem)
    looks = [
        [observations_of(look, numbers, seconds, intrinsics) for look in looks_of(person)]
        for person in found[:people]
    ]
    return Observed(
        people=tuple(first for first, *_ in looks),
        others=tuple(tuple(others) for _, *others in looks),
        cuts=tuple(int(numbers[cut]) for cut in follower.cuts),
        notes=tuple(notes),
    )


def _follow(
    follower: Follower,
    footage: Footage,
    frames: Sequence[int],
    boxes: Floats | None,
    entry: Entry | None,
    report: Report,
) -> tuple[list[int], FhmrError | None]:
    """Show the follower every frame, those of stored parts excepted.

    Returns:
        The places in `frames` that cannot be read, and what the last of them said.
    """
    last, length = len(frames) - 1, part_length(follower.every)
    report(0.0, "Landmarks")
    unreadable = [] if entry is None else _recall_parts(follower, entry, last, length)
    since, error = follower.frame, None
    with contextlib.closing(decoded_ahead(footage, frames[since + 1 :])) as images:
        for index, image in enumerate(images, since + 1):
            report(index / len(frames), f"Landmarks {index + 1}/{len(frames)}")
            if isinstance(image, FhmrError):
                unreadable.append(index)
                error = image
            follower.look(None if isinstance(image, FhmrError) else image, None if index else boxes)
            if entry is not None and (index == last or (index and index % length == 0)):
                entry.save(_part_name(index), part_of(follower, since, unreadable))
                since = index
    return unreadable, error


def part_length(every: int) -> int:
    """Frames of a stored part: it ends with a regular detection, behind which nothing waits."""
    return every * max(_PART // every, 1)


def _recall_parts(follower: Follower, entry: Entry, last: int, length: int) -> list[int]:
    """Go on behind the stored parts that follow each other.

    Returns:
        The places that could not be read.
    """
    unreadable: list[int] = []
    while follower.frame < last:
        following = max(follower.frame, 0) + length
        part = entry.load(_part_name(min(following, last)))
        if part is None:
            break
        try:
            unreadable = recall(follower, part)
        except ValueError:
            break
    return unreadable


def _part_name(last: int) -> str:
    return f"until_{last:07d}"


def decoded_ahead(footage: Footage, frames: Sequence[int]) -> Generator[Picture | FhmrError]:
    """The frames, decoded ahead; what cannot be read comes as its error."""

    def one_by_one() -> Iterator[Picture | FhmrError]:
        for number in frames:
            try:
                yield footage.frame(number)
            except FhmrError as error:
                yield error

    return read_ahead(one_by_one())


def observed_rate(seconds: Floats) -> float:
    """Frames observed in a second; rounded, so that it does not hang on the range's end."""
    steps = np.diff(seconds)
    middle = float(np.median(steps)) if len(steps) else 1.0
    return round(1.0 / max(middle, 1e-3), 2)


def _key(
    footage: Footage, numbers: Indices, rate: float, boxes: Floats | None, networks: Networks
) -> dict[str, Any]:
    """Everything that decides what is seen; where the clip ends is not among it."""
    step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
    regular = bool((np.diff(numbers) == step).all())
    return {
        "perception": _VERSION,
        "sha256": footage.sha256,
        "first": int(numbers[0]),
        "step": step if regular else [int(number) for number in numbers],
        "rate": rate,
        "boxes": None if boxes is None else np.asarray(boxes, dtype=float).tolist(),
        "networks": [networks.checksums.get(name, "") for name in _NETWORKS],
    }


def _unreadable_words(numbers: Indices) -> str:
    named = ", ".join(str(number) for number in numbers[:5])
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    what = "Frame" if len(numbers) == 1 else "Frames"
    return f"{what} {named}{more} cannot be read: nobody was looked for there."


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
