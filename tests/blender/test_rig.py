"""The rig moves as SMPL does, and the camera sees it where core does."""

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from fhmr_blender.blender import rig, shot_scene
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.skeleton import JOINT_NAMES, PARENTS
from tests.blender.made_shots import as_estimated, made_shot


def _build(scene: bpy.types.Scene, shot: Shot, body: Body) -> shot_scene.ShotScene:
    return shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})


def _evaluated_points(item: bpy.types.Object) -> Floats:
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(evaluated.data.vertices), dtype=np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def test_the_deformed_mesh_equals_core(scene: bpy.types.Scene, body: Body) -> None:
    shot = made_shot(body, frames=3, people=2)
    made = _build(scene, shot, body)
    for item in made.rigs:
        as_estimated(item)
    for frame in (1, 3):
        scene.frame_set(frame)
        for rig_object, person in zip(made.rigs, shot.people, strict=True):
            motion = person.motion_world
            expected = body.vertices(motion.rotations, motion.betas, motion.transl)[frame - 1]
            points = _evaluated_points(rig.mesh_of(rig_object))
            np.testing.assert_allclose(points, expected, atol=1e-4)


def test_the_resting_rig_is_the_shaped_body_in_its_t_pose(
    scene: bpy.types.Scene, body: Body
) -> None:
    shot = made_shot(body)
    rig_object = _build(scene, shot, body).rigs[0]
    np.testing.assert_allclose(
        rig.rest_joints(rig_object),
        body.rest_joints(shot.people[0].motion_world.betas),
        atol=1e-6,  # float32 of a few metres
    )
    bones = rig_object.data.bones
    for name, parent in zip(JOINT_NAMES, PARENTS, strict=True):
        assert (bones[name].parent.name if bones[name].parent else None) == (
            JOINT_NAMES[parent] if parent >= 0 else None
        )
    assert bones["left_wrist"].head_local.x > 0.5
    assert bones["head"].head_local.z - bones["left_foot"].head_local.z > 1.2
    assert bones["left_foot"].head_local.y < bones["left_ankle"].head_local.y


@pytest.mark.parametrize("resolution", [(640, 480), (1920, 600), (500, 1400)])
@pytest.mark.parametrize("size", [(640, 480), (480, 800)])
@pytest.mark.parametrize("pixel_aspect", [1.0, 1.5])
def test_the_camera_sees_the_rigs_joints_where_core_does(
    scene: bpy.types.Scene,
    body: Body,
    resolution: tuple[int, int],
    size: tuple[int, int],
    pixel_aspect: float,
) -> None:
    scene.render.resolution_x, scene.render.resolution_y = resolution
    scene.render.pixel_aspect_x = pixel_aspect
    shot = made_shot(body, frames=2, size=size)
    made = _build(scene, shot, body)
    scene.frame_set(2)
    bpy.context.view_layer.update()
    heads = [made.rigs[0].pose.bones[name].head for name in JOINT_NAMES]
    seen = [
        world_to_camera_view(scene, made.camera, made.rigs[0].matrix_world @ Vector(head))
        for head in heads
    ]
    # The picture lies centred in the frame, as large as fits.
    aspect = resolution[0] * pixel_aspect / resolution[1]
    frame = np.array([max(size[0], size[1] * aspect), max(size[1], size[0] / aspect)])
    pixels = np.array([(x, 1.0 - y) for x, y, _ in seen]) * frame - (frame - size) / 2
    person = shot.people[0]
    expected = project(person.joints_cam, shot.intrinsics)[1]
    np.testing.assert_allclose(pixels, expected, atol=0.5)


def test_a_scene_in_centimetres_gets_a_body_of_its_size(scene: bpy.types.Scene, body: Body) -> None:
    scene.unit_settings.scale_length = 0.01
    shot = made_shot(body)
    made = _build(scene, shot, body)
    motion = shot.people[0].motion_world
    bpy.context.view_layer.update()
    points = _evaluated_points(rig.mesh_of(made.rigs[0]))
    expected = body.vertices(motion.rotations, motion.betas, motion.transl)[0]
    np.testing.assert_allclose(points, 100.0 * expected, atol=1e-2)
    np.testing.assert_allclose(
        made.camera.matrix_world.translation, 100.0 * shot.T_world_from_cam[0, :3, 3], atol=1e-3
    )


def test_names_say_whose_things_they_are(scene: bpy.types.Scene, body: Body) -> None:
    made = _build(scene, made_shot(body, people=2), body)
    assert made.collection.name == "FHMR walk"
    assert {item.name for item in made.collection.objects} == {
        "walk_camera",
        "walk_person1",
        "walk_person1_body",
        "walk_person2",
        "walk_person2_body",
    }


def test_what_cannot_be_built_leaves_nothing_behind(scene: bpy.types.Scene, body: Body) -> None:
    before = _datablocks()
    with pytest.raises(KeyError):
        shot_scene.build(scene, made_shot(body, frames=2, people=2), None, {1: body})
    assert _datablocks() == before


def test_deleting_the_last_person_takes_the_camera_along(
    scene: bpy.types.Scene, body: Body
) -> None:
    before = _datablocks()
    made = _build(scene, made_shot(body, frames=2, people=2), body)
    first, second = made.rigs
    shot_scene.remove_person(first)
    assert "walk_camera" in bpy.data.objects
    shot_scene.remove_person(second)
    assert _datablocks() == before


def _datablocks() -> dict[str, int]:
    """How many of everything there are."""
    kinds = ("objects", "meshes", "armatures", "cameras", "actions", "materials", "collections")
    kinds += ("shape_keys", "images")
    return {kind: len(getattr(bpy.data, kind)) for kind in kinds}
