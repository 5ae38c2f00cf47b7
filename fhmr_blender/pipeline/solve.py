"""The stages after perception: from stored observations to posed people in one world.

`estimate` comes here with fresh observations, `resolve` with those of a shot.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Floats, Indices, check_shapes
from ..core.body import Body, betas_for_height, carry_shape
from ..core.motion import (
    Anchor,
    LimbSamples,
    Motion,
    Observations,
    Person,
    assemble,
)
from ..core.rotations import sixd_from_matrix
from ..core.shot_layout import stored_anchor, stored_observations
from ..core.skeleton import LIMB_JOINTS, LIMB_NAMES, TORSO_JOINTS
from ..jobs import Report
from .alignment import (
    ANCHOR_STRENGTH,
    LIMB_STRENGTH,
    Build,
    Freedom,
    Posture,
    align,
    anchor_freedom,
    angle_deviations,
)
from .anchor import Regression, regress_anchor, view_of
from .bodies import body_named
from .camera_motion import CameraMotion, camera_turns
from .completion import Completion, Draw, Subject, complete
from .evidence import Evidence, gather_evidence, landmark_calibration
from .selection import score_samples, shown_limbs
from .weights import Networks
from .world import Actor, move_to_world, place_world


@dataclass(frozen=True)
class SolveSettings:
    """What the artist may decide about everything after perception."""

    hypotheses: int = 8
    guidance: float = 1.0
    steps: int = 4
    seed: int = 0
    alignment: bool = True
    body: str = "neutral"  # name or file
    bodies: Mapping[int, str] = field(default_factory=lambda: {})  # by the person's id
    height: float | None = None  # metres
    heights: Mapping[int, float] = field(default_factory=lambda: {})  # by the person's id

    def body_of(self, person: int) -> str:
        return self.bodies.get(person, self.body)

    def height_of(self, person: int) -> float | None:
        return self.heights.get(person, self.height)


@dataclass(frozen=True, eq=False)
class Solution:
    """The people of a shot and the camera that saw them, over its T frames."""

    people: tuple[Person, ...]
    T_world_from_cam: Floats  # (T, 4, 4)
    recipe: Mapping[str, Any]  # what of the settings reproduces it

    def __post_init__(self) -> None:
        check_shapes(self, T_world_from_cam="T 4 4")


def solve(
    observed: Mapping[int, Observations],
    frames: Indices,
    camera: CameraMotion,
    networks: Networks,
    settings: SolveSettings,
    report: Report,
) -> Solution:
    """Pose everybody who was seen.

    Args:
        observed: By the person's id, in the order of the shot.
        frames: (T,) numbers of the shot.
        camera: What is known of its motion over these frames.
        networks: `anchor` and `completion` are called.
        settings: What the artist decided.
        report: Told the progress of these stages alone; may raise `Cancelled`.
    """
    takes: list[_Take] = []
    for place, (number, observations) in enumerate(observed.items()):

        def progress(share: float, place: int = place) -> None:
            fraction = (place + share) / len(observed)
            report(fraction, f"Limbs of person {place + 1}/{len(observed)}")

        takes.append(_take(number, observations, frames, camera, networks, settings, progress))
    T_world_from_cam = camera.T_world_from_cam
    if T_world_from_cam is None:
        T_world_from_cam = place_world([_actor(take) for take in takes], frames, camera)
    return Solution(
        people=tuple(_person(take, settings, T_world_from_cam) for take in takes),
        T_world_from_cam=T_world_from_cam,
        recipe=_recipe(takes, camera, settings),
    )


def solve_one(
    number: int,
    observations: Observations,
    frames: Indices,
    T_world_from_cam: Floats,
    networks: Networks,
    settings: SolveSettings,
    report: Report,
) -> Person:
    """Pose one person in a world that stays as it is.

    Args:
        number: The person's id.
        observations: Frames of the shot.
        frames: (T,) of the shot.
        T_world_from_cam: (T, 4, 4) of the shot.
        networks: `anchor` and `completion` are called.
        settings: What the artist decided.
        report: Told the progress; may raise `Cancelled`.
    """
    camera = CameraMotion(T_world_from_cam[:, :3, :3], T_world_from_cam)
    take = _take(
        number,
        observations,
        frames,
        camera,
        networks,
        settings,
        lambda share: report(share, f"Limbs of person {number}"),
    )
    return _person(take, settings, T_world_from_cam)


def load_bodies(settings: SolveSettings) -> None:
    """Read every body that is asked for, so that a missing one is told before long work.

    Raises:
        FhmrError: There is no such file, or it is no body.
    """
    for name in {settings.body, *settings.bodies.values()}:
        body_named(name)


@dataclass(frozen=True, eq=False)
class _Take:
    """One person on the way through the stages."""

    id: int
    observations: Observations
    rows: Indices  # (N,) among the shot's frames
    anchor: Anchor
    completion: Completion
    scores: Floats  # (S, N, 5)
    chosen: int  # what is shown of them, as in `core.motion`
    body: Body
    motion_cam: Motion
    height: float | None


def _take(
    number: int,
    observations: Observations,
    frames: Indices,
    camera: CameraMotion,
    networks: Networks,
    settings: SolveSettings,
    progress: Callable[[float], None],
) -> _Take:
    """All stages for one person, in `cam`."""
    neutral, body = body_named("neutral"), body_named(settings.body_of(number))
    observations = stored_observations(observations)
    rows = np.searchsorted(frames, observations.frames)
    view = view_of(observations, camera_turns(camera.R_first_from_cam[rows]))
    height = settings.height_of(number)
    said = regress_anchor(view, networks.anchor, lambda fraction: progress(0.3 * fraction))
    if height is not None:
        said = _scaled_to(height, said, neutral)
    betas = _carried(said.betas, neutral, body, height)
    build = Build(
        rest_joints=body.rest_joints(betas),
        stature=float(body.stature(betas)),
        calibration=landmark_calibration(networks.constants),
    )
    evidence = gather_evidence(observations, networks.constants)
    anchor = _fixed_anchor(said, build, evidence, neutral, settings.alignment)
    subject = Subject(view, observations.frames, anchor, neutral.rest_joints(anchor.betas))
    draw = Draw(settings.seed, number, settings.hypotheses, settings.guidance, settings.steps)
    completion = complete(
        subject,
        networks.completion,
        networks.constants,
        draw,
        on_batch=lambda fraction: progress(0.3 + 0.6 * fraction),
    )
    pelvis = anchor.transl + subject.rest_joints[0]
    scores = score_samples(completion, anchor.rotations, pelvis, build, evidence, settings.guidance)
    limbs, chosen = shown_limbs(completion.rotations, anchor.first_guess, settings.guidance)
    posture = Posture(assemble(anchor.rotations, limbs), pelvis)
    if settings.alignment:
        freedom = Freedom(LIMB_JOINTS, angle_deviations(anchor.log_variance), None)
        posture = align(
            posture, build, evidence, freedom, LIMB_STRENGTH * min(settings.guidance, 1.0)
        )
    motion = Motion(posture.rotations, pelvis - build.rest_joints[0], betas)
    return _Take(
        number, observations, rows, anchor, completion, scores, chosen, body, motion, height
    )


def _fixed_anchor(
    said: Regression, build: Build, evidence: Evidence, neutral: Body, aligned: bool
) -> Anchor:
    """Stage 1's answer, fitted to the picture; from here on it does not change by a bit."""
    posture = Posture(assemble(said.rotations, said.first_guess), said.pelvis)
    if aligned:
        freedom = anchor_freedom(said.log_variance)
        posture = align(posture, build, evidence, freedom, ANCHOR_STRENGTH)
    anchor = Anchor(
        rotations=posture.rotations[:, TORSO_JOINTS],
        transl=posture.pelvis - neutral.rest_joints(said.betas)[0],
        betas=said.betas,
        log_variance=said.log_variance,
        limb_trust=evidence.limb_visibility(),
        first_guess=said.first_guess,
    )
    return stored_anchor(anchor)


