"""Follows everybody through a clip, frame by frame.

The landmark network follows each person by itself; the detectors look every few frames, and
whenever somebody is about to be lost.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core.arrays import Floats
from ..side_by_side import side_by_side
from ..weights import Networks
from .appearance import colour_distance
from .boxes import clipped, overlaps
from .claims import STEADY, Claim, Look, by_clothing, claim_alone, one_each
from .crops import Picture, painted
from .cuts import CutFinder
from .detector import People, detect_bodies, detect_people
from .landmarks import Landmarks, find_landmarks, region_from_points
from .regions import (
    ACCEPTED,
    MIN_FIT,
    PRESENT_FLAG,
    find_bodies,
    find_body,
    find_unboxed,
    follow_body,
    pose_box,
    pose_overlap,
    same_pose,
    without_doubles,
)
from .sightings import Followed, Sighting, seen_again, sighting_of
from .tracking import Track, assign_boxes, unclaimed

STILL_SCORE = 0.35  # NanoDet; recall .81 at .4, .89 at .2 with .26 false boxes a frame
_FOLLOW_SCORE = 0.2  # enough for a box where somebody is expected
_DETECTED = 0.27  # s between looks of the detector; guess: what comes between is followed backwards
_DETECTED_MOST = 8  # frames; they are kept in memory
_TILES_EVERY = 3  # detections between searches for small newcomers
_PATIENCE = 1.0  # s without a sight, or without a detector's word, after which somebody is gone
_GLANCES = 3  # frames for which somebody lost is looked for without the detector
_LOST_EVERY = 3  # frames between detections while somebody is lost
_LOOSE = 0.2  # guess: the same, if a second look or the pose detector agrees
_AGREED = 0.7  # guess: overlap of two looks that agree
# Regular looks from one search for newcomers whom the person detector misses to the next, about a
# second: three calls of the pose detector each, and who is found is followed backwards as well.
_NEWCOMERS = 4
_ALONE_TRUST = 0.5  # guess: what a sight without the detector's word is worth
_LEAP = 3.0  # guess: regions' sides in a second by which half of the landmarks may move
_LEAP_MOST = 0.4  # guess: of the region's side, however long nobody looked
_DOUBTS = 2  # guess: looks in a row without a detector's word for which a pose alone is believed
_WIDER = 1.3  # measured beside .78, stretched contrast and regions from the box
_STRANGER = 0.6  # guess: distance of clothing from which a found person is not the lost one


def regions_again(frames: int, *, twice: bool) -> tuple[float, ...]:
    """Regions of further looks, in sides of the first look's: a single picture has time for two."""
    if not twice:
        return ()
    return (1.0, _WIDER) if frames == 1 else (1.0,)


