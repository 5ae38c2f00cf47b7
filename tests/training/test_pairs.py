"""Pairs come back with their seed, shards survive the disk, finished work is not done again."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import MIRRORED_JOINTS, MIRRORED_LANDMARKS
from fhmr_blender.pipeline.weights import Networks
from tests.training.synthetic_pairs import exact_clip, performance, swaying
from training.data.calibration import template_calibration
from training.data.pairs import (
    MIRRORED_PICTURE,
    ShardTask,
    Studio,
    make_shard,
    missing_shards,
    plan,
)
from training.data.performances import mirrored, turned
from training.data.repertoire import Repertoire
from training.data.sample import PairClip, load_shard, load_shards, save_shard


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("neutral")


def _landmarker(inputs: dict[str, Floats]) -> dict[str, Floats]:
    """Landmarks over the middle of the crop, shifted by how bright the crop is."""
    columns, rows = np.meshgrid(np.linspace(90, 166, 3), np.linspace(40, 216, 13))
    raw = np.zeros((39, 5), dtype=np.float32)
    raw[:, 0], raw[:, 1] = columns.ravel(), rows.ravel()
    raw[:, :2] += inputs["image"].mean()
    raw[:, 3:] = 3.0
    raw[33], raw[34] = (128, 128, 0, 0, 0), (128, 26, 0, 0, 0)
    return {
        "landmarks": raw.reshape(1, -1),
        "heatmap": np.full((1, 39, 64, 64), -10.0, dtype=np.float32),
        "world": np.zeros((1, 117), dtype=np.float32),
        "feature": np.full((1, 2, 2, 288), inputs["image"].mean(), dtype=np.float32),
        "seg_logits": np.ones((1, 1, 256, 256), dtype=np.float32),
        "poseflag": np.ones((1, 1), dtype=np.float32),
    }


def _blind(inputs: dict[str, Floats]) -> dict[str, Floats]:
    return {
        "boxes": np.zeros((1, 2254, 12), dtype=np.float32),
        "logits": np.full((1, 2254, 1), -100.0, dtype=np.float32),
    }


@pytest.fixture(scope="module")
def studio(body: Body) -> Studio:
    networks = Networks(
        landmarker=_landmarker,
        detector=_blind,
        person_detector=_blind,
        anchor=_blind,
        completion=_blind,
        constants={},
        checksums={},
    )
    recordings = [swaying(0), swaying(1), swaying(2, "val")]
    return Studio(recordings, body, networks)


def assert_same(first: PairClip, second: PairClip) -> None:
    for item in fields(PairClip):
        np.testing.assert_array_equal(getattr(first, item.name), getattr(second, item.name))


def test_a_shard_gives_its_clips_back(tmp_path: Path, body: Body):
    calibration = template_calibration(body)
    clips = [exact_clip(seed, body, calibration, count) for seed, count in enumerate((3, 16, 1))]
    clips[1] = replace(clips[1], name="zweiter Ort äß", source="somewhere")
    save_shard(tmp_path / "pairs_0_00000.npz", clips)
    for clip, again in zip(clips, load_shard(tmp_path / "pairs_0_00000.npz"), strict=True):
        assert_same(clip, again)
        assert again.image_feature.dtype == np.float16


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    path = tmp_path / "pairs_0_00000.npz"
    np.savez(path, header=np.frombuffer(b'{"format": "other"}', dtype=np.uint8))
    with pytest.raises(ValueError, match="not a shard"):
        load_shard(path)


def test_the_same_task_gives_the_same_bytes(tmp_path: Path, studio: Studio):
    task = ShardTask(split="train", index=0, seed=5, clips=2, length=4)
    make_shard(task, studio, tmp_path / "first")
    make_shard(task, studio, tmp_path / "second")
    first = task.path(tmp_path / "first").read_bytes()
    assert first == task.path(tmp_path / "second").read_bytes()
    make_shard(replace(task, seed=6), studio, tmp_path / "first")
    other = replace(task, seed=6).path(tmp_path / "first").read_bytes()
    assert first != other


def test_finished_shards_are_not_made_again(tmp_path: Path, studio: Studio):
    tasks = [ShardTask("train", index, 0, clips=1, length=2) for index in range(3)]
    assert missing_shards(tasks, tmp_path) == tuple(tasks)
    make_shard(tasks[1], studio, tmp_path)
    assert missing_shards(tasks, tmp_path) == (tasks[0], tasks[2])
    assert len(load_shards(tmp_path / "pairs", "train")) == 2  # one clip and its mirror image


def test_the_plan_holds_the_frames_and_some_of_every_split():
    tasks = plan(6400, seed=0)
    frames = dict.fromkeys(("train", "val", "test", "hdm05"), 0)
    for task in tasks:
        frames[task.split] += task.clips * task.length
    assert 6400 <= frames["train"] < 6400 + 320
    assert min(frames.values()) >= 640
    assert len(set(tasks)) == len(tasks)
    assert plan(9600, seed=0)[: len(tasks)] == tasks  # more frames only add shards


def test_truth_is_consistent_in_camera_coordinates(body: Body, studio: Studio):
    clip, _ = studio.clips("train", np.random.default_rng(3), 6)
    joints = body.joints(
        matrix_from_axis_angle(clip.poses.astype(float)), clip.betas, clip.transl_cam
    )
    np.testing.assert_allclose(joints, clip.joints_cam, atol=1e-4)  # float32 metres
    pelvis_world = clip.camera_position + np.einsum(
        "tij,tj->ti", clip.R_world_from_cam, clip.joints_cam[:, 0]
    )
    np.testing.assert_allclose(np.diff(pelvis_world[:, 2]), 0, atol=1e-4)  # it sways at one height
    assert (np.diff(clip.seconds) > 0).all()
    assert clip.seconds[0] == 0
    pixels = project(clip.joints_cam, clip.intrinsics)
    inside = clip.visible[:, 24]
    assert ((pixels[inside, 2] > -8) & (pixels[inside, 2] < clip.size + 8)).all()


def test_a_mirrored_body_has_its_sides_exchanged(body: Body):
    acted = performance(4, body)
    reflected = mirrored(acted)
    rest = np.zeros(10)
    joints = body.joints(acted.rotations, rest, acted.pelvis)
    other = body.joints(reflected.rotations, rest, reflected.pelvis)
    swapped = joints[:, [0, 2, 1]] * np.array([-1.0, 1.0, 1.0])
    # Left and right of the mesh differ by rounding.
    np.testing.assert_allclose(other[:, [0, 1, 2]], swapped, atol=2e-3)


def test_turning_keeps_the_vertical(body: Body):
    acted = performance(4, body)
    round_about = turned(acted, 1.0)
    np.testing.assert_allclose(round_about.pelvis[:, 2], acted.pelvis[:, 2])
    joints = body.joints(acted.rotations, np.zeros(10), acted.pelvis)
    other = body.joints(round_about.rotations, np.zeros(10), round_about.pelvis)
    height, other_height = joints[..., 2] - joints[:, :1, 2], other[..., 2] - other[:, :1, 2]
    np.testing.assert_allclose(height, other_height, atol=1e-9)


def test_rare_poses_are_drawn_more_often_than_they_were_recorded(body: Body):
    """One recording in 40 lies down; it is drawn far more often than once in 40."""
    lying = swaying(99)
    poses = lying.poses.copy()
    poses[:, 0] = 0.0  # on its back: the body's y along the world's y
    recordings = [swaying(seed) for seed in range(39)] + [replace(lying, poses=poses)]
    repertoire = Repertoire(recordings, body.rest_joints(np.zeros(10)))
    rng = np.random.default_rng(0)
    drawn = [repertoire.draw(rng, 4, exchange=0.0).name for _ in range(2000)]
    assert np.mean([name.startswith("swaying99") for name in drawn]) > 1.5 / 40


def test_the_mirror_shows_the_same_scene_from_the_other_side(studio: Studio):
    clip, reflected = studio.clips("train", np.random.default_rng(8), 4)
    pixels = project(clip.joints_cam, clip.intrinsics)
    swapped = project(reflected.joints_cam, reflected.intrinsics)[:, list(MIRRORED_JOINTS)]
    swapped[..., 0] = clip.size[0] - swapped[..., 0]
    # Left and right of the mesh differ by rounding.
    np.testing.assert_allclose(swapped, pixels, atol=2.0)
    boxes = reflected.bbox[:, [2, 1, 0, 3]]
    np.testing.assert_allclose(clip.size[0] - boxes[:, [0, 2]], clip.bbox[:, [0, 2]], atol=1e-3)
    visible = reflected.visible[:, list(MIRRORED_LANDMARKS)]
    np.testing.assert_array_equal(visible, clip.visible)
    assert reflected.name == clip.name + MIRRORED_PICTURE
    assert not np.array_equal(reflected.keypoints, clip.keypoints)
