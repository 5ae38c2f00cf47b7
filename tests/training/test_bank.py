"""Simulated observations: exact where nothing was wrong, else as wrong as the records were."""

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from fhmr_blender.core.skeleton import JOINT_INDEX, MAIN_LANDMARKS, forward_kinematics
from tests.training.synthetic_pairs import exact_clip, performance
from training.data.bank import build_bank, simulate
from training.data.calibration import template_calibration
from training.data.perturbation import perturb
from training.data.sample import PairClip
from training.data.upright import upright_view
from training.metrics import pa_mpjpe

ERROR = 2e-4  # heights in the picture: so little follows the truth wholly
WRIST = 15


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("neutral")


@pytest.fixture(scope="module")
def calibration(body: Body) -> LandmarkCalibration:
    return template_calibration(body)


def projected(clip: PairClip, body: Body, calibration: LandmarkCalibration) -> np.ndarray:
    """(T, 33, 2) pixels of a clip's own truth."""
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    outer, relative = forward_kinematics(rotations, body.rest_joints(clip.betas))
    joints = clip.joints_cam[:, :1].astype(float) + relative
    np.testing.assert_allclose(joints, clip.joints_cam, atol=2e-5)  # float32 metres
    landmarks = calibration.landmarks(outer, joints, float(body.stature(clip.betas)))
    return project(landmarks, clip.intrinsics)


def away(clip: PairClip, body: Body, calibration: LandmarkCalibration) -> np.ndarray:
    """(T, 33) pixels between observation and projection of a clip."""
    difference = clip.keypoints[..., :2] - projected(clip, body, calibration)
    return np.linalg.norm(difference, axis=-1)


def test_perturbing_an_exact_record_leaves_it_exact(body: Body, calibration: LandmarkCalibration):
    for seed in range(5):
        clip = exact_clip(seed, body, calibration)
        changed = perturb(clip, body, calibration, np.random.default_rng(seed))
        assert np.abs(changed.poses - clip.poses).max() > 0.05
        assert np.abs(changed.keypoints - clip.keypoints)[..., :2].max() > 1
        near = (changed.joints_cam[..., 2] > 0.3).all(axis=1)
        np.testing.assert_allclose(
            away(changed, body, calibration)[near], 0, atol=0.05
        )  # float32 metres at hundreds of pixels


def test_a_hidden_landmark_moves_with_the_nearest_seen_one(
    body: Body, calibration: LandmarkCalibration
):
    clip = exact_clip(1, body, calibration)
    visible = clip.visible.copy()
    visible[:, 15] = False  # the left wrist; its elbow is 13
    clip = replace(clip, visible=visible)
    changed = perturb(clip, body, calibration, np.random.default_rng(0))
    move = changed.keypoints - clip.keypoints
    np.testing.assert_allclose(move[:, 15, :3], move[:, 13, :3], atol=1e-3)  # float32 pixels


def test_joints_turn_as_far_as_recordings_turn_them(body: Body, calibration: LandmarkCalibration):
    clip = exact_clip(1, body, calibration)
    turns = []
    for seed in range(40):
        changed = perturb(clip, body, calibration, np.random.default_rng(seed))
        before, after = matrix_from_axis_angle(clip.poses), matrix_from_axis_angle(changed.poses)
        turns.append(axis_angle_from_matrix(np.swapaxes(before, -1, -2) @ after))
    size = np.std(turns, axis=(0, 1))  # (24, 3) radians about each axis
    joint = JOINT_INDEX
    np.testing.assert_allclose(size[[joint["left_hand"], joint["right_foot"]]], 0, atol=1e-5)
    assert (size[joint["left_shoulder"]] > 0.08).all()
    assert size[joint["left_knee"], 0] > 5 * size[joint["left_knee"], 1]  # a hinge
    assert size[joint["right_wrist"]].max() < size[joint["right_shoulder"]].max()


