"""A rig's motion as Blender plays it, the artist's own keys and constraints with it."""

import bpy
import numpy as np

from ..core.arrays import Floats, Indices
from ..core.interchange import with_motion
from ..core.motion import Motion, Person, Shot
from ..core.rotations import nearest_rotation
from ..core.skeleton import PARENTS
from . import rig, takes


def played_person(rig_object: bpy.types.Object, shot: Shot, person: Person) -> Person:
    """A person with the motion that its rig plays at the person's frames.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    frames = takes.scene_frames(person)
    if takes.is_still(shot):
        frames = np.array([bpy.context.scene.frame_current])
    motion = played_motion(rig_object, frames, person.motion_world.betas)
    return with_motion(shot, person, motion, rig.rest_joints(rig_object))


def played_motion(rig_object: bpy.types.Object, frames: Indices, betas: Floats) -> Motion:
    """What a rig does at scene frames (N,), in `world`, metres. The scene's frame is restored.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    scene = bpy.context.scene
    bones = rig.joint_bones(rig_object)
    shown = scene.frame_current
    outer = np.empty((len(frames), 24, 3, 3))
    pelvis = np.empty((len(frames), 3))
    try:
        for row, frame in enumerate(frames):
            scene.frame_set(int(frame))
            world = np.array(rig_object.matrix_world)
            pose = np.array([bone.matrix for bone in bones])  # (24, 4, 4)
            outer[row] = nearest_rotation(world[:3, :3] @ pose[:, :3, :3])
            pelvis[row] = world[:3, :3] @ pose[0, :3, 3] + world[:3, 3]
    finally:
        scene.frame_set(shown)
    # Bones rest along SMPL's axes, so where they point is SMPL's rotation in the world.
    rotations = outer.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        rotations[:, joint] = np.swapaxes(outer[:, parent], -1, -2) @ outer[:, joint]
    pelvis *= scene.unit_settings.scale_length
    return Motion(rotations, pelvis - rig.rest_joints(rig_object)[0], betas)
