"""Stage 2 without the composite target: limb positions are neither generated nor seen.

An ablation: FactorizedHMR (arXiv 2605.14854) adds positions to rotations and gains from it.
"""

from dataclasses import replace

import torch

from fhmr_blender.core.latent import LATENT_SIZE, POSITIONS

from .blocks import ObservationTensors
from .completion import CompletionConditions, CompletionNetwork, CompletionPrediction


class RotationsAlone(CompletionNetwork):
    """The positions count as known, and as nothing, whatever is handed in."""

    def forward(
        self, observed: ObservationTensors, told: CompletionConditions
    ) -> CompletionPrediction:
        index = torch.arange(LATENT_SIZE, device=told.latent.device)
        silent = (index >= POSITIONS.start) & (index < POSITIONS.stop)
        told = replace(
            told,
            latent=told.latent.masked_fill(silent, 0.0),
            known=told.known.masked_fill(silent, 1.0),
        )
        return super().forward(observed, told)
