"""The methods: landmark network, plain fit, one-stage peers, both stages with their variants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.camera import NEAREST_DEPTH
from fhmr_blender.core.motion import Anchor, Observations, assemble
from fhmr_blender.core.person_view import pelvis_cam
from fhmr_blender.core.rotations import axis_angle_from_matrix, rotation_about
from fhmr_blender.core.skeleton import (
    LIMB_JOINTS,
    LIMB_OF_LIMB_JOINT,
    TORSO_JOINTS,
    forward_kinematics,
)
from fhmr_blender.pipeline.alignment import (
    ANCHOR_STRENGTH,
    LIMB_STRENGTH,
    Build,
    Freedom,
    Posture,
    align,
    anchor_freedom,
    angle_deviations,
)
from fhmr_blender.pipeline.anchor import Regression, View, regress_anchor, view_of
from fhmr_blender.pipeline.completion import Completion, Draw, Subject, complete
from fhmr_blender.pipeline.evidence import Evidence, gather_evidence, landmark_calibration
from fhmr_blender.pipeline.runtime import Network
from fhmr_blender.pipeline.selection import (
    best_samples,
    mean_rotations,
    pick_limbs,
    score_samples,
)
from fhmr_blender.pipeline.surest_look import surest_look

from ..data.sample import PairClip
from ..networks.blocks import ObservationTensors
from ..networks.one_stage_flow import FLOW_SIZE, OneStageFlow
from .answers import landmark_joints
from .clips import Case, observations_of
from .contestants import Tools

_FIT_FREEDOM = 0.8  # radians about each axis in one round of the plain fit; a guess
_FIT_ROUNDS = 3  # each starts, and has its weak prior, where the last one ended
_ARMS_DOWN = {16: -1.1, 17: 1.1}  # radians about z from the T-pose
_SCORE_SHARPNESS = 1.0  # of the mean weighed by score: exp(score), as a likelihood
_SHOULDERS, _HIPS = (11, 12), (23, 24)


@dataclass(frozen=True, eq=False)
class Seen:
    """One clip as every method sees it."""

    view: View
    evidence: Evidence

    def __len__(self) -> int:
        return len(self.view.inputs.seconds)


@dataclass(frozen=True, eq=False)
class Start:
    """Stage 1's answer, as it is and aligned."""

    said: Regression
    build: Build
    aligned: Posture

    @property
    def raw(self) -> Posture:
        return posture_of(self.said)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Stage 2's samples around an anchor."""

    anchor: Anchor
    pelvis: Floats  # (T, 3) metres, `cam`
    build: Build
    completion: Completion
    scores: Floats  # (S, T, 5)

    def posture(self, limbs: Floats) -> Posture:
        """The anchor with limbs (T, 18, 3, 3)."""
        return Posture(assemble(self.anchor.rotations, limbs), self.pelvis)

    @property
    def mean(self) -> Posture:
        return self.posture(mean_rotations(self.completion.rotations))

    @property
    def one(self) -> Posture:
        return self.posture(self.completion.rotations[0])

    @property
    def selected(self) -> Posture:
        """Each limb's best sample by score."""
        return self.posture(pick_limbs(self.completion.rotations, best_samples(self.scores)))

    @property
    def weighed(self) -> Posture:
        """The mean, each sample's limb weighed by its score over the clip."""
        scores = _SCORE_SHARPNESS * self.scores.mean(axis=1)  # (S, 5)
        weights = np.exp(scores - scores.max(axis=0))
        weights = (weights / weights.sum(axis=0))[:, LIMB_OF_LIMB_JOINT]  # (S, 18)
        scaled = self.completion.rotations * (len(weights) * weights)[:, None, :, None, None]
        return self.posture(mean_rotations(scaled))

    @property
    def joints(self) -> Floats:
        """(S, T, 24, 3) metres from the pelvis, of every sample."""
        rotations = assemble(self.anchor.rotations, self.completion.rotations)
        return forward_kinematics(rotations, self.build.rest_joints)[1]

    @property
    def postures(self) -> list[Posture]:
        """Every sample."""
        return [self.posture(limbs) for limbs in self.completion.rotations]


def look_at(case: Case, tools: Tools) -> Seen:
    """What perception hands on of a case, after one look or two."""
    if not case.twice or case.mirrored is None:
        return look(case.clip, tools.constants)
    looks = [observations_of(case.clip, case.mirrored, turned=turned) for turned in (False, True)]
    R_world_from_cam = case.clip.R_world_from_cam.astype(float)
    believed = surest_look(looks, R_world_from_cam, tools.anchor)
    return _seen(believed, R_world_from_cam, tools.constants)


