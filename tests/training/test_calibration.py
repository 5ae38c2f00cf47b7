"""The landmarks' places are found again from what was projected with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from tests.training.synthetic_pairs import exact_clip
from training.data.calibration import (
    fit_calibration,
    front_end_error,
    load_calibration,
    save_calibration,
    template_calibration,
)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("neutral")


def moved(template: LandmarkCalibration, metres: float) -> LandmarkCalibration:
    shift = np.random.default_rng(1).uniform(-metres, metres, (33, 3)) / 1.7
    return LandmarkCalibration(
        joint=template.joint, offset=template.offset + shift, sigma=template.sigma
    )


def test_offsets_come_back_in_spite_of_noise_and_outliers(body: Body):
    truth = moved(template_calibration(body), 0.03)
    rng = np.random.default_rng(2)
    clips = []
    for seed in range(60):
        clip = exact_clip(seed, body, truth)
        keypoints = clip.keypoints.copy()
        keypoints[..., :2] += rng.normal(0, 1.0, keypoints[..., :2].shape)
        wrong = rng.random(keypoints.shape[:2]) < 0.1
        keypoints[wrong, :2] += rng.normal(0, 60, (int(wrong.sum()), 2))
        clips.append(replace(clip, keypoints=keypoints))
    fitted = fit_calibration(clips, body)
    same = fitted.joint == truth.joint
    assert same.mean() > 0.6  # where a joint hardly turns, its parent serves as well
    error = np.linalg.norm(fitted.offset - truth.offset, axis=1)[same] * 1.7
    assert np.median(error) < 0.005
    before = front_end_error(clips, body, template_calibration(body))
    after = front_end_error(clips, body, fitted)
    assert np.nanmedian(after.pixels) < 0.6 * np.nanmedian(before.pixels)


def test_hidden_landmarks_do_not_count(body: Body):
    template = template_calibration(body)
    clips = []
    for seed in range(10):
        clip = exact_clip(seed, body, template)
        keypoints, visible = clip.keypoints.copy(), clip.visible.copy()
        keypoints[:, 15, :2] += 80.0
        visible[:, 15] = False
        clips.append(replace(clip, keypoints=keypoints, visible=visible))
    fitted = fit_calibration(clips, body)
    np.testing.assert_array_equal(fitted.offset[15], template.offset[15])


def test_the_template_is_symmetric_and_its_face_looks_forward(body: Body):
    template = template_calibration(body)
    left, right = template.offset[[13, 17, 29, 7]], template.offset[[14, 18, 30, 8]]
    np.testing.assert_allclose(left * np.array([-1, 1, 1]), right, atol=0.004)
    assert template.offset[0, 2] > 0.04  # the nose, well before the head joint
    assert template.offset[2, 0] > 0 > template.offset[5, 0]  # left is +x


def test_a_file_gives_the_same_calibration_back(tmp_path: Path, body: Body):
    template = template_calibration(body)
    save_calibration(tmp_path / "calibration.npz", template)
    again = load_calibration(tmp_path / "calibration.npz")
    np.testing.assert_array_equal(again.joint, template.joint)
    np.testing.assert_allclose(again.offset, template.offset, atol=1e-7)  # float32 in the file
