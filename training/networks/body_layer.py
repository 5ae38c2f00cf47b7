"""The body's joints and landmarks in torch: what the losses and stage 2's own geometry need."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import PARENTS


class Shaped(Protocol):
    """What is used of `core.body.Body`."""

    def rest_joints(self, betas: Floats) -> Floats: ...
    def stature(self, betas: Floats) -> Floats: ...


def _levels() -> tuple[tuple[int, ...], ...]:
    """Joints by their distance from the pelvis."""
    depth = [0]
    for parent in PARENTS[1:]:
        depth.append(depth[parent] + 1)
    return tuple(
        tuple(joint for joint in range(24) if depth[joint] == level)
        for level in range(max(depth) + 1)
    )


LEVELS = _levels()
_PARENT_PLACES = tuple(
    [LEVELS[level - 1].index(PARENTS[joint]) for joint in LEVELS[level]]
    for level in range(1, len(LEVELS))
)
_ORDER = [joint for level in LEVELS for joint in level]
_PLACES = [_ORDER.index(joint) for joint in range(24)]


class BodyLayer(nn.Module):
    """Rest joints as an affine function of the betas, and the chain from the pelvis outwards.

    Args:
        template: (24, 3) rest joints of the mean body, metres, `body` frame.
        directions: (24, 3, 10) their change with each beta.
        stature: (11,) metres of the mean body, then its change with each beta.
    """

    template: Tensor
    directions: Tensor
    stature_coefficients: Tensor

    def __init__(self, template: Floats, directions: Floats, stature: Floats) -> None:
        super().__init__()
        self.register_buffer("template", torch.tensor(template, dtype=torch.float32))
        self.register_buffer("directions", torch.tensor(directions, dtype=torch.float32))
        self.register_buffer("stature_coefficients", torch.tensor(stature, dtype=torch.float32))

    @classmethod
    def of(cls, body: Shaped) -> "BodyLayer":
        """Read the affine functions off a body by asking for each beta in turn."""
        template = body.rest_joints(np.zeros(10))
        stature = float(body.stature(np.zeros(10)))
        directions = [body.rest_joints(beta) - template for beta in np.eye(10)]
        growth = [float(body.stature(beta)) - stature for beta in np.eye(10)]
        return cls(template, np.stack(directions, axis=-1), np.array([stature, *growth]))

    def rest_joints(self, betas: Tensor) -> Tensor:
        """(..., 10) -> (..., 24, 3) metres, `body` frame, T-pose."""
        offsets = betas @ self.directions.reshape(72, 10).T  # (..., 72)
        return self.template + offsets.reshape(*betas.shape[:-1], 24, 3)

    def stature(self, betas: Tensor) -> Tensor:
        """(..., 10) -> (...,) metres."""
        return self.stature_coefficients[0] + betas @ self.stature_coefficients[1:]


def forward_kinematics(rotations: Tensor, rest_joints: Tensor) -> tuple[Tensor, Tensor]:
    """Chain parent-relative rotations, one level of the tree at a time.

    Args:
        rotations: (..., 24, 3, 3), the pelvis in the outer frame, others parent-relative.
        rest_joints: (..., 24, 3) metres, broadcastable against the rotations.

    Returns:
        Rotations in the outer frame (..., 24, 3, 3), joints (..., 24, 3) relative to the pelvis.
    """
    bones = rest_joints - rest_joints[..., [0, *PARENTS[1:]], :]
    outer = [rotations[..., :1, :, :]]
    joints = [torch.zeros_like(rotations[..., :1, :, 0])]
    for joint_list, places in zip(LEVELS[1:], _PARENT_PLACES, strict=True):
        parent = outer[-1][..., places, :, :]
        bone = bones[..., list(joint_list), :]
        turned = (parent * bone[..., None, :]).sum(-1)
        outer.append(parent @ rotations[..., list(joint_list), :, :])
        joints.append(joints[-1][..., places, :] + turned)
    return (
        torch.cat(outer, dim=-3)[..., _PLACES, :, :],
        torch.cat(joints, dim=-2)[..., _PLACES, :],
    )