def look(clip: PairClip, constants: Mapping[str, Floats]) -> Seen:
    """What perception hands on after one look, in the person camera."""
    return _seen(observations_of(clip), clip.R_world_from_cam.astype(float), constants)


def _seen(
    observations: Observations, R_world_from_cam: Floats, constants: Mapping[str, Floats]
) -> Seen:
    return Seen(view_of(observations, R_world_from_cam), gather_evidence(observations, constants))


def posture_of(said: Regression) -> Posture:
    """Stage 1's torso with its first guess of the limbs."""
    return Posture(assemble(said.rotations, said.first_guess), said.pelvis)


def build_of(betas: Floats, tools: Tools) -> Build:
    """A body's measures."""
    return Build(
        rest_joints=tools.body.rest_joints(betas),
        stature=float(tools.body.stature(betas)),
        calibration=landmark_calibration(tools.constants),
    )


def regress(seen: Seen, network: Network, tools: Tools) -> Start:
    """Stage 1 or a regression of its form, aligned as the pipeline aligns stage 1."""
    said = regress_anchor(seen.view, network)
    build = build_of(said.betas, tools)
    freedom = anchor_freedom(said.log_variance)
    aligned = align(posture_of(said), build, seen.evidence, freedom, ANCHOR_STRENGTH)
    return Start(said, build, aligned)


def draw(
    seen: Seen,
    start: Start,
    network: Network,
    tools: Tools,
    *,
    guidance: float = 1.0,
    steps: int | None = None,
    torso: Posture | None = None,
) -> Drawn:
    """Stage 2 around the aligned anchor, or around another torso."""
    whole = start.aligned if torso is None else torso
    anchor = Anchor(
        rotations=whole.rotations[:, list(TORSO_JOINTS)],
        transl=whole.pelvis - start.build.rest_joints[0],
        betas=start.said.betas,
        log_variance=start.said.log_variance,
        limb_trust=seen.evidence.limb_visibility(),
        first_guess=start.said.first_guess,
    )
    subject = Subject(seen.view, np.arange(len(seen)), anchor, start.build.rest_joints)
    wanted = Draw(0, 1, tools.samples, guidance, steps or tools.steps)
    drawn = complete(subject, network, tools.constants, wanted)
    scores = score_samples(
        drawn, anchor.rotations, whole.pelvis, start.build, seen.evidence, guidance
    )
    return Drawn(anchor, whole.pelvis, start.build, drawn, scores)


def align_limbs(posture: Posture, seen: Seen, start: Start) -> Posture:
    """As the pipeline aligns stage 2: limbs alone."""
    return align_each((posture,), seen, start)[0]


def guess_aligned(seen: Seen, start: Start) -> Posture:
    """What Estimate shows at guidance 1: the first guess around the aligned anchor, aligned."""
    rotations = start.aligned.rotations.copy()
    rotations[:, list(LIMB_JOINTS)] = start.said.first_guess
    return align_limbs(Posture(rotations, start.aligned.pelvis), seen, start)


def align_each(postures: Sequence[Posture], seen: Seen, start: Start) -> tuple[Posture, ...]:
    """Several answers to one clip, their limbs aligned in one go: each frame moves on its own."""
    copies, evidence = len(postures), seen.evidence
    deviations = np.tile(angle_deviations(start.said.log_variance), (copies, 1))
    together = align(
        Posture(
            np.concatenate([posture.rotations for posture in postures]),
            np.concatenate([posture.pelvis for posture in postures]),
        ),
        start.build,
        Evidence(
            pixels=np.tile(evidence.pixels, (copies, 1, 1)),
            visible=np.tile(evidence.visible, (copies, 1)),
            intrinsics=np.tile(evidence.intrinsics, (copies, 1)),
            worth=np.tile(evidence.worth, (copies, 1)),
        ),
        Freedom(LIMB_JOINTS, deviations, None),
        LIMB_STRENGTH,
    )
    rotations = np.split(together.rotations, copies)
    return tuple(map(Posture, rotations, np.split(together.pelvis, copies)))


