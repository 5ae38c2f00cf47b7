"""The second door: chosen limbs of one person drawn again, everything else to the bit as it was."""

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ..core import shot_file
from ..core.arrays import Bools, Floats, Indices
from ..core.body import Body
from ..core.motion import Anchor, LimbSamples, Observations, Person, Shot, assemble
from ..core.rotations import sixd_from_matrix
from ..core.skeleton import CONTACT_JOINTS, LIMB_JOINTS, LIMB_NAMES, LIMB_OF_LIMB_JOINT, LIMBS
from ..errors import FhmrError
from ..jobs import Report
from .alignment import LIMB_STRENGTH, Build, Freedom, Posture, align, angle_deviations
from .anchor import view_of
from .bodies import body_named, body_of
from .completion import Completion, Draw, Known, Subject, complete
from .evidence import Evidence, gather_evidence, landmark_calibration
from .pins import Held, Pin, check_pins, held_places, reach
from .selection import best_samples, pick_limbs, score_samples
from .weights import Networks

_CONTEXT = 32  # frames to either side that are told as known; guess, as for neighbouring windows
_SEED_MAX = 2**31 - 1  # what the panel's field holds


@dataclass(frozen=True)
class ResampleSettings:
    """What is drawn again; frame numbers are the source's, 0-based, the end lies outside."""

    limbs: tuple[str, ...]
    person: int | None = None  # track id; None: the first
    start: int | None = None  # None: from the person's first frame
    stop: int | None = None  # None: to its last
    guidance: float = 1.0
    variations: int = 8
    steps: int = 4
    seed: int = 0
    shown: int | None = None  # which variation, from 0; None: for each limb the best
    pins: tuple[Pin, ...] = ()


def resample(shot: Shot, networks: Networks, settings: ResampleSettings, report: Report) -> Shot:
    """Draw limbs again from their seed.

    Returns:
        The shot with other limbs in the listed frames. The anchor, all other limbs and all other
        frames are the same to the bit.

    Raises:
        FhmrError: A setting cannot be met, or a model or body is missing.
        Cancelled: By `report`.
    """
    _check(settings)
    person = _chosen_person(shot, settings)
    inside = _scope(person, settings)
    check_pins(settings.pins, settings.limbs, person.observations.frames[inside])
    report(0.0, "Limbs")
    sitting = _sitting(shot, person, inside, networks, settings)
    listed = np.isin(LIMB_NAMES, settings.limbs) & sitting.inside[:, None]  # (n, 5)
    drawn = complete(
        sitting.subject,
        networks.completion,
        networks.constants,
        Draw(settings.seed, person.id, settings.variations, settings.guidance, settings.steps),
        Known(
            limbs=~listed,
            rotations=sitting.posture.rotations[:, LIMB_JOINTS],
            pinned=sitting.held.mask[:, LIMB_JOINTS],
            places=sitting.held.places[:, LIMB_JOINTS],
        ),
        lambda fraction: report(0.9 * fraction, "Limbs"),
    )
    report(0.9, "Alignment")
    scores = score_samples(
        drawn,
        sitting.subject.anchor.rotations,
        sitting.posture.pelvis,
        sitting.build,
        sitting.evidence,
        settings.guidance,
    )
    chosen = best_samples(scores[:, sitting.inside])
    if settings.shown is not None:
        chosen = np.full(len(LIMB_NAMES), settings.shown)
    posture = _shown_posture(shot, sitting, drawn, chosen, settings)
    changed = _changed(person, sitting, posture, inside, settings)
    people = tuple(
        _noted(changed, sitting, drawn, scores, chosen, inside, settings) if one is person else one
        for one in shot.people
    )
    recipe = _recipe(shot, person, settings)
    return shot_file.stored(replace(shot, people=people, settings=recipe))


@dataclass(frozen=True, eq=False)
class _Sitting:
    """The scope and the frames around it, as stage 2 and the alignment want them; n frames."""

    frames: slice  # of the person's
    inside: Bools  # (n,) the scope
    subject: Subject
    posture: Posture  # as it is now
    build: Build
    evidence: Evidence
    body: Body
    held: Held


