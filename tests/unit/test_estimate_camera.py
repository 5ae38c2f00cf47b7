"""A whole estimate before a camera that turns, and one that is given."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.camera import project, rays_cam
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.rotations import geodesic_angle, rotation_about
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.camera_file import KnownCamera
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.footage import Footage, MovieWriter
from fhmr_blender.pipeline.weights import Networks, load_networks

PICTURE = Path(__file__).parents[1] / "data" / "tfjs_pose.jpg"
COUNT, STEP = 6, 0.8  # frames, degrees from one to the next
FOCAL = 900.0


@functools.cache
def shipped() -> Networks:
    return load_networks()


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The picture as a camera sees it that pans to the left."""
    picture = Footage(PICTURE).frame(0)
    height, width = picture.shape[:2]
    lens = np.array([FOCAL, FOCAL, width / 2, height / 2])
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    rays = rays_cam(np.stack((columns.ravel(), rows.ravel()), axis=-1), lens)
    path = tmp_path_factory.mktemp("pan") / "pan.mp4"
    with MovieWriter(path, 10.0) as writer:
        for frame in range(COUNT):
            turned = rays @ rotation_about(1, -np.radians(STEP * frame)).T
            x, y = project(turned[None], lens)[0].T
            column = np.clip(x, 0, width - 1).astype(int)
            row = np.clip(y, 0, height - 1).astype(int)
            writer.write(picture[row, column].reshape(picture.shape))
    return path


def estimated(movie: Path, **wanted: object) -> Shot:
    settings = EstimateSettings(people=1, hypotheses=2, steps=1, **wanted)  # type: ignore[arg-type]
    return estimate(Footage(movie), shipped(), settings, silent)


def test_a_camera_that_pans_is_followed(movie: Path) -> None:
    shot = estimated(movie, camera="moving", focal=FOCAL)
    turns = shot.T_world_from_cam[:, :3, :3]
    angle = np.degrees(geodesic_angle(np.broadcast_to(turns[0], turns.shape), turns))
    np.testing.assert_allclose(angle, STEP * np.arange(COUNT), atol=0.1)
    axis = turns[-1] @ turns[0].T - turns[0] @ turns[-1].T
    assert axis[1, 0] > 0  # to the left about the world's up
    assert not shot.settings["camera_notes"]
    assert shot.settings["camera_motion"] == {"given": False, "walks": False}


def test_a_camera_that_should_rest_and_pans_is_told_of(movie: Path) -> None:
    shot = estimated(movie)
    assert "seems to move" in shot.settings["camera_notes"][0]
    assert np.all(shot.T_world_from_cam == shot.T_world_from_cam[0])


def test_a_given_camera_is_taken_as_it_is(movie: Path) -> None:
    poses = np.tile(np.eye(4), (COUNT, 1, 1))
    level = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    poses[:, :3, :3] = rotation_about(2, np.linspace(0.0, 0.1, COUNT)) @ level
    poses[:, :3, 3] = [4.0, -2.0, 1.6]
    lens = np.tile([1500.0, 1500.0, 400.0, 300.0], (COUNT, 1))
    known = KnownCamera(np.arange(COUNT), poses, lens)
    shot = estimated(movie, camera="scene", scene_camera=known)
    np.testing.assert_allclose(shot.T_world_from_cam, poses)
    np.testing.assert_allclose(shot.intrinsics, lens)
    assert shot.settings["lens"] == "from the camera"
    typed = estimated(movie, camera="scene", scene_camera=known, focal=900.0)
    np.testing.assert_allclose(typed.intrinsics[:, 0], 900.0)  # what is typed counts more
