"""Keeps people apart from frame to frame: boxes are matched to where each person was heading."""

from dataclasses import dataclass, field

import numpy as np

from ...core.arrays import Floats
from .assignment import cheapest_pairs
from .boxes import areas, intersections, overlaps

_MATCHED = 0.2  # guess: least overlap of a box with where the person was expected
_BORN = 0.4  # detector score from which a box without a track starts one
_CLAIMED = 0.5  # guess: a new box that a known person covers this much starts nobody
_INSIDE = 0.85  # guess: share of the smaller box that makes it lie inside
_SIMILAR = 0.35  # guess: smaller over larger area; a child before an adult has less
_INERTIA = 0.5  # guess: share of the last velocity in the next


@dataclass(eq=False)
class Track:
    """Where one person was seen last and is heading; the tracker alone changes it."""

    box: Floats  # (4,) last seen, pixels
    frame: int  # last seen, counted in frames observed
    velocity: Floats = field(default_factory=lambda: np.zeros(4))  # pixels a frame, of the box
    region: Floats | None = None  # (4,) where the body is to be looked for next

    def expected_box(self, frame: int) -> Floats:
        """Where the box should be in a frame, (4,)."""
        steps = min(frame - self.frame, 3)  # a longer guess would run away
        return self.box + self.velocity * steps

    def expected_region(self, frame: int) -> Floats | None:
        """Where the body should be looked for in a frame, (4,)."""
        if self.region is None:
            return None
        shift = self.expected_box(frame) - self.box
        centre = (shift[:2] + shift[2:]) / 2
        return np.array([*(self.region[:2] + centre), *self.region[2:]])

    def see(self, box: Floats, region: Floats, frame: int) -> None:
        """Note where the person was seen and where to look next."""
        steps = max(frame - self.frame, 1)
        step = (box - self.box) / steps
        moved = (step[:2] + step[2:]) / 2  # the centre's: arms open and close the box
        self.velocity = _INERTIA * self.velocity + (1 - _INERTIA) * np.tile(moved, 2)
        self.box, self.frame, self.region = box, frame, region


def assign(tracks: list[Track], boxes: Floats, scores: Floats, frame: int) -> list[int | None]:
    """Match boxes to tracks, so that all together overlap as much as they can.

    Args:
        tracks: Those that may still be seen.
        boxes: (P, 4) of this frame.
        scores: (P,) of the detector.
        frame: Counted in frames observed.

    Returns:
        Per track the index of its box, or None.
    """
    expected = np.array([track.expected_box(frame) for track in tracks]).reshape(-1, 4)
    ages = np.array([frame - track.frame for track in tracks], dtype=float)
    return assign_boxes(expected, ages, boxes, scores)


def assign_boxes(expected: Floats, ages: Floats, boxes: Floats, scores: Floats) -> list[int | None]:
    """Match boxes (P, 4) with scores (P,) to where people are expected (K, 4).

    `ages` (K,): frames since each was seen; lately seen people come first, so that a lost one does
    not take a neighbour's box.
    """
    matched: list[int | None] = [None] * len(expected)
    if not len(expected) or not len(boxes):
        return matched
    table = overlaps(expected, boxes)
    costs = 1.0 - table - 0.1 * scores + 0.05 * np.minimum(ages, 10.0)[:, None]
    costs[table < _MATCHED] = np.inf
    for person, box in cheapest_pairs(costs, 2.0):
        matched[person] = box
    return matched


def newcomers(
    tracks: list[Track], boxes: Floats, scores: Floats, matched: list[int | None], frame: int
) -> list[int]:
    """Indices of sure boxes that belong to nobody known."""
    expected = np.array([track.expected_box(frame) for track in tracks]).reshape(-1, 4)
    return unclaimed(expected, boxes, scores, matched)


def unclaimed(
    expected: Floats, boxes: Floats, scores: Floats, matched: list[int | None]
) -> list[int]:
    """Indices of sure boxes that lie over nobody expected (K, 4)."""
    taken = {index for index in matched if index is not None}
    claimed = overlaps(boxes, expected) >= _CLAIMED
    # One of two boxes of similar size that lies inside the other is the same person, seen in part.
    common = intersections(boxes, expected)
    small = np.minimum(areas(boxes)[:, None], areas(expected)[None])
    large = np.maximum(areas(boxes)[:, None], areas(expected)[None])
    claimed |= (common >= _INSIDE * small) & (small >= _SIMILAR * large)
    return [
        index
        for index in range(len(boxes))
        if index not in taken and scores[index] >= _BORN and not claimed[index].any()
    ]