def _sitting(
    shot: Shot, person: Person, inside: Bools, networks: Networks, settings: ResampleSettings
) -> _Sitting:
    first, last = np.flatnonzero(inside)[[0, -1]]
    frames = slice(max(int(first) - _CONTEXT, 0), int(last) + 1 + _CONTEXT)
    observations = _observations_within(person.observations, frames)
    anchor = _anchor_within(person.anchor, frames)
    neutral, body = body_named("neutral"), body_of(shot, person)
    betas = person.motion_cam.betas
    rest_joints = body.rest_joints(betas)
    pelvis = person.motion_cam.transl[frames] + rest_joints[0]
    T_world_from_cam = shot.T_world_from_cam[np.searchsorted(shot.frames, observations.frames)]
    held = held_places(settings.pins, observations.frames, inside[frames], T_world_from_cam, pelvis)
    return _Sitting(
        frames=frames,
        inside=inside[frames],
        subject=Subject(
            view=view_of(observations, _camera_turns(T_world_from_cam)),
            frames=observations.frames,
            anchor=anchor,
            rest_joints=neutral.rest_joints(anchor.betas),
        ),
        posture=Posture(person.motion_cam.rotations[frames], pelvis),
        build=Build(
            rest_joints, float(body.stature(betas)), landmark_calibration(networks.constants)
        ),
        evidence=gather_evidence(observations, networks.constants),
        body=body,
        held=held,
    )


def _shown_posture(
    shot: Shot, sitting: _Sitting, drawn: Completion, chosen: Indices, settings: ResampleSettings
) -> Posture:
    """The chosen samples of the listed limbs in the scope, fitted to the picture; m frames."""
    inside = sitting.inside
    stored = sitting.posture.rotations[inside]
    rotations = stored.copy()
    joints = _joints_of(settings.limbs)
    picked = assemble(
        sitting.subject.anchor.rotations[inside], pick_limbs(drawn.rotations[:, inside], chosen)
    )
    rotations[:, joints] = picked[:, joints]
    posture = Posture(rotations, sitting.posture.pelvis[inside])
    if shot.settings.get("alignment", True):
        deviations = angle_deviations(sitting.subject.anchor.log_variance[inside])
        freedom = Freedom(tuple(joints), deviations, None)
        strength = LIMB_STRENGTH * min(settings.guidance, 1.0)
        seen = sitting.evidence.within(inside)
        posture = align(posture, sitting.build, seen, freedom, strength)
    held = Held(sitting.held.mask[inside], sitting.held.places[inside])
    return replace(posture, rotations=reach(posture.rotations, sitting.build.rest_joints, held))


def _changed(
    person: Person, sitting: _Sitting, posture: Posture, inside: Bools, settings: ResampleSettings
) -> Person:
    """The person with only the listed joints in the scope replaced."""
    joints = _joints_of(settings.limbs)
    place = np.ix_(np.flatnonzero(inside), np.array(joints))
    motion = person.motion_cam
    joints_cam = sitting.body.joints(posture.rotations, motion.betas, motion.transl[inside])

    def with_limbs(array: Floats, new: Floats) -> Floats:
        mixed = array.copy()
        mixed[place] = new[:, joints]
        return mixed

    return replace(
        person,
        motion_cam=replace(motion, rotations=with_limbs(motion.rotations, posture.rotations)),
        motion_world=replace(
            person.motion_world,
            rotations=with_limbs(person.motion_world.rotations, posture.rotations),
        ),
        joints_cam=with_limbs(person.joints_cam, joints_cam),
    )


def _noted(
    person: Person,
    sitting: _Sitting,
    drawn: Completion,
    scores: Floats,
    chosen: Indices,
    inside: Bools,
    settings: ResampleSettings,
) -> Person:
    """The person with what was drawn written down: samples, scores, choice, contacts, seed."""
    rows = np.flatnonzero(inside)
    columns = np.array([LIMB_NAMES.index(limb) for limb in settings.limbs])
    count, choice, contacts = (
        array.copy() for array in (person.sample_count, person.chosen, person.contacts)
    )
    count[np.ix_(rows, columns)] = settings.variations
    choice[np.ix_(rows, columns)] = chosen[columns]
    for column, joint in enumerate(CONTACT_JOINTS):
        limb = int(LIMB_OF_LIMB_JOINT[LIMB_JOINTS.index(joint)])
        if limb in columns:
            contacts[rows, column] = drawn.contacts[chosen[limb]][sitting.inside, column]
    return replace(
        person,
        seed=settings.seed,
        sample_count=count,
        chosen=choice,
        contacts=contacts,
        samples=LimbSamples(
            frames=person.observations.frames[inside],
            rotations6d=sixd_from_matrix(drawn.rotations[:, sitting.inside]),
            scores=scores[:, sitting.inside],
        ),
    )


