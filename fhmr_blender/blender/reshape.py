"""A rig that gets another shape: its bones and its mesh follow, the artist's settings stay."""

from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix

from ..core.arrays import Floats
from ..core.body import Body
from ..core.motion import Person, Shot
from ..core.skeleton import JOINT_NAMES
from ..pipeline.bodies import body_of
from ..pipeline.world import move_to_world
from . import body_mesh, bone_shapes, conversion, datablocks, rig, shot_scene

_SAME_PLACE = 1e-5  # metres; what float32 makes of a joint


def body_name(shot: Shot, person: Person) -> str:
    """The name of the body that a person has, or the path of its file."""
    return str(shot.settings["body"][str(person.id)]["name"])


def fit(rig_object: bpy.types.Object, shot: Shot, person: Person) -> None:
    """Give a rig the shape of a person who has the same body as before, if it is another one.

    Raises:
        FhmrError: A bone was renamed or deleted, or the body's file is missing.
    """
    body, betas = body_of(shot, person), person.motion_world.betas
    if not np.allclose(rig.rest_joints(rig_object), body.rest_joints(betas), atol=_SAME_PLACE):
        reshape(rig_object, body, betas, new_mesh=False)


def reshape(rig_object: bpy.types.Object, body: Body, betas: Floats, new_mesh: bool) -> None:
    """Give a rig another shape.

    Args:
        rig_object: The armature.
        body: Of the shape.
        betas: (10,) of that body.
        new_mesh: The body is another one: its mesh takes the place of the old one.

    Raises:
        FhmrError: A bone was renamed or deleted; nothing is changed then.
    """
    rig.joint_bones(rig_object)
    rest_joints = body.rest_joints(betas)
    matrices = conversion.bone_rest(rest_joints)
    with rig.edit_mode(rig_object):
        bones = rig_object.data.edit_bones
        for name, matrix in zip(JOINT_NAMES, matrices, strict=True):
            length = bones[name].length
            bones[name].matrix = Matrix(matrix.tolist())
            bones[name].length = length
    for bone, direction in zip(
        rig.joint_bones(rig_object), bone_shapes.directions(rest_joints), strict=True
    ):
        if bone.custom_shape is not None:
            bone_shapes.dress(bone, bone.custom_shape, direction)
    mesh = rig.mesh_of(rig_object)
    if mesh is not None and new_mesh:
        mesh = _replace(mesh, body, rig_object)
    if mesh is not None and datablocks.mesh(mesh).shape_keys is not None:
        body_mesh.set_betas(mesh, betas)


def in_the_same_world(shot: Shot, before: Shot) -> Shot:
    """A shot of one person put back before the camera that others share with him."""
    person = shot.people[0]
    rest_pelvis = body_of(shot, person).rest_joints(person.motion_cam.betas)[0]
    rows = [list(before.frames).index(frame) for frame in person.observations.frames]
    T_world_from_cam = before.T_world_from_cam[rows]
    moved = replace(
        person, motion_world=move_to_world(person.motion_cam, T_world_from_cam, rest_pelvis)
    )
    return replace(shot, people=(moved,), T_world_from_cam=before.T_world_from_cam)


def _replace(old: bpy.types.Object, body: Body, rig_object: bpy.types.Object) -> bpy.types.Object:
    name, homes = old.name, list(old.users_collection)
    shot_scene.remove_object(old)
    mesh = body_mesh.create(name, body, rig_object)
    for home in homes:
        home.objects.link(mesh)
    return mesh
