"""Takes that earlier versions have saved are brought up to date."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import saved_state
from fhmr_blender.core.body import Body
from fhmr_blender.core.skeleton import JOINT_NAMES, LIMBS
from fhmr_blender.pipeline.variations import drawn_limbs
from tests.blender.posed import LEFT_ARM, moved, pose, use_made_networks

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("schema", range(len(saved_state.MIGRATIONS)))
def test_a_take_of_an_older_version_is_migrated_and_worked_on(
    scene: bpy.types.Scene, body: Body, schema: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_made_networks(monkeypatch)
    bpy.ops.wm.open_mainfile(filepath=str(DATA / f"take_schema_{schema}.blend"))
    rig = bpy.data.objects["walk_person1"]
    bpy.context.view_layer.objects.active = rig
    take = rig.fhmr_take
    assert take.schema == len(saved_state.MIGRATIONS)
    assert bpy.data.objects["walk_camera"].fhmr_take.schema == len(saved_state.MIGRATIONS)
    assert take.revision
    assert (take.seed, take.guidance) == (5, 1.5)
    assert (take.hand.drawn_seed, take.hand.drawn_guidance) == (5, 1.5)
    assert take.hand.body == "neutral"
    assert drawn_limbs(saved_state.load(rig)[0]) == ("left_arm",)
    before = pose(rig)
    assert len(take.hand.variations) == 8
    assert bpy.ops.fhmr.variation_next() == {"FINISHED"}
    assert moved(before, pose(rig)) == LEFT_ARM
    assert bpy.ops.fhmr.reset(what="ALL") == {"FINISHED"}
    assert moved(before, pose(rig)) == LEFT_ARM
    assert tuple(take.limbs) == (False, True, False, False, False)
    before = pose(rig)
    take.guidance = 2.0
    assert moved(before, pose(rig)) == {JOINT_NAMES[joint] for joint in LIMBS["left_arm"]}
    assert bpy.ops.fhmr.variation_next() == {"FINISHED"}
    assert np.isfinite(saved_state.load(rig)[1].motion_world.rotations).all()


def test_damaged_old_data_do_not_keep_the_file_from_opening(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(DATA / "take_schema_0.blend"))
    take = bpy.data.objects["walk_person1"].fhmr_take
    take.data, take.schema = b"PK\x03\x04 cut", 0
    path = str(tmp_path / "damaged.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    rig = bpy.data.objects["walk_person1"]
    bpy.context.view_layer.objects.active = rig
    rig.fhmr_take.limbs = (True,) * 5
    with pytest.raises(RuntimeError, match="estimate the footage again"):
        bpy.ops.fhmr.resample()
