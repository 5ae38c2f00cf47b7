"""An object's data as what they are; Blender's own types say only that there may be some."""

import bpy


def mesh(item: bpy.types.Object) -> bpy.types.Mesh:
    """The mesh of a mesh object."""
    assert isinstance(item.data, bpy.types.Mesh)
    return item.data


def camera(item: bpy.types.Object) -> bpy.types.Camera:
    """The camera of a camera object."""
    assert isinstance(item.data, bpy.types.Camera)
    return item.data


def pose_bones(item: bpy.types.Object) -> "bpy.types.bpy_prop_collection[bpy.types.PoseBone]":
    """The pose bones of an armature object."""
    assert item.pose is not None
    return item.pose.bones


def shape_keys(item: bpy.types.Object) -> "bpy.types.bpy_prop_collection[bpy.types.ShapeKey]":
    """The shape keys of a mesh object that has some."""
    keys = mesh(item).shape_keys
    assert keys is not None
    return keys.key_blocks