def fit(seen: Seen, tools: Tools) -> tuple[Posture, Build]:
    """A plain optimisation: an average body from its rest pose to the landmarks in the picture.

    The root starts where the landmark network's shoulders and hips stand; the prior is weak and
    moves along, so that nothing but the picture decides in the end.
    """
    build = build_of(np.zeros(10), tools)
    count = len(seen)
    rotations = np.broadcast_to(np.eye(3), (count, 24, 3, 3)).copy()
    for joint, angle in _ARMS_DOWN.items():
        rotations[:, joint] = rotation_about(2, angle)
    landmarks = landmark_joints(seen.view)
    rotations[:, 0] = _trunk_axes(landmarks)
    posture = Posture(rotations, _placed(landmarks, seen.evidence, build))
    free = Freedom(
        tuple(range(24)), np.full((count, 24), _FIT_FREEDOM), np.full(count, _FIT_FREEDOM)
    )
    for _ in range(_FIT_ROUNDS):
        posture = align(posture, build, seen.evidence, free, 1.0)
    return posture, build


def _trunk_axes(landmarks: Floats) -> Floats:
    """(T, 3, 3) `cam` from body, by shoulders and hips: columns left, up, forward."""
    shoulders = landmarks[:, list(_SHOULDERS)].mean(axis=1)
    up = _unit(shoulders - landmarks[:, list(_HIPS)].mean(axis=1))
    across = landmarks[:, [_SHOULDERS[0], _HIPS[0]]] - landmarks[:, [_SHOULDERS[1], _HIPS[1]]]
    left = across.sum(axis=1)
    left = _unit(left - (left * up).sum(axis=1, keepdims=True) * up)
    return np.stack((left, up, np.cross(left, up)), axis=-1)


def _placed(landmarks: Floats, evidence: Evidence, build: Build) -> Floats:
    """(T, 3) the pelvis where the landmark network's own body would cover its picture."""
    trunk = [*_SHOULDERS, *_HIPS]
    flat = landmarks[:, trunk, :2] - landmarks[:, trunk, :2].mean(axis=1, keepdims=True)
    pixels = evidence.pixels[:, trunk]
    middle = pixels.mean(axis=1)
    size = np.linalg.norm(pixels - middle[:, None], axis=-1).sum(axis=1)
    focal = evidence.intrinsics[:, 1]
    depth = focal * np.linalg.norm(flat, axis=-1).sum(axis=1) / np.maximum(size, 1e-6)
    depth = np.clip(depth, 5 * NEAREST_DEPTH + 0.3 * build.stature, 30.0 * build.stature)
    hips = pixels[:, 2:].mean(axis=1)
    plane = (hips - evidence.intrinsics[:, 2:]) / evidence.intrinsics[:, :2]
    return np.concatenate((plane, np.ones((len(plane), 1))), axis=1) * depth[:, None]


def flow_samples(seen: Seen, network: OneStageFlow, tools: Tools) -> tuple[Regression, ...]:
    """The one-stage flow's samples, each in stage 1's words."""
    batch = {
        name: torch.from_numpy(np.repeat(value, tools.samples, axis=0))
        for name, value in seen.view.batch(slice(None)).items()
    }
    noise = torch.randn(
        tools.samples, len(seen), FLOW_SIZE, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        clean = network.sample(ObservationTensors(**batch), noise, tools.steps)
        said = {name: value.numpy() for name, value in vars(network.read(clean)).items()}
    camera = seen.view.camera
    said["rotations"][:, :, 0] = camera.R_cam_from_person @ said["rotations"][:, :, 0]
    return tuple(
        Regression(
            rotations=said["rotations"][sample].astype(float),
            pelvis=pelvis_cam(said["translation"][sample].astype(float), camera),
            betas=said["betas"][sample].astype(float),
            log_variance=said["log_variance"][sample].astype(float),
            first_guess=said["first_guess"][sample].astype(float),
        )
        for sample in range(tools.samples)
    )


def flow_mean(
    samples: tuple[Regression, ...], seen: Seen, tools: Tools
) -> tuple[Posture, Posture, Build, Floats]:
    """The mean of the one-stage flow's samples, as it is and aligned; build and betas.

    Its alignment may go as far as the samples spread.
    """
    betas = np.mean([said.betas for said in samples], axis=0)
    build = build_of(betas, tools)
    rotations = np.stack([posture_of(said).rotations for said in samples])
    pelvis = np.stack([said.pelvis for said in samples])
    mean = Posture(mean_rotations(rotations), pelvis.mean(axis=0))
    away = axis_angle_from_matrix(np.swapaxes(mean.rotations, -1, -2) @ rotations)  # (S, T, 24, 3)
    angle = np.sqrt(np.square(away).mean(axis=(0, -1)))
    depth = np.log(np.maximum(pelvis[..., 2], 0.1)).std(axis=0)
    freedom = Freedom(tuple(range(24)), angle, depth)
    return mean, align(mean, build, seen.evidence, freedom, ANCHOR_STRENGTH), build, betas


def _unit(vectors: Floats) -> Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
