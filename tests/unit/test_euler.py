"""Euler angles of every order, over time."""

from __future__ import annotations

import numpy as np
import pytest

from fhmr_blender.core.euler import (
    ORDERS,
    continuous_eulers,
    euler_from_matrix,
    matrix_from_euler,
)
from fhmr_blender.core.rotations import geodesic_angle, matrix_from_axis_angle, rotation_about


@pytest.mark.parametrize("order", ORDERS)
def test_angles_give_the_rotation_back(order: str) -> None:
    rng = np.random.default_rng(1)
    matrices = matrix_from_axis_angle(2.0 * rng.normal(size=(200, 3)))
    angles = euler_from_matrix(matrices, order)
    assert np.abs(angles[..., "XYZ".index(order[1])]).max() <= np.pi / 2 + 1e-12
    np.testing.assert_allclose(matrix_from_euler(angles, order), matrices, atol=1e-12)


def test_the_order_names_what_turns_first() -> None:
    angles = np.array([0.3, -0.4, 0.5])
    expected = rotation_about(2, 0.5) @ rotation_about(1, -0.4) @ rotation_about(0, 0.3)
    np.testing.assert_allclose(matrix_from_euler(angles, "XYZ"), expected, atol=1e-15)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("quarter", [np.pi / 2, -np.pi / 2])
def test_the_rotation_holds_where_two_axes_are_one(order: str, quarter: float) -> None:
    angles = np.array([0.7, 0.7, 0.7])
    angles["XYZ".index(order[1])] = quarter
    matrix = matrix_from_euler(angles, order)
    again = matrix_from_euler(euler_from_matrix(matrix, order), order)
    assert geodesic_angle(matrix, again) < 1e-6  # the square root of float64's last digit


@pytest.mark.parametrize("order", ORDERS)
def test_angles_over_time_do_not_flip(order: str) -> None:
    rng = np.random.default_rng(2)
    angles = np.cumsum(0.02 * rng.normal(size=(500, 3, 3)), axis=0)
    middle = "XYZ".index(order[1])
    angles[..., middle] = np.linspace(0.0, 7.0, 500)[:, None]  # over the top, more than a turn
    angles[..., middle] += 0.011  # not onto the pole itself
    found = continuous_eulers(matrix_from_euler(angles, order), order)
    np.testing.assert_allclose(
        matrix_from_euler(found, order), matrix_from_euler(angles, order), atol=1e-9
    )
    assert np.abs(np.diff(found, axis=0)).max() < 0.12
    np.testing.assert_allclose(found - found[:1], angles - angles[:1], atol=1e-9)
