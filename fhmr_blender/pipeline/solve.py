"""The stages after perception: from stored observations to posed people in one world.

`estimate` comes here with fresh observations, `resolve` with those of a shot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Floats, check_shapes
from ..core.body import Body, betas_for_height, carry_shape
from ..core.motion import (
    MEAN_SAMPLE,
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
from .completion import Completion, Draw, Subject, complete
from .evidence import Evidence, gather_evidence, landmark_calibration
from .selection import mean_rotations, score_samples
from .weights import Networks
from .world import move_to_world, place_world

_FRAMES_AT_ONCE = 32  # of vertices, for memory


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
    frame_count: int,
    networks: Networks,
    settings: SolveSettings,
    report: Report,
) -> Solution:
    """Pose everybody who was seen.

    Args:
        observed: By the person's id, in the order of the shot.
        frame_count: T, of the shot.
        networks: `anchor` and `completion` are called.
        settings: What the artist decided.
        report: Told the progress of these stages alone; may raise `Cancelled`.
    """
    neutral = body_named("neutral")
    shown = {name: body_named(name) for name in map(settings.body_of, observed)}
    takes: list[_Take] = []
    for place, (number, observations) in enumerate(observed.items()):

        def progress(share: float, place: int = place) -> None:
            fraction = (place + share) / len(observed)
            report(fraction, f"Limbs of person {place + 1}/{len(observed)}")

        takes.append(
            _pose(
                number,
                stored_observations(observations),
                networks,
                settings,
                neutral,
                shown[settings.body_of(number)],
                progress,
            )
        )
    T_world_from_cam = place_world(
        np.concatenate([take.completion.gravity.reshape(-1, 3) for take in takes]),
        lambda up: min(_lowest(take, up) for take in takes),
    )
    return Solution(
        people=tuple(_person(take, settings, T_world_from_cam) for take in takes),
        T_world_from_cam=np.tile(T_world_from_cam, (frame_count, 1, 1)),
        recipe=_recipe(takes, settings),
    )


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
    anchor: Anchor
    completion: Completion
    scores: Floats  # (S, N, 5)
    body: Body
    motion_cam: Motion
    height: float | None


def _pose(
    number: int,
    observations: Observations,
    networks: Networks,
    settings: SolveSettings,
    neutral: Body,
    body: Body,
    progress: Callable[[float], None],
) -> _Take:
    """All stages for one person, in `cam`."""
    count = len(observations.frames)
    view = view_of(observations, np.broadcast_to(np.eye(3), (count, 3, 3)))
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
    limbs = mean_rotations(completion.rotations)
    posture = Posture(assemble(anchor.rotations, limbs), pelvis)
    if settings.alignment:
        freedom = Freedom(LIMB_JOINTS, angle_deviations(anchor.log_variance), None)
        posture = align(
            posture, build, evidence, freedom, LIMB_STRENGTH * min(settings.guidance, 1.0)
        )
    motion = Motion(posture.rotations, pelvis - build.rest_joints[0], betas)
    return _Take(number, observations, anchor, completion, scores, body, motion, height)


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


def _lowest(take: _Take, up: Floats) -> float:
    """How high along `up` the lowest vertex lies over the clip, metres from the camera."""
    lowest = np.inf
    for start in range(0, len(take.motion_cam.transl), _FRAMES_AT_ONCE):
        frames = slice(start, start + _FRAMES_AT_ONCE)
        motion = take.motion_cam
        vertices = take.body.vertices(motion.rotations[frames], motion.betas, motion.transl[frames])
        lowest = min(lowest, float((vertices @ up.astype(vertices.dtype)).min()))
    return lowest


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
        chosen=np.full((count, len(LIMB_NAMES)), MEAN_SAMPLE),
        motion_cam=motion,
        joints_cam=take.body.joints(motion.rotations, motion.betas, motion.transl),
        motion_world=move_to_world(motion, T_world_from_cam, rest_pelvis),
        contacts=take.completion.contacts.mean(axis=0),
    )


def _recipe(takes: list[_Take], settings: SolveSettings) -> dict[str, Any]:
    """What reproduces these stages, and what resampling needs to know."""
    return {
        "seed": settings.seed,
        "guidance": settings.guidance,
        "steps": settings.steps,
        "hypotheses": settings.hypotheses,
        "alignment": settings.alignment,
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
