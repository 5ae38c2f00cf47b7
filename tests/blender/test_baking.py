"""Bake to Keyframes: fewer keys, Euler angles, the artist's own keys, several people."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import baking, keyframes, rig, saved_state, shot_scene
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.motion import Motion
from fhmr_blender.core.rotations import (
    geodesic_angle,
    matrix_from_axis_angle,
)
from fhmr_blender.core.skeleton import JOINT_INDEX, JOINT_NAMES
from tests.blender.made_shots import as_estimated, made_shot

HEAD = 'pose.bones["head"].rotation_quaternion'
KNEE = 'pose.bones["left_knee"].rotation_quaternion'


def _rigs(
    scene: bpy.types.Scene, body: Body, frames: int, people: int = 1
) -> list[bpy.types.Object]:
    shot = made_shot(body, frames=frames, people=people)
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    bpy.context.view_layer.objects.active = made.rigs[0]
    return [as_estimated(item) for item in made.rigs]


def _curves(item: bpy.types.Object) -> dict[tuple[str, int], bpy.types.FCurve]:
    animation = item.animation_data
    bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
    return {(curve.data_path, curve.array_index): curve for curve in bag.fcurves}


def _times(item: bpy.types.Object, path: str) -> list[float]:
    return [round(point.co.x, 3) for point in _curves(item)[path, 0].keyframe_points]


def _walk(frames: int) -> Motion:
    """Swinging limbs on a path, (N, 24, 3, 3)."""
    rng = np.random.default_rng(5)
    time = np.arange(frames)[:, None, None]
    turns = 0.8 * np.sin(time * rng.uniform(0.02, 0.15, size=(24, 3)))
    place = np.stack((0.03 * time[:, 0, 0], 0.1 * np.sin(0.1 * time[:, 0, 0])), axis=-1)
    transl = np.concatenate((place, np.full((frames, 1), 0.3)), axis=-1)
    return Motion(matrix_from_axis_angle(turns), transl, np.zeros(10))


def _shown(scene: bpy.types.Scene, item: bpy.types.Object, frames: range) -> tuple[Floats, Floats]:
    """Rotations (N, 24, 3, 3) and pelvis locations (N, 3) as Blender plays them."""
    mesh = rig.mesh_of(item)
    if mesh is not None:
        shot_scene.remove_object(mesh)  # it would only take time
    rotations, places = [], []
    for frame in frames:
        scene.frame_set(frame)
        bones = [item.pose.bones[name] for name in JOINT_NAMES]
        rotations.append([np.array(bone.matrix_basis.to_3x3()) for bone in bones])
        places.append(np.array(bones[0].location))
    return np.array(rotations), np.array(places)


@pytest.mark.parametrize("mode", ["QUATERNION", "YZX"])
def test_fewer_keys_stay_within_the_tolerance_as_blender_plays_them(
    scene: bpy.types.Scene, body: Body, mode: str
) -> None:
    item = _rigs(scene, body, frames=2)[0]
    motion = _walk(120)
    frames = np.arange(1, 121)
    baking.bake(item, motion, frames - 1.0, frames)
    expected, places = _shown(scene, item, range(1, 121))
    baking.bake(item, motion, frames - 1.0, frames, baking.Keying(np.radians(1.0), mode))
    found, moved = _shown(scene, item, range(1, 121))
    angles = np.degrees(geodesic_angle(found, expected))
    assert angles.max() <= 1.0 + 1e-3  # float32 keys
    assert np.linalg.norm(moved - places, axis=-1).max() <= np.radians(1.0) * 0.25 + 1e-5
    counts = [len(curve.keyframe_points) for curve in _curves(item).values()]
    assert sum(counts) < 0.4 * 120 * len(counts)
    assert angles.max() > 0.2  # some tolerance was used


def test_euler_angles_play_as_the_quaternions_do_and_never_flip(
    scene: bpy.types.Scene, body: Body
) -> None:
    item = _rigs(scene, body, frames=40)[0]
    quaternions, _ = _shown(scene, item, range(1, 41))
    item.fhmr_take.bake.rotation_mode = "ZXY"
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    eulers, _ = _shown(scene, item, range(1, 41))
    np.testing.assert_allclose(eulers, quaternions, atol=1e-5)
    curves = _curves(item)
    assert not any("quaternion" in path for path, _ in curves)
    for (path, _), curve in curves.items():
        if "euler" in path:
            values = np.array([point.co.y for point in curve.keyframe_points])
            assert np.abs(np.diff(values)).max() < 1.0
    item.fhmr_take.bake.rotation_mode = "QUATERNION"
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    assert not any("euler" in path for path, _ in _curves(item))


def test_a_key_put_over_ours_by_hand_survives_baking_again(
    scene: bpy.types.Scene, body: Body
) -> None:
    item = _rigs(scene, body, frames=6)[0]
    bone = item.pose.bones["left_knee"]
    scene.frame_set(3)
    by_hand = bone.rotation_quaternion.copy()
    by_hand.x += 0.3
    bone.rotation_quaternion = by_hand
    bone.keyframe_insert("rotation_quaternion", frame=3)
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    for axis in range(4):
        curve = _curves(item)[KNEE, axis]
        assert [round(point.co.x) for point in curve.keyframe_points] == [1, 2, 3, 4, 5, 6]
        assert curve.keyframe_points[2].co.y == pytest.approx(by_hand[axis])
    saved_state.load(item)


def test_only_our_keys_are_deleted(scene: bpy.types.Scene, body: Body) -> None:
    item = _rigs(scene, body, frames=6)[0]
    bone = item.pose.bones["left_knee"]
    bone.rotation_quaternion = (0.9, 0.1, 0.0, 0.0)
    bone.keyframe_insert("rotation_quaternion", frame=3.5)
    bone.keyframe_insert("rotation_quaternion", frame=5)
    settings = item.fhmr_take.bake
    settings.scope, settings.start, settings.end = "RANGE", 2, 5
    assert bpy.ops.fhmr.delete_keys() == {"FINISHED"}
    assert _times(item, HEAD) == [1, 6]
    assert _times(item, KNEE) == [1, 3.5, 5, 6]
    settings.scope = "CLIP"
    assert bpy.ops.fhmr.delete_keys() == {"FINISHED"}
    assert {path for path, _ in _curves(item)} == {KNEE}
    assert _times(item, KNEE) == [3.5, 5]


def test_the_mark_of_our_keys_survives_saving(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    item = _rigs(scene, body, frames=5)[0]
    item.pose.bones["left_knee"].keyframe_insert("rotation_quaternion", frame=9)
    path = str(tmp_path / "walk.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    item = bpy.data.objects["walk_person1"]
    assert baking.keyed_frames(item).tolist() == [1, 2, 3, 4, 5]
    assert baking.delete(item, 1, 5) == 5 * (24 * 4 + 3)
    assert _times(item, KNEE) == [9]


def test_a_new_action_leaves_the_present_one_as_it_is(scene: bpy.types.Scene, body: Body) -> None:
    item = _rigs(scene, body, frames=5)[0]
    first = item.animation_data.action
    settings = item.fhmr_take.bake
    settings.new_action, settings.scope, settings.start, settings.end = True, "RANGE", 2, 3
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    assert item.animation_data.action != first
    assert first.use_fake_user
    assert _times(item, HEAD) == [2, 3]
    item.animation_data.action = first
    item.animation_data.action_slot = first.slots[0]
    assert _times(item, HEAD) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("people", "baked"), [("SELECTED", {1, 3}), ("SHOT", {1, 2, 3})])
def test_the_chosen_people_are_baked_in_one_go(
    scene: bpy.types.Scene, body: Body, people: str, baked: set[int]
) -> None:
    rigs = _rigs(scene, body, frames=4, people=3)
    for item in rigs:
        item.animation_data_clear()
        item.select_set(item != rigs[1])
    rigs[0].fhmr_take.bake.people = people
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    found = {item.fhmr_take.person for item in rigs if item.animation_data is not None}
    assert found == baked


def test_a_change_after_a_sparse_bake_stays_sparse(scene: bpy.types.Scene, body: Body) -> None:
    item = _rigs(scene, body, frames=30)[0]
    settings = item.fhmr_take.bake
    settings.use_tolerance, settings.tolerance = True, 5.0
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    before = len(_times(item, HEAD))
    shot, person = saved_state.load(item)
    shot_scene.refresh(item, shot, person, scene)
    assert len(_times(item, HEAD)) == before < 30


def test_a_pose_is_shown_in_the_bones_own_rotation_mode(scene: bpy.types.Scene, body: Body) -> None:
    item = _rigs(scene, body, frames=3)[0]
    shot, person = saved_state.load(item)
    expected = person.motion_world.rotations[0, JOINT_INDEX["left_elbow"]]
    item.pose.bones["left_elbow"].rotation_mode = "XZY"
    shot_scene.show(item, shot, person, scene)
    bone = item.pose.bones["left_elbow"]
    assert bone.rotation_mode == "XZY"
    np.testing.assert_allclose(np.array(bone.matrix_basis.to_3x3()), expected, atol=1e-5)


def test_keys_of_other_things_know_ours_too(scene: bpy.types.Scene) -> None:
    thing = bpy.data.objects.new("thing", None)
    scene.collection.objects.link(thing)
    values = np.arange(12.0).reshape(4, 3)
    keyframes.write(thing, [keyframes.Track("location", np.arange(4), values)])
    assert keyframes.frames_of(thing, ["location"]).tolist() == [0, 1, 2, 3]
    assert keyframes.delete(thing, ["location"], (1, 2)) == 6
    assert keyframes.frames_of(thing, ["location"]).tolist() == [0, 3]
