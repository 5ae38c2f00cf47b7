"""From `cam` to `world`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.frames import BODY_TO_WORLD, rigid, transform
from fhmr_blender.core.motion import Motion
from fhmr_blender.core.rotations import geodesic_angle, matrix_from_axis_angle, rotation_about
from fhmr_blender.pipeline.camera_motion import (
    CameraMotion,
    camera_turns,
    resting_camera,
    through_lens,
)
from fhmr_blender.pipeline.world import Actor, floor_height, level, move_to_world, place_world
from tests.unit.sitter import build, neutral, posture
from tests.unit.walker import LEVEL_CAMERA, Walk, seen_from, walk

LEVEL = np.array([[0.0, 1.0, 0.0]])  # gravity of a level camera


def pitched(degrees: float, roll: float = 0.0) -> np.ndarray:
    """Gravity (1, 3) in a camera that looks down by some degrees and is rolled."""
    angle = np.radians(degrees)
    down = np.array([0.0, np.cos(angle), np.sin(angle)])
    return (matrix_from_axis_angle(np.array([0.0, 0.0, np.radians(roll)])) @ down)[None]


def acted(motion: Walk, R_world_from_cam: np.ndarray, position: np.ndarray) -> Actor:
    """A walk as stages 1 and 2 would say it without any error."""
    count = len(motion.seconds)
    return Actor(
        rows=np.arange(count),
        seconds=motion.seconds,
        body=neutral(),
        motion_cam=seen_from(motion, R_world_from_cam, position),
        gravity=-R_world_from_cam[:, 2],
        velocity=motion.velocity,
        contacts=motion.contacts.astype(float),
    )


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (30, 0), (-20, 15), (80, -40), (0, 90)])
def test_up_is_against_gravity_and_the_camera_looks_along_y(pitch: float, roll: float) -> None:
    gravity = pitched(pitch, roll)
    rotation = level(gravity)
    np.testing.assert_allclose(rotation @ gravity[0], [0, 0, -1], atol=1e-9)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    axis = rotation @ [0, 0, 1]
    assert axis[0] == pytest.approx(0.0, abs=1e-9)
    assert axis[1] > 0


@pytest.mark.parametrize("down", [1.0, -1.0])
def test_a_camera_that_looks_straight_down_or_up_has_a_world_too(down: float) -> None:
    rotation = level(np.array([[0.0, 0.0, down]]))
    assert np.isfinite(rotation).all()
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    # The upper edge of the picture lies ahead when looking down, behind when looking up.
    assert (rotation @ [0, -1, 0])[1] == pytest.approx(down)


def test_gravity_is_a_median_that_a_few_wild_opinions_do_not_turn() -> None:
    opinions = np.concatenate((np.repeat(LEVEL, 30, axis=0), np.repeat(pitched(80), 10, axis=0)))
    up = level(opinions)[2]
    assert np.degrees(np.arccos(-up @ LEVEL[0])) < 1.0


def test_opinions_that_cancel_leave_the_pictures_own_up() -> None:
    both = np.concatenate((LEVEL, -LEVEL))
    np.testing.assert_allclose(level(both)[2], [0, -1, 0])


def test_without_anybody_standing_the_lowest_point_is_the_floor() -> None:
    heights = [np.array([0.3, -0.2, 0.5]), np.array([0.1])]
    assert floor_height(heights, [np.zeros(3), np.zeros(1)]) == pytest.approx(-0.2)


def test_the_floor_is_where_people_stand_and_not_the_lowest_point_ever() -> None:
    heights = np.full(100, -1.5)
    heights[40:60] += np.linspace(0.0, 0.4, 20)  # a jump
    heights[70] = -2.3  # a foot put wrongly for a moment
    standing = np.where((np.arange(100) >= 40) & (np.arange(100) < 60), 0.0, 0.9)
    assert floor_height([heights], [standing]) == pytest.approx(-1.5)


def test_a_walk_before_a_resting_camera_stands_on_the_floor_and_keeps_its_length() -> None:
    motion = walk(10.0)
    tilt = rotation_about(0, np.radians(-12.0))  # it looks down a little
    R_world_from_cam = np.tile(LEVEL_CAMERA @ tilt, (len(motion.seconds), 1, 1))
    position = np.tile([3.0, -9.0, 1.7], (len(motion.seconds), 1))
    actor = acted(motion, R_world_from_cam, position)
    placed = place_world([actor], actor.rows, resting_camera(len(actor.rows)))
    world = move_to_world(actor.motion_cam, placed, build().rest_joints[0])
    way = world.transl[-1] - world.transl[0]
    assert np.linalg.norm(way[:2]) == pytest.approx(10.0, rel=0.01)
    assert placed[0, 2, 3] == pytest.approx(1.7, abs=0.03)  # the camera's height over the floor
    assert np.all(placed == placed[0])


@pytest.mark.parametrize("walks", [False, True])
def test_a_panning_camera_sees_the_same_walk(walks: bool) -> None:
    motion = walk(10.0)
    position = np.tile([0.0, -6.0, 1.6], (len(motion.seconds), 1))
    bearing = np.arctan2(-motion.pelvis[:, 0], motion.pelvis[:, 1] + 6.0)
    R_world_from_cam = rotation_about(2, bearing) @ LEVEL_CAMERA
    actor = acted(motion, R_world_from_cam, position)
    camera = CameraMotion(camera_turns(R_world_from_cam), walks=walks)
    placed = place_world([actor], actor.rows, camera)
    world = move_to_world(actor.motion_cam, placed, build().rest_joints[0])
    assert np.linalg.norm(world.transl[-1] - world.transl[0]) == pytest.approx(10.0, rel=0.1)
    np.testing.assert_allclose(placed[0, :2, 3], 0.0, atol=1e-2)


def test_a_camera_that_walks_beside_is_found_from_the_feet_that_stand() -> None:
    motion = walk(10.0)
    position = motion.pelvis + np.array([0.5, -5.0, 0.6])
    position[:, 2] = 1.6
    R_world_from_cam = np.tile(LEVEL_CAMERA, (len(motion.seconds), 1, 1))
    actor = acted(motion, R_world_from_cam, position)
    camera = CameraMotion(camera_turns(R_world_from_cam), walks=True)
    placed = place_world([actor], actor.rows, camera)
    world = move_to_world(actor.motion_cam, placed, build().rest_joints[0])
    assert np.linalg.norm(world.transl[-1] - world.transl[0]) == pytest.approx(10.0, rel=0.1)
    way = placed[-1, :3, 3] - placed[0, :3, 3]
    assert np.linalg.norm(way[:2]) == pytest.approx(10.0, rel=0.1)


def test_two_people_share_one_floor() -> None:
    motion = walk(4.0)
    R_world_from_cam = np.tile(LEVEL_CAMERA, (len(motion.seconds), 1, 1))
    actors = [
        acted(motion, R_world_from_cam, np.tile(place, (len(motion.seconds), 1)))
        for place in ([0.0, -6.0, 1.5], [-1.0, -9.0, 1.5])
    ]
    placed = place_world(actors, actors[0].rows, resting_camera(len(actors[0].rows)))
    for actor in actors:
        moved = move_to_world(actor.motion_cam, placed, build().rest_joints[0])
        skin = neutral().vertices(moved.rotations[::6], moved.betas, moved.transl[::6])
        assert abs(skin[..., 2].min()) < 0.03


def test_behind_a_cut_the_world_begins_anew() -> None:
    motion = walk(4.0)
    count = len(motion.seconds)
    half = count // 2
    first = np.tile(LEVEL_CAMERA, (count, 1, 1))
    second = np.tile(LEVEL_CAMERA @ rotation_about(0, np.radians(-30.0)), (count, 1, 1))
    one = acted(motion, first, np.tile([0.0, -6.0, 1.5], (count, 1)))
    other = acted(motion, second, np.tile([0.0, -6.0, 3.5], (count, 1)))

    def part(actor: Actor, rows: slice) -> Actor:
        cut = {
            name: getattr(actor, name)[rows]
            for name in ("rows", "seconds", "gravity", "velocity", "contacts")
        }
        moved = actor.motion_cam
        return replace(
            actor,
            motion_cam=Motion(moved.rotations[rows], moved.transl[rows], moved.betas),
            **cut,
        )

    actors = [part(one, slice(0, half)), part(other, slice(half, count))]
    camera = replace(resting_camera(count), cuts=(half,))
    placed = place_world(actors, np.arange(count), camera)
    assert placed[0, 2, 3] == pytest.approx(1.5, abs=0.03)
    assert placed[-1, 2, 3] == pytest.approx(3.5, abs=0.03)


def test_the_motion_in_the_world_is_the_camera_motion_exactly_transformed() -> None:
    pose = posture(4, seed=3)
    motion = Motion(pose.rotations, pose.pelvis - build().rest_joints[0], np.zeros(10))
    T_world_from_cam = rigid(level(pitched(25, 8)), np.array([0.0, 0.0, 1.0]))
    moved = move_to_world(motion, T_world_from_cam, build().rest_joints[0])
    joints = neutral().joints(motion.rotations, motion.betas, motion.transl)
    expected = transform(T_world_from_cam, joints)
    found = neutral().joints(moved.rotations, moved.betas, moved.transl)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_array_equal(moved.rotations[:, 1:], motion.rotations[:, 1:])


def test_turns_are_the_same_to_the_bit_in_whatever_world_they_are_stored() -> None:
    turns = rotation_about(1, np.linspace(0.0, 1.0, 40)) @ rotation_about(0, 0.2)
    world = matrix_from_axis_angle(np.array([0.3, -1.0, 2.0]))
    np.testing.assert_array_equal(camera_turns(turns), camera_turns(world @ turns))
    still = np.tile(world, (3, 1, 1))
    np.testing.assert_array_equal(camera_turns(still), np.tile(np.eye(3), (3, 1, 1)))


def test_through_a_longer_lens_the_same_pictures_mean_a_smaller_turn() -> None:
    camera = CameraMotion(rotation_about(1, np.linspace(0.0, 0.6, 60)))
    longer = through_lens(camera, 2.0)
    angle = geodesic_angle(np.eye(3), longer.R_first_from_cam[-1])
    assert float(angle) == pytest.approx(0.3, rel=1e-3)


def test_an_upright_body_of_the_walk_faces_where_it_goes() -> None:
    motion = walk(2.0)  # the walk that the other tests stand on
    forward = motion.rotations[:, 0] @ [0.0, 0.0, 1.0]
    np.testing.assert_allclose(forward.mean(axis=0)[:2], [1.0, 0.0], atol=0.05)
    np.testing.assert_allclose(BODY_TO_WORLD @ [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
