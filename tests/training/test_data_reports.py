"""What the reports on the data say is what was put in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.skeleton import MIRRORED_LANDMARKS
from tests.training.synthetic_pairs import exact_clip, performance
from training.data.bank import build_bank
from training.data.bank_report import (
    compare,
    draw,
    measure_errors,
    measure_shares,
    split_clips,
    table,
)
from training.data.calibration import template_calibration
from training.data.data_report import pairs_table
from training.data.front_end_report import behaviour, rendered
from training.data.pairs import MIRRORED_PICTURE
from training.data.pose_kinds import pose_kinds
from training.data.postures import POSTURES, taken
from training.data.sample import PairClip, save_shard


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("neutral")


@pytest.fixture(scope="module")
def calibration(body: Body) -> LandmarkCalibration:
    return template_calibration(body)


def in_the_mirror(clip: PairClip) -> PairClip:
    """What a front end without bias says of the flipped pictures."""
    keypoints = clip.keypoints[:, list(MIRRORED_LANDMARKS)].copy()
    keypoints[..., 0] = clip.size[0] - keypoints[..., 0]
    flip = np.array([-1.0, 1.0, 1.0])
    world = clip.keypoints_world[:, list(MIRRORED_LANDMARKS)] * flip
    name = clip.name + MIRRORED_PICTURE
    return replace(clip, name=name, keypoints=keypoints, keypoints_world=world)


def test_errors_of_exact_clips_are_nothing_and_a_shift_is_seen_by_its_axis(
    body: Body, calibration: LandmarkCalibration
) -> None:
    clips = [exact_clip(seed, body, calibration) for seed in range(3)]
    exact = measure_errors(clips, body, calibration)
    assert np.median(exact.distance) < 1e-4
    raised = []
    for clip in clips:
        shift = 0.05 * (
            clip.keypoints[:, :1, :2] - clip.keypoints[:, 23:25, :2].mean(axis=1, keepdims=True)
        )
        keypoints = clip.keypoints.copy()
        keypoints[..., :2] += shift  # towards the head: up in the upright camera
        raised.append(replace(clip, keypoints=keypoints))
    shifted = measure_errors(raised, body, calibration)
    assert np.median(shifted.plane[..., 1]) < -0.01
    assert abs(np.median(shifted.plane[..., 0])) < 0.005
    assert shifted.autocorrelation[0] == pytest.approx(1.0)
    assert shifted.autocorrelation[1] > 0.9  # it lasts


def test_a_bank_of_exact_clips_sees_held_out_clips_exactly_and_the_picture_is_written(
    body: Body, calibration: LandmarkCalibration, tmp_path: Path
) -> None:
    clips = [exact_clip(seed, body, calibration) for seed in range(10)]
    kept, held = split_clips(clips)
    assert (len(kept), len(held)) == (8, 2)
    measured, simulated = compare(clips, body, calibration)
    assert np.median(simulated.distance) < 1e-3
    assert "PA-MPJPE" in table(measured, simulated)
    draw(measured, simulated, tmp_path / "bank.png")
    assert (tmp_path / "bank.png").stat().st_size > 10_000


def test_a_front_end_without_bias_agrees_with_its_mirror(
    body: Body, calibration: LandmarkCalibration
) -> None:
    rng = np.random.default_rng(0)
    clips: list[PairClip] = []
    for seed in range(3):
        clip = exact_clip(seed, body, calibration)
        clip = replace(clip, keypoints_world=rng.normal(0, 0.3, (len(clip), 33, 3)))
        clips += [clip, in_the_mirror(clip)]
    seen = rendered(clips)
    assert len(seen) == 3
    figures = behaviour(seen)
    assert figures.mirror == pytest.approx(0.0, abs=1e-9)
    assert figures.mirror_world == pytest.approx(0.0, abs=1e-9)
    assert figures.found == 1.0
    assert figures.losses == 0.0
    found = clips[0].found.copy()
    found[4:6] = False
    noisy = clips[0].keypoints.copy()
    noisy[..., :2] += rng.normal(0, 0.05, (*noisy.shape[:2], 1)) * clips[0].region[:, None, 2:3]
    worse = behaviour(rendered([replace(clips[0], keypoints=noisy, found=found), clips[1]]))
    assert worse.losses == pytest.approx(100 / len(clips[0]))
    assert worse.mirror > 0.02
    assert worse.shake > behaviour(seen[:1]).shake + 0.02


def test_pairs_are_counted_without_their_mirror_images(
    body: Body, calibration: LandmarkCalibration, tmp_path: Path
) -> None:
    clip = exact_clip(0, body, calibration)
    save_shard(tmp_path / "pairs" / "train" / "pairs_0_00000.npz", [clip, in_the_mirror(clip)])
    line = pairs_table(tmp_path).splitlines()[1].split()
    assert line[:3] == ["train", "1", str(len(clip))]


KINDS = {
    "chair": "sitting on a chair",
    "floor, legs ahead": "sitting on the floor",
    "cross-legged": "cross-legged",
    "kneeling": "kneeling",
    "on one knee": "kneeling",
    "deep squat": "crouching",
    "on the back": "lying",
    "on the belly": "lying",
    "handstand": "upside-down",
    "standing on one leg, knee up": "one leg up",
}


@pytest.mark.parametrize(("posture", "kind"), KINDS.items())
def test_postures_are_of_their_kind(body: Body, posture: str, kind: str) -> None:
    acted = performance(0, body, 8)
    (chosen,) = (one for one in POSTURES if one.name == posture)
    shares: list[Floats] = []
    for seed in range(12):
        rotations = taken(np.random.default_rng(seed), chosen, acted.rotations, acted.seconds)
        joints = body.joints(rotations, np.zeros(10), np.zeros(3))
        joints[..., [16, 17, 18, 19, 20, 21, 22, 23], 2] += 1e3 * ("upside" not in kind)
        shares.append(pose_kinds(joints)[kind])
    assert np.mean(shares) > 0.6
    standing = body.joints(acted.rotations, np.zeros(10), acted.pelvis)
    assert not pose_kinds(standing)[kind].any()


def test_what_is_seen_right_follows_the_truth_and_what_is_stuck_does_not(
    body: Body, calibration: LandmarkCalibration
) -> None:
    clips = [exact_clip(seed, body, calibration) for seed in range(8)]
    exact = measure_shares(build_bank(clips, body, calibration))
    assert exact["plane"][0, 0] == pytest.approx(1.0, abs=0.01)
    assert np.isnan(exact["plane"][0, -1])  # nothing is seen so wrong
    stuck = []
    for clip in clips:
        keypoints = clip.keypoints.copy()
        pelvis = project(clip.joints_cam[:, :1].astype(float), clip.intrinsics)
        height = float(body.stature(clip.betas)) * clip.intrinsics[1] / clip.joints_cam[:, 0, 2]
        keypoints[:, 13:17, :2] = pelvis + height[:, None, None] * np.array([0.9, 0.0])
        stuck.append(replace(clip, keypoints=keypoints))
    shares = measure_shares(build_bank(stuck, body, calibration))
    assert abs(shares["plane"][0, -1]) < 0.05
