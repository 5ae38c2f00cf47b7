"""Resample Limbs, with networks of three lines in place of the trained ones."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import models, saved_state, shot_scene, takes
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.skeleton import JOINT_INDEX, JOINT_NAMES, LIMBS
from fhmr_blender.pipeline import resample as door
from tests.unit import sitter

LEFT_ARM = [JOINT_NAMES[joint] for joint in LIMBS["left_arm"]]


@pytest.fixture(autouse=True)
def made_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extension works with networks made in code."""
    monkeypatch.setattr(models, "networks", lambda choices: sitter.networks())


def _build(scene: bpy.types.Scene, shot: Shot, body: Body) -> bpy.types.Object:
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    bpy.context.view_layer.objects.active = made.rigs[0]
    take = made.rigs[0].fhmr_take
    take.limbs = (False, True, False, False, False)
    take.seed = 5
    return made.rigs[0]


def _pose(rig: bpy.types.Object) -> dict[str, Floats]:
    pose = {bone.name: np.array(bone.rotation_quaternion) for bone in rig.pose.bones}
    return pose | {"location": np.array(rig.pose.bones["pelvis"].location)}


def _moved(before: dict[str, Floats], after: dict[str, Floats]) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_only_the_listed_limb_moves(scene: bpy.types.Scene, body: Body) -> None:
    rig = _build(scene, sitter.shot(1), body)
    before = _pose(rig)
    assert bpy.ops.fhmr.resample() == {"FINISHED"}
    assert _moved(before, _pose(rig)) == set(LEFT_ARM)


def test_it_works_after_saving_and_reopening_without_the_footage(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    rig = _build(scene, sitter.shot(1), body)
    name = rig.name
    path = str(tmp_path / "walk.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.fhmr.resample()
    at_once = _pose(rig)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    rig = bpy.data.objects[name]
    bpy.context.view_layer.objects.active = rig
    before = _pose(rig)
    assert bpy.ops.fhmr.resample() == {"FINISHED"}
    assert _moved(before, _pose(rig)) == set(LEFT_ARM)
    assert not _moved(at_once, _pose(rig))
    bpy.ops.fhmr.bake()
    assert len(rig.animation_data.action.layers) == 1


def test_it_is_what_the_pipeline_says(scene: bpy.types.Scene, body: Body) -> None:
    shot = sitter.shot(1)
    rig = _build(scene, shot, body)
    bpy.ops.fhmr.resample()
    settings = door.ResampleSettings(limbs=("left_arm",), seed=5)
    expected = door.resample(shot, sitter.networks(), settings, lambda fraction, message: None)
    _, person = saved_state.load(rig)
    np.testing.assert_array_equal(
        person.motion_world.rotations, expected.people[0].motion_world.rotations
    )


def test_only_the_frames_of_the_range_and_their_keys_change(
    scene: bpy.types.Scene, body: Body
) -> None:
    shot = sitter.shot(6)
    rig = _build(scene, shot, body)
    take = rig.fhmr_take
    take.scope, take.start, take.end = "RANGE", 3, 4
    take.clean_up.smoothing, take.clean_up.feet = 0.0, "off"
    poses = {}
    for frame in range(1, 7):
        scene.frame_set(frame)
        poses[frame] = _pose(rig)
    assert bpy.ops.fhmr.resample() == {"FINISHED"}
    for frame in range(1, 7):
        scene.frame_set(frame)
        expected = set(LEFT_ARM) if frame in (3, 4) else set()
        moved = {
            name
            for name in poses[frame]
            if not np.allclose(poses[frame][name], _pose(rig)[name], atol=1e-6)
        }
        assert moved == expected
    _, person = saved_state.load(rig)
    estimated = shot.people[0].motion_world.rotations
    elbow = JOINT_INDEX["left_elbow"]
    np.testing.assert_array_equal(
        person.motion_world.rotations[[0, 1, 4, 5], elbow], estimated[[0, 1, 4, 5], elbow]
    )


def test_reset_takes_a_resample_back(scene: bpy.types.Scene, body: Body) -> None:
    rig = _build(scene, sitter.shot(1), body)
    before = _pose(rig)
    bpy.ops.fhmr.resample()
    assert bpy.ops.fhmr.reset() == {"FINISHED"}
    assert not _moved(before, _pose(rig))


def test_one_undo_takes_a_resample_back(scene: bpy.types.Scene, body: Body) -> None:
    rig = _build(scene, sitter.shot(1), body)
    name, before = rig.name, _pose(rig)
    data = rig.fhmr_take.data
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.fhmr.resample("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    rig = bpy.data.objects[name]
    assert not _moved(before, _pose(rig))
    assert rig.fhmr_take.data == data


def test_without_a_limb_the_button_says_so(scene: bpy.types.Scene, body: Body) -> None:
    rig = _build(scene, sitter.shot(1), body)
    rig.fhmr_take.limbs = (False,) * 5
    with pytest.raises(RuntimeError, match="Choose a limb to draw again"):
        bpy.ops.fhmr.resample()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut", b"\x00" * 400])
def test_damaged_data_are_refused_and_nothing_moves(
    scene: bpy.types.Scene, body: Body, damage: bytes
) -> None:
    rig = _build(scene, sitter.shot(1), body)
    before = _pose(rig)
    rig.fhmr_take.data = damage
    with pytest.raises(RuntimeError, match="estimate the footage again"):
        bpy.ops.fhmr.resample()
    assert not _moved(before, _pose(rig))
    assert takes.is_rig(rig)


def test_a_range_that_ends_before_it_starts_is_refused(scene: bpy.types.Scene, body: Body) -> None:
    rig = _build(scene, sitter.shot(4), body)
    take = rig.fhmr_take
    take.scope, take.start, take.end = "RANGE", 3, 2
    with pytest.raises(RuntimeError, match="ends at frame 2, before it starts at 3"):
        bpy.ops.fhmr.resample()
