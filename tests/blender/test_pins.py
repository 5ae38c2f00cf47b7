"""Pins: added at a bone, dragged, met or said to be out of reach."""

import bpy
import numpy as np
import pytest
from mathutils import Vector

from fhmr_blender.blender import live, pins, saved_state, watch
from fhmr_blender.blender.operators.pins import on_ray
from fhmr_blender.core.body import Body
from fhmr_blender.core.rotations import matrix_from_quaternion
from fhmr_blender.core.skeleton import JOINT_INDEX
from tests.blender.posed import LEFT_ARM, build, moved, pose, poses, use_made_networks
from tests.unit import sitter


@pytest.fixture(autouse=True)
def made_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_made_networks(monkeypatch)
    monkeypatch.setattr(live, "something_moves", lambda: True)  # a drag with G goes on


def _pinned(scene: bpy.types.Scene, body: Body, frames: int = 1) -> bpy.types.Object:
    rig = build(scene, sitter.shot(frames), body)
    assert bpy.ops.fhmr.pin_add(joint="left_wrist") == {"FINISHED"}
    return rig


def _wrist(rig: bpy.types.Object) -> Vector:
    bpy.context.view_layer.update()
    return rig.matrix_world @ rig.pose.bones["left_wrist"].head


def _drag(pin: bpy.types.Object, offset: tuple[float, float, float]) -> None:
    """As dragging with G does: Blender updates, our handler looks, our timer draws."""
    bpy.context.view_layer.update()
    pin.location = pin.location + Vector(offset)
    bpy.context.view_layer.update()
    assert watch.moved_rig()
    watch.draw_moved()


def _towards_the_shoulder(rig: bpy.types.Object, share: float) -> tuple[float, float, float]:
    """A way that the wrist can go."""
    bones = rig.pose.bones
    return tuple(share * (bones["left_shoulder"].head - bones["left_wrist"].head))


