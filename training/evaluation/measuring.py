"""Answers every clip of a split with every method and gathers the figures."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.frames import rigid
from fhmr_blender.core.motion import Motion
from fhmr_blender.core.skeleton import LIMB_JOINTS
from fhmr_blender.pipeline.alignment import Build, Posture
from fhmr_blender.pipeline.camera_motion import CameraMotion, camera_turns
from fhmr_blender.pipeline.selection import shown_limbs
from fhmr_blender.pipeline.world import Actor, place_world

from .. import metrics
from . import world_metrics
from .answers import (
    Answer,
    Figure,
    averaged,
    landmark_joints,
    main_joints,
    of_body,
    of_landmarks,
    unmirrored_landmarks,
)
from .clips import Case, true_joints
from .contestants import Tools
from .hypotheses import Hypotheses
from .methods import (
    Drawn,
    Seen,
    Start,
    align_each,
    draw,
    fit,
    flow_mean,
    flow_samples,
    guess_aligned,
    look,
    look_at,
    regress,
)
from .tallies import Frames, Tally

LANDMARKS = "landmark network"
MIRRORED = "landmark network, mirror-averaged"
FIT = "plain fit to the landmarks"
REGRESSION = "one-stage regression, aligned"
FLOW = "one-stage flow, mean, aligned"
STAGE1 = "stage 1 alone, aligned"
MEAN = "FHMR, mean of samples"
MEAN_ALIGNED = "FHMR, mean of samples, aligned"
SHOWN = "FHMR as shown: first guess around the anchor, aligned"
TWICE = "FHMR as shown, every frame looked at twice"
WEIGHED = "FHMR, mean weighed by score, aligned"
SELECTED = "FHMR, best sample of each limb, aligned"
BLENDED = "FHMR, mean of samples and first guess, aligned"
ONE = "FHMR, one sample"
ONE_ALIGNED = "FHMR, one sample, aligned"
NEAREST = "FHMR, nearest sample (chosen by the truth)"
SKINNED = (REGRESSION, FLOW, STAGE1, SHOWN)
WALK_FOUND = f"{SHOWN}; the camera's walk found"
IN_THE_WORLD = (REGRESSION, FLOW, STAGE1, SHOWN, ONE_ALIGNED)


@dataclass
class WorldTally:
    """One method's figures in the world, one number a clip."""

    wa: list[float] = field(default_factory=list)  # metres
    w: list[float] = field(default_factory=list)  # metres
    way: list[float] = field(default_factory=list)  # share of the way
    jitter: list[float] = field(default_factory=list)  # 10 m/s^3
    sliding: list[float] = field(default_factory=list)  # metres a thirtieth of a second

    def add(self, figure: Figure, case: Case, T_world_from_cam: Floats | None = None) -> None:
        """Note one clip, seen by a camera (T, 4, 4), or by the true one."""
        clip = case.clip
        true_camera = rigid(clip.R_world_from_cam.astype(float), clip.camera_position.astype(float))
        camera = true_camera if T_world_from_cam is None else T_world_from_cam
        joints = _moved(camera, figure.joints + figure.posture.pelvis[:, None])
        truth = _moved(true_camera, clip.joints_cam.astype(float))
        seconds = clip.seconds.astype(float)
        self.wa.append(world_metrics.wa_mpjpe(joints, truth))
        self.w.append(world_metrics.w_mpjpe(joints, truth))
        self.way.append(world_metrics.root_translation_error(joints[:, 0], truth[:, 0]))
        self.jitter.append(metrics.jitter(joints, seconds))
        self.sliding.append(world_metrics.foot_sliding(joints, clip.contacts, seconds))


def _moved(T_world_from_cam: Floats, points: Floats) -> Floats:
    """(T, N, 3) `cam` -> `world`."""
    turned = np.einsum("tij,tnj->tni", T_world_from_cam[:, :3, :3], points)
    return turned + T_world_from_cam[:, None, :3, 3]


def found_camera(figure: Figure, drawn: Drawn, case: Case, body: Body) -> Floats:
    """(T, 4, 4) where the camera walked, its turn known: from the body and what stage 2 says."""
    completion = drawn.completion
    gravity = completion.gravity.mean(axis=0)
    actor = Actor(
        rows=np.arange(len(case)),
        seconds=case.clip.seconds.astype(float),
        body=body,
        motion_cam=Motion(
            rotations=figure.posture.rotations,
            transl=figure.posture.pelvis - figure.build.rest_joints[0],
            betas=figure.betas,
        ),
        gravity=gravity / np.maximum(np.linalg.norm(gravity, axis=1, keepdims=True), 1e-9),
        velocity=completion.velocity.mean(axis=0),
        contacts=completion.contacts.mean(axis=0),
    )
    turns = camera_turns(case.clip.R_world_from_cam.astype(float))
    return place_world([actor], np.arange(len(case)), CameraMotion(turns, walks=True))


@dataclass
class Measured:
    """All figures of one set of clips."""

    frames: Frames = field(default_factory=Frames)
    tallies: dict[str, Tally] = field(default_factory=dict)
    worlds: dict[str, WorldTally] = field(default_factory=dict)  # clips whose camera moves
    hypotheses: Hypotheses = field(default_factory=Hypotheses)
    offered: Hypotheses = field(default_factory=Hypotheses)  # the same, aligned; pictures only
    torso_doubt: list[Floats] = field(default_factory=list)  # (T,) stage 1's deviation, radians

    @property
    def visible(self) -> Floats:
        """(F, 12)."""
        return self.frames.all("visible")


Rarity = Callable[[Case], Floats]


