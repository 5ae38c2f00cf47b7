"""Drawing from a learned flow: masked integration of clean-sample predictions.

Path x_t = (1 - t) eps + t x_1, from noise at t = 0 to the clean sample at t = 1. The network says
x_1; the velocity is (x_1 - x_t) / (1 - t).
Sources: Lipman et al., Flow Matching for Generative Modeling, 2023; Ho & Salimans,
Classifier-Free Diffusion Guidance, 2022; FactorizedHMR (arXiv 2605.14854), known coordinates; Lu
et al., DPM-Solver++, 2022 (few steps that remember the one before).
"""

from collections.abc import Callable

import numpy as np

from .arrays import Bools, Floats

Denoiser = Callable[[Floats, float], Floats]
"""`denoiser(x_t, t)` -> x_1, both (..., C)."""

# From here on Euler's own steps are short enough, and changes between them mostly noise.
EULER_FROM = 20
# Few steps lie the closer the nearer the sample is. Measured on 24 held-out clips, spread of
# samples, mm: 50 of Euler's steps 63.5; 4 of these 67.4 at a power of 1.2, 63.5 at 1.5, 57.1 at 2;
# one sample's error 174.7; 176.4, 174.2, 170.3; the mean's PA-MPJPE 97.6; 97.5, 97.2, 96.6.
_NEARING = 1.5


def integrate(
    denoiser: Denoiser, noise: Floats, known: Bools, values: Floats, steps: int
) -> Floats:
    """Carry noise along the flow to a clean sample.

    With few steps the prediction is taken to change as it did over the last step, and the flow is
    exact for that; Euler's steps, for which it stands still, would draw samples too much alike.

    Args:
        denoiser: Called once a step.
        noise: (..., C) standard normal.
        known: (..., C), broadcastable: True where the answer is given.
        values: (..., C), broadcastable: the clean answer there; elsewhere never looked at.
        steps: At least 1.

    Returns:
        (..., C); known coordinates are `values` to the bit.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps carry nothing")
    few = steps < EULER_FROM
    times = 1.0 - (1.0 - np.arange(steps + 1) / steps) ** (_NEARING if few else 1.0)
    state = np.where(known, values, noise)
    before, last = state, 0.0
    for step in range(steps):
        time, left, rest = float(times[step]), 1.0 - times[step], 1.0 - times[step + 1]
        clean = denoiser(state, time)
        state = clean + rest / left * (state - clean)
        if few and step > 0:
            # The integral of a prediction that changes evenly with time.
            reach = left - rest + (rest * np.log(rest / left) if rest > 0.0 else 0.0)
            state = state + reach / (time - last) * (clean - before)
        state = np.where(known, values, state)
        before, last = clean, time
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