def test_frames_without_a_sighting_stay_empty(body: Body, calibration: LandmarkCalibration):
    clip = exact_clip(2, body, calibration)
    found = clip.found.copy()
    found[3] = False
    keypoints = clip.keypoints.copy()
    keypoints[3] = 0
    changed = perturb(
        replace(clip, found=found, keypoints=keypoints), body, calibration, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(changed.keypoints[3], 0)
    np.testing.assert_array_equal(changed.keypoints_world[3], 0)


def test_a_bank_without_errors_simulates_the_exact_projection(
    body: Body, calibration: LandmarkCalibration
):
    clips = [exact_clip(seed, body, calibration) for seed in range(6)]
    bank = build_bank(clips, body, calibration)
    for seed in range(5):
        made = simulate(
            performance(40 + seed, body, 40), bank, body, calibration, np.random.default_rng(seed)
        )
        assert made.source == "bank"
        assert np.isnan(made.image_feature.astype(float)).all()
        np.testing.assert_allclose(
            away(made, body, calibration), 0, atol=0.05
        )  # residuals are float32


def test_what_is_seen_wrong_does_not_follow_the_truth(body: Body, calibration: LandmarkCalibration):
    """A front end that always sees the same wrong place says so of other poses too."""
    clips = []
    for seed in range(6):
        clip = exact_clip(seed, body, calibration)
        height = float(body.stature(clip.betas)) * clip.intrinsics[1] / clip.joints_cam[:, 0, 2]
        keypoints = clip.keypoints.copy()
        keypoints[:, WRIST, :2] = project(clip.joints_cam[:, :1], clip.intrinsics)[:, 0]
        keypoints[:, WRIST, 0] += 0.6 * height
        clips.append(replace(clip, keypoints=keypoints))
    bank = build_bank(clips, body, calibration)
    made = simulate(performance(50, body, 32), bank, body, calibration, np.random.default_rng(0))
    height = float(body.stature(made.betas)) * made.intrinsics[1] / made.joints_cam[:, 0, 2]
    pelvis = project(made.joints_cam[:, :1], made.intrinsics)[:, 0]
    seen = np.linalg.norm(made.keypoints[:, WRIST, :2] - pelvis, axis=-1) / height
    np.testing.assert_allclose(seen, 0.6, atol=0.01)
    far = np.linalg.norm(projected(made, body, calibration)[:, WRIST] - pelvis, axis=-1) / height
    assert np.ptp(far) > 0.01 and np.abs(far - 0.6).min() > 0.1


def test_a_constant_error_comes_back_in_units_of_the_body(
    body: Body, calibration: LandmarkCalibration
):
    clips = []
    for seed in range(6):
        clip = exact_clip(seed, body, calibration)
        height = float(body.stature(clip.betas)) * clip.intrinsics[1] / clip.joints_cam[:, 0, 2]
        pelvis = project(clip.joints_cam[:, :1], clip.intrinsics)
        neck = project(clip.joints_cam[:, 12:13], clip.intrinsics)
        up = (neck - pelvis) / np.linalg.norm(neck - pelvis, axis=-1, keepdims=True)
        keypoints = clip.keypoints.copy()
        keypoints[..., :2] += ERROR * height[:, None, None] * up  # all seen too high
        clips.append(replace(clip, keypoints=keypoints))
    bank = build_bank(clips, body, calibration)
    made = simulate(performance(50, body, 32), bank, body, calibration, np.random.default_rng(0))
    height = float(body.stature(made.betas)) * made.intrinsics[1] / made.joints_cam[:, 0, 2]
    np.testing.assert_allclose(away(made, body, calibration) / height[:, None], ERROR, rtol=0.04)
    difference = made.keypoints[..., :2] - projected(made, body, calibration)
    pelvis = project(made.joints_cam[:, :1], made.intrinsics)
    neck = project(made.joints_cam[:, 12:13], made.intrinsics)
    upwards = np.sum(difference * (neck - pelvis), axis=-1)
    assert (upwards > 0).all()


def test_the_same_seed_simulates_the_same_clip(body: Body, calibration: LandmarkCalibration):
    bank = build_bank([exact_clip(0, body, calibration)], body, calibration)
    acted = performance(9, body)
    first, second, other = (
        simulate(acted, bank, body, calibration, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.keypoints, second.keypoints)
    assert not np.array_equal(first.keypoints, other.keypoints)


def test_world_landmarks_tell_nothing_of_stature(body: Body, calibration: LandmarkCalibration):
    """Height is not visible: the front end answers for a body of one size, and so does the bank."""
    short, tall = np.zeros(10), np.zeros(10)
    short[0], tall[0] = -2.0, 2.0
    spans = []
    for betas in (short, tall):
        clip = exact_clip(3, body, calibration)
        rotations = matrix_from_axis_angle(clip.poses)
        view = upright_view(
            rotations,
            body.joints(rotations, betas, clip.transl_cam),
            betas,
            clip.intrinsics,
            body,
            calibration,
        )
        spans.append(np.linalg.norm(view.world[0, 0] - view.world[0, 27]))
        assert view.stature == pytest.approx(float(body.stature(betas)))
    # Beta 0 scales a body almost evenly; 4 of its units are some 28 cm of stature.
    assert abs(spans[1] / spans[0] - 1) < 0.02


def test_an_error_of_the_whole_body_comes_back_as_one_and_leaves_limbs_together(
    body: Body, calibration: LandmarkCalibration
):
    """Limbs take their own errors from many records, the body's turn from one."""
    clips = []
    for seed in range(8):
        clip = exact_clip(seed, body, calibration)
        rotations = matrix_from_axis_angle(clip.poses.astype(float))
        true = upright_view(
            rotations, clip.joints_cam, clip.betas, clip.intrinsics, body, calibration
        ).world
        turn = matrix_from_axis_angle(np.random.default_rng(seed).normal(0, 0.4, 3))
        clips.append(replace(clip, keypoints_world=1.1 * true @ turn.T))
    bank = build_bank(clips, body, calibration)
    np.testing.assert_allclose(bank.records.world, 0, atol=1e-4)  # float32 metres
    made = simulate(performance(50, body, 32), bank, body, calibration, np.random.default_rng(0))
    here = made.keypoints_world[:, list(MAIN_LANDMARKS)]
    rotations = matrix_from_axis_angle(made.poses.astype(float))
    there = upright_view(
        rotations, made.joints_cam, made.betas, made.intrinsics, body, calibration
    ).world[:, list(MAIN_LANDMARKS)]
    assert np.linalg.norm(here - there, axis=-1).mean() > 0.05
    np.testing.assert_allclose(pa_mpjpe(here, there), 0, atol=1e-3)
