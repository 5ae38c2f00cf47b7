"""A real picture with the trained models, the whole way into the scene."""

import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view

from fhmr_blender.blender import saved_state
from fhmr_blender.core.skeleton import JOINT_NAMES, MAIN_JOINTS, MAIN_LANDMARKS

PICTURE = Path(__file__).parents[1] / "data" / "tfjs_pose.jpg"
REACH = 0.08  # of the person's height; the demand on overlays is 4 % in the median of pictures


@pytest.mark.slow
def test_the_rig_stands_upright_where_the_picture_shows_the_person(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    scene.fhmr.filepath = str(PICTURE)
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
    assert bpy.ops.fhmr.estimate() == {"FINISHED"}
    rig = bpy.context.object
    _, person = saved_state.load(rig)
    bpy.context.view_layer.update()
    names = [JOINT_NAMES[joint] for joint in MAIN_JOINTS]
    heads = [rig.matrix_world @ rig.pose.bones[name].head for name in names]
    seen = np.array([world_to_camera_view(scene, scene.camera, head)[:2] for head in heads])
    width, height = scene.fhmr.size
    frame = np.array([max(width, height * 16 / 9), max(height, width * 9 / 16)])
    pixels = (seen * [1, -1] + [0, 1]) * frame - (frame - (width, height)) / 2
    marks = person.observations.keypoints[0, list(MAIN_LANDMARKS)]
    visible = marks[:, 3] > 0.5
    assert visible.sum() >= 6
    box = person.observations.bbox[0]
    stature = math.hypot(box[2] - box[0], box[3] - box[1])
    distances = np.linalg.norm(pixels - marks[:, :2], axis=1)[visible]
    assert np.median(distances) < REACH * stature
    bones = rig.pose.bones
    assert bones["head"].head.z > bones["pelvis"].head.z > bones["left_ankle"].head.z

    path = str(tmp_path / "first.blend")
    name = rig.name
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    rig = bpy.data.objects[name]
    bpy.context.view_layer.objects.active = rig
    before = {bone.name: tuple(bone.rotation_quaternion) for bone in rig.pose.bones}
    rig.fhmr_take.limbs = (False, False, True, False, False)
    rig.fhmr_take.seed = 7
    assert bpy.ops.fhmr.resample() == {"FINISHED"}
    after = {bone.name: tuple(bone.rotation_quaternion) for bone in rig.pose.bones}
    moved = {name for name in after if after[name] != before[name]}
    assert moved == {"right_shoulder", "right_elbow", "right_wrist", "right_hand"}
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
