"""Smoothing over time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fhmr_blender.core.filters import (
    cutoff_of,
    deviation_of,
    smooth_points,
    smooth_rotations,
)
from fhmr_blender.core.rotations import (
    geodesic_angle,
    matrix_from_axis_angle,
    rotation_about,
)

RNG = np.random.default_rng(0)
SECONDS = np.arange(300) / 30.0


@pytest.mark.parametrize("frequency", [0.5, 2.0])
def test_a_wave_keeps_its_phase(frequency: float) -> None:
    wave = np.sin(2 * np.pi * frequency * SECONDS)[:, None]
    smooth = smooth_points(wave, SECONDS, 3.0)
    inner = slice(60, -60)
    across = np.cos(2 * np.pi * frequency * SECONDS)[inner] @ smooth[inner, 0]
    along = wave[inner, 0] @ smooth[inner, 0]
    assert abs(math.atan2(across, along)) < 1e-3


def test_half_of_the_power_passes_at_the_cutoff() -> None:
    wave = np.sin(2 * np.pi * 3.0 * SECONDS)[:, None]
    smooth = smooth_points(wave, SECONDS, 3.0)[60:-60]
    assert np.square(smooth).mean() / np.square(wave[60:-60]).mean() == pytest.approx(0.5, abs=0.03)


def test_white_noise_shrinks_as_the_window_says() -> None:
    noise = RNG.normal(0.0, 1.0, (300, 400))
    smooth = smooth_points(noise, SECONDS, 2.0)[60:-60]
    # The variance left is the sum of squared weights: a Gaussian's, step / (2 sqrt(pi) s).
    expected = (1 / 30) / (2 * math.sqrt(math.pi) * deviation_of(2.0))
    assert smooth.var() == pytest.approx(expected, rel=0.05)


def test_a_straight_way_stays_straight_to_its_ends_at_any_spacing() -> None:
    uneven = np.sort(RNG.uniform(0.0, 8.0, 120))
    uneven = np.concatenate((uneven[:60], uneven[60:] + 3.0))  # and a gap
    way = uneven[:, None] * np.array([1.0, -2.0, 0.5]) + np.array([4.0, 0.0, 1.0])
    np.testing.assert_allclose(smooth_points(way, uneven, 1.0), way, atol=1e-8)


def test_what_lies_beyond_a_gap_does_not_reach_over() -> None:
    seconds = np.concatenate((np.arange(60) / 30.0, 10.0 + np.arange(60) / 30.0))
    signal = np.concatenate((np.zeros((60, 1)), np.ones((60, 1))))
    np.testing.assert_allclose(smooth_points(signal, seconds, 1.0), signal, atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_short_clip_is_left_almost_as_it_is(count: int) -> None:
    points = RNG.normal(size=(count, 3))
    smooth = smooth_points(points, np.arange(count) / 30.0, 1.0)
    assert np.isfinite(smooth).all()
    assert count > 2 or np.array_equal(smooth, points)


def test_a_constant_rotation_is_unchanged() -> None:
    turn = matrix_from_axis_angle(np.array([0.4, -2.9, 0.8]))
    still = np.broadcast_to(turn, (50, 2, 3, 3))
    np.testing.assert_allclose(smooth_rotations(still, SECONDS[:50], 0.5), still, atol=1e-12)


def test_a_steady_turn_goes_on_through_half_turns() -> None:
    turning = rotation_about(1, 4.0 * SECONDS)  # more than six times round
    smooth = smooth_rotations(turning, SECONDS, 3.0)
    assert geodesic_angle(smooth, turning).max() < 2e-3


def test_a_trembling_rotation_comes_to_rest() -> None:
    turns = matrix_from_axis_angle(RNG.normal(0.0, 0.05, (300, 4, 3)))
    smooth = smooth_rotations(turns, SECONDS, 1.0)
    steps = [geodesic_angle(one[1:], one[:-1]).mean() for one in (turns, smooth)]
    assert steps[1] < 0.05 * steps[0]
    np.testing.assert_allclose(
        smooth @ np.swapaxes(smooth, -1, -2), np.eye(3)[None, None] + 0 * smooth, atol=1e-9
    )


def test_more_strength_means_a_lower_cutoff_and_none_means_none() -> None:
    cutoffs = [cutoff_of(strength) for strength in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert cutoffs[0] == math.inf
    assert cutoffs == sorted(cutoffs, reverse=True)
    signal = RNG.normal(size=(20, 3))
    assert smooth_points(signal, SECONDS[:20], math.inf) is signal
