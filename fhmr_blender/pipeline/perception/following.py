"""Follows everybody through a clip, frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Floats
from ..weights import Networks
from .boxes import areas, clipped
from .crops import Picture
from .detector import People, detect_people
from .landmarks import Landmarks
from .regions import (
    ACCEPTED,
    MIN_FIT,
    PRESENT_FLAG,
    Fit,
    find_bodies,
    find_body,
    find_unboxed,
    follow_body,
    pose_box,
    same_pose,
    without_doubles,
)
from .tracking import Track, alive, assign, newcomers

STILL_SCORE = 0.35  # NanoDet; recall .81 at .4, .89 at .2 with .26 false boxes a frame
_FOLLOW_SCORE = 0.2  # enough for a box where somebody is expected
_TILES_EVERY = 10  # frames of a clip between searches for small newcomers
_ALONE_FIT = 0.5  # guess: overlap with the expected box that landmarks without a box must keep
_ALONE_TRUST = 0.5  # guess: what a sight without the detector's word is worth
_SURE = 0.45  # guess: median confidence of people in a clip; furniture taken for people has less
_SHORTEST = 5  # frames; who is seen in fewer of a clip is taken for a false alarm


@dataclass(frozen=True, eq=False)
class Sighting:
    """One person in one frame."""

    frame: int  # counted in frames observed
    box: Floats  # (4,) the detector's, else the pose's
    landmarks: Landmarks
    confidence: float  # 0..1, overlap of pose and box; less where only the pose speaks


@dataclass(eq=False)
class _Person:
    track: Track
    sightings: list[Sighting]

    def see(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)
        self.track.see(sighting.box, sighting.landmarks.next_region, sighting.frame)


class Follower:
    """Sees one frame after the other and remembers who is who."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._frame = -1
        self._people: list[_Person] = []
        self._only_given = False

    def look(self, image: Picture, boxes: Floats | None = None) -> None:
        """See the next frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: (P, 4) of the people in the first frame, drawn by hand; then nobody else joins.
        """
        self._frame += 1
        if boxes is not None:
            self._start_given(image, boxes)
            return
        living = [person for person in self._people if alive(person.track, self._frame)]
        tiles = not living or self._frame % _TILES_EVERY == 0
        score = _FOLLOW_SCORE if living else STILL_SCORE
        people = detect_people(image, self._networks.person_detector, score, tiles=tiles)
        tracks = [person.track for person in living]
        matched = assign(tracks, people.boxes, people.scores, self._frame)
        seen: list[tuple[_Person, Sighting]] = []
        for person, match in zip(living, matched, strict=True):
            box = None if match is None else people.boxes[match]
            sighting = self._follow(image, person.track, box)
            if sighting is not None:
                seen.append((person, sighting))
        for person, sighting in _one_each(seen):
            person.see(sighting)
        if not self._only_given:
            fresh = newcomers(tracks, people.boxes, people.scores, matched, self._frame)
            self._welcome(image, people, fresh if living else list(range(len(people.boxes))))
        if not any(person.track.frame == self._frame for person in self._people):
            self._search_unboxed(image)

    def people(self) -> list[list[Sighting]]:
        """Everybody who was no false alarm, the most prominent first."""
        shortest = min(_SHORTEST, self._frame + 1)
        stayed = [
            person.sightings
            for person in self._people
            if len(person.sightings) >= shortest and self._is_sure(person.sightings)
        ]
        return sorted(stayed, key=_prominence, reverse=True)

    def _is_sure(self, sightings: Sequence[Sighting]) -> bool:
        """Whether somebody was seen well most of the time; a still shows what it shows."""
        confidence = float(np.median([sighting.confidence for sighting in sightings]))
        return self._only_given or self._frame == 0 or confidence >= _SURE

    def _start_given(self, image: Picture, boxes: Floats) -> None:
        height, width = image.shape[:2]
        given = clipped(np.asarray(boxes, dtype=float).reshape(-1, 4), width, height)
        fits = find_bodies(image, given, self._networks.detector, self._networks.landmarker)
        for fit, box in zip(fits, given, strict=True):
            self._add(fit, box)
        self._only_given = True

    def _follow(self, image: Picture, track: Track, box: Floats | None) -> Sighting | None:
        """Where one person is now, or None."""
        expected = track.expected_box(self._frame)
        region = track.expected_region(self._frame)
        if region is None:
            return None
        fit = follow_body(
            image, region, expected if box is None else box, self._networks.landmarker
        )
        if box is None:
            height, width = image.shape[:2]
            if fit.overlap < _ALONE_FIT or fit.landmarks.flag < PRESENT_FLAG:
                return None
            own = pose_box(fit.landmarks, width, height)
            return Sighting(self._frame, own, fit.landmarks, _ALONE_TRUST * fit.overlap)
        if fit.overlap < ACCEPTED:
            again = find_body(image, box, self._networks.detector, self._networks.landmarker)
            fit = again if again.overlap > fit.overlap else fit
        if fit.overlap < MIN_FIT:
            return None
        return Sighting(self._frame, box, fit.landmarks, fit.overlap)

    def _welcome(self, image: Picture, people: People, indices: Sequence[int]) -> None:
        """Start people in boxes that belong to nobody known."""
        boxes = people.boxes[list(indices)]
        fits = find_bodies(image, boxes, self._networks.detector, self._networks.landmarker)
        present = [
            person.sightings[-1].landmarks
            for person in self._people
            if person.sightings[-1].frame == self._frame
        ]
        for index in without_doubles(fits):
            if not any(same_pose(fits[index].landmarks, other) for other in present):
                self._add(fits[index], boxes[index])

    def _search_unboxed(self, image: Picture) -> None:
        """Where nobody was seen: somebody may be upside down."""
        found = find_unboxed(image, self._networks.detector, self._networks.landmarker)
        if found is None:
            return
        box, fit = found
        living = [person for person in self._people if alive(person.track, self._frame)]
        tracks = [person.track for person in living]
        matched = assign(tracks, box[None], np.ones(1), self._frame)
        trust = _ALONE_TRUST * fit.overlap
        for person, match in zip(living, matched, strict=True):
            if match is not None:
                person.see(Sighting(self._frame, box, fit.landmarks, trust))
                return
        if not self._only_given:
            self._add(Fit(fit.landmarks, trust), box)

    def _add(self, fit: Fit, box: Floats) -> None:
        person = _Person(Track(box, self._frame), [])
        person.see(Sighting(self._frame, box, fit.landmarks, fit.overlap))
        self._people.append(person)


def _one_each(seen: Sequence[tuple[_Person, Sighting]]) -> list[tuple[_Person, Sighting]]:
    """Of people who claim one pose the surest."""
    kept: list[tuple[_Person, Sighting]] = []
    for person, sighting in sorted(seen, key=lambda item: -item[1].confidence):
        if not any(same_pose(sighting.landmarks, other.landmarks) for _, other in kept):
            kept.append((person, sighting))
    return kept


def _prominence(sightings: Sequence[Sighting]) -> float:
    """Large, sure and long in the picture."""
    return sum(sighting.confidence * float(np.sqrt(areas(sighting.box))) for sighting in sightings)
