"""Onto the artist's rig: Rigify, Mixamo, Unreal, a table by hand; directions, feet, keys."""

from dataclasses import replace
from pathlib import Path

import addon_utils
import bpy
import numpy as np
import pytest

from fhmr_blender.blender import rig, saved_state, shot_scene
from fhmr_blender.blender.retarget import presets, table
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.frames import BODY_TO_WORLD
from fhmr_blender.core.motion import Motion
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX
from tests.blender.armatures import make, resting_joints
from tests.blender.made_shots import as_estimated, made_shot

FRAMES = 9
LIMBS = [
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
    )
]
BY_NAME = {preset.name: preset for preset in presets.PRESETS}
ON_ITS_SIDE = rotation_about(0, -np.pi / 2)  # y up, as FBX files are


def _walker(scene: bpy.types.Scene, body: Body, frames: int = FRAMES) -> bpy.types.Object:
    """A rig of ours that strides over the floor and bends knees and elbows."""
    shot = made_shot(body, frames=frames)
    phase = np.linspace(0.0, 2 * np.pi, max(frames, 2))[:frames]
    turns = np.zeros((frames, 24, 3))
    for sign, side in ((1, "left"), (-1, "right")):
        turns[:, JOINT_INDEX[f"{side}_hip"], 0] = -0.6 * sign * np.sin(phase) - 0.2
        turns[:, JOINT_INDEX[f"{side}_knee"], 0] = 0.6 + 0.5 * sign * np.cos(phase)
        turns[:, JOINT_INDEX[f"{side}_shoulder"], 2] = -1.0 * sign
        turns[:, JOINT_INDEX[f"{side}_shoulder"], 1] = -0.6 * np.sin(phase)
        turns[:, JOINT_INDEX[f"{side}_elbow"], 1] = -0.7 * sign
    turns[:, JOINT_INDEX["spine2"], 0] = 0.3
    turns[:, JOINT_INDEX["spine3"], 1] = 0.3 * np.sin(phase)
    rotations = matrix_from_axis_angle(turns)
    rotations[:, 0] = BODY_TO_WORLD @ rotation_about(1, 0.5)
    transl = np.stack((0.1 * np.arange(frames), 2.0 + 0 * phase, 0 * phase), axis=-1)
    betas = np.zeros(10)
    transl[:, 2] -= body.vertices(rotations, betas, transl)[..., 2].min(axis=1)
    person = shot.people[0]
    seen = Motion(person.motion_cam.rotations, person.motion_cam.transl, betas)
    person = replace(person, motion_cam=seen, motion_world=Motion(rotations, transl, betas))
    shot = replace(shot, people=(person,))
    made = shot_scene.build(scene, shot, None, {1: body})
    return as_estimated(made.rigs[0])


def _heads(item: bpy.types.Object, bones: dict[str, str]) -> dict[str, Floats]:
    return {
        joint: np.array(item.matrix_world @ item.pose.bones[name].head)
        for joint, name in bones.items()
    }


def _retarget(ours: bpy.types.Object, target: bpy.types.Object) -> dict[str, str]:
    """Through the panel; the bones that the table holds."""
    bpy.context.view_layer.objects.active = ours
    settings = ours.fhmr_take.retarget
    settings.target = target
    assert bpy.ops.fhmr.retarget() == {"FINISHED"}
    return {row.name: row.bone for row in settings.rows if row.bone}


