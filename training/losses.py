"""The losses of both stages; everything in the person camera, metres and radians.

Every public function returns named terms that are already means; `total` weighs them by the field
of the same name in the settings.

Sources: FactorizedHMR (arXiv 2605.14854), geometry-aware losses; Kendall & Gal, 2017 (Gaussian
likelihood for the variances).
"""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.latent import POSITIONS, ROTATIONS
from fhmr_blender.core.skeleton import (
    CONTACT_JOINTS,
    LIMB_JOINTS,
    LIMBS,
    PARENTS,
    TORSO_JOINTS,
)

from .configuration import AnchorWeights, CompletionWeights
from .data.windows import Truth
from .networks.anchor import AnchorPrediction
from .networks.body_layer import BodyLayer, forward_kinematics
from .networks.completion import CompletionConditions, CompletionPrediction, assemble
from .networks.rotations import geodesic_angle, matrix_from_sixd

PROJECTION_HUBER = 0.05  # region half sizes, about 2.5 % of the person's height
NEAREST_DEPTH = 0.1  # metres; landmarks nearer than that carry no projection loss
FARTHEST_RAY = 3.0  # region half sizes; what lies beyond carries no loss of place
SLOWEST_STEP = 1.0 / 120.0  # seconds; shorter steps count as this long
_LIMBS = list(LIMB_JOINTS)
_TORSO = list(TORSO_JOINTS)
_CONTACTS = list(CONTACT_JOINTS)
_PARENTS = list(PARENTS[1:])
_LIMB_PARENTS = [PARENTS[joint] for joint in LIMB_JOINTS]
_GROUP_JOINTS = ([0], list(TORSO_JOINTS[1:]), *(list(joints) for joints in LIMBS.values()))
# Limb joints whose parent is in the same limb: both ends of the bone are in the positions branch.
_INNER = [place for place, parent in enumerate(_LIMB_PARENTS) if parent in LIMB_JOINTS]
_INNER_PARENTS = [LIMB_JOINTS.index(_LIMB_PARENTS[place]) for place in _INNER]


@dataclass(frozen=True, eq=False)
class BodyModel:
    """Body and landmarks as the losses use them."""

    body: BodyLayer
    landmark_joint: list[int]
    landmark_offset: Tensor  # (33, 3) units of stature

    @classmethod
    def of(cls, body: BodyLayer, calibration: LandmarkCalibration) -> "BodyModel":
        offset = torch.tensor(calibration.offset, dtype=torch.float32)
        return cls(body, [int(joint) for joint in calibration.joint], offset)

    def on(self, device: torch.device) -> "BodyModel":
        """A copy on a device."""
        body = copy.deepcopy(self.body).to(device)
        return BodyModel(body, self.landmark_joint, self.landmark_offset.to(device))

    def landmarks(self, outer: Tensor, joints: Tensor, stature: Tensor) -> Tensor:
        """As `core.calibration.LandmarkCalibration.landmarks`, (..., 33, 3)."""
        turned = (outer[..., self.landmark_joint, :, :] * self.landmark_offset[:, None, :]).sum(-1)
        return joints[..., self.landmark_joint, :] + stature[..., None, None] * turned


def pelvis_person(translation: Tensor, half_size: Tensor) -> Tensor:
    """The networks' translation (..., 3) -> pelvis (..., 3), metres."""
    depth = translation[..., 2:].exp() / half_size[..., None]
    return torch.cat((translation[..., :2] * half_size[..., None] * depth, depth), dim=-1)


def anchor_losses(
    predicted: AnchorPrediction, truth: Truth, model: BodyModel, seconds: Tensor
) -> dict[str, Tensor]:
    """Stage 1's terms, named as in `AnchorWeights`."""
    rotations = assemble(predicted.rotations, predicted.first_guess)
    rest = model.body.rest_joints(predicted.betas)[:, None]
    outer, joints = forward_kinematics(rotations, rest)
    stature = model.body.stature(predicted.betas)[:, None]
    landmarks = model.landmarks(outer, joints, stature)
    true_pelvis = pelvis_person(truth.translation, truth.half_size)[..., None, :]
    pelvis = pelvis_person(predicted.translation, truth.half_size)[..., None, :]
    bones = functional.normalize(joints[..., 1:, :] - joints[..., _PARENTS, :], dim=-1)
    true_bones = functional.normalize(
        truth.joints[..., 1:, :] - truth.joints[..., _PARENTS, :], dim=-1
    )
    chord = (rotations - truth.rotations).square().sum((-1, -2))  # (B, T, 24)
    return {
        "torso": chord[..., _TORSO].mean(),
        "limbs": chord[..., _LIMBS].mean(),
        "joints": _distance(joints, truth.joints).mean(),
        "landmarks": _distance(landmarks, truth.landmarks - true_pelvis).mean(),
        "bones": _distance(bones, true_bones).mean(),
        "projection": projection_loss(landmarks + pelvis, truth),
        "translation": _translation_loss(predicted.translation, truth),
        "betas": (predicted.betas - truth.betas).square().mean(),
        "velocity": velocity_loss(joints, truth.joints, truth.R_world_from_person, seconds),
        "likelihood": _likelihood(predicted, rotations, truth),
    }