def _scaled_to(height: float, said: Regression, neutral: Body) -> Regression:
    """The same picture of a body of another height: it stands nearer or farther."""
    betas = betas_for_height(neutral, said.betas, height)
    growth = height / float(neutral.stature(said.betas))
    return replace(said, betas=betas, pelvis=said.pelvis * growth)


def _carried(betas: Floats, neutral: Body, body: Body, height: float | None) -> Floats:
    """The neutral body's shape on the body that is shown."""
    if body.sha256 == neutral.sha256:
        return betas
    carried = carry_shape(betas, neutral, body)
    return carried if height is None else betas_for_height(body, carried, height)


def _actor(take: _Take) -> Actor:
    return Actor(
        rows=take.rows,
        seconds=take.observations.seconds,
        body=take.body,
        motion_cam=take.motion_cam,
        gravity=take.completion.gravity.mean(axis=0),
        velocity=take.completion.velocity.mean(axis=0),
        contacts=take.completion.contacts.mean(axis=0),
    )


def _person(take: _Take, settings: SolveSettings, T_world_from_cam: Floats) -> Person:
    count = len(take.observations.frames)
    motion, samples = take.motion_cam, take.completion.rotations
    rest_pelvis = take.body.rest_joints(motion.betas)[0]
    return Person(
        id=take.id,
        observations=take.observations,
        anchor=take.anchor,
        samples=LimbSamples(
            frames=take.observations.frames,
            rotations6d=sixd_from_matrix(samples),
            scores=take.scores,
        ),
        seed=settings.seed,
        sample_count=np.full((count, len(LIMB_NAMES)), settings.hypotheses),
        chosen=np.full((count, len(LIMB_NAMES)), take.chosen),
        motion_cam=motion,
        joints_cam=take.body.joints(motion.rotations, motion.betas, motion.transl),
        motion_world=move_to_world(motion, T_world_from_cam[take.rows], rest_pelvis),
        contacts=take.completion.contacts.mean(axis=0),
    )


def _recipe(
    takes: Sequence[_Take], camera: CameraMotion, settings: SolveSettings
) -> dict[str, Any]:
    """What reproduces these stages, and what resampling needs to know."""
    return {
        "seed": settings.seed,
        "guidance": settings.guidance,
        "steps": settings.steps,
        "hypotheses": settings.hypotheses,
        "alignment": settings.alignment,
        "camera_motion": {"given": camera.T_world_from_cam is not None, "walks": camera.walks},
        "body": {
            str(take.id): {"name": _lasting(settings.body_of(take.id)), "sha256": take.body.sha256}
            for take in takes
        },
        "heights": {str(take.id): take.height for take in takes if take.height is not None},
    }


def _lasting(body: str) -> str:
    """A body's name, or its file's path wherever the next program is started."""
    path = Path(body)
    return str(path.resolve()) if path.suffix and path.is_file() else body
