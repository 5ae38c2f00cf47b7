"""From `cam` to `world`."""

from __future__ import annotations

import numpy as np
import pytest

from fhmr_blender.core.frames import transform
from fhmr_blender.core.motion import Motion
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.pipeline.world import move_to_world, place_world
from tests.unit.sitter import build, neutral, posture

LEVEL = np.array([[0.0, 1.0, 0.0]])  # gravity of a level camera


def pitched(degrees: float, roll: float = 0.0) -> np.ndarray:
    """Gravity (1, 3) in a camera that looks down by some degrees and is rolled."""
    angle = np.radians(degrees)
    down = np.array([0.0, np.cos(angle), np.sin(angle)])
    return (matrix_from_axis_angle(np.array([0.0, 0.0, np.radians(roll)])) @ down)[None]


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (30, 0), (-20, 15), (80, -40), (0, 90)])
def test_up_is_against_gravity_and_the_camera_looks_along_y(pitch: float, roll: float) -> None:
    gravity = pitched(pitch, roll)
    T_world_from_cam = place_world(gravity, lambda up: -1.5)
    rotation = T_world_from_cam[:3, :3]
    np.testing.assert_allclose(rotation @ gravity[0], [0, 0, -1], atol=1e-9)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    axis = rotation @ [0, 0, 1]
    assert axis[0] == pytest.approx(0.0, abs=1e-9)
    assert axis[1] > 0
    np.testing.assert_allclose(T_world_from_cam[:3, 3], [0, 0, 1.5])


@pytest.mark.parametrize("down", [1.0, -1.0])
def test_a_camera_that_looks_straight_down_or_up_has_a_world_too(down: float) -> None:
    T_world_from_cam = place_world(np.array([[0.0, 0.0, down]]), lambda up: 0.0)
    assert np.isfinite(T_world_from_cam).all()
    assert np.linalg.det(T_world_from_cam[:3, :3]) == pytest.approx(1.0)
    # The upper edge of the picture lies ahead when looking down, behind when looking up.
    assert (T_world_from_cam[:3, :3] @ [0, -1, 0])[1] == pytest.approx(down)


def test_gravity_is_a_median_that_a_few_wild_opinions_do_not_turn() -> None:
    opinions = np.concatenate((np.repeat(LEVEL, 30, axis=0), np.repeat(pitched(80), 10, axis=0)))
    T_world_from_cam = place_world(opinions, lambda up: 0.0)
    up = T_world_from_cam[2, :3]
    assert np.degrees(np.arccos(-up @ LEVEL[0])) < 1.0


def test_opinions_that_cancel_leave_the_pictures_own_up() -> None:
    both = np.concatenate((LEVEL, -LEVEL))
    np.testing.assert_allclose(place_world(both, lambda up: 0.0)[2, :3], [0, -1, 0])


def test_the_lowest_point_of_the_body_stands_on_the_floor() -> None:
    pose = posture(5)
    motion = Motion(pose.rotations, pose.pelvis - build().rest_joints[0], np.zeros(10))
    vertices = neutral().vertices(motion.rotations, motion.betas, motion.transl)
    T_world_from_cam = place_world(pitched(12), lambda up: float((vertices @ up).min()))
    moved = move_to_world(motion, T_world_from_cam, build().rest_joints[0])
    above = neutral().vertices(moved.rotations, moved.betas, moved.transl)[..., 2]
    assert above.min() == pytest.approx(0.0, abs=1e-4)  # float32 skin


def test_the_motion_in_the_world_is_the_camera_motion_exactly_transformed() -> None:
    pose = posture(4, seed=3)
    motion = Motion(pose.rotations, pose.pelvis - build().rest_joints[0], np.zeros(10))
    T_world_from_cam = place_world(pitched(25, 8), lambda up: -1.0)
    moved = move_to_world(motion, T_world_from_cam, build().rest_joints[0])
    joints = neutral().joints(motion.rotations, motion.betas, motion.transl)
    expected = transform(T_world_from_cam, joints)
    found = neutral().joints(moved.rotations, moved.betas, moved.transl)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_array_equal(moved.rotations[:, 1:], motion.rotations[:, 1:])
