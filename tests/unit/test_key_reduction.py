"""Fewer keys within a tolerance."""

from __future__ import annotations

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.euler import continuous_eulers, matrix_from_euler
from fhmr_blender.core.key_reduction import (
    distance,
    euler_deviation,
    interpolated,
    key_positions,
    quaternion_deviation,
    slopes,
)
from fhmr_blender.core.rotations import (
    continuous_quaternions,
    geodesic_angle,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    quaternion_from_matrix,
)

FRAMES = np.arange(0, 600, 2)


def swinging(jitter: float = 0.0) -> Floats:
    """Rotations (300, 5, 3, 3) of joints that swing each at its own pace."""
    rng = np.random.default_rng(3)
    pace = rng.uniform(0.01, 0.06, size=(5, 3))
    turns = 0.7 * np.sin(FRAMES[:, None, None] * pace + rng.uniform(0, 6, size=(5, 3)))
    return matrix_from_axis_angle(turns + jitter * rng.normal(size=turns.shape))


@pytest.mark.parametrize("degrees", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("jitter", [0.0, 0.02])
def test_quaternions_stay_within_the_tolerance(degrees: float, jitter: float) -> None:
    rotations = swinging(jitter)
    values = continuous_quaternions(quaternion_from_matrix(rotations))
    keys = key_positions(FRAMES, values, quaternion_deviation, np.radians(degrees))
    shown = interpolated(FRAMES, values, slopes(FRAMES, values), keys)
    angles = geodesic_angle(matrix_from_quaternion(shown), rotations)
    assert np.degrees(angles.max()) <= degrees * (1 + 1e-6)
    assert keys[[0, -1]].all()


def test_euler_angles_stay_within_the_tolerance() -> None:
    rotations = swinging()
    values = continuous_eulers(rotations, "YZX")
    measure = euler_deviation("YZX")
    keys = key_positions(FRAMES, values, measure, np.radians(1.0))
    shown = interpolated(FRAMES, values, slopes(FRAMES, values), keys)
    turned = matrix_from_euler(shown, "YZX")
    assert np.degrees(geodesic_angle(turned, rotations).max()) <= 1.0 + 1e-9
    assert keys.mean() < 0.4


def test_a_wider_tolerance_needs_fewer_keys() -> None:
    values = continuous_quaternions(quaternion_from_matrix(swinging()))
    counts = [
        key_positions(FRAMES, values, quaternion_deviation, np.radians(degrees)).sum()
        for degrees in (0.1, 1.0, 10.0)
    ]
    assert counts[0] > counts[1] > counts[2]
    assert counts[1] < 0.25 * values.shape[0] * values.shape[1]


def test_what_rests_or_moves_evenly_needs_two_keys() -> None:
    even = np.stack((np.zeros_like(FRAMES), FRAMES, -2 * FRAMES), axis=-1)[:, None] / 7.0
    keys = key_positions(FRAMES, even, distance, 1e-9)
    assert np.flatnonzero(keys[:, 0]).tolist() == [0, len(FRAMES) - 1]


def test_every_group_gets_its_own_keys() -> None:
    values = np.zeros((300, 2, 3))
    values[:, 1, 0] = np.sin(FRAMES / 20.0)
    keys = key_positions(FRAMES, values, distance, 0.01)
    assert keys[:, 0].sum() == 2
    assert keys[:, 1].sum() > 8


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_frames_keep_their_keys(count: int) -> None:
    values = np.ones((count, 4, 3))
    assert key_positions(FRAMES[:count], values, distance, 1.0).all()
