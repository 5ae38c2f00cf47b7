"""Stage 1: the torso, the root and the shape, and a first guess of the limbs.

Source: FactorizedHMR (arXiv 2605.14854), stage 1; heads and variances as in the project's model.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from fhmr_blender.core.skeleton import LIMB_JOINTS, TORSO_JOINTS

from .blocks import (
    NetworkSettings,
    ObservationEncoder,
    ObservationTensors,
    TimeTransformer,
    reduced_precision,
)
from .mirror import mirrored_observation, mirrored_prediction
from .rotations import matrix_from_sixd, sixd_from_matrix

VARIANCE_GROUPS = (
    "root", "torso", "head", "left_arm", "right_arm", "left_leg", "right_leg", "log_depth",
)  # fmt: skip
# An upright body that faces the camera: x stays, y (up) becomes -y (down).
_FACING = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class AnchorPrediction:
    """Everything in the person camera."""

    rotations: Tensor  # (B, T, 6, 3, 3) TORSO_JOINTS; pelvis person from body, others relative
    translation: Tensor  # (B, T, 3) pelvis x/z/s, y/z/s, log(z s)
    betas: Tensor  # (B, 10)
    log_variance: Tensor  # (B, T, 8) VARIANCE_GROUPS: rad^2 about each axis; (log depth)^2
    first_guess: Tensor  # (B, T, 18, 3, 3) LIMB_JOINTS, parent-relative

    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, item.name) for item in fields(self))


class AnchorNetwork(nn.Module):
    """Observations of a window -> `AnchorPrediction`.

    Out of training it answers for the windows and for their mirror images and gives the middle of
    both, so that left and right are treated alike.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.encoder = ObservationEncoder(settings)
        self.transformer = TimeTransformer(settings)
        width = settings.width
        self.rotations = nn.Linear(width, 6 * len(TORSO_JOINTS))
        self.translation = nn.Linear(width, 3)
        self.shape = nn.Linear(width, 11)  # betas, and the log weight of this frame's say
        self.log_variance = nn.Linear(width, len(VARIANCE_GROUPS))
        self.first_guess = nn.Linear(width, 6 * len(LIMB_JOINTS))
        for head in (self.rotations, self.translation, self.shape, self.log_variance):
            _start_small(head)
        _start_small(self.first_guess)
        with torch.no_grad():
            upright = _FACING + _IDENTITY * (len(TORSO_JOINTS) - 1)
            self.rotations.bias.copy_(torch.tensor(upright))
            self.first_guess.bias.copy_(torch.tensor(_IDENTITY * len(LIMB_JOINTS)))
            self.log_variance.bias.fill_(-3.0)

    def forward(self, observed: ObservationTensors) -> AnchorPrediction:
        if self.training:
            return self._answer(observed)
        reflected = mirrored_prediction(self._answer(mirrored_observation(observed)))
        return _middle(self._answer(observed), reflected)

    def _answer(self, observed: ObservationTensors) -> AnchorPrediction:
        with reduced_precision(self.training, observed.seconds.device):
            tokens = self.transformer(self.encoder(observed), observed.seconds)
        tokens = tokens.float()
        shape = self.shape(tokens)
        weight = shape[..., 10:].softmax(dim=1)  # (B, T, 1)
        torso = self.rotations(tokens).unflatten(-1, (len(TORSO_JOINTS), 6))
        limbs = self.first_guess(tokens).unflatten(-1, (len(LIMB_JOINTS), 6))
        return AnchorPrediction(
            rotations=matrix_from_sixd(torso),
            translation=self.translation(tokens),
            betas=(shape[..., :10] * weight).sum(dim=1),
            log_variance=self.log_variance(tokens).clamp(-10.0, 4.0),
            first_guess=matrix_from_sixd(limbs),
        )


def _middle(first: AnchorPrediction, second: AnchorPrediction) -> AnchorPrediction:
    rotations, guess = (
        matrix_from_sixd((sixd_from_matrix(one) + sixd_from_matrix(other)) / 2.0)
        for one, other in (
            (first.rotations, second.rotations),
            (first.first_guess, second.first_guess),
        )
    )
    return AnchorPrediction(
        rotations=rotations,
        translation=(first.translation + second.translation) / 2.0,
        betas=(first.betas + second.betas) / 2.0,
        log_variance=(first.log_variance + second.log_variance) / 2.0,
        first_guess=guess,
    )


def _start_small(head: nn.Linear) -> None:
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
