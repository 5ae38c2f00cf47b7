"""Drawing from a learned flow: masked Euler integration of clean-sample predictions.

Path x_t = (1 - t) eps + t x_1, from noise at t = 0 to the clean sample at t = 1. The network says
x_1; the velocity is (x_1 - x_t) / (1 - t).
Sources: Lipman et al., Flow Matching for Generative Modeling, 2023; Ho & Salimans,
Classifier-Free Diffusion Guidance, 2022; FactorizedHMR (arXiv 2605.14854), known coordinates.
"""

from collections.abc import Callable

import numpy as np

from .arrays import Bools, Floats

Denoiser = Callable[[Floats, float], Floats]
"""`denoiser(x_t, t)` -> x_1, both (..., C)."""


def integrate(
    denoiser: Denoiser, noise: Floats, known: Bools, values: Floats, steps: int
) -> Floats:
    """Carry noise along the flow to a clean sample.

    Args:
        denoiser: Called once a step.
        noise: (..., C) standard normal.
        known: (..., C), broadcastable: True where the answer is given.
        values: (..., C), broadcastable: the clean answer there; elsewhere never looked at.
        steps: Equal Euler steps, at least 1.

    Returns:
        (..., C); known coordinates are `values` to the bit.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps carry nothing")
    state = np.where(known, values, noise)
    for step in range(steps):
        clean = denoiser(state, step / steps)
        # dt / (1 - t) = 1 / (steps - step); the last step lands on the prediction itself.
        left = steps - step
        state = clean if left == 1 else state + (clean - state) / left
        state = np.where(known, values, state)
    return state


def guided(anchor_only: Denoiser, observed: Denoiser, weights: Floats) -> Denoiser:
    """Scale what the picture adds to the anchor: x_1 = x_a + w (x_ao - x_a).

    Where every weight is 0 the picture is never asked; where every weight is 1 nothing else is.

    Args:
        anchor_only: Sees the anchor alone, x_a.
        observed: Sees anchor and picture, x_ao.
        weights: (..., C), broadcastable to the sample, at least 0.
    """
    if np.all(weights == 0.0):
        return anchor_only
    if np.all(weights == 1.0):
        return observed

    def mixed(state: Floats, time: float) -> Floats:
        alone = anchor_only(state, time)
        # Withheld coordinates must not carry so much as a NaN of the picture: a choice, no sum.
        said = alone + weights * (observed(state, time) - alone)
        return np.where(weights == 0.0, alone, said)

    return mixed