def projection_loss(landmarks: Tensor, truth: Truth) -> Tensor:
    """Huber on the rays of landmarks (B, T, 33, 3) that are truly visible, region half sizes."""
    size = truth.half_size[..., None, None]
    rays = landmarks[..., :2] / landmarks[..., 2:].clamp(min=NEAREST_DEPTH) / size
    true_depth = truth.landmarks[..., 2:]
    true_rays = truth.landmarks[..., :2] / true_depth.clamp(min=NEAREST_DEPTH) / size
    usable = (true_depth[..., 0] > NEAREST_DEPTH) & (true_rays.abs().amax(-1) < FARTHEST_RAY)
    weight = truth.visible * usable
    error = functional.huber_loss(rays, true_rays, delta=PROJECTION_HUBER, reduction="none")
    return (error.sum(-1) * weight).sum() / weight.sum().clamp(min=1.0) / PROJECTION_HUBER


def _translation_loss(translation: Tensor, truth: Truth) -> Tensor:
    """Absolute differences where the pelvis is not far beside the region, or behind the camera."""
    beside = truth.translation[..., :2].abs().amax(-1) < FARTHEST_RAY
    in_front = pelvis_person(truth.translation, truth.half_size)[..., 2] > NEAREST_DEPTH
    usable = (beside & in_front).float()
    error = (translation - truth.translation).abs().mean(-1)
    return (error * usable).sum() / usable.sum().clamp(min=1.0)


def velocity_loss(
    joints: Tensor, true_joints: Tensor, R_world_from_person: Tensor, seconds: Tensor
) -> Tensor:
    """Difference of joint steps in `world`, metres per thirtieth of a second; 0 for one frame."""
    if joints.shape[1] < 2:
        return joints.sum() * 0.0
    error = torch.einsum("btij,btnj->btni", R_world_from_person, joints - true_joints)
    step = seconds.diff(dim=1).clamp(min=SLOWEST_STEP)[..., None, None] * 30.0
    return (error.diff(dim=1) / step).norm(dim=-1).mean()


def _likelihood(predicted: AnchorPrediction, rotations: Tensor, truth: Truth) -> Tensor:
    """Negative log likelihood of the errors; teaches the variances only, not the means."""
    angle = geodesic_angle(rotations.detach(), truth.rotations)  # (B, T, 24)
    square = [angle[..., group].square().mean(-1) / 3.0 for group in _GROUP_JOINTS]
    depth = (predicted.translation.detach() - truth.translation)[..., 2].square()
    squares = torch.stack((*square, depth), dim=-1)  # (B, T, 8)
    log_variance = predicted.log_variance
    return 0.5 * (squares * (-log_variance).exp() + log_variance).mean()


@dataclass(frozen=True, eq=False)
class CompletionTarget:
    """What stage 2 shall say, made to fit the anchor that it is told.

    An anchor that takes the person for taller also puts him farther away: the picture is the
    same. So the truth is scaled to the anchor's stature.
    """

    clean: Tensor  # (B, T, 168) normalised
    joints: Tensor  # (B, T, 24, 3) metres, relative to the pelvis
    clean_known: Tensor  # (B, T, 168) 0 where the truth is not known


