"""Adults at random: anny's phenotypes and local measures as a population has them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats

from .source import Source

STATURE = {"male": (1.76, 0.072), "female": (1.63, 0.066)}  # metres, mean and sigma
STATURE_CLIP = 2.2  # sigma
# anny's weight, mean and spread: body mass index 25.5 +- 4 at 1010 kg/m^3, both genders alike.
WEIGHT = {"male": (0.62, 0.26), "female": (0.94, 0.30)}
ANNY_GENDER = {"male": 0.0, "female": 1.0}
SEEDS = {"male": 20_261_121, "female": 20_261_122}

# Tied measures and their sigma; {side} stands for both sides at once. Guesses, wide enough that
# the proportions of real adults are inside.
LOCAL_MEASURES = {
    "measure-upperarm-length-incr": 0.30,
    "measure-lowerarm-length-incr": 0.30,
    "measure-upperleg-height-incr": 0.30,
    "measure-lowerleg-height-incr": 0.30,
    "measure-napetowaist-dist-incr": 0.30,
    "measure-shoulder-dist-incr": 0.35,
    "measure-neck-circ-incr": 0.25,
    "measure-bust-circ-incr": 0.25,
    "measure-waist-circ-incr": 0.30,
    "measure-hips-circ-incr": 0.30,
    "measure-thigh-circ-incr": 0.25,
    "measure-calf-circ-incr": 0.30,
    "measure-upperarm-circ-incr": 0.30,
    "head-scale-vert-incr": 0.25,
    "{side}-hand-scale-incr": 0.30,
    "{side}-foot-scale-incr": 0.30,
}
STATURE_ROUNDS = 4  # secant steps; the last moves nobody by more than a tenth of a millimetre


@dataclass(frozen=True, eq=False)
class Adults:
    """S people of one gender, all but their height."""

    stature: Floats  # (S,) metres, wanted
    phenotypes: dict[str, Floats]  # each (S,)
    local: dict[str, Floats]  # each (S,)


def local_labels() -> tuple[str, ...]:
    """anny's labels of the local measures in use."""
    return tuple(
        label.format(side=side)
        for label in LOCAL_MEASURES
        for side in (("l", "r") if "{side}" in label else ("",))
    )


def draw_adults(gender: str, count: int, rng: np.random.Generator) -> Adults:
    """People of one gender; muscle falls as fat rises, since weight alone hardly gives BMI 25."""
    mean, sigma = STATURE[gender]
    weight, weight_spread = WEIGHT[gender]
    stature = mean + sigma * np.clip(rng.standard_normal(count), -STATURE_CLIP, STATURE_CLIP)
    fat, fitness = rng.standard_normal((2, count))
    ancestry = rng.dirichlet((1.0, 1.0, 1.0), count)
    phenotypes = {
        "gender": np.full(count, ANNY_GENDER[gender]),
        "age": 2 / 3 + rng.beta(1.1, 2.2, count) / 3,
        "weight": np.clip(weight + weight_spread * fat, 0.0, 1.6),
        "muscle": np.clip(0.5 - 0.1 * fat + 0.15 * fitness, 0.0, 1.0),
        "african": ancestry[:, 0],
        "asian": ancestry[:, 1],
        "caucasian": ancestry[:, 2],
    }
    for label in ("proportions", "cupsize", "firmness"):
        phenotypes[label] = rng.beta(2.5, 2.5, count)
    local: dict[str, Floats] = {}
    for label, spread in LOCAL_MEASURES.items():
        values = np.clip(spread * rng.standard_normal(count), -1.0, 1.0)
        for side in ("l", "r"):
            local[label.format(side=side)] = values
    return Adults(stature=stature, phenotypes=phenotypes, local=local)


def solve_stature(adults: Adults, source: Source, measure: Callable[[Floats], Floats]) -> Floats:
    """anny's coefficients (S, K) at which every adult has the wanted stature.

    Args:
        adults: Everything but anny's `height`.
        source: The shape space.
        measure: Stature (S,) in the T-pose of the people with coefficients (S, K).
    """

    def coefficients(height: Floats) -> Floats:
        return source.coefficients({**adults.phenotypes, "height": height}, adults.local)

    low, high = np.full_like(adults.stature, 0.35), np.full_like(adults.stature, 0.75)
    stature_low = measure(coefficients(low))
    for _ in range(STATURE_ROUNDS):
        stature_high = measure(coefficients(high))
        slope = (stature_high - stature_low) / np.where(high == low, 1.0, high - low)
        step = (adults.stature - stature_high) / np.where(slope == 0.0, 1.0, slope)
        low, stature_low, high = high, stature_high, high + step
    return coefficients(high)
