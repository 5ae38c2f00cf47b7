"""Observations and answers of stage 1 as they would be in a mirror.

The person camera's x turns its sign, left and right change places. The image feature has no
mirror image: it is withheld there.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fhmr_blender.core.skeleton import (
    LIMB_JOINTS,
    MIRRORED_JOINTS,
    MIRRORED_LANDMARKS,
    TORSO_JOINTS,
)

from .blocks import ObservationTensors
from .rotations import matrix_from_sixd, sixd_from_matrix

if TYPE_CHECKING:
    from .anchor import AnchorPrediction

_FEATURE = 3  # in `given`
_LANDMARKS = list(MIRRORED_LANDMARKS)
_TORSO = [TORSO_JOINTS.index(MIRRORED_JOINTS[joint]) for joint in TORSO_JOINTS]
_LIMBS = [LIMB_JOINTS.index(MIRRORED_JOINTS[joint]) for joint in LIMB_JOINTS]
_VARIANCES = [0, 1, 2, 4, 3, 6, 5, 7]  # of `anchor.VARIANCE_GROUPS`


def mirrored_observation(observed: ObservationTensors) -> ObservationTensors:
    """The same windows in the mirror, without the image feature."""
    given = observed.given.clone()
    given[..., _FEATURE] = 0.0
    device = observed.landmarks.device
    landmarks = observed.landmarks * _signs(observed.landmarks.shape[-1], device)
    turn = mirrored_rotations(matrix_from_sixd(observed.box[..., 1:]))
    motion = mirrored_rotations(matrix_from_sixd(observed.camera_motion))
    return replace(
        observed,
        landmarks=landmarks[..., _LANDMARKS, :],
        landmark_given=observed.landmark_given[..., _LANDMARKS],
        landmarks_world=(observed.landmarks_world * _signs(3, device))[..., _LANDMARKS, :],
        box=torch.cat((observed.box[..., :1], sixd_from_matrix(turn)), dim=-1),
        camera_motion=sixd_from_matrix(motion),
        given=given,
    )


def mirrored_prediction(predicted: "AnchorPrediction") -> "AnchorPrediction":
    """Stage 1's answer in the mirror; shapes have no sides."""
    return replace(
        predicted,
        rotations=mirrored_rotations(predicted.rotations)[..., _TORSO, :, :],
        translation=predicted.translation * _signs(3, predicted.translation.device),
        log_variance=predicted.log_variance[..., _VARIANCES],
        first_guess=mirrored_rotations(predicted.first_guess)[..., _LIMBS, :, :],
    )


def mirrored_rotations(rotations: Tensor) -> Tensor:
    """Rotations (..., 3, 3) between frames whose x is turned round."""
    signs = _signs(3, rotations.device)
    return signs[:, None] * rotations * signs


def _signs(size: int, device: torch.device) -> Tensor:
    """(size,) -1 for x, 1 for everything else."""
    return torch.tensor([-1.0] + [1.0] * (size - 1), device=device)