def completion_losses(
    predicted: CompletionPrediction,
    told: CompletionConditions,
    target: CompletionTarget,
    truth: Truth,
    model: BodyModel,
    latent_mean: Tensor,
    latent_std: Tensor,
    seconds: Tensor,
    picture: Tensor,
) -> dict[str, Tensor]:
    """Stage 2's terms, named as in `CompletionWeights`.

    Args:
        predicted: The network's answer.
        told: Its conditions.
        target: What it should have said.
        truth: For visibility, contacts and the camera.
        model: Body and landmarks.
        latent_mean: (168,).
        latent_std: (168,).
        seconds: (B, T).
        picture: (B,) 0 where the whole observation is withheld: there nothing can be known of the
            picture, and the geometry of a mean over all poses is no aim.
    """
    unknown = (1.0 - told.known) * target.clean_known
    error = (predicted.clean - target.clean).square() * unknown
    # The velocity's error is that of x_1 over (1 - t); the floor keeps late times from ruling.
    weight = 1.0 / ((1.0 - told.time) ** 2 + 0.25)
    error = error * weight[:, None, None]
    latent = predicted.clean * latent_std + latent_mean
    limbs = matrix_from_sixd(latent[..., ROTATIONS].unflatten(-1, (18, 6)))
    positions = latent[..., POSITIONS].unflatten(-1, (18, 3))
    rotations = assemble(told.anchor_rotations, limbs)
    rest = model.body.rest_joints(told.anchor_betas)[:, None]
    outer, joints = forward_kinematics(rotations, rest)
    stature = model.body.stature(told.anchor_betas)[:, None]
    pelvis = pelvis_person(told.anchor_translation, truth.half_size)[..., None, :]
    landmarks = model.landmarks(outer, joints, stature) + pelvis
    limb_joints = joints[..., _LIMBS, :]
    lengths = (positions[..., _INNER, :] - positions[..., _INNER_PARENTS, :]).norm(dim=-1)
    bones = (rest[..., _LIMBS, :] - rest[..., _LIMB_PARENTS, :]).norm(dim=-1)[..., _INNER]
    seen = picture[:, None, None]
    joint_error = _distance(limb_joints, target.joints[..., _LIMBS, :])
    return {
        "flow_rotations": _share(error, unknown, ROTATIONS),
        "flow_positions": _share(error, unknown, POSITIONS),
        "flow_world": _share(error, unknown, slice(162, 168)),
        "joints": (joint_error * seen).mean(),
        "consistency": _distance(positions, limb_joints).mean(),
        "bone_lengths": (lengths - bones).abs().mean(),
        "projection": projection_loss(
            landmarks, _only_visible_where(truth, picture[:, None, None])
        ),
        "velocity": velocity_loss(
            joints * picture[:, None, None, None],
            target.joints * picture[:, None, None, None],
            truth.R_world_from_person,
            seconds,
        ),
        "contacts": functional.binary_cross_entropy_with_logits(predicted.contacts, truth.contacts),
        "sliding": _sliding(joints, latent[..., 165:168], rotations, truth, seconds),
    }


def _only_visible_where(truth: Truth, seen: Tensor) -> Truth:
    return replace(truth, visible=truth.visible * seen)


def _sliding(
    joints: Tensor, velocity: Tensor, rotations: Tensor, truth: Truth, seconds: Tensor
) -> Tensor:
    """Speed in `world` of joints that touch something, m/s, by the predicted root velocity."""
    if joints.shape[1] < 2:
        return joints.sum() * 0.0
    touching = torch.einsum("btij,btnj->btni", truth.R_world_from_person, joints[..., _CONTACTS, :])
    step = seconds.diff(dim=1).clamp(min=SLOWEST_STEP)[..., None, None]
    heading = _heading_frame(truth.R_world_from_person @ rotations[..., 0, :, :])
    root = (heading @ velocity[..., None])[..., 0]
    speed = (touching.diff(dim=1) / step + root[:, 1:, None]).norm(dim=-1)
    both = truth.contacts[:, 1:] * truth.contacts[:, :-1] * truth.velocity_known[:, 1:, None]
    return (speed * both).sum() / both.sum().clamp(min=1.0)


def _heading_frame(R_world_from_pelvis: Tensor) -> Tensor:
    """As `core.latent.heading_frame` with up = +z."""
    forward = R_world_from_pelvis[..., :, 2]
    steep = forward[..., 2:].abs() > 0.95
    forward = torch.where(steep, -forward[..., 2:].sign() * R_world_from_pelvis[..., :, 1], forward)
    flat = forward * torch.tensor([1.0, 1.0, 0.0], device=forward.device)
    flat = functional.normalize(flat, dim=-1, eps=1e-9)
    up = torch.zeros_like(flat)
    up[..., 2] = 1.0
    return torch.stack((torch.linalg.cross(up, flat), up, flat), dim=-1)


def total(
    terms: dict[str, Tensor], weights: AnchorWeights | CompletionWeights
) -> tuple[Tensor, dict[str, float]]:
    """The weighed sum, and each weighed term as a number for the log."""
    weighed = {name: term * getattr(weights, name) for name, term in terms.items()}
    return torch.stack(tuple(weighed.values())).sum(), {
        name: float(term.detach()) for name, term in weighed.items()
    }


def _distance(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean, with a gradient at zero."""
    return ((first - second).square().sum(-1) + 1e-8).sqrt()


def _share(error: Tensor, unknown: Tensor, where: slice) -> Tensor:
    """The mean over unknown coordinates."""
    return error[..., where].sum() / unknown[..., where].sum().clamp(min=1.0)
