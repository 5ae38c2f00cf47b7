"""The armature of a person: SMPL's joints as bones, posed by SMPL's rotations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from ..core.arrays import Floats
from ..core.body import Body
from ..core.euler import ORDERS
from ..core.motion import Motion
from ..core.skeleton import JOINT_NAMES, PARENTS
from ..errors import FhmrError
from . import body_mesh, bone_shapes, conversion, datablocks

BONE_LENGTH = 0.08  # metres; display only, the bones' shapes show where they lead


def create(
    name: str, body: Body, betas: Floats, collection: bpy.types.Collection, unit: float
) -> bpy.types.Object:
    """Make a rig in rest pose with its mesh, both shaped.

    Args:
        name: Of the armature; the mesh adds `_body`.
        body: Whose mesh and joints.
        betas: (10,) of that body.
        collection: Gets both objects.
        unit: Blender units a metre.
    """
    armature = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, armature)
    collection.objects.link(rig)
    rig.scale = (unit, unit, unit)
    rest_joints = body.rest_joints(betas)
    with edit_mode(rig):
        _add_bones(armature, rest_joints)
    mesh = body_mesh.create(f"{name}_body", body, rig)
    collection.objects.link(mesh)
    body_mesh.set_betas(mesh, betas)
    _dress(rig, rest_joints)
    return rig


def pose(rig: bpy.types.Object, motion_world: Motion, index: int) -> None:
    """Pose a rig as one frame of a motion.

    Raises:
        FhmrError: A bone was renamed or deleted; nothing is changed then.
    """
    bones = joint_bones(rig)
    quaternions = conversion.pose_quaternions(motion_world.rotations[index : index + 1])[0]
    apply(bones, quaternions, locations(rig, motion_world)[index])
    rig.update_tag()


def apply(bones: list[bpy.types.PoseBone], quaternions: Floats, location: Floats) -> None:
    """Set the rotations (24, 4) of all bones and the location (3,) of the pelvis."""
    for bone, quaternion in zip(bones, quaternions, strict=True):
        if bone.rotation_mode in ORDERS:
            angles = cast("Any", bone).rotation_euler  # the new ones stay close to them
            turned = Quaternion(quaternion.tolist()).to_euler(bone.rotation_mode, angles)
            cast("Any", bone).rotation_euler = turned
        else:
            bone.rotation_mode = "QUATERNION"
            bone.rotation_quaternion = quaternion
    cast("Any", bones[0]).location = location


def locations(rig: bpy.types.Object, motion_world: Motion) -> Floats:
    """(N, 3) the pelvis bone's location over a motion."""
    return conversion.pelvis_locations(motion_world.transl, rest_joints(rig)[0])


def joint_bones(rig: bpy.types.Object) -> list[bpy.types.PoseBone]:
    """The pose bones in SMPL's order.

    Raises:
        FhmrError: One was renamed or deleted.
    """
    for name in JOINT_NAMES:
        if name not in datablocks.pose_bones(rig):
            raise FhmrError(
                f"The bone {name} of {rig.name} is missing.",
                "Undo its renaming or deletion, or estimate the pose again.",
            )
    return [datablocks.pose_bones(rig)[name] for name in JOINT_NAMES]


def rest_joints(rig: bpy.types.Object) -> Floats:
    """(24, 3) metres, `body` frame: where the rig's bones rest."""
    heads = np.array([bone.bone.head_local for bone in joint_bones(rig)])
    return conversion.body_points(heads)


def mesh_of(rig: bpy.types.Object) -> bpy.types.Object | None:
    """The body that a rig moves, if it is still there."""
    for child in rig.children:
        if child.type == "MESH" and any(item.type == "ARMATURE" for item in child.modifiers):
            return child
    return None


def _add_bones(armature: bpy.types.Armature, joints: Floats) -> None:
    matrices = conversion.bone_rest(joints)
    bones: list[bpy.types.EditBone] = []
    for name, parent, matrix in zip(JOINT_NAMES, PARENTS, matrices, strict=True):
        bone = armature.edit_bones.new(name)
        bone.tail = (0.0, 0.0, BONE_LENGTH)  # a bone without length cannot be turned
        bone.matrix = Matrix(matrix.tolist())
        bone.length = BONE_LENGTH
        if parent >= 0:
            bone.parent = bones[parent]
        bones.append(bone)


def _dress(rig: bpy.types.Object, joints: Floats) -> None:
    """Colours, shapes and locks for the artist's hand."""
    rig.show_in_front = True
    shape = bone_shapes.create(f"{rig.name}_bone")
    directions = bone_shapes.directions(joints)
    for index, bone in enumerate(joint_bones(rig)):
        bone.rotation_mode = "QUATERNION"
        cast("Any", bone).lock_location = (index > 0,) * 3
        bone_shapes.dress(bone, shape, directions[index])
        colour = body_mesh.SIDE_COLOURS[body_mesh.side(index)]
        look = cast("Any", bone.bone.color)
        look.palette = "CUSTOM"
        look.custom.normal = colour[:3]
        look.custom.select = (1.0, 1.0, 1.0)
        look.custom.active = (1.0, 1.0, 0.6)


@contextmanager
def edit_mode(rig: bpy.types.Object) -> Iterator[None]:
    """Bones can be made in Edit Mode only, which Blender offers through an operator alone."""
    layer = bpy.context.view_layer
    before = layer.objects.active
    selected = [item for item in layer.objects if item.select_get()]
    if before is not None and before.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for item in selected:
        item.select_set(False)
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        yield
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        layer.objects.active = before
        for item in selected:
            item.select_set(True)