def _check_limbs(
    scene: bpy.types.Scene, ours: bpy.types.Object, target: bpy.types.Object, bones: dict[str, str]
) -> None:
    """Limbs within a degree of ours, soles within 2 cm of where ours are, at three frames."""
    own = {joint: joint for joint in bones}
    metre = scene.unit_settings.scale_length
    vertices = np.array([vertex.co for vertex in rig.mesh_of(ours).data.vertices])
    floor = float(vertices[:, 2].min()) / metre
    for frame in (1, 1 + FRAMES // 2, FRAMES):
        scene.frame_set(frame)
        wanted, found = _heads(ours, own), _heads(target, bones)
        for start, end in LIMBS:
            one, other = wanted[end] - wanted[start], found[end] - found[start]
            cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            assert np.degrees(np.arccos(min(cosine, 1.0))) < 1.0, (frame, start)
        assert abs(metre * (_lowest_sole(target, bones) - _lowest_sole(ours, own, floor))) < 0.02


def _lowest_sole(item: bpy.types.Object, bones: dict[str, str], floor: float = 0.0) -> float:
    """How high the lowest of heels, balls and tips of the feet is; the rest stands at `floor`."""
    heights = []
    for side in ("left", "right"):
        ankle, ball = (item.pose.bones[bones[f"{side}_{part}"]] for part in ("ankle", "foot"))
        resting = [item.matrix_world @ bone.bone.head_local for bone in (ankle, ball)]
        along = resting[1] - resting[0]
        along.z = 0.0
        points = ((ankle, resting[0] - 0.45 * along), (ball, resting[1] + 0.65 * along))
        for bone, point in (*points, (ankle, resting[1])):
            point.z = floor
            local = bone.bone.matrix_local.inverted() @ item.matrix_world.inverted() @ point
            heights.append((item.matrix_world @ bone.matrix @ local).z)
    return min(heights)


@pytest.mark.parametrize(
    ("preset", "prefix", "unit", "turn"),
    [
        ("Mixamo", "mixamorig:", 0.01, ON_ITS_SIDE),
        ("Unreal UE4", "", 0.01, np.eye(3)),
        ("Unreal UE5", "", 1.0, rotation_about(2, np.pi / 2)),
    ],
)
def test_known_rigs_in_a_pose_move_as_ours_does(
    scene: bpy.types.Scene, body: Body, preset: str, prefix: str, unit: float, turn: Floats
) -> None:
    names = {joint: prefix + name for joint, name in BY_NAME[preset].bones.items()}
    joints = resting_joints(body, growth=1.15, arms=0.8, shins=1.1)
    target = make(names, joints, unit, turn)
    ours = _walker(scene, body)
    bones = _retarget(ours, target)
    assert ours.fhmr_take.retarget.preset == preset
    assert bones == names
    _check_limbs(scene, ours, target, bones)


def test_a_scene_in_centimetres(scene: bpy.types.Scene, body: Body) -> None:
    scene.unit_settings.scale_length = 0.01
    target = make(BY_NAME["Unreal UE4"].bones, resting_joints(body, 0.9, 0.8, 1.0), unit=0.01)
    target.scale = (1.0, 1.0, 1.0)  # its units are the scene's
    bpy.context.view_layer.update()
    ours = _walker(scene, body)
    _check_limbs(scene, ours, target, _retarget(ours, target))


@pytest.mark.parametrize("generated", [False, True])
def test_rigify(scene: bpy.types.Scene, body: Body, generated: bool) -> None:
    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_basic_human_metarig_add()
    target = bpy.context.object
    if generated:
        bpy.ops.pose.rigify_generate()
        target = bpy.data.objects["rig"]
        assert target.pose.bones["thigh_parent.L"]["IK_FK"] == 0.0
    ours = _walker(scene, body)
    bones = _retarget(ours, target)
    assert ours.fhmr_take.retarget.preset == ("Rigify" if generated else "Rigify metarig")
    if generated:
        assert target.pose.bones["thigh_parent.L"]["IK_FK"] == 1.0
        deforming = {"left_hip": "DEF-thigh.L", "left_knee": "DEF-shin.L"}
        deforming |= {"left_ankle": "DEF-foot.L", "left_foot": "DEF-toe.L"}
        bones |= deforming  # what moves the mesh follows the controls
    _check_limbs(scene, ours, target, bones)


def test_keys_by_hand_survive_and_one_undo_takes_it_back(
    scene: bpy.types.Scene, body: Body
) -> None:
    target = make(BY_NAME["Mixamo"].bones, resting_joints(body, 1.0, 0.8, 1.0))
    ours = _walker(scene, body)
    _retarget(ours, target)
    head = target.pose.bones["Head"]
    head.rotation_quaternion = (0.9, 0.1, 0.0, 0.0)
    head.keyframe_insert("rotation_quaternion", frame=4)
    _retarget(ours, target)
    scene.frame_set(4)
    np.testing.assert_allclose(head.rotation_quaternion, (0.9, 0.1, 0.0, 0.0), atol=1e-6)
    target.animation_data_clear()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.fhmr.retarget("EXEC_DEFAULT", True)
    assert bpy.data.objects["artist"].animation_data is not None
    bpy.ops.ed.undo()
    animation = bpy.data.objects["artist"].animation_data
    assert animation is None or animation.action is None


def test_a_picture_becomes_keys_at_the_present_frame(scene: bpy.types.Scene, body: Body) -> None:
    target = make(BY_NAME["Mixamo"].bones, resting_joints(body, 1.0, 0.8, 1.0))
    ours = _walker(scene, body, frames=1)
    scene.frame_set(7)
    _retarget(ours, target)
    assert list(target.animation_data.action.frame_range) == [7, 7]


def test_a_table_by_hand_is_saved_and_found_again(
    scene: bpy.types.Scene, body: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "folder", lambda: tmp_path / "presets")
    names = {joint: f"b{index}" for joint, index in JOINT_INDEX.items() if "hand" not in joint}
    target = make(names, resting_joints(body, 1.0, 0.8, 1.0))
    ours = _walker(scene, body)
    bpy.context.view_layer.objects.active = ours
    settings = ours.fhmr_take.retarget
    settings.target = target
    assert settings.preset == table.NO_PRESET
    with pytest.raises(RuntimeError, match="No bone of artist is named for the pelvis"):
        bpy.ops.fhmr.retarget()
    assert target.animation_data is None
    for row in settings.rows:
        row.bone = names[row.name]
    settings.preset = "My / rig"
    assert bpy.ops.fhmr.save_bones() == {"FINISHED"}
    for row in settings.rows:
        row.bone = ""
    assert bpy.ops.fhmr.find_bones() == {"FINISHED"}
    assert settings.preset == "My / rig"
    assert {row.name: row.bone for row in settings.rows} == names
    assert bpy.ops.fhmr.retarget() == {"FINISHED"}


def test_what_cannot_be_moved_is_named(scene: bpy.types.Scene, body: Body) -> None:
    ours = _walker(scene, body)
    bpy.context.view_layer.objects.active = ours
    with pytest.raises(RuntimeError, match="Choose the armature"):
        bpy.ops.fhmr.retarget()
    target = make(BY_NAME["Mixamo"].bones, resting_joints(body, 1.0, 0.8, 1.0))
    bpy.context.view_layer.objects.active = ours
    settings = ours.fhmr_take.retarget
    settings.target = target
    row = settings.rows["left_knee"]
    row.bone = "Nothing"
    with pytest.raises(RuntimeError, match="artist has no bone Nothing"):
        bpy.ops.fhmr.retarget()
    row.bone = "RightLeg"
    with pytest.raises(RuntimeError, match="chosen for two joints"):
        bpy.ops.fhmr.retarget()
    saved_state.load(ours)
