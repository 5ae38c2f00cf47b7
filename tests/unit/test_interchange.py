"""Motion for other programs, read again by readers of a few lines."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.frames import transform
from fhmr_blender.core.interchange import amass, bvh, table
from fhmr_blender.core.motion import Motion, Person
from fhmr_blender.core.rotations import geodesic_angle, matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import JOINT_NAMES
from tests.unit.sitter import build, neutral, shot

SHOT = shot(5)
ONE = SHOT.people[0]
REST = build().rest_joints


def read_bvh(text: str) -> tuple[float, list[str], np.ndarray]:
    """Seconds a frame, joint names and joints (N, J, 3) as the format's description says."""
    words = iter(text.split())
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    for word in words:
        if word in ("ROOT", "JOINT"):
            names.append(next(words))
            parents.append(stack[-1] if stack else -1)
            channels.append([])
            offsets.append([])
            stack.append(len(names) - 1)
        elif word == "End":
            stack.append(-1)
        elif word == "OFFSET":
            offset = [float(next(words)) for _ in range(3)]
            if stack[-1] >= 0:
                offsets[stack[-1]] = offset
        elif word == "CHANNELS":
            channels[stack[-1]] = [next(words) for _ in range(int(next(words)))]
        elif word == "}":
            stack.pop()
        elif word == "MOTION":
            break
    assert next(words) == "Frames:"
    count = int(next(words))
    assert [next(words), next(words)] == ["Frame", "Time:"]
    step = float(next(words))
    values = np.array([float(word) for word in words]).reshape(count, -1)
    joints = np.zeros((count, len(names), 3))
    turns = np.zeros((count, len(names), 3, 3))
    column = 0
    for joint, parent in enumerate(parents):
        place = np.tile(np.array(offsets[joint]), (count, 1))
        turn = np.broadcast_to(np.eye(3), (count, 3, 3))
        for channel in channels[joint]:
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                place[:, axis] = values[:, column]
            else:
                turn = turn @ rotation_about(axis, np.radians(values[:, column]))
            column += 1
        if parent < 0:
            joints[:, joint], turns[:, joint] = place, turn
        else:
            joints[:, joint] = joints[:, parent] + (turns[:, parent] @ place[..., None])[..., 0]
            turns[:, joint] = turns[:, parent] @ turn
    assert column == values.shape[1]
    return step, names, joints


def joints_world(one: Person) -> np.ndarray:
    motion = one.motion_world
    return neutral().joints(motion.rotations, motion.betas, motion.transl)


def with_frames(frames: list[int]) -> Person:
    """A person whose frame numbers have gaps."""
    return replace(ONE, observations=replace(ONE.observations, frames=np.array(frames)))


def test_a_bvh_reader_finds_every_joint_where_it_is() -> None:
    step, names, joints = read_bvh(bvh(SHOT, ONE, REST))
    assert step == pytest.approx(1 / 30)
    assert sorted(names) == sorted(JOINT_NAMES)
    order = [JOINT_NAMES.index(name) for name in names]
    world = joints_world(ONE)[:, order]
    upright = np.stack((world[..., 0], world[..., 2], -world[..., 1]), axis=-1)  # y up
    np.testing.assert_allclose(joints / 100.0, upright, atol=1e-5)  # five decimals of degrees


@pytest.mark.parametrize("quarter", [np.pi / 2, -np.pi / 2])
def test_bvh_angles_hold_where_two_axes_are_one(quarter: float) -> None:
    motion = ONE.motion_world
    rotations = motion.rotations.copy()
    locked = rotation_about(2, 0.4) @ rotation_about(0, quarter) @ rotation_about(1, 0.7)
    rotations[:, 16] = locked  # the left shoulder
    changed = replace(ONE, motion_world=replace(motion, rotations=rotations))
    _, names, joints = read_bvh(bvh(SHOT, changed, REST))
    wrist = joints[:, names.index("left_wrist")] / 100.0
    expected = joints_world(changed)[:, JOINT_NAMES.index("left_wrist")]
    np.testing.assert_allclose(wrist[:, 1], expected[:, 2], atol=1e-5)


def test_frames_that_were_not_seen_are_bridged_evenly() -> None:
    gappy = with_frames([0, 2, 4, 10, 12])
    turns = np.zeros((5, 24, 3))
    turns[:, 0, 2] = [0.0, 0.1, 0.2, 0.5, 0.6]
    motion = Motion(matrix_from_axis_angle(turns), np.arange(15.0).reshape(5, 3), np.zeros(10))
    content = amass(SHOT, replace(gappy, motion_world=motion))
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert archive["frames"].tolist() == [0, 2, 4, 6, 8, 10, 12]
        np.testing.assert_allclose(archive["poses"][:, 2], np.linspace(0, 0.6, 7), atol=1e-9)
        np.testing.assert_allclose(archive["trans"][:, 0], [0, 3, 6, 7, 8, 9, 12], atol=1e-9)
        assert float(archive["mocap_framerate"]) == pytest.approx(15.0)


def test_an_amass_reader_finds_the_same_body() -> None:
    with np.load(io.BytesIO(amass(SHOT, ONE)), allow_pickle=False) as archive:
        poses, trans, betas = archive["poses"], archive["trans"], archive["betas"]
        assert float(archive["mocap_framerate"]) == 30.0
        assert str(archive["gender"]) == "neutral"
        assert not poses[:, 66:].any()  # SMPL-H's fingers
        full = archive["poses_smpl"].reshape(-1, 24, 3)
    assert poses.shape == (5, 156)
    assert betas.shape == (16,)
    rotations = matrix_from_axis_angle(full)
    assert geodesic_angle(rotations, ONE.motion_world.rotations).max() < 1e-6
    np.testing.assert_allclose(poses[:, :66], full[:, :22].reshape(-1, 66))
    joints = neutral().joints(rotations, betas[:10], trans)
    np.testing.assert_allclose(joints, joints_world(ONE), atol=1e-6)


def test_a_csv_reader_finds_joints_and_rotations() -> None:
    rows = list(csv.DictReader(io.StringIO(table(SHOT, ONE))))
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3, 4]
    assert float(rows[3]["seconds"]) == pytest.approx(0.1, abs=1e-6)
    joints = transform(SHOT.T_world_from_cam, ONE.joints_cam)
    poses = ONE.motion_world.poses.reshape(-1, 24, 3)
    for row, places, turns in zip(rows, joints, poses, strict=True):
        for joint, name in enumerate(JOINT_NAMES):
            found = [float(row[f"{name}_{axis}"]) for axis in "xyz"]
            np.testing.assert_allclose(found, places[joint], atol=1e-6)  # six decimals
            found = [float(row[f"{name}_r{axis}"]) for axis in "xyz"]
            np.testing.assert_allclose(found, turns[joint], atol=1e-6)


def test_a_single_picture_is_a_motion_of_one_frame() -> None:
    still = shot(1)
    _, _, joints = read_bvh(bvh(still, still.people[0], REST))
    assert len(joints) == 1
