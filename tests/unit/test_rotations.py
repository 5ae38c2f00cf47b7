"""Rotations in all their forms."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fhmr_blender.core import rotations

ATOL = 1e-9  # float64 through a few products


def random_rotations(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rotations.matrix_from_axis_angle(rng.normal(size=(count, 3)) * 1.5)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(-3.1, 3.1), min_size=3, max_size=3))
def test_axis_angle_survives_the_round_trip(vector: list[float]) -> None:
    matrix = rotations.matrix_from_axis_angle(np.array(vector))
    back = rotations.matrix_from_axis_angle(rotations.axis_angle_from_matrix(matrix))
    np.testing.assert_allclose(back, matrix, atol=1e-7)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=ATOL)


def test_half_turns_keep_their_axis() -> None:
    for axis in np.eye(3):
        matrix = rotations.matrix_from_axis_angle(np.pi * axis)
        angle = rotations.axis_angle_from_matrix(matrix)
        np.testing.assert_allclose(np.abs(angle), np.pi * axis, atol=1e-6)


def test_every_form_returns_the_same_matrix() -> None:
    matrix = random_rotations(500)
    for there, back in (
        (rotations.quaternion_from_matrix, rotations.matrix_from_quaternion),
        (rotations.sixd_from_matrix, rotations.matrix_from_sixd),
    ):
        np.testing.assert_allclose(back(there(matrix)), matrix, atol=ATOL)


def test_sixd_is_the_first_column_then_the_second() -> None:
    matrix = random_rotations(1)[0]
    np.testing.assert_array_equal(rotations.sixd_from_matrix(matrix)[:3], matrix[:, 0])
    np.testing.assert_array_equal(rotations.sixd_from_matrix(matrix)[3:], matrix[:, 1])


def test_a_quarter_turn_about_x_takes_y_to_z() -> None:
    matrix = rotations.rotation_about(0, np.pi / 2)
    np.testing.assert_allclose(matrix @ [0, 1, 0], [0, 0, 1], atol=ATOL)


def test_shortest_arc_takes_one_direction_to_the_other_without_twist() -> None:
    rng = np.random.default_rng(1)
    start, end = rng.normal(size=(2, 200, 3))
    arc = rotations.shortest_arc(start, end)
    reached = np.einsum("nij,nj->ni", arc, start / np.linalg.norm(start, axis=-1, keepdims=True))
    np.testing.assert_allclose(
        reached, end / np.linalg.norm(end, axis=-1, keepdims=True), atol=ATOL
    )
    axis = rotations.axis_angle_from_matrix(arc)
    np.testing.assert_allclose(np.sum(axis * start, axis=-1), 0, atol=1e-6)


def test_shortest_arc_between_opposite_directions_is_a_half_turn() -> None:
    arc = rotations.shortest_arc(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0]))
    np.testing.assert_allclose(arc @ [0, 0, 1], [0, 0, -1], atol=ATOL)
    np.testing.assert_allclose(np.linalg.det(arc), 1, atol=ATOL)


def test_nearest_rotation_of_a_reflected_noisy_matrix_is_proper() -> None:
    rng = np.random.default_rng(2)
    noisy = random_rotations(50) + rng.normal(size=(50, 3, 3)) * 0.05
    nearest = rotations.nearest_rotation(noisy)
    np.testing.assert_allclose(np.linalg.det(nearest), 1, atol=ATOL)
    assert rotations.geodesic_angle(nearest, random_rotations(50)).max() < 0.3
    mirrored = rotations.nearest_rotation(np.diag([1.0, 1.0, -1.0])[None])
    np.testing.assert_allclose(np.linalg.det(mirrored), 1, atol=ATOL)


def test_geodesic_angle_is_the_angle_between() -> None:
    first = random_rotations(1)[0]
    second = first @ rotations.rotation_about(1, 0.7)
    np.testing.assert_allclose(rotations.geodesic_angle(first, second), 0.7, atol=ATOL)


def test_continuous_quaternions_never_jump() -> None:
    angles = np.linspace(0, 4 * np.pi, 100)
    quaternions = rotations.quaternion_from_matrix(rotations.rotation_about(2, angles))
    smooth = rotations.continuous_quaternions(quaternions)
    assert (np.sum(smooth[1:] * smooth[:-1], axis=-1) > 0.9).all()
    np.testing.assert_allclose(
        rotations.matrix_from_quaternion(smooth),
        rotations.matrix_from_quaternion(quaternions),
        atol=ATOL,
    )
