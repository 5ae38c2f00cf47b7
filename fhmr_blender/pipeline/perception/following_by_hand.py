"""Somebody whom the detector missed: followed both ways from a box that was drawn by hand."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

from ...core.arrays import Floats, Indices
from ...errors import FhmrError
from ...jobs import Report
from ..footage import Footage
from ..weights import Networks
from .crops import Picture
from .following import Follower, regions_again
from .front_end import decoded_ahead, observed_rate
from .regions import same_pose
from .sightings import Sighting

_BLOCK = 16  # frames that are kept at a time while going backwards


def follow_box(
    footage: Footage,
    frames: Indices,
    seconds: Floats,
    start: int,
    box: Floats,
    known: Sequence[Sequence[Sighting]],
    networks: Networks,
    report: Report,
    *,
    twice: bool,
) -> list[Sighting]:
    """Follow one person until it is lost, a cut comes, or it turns into somebody known.

    Args:
        footage: Read frame by frame.
        frames: (T,) numbers of the clip.
        seconds: (T,) their times.
        start: Row of the frame in which the box was drawn.
        box: (4,) x0 y0 x1 y1, pixels.
        known: Sightings of the others, counted in rows.
        networks: Those of perception are called.
        report: Told the progress; may raise `Cancelled`.
        twice: Look at the person a second time, in the mirror; in a single picture four times.

    Returns:
        Sightings counted in rows, in order.

    Raises:
        FhmrError: The box shows nobody, or somebody known.
    """
    others: dict[int, list[Sighting]] = {}
    for sighting in (sighting for person in known for sighting in person):
        others.setdefault(sighting.frame, []).append(sighting)
    rate = observed_rate(seconds)
    found: dict[int, Sighting] = {}
    looked = 0
    for step in (1, -1):
        follower = Follower(networks, rate, regions_again(len(frames), twice=twice))
        rows = range(start, len(frames) if step > 0 else -1, step)
        read = decoded_ahead if step > 0 else _backwards
        with closing(read(footage, [int(frames[row]) for row in rows])) as images:
            for row, image in zip(rows, images, strict=True):
                report(looked / (len(frames) + 1), f"Following the box, frame {frames[row]}")
                looked += 1
                if isinstance(image, FhmrError):
                    if row == start:
                        raise image
                    image = None
                follower.look(image, box[None] if row == start else None)
                person = follower.people[0]
                if person.until is not None:
                    break
                last = person.sightings[-1]
                if last.frame != follower.frame:
                    continue
                if any(same_pose(last, other) for other in others.get(row, ())):
                    person.until = last.frame - 1
                    break
        for sighting in follower.people[0].believed():
            row = start + step * sighting.frame
            found[row] = replace(sighting, frame=row)
    if not found:
        raise FhmrError(
            "The box shows somebody who is followed already.",
            "Draw it around somebody else, or merge two people.",
        )
    return [found[row] for row in sorted(found)]


def _backwards(footage: Footage, frames: Sequence[int]) -> Generator[Picture | FhmrError]:
    """Decreasing frames; a movie is decoded forwards, so they are read in blocks."""
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        with closing(decoded_ahead(footage, block[::-1])) as images:
            yield from reversed(list(images))
