"""Stage 2: masked conditional flow matching of the limbs around a fixed anchor.

Latent: `core.latent`, normalised by its mean and deviation. The network predicts the clean latent.

Source: FactorizedHMR (arXiv 2605.14854), stage 2; Lipman et al., Flow Matching, 2023.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.latent import GRAVITY, LATENT_SIZE
from fhmr_blender.core.skeleton import CONTACT_NAMES, LIMB_JOINTS, TORSO_JOINTS

from .anchor import VARIANCE_GROUPS
from .blocks import (
    NetworkSettings,
    ObservationEncoder,
    ObservationTensors,
    Replaceable,
    TimeTransformer,
    mlp,
    reduced_precision,
)
from .body_layer import BodyLayer, forward_kinematics
from .rotations import sixd_from_matrix

_OCTAVES = 6  # of the embedding of the flow's time
_CHANGE_MOST = 2.5  # of the log deviation of a belief: from a twelfth to twelve times


@dataclass(frozen=True, eq=False)
class CompletionConditions:
    """What stage 2 is told besides the observations, in the person camera.

    Observations and everything up to `guess_given` may have a batch of one for all samples.
    """

    anchor_rotations: Tensor  # (B, T, 6, 3, 3)
    anchor_translation: Tensor  # (B, T, 3)
    anchor_betas: Tensor  # (B, 10)
    anchor_log_variance: Tensor  # (B, T, 8) how sure stage 1 is, of its guess too
    first_guess: Tensor  # (B, T, 18, 3, 3)
    guess_given: Tensor  # (B, T)
    latent: Tensor  # (B, T, 168) x_t, normalised; clean where known
    known: Tensor  # (B, T, 168) 1 where the latent is given
    time: Tensor  # (B,) 0 noise, 1 clean

    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, item.name) for item in fields(self))


@dataclass(frozen=True, eq=False)
class CompletionPrediction:
    """What stage 2 says."""

    clean: Tensor  # (B, T, 168) x_1, normalised; known coordinates are handed through
    contacts: Tensor  # (B, T, 6) logits, CONTACT_NAMES

    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, item.name) for item in fields(self))


def assemble(torso: Tensor, limbs: Tensor) -> Tensor:
    """Torso (..., 6, 3, 3) and limbs (..., 18, 3, 3) -> SMPL's joints (..., 24, 3, 3)."""
    order = (*TORSO_JOINTS, *LIMB_JOINTS)
    places = [order.index(joint) for joint in range(24)]
    return torch.cat((torso, limbs), dim=-3)[..., places, :, :]