def test_a_pin_is_an_empty_at_its_joint_in_the_shots_collection(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = _pinned(scene, body)
    pin = bpy.data.objects["walk_person1_pin_left_wrist"]
    assert pin.type == "EMPTY"
    assert pin.parent is None
    assert pin.users_collection == rig.users_collection
    np.testing.assert_allclose(pin.location, _wrist(rig), atol=1e-6)
    assert bpy.context.object == pin
    bpy.ops.fhmr.pin_add(joint="left_wrist")
    assert len(pins.of(rig)) == 1


def test_a_dragged_pin_takes_its_joint_along(scene: bpy.types.Scene, body: Body) -> None:
    rig = _pinned(scene, body)
    rig.fhmr_take.limbs = (False, False, False, True, False)
    before, pin = pose(rig), pins.of(rig)[0]
    _drag(pin, _towards_the_shoulder(rig, 0.4))
    assert moved(before, pose(rig)) == LEFT_ARM
    assert (_wrist(rig) - pin.location).length < 0.02
    assert tuple(rig.fhmr_take.limbs) == (False, True, False, False, False)


def test_after_undo_the_pin_does_not_draw_again(scene: bpy.types.Scene, body: Body) -> None:
    rig = _pinned(scene, body)
    name, pin = rig.name, pins.of(rig)[0]
    bpy.context.view_layer.update()
    before = pose(rig)
    bpy.ops.ed.undo_push(message="before")
    _drag(pin, _towards_the_shoulder(rig, 0.4))
    bpy.ops.ed.undo_push(message="Move")
    bpy.ops.ed.undo()
    rig = bpy.data.objects[name]
    bpy.context.view_layer.update()
    assert not watch.moved_rig()
    assert not moved(before, pose(rig))


def test_a_last_draw_after_the_drag_makes_its_own_undo_step(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = _pinned(scene, body)
    name = rig.name
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="Move")  # as Blender does when the pin is let go
    monkeypatch.setattr(live, "something_moves", lambda: False)
    _drag(pins.of(rig)[0], _towards_the_shoulder(rig, 0.4))
    after = pose(rig)
    bpy.ops.ed.undo()
    assert moved(after, pose(bpy.data.objects[name])) == LEFT_ARM
    bpy.ops.ed.redo()
    assert not moved(after, pose(bpy.data.objects[name]))


def test_a_pin_out_of_reach_is_said_with_the_distance(scene: bpy.types.Scene, body: Body) -> None:
    rig = _pinned(scene, body)
    pin = pins.of(rig)[0]
    pin.location = (5.0, 5.0, 5.0)
    assert bpy.ops.fhmr.pin_apply() == {"FINISHED"}
    hand = rig.fhmr_take.hand
    sentence = hand.variations[hand.shown].unmet
    assert "wrist" in sentence
    assert "frame" not in sentence  # a picture has none
    assert pins.distance(rig, pin) > 1.0


def test_pins_of_a_moved_rig_move_with_it(scene: bpy.types.Scene, body: Body) -> None:
    rig = _pinned(scene, body)
    pin = pins.of(rig)[0]
    rig.location.x += 3.0
    bpy.context.view_layer.update()
    pin.location = _wrist(rig) + rig.matrix_world.to_3x3() @ Vector(_towards_the_shoulder(rig, 0.3))
    assert bpy.ops.fhmr.pin_apply() == {"FINISHED"}
    assert (_wrist(rig) - pin.location).length < 0.02


def test_a_weight_of_nothing_leaves_the_limb_alone(scene: bpy.types.Scene, body: Body) -> None:
    rig = _pinned(scene, body)
    pin = pins.of(rig)[0]
    pin.location.z += 0.3
    pin.fhmr_pin.weight = 0.0
    without = pose(rig)
    bpy.ops.fhmr.resample()
    pins.remove(pin)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.fhmr.resample()
    assert not moved(pose(rig), without)


def test_the_face_turns_to_where_its_pin_lies(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(1), body)
    assert bpy.ops.fhmr.pin_add(joint="look") == {"FINISHED"}
    pin = bpy.data.objects["walk_person1_pin_look"]
    bpy.context.view_layer.update()
    head = rig.pose.bones["head"]
    side = head.matrix.to_3x3() @ Vector((0.5, 0.0, 1.0))
    pin.location = rig.matrix_world @ (head.head + side)
    wanted = pin.location.copy()
    assert bpy.ops.fhmr.pin_apply() == {"FINISHED"}
    bpy.context.view_layer.update()
    front = (rig.matrix_world.to_3x3() @ head.matrix.to_3x3() @ Vector((0, 0, 1))).normalized()
    way = (wanted - rig.matrix_world @ head.head).normalized()
    assert front.angle(way) < np.radians(12.0)


def test_a_pin_in_one_frame_of_a_clip_counts_there(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(6), body)
    scene.frame_set(4)
    bpy.ops.fhmr.pin_add(joint="left_wrist")
    pin = pins.of(rig)[0]
    assert pin.fhmr_pin.frame == 4
    pin.location = pin.location + Vector(_towards_the_shoulder(rig, 0.4))
    rig.fhmr_take.scope = "FRAME"
    scene.frame_set(2)
    with pytest.raises(RuntimeError, match="No pin lies in the frames"):
        bpy.ops.fhmr.pin_apply()
    rig.fhmr_take.scope = "CLIP"
    assert bpy.ops.fhmr.pin_apply() == {"FINISHED"}
    scene.frame_set(4)
    assert (_wrist(rig) - pin.location).length < 0.02


def test_smoothing_takes_back_neither_a_single_frame_nor_a_pin(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(12), body)
    rig.fhmr_take.clean_up.smoothing = 0.8
    scene.frame_set(6)
    bpy.ops.fhmr.pin_add(joint="left_wrist")
    pin = pins.of(rig)[0]
    pin.location = pin.location + Vector(_towards_the_shoulder(rig, 0.4))
    for scope in ("FRAME", "CLIP"):
        rig.fhmr_take.scope = scope
        assert bpy.ops.fhmr.pin_apply() == {"FINISHED"}
        rig.fhmr_take.clean_up.feet = "off"
        scene.frame_set(6)
        shown = np.array(rig.pose.bones["left_elbow"].rotation_quaternion)
        person = saved_state.load(rig)[1]
        drawn = person.motion_world.rotations[5, JOINT_INDEX["left_elbow"]]
        np.testing.assert_allclose(matrix_from_quaternion(shown), drawn, atol=1e-5)
    smoothed = matrix_from_quaternion(np.array(poses(scene, rig, 12)[2]["left_elbow"], dtype=float))
    raw = person.motion_world.rotations[2, JOINT_INDEX["left_elbow"]]
    assert np.abs(smoothed - raw).max() > 1e-3


def test_the_selected_bone_says_what_is_pinned(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(1), body)
    with pytest.raises(RuntimeError, match="Select a bone of an arm, a leg or the head"):
        bpy.ops.fhmr.pin_add(joint="SELECTED")
    bpy.ops.object.mode_set(mode="POSE")
    rig.data.bones.active = rig.data.bones["right_hand"]
    assert bpy.ops.fhmr.pin_add(joint="SELECTED") == {"FINISHED"}
    assert [pin.fhmr_pin.joint for pin in pins.of(rig)] == ["right_wrist"]


def test_without_a_pin_the_button_says_so(scene: bpy.types.Scene, body: Body) -> None:
    build(scene, sitter.shot(1), body)
    with pytest.raises(RuntimeError, match="Add a pin and drag it"):
        bpy.ops.fhmr.pin_apply()


def test_a_removed_pin_leaves_the_pose(scene: bpy.types.Scene, body: Body) -> None:
    rig = _pinned(scene, body)
    _drag(pins.of(rig)[0], _towards_the_shoulder(rig, 0.4))
    before = pose(rig)
    assert bpy.ops.fhmr.pin_remove(pin="walk_person1_pin_left_wrist") == {"FINISHED"}
    assert not pins.of(rig)
    assert not moved(before, pose(rig))
    assert bpy.context.object == rig


def test_deleting_the_take_deletes_its_pins(scene: bpy.types.Scene, body: Body) -> None:
    _pinned(scene, body)
    assert bpy.ops.fhmr.delete_take() == {"FINISHED"}
    assert not [name for name in bpy.data.objects.keys() if "pin" in name]  # noqa: SIM118


def test_a_click_means_the_place_that_is_as_far_away_as_the_joint() -> None:
    origin, joint = Vector((0.0, 0.0, 0.0)), Vector((0.2, 3.0, -0.1))
    place = on_ray(origin, Vector((0.0, 1.0, 0.1)).normalized(), joint)
    assert abs(place.x) < 1e-6
    assert abs((place - joint).dot(Vector((0.0, 1.0, 0.1)))) < 1e-5
    assert live.attended()
