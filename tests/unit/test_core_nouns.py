"""Skeleton, shapes of dataclasses, frames of reference, calibration, what is told of a shot."""

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import frames, rotations, skeleton
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.motion import Motion, assemble
from fhmr_blender.core.shot_notes import notes_of
from tests.unit.sitter import shot


def test_parents_come_before_their_children() -> None:
    assert all(parent < joint for joint, parent in enumerate(skeleton.PARENTS))


def test_torso_and_limbs_are_the_whole_body() -> None:
    joints = sorted(skeleton.TORSO_JOINTS + skeleton.LIMB_JOINTS)
    assert joints == list(range(24))


@pytest.mark.parametrize(
    "mirrored",
    [skeleton.MIRRORED_JOINTS, skeleton.MIRRORED_LANDMARKS, skeleton.MIRRORED_CONTACTS],
)
def test_mirroring_twice_changes_nothing(mirrored: tuple[int, ...]) -> None:
    assert [mirrored[index] for index in mirrored] == list(range(len(mirrored)))
    assert list(mirrored) != list(range(len(mirrored)))


def test_main_joints_and_landmarks_name_the_same_places() -> None:
    for joint, landmark in zip(skeleton.MAIN_JOINTS, skeleton.MAIN_LANDMARKS, strict=True):
        assert skeleton.JOINT_NAMES[joint] == skeleton.LANDMARK_NAMES[landmark]


def test_bending_the_elbow_moves_only_what_hangs_on_it() -> None:
    rng = np.random.default_rng(0)
    rest = rng.normal(size=(24, 3))
    turns = np.tile(np.eye(3), (24, 1, 1))
    _, straight = skeleton.forward_kinematics(turns, rest)
    np.testing.assert_allclose(straight, rest - rest[0], atol=1e-12)
    elbow = skeleton.JOINT_INDEX["left_elbow"]
    turns[elbow] = rotations.rotation_about(1, 1.0)
    _, bent = skeleton.forward_kinematics(turns, rest)
    moved = np.linalg.norm(bent - straight, axis=-1) > 1e-9
    assert [skeleton.JOINT_NAMES[index] for index in np.flatnonzero(moved)] == [
        "left_wrist",
        "left_hand",
    ]
    length = np.linalg.norm(rest[20] - rest[18])
    np.testing.assert_allclose(np.linalg.norm(bent[20] - bent[18]), length, atol=1e-12)


def test_a_dataclass_refuses_arrays_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"Motion.transl is \(3, 3\)"):
        Motion(
            rotations=np.zeros((2, 24, 3, 3)),
            transl=np.zeros((3, 3)),
            betas=np.zeros(10),
        )


def test_assembled_joints_stand_where_smpl_has_them() -> None:
    torso = np.tile(np.arange(6.0)[:, None, None], (1, 3, 3))
    limbs = np.tile(np.arange(100.0, 118.0)[:, None, None], (1, 3, 3))
    whole = assemble(torso, limbs)[:, 0, 0]
    assert whole[skeleton.JOINT_INDEX["spine3"]] == 3
    assert whole[skeleton.JOINT_INDEX["neck"]] == 100
    assert whole[skeleton.JOINT_INDEX["right_foot"]] == 117


def test_an_inverse_takes_points_back() -> None:
    rng = np.random.default_rng(1)
    turn = rotations.matrix_from_axis_angle(rng.normal(size=(5, 3)))
    T_world_from_cam = frames.rigid(turn, rng.normal(size=(5, 3)))
    points = rng.normal(size=(5, 7, 3))
    there = frames.transform(T_world_from_cam, points)
    np.testing.assert_allclose(
        frames.transform(frames.inverse(T_world_from_cam), there), points, atol=1e-12
    )


def test_an_upright_body_faces_the_camera_that_looks_along_y() -> None:
    np.testing.assert_array_equal(frames.BODY_TO_WORLD @ [0, 1, 0], [0, 0, 1])
    np.testing.assert_array_equal(frames.BODY_TO_WORLD @ [0, 0, 1], [0, -1, 0])


def test_landmarks_ride_on_their_joint_and_grow_with_stature() -> None:
    offset = np.tile([0.1, 0.0, 0.0], (33, 1))
    calibration = LandmarkCalibration(joint=np.full(33, 20), offset=offset, sigma=np.full(33, 0.01))
    turns = np.tile(rotations.rotation_about(2, np.pi / 2), (24, 1, 1))
    joints = np.zeros((24, 3))
    placed = calibration.landmarks(turns, joints, 1.8)
    np.testing.assert_allclose(placed[0], [0, 0.18, 0], atol=1e-12)


def test_what_the_artist_should_know_is_told_with_his_own_frame_numbers() -> None:
    told = {"notes": ["Frame 3 cannot be read."], "cuts": [12, 40], "camera_notes": ["It shakes."]}
    made = replace(shot(3), settings=told)
    assert notes_of(made, first_frame=1) == (
        "Frame 3 cannot be read.",
        "The picture cuts at frames 13, 41: people are new there.",
        "It shakes.",
    )
    assert notes_of(replace(made, settings={})) == ()
