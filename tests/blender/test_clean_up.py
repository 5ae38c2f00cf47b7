"""Clean Up: shown and baked, computed from what is stored, per person."""

import bpy
import numpy as np

from fhmr_blender.blender import saved_state, shot_scene
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.skeleton import JOINT_INDEX
from tests.blender.made_shots import as_estimated, made_shot

FRAMES = 12


def _rigs(scene: bpy.types.Scene, body: Body, people: int = 1) -> list[bpy.types.Object]:
    shot = made_shot(body, frames=FRAMES, people=people)
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    bpy.context.view_layer.objects.active = made.rigs[0]
    return list(made.rigs)


def _played(scene: bpy.types.Scene, item: bpy.types.Object, bone: str) -> Floats:
    """(N, 4) quaternions and, of the pelvis, (N, 3) locations after them."""
    rows = []
    for frame in range(1, FRAMES + 1):
        scene.frame_set(frame)
        moved = item.pose.bones[bone]
        rows.append((*moved.rotation_quaternion, *moved.location))
    return np.array(rows)


def _roughness(rows: Floats) -> float:
    return float(np.abs(np.diff(rows, n=2, axis=0)).max())


def test_more_smoothing_plays_smoother_and_back_to_the_bit(
    scene: bpy.types.Scene, body: Body
) -> None:
    item = as_estimated(_rigs(scene, body)[0])
    raw = _played(scene, item, "left_elbow")
    settings = item.fhmr_take.clean_up
    data = item.fhmr_take.data
    settings.smoothing = 0.3
    some = _played(scene, item, "left_elbow")
    settings.smoothing = 1.0
    most = _played(scene, item, "left_elbow")
    assert _roughness(most) < _roughness(some) < _roughness(raw)
    assert item.fhmr_take.data == data
    settings.smoothing = 0.0
    np.testing.assert_array_equal(_played(scene, item, "left_elbow"), raw)


def test_each_person_has_settings_of_its_own(scene: bpy.types.Scene, body: Body) -> None:
    first, second = _rigs(scene, body, people=2)
    before = _played(scene, second, "head")
    first.fhmr_take.clean_up.smoothing = 1.0
    np.testing.assert_array_equal(_played(scene, second, "head"), before)


def test_a_region_is_smoothed_by_itself(scene: bpy.types.Scene, body: Body) -> None:
    item = as_estimated(_rigs(scene, body)[0])
    settings = item.fhmr_take.clean_up
    arm, leg = _played(scene, item, "left_elbow"), _played(scene, item, "left_knee")
    settings.torso = settings.head = settings.arms = 0.0
    settings.legs = 1.0
    settings.use_regions = True
    np.testing.assert_array_equal(_played(scene, item, "left_elbow"), arm)
    assert np.abs(_played(scene, item, "left_knee") - leg).max() > 1e-3


def test_in_place_does_not_travel(scene: bpy.types.Scene, body: Body) -> None:
    item = as_estimated(_rigs(scene, body)[0])
    item.fhmr_take.clean_up.in_place = True
    scene.frame_set(FRAMES)
    bpy.context.view_layer.update()
    last = np.array(item.matrix_world @ item.pose.bones["pelvis"].head)
    scene.frame_set(1)
    first = np.array(item.matrix_world @ item.pose.bones["pelvis"].head)
    np.testing.assert_allclose(last[:2], first[:2], atol=1e-5)
    assert abs(last[2] - first[2]) > 1e-3


def test_what_is_baked_is_what_is_shown(scene: bpy.types.Scene, body: Body) -> None:
    item = _rigs(scene, body)[0]
    item.fhmr_take.clean_up.smoothing = 0.8
    shown = _played(scene, item, "right_elbow")
    item.animation_data_clear()
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    np.testing.assert_array_equal(_played(scene, item, "right_elbow"), shown)
    _, person = saved_state.load(item)
    elbow = person.motion_world.rotations[:, JOINT_INDEX["right_elbow"]]
    assert (
        np.abs(elbow[0] - np.array(item.pose.bones["right_elbow"].matrix_basis)[:3, :3]).max() > 0
    )


def test_keys_of_the_artists_survive_another_smoothing(scene: bpy.types.Scene, body: Body) -> None:
    item = _rigs(scene, body)[0]
    bone = item.pose.bones["left_elbow"]
    bone.rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    bone.keyframe_insert("rotation_quaternion", frame=4)
    item.fhmr_take.clean_up.smoothing = 0.9
    scene.frame_set(4)
    np.testing.assert_allclose(bone.rotation_quaternion, (0.8, 0.6, 0.0, 0.0), atol=1e-6)
