"""The peer of both stages: one flow that generates the whole body, nothing anchored.

Latent of a frame, 217 numbers, normalised: stage 2's 168 (`core.latent`) and what stage 1 would
say: the torso's rotations in 6D, the translation as the networks say it, the betas.
"""

import numpy as np
import torch
from torch import Tensor, nn

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.flow import integrate
from fhmr_blender.core.latent import LATENT_SIZE, ROTATIONS
from fhmr_blender.core.skeleton import CONTACT_NAMES, LIMB_JOINTS, TORSO_JOINTS

from .anchor import VARIANCE_GROUPS, AnchorPrediction
from .blocks import (
    NetworkSettings,
    ObservationEncoder,
    ObservationTensors,
    TimeTransformer,
    mlp,
    reduced_precision,
)
from .completion import time_waves
from .rotations import matrix_from_sixd

TORSO = slice(LATENT_SIZE, LATENT_SIZE + 6 * len(TORSO_JOINTS))
TRANSLATION = slice(TORSO.stop, TORSO.stop + 3)
BETAS = slice(TRANSLATION.stop, TRANSLATION.stop + 10)
FLOW_SIZE = BETAS.stop


class OneStageFlow(nn.Module):
    """Observations and a noisy latent -> the clean latent and contacts.

    As `CompletionNetwork`, without an anchor and without a first guess: the Gaussian belief that
    it corrects lies about the mean pose.

    Args:
        settings: Size.
        latent_mean: (217,).
        latent_std: (217,).
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, settings: NetworkSettings, latent_mean: Floats, latent_std: Floats) -> None:
        super().__init__()
        self.register_buffer("latent_mean", torch.tensor(latent_mean, dtype=torch.float32))
        self.register_buffer("latent_std", torch.tensor(latent_std, dtype=torch.float32))
        self.encoder = ObservationEncoder(settings)
        self.latent = mlp(FLOW_SIZE, settings.hidden, settings.width)
        self.time = mlp(time_waves(torch.zeros(1, 1, 1)).shape[-1], 64, settings.width)
        self.transformer = TimeTransformer(settings)
        self.clean = nn.Linear(settings.width, FLOW_SIZE)
        self.contacts = nn.Linear(settings.width, len(CONTACT_NAMES))
        self.log_belief = nn.Parameter(torch.zeros(FLOW_SIZE))
        nn.init.normal_(self.clean.weight, std=0.01)
        nn.init.zeros_(self.clean.bias)

    def forward(
        self, observed: ObservationTensors, latent: Tensor, time: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Latent (B, T, 217) at `time` (B,) -> clean (B, T, 217), logits of contacts (B, T, 6)."""
        moment = time[:, None, None]
        with reduced_precision(self.training, observed.seconds.device):
            token = self.encoder(observed) + self.latent(latent) + self.time(time_waves(moment))
            token = self.transformer(token, observed.seconds)
        token = token.float()
        variance = (2.0 * self.log_belief).exp()
        gain = moment * variance / ((1.0 - moment) ** 2 + moment**2 * variance + 1e-6)
        return gain * latent + self.clean(token), self.contacts(token)

    def sample(self, observed: ObservationTensors, noise: Tensor, steps: int) -> Tensor:
        """Noise (B, T, 217) to the clean latent, in the steps of `core.flow`; no gradients."""

        def denoise(state: Floats, time: float) -> Floats:
            moment = torch.full((len(noise),), time)
            return self(observed, torch.from_numpy(state).float(), moment)[0].numpy()

        nothing = np.zeros(FLOW_SIZE, dtype=bool)
        with torch.no_grad():
            clean = integrate(denoise, noise.numpy(), nothing, np.zeros(FLOW_SIZE), steps)
        return torch.from_numpy(clean).float()

    def read(self, clean: Tensor) -> AnchorPrediction:
        """What a clean latent (B, T, 217) says, in stage 1's words; it knows no variances."""
        latent = clean * self.latent_std + self.latent_mean
        limbs = latent[..., ROTATIONS].unflatten(-1, (len(LIMB_JOINTS), 6))
        torso = latent[..., TORSO].unflatten(-1, (len(TORSO_JOINTS), 6))
        return AnchorPrediction(
            rotations=matrix_from_sixd(torso),
            translation=latent[..., TRANSLATION],
            betas=latent[..., BETAS].mean(dim=1),
            log_variance=latent.new_zeros(*latent.shape[:2], len(VARIANCE_GROUPS)),
            first_guess=matrix_from_sixd(limbs),
        )
