"""Files for other programs: read again, they stand upright, at scale 1, where the rig did."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import exchange, rig, shot_scene
from fhmr_blender.blender.played_motion import played_motion
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.rotations import geodesic_angle, matrix_from_axis_angle
from fhmr_blender.core.skeleton import JOINT_NAMES
from tests.blender.made_shots import as_estimated, made_shot

FRAMES = 5


def _rigs(scene: bpy.types.Scene, body: Body, people: int = 1) -> list[bpy.types.Object]:
    scene.render.fps = 25
    shot = made_shot(body, frames=FRAMES, people=people)
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    bpy.context.view_layer.objects.active = made.rigs[0]
    return [as_estimated(item) for item in made.rigs]


def _joints(scene: bpy.types.Scene, item: bpy.types.Object) -> Floats:
    """(N, 24, 3) metres, `world`, as Blender plays them."""
    rows = []
    for frame in range(1, FRAMES + 1):
        scene.frame_set(frame)
        bpy.context.view_layer.update()
        rows.append([item.matrix_world @ item.pose.bones[name].head for name in JOINT_NAMES])
    return np.array(rows) * scene.unit_settings.scale_length


def _points(mesh: bpy.types.Object | None) -> Floats:
    """(V, 3) `world`, as Blender shows them at the present frame."""
    assert mesh is not None
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(evaluated.data.vertices), dtype=np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _read_again(scene: bpy.types.Scene, path: Path) -> bpy.types.Object:
    before = set(bpy.data.objects)
    if path.suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
    elif path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        bpy.ops.import_anim.bvh(filepath=str(path), use_fps_scale=False)
    made = [item for item in bpy.data.objects if item not in before and item.type == "ARMATURE"]
    assert len(made) == 1
    assert scene.render.fps == 25
    return made[0]


@pytest.mark.parametrize("kind", ["FBX", "GLTF", "BVH"])
@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_a_file_read_again_moves_as_the_rig_did(
    scene: bpy.types.Scene, body: Body, tmp_path: Path, kind: str, unit: float
) -> None:
    scene.unit_settings.scale_length = unit
    item = _rigs(scene, body)[0]
    bone = item.pose.bones["left_elbow"]
    bone.rotation_quaternion = (0.8, 0.0, 0.6, 0.0)
    bone.keyframe_insert("rotation_quaternion", frame=3)  # the artist's own
    expected = _joints(scene, item)
    mesh = rig.mesh_of(item)
    scene.frame_set(2)
    shaped = _points(mesh) * unit
    settings = scene.frame_start, scene.frame_end, item.scale.copy()
    path = tmp_path / f"walk{exchange.ENDINGS[kind]}"
    assert bpy.ops.fhmr.export(filepath=str(path), kind=kind) == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end, item.scale) == settings
    assert (scene.frame_current, bpy.context.object, rig.mesh_of(item)) == (2, item, mesh)
    if kind in ("GLTF", "BVH"):
        scene.unit_settings.scale_length = 1.0  # these know no units but metres
    again = _read_again(scene, path)
    np.testing.assert_allclose(_joints(scene, again), expected, atol=1e-3)
    if kind != "BVH":
        scene.frame_set(2)
        points = _points(rig.mesh_of(again)) * scene.unit_settings.scale_length
        np.testing.assert_allclose(points.min(axis=0), shaped.min(axis=0), atol=2e-3)
        np.testing.assert_allclose(points.max(axis=0), shaped.max(axis=0), atol=2e-3)


def test_fbx_and_gltf_hold_everybody_the_others_a_file_each(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    rigs = _rigs(scene, body, people=2)
    rigs[0].fhmr_take.bake.people = "SHOT"
    for kind in ("GLTF", "CSV"):
        path = tmp_path / f"all{exchange.ENDINGS[kind]}"
        assert bpy.ops.fhmr.export(filepath=str(path), kind=kind) == {"FINISHED"}
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["all.glb", "all_person1.csv", "all_person2.csv"]


def test_amass_holds_what_the_rig_plays(scene: bpy.types.Scene, body: Body, tmp_path: Path) -> None:
    item = _rigs(scene, body)[0]
    item.location = (1.0, 2.0, 0.0)  # the artist moved it
    expected = _joints(scene, item)
    path = tmp_path / "walk"
    assert bpy.ops.fhmr.export(filepath=str(path), kind="AMASS") == {"FINISHED"}
    with np.load(tmp_path / "walk.npz", allow_pickle=False) as archive:
        assert float(archive["mocap_framerate"]) == 25.0
        rotations = matrix_from_axis_angle(archive["poses_smpl"].reshape(-1, 24, 3))
        joints = body.joints(rotations, archive["betas"][:10], archive["trans"])
    np.testing.assert_allclose(joints, expected, atol=1e-4)


def test_the_played_motion_is_the_takes_own(scene: bpy.types.Scene, body: Body) -> None:
    item = _rigs(scene, body)[0]
    motion = made_shot(body, frames=FRAMES).people[0].motion_world
    found = played_motion(item, np.arange(1, FRAMES + 1), motion.betas)
    assert geodesic_angle(found.rotations, motion.rotations).max() < 1e-4
    np.testing.assert_allclose(found.transl, motion.transl, atol=1e-5)


def test_a_folder_that_is_not_there_is_named(scene: bpy.types.Scene, body: Body) -> None:
    _rigs(scene, body)
    for kind in ("BVH", "FBX", "GLTF"):
        with pytest.raises(RuntimeError, match="cannot be written"):
            bpy.ops.fhmr.export(filepath="/nowhere/at/all/walk", kind=kind)
