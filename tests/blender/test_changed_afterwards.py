"""Estimated again without looking at the footage: landmarks, sides, body, height, lens."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import keypoints, models, saved_state, shot_scene
from fhmr_blender.blender import rig as rigs
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.skeleton import JOINT_NAMES, LANDMARK_NAMES
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.re_estimate import swap_sides
from fhmr_blender.pipeline.resolve import Changes, resolve
from tests.blender.posed import build, moved, pose, use_made_networks
from tests.unit import sitter
from tests.unit.test_resolve import anchor_network, both

PICTURE = Path(__file__).parents[1] / "data" / "skimage_astronaut.jpg"


@pytest.fixture(autouse=True)
def made_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_made_networks(monkeypatch)
    networks = both()
    monkeypatch.setattr(models, "networks", lambda choices: networks)


def _rotations(rig: bpy.types.Object) -> Floats:
    return saved_state.load(rig)[1].motion_world.rotations


def _mesh_joints(rig: bpy.types.Object) -> Floats:
    """Where the rig's bones are posed (24, 3), scene units."""
    bpy.context.view_layer.update()
    return np.array([rig.matrix_world @ rig.pose.bones[name].head for name in JOINT_NAMES])


def _stature(rig: bpy.types.Object) -> float:
    """Metres from the soles to the crown of the resting body."""
    rig.data.pose_position = "REST"
    bpy.context.view_layer.update()
    mesh = rigs.mesh_of(rig).evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    heights = np.array([vertex.co.z for vertex in mesh.vertices])
    rig.data.pose_position = "POSE"
    return float(np.ptp(heights))