class Follower:
    """Sees one frame after the other and remembers who is who."""

    def __init__(self, networks: Networks, rate: float, again: Sequence[float] = ()) -> None:
        """Start before the first frame.

        Args:
            networks: `person_detector`, `detector` and `landmarker` are called.
            rate: Frames looked at in a second of the footage.
            again: Regions of further looks at everybody, as `seen_again` takes them.
        """
        self._networks = networks
        self._rate = rate
        self._regions = tuple(again)
        self.every = int(np.clip(round(rate * _DETECTED), 1, _DETECTED_MOST))
        self._patience = max(round(rate * _PATIENCE), 2)
        self._recent: list[Picture] = []  # frames since the last regular detection
        self.frame = -1
        self.people: list[Followed] = []
        self.only_given = False
        self.cuts: list[int] = []  # frames with which a new angle begins
        self.finder = CutFinder()

    def look(self, image: Picture | None, boxes: Floats | None = None) -> None:
        """See the next frame.

        Args:
            image: (H, W, 3) uint8 RGB; None where the frame cannot be read.
            boxes: (P, 4) of the people in the first frame, drawn by hand; then nobody else joins.
        """
        self.frame += 1
        if image is None:
            return
        if boxes is not None:
            self._start_given(image, boxes)
        else:
            self._go_on(image)
        if self._regions:
            seen = [person for person in self.people if person.sightings[-1].frame == self.frame]
            again = side_by_side(
                lambda person: self._again(person.shown(image), person.sightings[-1]), seen
            )
            for person, sighting in zip(seen, again, strict=True):
                person.sightings[-1] = sighting

    def _again(self, image: Picture, sighting: Sighting) -> Sighting:
        return seen_again(sighting, image, self._networks.landmarker, self._regions)

    def _go_on(self, image: Picture) -> None:
        """Follow those who are known, and look for others."""
        if self.finder.is_cut(image):
            self.cuts.append(self.frame)
            self._forget()
        self._retire()
        looks = side_by_side(lambda person: self._look_at(image, person), self._living())
        regular = self.frame % self.every == 0
        if regular or self.frame in self.cuts[-1:] or self._is_needed(looks):
            self._detect(image, looks)
        else:
            claims = [claim_alone(look, look.person.quality) for look in looks if look.steady]
            for claim in one_each(by_clothing(claims, looks)):
                self._grant(claim)
        if regular:
            self._recent.clear()
        else:
            self._recent.append(image)

    def _living(self) -> list[Followed]:
        return [person for person in self.people if person.until is None]

    def _retire(self) -> None:
        """Give up those who were not seen, or not seen by a detector, for too long."""
        for person in self._living():
            if self.frame - person.track.frame > self._patience:
                person.until = person.track.frame
            # Who was drawn by hand is there, whatever the detectors say.
            doubtful = self.frame - person.confirmed > self._patience + self.every
            if doubtful and not self.only_given:
                person.until = person.confirmed

    def _forget(self) -> None:
        """Nobody is where he was before a cut."""
        for person in self._living():
            person.until = self.frame - 1
        self._recent.clear()

    def _start_given(self, image: Picture, boxes: Floats) -> None:
        height, width = image.shape[:2]
        given = clipped(np.asarray(boxes, dtype=float).reshape(-1, 4), width, height)
        fits = find_bodies(image, given, self._networks.detector, self._networks.landmarker)
        for fit in fits:
            self._add(image, fit.landmarks, fit.overlap)
        self.only_given = True
        self.finder.is_cut(image)

    def _look_at(self, image: Picture, person: Followed) -> Look:
        """Look where a person was heading, one pass of the landmark network or two."""
        expected = person.track.expected_box(self.frame)
        region = person.track.expected_region(self.frame)
        if region is None or self.frame - person.track.frame > _GLANCES:
            return Look(person, expected, None, expected, 0.0)
        fit = follow_body(image, region, expected, self._networks.landmarker)
        box = pose_box(fit.landmarks, image.shape[1], image.shape[0])
        leaps = self._leaps(person, fit.landmarks)
        return Look(person, expected, fit.landmarks, box, fit.overlap, leaps)

    def _leaps(self, person: Followed, landmarks: Landmarks) -> bool:
        """Whether a pose is farther from the last one than a body moves."""
        last = person.sightings[-1]
        moved = np.linalg.norm(landmarks.keypoints[:, :2] - last.keypoints[:, :2], axis=-1)
        seconds = (self.frame - last.frame) / self._rate
        reach = min(_LEAP * seconds, _LEAP_MOST) * float(last.region[2])
        return float(np.median(moved)) > reach

    def _is_needed(self, looks: Sequence[Look]) -> bool:
        """Whether the detector must help out of turn."""
        for look in looks:
            lost = self.frame - look.person.track.frame
            if not look.steady and (lost == 1 or self.frame % _LOST_EVERY == 0):
                return True
        poses = [look.landmarks for look in looks if look.landmarks is not None and look.steady]
        return any(
            same_pose(one, other) for index, one in enumerate(poses) for other in poses[:index]
        )

    def _detect(self, image: Picture, looks: Sequence[Look]) -> None:
        """Hold everybody against the detector's boxes, and welcome newcomers."""
        due = self.frame // self.every % _TILES_EVERY == 0
        tiles = self.frame % self.every == 0 and (not looks or due)
        score = _FOLLOW_SCORE if looks else STILL_SCORE
        people = detect_people(image, self._networks.person_detector, score, tiles=tiles)
        places = [look.box if look.believed(_LOOSE) else look.expected for look in looks]
        expected = np.array(places).reshape(-1, 4)
        ages = np.array([self.frame - look.person.track.frame for look in looks], dtype=float)
        matched = assign_boxes(expected, ages, people.boxes, people.scores)
        answers = [
            self._claim_alone(image, look)
            if match is None
            else self._claim_box(image, look, people.boxes[match])
            for look, match in zip(looks, matched, strict=True)
        ]
        claims = by_clothing([claim for claim in answers if claim is not None], looks)
        granted = one_each(claims)
        for claim in claims:
            if claim not in granted and claim.detected is not None:
                behind = self._claim_behind(image, claim, granted)
                if behind is not None:
                    granted.append(behind)
        for claim in granted:
            self._grant(claim)
        if not self.only_given:
            # Who was found to be a stranger in a lost person's place may be somebody new.
            missed = [
                claim is None and age > _GLANCES for claim, age in zip(answers, ages, strict=True)
            ]
            there = np.flatnonzero(~np.array(missed, dtype=bool))
            taken = [matched[look] for look in there]
            fresh = unclaimed(expected[there], people.boxes, people.scores, taken)
            self._welcome(image, people, fresh if looks else list(range(len(people.boxes))))
        self._search_unboxed(image, looks)

    def _claim_box(self, image: Picture, look: Look, box: Floats) -> Claim | None:
        """Hold a look against the detector's box; look again from scratch if it does not fit."""
        networks = self._networks
        found = look.landmarks
        overlap = 0.0 if found is None else pose_overlap(found, box, image)
        if found is None or overlap < ACCEPTED:
            fit = find_body(image, box, networks.detector, networks.landmarker)
            if fit.overlap > overlap:
                found, overlap = fit.landmarks, fit.overlap
        if found is None or overlap < MIN_FIT:
            return None
        stranger = colour_distance(look.person.clothing, found.clothing) > _STRANGER
        if stranger and self.frame - look.person.track.frame > _GLANCES:
            return None
        own = pose_box(found, image.shape[1], image.shape[0])
        return Claim(look.person, found, own, overlap, confirmed=True, detected=box)

    def _claim_alone(self, image: Picture, look: Look) -> Claim | None:
        """Where no box was found: upside down, in a somersault, half hidden."""
        points = self._body_points(image, look)
        if look.steady and look.landmarks is not None:
            inside = (points[:, 0] >= look.box[:2]) & (points[:, 0] <= look.box[2:])
            confirmed = bool(inside.all(axis=-1).any())
            if confirmed or self.only_given or look.person.doubted < _DOUBTS:
                trust = _ALONE_TRUST * look.overlap
                return Claim(look.person, look.landmarks, look.box, trust, confirmed, not confirmed)
            return None
        return self._found_by_pose(image, look, points)

    def _body_points(self, image: Picture, look: Look) -> Floats:
        """(n, 4, 2) what the pose detector finds around a person."""
        box = look.box
        centre, side = (box[:2] + box[2:]) / 2, 1.5 * (box[2:] - box[:2]).max()
        return detect_bodies(image, np.array([*centre, side, 0.0]), self._networks.detector).points

    def _found_by_pose(self, image: Picture, look: Look, bodies: Floats) -> Claim | None:
        """Another start for somebody whose pose has turned away: the pose detector's (n, 4, 2)."""
        for points in bodies:
            region = region_from_points(points[0], points[1])
            first = find_landmarks(image, region, self._networks.landmarker)
            second = find_landmarks(image, first.next_region, self._networks.landmarker)
            box = pose_box(second, image.shape[1], image.shape[0])
            agreed = pose_overlap(first, box, image)
            near = float(overlaps(box[None], look.expected[None])[0, 0])
            sure = min(first.flag, second.flag) >= PRESENT_FLAG
            if (
                sure
                and agreed >= _AGREED
                and near >= _LOOSE
                and not self._leaps(look.person, second)
            ):
                trust = _ALONE_TRUST * agreed * near
                return Claim(look.person, second, box, trust, confirmed=True)
        return None

    def _claim_behind(self, image: Picture, claim: Claim, granted: Sequence[Claim]) -> Claim | None:
        """Look again for somebody whose pose is another's, with the other painted over."""
        if claim.detected is None:
            return None
        for other in granted:
            if same_pose(claim.landmarks, other.landmarks):
                image = painted(image, other.landmarks.mask, other.landmarks.region)
        networks = self._networks
        fit = find_body(image, claim.detected, networks.detector, networks.landmarker)
        known = any(same_pose(fit.landmarks, other.landmarks) for other in granted)
        strange = colour_distance(claim.person.clothing, fit.landmarks.clothing) > _STRANGER
        if known or strange or fit.overlap < ACCEPTED:
            return None
        landmarks = replace(fit.landmarks, cleared=image)
        box = pose_box(landmarks, image.shape[1], image.shape[0])
        return Claim(claim.person, landmarks, box, fit.overlap, True, detected=claim.detected)

    def _grant(self, claim: Claim) -> None:
        if claim.confirmed:
            claim.person.confirm(self.frame, claim.confidence)
        else:
            claim.person.doubted += int(claim.doubtful)
        claim.person.see(claim.landmarks, self.frame, claim.box, claim.confidence)

    def _welcome(self, image: Picture, people: People, indices: Sequence[int]) -> None:
        """Start people in boxes that belong to nobody known, and follow them backwards."""
        boxes = people.boxes[list(indices)]
        fits = find_bodies(image, boxes, self._networks.detector, self._networks.landmarker)
        present = [
            person.sightings[-1] for person in self.people if person.track.frame == self.frame
        ]
        for index in without_doubles(fits):
            if not any(same_pose(fits[index].landmarks, other) for other in present):
                person = self._add(image, fits[index].landmarks, fits[index].overlap)
                self._follow_backwards(person, fits[index].landmarks)

    def _follow_backwards(self, person: Followed, landmarks: Landmarks) -> None:
        """See a newcomer in the frames since the detector looked last."""
        back = Track(person.track.box, 0)
        back.see(person.track.box, landmarks.next_region, 0)
        for steps, image in enumerate(reversed(self._recent), 1):
            frame = self.frame - steps
            region = back.expected_region(steps)
            if region is None:
                return
            expected = back.expected_box(steps)
            fit = follow_body(image, region, expected, self._networks.landmarker)
            others = [
                sighting
                for other in self.people
                for sighting in other.sightings[-2 * self.every :]
                if other is not person and sighting.frame == frame
            ]
            alone = not any(same_pose(fit.landmarks, sighting) for sighting in others)
            if fit.overlap < STEADY or fit.landmarks.flag < PRESENT_FLAG or not alone:
                return
            box = pose_box(fit.landmarks, image.shape[1], image.shape[0])
            back.see(box, fit.landmarks.next_region, steps)
            seen = sighting_of(fit.landmarks, frame, box, person.quality)
            person.sightings.insert(0, self._again(image, seen) if self._regions else seen)

    def _search_unboxed(self, image: Picture, looks: Sequence[Look]) -> None:
        """Find whom the person detector misses: upside down, or in a somersault.

        A newcomer at some of the regular looks; anybody where nobody at all was seen.
        """
        seen = [person.track.box for person in self.people if person.track.frame == self.frame]
        if seen and (self.only_given or self.frame % (_NEWCOMERS * self.every)):
            return
        lost: Sequence[Look] = () if seen else looks
        known = [*seen, *(look.expected for look in looks if seen)]
        found = find_unboxed(
            image, np.array(known), self._networks.detector, self._networks.landmarker
        )
        expected = np.array([look.expected for look in lost]).reshape(-1, 4)
        boxes = np.array([box for box, _ in found]).reshape(-1, 4)
        matched = assign_boxes(expected, np.zeros(len(lost)), boxes, np.ones(len(boxes)))
        for look, match in zip(lost, matched, strict=True):
            if match is not None:
                box, fit = found[match]
                trust = _ALONE_TRUST * fit.overlap
                self._grant(Claim(look.person, fit.landmarks, box, trust, confirmed=True))
        for index, (_, fit) in enumerate(found):
            if index not in matched and not self.only_given:
                person = self._add(image, fit.landmarks, _ALONE_TRUST * fit.overlap)
                self._follow_backwards(person, fit.landmarks)

    def _add(self, image: Picture, landmarks: Landmarks, confidence: float) -> Followed:
        box = pose_box(landmarks, image.shape[1], image.shape[0])
        person = Followed(Track(box, self.frame), landmarks.clothing, self.frame, confidence)
        person.see(landmarks, self.frame, box, confidence)
        self.people.append(person)
        return person
