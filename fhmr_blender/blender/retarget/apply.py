"""A take's motion as keyframes of the artist's own armature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import bpy
import numpy as np

from ...core.arrays import Floats, Indices
from ...core.interpolation import motion_at
from ...core.motion import Motion, Person, Shot
from ...core.retargeting import Carried, carry, local_rotations, source_rest
from ...core.rotations import (
    continuous_quaternions,
    geodesic_angle,
    nearest_rotation,
    quaternion_from_matrix,
)
from ...pipeline.bodies import body_of
from .. import baking, clean_up, datablocks, takes
from ..baking import BoneMotion, Keying
from .armature import Target, inspect
from .presets import Preset


@dataclass(frozen=True)
class Outcome:
    """What was written."""

    frames: int
    bones: int
    kept: int  # places where a key of the artist's stayed
    off: float  # radians, how far the rig's own constraints turn a bone away at the most
    off_bone: str


def retarget(
    rig: bpy.types.Object,
    shot: Shot,
    person: Person,
    armature: bpy.types.Object,
    preset: Preset,
    keying: Keying,
    scaled: bool,
) -> Outcome:
    """Move an armature as a rig is shown; a picture becomes keys at the scene's frame.

    Raises:
        FhmrError: The mapping does not fit the armature, or the person's body is missing.
    """
    scene = bpy.context.scene
    wanted = np.array([scene.frame_current])
    if not takes.is_still(shot):
        own = takes.scene_frames(person)
        wanted = np.arange(own[0], own[-1] + 1)
    at, frames = takes.lookup(shot, person, wanted)
    motion = motion_at(clean_up.shown_motion(rig, shot, person), at)
    before = _switch(armature, preset.switches)
    try:
        target = inspect(armature, preset.bones)
        carried = _carried(shot, person, motion, target, scaled)
    except BaseException:
        _switch(armature, before)
        raise
    rotations = _armature_rotations(target, carried)
    local = local_rotations(rotations, target.parents, target.between)
    quaternions = continuous_quaternions(quaternion_from_matrix(local))
    quaternions = np.where(quaternions[:1, :, :1] < 0, -quaternions, quaternions)
    moved = BoneMotion(
        bones=target.bones,
        frames=frames,
        quaternions=quaternions,
        places={target.rest.joints.index("pelvis"): _root_locations(target, carried)},
        unit=1.0 / target.metre,
    )
    kept = baking.write_bones(armature, moved, keying)
    off, bone = _deviation(scene, target, rotations, frames)
    return Outcome(len(frames), len(target.bones), kept, off, bone)


def _carried(shot: Shot, person: Person, motion: Motion, target: Target, scaled: bool) -> Carried:
    body = body_of(shot, person)
    floor = float(body.rest_vertices(motion.betas)[:, 1].min())
    source = source_rest(body.rest_joints(motion.betas), floor)
    return carry(motion, source, target.rest, scaled)


def _armature_rotations(target: Target, carried: Carried) -> Floats:
    """(N, B, 3, 3) armature from bone."""
    world = nearest_rotation(np.array(target.armature.matrix_world.to_3x3()))
    return world.T @ carried.rotations


def _root_locations(target: Target, carried: Carried) -> Floats:
    """(N, 3) the pelvis bone's location."""
    units = carried.root / float(bpy.context.scene.unit_settings.scale_length)
    inverse = np.linalg.inv(np.array(target.armature.matrix_world))
    heads = units @ inverse[:3, :3].T + inverse[:3, 3]
    return (heads - target.root_zero) @ np.linalg.inv(target.root_ways).T


def _switch(
    armature: bpy.types.Object, values: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """Set custom properties of bones that have them; what they were."""
    before: dict[tuple[str, str], float] = {}
    for (name, key), value in values.items():
        bone = cast("Any", datablocks.pose_bones(armature).get(name))
        if bone is not None and key in bone:
            before[name, key] = bone[key]
            bone[key] = type(bone[key])(value)
    armature.update_tag()
    return before


def _deviation(
    scene: bpy.types.Scene, target: Target, rotations: Floats, frames: Indices
) -> tuple[float, str]:
    """How far bones are from where they should be as Blender plays them, at three frames."""
    shown = scene.frame_current
    worst, name = 0.0, ""
    for row in sorted({0, len(frames) // 2, len(frames) - 1}):
        scene.frame_set(int(frames[row]))
        for index, bone in enumerate(target.bones):
            found = nearest_rotation(np.array(bone.matrix.to_3x3()))
            angle = float(geodesic_angle(found, rotations[row, index]))
            if angle > worst:
                worst, name = angle, bone.name
    scene.frame_set(shown)
    return worst, name
