"""Armatures as artists have them, made in code: other names, rest poses, sizes and bone axes."""

from collections.abc import Mapping

import bpy
import numpy as np
from mathutils import Matrix, Vector

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.frames import BODY_TO_WORLD
from fhmr_blender.core.rotations import rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX, PARENTS, forward_kinematics

_FEET = {JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "foot")}


def resting_joints(body: Body, growth: float, arms: float, shins: float) -> Floats:
    """(24, 3) of a body in A-pose with longer shins, standing at 0; z up, facing -y."""
    rest = body.rest_joints(np.zeros(10)).copy()
    rest[:, 1] -= body.rest_vertices(np.zeros(10))[:, 1].min()
    shin = rest[JOINT_INDEX["left_knee"], 1] - rest[JOINT_INDEX["left_ankle"], 1]
    rest[[index for index in range(24) if index not in _FEET], 1] += (shins - 1.0) * shin
    turned = np.broadcast_to(np.eye(3), (1, 24, 3, 3)).copy()
    for sign, side in ((1, "left"), (-1, "right")):
        turned[0, JOINT_INDEX[f"{side}_shoulder"]] = rotation_about(2, -sign * arms)
    _, joints = forward_kinematics(turned, rest)
    return growth * (joints[0] + rest[0]) @ BODY_TO_WORLD.T


def make(
    bones: Mapping[str, str], joints: Floats, unit: float = 1.0, facing: Floats | None = None
) -> bpy.types.Object:
    """An armature with bones for some of SMPL's joints; other rolls and lengths than ours.

    Args:
        bones: Their names by joint.
        joints: (24, 3) metres, upright, facing -y.
        unit: Metres a unit of the armature; the object is scaled to make up for it.
        facing: (3, 3) its own axes from upright ones; the object is turned back.
    """
    turn = np.eye(3) if facing is None else facing
    data = bpy.data.armatures.new("artist")
    item = bpy.data.objects.new("artist", data)
    bpy.context.scene.collection.objects.link(item)
    bpy.context.view_layer.objects.active = item
    bpy.ops.object.mode_set(mode="EDIT")
    rng = np.random.default_rng(11)
    made: dict[str, bpy.types.EditBone] = {}
    for joint, name in sorted(bones.items(), key=lambda pair: JOINT_INDEX[pair[0]]):
        bone = data.edit_bones.new(name)
        head = turn @ joints[JOINT_INDEX[joint]] / unit
        bone.head = Vector(head)
        bone.tail = Vector(head + 0.1 / unit * rng.normal(size=3))  # no axis along the limb
        bone.roll = rng.uniform(-3, 3)
        ancestor = PARENTS[JOINT_INDEX[joint]]
        while ancestor >= 0:
            parent = next(n for n, index in JOINT_INDEX.items() if index == ancestor)
            if parent in made:
                bone.parent = made[parent]
                break
            ancestor = PARENTS[ancestor]
        made[joint] = bone
    bpy.ops.object.mode_set(mode="OBJECT")
    matrix = np.eye(4)
    matrix[:3, :3] = unit * turn.T
    item.matrix_world = Matrix(matrix.tolist())
    bpy.context.view_layer.update()
    return item