class CompletionNetwork(nn.Module):
    """Observations, anchor and a noisy latent -> the clean latent and contacts.

    The answer is a correction to what a Gaussian belief would say: its mean is the first guess
    (zero without one), its deviation is learned for each coordinate and told apart by what is
    seen of the frame, and x_t is a measurement of x_1 with noise (1 - t) / t.

    Args:
        settings: Size.
        body: Gives the first guess's joint positions.
        latent_mean: (168,).
        latent_std: (168,).
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(
        self, settings: NetworkSettings, body: BodyLayer, latent_mean: Floats, latent_std: Floats
    ) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("latent_mean", torch.tensor(latent_mean, dtype=torch.float32))
        self.register_buffer("latent_std", torch.tensor(latent_std, dtype=torch.float32))
        width, hidden = settings.width, settings.hidden
        self.encoder = ObservationEncoder(settings)
        self.anchor = mlp(6 * len(TORSO_JOINTS) + 3 + 10, hidden, width)
        self.guess = mlp(9 * len(LIMB_JOINTS), hidden, width)
        self.doubt = mlp(len(VARIANCE_GROUPS), 64, width)
        self.guess_missing = Replaceable(width)
        self.latent = mlp(2 * LATENT_SIZE, hidden, width)
        self.time = mlp(2 * _OCTAVES + 1, 64, width)
        self.transformer = TimeTransformer(settings)
        self.clean = nn.Linear(width, LATENT_SIZE)
        self.contacts = nn.Linear(width, len(CONTACT_NAMES))
        nn.init.normal_(self.clean.weight, std=0.01)
        nn.init.zeros_(self.clean.bias)
        nn.init.zeros_(self.doubt[2].weight)
        nn.init.zeros_(self.doubt[2].bias)
        # The guess says nothing of the world block.
        guess = torch.where(torch.arange(LATENT_SIZE) < GRAVITY.start, math.log(0.4), 0.0)
        self.log_belief_guess = nn.Parameter(guess)
        self.log_belief_alone = nn.Parameter(torch.zeros(LATENT_SIZE))
        self.log_belief_change = nn.Linear(width, LATENT_SIZE)
        nn.init.zeros_(self.log_belief_change.weight)
        nn.init.zeros_(self.log_belief_change.bias)

    def forward(
        self, observed: ObservationTensors, told: CompletionConditions
    ) -> CompletionPrediction:
        time = told.time[:, None, None]  # (B, 1, 1)
        guessed = self._guess_latent(told)  # (B, T, 162)
        frames = told.anchor_translation.shape[1]
        betas = told.anchor_betas[:, None].expand(-1, frames, -1)
        torso = sixd_from_matrix(told.anchor_rotations).flatten(-2)
        anchor = torch.cat((torso, told.anchor_translation, betas), dim=-1)
        given = told.guess_given[..., None]
        with reduced_precision(self.training, observed.seconds.device):
            token = self.encoder(observed) + self.anchor(anchor)
            guess = self.guess(guessed) + self.doubt(told.anchor_log_variance)
            token = token + self.guess_missing(guess, given)
            token = token + self.latent(torch.cat((told.latent, told.known), dim=-1))
            token = token + self.time(time_waves(time))
            token = self.transformer(token, observed.seconds)
        token = token.float()
        change = self.log_belief_change(token).clamp(-_CHANGE_MOST, _CHANGE_MOST)
        belief = self._belief(guessed, given, change, told.latent, time)
        clean = belief + self.clean(token)
        return CompletionPrediction(
            clean=torch.where(told.known > 0.5, told.latent, clean), contacts=self.contacts(token)
        )

    def _guess_latent(self, told: CompletionConditions) -> Tensor:
        """The first guess as rotations and positions (B, T, 162), normalised."""
        rotations = assemble(told.anchor_rotations, told.first_guess)
        rest = self.body.rest_joints(told.anchor_betas)[:, None]
        _, joints = forward_kinematics(rotations, rest)
        sixd = sixd_from_matrix(told.first_guess).flatten(-2)
        guessed = torch.cat((sixd, joints[..., list(LIMB_JOINTS), :].flatten(-2)), dim=-1)
        return (guessed - self.latent_mean[:162]) / self.latent_std[:162]

    def _belief(
        self, guessed: Tensor, given: Tensor, change: Tensor, latent: Tensor, time: Tensor
    ) -> Tensor:
        """The posterior mean of x_1 under a Gaussian about the guess, having seen x_t."""
        told = given > 0.5
        mean = functional.pad(guessed, (0, LATENT_SIZE - guessed.shape[-1]))
        mean = torch.where(told, mean, torch.zeros_like(mean))
        log_belief = torch.where(told, self.log_belief_guess, self.log_belief_alone)
        variance = (2.0 * (log_belief + change)).exp()
        gain = time * variance / ((1.0 - time) ** 2 + time**2 * variance + 1e-6)
        return mean + gain * (latent - time * mean)


def time_waves(time: Tensor) -> Tensor:
    """(B, 1, 1) -> (B, 1, 2 octaves + 1)."""
    rates = torch.tensor([math.pi * 2.0**octave for octave in range(_OCTAVES)])
    angles = time * rates.to(time.device)
    return torch.cat((time, angles.sin(), angles.cos()), dim=-1)
