"""The first door: footage in, posed people in a world out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core import shot_file
from ..core.arrays import Floats
from ..core.body import Body, betas_for_height, carry_shape
from ..core.motion import (
    MEAN_SAMPLE,
    Anchor,
    LimbSamples,
    Motion,
    Observations,
    Person,
    Shot,
    assemble,
)
from ..core.rotations import sixd_from_matrix
from ..core.shot_layout import stored_anchor, stored_observations
from ..core.skeleton import LIMB_JOINTS, LIMB_NAMES, TORSO_JOINTS
from ..errors import FhmrError
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
from .footage import Footage
from .lens import choose_intrinsics
from .perception.front_end import observe
from .selection import mean_rotations, score_samples
from .weights import Networks
from .world import move_to_world, place_world

_OBSERVED = 0.80  # share of the time that perception takes; the bar only has to look even
_FRAMES_AT_ONCE = 32  # of vertices, for memory
_SEED_MAX = 2**31 - 1  # what the panel's field holds


@dataclass(frozen=True)
class EstimateSettings:
    """What the artist may decide; frame numbers are 0-based, the end lies outside."""

    start: int = 0
    stop: int | None = None  # None: to the end
    step: int = 1
    people: int | None = None  # at most; None: all
    boxes: tuple[tuple[float, float, float, float], ...] | None = None  # drawn by hand, pixels
    focal: float | None = None  # pixels
    fov: float | None = None  # degrees across the longer side
    camera: str = "static"
    body: str = "neutral"  # name or file
    bodies: Mapping[int, str] = field(default_factory=lambda: {})  # by the person's id
    height: float | None = None  # metres
    heights: Mapping[int, float] = field(default_factory=lambda: {})  # by the person's id
    hypotheses: int = 8
    guidance: float = 1.0
    steps: int = 4
    seed: int = 0
    alignment: bool = True

    def body_of(self, person: int) -> str:
        return self.bodies.get(person, self.body)

    def height_of(self, person: int) -> float | None:
        return self.heights.get(person, self.height)


def estimate(
    footage: Footage, networks: Networks, settings: EstimateSettings, report: Report
) -> Shot:
    """Pose everybody who is seen.

    Raises:
        FhmrError: A setting cannot be met, nobody is seen, or a model is missing.
        Cancelled: By `report`.
    """
    check_settings(settings)
    frames = _chosen_frames(footage, settings)
    neutral = body_named("neutral")
    shown = {name: body_named(name) for name in {settings.body, *settings.bodies.values()}}
    intrinsics = choose_intrinsics(footage, settings.focal, settings.fov)
    observed = observe(
        footage,
        frames,
        intrinsics.values,
        networks,
        lambda fraction, message: report(_OBSERVED * fraction, message),
        people=settings.people,
        boxes=None if settings.boxes is None else np.array(settings.boxes, dtype=float),
    )
    takes: list[_Take] = []
    for index, observations in enumerate(observed):
        body = shown[settings.body_of(index + 1)]
        part = (1.0 - _OBSERVED) / len(observed)
        begun = _OBSERVED + index * part

        def progress(fraction: float, begun: float = begun, part: float = part) -> None:
            report(begun + part * fraction, f"Limbs of person {len(takes) + 1}/{len(observed)}")

        takes.append(
            _pose(
                index + 1,
                stored_observations(observations),
                networks,
                settings,
                neutral,
                body,
                progress,
            )
        )
    T_world_from_cam = place_world(
        np.concatenate([take.completion.gravity.reshape(-1, 3) for take in takes]),
        lambda up: min(_lowest(take, up) for take in takes),
    )
    shot = Shot(
        source=str(footage.path),
        source_sha256=footage.sha256,
        size=footage.size,
        fps=footage.fps,
        frames=np.asarray(frames, dtype=np.int64),
        intrinsics=np.tile(intrinsics.values, (len(frames), 1)),
        T_world_from_cam=np.tile(T_world_from_cam, (len(frames), 1, 1)),
        settings=_recipe(settings, networks, intrinsics.origin, takes),
        people=tuple(_person(take, settings, T_world_from_cam) for take in takes),
    )
    # What is handed out is what a file would give back, so that both go on the same way.
    return shot_file.stored(shot)


def check_settings(settings: EstimateSettings) -> None:
    """Refuse what cannot be met, before any work.

    Raises:
        FhmrError: Names the setting.
    """
    if settings.camera != "static":
        raise FhmrError(
            "A moving camera cannot be estimated yet.",
            "Use a static camera, or frames where it rests.",
        )
    if not 1 <= settings.hypotheses <= 64:
        raise FhmrError(f"{settings.hypotheses} hypotheses cannot be drawn.", "Choose 1 to 64.")
    if not 0.0 <= settings.guidance <= 10.0:
        raise FhmrError(f"A guidance of {settings.guidance:g} means nothing.", "Choose 0 to 10.")
    if not 1 <= settings.steps <= 200:
        raise FhmrError(f"Limbs cannot be drawn in {settings.steps} steps.", "Choose 1 to 200.")
    if not 0 <= settings.seed <= _SEED_MAX:
        raise FhmrError(f"{settings.seed} is no seed.", f"Choose 0 to {_SEED_MAX}.")
    if settings.people is not None and settings.people < 1:
        raise FhmrError(f"{settings.people} people cannot be posed.", "Choose 1 or more.")
    for height in (settings.height, *settings.heights.values()):
        if height is not None and not 0.8 <= height <= 2.6:
            raise FhmrError(
                f"A height of {height:g} m fits no adult body.", "Give the height in metres."
            )


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
    settings: EstimateSettings,
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


def _person(take: _Take, settings: EstimateSettings, T_world_from_cam: Floats) -> Person:
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


def _recipe(
    settings: EstimateSettings, networks: Networks, lens: str, takes: Sequence[_Take]
) -> dict[str, Any]:
    """What reproduces the run, and what resampling needs to know."""
    return {
        "seed": settings.seed,
        "guidance": settings.guidance,
        "steps": settings.steps,
        "hypotheses": settings.hypotheses,
        "alignment": settings.alignment,
        "camera": settings.camera,
        "lens": lens,
        "start": settings.start,
        "stop": settings.stop,
        "step": settings.step,
        "people": settings.people,
        "boxes": settings.boxes,
        "models": dict(networks.checksums),
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


def _chosen_frames(footage: Footage, settings: EstimateSettings) -> list[int]:
    """The frame numbers that are asked for.

    Raises:
        FhmrError: They are none, or lie outside the footage.
    """
    count = footage.frame_count
    stop = count if settings.stop is None else settings.stop
    if settings.step < 1:
        raise FhmrError(f"Every {settings.step}th frame is none.", "Choose a step of 1 or more.")
    if not 0 <= settings.start < stop:
        raise FhmrError(
            f"The frames {settings.start}:{stop} are none.", "Choose an end behind the start."
        )
    if stop > count:
        raise FhmrError(
            f"{footage.path.name} has {count} frame{'s' if count > 1 else ''}, numbered from 0; "
            f"{settings.start}:{stop} goes beyond.",
            f"Choose frames within 0:{count}.",
        )
    return list(range(settings.start, stop, settings.step))
