"""Ways through the world by least squares, and limbs of two bones brought to a place."""

from __future__ import annotations

import numpy as np
import pytest

from fhmr_blender.core.rotations import geodesic_angle, matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX, PARENTS, forward_kinematics
from fhmr_blender.pipeline.paths import Track, find_paths, solve_tridiagonal
from fhmr_blender.pipeline.two_bones import bring
from tests.unit.sitter import build

COUNT = 200
SECONDS = np.arange(COUNT) / 30.0
STILL = np.zeros((COUNT - 1, 3))


def wave() -> np.ndarray:
    return np.column_stack((np.sin(SECONDS), 0.3 * SECONDS, np.cos(2 * SECONDS)))


def known(deviation: float) -> np.ndarray:
    return np.tile(np.eye(3) / deviation**2, (COUNT, 1, 1))


@pytest.mark.parametrize("blocks", [1, 2, 3, 8, 13])
def test_cyclic_reduction_solves_as_the_whole_matrix_does(blocks: int) -> None:
    rng = np.random.default_rng(blocks)
    size = 4
    roots = rng.normal(size=(blocks, size, size))
    diagonal = roots @ np.swapaxes(roots, -1, -2) + 10.0 * np.eye(size)
    upper = rng.normal(size=(blocks - 1, size, size))
    whole = np.zeros((blocks * size, blocks * size))
    for block in range(blocks):
        own = slice(block * size, (block + 1) * size)
        whole[own, own] = diagonal[block]
        if block + 1 < blocks:
            following = slice((block + 1) * size, (block + 2) * size)
            whole[own, following] = upper[block]
            whole[following, own] = upper[block].T
    right = rng.normal(size=(blocks, size))
    expected = np.linalg.solve(whole, right.ravel()).reshape(blocks, size)
    np.testing.assert_allclose(solve_tridiagonal(diagonal, upper, right), expected, atol=1e-10)


def test_noise_is_taken_out_and_nothing_shifts() -> None:
    noisy = wave() + np.random.default_rng(0).normal(0.0, 0.1, (COUNT, 3))
    (found,), camera = find_paths((Track(noisy, known(0.1), STILL, STILL, 1.0),), SECONDS)
    error, before = (np.linalg.norm(way - wave(), axis=-1)[10:-10].mean() for way in (found, noisy))
    assert error < 0.4 * before
    np.testing.assert_array_equal(camera, 0.0)


def test_displacements_carry_over_where_nothing_is_seen() -> None:
    information = known(0.01)
    information[50:150] = 0.0
    certain = np.full((COUNT - 1, 3), 1e6)
    track = Track(wave(), information, np.diff(wave(), axis=0), certain, 1.0)
    (found,), _ = find_paths((track,), SECONDS)
    np.testing.assert_allclose(found, wave(), atol=0.01)


def test_what_is_unknown_in_one_direction_follows_the_others_there() -> None:
    noisy = wave() + np.random.default_rng(1).normal(0.0, 1.0, (COUNT, 1)) * [0.0, 1.0, 0.0]
    information = known(0.01)
    information[:, 1, 1] = 1.0
    (found,), _ = find_paths((Track(noisy, information, STILL, STILL, 0.1),), SECONDS)
    assert np.abs(found - wave())[:, [0, 2]].max() < 0.02
    assert np.abs(found - wave())[:, 1].mean() < 0.3


def test_a_camera_that_walks_is_told_from_people_who_do() -> None:
    camera = 0.7 * SECONDS[:, None] * np.array([1.0, 0.5, 0.0])
    certain = np.full((COUNT - 1, 3), 1e4)
    tracks = tuple(
        Track(way - camera, known(0.02), np.diff(way, axis=0), certain, 1.0)
        for way in (wave(), wave() @ np.diag([0.0, 1.0, 1.0]))
    )
    ways, found = find_paths(tracks, SECONDS, 0.1)
    np.testing.assert_allclose(found, camera, atol=0.02)
    np.testing.assert_allclose(ways[0], wave(), atol=0.02)


def test_one_frame_is_its_own_way() -> None:
    track = Track(np.ones((1, 3)), np.eye(3)[None] * 1e4, np.zeros((0, 3)), np.zeros((0, 3)), 1.0)
    (found,), _ = find_paths((track,), np.zeros(1))
    np.testing.assert_allclose(found, 1.0, atol=1e-6)


@pytest.mark.parametrize("end", ["left_ankle", "right_ankle", "left_wrist", "right_wrist"])
def test_a_limb_comes_to_its_place_and_its_end_keeps_its_direction(end: str) -> None:
    rng = np.random.default_rng(3)
    joint = JOINT_INDEX[end]
    hinge = PARENTS[joint]
    rotations = matrix_from_axis_angle(rng.normal(0.0, 0.2, (50, 24, 3)))
    axis, angle = {"ankle": (0, 0.9), "wrist": (1, -0.9 if "left" in end else 0.9)}[end[-5:]]
    rotations[:, hinge] = rotation_about(axis, angle)
    rest = build().rest_joints
    outer, joints = forward_kinematics(rotations, rest)
    places = joints[:, joint] + rng.uniform(-0.03, 0.03, (50, 3))
    changed = bring(rotations, rest, joint, places)
    after, found = forward_kinematics(changed, rest)
    np.testing.assert_allclose(found[:, joint], places, atol=1e-9)
    assert geodesic_angle(after[:, joint], outer[:, joint]).max() < 1e-6
    others = [other for other in range(24) if other not in (joint, hinge, PARENTS[hinge])]
    np.testing.assert_array_equal(changed[:, others], rotations[:, others])


def test_a_knee_bends_forwards_even_from_a_straight_leg() -> None:
    rest = build().rest_joints
    rotations = np.tile(np.eye(3), (1, 24, 1, 1))
    ankle = JOINT_INDEX["left_ankle"]
    _, joints = forward_kinematics(rotations, rest)
    lifted = joints[:, ankle] + np.array([0.0, 0.1, 0.0])
    _, found = forward_kinematics(bring(rotations, rest, ankle, lifted), rest)
    np.testing.assert_allclose(found[:, ankle], lifted, atol=1e-6)
    assert found[0, JOINT_INDEX["left_knee"], 2] > joints[0, JOINT_INDEX["left_knee"], 2] + 0.1


def test_what_is_out_of_reach_is_approached_without_tearing() -> None:
    rest = build().rest_joints
    rotations = np.tile(np.eye(3), (1, 24, 1, 1))
    ankle = JOINT_INDEX["right_ankle"]
    _, joints = forward_kinematics(rotations, rest)
    far = joints[:, ankle] + np.array([0.4, 0.0, 0.5])
    _, found = forward_kinematics(bring(rotations, rest, ankle, far), rest)
    before = np.linalg.norm(joints[0, ankle] - far[0])
    assert np.linalg.norm(found[0, ankle] - far[0]) < before
    for link in (ankle, PARENTS[ankle]):
        bone = found[0, link] - found[0, PARENTS[link]]
        assert np.linalg.norm(bone) == pytest.approx(
            np.linalg.norm(rest[link] - rest[PARENTS[link]])
        )