def _recipe(shot: Shot, person: Person, settings: ResampleSettings) -> dict[str, Any]:
    """The shot's settings with this draw in place of an earlier one of the same scope."""
    step = {
        "person": person.id,
        "limbs": [limb for limb in LIMB_NAMES if limb in settings.limbs],
        "start": settings.start,
        "stop": settings.stop,
    }
    draw = {
        "guidance": settings.guidance,
        "variations": settings.variations,
        "steps": settings.steps,
        "seed": settings.seed,
        "shown": settings.shown,
        "pins": [[pin.joint, *pin.place, pin.frame] for pin in settings.pins],
    }
    before: list[Any] = []
    kept = shot.settings.get("resampled")
    if isinstance(kept, list):
        before = [
            old
            for old in cast("list[Any]", kept)
            if not (isinstance(old, dict) and step.items() <= cast("dict[str, Any]", old).items())
        ]
    return {**shot.settings, "resampled": [*before, {**step, **draw}]}


def _check(settings: ResampleSettings) -> None:
    unknown = [limb for limb in settings.limbs if limb not in LIMB_NAMES]
    if unknown or not settings.limbs:
        raise FhmrError(
            f"There is no limb {unknown[0]!r}." if unknown else "No limb is named.",
            f"Choose among {', '.join(LIMB_NAMES)}.",
        )
    if not 1 <= settings.variations <= 64:
        raise FhmrError(f"{settings.variations} variations cannot be drawn.", "Choose 1 to 64.")
    if not 0.0 <= settings.guidance <= 10.0:
        raise FhmrError(f"A guidance of {settings.guidance:g} means nothing.", "Choose 0 to 10.")
    if not 1 <= settings.steps <= 200:
        raise FhmrError(f"Limbs cannot be drawn in {settings.steps} steps.", "Choose 1 to 200.")
    if not 0 <= settings.seed <= _SEED_MAX:
        raise FhmrError(f"{settings.seed} is no seed.", f"Choose 0 to {_SEED_MAX}.")
    if settings.shown is not None and not 0 <= settings.shown < settings.variations:
        raise FhmrError(
            f"There is no variation {settings.shown} among {settings.variations}.",
            "Choose one that is drawn.",
        )


def _chosen_person(shot: Shot, settings: ResampleSettings) -> Person:
    for person in shot.people:
        if settings.person in (None, person.id):
            return person
    if not shot.people:
        raise FhmrError("The shot holds no person.", "Estimate the footage again.")
    ids = ", ".join(str(person.id) for person in shot.people)
    raise FhmrError(f"There is no person {settings.person}.", f"Choose among {ids}.")


def _scope(person: Person, settings: ResampleSettings) -> Bools:
    """(N,) the listed frames among the person's."""
    frames = person.observations.frames
    inside = np.ones(len(frames), dtype=bool)
    if settings.start is not None:
        inside &= frames >= settings.start
    if settings.stop is not None:
        inside &= frames < settings.stop
    if not inside.any():
        raise FhmrError(
            f"Person {person.id} is not seen in the chosen frames.",
            f"Choose frames within {frames[0]}:{frames[-1] + 1}.",
        )
    return inside


def _camera_turns(T_world_from_cam: Floats) -> Floats:
    """(n, 3, 3) `R_world_from_cam`; of a static camera plainly the identity."""
    turns = T_world_from_cam[:, :3, :3]
    if np.all(turns == turns[0]):
        return np.broadcast_to(np.eye(3), turns.shape)
    return turns


def _joints_of(limbs: tuple[str, ...]) -> list[int]:
    return [joint for limb in LIMB_NAMES if limb in limbs for joint in LIMBS[limb]]


def _observations_within(seen: Observations, frames: slice) -> Observations:
    return Observations(
        frames=seen.frames[frames],
        seconds=seen.seconds[frames],
        intrinsics=seen.intrinsics[frames],
        bbox=seen.bbox[frames],
        region=seen.region[frames],
        track_confidence=seen.track_confidence[frames],
        keypoints=seen.keypoints[frames],
        keypoints_world=seen.keypoints_world[frames],
        image_feature=seen.image_feature[frames],
    )


def _anchor_within(anchor: Anchor, frames: slice) -> Anchor:
    return Anchor(
        rotations=anchor.rotations[frames],
        transl=anchor.transl[frames],
        betas=anchor.betas,
        log_variance=anchor.log_variance[frames],
        limb_trust=anchor.limb_trust[frames],
        first_guess=anchor.first_guess[frames],
    )
