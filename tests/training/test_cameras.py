"""Random cameras see the person, within their ranges, and come back with their seed."""

import numpy as np
import pytest

from training.data.cameras import (
    FIELD_OF_VIEW_RANGE,
    ROLL_MAX,
    SIZES,
    CameraPath,
    random_camera_path,
)

STATURE = 1.7
PELVIS = np.stack((np.linspace(0, 1, 16), np.zeros(16), np.full(16, 0.95)), axis=1)
SECONDS = np.arange(16) / 15


def draw(seed: int) -> CameraPath:
    return random_camera_path(np.random.default_rng(seed), PELVIS, STATURE, SECONDS)


@pytest.fixture(scope="module")
def paths() -> list[CameraPath]:
    return [draw(seed) for seed in range(300)]


def pelvis_pixels(path: CameraPath) -> np.ndarray:
    pelvis = path.to_cam(PELVIS[:, None])[:, 0]
    assert (pelvis[:, 2] > 0.5).all()
    return pelvis[:, :2] / pelvis[:, 2:] * path.intrinsics[:2] + path.intrinsics[2:]


def test_the_person_is_in_front_and_mostly_near_the_picture(paths: list[CameraPath]):
    for path in paths:
        beyond = np.abs(pelvis_pixels(path) / np.array(path.size) - 0.5).max(axis=1)
        assert (beyond < 0.55).mean() > 0.7


def test_axes_are_rotations(paths: list[CameraPath]):
    for path in paths:
        product = path.R_world_from_cam @ np.swapaxes(path.R_world_from_cam, 1, 2)
        np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), (16, 3, 3)), atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(path.R_world_from_cam), 1.0, atol=1e-9)


def test_half_of_the_views_are_level_and_tilts_reach_far_both_ways(paths: list[CameraPath]):
    down = np.array([-path.R_world_from_cam[0, 2, 2] for path in paths])
    pitch = np.degrees(np.arcsin(np.clip(down, -1, 1)))
    assert 0.45 < (np.abs(pitch) < 22).mean() < 0.85
    assert pitch.min() < -35
    assert pitch.max() > 50


def test_level_views_stand_upright(paths: list[CameraPath]):
    """The world's up points up in the picture, within the rolls that may be drawn."""
    for path in paths:
        up = path.R_world_from_cam[0].T @ np.array([0.0, 0.0, 1.0])
        if abs(up[2]) < 0.5:
            roll = np.degrees(np.arctan2(up[0], -up[1]))
            assert abs(roll) < ROLL_MAX + 25  # aiming off the centre and shaking add to it


def test_lenses_and_sizes_stay_in_range(paths: list[CameraPath]):
    for path in paths:
        assert path.size in SIZES
        view = np.degrees(2 * np.arctan(max(path.size) / 2 / path.intrinsics[0]))
        assert FIELD_OF_VIEW_RANGE[0] - 1e-6 <= view <= FIELD_OF_VIEW_RANGE[1] + 1e-6


def test_some_cameras_stand_still_and_some_move(paths: list[CameraPath]):
    still = [
        np.allclose(path.R_world_from_cam, path.R_world_from_cam[:1])
        and np.allclose(path.position, path.position[:1])
        for path in paths
    ]
    assert 0.4 < np.mean(still) < 0.75


def test_persons_are_small_and_large_whole_and_cut(paths: list[CameraPath]):
    heights = np.array(
        [STATURE * p.intrinsics[1] / p.to_cam(PELVIS[:, None])[8, 0, 2] for p in paths]
    )
    assert (heights < 100).mean() > 0.05
    assert (heights > 250).mean() > 0.1
    cut = [height > path.size[1] for height, path in zip(heights, paths, strict=True)]
    assert 0.05 < np.mean(cut) < 0.35


def test_the_same_seed_gives_the_same_camera():
    first, second = draw(7), draw(7)
    assert first.size == second.size
    np.testing.assert_array_equal(first.R_world_from_cam, second.R_world_from_cam)
    np.testing.assert_array_equal(first.position, second.position)
    assert not np.array_equal(first.position, draw(8).position)
