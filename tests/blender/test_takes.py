"""Takes live on their rigs: baked, reset, saved, reopened, deleted."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import baking, rig, saved_state, shot_scene
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.motion import Motion, Person, Shot
from fhmr_blender.core.rotations import matrix_from_quaternion, rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX, JOINT_NAMES
from tests.blender.made_shots import as_estimated, made_shot


def _build(scene: bpy.types.Scene, shot: Shot, body: Body) -> list[bpy.types.Object]:
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    bpy.context.view_layer.objects.active = made.rigs[0]
    return list(made.rigs)


def _curves(item: bpy.types.Object) -> dict[tuple[str, int], bpy.types.FCurve]:
    animation = item.animation_data
    strip = animation.action.layers[0].strips[0]
    bag = strip.channelbag(animation.action_slot)
    return {(curve.data_path, curve.array_index): curve for curve in bag.fcurves}


def _times(curve: bpy.types.FCurve) -> list[float]:
    return [point.co.x for point in curve.keyframe_points]


def _quaternion(item: bpy.types.Object, bone: str) -> Floats:
    return np.array(item.pose.bones[bone].rotation_quaternion)


def _other_arm(person: Person) -> Person:
    """The person with the left elbow bent otherwise."""
    elbow = JOINT_INDEX["left_elbow"]

    def bent(motion: Motion) -> Motion:
        rotations = motion.rotations.copy()
        rotations[:, elbow] = rotation_about(1, -1.0)
        return Motion(rotations, motion.transl, motion.betas)

    return Person(
        **{
            **vars(person),
            "motion_cam": bent(person.motion_cam),
            "motion_world": bent(person.motion_world),
        }
    )


def test_a_picture_poses_the_rig_without_keys(scene: bpy.types.Scene, body: Body) -> None:
    item = _build(scene, made_shot(body), body)[0]
    assert item.animation_data is None
    assert np.linalg.norm(_quaternion(item, "left_elbow")[1:]) > 0.05


def test_a_clip_becomes_animation_at_once(scene: bpy.types.Scene, body: Body) -> None:
    shot = made_shot(body, frames=6)
    item = as_estimated(_build(scene, shot, body)[0])
    curves = _curves(item)
    assert len(curves) == 24 * 4 + 3
    assert all(_times(curve) == [1, 2, 3, 4, 5, 6] for curve in curves.values())
    rotations = shot.people[0].motion_world.rotations
    for frame in (1, 4):
        scene.frame_set(frame)
        found = matrix_from_quaternion(_quaternion(item, "right_knee"))
        expected = rotations[frame - 1, JOINT_INDEX["right_knee"]]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert item.animation_data.action.name == "walk_person1"


def test_a_picture_is_baked_at_the_present_frame(scene: bpy.types.Scene, body: Body) -> None:
    item = _build(scene, made_shot(body), body)[0]
    scene.frame_set(7)
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    assert all(_times(curve) == [7] for curve in _curves(item).values())
    scene.frame_set(9)
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    assert all(_times(curve) == [7, 9] for curve in _curves(item).values())


def test_a_range_is_baked_every_nth_frame_and_hand_made_keys_survive(
    scene: bpy.types.Scene, body: Body
) -> None:
    item = _build(scene, made_shot(body, frames=9), body)[0]
    bone = item.pose.bones["left_knee"]
    bone.rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    bone.keyframe_insert("rotation_quaternion", frame=20)
    bone.keyframe_insert("rotation_quaternion", frame=5.5)
    bake = item.fhmr_take.bake
    bake.scope, bake.start, bake.end, bake.step = "RANGE", 3, 8, 2
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    curves = _curves(item)
    assert _times(curves['pose.bones["head"].rotation_quaternion', 0]) == [1, 2, 3, 5, 7, 8, 9]
    by_hand = curves['pose.bones["left_knee"].rotation_quaternion', 0]
    assert _times(by_hand) == [1, 2, 3, 5, 5.5, 7, 8, 9, 20]


def test_neighbouring_keys_have_the_closer_sign(scene: bpy.types.Scene, body: Body) -> None:
    shot = made_shot(body, frames=8)
    person = shot.people[0]
    turning = person.motion_world.rotations.copy()
    turning[:, 0] = rotation_about(2, np.arange(8) * 1.2) @ turning[0, 0]
    motion = Motion(turning, person.motion_world.transl, person.motion_world.betas)
    item = _build(scene, shot, body)[0]
    baking.bake(item, motion, np.arange(8.0), np.arange(1, 9))
    curves = _curves(item)
    path = 'pose.bones["pelvis"].rotation_quaternion'
    keys = np.array(
        [[point.co.y for point in curves[path, axis].keyframe_points] for axis in range(4)]
    )
    assert np.sum(keys[:, 1:] * keys[:, :-1], axis=0).min() > 0.5


def test_a_frame_outside_the_take_is_refused(scene: bpy.types.Scene, body: Body) -> None:
    item = _build(scene, made_shot(body, frames=4), body)[0]
    item.fhmr_take.bake.scope = "FRAME"
    scene.frame_set(40)
    with pytest.raises(RuntimeError, match="covers the frames 1 to 4, not frame 40"):
        bpy.ops.fhmr.bake()


def test_the_take_survives_saving_and_reopening(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    shot = made_shot(body, frames=3, people=2)
    _build(scene, shot, body)
    path = str(tmp_path / "walk.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    for person in shot.people:
        stored, again = saved_state.load(bpy.data.objects[f"walk_person{person.id}"])
        assert again.id == person.id
        np.testing.assert_array_equal(stored.T_world_from_cam, shot.T_world_from_cam)
        np.testing.assert_allclose(
            again.motion_world.rotations, person.motion_world.rotations, atol=1e-6
        )
        np.testing.assert_allclose(
            again.observations.keypoints, person.observations.keypoints, rtol=1e-6
        )
    assert saved_state.load_camera(bpy.data.objects["walk_camera"]).people == ()


def test_reset_brings_the_estimated_limb_back(scene: bpy.types.Scene, body: Body) -> None:
    shot = made_shot(body, frames=4)
    item = as_estimated(_build(scene, shot, body)[0])
    before = {name: _quaternion(item, name) for name in JOINT_NAMES}
    with pytest.raises(RuntimeError, match="Nothing was changed"):
        bpy.ops.fhmr.reset()
    person = _other_arm(shot.people[0])
    saved_state.change_person(item, shot, person)
    rig.pose(item, person.motion_world, 0)
    assert not np.allclose(_quaternion(item, "left_elbow"), before["left_elbow"], atol=0.1)
    item.fhmr_take.limbs = (False, True, False, False, False)
    item.fhmr_take.scope = "FRAME"
    scene.frame_set(1)
    assert bpy.ops.fhmr.reset() == {"FINISHED"}
    for name in JOINT_NAMES:
        np.testing.assert_allclose(_quaternion(item, name), before[name], atol=1e-6)
    _, mixed = saved_state.load(item)
    elbow = JOINT_INDEX["left_elbow"]
    estimated = shot.people[0].motion_world.rotations[:, elbow]
    np.testing.assert_allclose(mixed.motion_world.rotations[0, elbow], estimated[0], atol=1e-6)
    np.testing.assert_allclose(
        mixed.motion_world.rotations[1, elbow], rotation_about(1, -1.0), atol=1e-6
    )
    item.fhmr_take.limbs = (False,) * 5
    item.fhmr_take.scope = "CLIP"
    assert bpy.ops.fhmr.reset() == {"FINISHED"}
    _, whole = saved_state.load(item)
    np.testing.assert_allclose(whole.motion_world.rotations[:, elbow], estimated, atol=1e-6)


def test_deleting_a_take_leaves_the_other_whole(scene: bpy.types.Scene, body: Body) -> None:
    first, second = _build(scene, made_shot(body, people=2), body)
    name = second.name
    bpy.context.view_layer.objects.active = first
    assert bpy.ops.fhmr.delete_take() == {"FINISHED"}
    assert set(bpy.data.objects.keys()) >= {name, f"{name}_body", "walk_camera"}
    assert "walk_person1" not in bpy.data.objects
    assert "walk_person1_body" not in bpy.data.objects
    _, person = saved_state.load(bpy.data.objects[name])
    assert person.id == 2


@pytest.mark.parametrize("operator", ["bake", "resample", "reset", "delete_take"])
def test_without_a_rig_the_button_says_what_to_select(
    scene: bpy.types.Scene, operator: str
) -> None:
    with pytest.raises(RuntimeError, match="Select a rig made by FHMR"):
        getattr(bpy.ops.fhmr, operator)()


def test_the_body_and_its_bones_stand_for_the_rig(scene: bpy.types.Scene, body: Body) -> None:
    item = _build(scene, made_shot(body), body)[0]
    bpy.context.view_layer.objects.active = rig.mesh_of(item)
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    assert len(_curves(item))


def test_a_missing_bone_is_named_and_nothing_changes(scene: bpy.types.Scene, body: Body) -> None:
    item = _build(scene, made_shot(body), body)[0]
    item.data.bones["left_knee"].name = "knee"
    with pytest.raises(RuntimeError, match="The bone left_knee of walk_person1 is missing"):
        bpy.ops.fhmr.bake()
    assert item.animation_data is None


def test_a_take_of_a_newer_version_is_left_alone(scene: bpy.types.Scene, body: Body) -> None:
    item = _build(scene, made_shot(body), body)[0]
    data = item.fhmr_take.data
    item.fhmr_take.schema = len(saved_state.MIGRATIONS) + 1
    saved_state.on_load("")
    assert item.fhmr_take.data == data
    with pytest.raises(RuntimeError, match="newer version of FHMR"):
        bpy.ops.fhmr.bake()


def test_one_undo_takes_a_bake_back(scene: bpy.types.Scene, body: Body) -> None:
    _build(scene, made_shot(body), body)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.fhmr.bake("EXEC_DEFAULT", True)
    assert bpy.data.objects["walk_person1"].animation_data is not None
    bpy.ops.ed.undo()
    assert bpy.data.objects["walk_person1"].animation_data is None
    saved_state.load(bpy.data.objects["walk_person1"])
