"""Pair clips become batches in the person camera; what is withheld is marked, the truth stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fhmr_blender.core.camera import person_camera
from fhmr_blender.core.person_view import network_inputs, pelvis_cam
from fhmr_blender.core.skeleton import LIMB_LANDMARKS
from tests.training import tiny
from tests.training.synthetic_pairs import exact_clip
from training.data.windows import (
    draw_windows,
    plain_batch,
    store_clips,
    training_batch,
    whole_clips,
)
from training.losses import pelvis_person


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_batch_holds_what_the_pipeline_would_see() -> None:
    clip = exact_clip(1, tiny.body(), tiny.calibration())
    batch = plain_batch(tiny.store(), whole_clips(tiny.store(), 16))
    inputs, camera = network_inputs(
        seconds=clip.seconds,
        intrinsics=clip.intrinsics,
        region=clip.region,
        keypoints=clip.keypoints,
        keypoints_world=clip.keypoints_world,
        image_feature=clip.image_feature,
        R_world_from_cam=clip.R_world_from_cam,
    )
    for name in ("landmarks", "landmarks_world", "box", "camera_motion", "given", "seconds"):
        found = getattr(batch.observed, name)[1].numpy()
        assert np.allclose(found, getattr(inputs, name), atol=1e-4), name  # float32 pixels
    pelvis = pelvis_cam(batch.truth.translation[1].numpy().astype(float), camera)
    assert np.allclose(pelvis, clip.joints_cam[:, 0], atol=1e-4)


def test_the_truth_s_landmarks_project_onto_the_observed_rays_whatever_the_region() -> None:
    chosen = whole_clips(tiny.store(), 16)
    shaken = tiny.augmentation(region=0.1)
    for batch in (
        plain_batch(tiny.store(), chosen),
        training_batch(tiny.store(), chosen, shaken, rng()),
    ):
        points = batch.truth.landmarks
        rays = points[..., :2] / points[..., 2:] / batch.truth.half_size[..., None, None]
        assert torch.allclose(rays, batch.observed.landmarks[..., :2], atol=2e-3)
    plain = plain_batch(tiny.store(), chosen)
    assert not torch.allclose(plain.observed.box, batch.observed.box, atol=1e-3)


def test_translation_is_read_as_the_pipeline_reads_it() -> None:
    clip = exact_clip(2, tiny.body(), tiny.calibration())
    batch = plain_batch(tiny.store(), whole_clips(tiny.store(), 16)[2:3])
    camera = person_camera(clip.region, clip.intrinsics)
    person = pelvis_person(batch.truth.translation, batch.truth.half_size)[0].numpy()
    found = np.einsum("tij,tj->ti", camera.R_cam_from_person, person)
    assert np.allclose(found, clip.joints_cam[:, 0], atol=1e-3)


def test_the_root_moves_as_it_moves_in_the_world() -> None:
    # The swaying body walks at 0.3 m/s along world x, whatever the camera does.
    speed = np.linalg.norm(tiny.store().velocity, axis=-1)
    assert tiny.store().velocity_known.all()
    assert np.allclose(speed, 0.3, atol=1e-3)


def test_gravity_points_down_in_the_world() -> None:
    batch = plain_batch(tiny.store(), whole_clips(tiny.store(), 16))
    down = torch.einsum("btij,btj->bti", batch.truth.R_world_from_person, batch.truth.gravity)
    assert torch.allclose(down, torch.tensor([0.0, 0.0, -1.0]).expand_as(down), atol=1e-5)


def test_windows_stay_inside_their_clip_and_move_forward_in_time() -> None:
    store = tiny.store()
    lengths = set()
    for seed in range(60):
        windows = draw_windows(store, tiny.augmentation(single_frames=0.3), 64, rng(seed))
        lengths.add(windows.shape[1])
        assert windows.size <= 64
        clip = np.searchsorted(store.starts, windows, side="right")
        assert (clip == clip[:, :1]).all()
        assert (np.diff(windows, axis=1) > 0).all()
    assert 1 in lengths and max(lengths) > 10


def test_the_first_frame_of_a_window_has_no_camera_motion() -> None:
    windows = whole_clips(tiny.store(), 16)[:, 4:9]
    batch = plain_batch(tiny.store(), windows)
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    assert (batch.observed.given[:, 0, 4] == 0).all()
    assert (batch.observed.given[:, 1:, 4] == 1).all()
    assert torch.equal(batch.observed.camera_motion[:, 0], identity.expand(4, 6))


@pytest.mark.parametrize(
    ("share", "column"), [("depth", 1), ("world", 2), ("feature", 3), ("motion", 4)]
)
def test_a_group_is_withheld_over_whole_windows(share: str, column: int) -> None:
    chosen = np.repeat(whole_clips(tiny.store(), 16), 25, axis=0)
    batch = training_batch(tiny.store(), chosen, tiny.augmentation(**{share: 0.5}), rng())
    given = batch.observed.given[:, 1:, column]
    assert (given == given[:, :1]).all()
    assert 0.3 < float(given.mean()) < 0.7
    others = [place for place in (1, 2, 3, 4) if place != column]
    assert (batch.observed.given[:, 1:, others] == 1).all()


def test_whole_limbs_vanish_over_spans_of_frames() -> None:
    chosen = np.repeat(whole_clips(tiny.store(), 16), 20, axis=0)
    batch = training_batch(tiny.store(), chosen, tiny.augmentation(limb_clips=1.0), rng())
    given = batch.observed.landmark_given.numpy()
    assert (given.min(axis=(1, 2)) == 0).all()
    for landmarks in LIMB_LANDMARKS.values():
        limb = given[..., list(landmarks)]
        assert (limb == limb[..., :1]).all()
        assert (np.abs(np.diff(limb[..., 0], axis=1)).sum(axis=1) <= 6).all()  # 3 spans at most
    assert (given[..., [11, 12, 23, 24]] == 1).all()


def test_a_frame_without_a_person_is_withheld() -> None:
    clip = exact_clip(0, tiny.body(), tiny.calibration())
    found = clip.found.copy()
    found[3] = False
    store = store_clips([replace(clip, found=found)], tiny.body(), tiny.calibration())
    batch = plain_batch(store, whole_clips(store, 16))
    assert batch.observed.given[0, :, 0].tolist() == [float(frame != 3) for frame in range(16)]