def measure(
    cases: Sequence[Case],
    tools: Tools,
    rarity: Rarity,
    progress: Callable[[int], None] = lambda _: None,
    threads: int = 1,
) -> Measured:
    """Answer every case with every method."""
    measured = Measured()
    with ThreadPoolExecutor(threads) as pool:
        replies = pool.map(lambda case: _reply(case, tools), cases)
        for index, (case, reply) in enumerate(zip(cases, replies, strict=True)):
            progress(index)
            measured.frames.add(case, rarity(case))
            measured.hypotheses.add(reply.drawn, case, reply.seen)
            if reply.offered is not None:
                measured.offered.add(reply.offered, case, reply.seen)
            measured.torso_doubt.append(np.exp(0.5 * reply.drawn.anchor.log_variance[:, 0]))
            _note(measured, case, reply, tools)
    return measured


@dataclass(frozen=True, eq=False)
class _Reply:
    """What all methods say of one case."""

    seen: Seen
    drawn: Drawn
    offered: Drawn | None  # every sample aligned, as an artist is offered it; pictures only
    answers: dict[str, Answer]  # in the order of the tables


def _note(measured: Measured, case: Case, reply: _Reply, tools: Tools) -> None:
    """Every method's figures of one case."""
    for name, answer in reply.answers.items():
        neutral = tools.body if name in SKINNED else None
        measured.tallies.setdefault(name, Tally()).add(answer, case, reply.seen, neutral)
        moves = case.camera_moves and len(case) > 1
        if moves and name in IN_THE_WORLD and answer.figure is not None:
            measured.worlds.setdefault(name, WorldTally()).add(answer.figure, case)
        if moves and name == SHOWN and answer.figure is not None:
            camera = found_camera(answer.figure, reply.drawn, case, tools.body)
            measured.worlds.setdefault(WALK_FOUND, WorldTally()).add(answer.figure, case, camera)


def _reply(case: Case, tools: Tools) -> _Reply:
    """Answer one case with every method."""
    seen = look_at(case, tools)
    answers = peer_answers(case, seen, tools)
    start = regress(seen, tools.anchor, tools)
    drawn = draw(seen, start, tools.completion, tools)

    def body(posture: Posture, build: Build = start.build) -> Answer:
        return of_body(posture, build, start.said.betas)

    answers["stage 1 alone"] = body(start.raw)
    answers[STAGE1] = body(start.aligned)
    guess = drawn.posture(start.aligned.rotations[:, list(LIMB_JOINTS)])
    blend = averaged((drawn.mean, guess))
    shown, _ = shown_limbs(drawn.completion.rotations, drawn.anchor.first_guess, guidance=1.0)
    singles = (
        drawn.posture(shown),
        drawn.mean,
        drawn.weighed,
        drawn.selected,
        blend,
        drawn.one,
    )
    shown, mean, weighed, selected, blend, one = align_each(singles, seen, start)
    answers[SHOWN] = body(shown)
    if not case.twice:
        answers[TWICE] = _twice(case, tools)
    answers[MEAN] = body(drawn.mean)
    answers[MEAN_ALIGNED] = body(mean)
    answers[WEIGHED] = body(weighed)
    answers[SELECTED] = body(selected)
    answers[BLENDED] = body(blend)
    answers[ONE] = body(drawn.one)
    answers[ONE_ALIGNED] = body(one)
    truth = main_joints(true_joints(case))
    errors = metrics.pa_mpjpe(main_joints(drawn.joints), truth[None])  # (S, T)
    limbs = drawn.completion.rotations[np.argmin(errors, axis=0), np.arange(len(case))]
    answers[NEAREST] = body(drawn.posture(limbs))
    return _Reply(seen, drawn, _offered(drawn, seen, start) if case.twice else None, answers)


def _offered(drawn: Drawn, seen: Seen, start: Start) -> Drawn:
    """The samples with their limbs aligned."""
    aligned = align_each(drawn.postures, seen, start)
    limbs = np.stack([posture.rotations[:, list(LIMB_JOINTS)] for posture in aligned])
    return replace(drawn, completion=replace(drawn.completion, rotations=limbs))


def _twice(case: Case, tools: Tools) -> Answer:
    """The shown answer after two looks, where the mirrored pictures are there."""
    seen = look_at(replace(case, twice=True), tools)
    start = regress(seen, tools.anchor, tools)
    return of_body(guess_aligned(seen, start), start.build, start.said.betas)


def peer_answers(case: Case, seen: Seen, tools: Tools) -> dict[str, Answer]:
    """What all others say; those that were not trained are left out."""
    own = landmark_joints(look(case.clip, tools.constants).view)  # plain, even after two looks
    answers = {LANDMARKS: of_landmarks(own)}
    if case.mirrored is not None:
        mirrored = unmirrored_landmarks(landmark_joints(look(case.mirrored, tools.constants).view))
        both = np.where(case.mirror_found[:, None, None], (own + mirrored) / 2, np.nan)
        answers[MIRRORED] = of_landmarks(both)
    else:
        answers[MIRRORED] = of_landmarks(np.full_like(own, np.nan))
    posture, build = fit(seen, tools)
    answers[FIT] = of_body(posture, build, np.zeros(10))
    if tools.regression is not None:
        peer = regress(seen, tools.regression, tools)
        answers["one-stage regression"] = of_body(peer.raw, peer.build, peer.said.betas)
        answers[REGRESSION] = of_body(peer.aligned, peer.build, peer.said.betas)
    if tools.flow is not None:
        samples = flow_samples(seen, tools.flow, tools)
        mean, aligned, build, betas = flow_mean(samples, seen, tools)
        answers["one-stage flow, mean"] = of_body(mean, build, betas)
        answers[FLOW] = of_body(aligned, build, betas)
    return answers
