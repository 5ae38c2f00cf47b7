"""Limbs drawn again and again while the artist decides: what no slider changes is made once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from ..core.arrays import Bools, Floats, Indices
from ..core.motion import Anchor, Observations, Shot, assemble
from ..core.skeleton import LIMB_JOINTS, LIMB_NAMES, LIMB_OF_LIMB_JOINT, forward_kinematics
from ..jobs import Report, silent
from .alignment import LIMB_STRENGTH, Build, Freedom, Posture, align, angle_deviations
from .anchor import view_of
from .bodies import body_named, body_of
from .camera_motion import camera_turns
from .completion import Completion, Draw, Known, Sampler, Subject
from .contact_edits import contacts_of
from .evidence import gather_evidence, landmark_calibration
from .holds import (
    Hold,
    Stand,
    holds_of_contacts,
    holds_of_keypoints,
    holds_of_pins,
    of_limbs,
    sole_heights,
    told,
)
from .keypoint_edits import edited, edits_of, moved
from .people import person_of
from .pins import check_pins
from .reach import reach
from .resample_settings import ResampleSettings, check_settings, frames_of
from .seams import eased, own_acceleration, shares
from .selection import Judgement, judge, picture_agreement
from .uncertainty import spread_of
from .unmet import unmet
from .variations import Drawn
from .variety import choose, samples_for
from .weights import Networks

# Frames to either side that are told as known. On two filmed clips what lies further away than 4
# changed a drawn limb by less than its own noise; one gives a single frame its neighbours cheaply.
_CONTEXT = 8
_CONTEXT_OF_ONE = 1
_AT_ONCE = 16  # frames; in longer scopes variations are finished one by one, the first one first
_APART = (
    16.0  # squared deviations of 5 cm at which plausibility is 1 / e; guess: branches 20 cm apart
)
_DRAWING = 0.8  # share of the time that stage 2 takes; the bar only has to look even


def open_session(shot: Shot, networks: Networks, settings: ResampleSettings) -> "LimbSession":
    """Prepare a person's frames for drawing.

    Args:
        shot: As it is now; a session knows no later one.
        networks: `completion` is called by draws.
        settings: Person, start and stop are read, and nothing else.

    Raises:
        FhmrError: The scope is empty, or a body or an edit that is stored is damaged.
    """
    return LimbSession(shot, networks, settings)


@dataclass(frozen=True, eq=False)
class _Pool:
    """All samples of a draw so far, in the n frames of the scope."""

    rotations: Floats  # (P, n, 18, 3, 3)
    joints: Floats  # (P, n, 18, 3) metres from the pelvis
    contacts: Floats  # (P, n, 6)
    judgement: Judgement  # (P, n, 5)


class LimbSession:
    """One person, one range of frames; `draw` as often as a slider moves."""

    def __init__(self, shot: Shot, networks: Networks, settings: ResampleSettings) -> None:
        self._shot = shot
        self._scope = settings.scope
        person = person_of(shot, settings.person)
        inside = frames_of(person, settings.start, settings.stop)
        around = _context(inside)
        edits = edits_of(person)
        seen = edited(person.observations, edits)
        self._person = person
        self._whole = (not inside[0], not inside[-1])  # whether a frame stays before, after
        self._seconds = seen.seconds
        self._inside_person = inside
        observations = _observations_within(seen, around)
        anchor = _anchor_within(person.anchor, around)
        self._inside = inside[around]
        self._anchor = anchor
        motion = person.motion_cam
        body = body_of(shot, person)
        neutral = body_named("neutral")
        rest_joints = body.rest_joints(motion.betas)
        self._rest_joints = rest_joints
        self._transl = motion.transl[inside]
        self._posture = Posture(motion.rotations[around], motion.transl[around] + rest_joints[0])
        T_world_from_cam = shot.T_world_from_cam[np.searchsorted(shot.frames, observations.frames)]
        self._stand = Stand(
            frames=observations.frames,
            pelvis=self._posture.pelvis,
            T_world_from_cam=T_world_from_cam,
            intrinsics=observations.intrinsics,
        )
        self._build = Build(
            rest_joints, float(body.stature(motion.betas)), landmark_calibration(networks.constants)
        )
        self._evidence = gather_evidence(observations, networks.constants).within(self._inside)
        self._angles = angle_deviations(anchor.log_variance[self._inside])
        self._aligned = bool(shot.settings.get("alignment", True))
        outer, relative = forward_kinematics(self._posture.rotations, rest_joints)
        joints_cam = relative + self._posture.pelvis[:, None]
        self._keypoints = holds_of_keypoints(
            moved(person.observations, edits)[around],
            observations.keypoints[..., :2],
            joints_cam,
            self._build.calibration.landmarks(outer, joints_cam, self._build.stature),
            self._stand,
            self._inside,
        )
        self._contacts = holds_of_contacts(
            contacts_of(person), self._stand, self._inside, sole_heights(body, motion.betas)
        )
        self._sampler = Sampler(
            Subject(
                view=view_of(observations, camera_turns(T_world_from_cam[:, :3, :3])),
                frames=observations.frames,
                anchor=anchor,
                rest_joints=neutral.rest_joints(anchor.betas),
            ),
            networks.completion,
            networks.constants,
        )

    @property
    def frames(self) -> Indices:
        """(n,) frames of the source that are drawn."""
        return self._stand.frames[self._inside]

    def fits(self, shot: Shot, settings: ResampleSettings) -> bool:
        """Whether draws with these settings on this very shot can come from here."""
        return shot is self._shot and settings.scope == self._scope

    def draw(
        self,
        settings: ResampleSettings,
        report: Report = silent,
        on_first: Callable[[Drawn], None] = lambda _: None,
    ) -> Drawn:
        """Draw variations of limbs.

        Args:
            settings: Of the scope that the session was opened for.
            report: May raise `Cancelled`.
            on_first: Given the variations that are finished when the first is and others are not.

        Returns:
            Variation s is the same to the bit however many are asked for.

        Raises:
            FhmrError: A setting cannot be met, or a model is missing.
            Cancelled: By `report`.
        """
        if settings.scope != self._scope:
            raise ValueError(f"the session is open for {self._scope}, not for {settings.scope}")
        check_settings(settings)
        check_pins(settings.pins, settings.limbs, self.frames)
        holds = self._holds(settings)
        acceleration = own_acceleration(self._person.joints_cam[:, settings.joints])
        finished: list[Drawn] = []
        done = 0
        whole = samples_for(settings.variations)
        for pool in self._pools(settings, holds, report):
            long = len(self.frames) > _AT_ONCE
            if not long and len(pool.joints) < whole:
                continue
            fresh = _choose(pool, settings)[done:]
            for some in np.split(fresh, len(fresh)) if long else (fresh,):
                report(_DRAWING + (1.0 - _DRAWING) * done / settings.variations, "Limbs")
                finished.append(self._finished(some, pool, settings, holds, acceleration))
                done += len(some)
                if len(finished) == 1 and done < settings.variations:
                    on_first(finished[0])
        return _joined(finished, pool.joints)  # pyright: ignore[reportPossiblyUnboundVariable]

    def _holds(self, settings: ResampleSettings) -> tuple[Hold, ...]:
        pins = holds_of_pins(settings.pins, self._stand, self._inside)
        # Moved landmarks are of the picture, and weigh as it does; pins come last and win.
        share = min(settings.guidance, 1.0)
        marks = [replace(hold, weight=share) for hold in self._keypoints if share > 0.0]
        return (*of_limbs((*marks, *self._contacts), settings.limbs), *pins)

    def _pools(
        self, settings: ResampleSettings, holds: Sequence[Hold], report: Report
    ) -> Iterator[_Pool]:
        """The samples after each batch."""
        listed = np.isin(LIMB_NAMES, settings.limbs) & self._inside[:, None]  # (n, 5)
        pull, places = told(holds, self._posture.rotations, self._rest_joints, settings.limbs)
        known = Known(
            limbs=~listed,
            rotations=self._posture.rotations[:, LIMB_JOINTS],
            pull=pull,
            places=places,
        )
        draw = Draw(
            seed=settings.seed,
            person=self._person.id,
            samples=samples_for(settings.variations),
            guidance=settings.guidance,
            steps=settings.steps,
        )
        parts: list[_Pool] = []
        batches = self._sampler.batches(
            draw, known, lambda share: report(_DRAWING * share, "Limbs")
        )
        for batch in batches:
            parts.append(self._judged(batch, settings, parts[0] if parts else None))
            yield _pooled(parts)

    def _judged(self, batch: Completion, settings: ResampleSettings, first: _Pool | None) -> _Pool:
        inside = self._inside
        scope = Completion(
            rotations=batch.rotations[:, inside],
            positions=batch.positions[:, inside],
            gravity=batch.gravity[:, inside],
            contacts=batch.contacts[:, inside],
            velocity=batch.velocity[:, inside],
        )
        torso = self._anchor.rotations[inside]
        _, joints = forward_kinematics(assemble(torso, scope.rotations), self._rest_joints)
        limbs = joints[:, :, LIMB_JOINTS]
        # The first batch says what is usual, so that scores do not depend on how many follow.
        usual = (limbs if first is None else first.joints).mean(axis=0)
        judgement = judge(
            scope,
            torso,
            self._posture.pelvis[inside],
            self._build,
            self._evidence,
            settings.guidance,
            usual,
        )
        return _Pool(scope.rotations, limbs, scope.contacts, judgement)

    def _finished(
        self,
        chosen: Indices,
        pool: _Pool,
        settings: ResampleSettings,
        holds: Sequence[Hold],
        acceleration: float,
    ) -> Drawn:
        """Samples fitted to the picture, eased into their neighbours, brought to their pins."""
        inside, joints = self._inside, settings.joints
        stored = self._posture.rotations[inside]
        rotations = np.repeat(stored[None], len(chosen), axis=0)
        picked = assemble(self._anchor.rotations[inside], pool.rotations[chosen])
        rotations[:, :, joints] = picked[:, :, joints]
        rotations = self._aligned_limbs(rotations, settings)
        _, places = forward_kinematics(rotations, self._rest_joints)
        _, before = forward_kinematics(stored, self._rest_joints)
        share = shares(places[:, :, joints], before[:, joints], *self._whole, acceleration)
        rotations[:, :, joints] = eased(rotations[:, :, joints], stored[:, joints], share)
        scope = [hold.within(inside) for hold in holds]
        rotations = reach(
            rotations, self._rest_joints, scope, self._seconds[self._inside_person], self._edges()
        )
        outer, relative = forward_kinematics(rotations, self._rest_joints)
        marks = self._build.calibration.landmarks(
            outer, relative + self._posture.pelvis[inside][:, None], self._build.stature
        )
        pelvis, columns = self._posture.pelvis[inside], settings.columns
        return Drawn(
            settings=settings,
            person=self._person.id,
            frames=self.frames,
            rotations=rotations,
            joints_cam=relative + (self._rest_joints[0] + self._transl)[:, None],
            T_world_from_cam=self._stand.T_world_from_cam[inside],
            contacts=pool.contacts[chosen],
            scores=pool.judgement.scores[chosen],
            plausibility=_plausibility(pool.judgement, chosen, columns),
            agreement=picture_agreement(marks, pelvis, self._build, self._evidence, columns),
            unmet=tuple(unmet(one, self._rest_joints, scope, self.frames) for one in rotations),
            drawn_ids=chosen,
            spread=np.zeros((len(self.frames), len(LIMB_JOINTS))),
        )

    def _aligned_limbs(self, rotations: Floats, settings: ResampleSettings) -> Floats:
        strength = LIMB_STRENGTH * min(settings.guidance, 1.0)
        if not self._aligned or strength == 0.0:
            return rotations
        rows: Indices = np.tile(np.arange(len(self.frames)), len(rotations))
        posture = Posture(rotations.reshape(-1, 24, 3, 3), self._posture.pelvis[self._inside][rows])
        freedom = Freedom(tuple(settings.joints), self._angles[rows], None)
        found = align(posture, self._build, self._evidence.within(rows), freedom, strength)
        return found.rotations.reshape(rotations.shape)

    def _edges(self) -> tuple[float | None, float | None]:
        """Times of the frames beside the scope."""
        rows = np.flatnonzero(self._inside_person)
        before, after = self._whole
        return (
            float(self._seconds[rows[0] - 1]) if before else None,
            float(self._seconds[rows[-1] + 1]) if after else None,
        )


def _choose(pool: _Pool, settings: ResampleSettings) -> Indices:
    columns = settings.columns
    of_limbs = np.isin(LIMB_OF_LIMB_JOINT, columns)
    scores = pool.judgement.scores[..., columns].mean(axis=(1, 2))
    against = (pool.judgement.misfit + pool.judgement.disagreement)[..., columns]
    return choose(
        pool.joints[:, :, of_limbs], scores, -against.mean(axis=(1, 2)), settings.variations
    )


def _plausibility(judgement: Judgement, chosen: Indices, columns: list[int]) -> Floats:
    """(S,) 0..1: against what is usual among the first samples, which differ as they may."""
    strangeness = judgement.strangeness[..., columns].mean(axis=(1, 2))
    usual = max(float(strangeness[:8].mean()), 0.05)
    disagreement = judgement.disagreement[..., columns].mean(axis=(1, 2))
    return np.exp(-0.25 * strangeness[chosen] / usual - disagreement[chosen] / _APART)


def _pooled(parts: Sequence[_Pool]) -> _Pool:
    if len(parts) == 1:
        return parts[0]

    def joined(name: str) -> Floats:
        return np.concatenate([getattr(part.judgement, name) for part in parts])

    return _Pool(
        rotations=np.concatenate([part.rotations for part in parts]),
        joints=np.concatenate([part.joints for part in parts]),
        contacts=np.concatenate([part.contacts for part in parts]),
        judgement=Judgement(joined("misfit"), joined("disagreement"), joined("strangeness")),
    )


def _joined(parts: Sequence[Drawn], pool_joints: Floats) -> Drawn:
    first = parts[0]

    def all_of(name: str) -> Floats:
        return np.concatenate([getattr(part, name) for part in parts])

    return Drawn(
        settings=first.settings,
        person=first.person,
        frames=first.frames,
        rotations=all_of("rotations"),
        joints_cam=all_of("joints_cam"),
        T_world_from_cam=first.T_world_from_cam,
        contacts=all_of("contacts"),
        scores=all_of("scores"),
        plausibility=all_of("plausibility"),
        agreement=all_of("agreement"),
        unmet=tuple(told for part in parts for told in part.unmet),
        drawn_ids=np.concatenate([part.drawn_ids for part in parts]),
        spread=spread_of(pool_joints),
    )


def _context(inside: Bools) -> slice:
    """The scope and the frames around it that are told as known."""
    first, last = (int(row) for row in np.flatnonzero(inside)[[0, -1]])
    context = _CONTEXT_OF_ONE if first == last else _CONTEXT
    return slice(max(first - context, 0), last + 1 + context)


def _observations_within(seen: Observations, frames: slice) -> Observations:
    return Observations(**{item.name: getattr(seen, item.name)[frames] for item in fields(seen)})


def _anchor_within(anchor: Anchor, frames: slice) -> Anchor:
    return replace(
        anchor,
        rotations=anchor.rotations[frames],
        transl=anchor.transl[frames],
        log_variance=anchor.log_variance[frames],
        limb_trust=anchor.limb_trust[frames],
        first_guess=anchor.first_guess[frames],
    )
