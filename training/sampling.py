"""Drawing from stage 2 while it is trained: a plain Euler in torch, to measure it and to test it.

What ships draws with `fhmr_blender.core.flow`.
"""

import torch
from torch import Tensor

from fhmr_blender.core.latent import LATENT_SIZE

from .networks import rotations as torch_rotations
from .networks.anchor import AnchorPrediction
from .networks.blocks import ObservationTensors
from .networks.body_layer import BodyLayer, forward_kinematics
from .networks.completion import CompletionConditions, CompletionNetwork, assemble


def sample(
    network: CompletionNetwork,
    observed: ObservationTensors,
    predicted: AnchorPrediction,
    steps: int,
    noise: Tensor,
) -> Tensor:
    """Euler from noise (B, T, 168) to the clean latent, nothing known but the anchor.

    Source: FactorizedHMR (arXiv 2605.14854), sampling.
    """
    windows, frames = observed.seconds.shape
    latent, clean = noise, noise
    for index in range(steps):
        time = torch.full((windows,), index / steps)
        told = CompletionConditions(
            anchor_rotations=predicted.rotations,
            anchor_translation=predicted.translation,
            anchor_betas=predicted.betas,
            anchor_log_variance=predicted.log_variance,
            first_guess=predicted.first_guess,
            guess_given=torch.ones(windows, frames),
            latent=latent,
            known=torch.zeros_like(latent),
            time=time,
        )
        clean = network(observed, told).clean
        share = (1.0 / steps) / (1.0 - index / steps)
        latent = latent + share * (clean - latent)
    return clean


def limb_rotations(network: CompletionNetwork, clean: Tensor) -> Tensor:
    """(..., 168) normalised -> (..., 18, 3, 3)."""
    latent = clean * network.latent_std + network.latent_mean
    return torch_rotations.matrix_from_sixd(latent[..., :108].unflatten(-1, (18, 6)))


def sampled_joints(
    network: CompletionNetwork,
    observed: ObservationTensors,
    predicted: AnchorPrediction,
    body: BodyLayer,
    samples: int,
    steps: int,
    seed: int,
) -> Tensor:
    """Joints (S + 1, B, T, 24, 3) of samples, and last of the mean of their 6D rotations."""
    generator = torch.Generator().manual_seed(seed)
    windows, frames = observed.seconds.shape
    rest = body.rest_joints(predicted.betas)[:, None]
    sixd: list[Tensor] = []
    for _ in range(samples):
        noise = torch.randn(windows, frames, LATENT_SIZE, generator=generator)
        clean = sample(network, observed, predicted, steps, noise)
        sixd.append(torch_rotations.sixd_from_matrix(limb_rotations(network, clean)))
    sixd.append(torch.stack(sixd).mean(dim=0))
    joints = [
        forward_kinematics(
            assemble(predicted.rotations, torch_rotations.matrix_from_sixd(one)), rest
        )[1]
        for one in sixd
    ]
    return torch.stack(joints)
