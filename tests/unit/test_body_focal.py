"""A focal length from the bodies, where nothing else tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.motion import Observations
from fhmr_blender.pipeline.body_focal import focal_ratio, lowest
from fhmr_blender.pipeline.weights import Networks
from tests.unit.sitter import networks, observations, posture

COUNT = 40
LOGS = np.log(np.array([0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0]))


@pytest.mark.parametrize("true", [0.7, 1.4])
def test_a_deep_valley_is_followed_most_of_the_way(true: float) -> None:
    ratio = lowest(1.0 * (LOGS - np.log(true)) ** 2)
    assert ratio is not None
    assert abs(np.log(ratio / true)) < 0.3 * abs(np.log(true))


@pytest.mark.parametrize(
    "valley", [np.zeros(7), 0.05 * (LOGS - 0.3) ** 2, 2.0 * LOGS**2], ids=["flat", "low", "right"]
)
def test_a_shallow_valley_and_a_right_guess_change_nothing(valley: np.ndarray) -> None:
    assert lowest(valley) is None


def asked(person: Observations, anchor_network: object) -> float | None:
    tools: Networks = replace(networks(), anchor=anchor_network)  # type: ignore[arg-type]
    turns = np.broadcast_to(np.eye(3), (COUNT, 3, 3))
    return focal_ratio([person], turns, np.arange(COUNT), tools)


def seen() -> Observations:
    return observations(posture(COUNT))


def fits_at(ratio: float) -> object:
    """A stage 1 that meets the landmarks the worse the farther the lens is from a true one."""
    true_half = np.arctan(240.0 / (900.0 * ratio))

    def network(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        frames = inputs["seconds"].shape[1]
        half = np.exp(inputs["box"][0, :, 0])  # tangent of half the region's angle
        wrong = np.abs(np.log(np.tan(true_half) / half))[None, :, None]
        rotations = np.tile(np.eye(3), (1, frames, 6, 1, 1))
        rotations[:, :, 0] = np.diag([1.0, -1.0, -1.0])
        translation = np.concatenate((0.5 + wrong, 0.0 * wrong, 0.5 + 0.0 * wrong), axis=-1)
        return {
            "rotations": rotations,
            "translation": translation,
            "betas": np.zeros((1, 10)),
            "log_variance": np.full((1, frames, 8), -3.0),
            "first_guess": np.tile(np.eye(3), (1, frames, 18, 1, 1)),
        }

    return network


def test_the_lens_that_fits_better_is_found() -> None:
    longer, shorter = asked(seen(), fits_at(1.6)), asked(seen(), fits_at(0.65))
    assert longer is not None
    assert longer > 1.15
    assert shorter is not None
    assert shorter < 0.87


def test_a_few_frames_tell_nothing() -> None:
    person = seen()
    few = Observations(**{name: array[:10] for name, array in vars(person).items()})
    assert asked(few, fits_at(1.6)) is None
