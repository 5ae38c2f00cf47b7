"""Footage in the panel: sequences, clips, files dropped in, the scene's own camera."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import footage_view, scene_camera, shot_scene
from fhmr_blender.core.body import Body
from fhmr_blender.errors import FhmrError
from tests.blender.made_shots import made_shot

PICTURE = Path(__file__).parents[1] / "data" / "skimage_astronaut.jpg"


def _sequence(folder: Path, first: int = 7, count: int = 4) -> list[Path]:
    """Numbered pictures, each darker than the one before."""
    paths = []
    for number in range(first, first + count):
        image = bpy.data.images.new("made", 96, 64)
        grey = 1.0 - 0.1 * (number - first)
        image.pixels = [grey, grey, grey, 1.0] * (96 * 64)
        image.filepath_raw = str(folder / f"shot_{number:04d}.png")
        image.file_format = "PNG"
        image.save()
        bpy.data.images.remove(image)
        paths.append(folder / f"shot_{number:04d}.png")
    return paths


def test_a_numbered_picture_can_be_a_sequence(scene: bpy.types.Scene, tmp_path: Path) -> None:
    paths = _sequence(tmp_path)
    settings = scene.fhmr
    settings.filepath = str(paths[1])
    assert not settings.problem
    assert (settings.numbered, settings.frame_count) == (True, 1)
    settings.sequence = True
    settings.sequence_fps = 12.0
    assert not settings.problem
    assert (settings.frame_count, settings.end, settings.fps) == (4, 4, 12.0)
    footage = footage_view.source_of(settings).open()
    assert [footage.frame(index).max() for index in (0, 3)] == [255, 179]
    settings.filepath = str(PICTURE)  # another file is what it looks like
    assert (settings.sequence, settings.numbered, settings.frame_count) == (False, False, 1)


def test_a_gap_in_a_sequence_is_named(scene: bpy.types.Scene, tmp_path: Path) -> None:
    paths = _sequence(tmp_path)
    paths[2].unlink()
    scene.fhmr.filepath = str(paths[0])
    scene.fhmr.sequence = True
    assert "0009" in scene.fhmr.problem or "9" in scene.fhmr.problem
    assert not scene.fhmr.probed


def test_a_sequence_lies_behind_the_camera_in_step(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    _sequence(tmp_path)
    shot = made_shot(body, frames=4, size=(96, 64))
    made = shot_scene.build(scene, shot, tmp_path / "shot_####.png", {1: body})
    background = made.camera.data.background_images[0]
    assert background.image.source == "SEQUENCE"
    user = background.image_user
    # Blender shows the file numbered: scene frame - start + 1 + offset.
    assert (user.frame_start, user.frame_offset, user.frame_duration) == (1, 6, 4)


@pytest.mark.parametrize("unit", [1.0, 0.01])
@pytest.mark.parametrize("resolution", [(640, 480), (1920, 600), (500, 1400)])
def test_the_scenes_camera_films_as_blender_sees(
    scene: bpy.types.Scene, body: Body, unit: float, resolution: tuple[int, int]
) -> None:
    scene.unit_settings.scale_length = unit
    scene.render.resolution_x, scene.render.resolution_y = resolution
    shot = made_shot(body, frames=5)
    camera = shot_scene.build(scene, shot, None, {1: body}).camera
    scene.frame_set(3)
    known = scene_camera.as_it_films(camera, np.array([0, 2, 4]), shot.size, scene)
    assert known.intrinsics is not None
    np.testing.assert_allclose(known.T_world_from_cam, shot.T_world_from_cam[::2], atol=1e-5)
    np.testing.assert_allclose(known.intrinsics, shot.intrinsics[::2], atol=0.05)
    assert scene.frame_current == 3
    picture = scene_camera.as_it_films(camera, np.array([0]), shot.size, scene)
    np.testing.assert_allclose(picture.T_world_from_cam[0], shot.T_world_from_cam[2], atol=1e-5)


def test_a_camera_without_perspective_is_refused(scene: bpy.types.Scene, body: Body) -> None:
    shot = made_shot(body, frames=2)
    camera = shot_scene.build(scene, shot, None, {1: body}).camera
    camera.data.type = "ORTHO"
    with pytest.raises(FhmrError, match="no perspective"):
        scene_camera.as_it_films(camera, np.array([0]), shot.size, scene)


def test_the_active_movie_clip_is_taken(scene: bpy.types.Scene, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Open a movie clip"):
        bpy.ops.fhmr.use_clip()
    paths = _sequence(tmp_path)
    scene.active_clip = bpy.data.movieclips.load(str(paths[0]))
    assert scene.active_clip.source == "SEQUENCE"
    assert bpy.ops.fhmr.use_clip() == {"FINISHED"}
    assert scene.fhmr.frame_count == 4


def test_a_dropped_file_is_the_footage(scene: bpy.types.Scene, tmp_path: Path) -> None:
    assert bpy.ops.fhmr.take_footage(filepath=str(PICTURE)) == {"FINISHED"}
    assert scene.fhmr.filepath == str(PICTURE)
    endings = bpy.types.FHMR_FH_footage.bl_file_extensions.split(";")
    assert {".mp4", ".mov", ".png", ".jpg"} <= set(endings)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(RuntimeError, match=r"broken\.png"):
        bpy.ops.fhmr.take_footage(filepath=str(tmp_path / "broken.png"))


def test_a_scene_without_a_camera_is_told_so(scene: bpy.types.Scene) -> None:
    scene.fhmr.filepath = str(PICTURE)
    scene.fhmr.camera = "scene"
    with pytest.raises(RuntimeError, match="The scene has no camera"):
        bpy.ops.fhmr.estimate()
