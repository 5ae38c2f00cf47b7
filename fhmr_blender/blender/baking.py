"""A take's motion as keyframes of its rig."""

import math
from dataclasses import dataclass

import bpy
import numpy as np

from ..core.arrays import Floats, Indices
from ..core.euler import ORDERS, continuous_eulers
from ..core.interpolation import motion_at
from ..core.key_reduction import (
    Deviation,
    distance,
    euler_deviation,
    key_positions,
    quaternion_deviation,
    slopes,
)
from ..core.motion import Motion, Person, Shot
from ..core.rotations import matrix_from_quaternion
from ..core.skeleton import JOINT_NAMES
from . import conversion, keyframes, rig, takes
from .keyframes import Track
from .properties import take_of

PLACE_PER_RADIAN = 0.25  # metres the pelvis may be off a radian of tolerance: 4 mm a degree; guess
_CHANNELS = ("rotation_quaternion", "rotation_euler")


@dataclass(frozen=True)
class Keying:
    """How motion becomes keys."""

    tolerance: float | None = None  # radians; None: a key at every frame given
    rotation_mode: str | None = None  # "QUATERNION" or an order of axes; None: each bone's own


@dataclass(frozen=True, eq=False)
class BoneMotion:
    """What some bones do, as Blender's channels want it."""

    bones: list[bpy.types.PoseBone]
    frames: Indices  # (K,) scene frames, increasing
    quaternions: Floats  # (K, B, 4) of length 1, neighbours with close signs
    places: dict[int, Floats]  # by the bone's index: location (K, 3), Blender units
    unit: float = 1.0  # such units a metre


def bake(
    rig_object: bpy.types.Object,
    motion_world: Motion,
    at: Floats,
    frames: Indices,
    keying: Keying | None = None,
) -> int:
    """Write a motion as keyframes of a rig.

    Args:
        rig_object: The armature.
        motion_world: N frames.
        at: (K,) where in the motion to look, 0..N-1; between frames it is interpolated.
        frames: (K,) scene frames, increasing.
        keying: None: a key at every frame, in each bone's own rotation mode.

    Returns:
        At how many places a key of the artist's was kept.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    bones = rig.joint_bones(rig_object)
    wanted = motion_at(motion_world, at)
    quaternions = conversion.pose_quaternions(wanted.rotations)  # (K, 24, 4)
    motion = BoneMotion(bones, frames, quaternions, {0: rig.locations(rig_object, wanted)})
    return write_bones(rig_object, motion, keying or Keying())


def write_bones(armature: bpy.types.Object, motion: BoneMotion, keying: Keying) -> int:
    """Write what bones of any armature do; our older keys of another rotation mode go.

    Returns:
        At how many places a key of the artist's was kept.
    """
    modes = [_set_mode(bone, keying.rotation_mode) for bone in motion.bones]
    tracks: list[Track] = []
    stale: list[str] = []
    for mode in sorted(set(modes)):
        chosen = [index for index, own in enumerate(modes) if own == mode]
        channel, other = _CHANNELS if mode == "QUATERNION" else _CHANNELS[::-1]
        values = motion.quaternions[:, chosen]
        measure = quaternion_deviation
        if mode != "QUATERNION":
            values = continuous_eulers(matrix_from_quaternion(values), mode)
            measure = euler_deviation(mode)
        names = [motion.bones[index].name for index in chosen]
        paths = [path_of(name, channel) for name in names]
        stale += [path_of(name, other) for name in names]
        tracks += _tracks(paths, motion.frames, values, measure, keying.tolerance)
    tolerance = keying.tolerance
    if tolerance is not None:
        tolerance *= PLACE_PER_RADIAN * motion.unit
    for index, place in motion.places.items():
        path = path_of(motion.bones[index].name, "location")
        tracks += _tracks([path], motion.frames, place[:, None], distance, tolerance)
    keyframes.delete(armature, stale)
    return keyframes.write(armature, tracks)


def rewrite(rig_object: bpy.types.Object, shot: Shot, person: Person, motion_world: Motion) -> None:
    """Write the keys that we made again, as densely as they are, for a motion that has changed.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    keyed = keyed_frames(rig_object)
    if not len(keyed):
        return
    written = take_of(rig_object).bake.written_tolerance
    if written:
        keyed = np.arange(keyed[0], keyed[-1] + 1)
    at, frames = takes.lookup(shot, person, keyed)
    bake(rig_object, motion_world, at, frames, Keying(math.radians(written) or None))


def keyed_frames(rig_object: bpy.types.Object) -> Indices:
    """The scene frames at which a rig's joints have keys that we made, increasing."""
    return keyframes.frames_of(rig_object, _paths(("rotation_quaternion", "rotation_euler")))


def delete(rig_object: bpy.types.Object, start: int, end: int) -> int:
    """Delete our keys of a rig's joints between two scene frames; how many went."""
    return keyframes.delete(rig_object, _paths((*_CHANNELS, "location")), (start, end))


def path_of(bone: str, channel: str) -> str:
    """Where a bone's channel is found from its armature."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'


def _paths(channels: tuple[str, ...]) -> list[str]:
    return [path_of(name, channel) for name in JOINT_NAMES for channel in channels]


def _set_mode(bone: bpy.types.PoseBone, wanted: str | None) -> str:
    mode = wanted or bone.rotation_mode
    if mode not in ORDERS:
        mode = "QUATERNION"
    bone.rotation_mode = mode
    return mode


def _tracks(
    paths: list[str],
    frames: Indices,
    values: Floats,
    measure: Deviation,
    tolerance: float | None,
) -> list[Track]:
    """Tracks of G properties (K, G, C)."""
    if tolerance is None:
        return [Track(path, frames, values[:, group]) for group, path in enumerate(paths)]
    keys = key_positions(frames, values, measure, tolerance)
    slope = slopes(frames, values)
    return [
        Track(
            path,
            frames[keys[:, group]],
            values[keys[:, group], group],
            slope[keys[:, group], group],
        )
        for group, path in enumerate(paths)
    ]
