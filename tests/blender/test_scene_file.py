"""A .blend written without a window."""

from pathlib import Path

import bpy
import numpy as np
import pytest

import fhmr_blender
from fhmr_blender.blender import saved_state, scene_file
from fhmr_blender.core import shot_file
from fhmr_blender.core.body import Body
from fhmr_blender.errors import FhmrError
from tests.blender.made_shots import made_shot

PICTURE = Path(__file__).parents[1] / "data" / "skimage_astronaut.jpg"


@pytest.mark.parametrize("frames", [1, 5])
def test_it_opens_as_estimate_would_have_left_it(body: Body, tmp_path: Path, frames: int) -> None:
    shot = made_shot(body, frames=frames, people=2)
    path = tmp_path / "walk.blend"
    scene_file.write_blend(shot, PICTURE, path)
    assert not hasattr(bpy.types.Scene, "fhmr")
    assert [item.name for item in tmp_path.iterdir()] == ["walk.blend"]
    fhmr_blender.register()
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path))
        scene = bpy.context.scene
        assert scene.camera.name == "walk_camera"
        assert (scene.render.resolution_x, scene.render.resolution_y) == shot.size
        assert Path(scene.camera.data.background_images[0].image.filepath).name == PICTURE.name
        rig = bpy.data.objects["walk_person2"]
        _, person = saved_state.load(rig)
        np.testing.assert_allclose(
            person.motion_world.transl, shot.people[1].motion_world.transl, atol=1e-6
        )
        assert (rig.animation_data is not None) == (frames > 1)
        if frames > 1:
            assert scene.render.fps / scene.render.fps_base == pytest.approx(shot.fps)
            assert (scene.frame_start, scene.frame_end) == (1, frames)
    finally:
        fhmr_blender.unregister()


def test_it_needs_no_footage(body: Body, tmp_path: Path) -> None:
    path = tmp_path / "walk.blend"
    scene_file.write_blend(made_shot(body), None, path)
    assert path.stat().st_size > 1000


def test_where_nothing_can_be_written_it_says_so(body: Body, tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match=r"walk\.blend cannot be written"):
        scene_file.write_blend(made_shot(body), None, tmp_path / "missing" / "walk.blend")


def test_the_entry_of_a_blender_started_for_it(body: Body, tmp_path: Path) -> None:
    shot_path, blend_path = tmp_path / "shot.npz", tmp_path / "walk.blend"
    shot_file.write(shot_path, made_shot(body))
    assert scene_file.main(str(shot_path), "", str(blend_path)) == 0
    assert blend_path.is_file()
    assert scene_file.main(str(tmp_path / "none.npz"), "", str(blend_path)) == 2