def test_corrected_landmarks_are_solved_without_the_footage(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    bpy.ops.fhmr.keypoints_clear()
    assert bpy.ops.fhmr.re_estimate() == {"FINISHED"}
    before = _rotations(rig)
    _, person = saved_state.load(rig)
    wrist = LANDMARK_NAMES.index("left_wrist")
    x, y = person.observations.keypoints[0, wrist, :2]
    keypoints.store(rig, keypoints.moved([], 0, wrist, (float(x) + 60.0, float(y) - 60.0)))
    assert bpy.ops.fhmr.re_estimate() == {"FINISHED"}
    _, person = saved_state.load(rig)
    assert len(person.edits["keypoint_edits"]) == 1
    assert not keypoints.waits(rig)
    assert not np.allclose(_rotations(rig), before, atol=1e-3)
    np.testing.assert_allclose(person.observations.keypoints[0, wrist, :2], (x, y), atol=1e-3)
    bpy.ops.fhmr.keypoints_clear()
    assert bpy.ops.fhmr.re_estimate() == {"FINISHED"}
    np.testing.assert_allclose(_rotations(rig), before, atol=1e-6)
    assert bpy.ops.fhmr.reset(what="ALL") == {"FINISHED"}


def test_another_shape_of_the_torso_reshapes_the_rig_and_reset_takes_it_back(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stouter(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**anchor_network(inputs), "betas": np.full((1, 10), 0.6)}

    monkeypatch.setattr(models, "networks", lambda choices: replace(both(), anchor=stouter))
    rig = build(scene, sitter.shot(1), body)
    before = _mesh_joints(rig)
    bpy.ops.fhmr.keypoints_clear()
    keypoints.store(rig, keypoints.marked_wrong([], 0, 0))
    assert bpy.ops.fhmr.re_estimate() == {"FINISHED"}
    motion = saved_state.load(rig)[1].motion_world
    assert np.abs(motion.betas).max() > 0.1
    joints = body.joints(motion.rotations, motion.betas, motion.transl)[0]
    np.testing.assert_allclose(_mesh_joints(rig), joints, atol=1e-4)
    keys = rigs.mesh_of(rig).data.shape_keys.key_blocks
    np.testing.assert_allclose(
        [keys[f"beta_{index}"].value for index in range(10)], motion.betas, atol=1e-5
    )
    assert bpy.ops.fhmr.reset(what="ALL") == {"FINISHED"}
    np.testing.assert_allclose(_mesh_joints(rig), before, atol=1e-5)


def test_swapping_sides_is_what_the_pipeline_says_and_one_undo_step(
    scene: bpy.types.Scene, body: Body
) -> None:
    shot = sitter.shot(4)
    rig = build(scene, shot, body)
    name, before = rig.name, pose(rig)
    take = rig.fhmr_take
    take.hand.swap, take.scope, take.start, take.end = "LEGS", "RANGE", 2, 3
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.fhmr.swap_sides("EXEC_DEFAULT", True) == {"FINISHED"}
    expected = swap_sides(shot, both(), 1, "legs", 1, 3, silent)
    np.testing.assert_array_equal(_rotations(rig), expected.people[0].motion_world.rotations)
    bpy.ops.ed.undo()
    assert not moved(before, pose(bpy.data.objects[name]))


def test_single_limbs_are_not_reset_under_another_torso(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(4), body)
    rig.fhmr_take.scope = "FRAME"
    bpy.ops.fhmr.swap_sides()
    with pytest.raises(RuntimeError, match="The torso has changed since Estimate"):
        bpy.ops.fhmr.reset()


def test_another_height_reshapes_the_rig_and_its_mesh(scene: bpy.types.Scene, body: Body) -> None:
    shot = sitter.shot(1)
    rig = build(scene, shot, body)
    hand = rig.fhmr_take.hand
    with pytest.raises(RuntimeError, match="Nothing was changed"):
        bpy.ops.fhmr.resolve()
    hand.use_height, hand.height = True, 1.95
    assert bpy.ops.fhmr.resolve() == {"FINISHED"}
    expected = resolve(shot, both(), Changes(heights={1: float(np.float32(1.95))}), silent)
    person = expected.people[0]
    joints = body.joints(
        person.motion_world.rotations, person.motion_world.betas, person.motion_world.transl
    )[0]
    np.testing.assert_allclose(_mesh_joints(rig), joints, atol=1e-4)
    assert abs(_stature(rig) - 1.95) < 0.01
    assert not rig.fhmr_take.estimate
    assert (hand.use_height, round(hand.height, 3)) == (True, 1.95)
    hand.use_height = False
    assert bpy.ops.fhmr.resolve() == {"FINISHED"}
    assert abs(_stature(rig) - 1.95) > 0.02


def test_another_body_gets_another_mesh_and_undo_brings_the_old_one(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    name, mesh, materials = rig.name, rigs.mesh_of(rig).name, set(bpy.data.materials.keys())
    bpy.ops.ed.undo_push(message="before")
    rig.fhmr_take.hand.body = "male"
    assert bpy.ops.fhmr.resolve("EXEC_DEFAULT", True) == {"FINISHED"}
    male = load_body("male")
    item = rigs.mesh_of(rig)
    assert item.name == mesh
    basis = item.data.shape_keys.key_blocks["Basis"].data
    found = np.array([point.co for point in basis])
    np.testing.assert_allclose(found[:, 2], male.v_template[:, 1], atol=1e-5)
    assert len(bpy.data.materials) == len(materials)
    assert len(bpy.data.meshes) == 2  # the body and the bones' shape
    bpy.ops.ed.undo()
    rig = bpy.data.objects[name]
    assert rig.fhmr_take.hand.body == "neutral"
    assert saved_state.load(rig)[0].settings["body"]["1"]["name"] == "neutral"
    assert rigs.mesh_of(rig) is not None


def test_another_lens_changes_everybody_and_the_camera(scene: bpy.types.Scene, body: Body) -> None:
    shot = sitter.shot(1, people=2)
    rig = build(scene, shot, body)
    other = bpy.data.objects["walk_person2"]
    camera = bpy.data.objects["walk_camera"]
    focal, distance = camera.data.lens, _mesh_joints(other)[0, 1]
    hand = rig.fhmr_take.hand
    assert abs(hand.focal_length - focal) < 1e-2
    hand.focal_length = 2.0 * focal
    assert bpy.ops.fhmr.resolve() == {"FINISHED"}
    assert abs(camera.data.lens - 2.0 * focal) < 1e-2
    # Twice as far, as far as the networks agree with the made shot about the first distance.
    assert _mesh_joints(other)[0, 1] > 1.4 * distance
    for item in (rig, other):
        stored, _ = saved_state.load(item)
        np.testing.assert_allclose(
            stored.intrinsics[:, :2], 2.0 * shot.intrinsics[:, :2], rtol=1e-5
        )
        assert abs(item.fhmr_take.hand.focal_length - 2.0 * focal) < 1e-2


def test_another_height_of_one_leaves_camera_and_others_alone(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1, people=2), body)
    other, camera = bpy.data.objects["walk_person2"], bpy.data.objects["walk_camera"]
    before, stands, data = pose(other), camera.matrix_world.copy(), other.fhmr_take.data
    rig.fhmr_take.hand.use_height, rig.fhmr_take.hand.height = True, 1.95
    assert bpy.ops.fhmr.resolve() == {"FINISHED"}
    bpy.context.view_layer.update()
    assert camera.matrix_world == stands
    assert not moved(before, pose(other))
    assert other.fhmr_take.data == data
    shot, person = saved_state.load(rig)
    T_world_from_cam = shot.T_world_from_cam[0]
    body_joints = T_world_from_cam[:3, :3] @ person.joints_cam[0].T + T_world_from_cam[:3, 3:]
    np.testing.assert_allclose(_mesh_joints(rig), body_joints.T, atol=1e-4)


def test_footage_that_moved_is_found_again_and_another_file_refused(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    moved_to = tmp_path / "elsewhere.jpg"
    moved_to.write_bytes(PICTURE.read_bytes())
    shot = sitter.shot(1)
    checksum = hashlib.sha256(PICTURE.read_bytes()).hexdigest()
    shot = shot.__class__(**{**vars(shot), "source": "walk.jpg", "source_sha256": checksum})
    made = shot_scene.build(scene, shot, None, {1: body})
    bpy.context.view_layer.objects.active = made.rigs[0]
    assert bpy.ops.fhmr.relink_footage(filepath=str(moved_to)) == {"FINISHED"}
    background = made.camera.data.background_images[0].image
    assert Path(background.filepath) == moved_to
    assert scene.fhmr.filepath == str(moved_to)
    other = PICTURE.with_name("tfjs_pose.jpg")
    with pytest.raises(RuntimeError, match="is not the footage"):
        bpy.ops.fhmr.relink_footage(filepath=str(other))
    assert Path(background.filepath) == moved_to
