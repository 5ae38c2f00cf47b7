"""Keyframes in Blender's layered actions, written by the array.

Keys that we write are of Blender's type `GENERATED`; only they are replaced, others survive.
"""

from collections.abc import Mapping
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Bools, Floats, Indices
from ..core.motion import Motion
from ..core.skeleton import JOINT_NAMES
from . import conversion, rig

Owner = bpy.types.Object | bpy.types.Camera
Channel = tuple[str, int]
"""Data path and array index."""
Keys = dict[str, NDArray[Any]]
"""Attributes of a curve's keys by Blender's names, K keys: (K, 2) or (K,)."""

_PLAIN = {"interpolation": "BEZIER", "handle_left_type": "AUTO_CLAMPED"}
_PLAIN["handle_right_type"] = "AUTO_CLAMPED"
_PLAIN["type"] = "GENERATED"
_PAIRS = ("co", "handle_left", "handle_right")
_ENUMS = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")


def bake(rig_object: bpy.types.Object, motion_world: Motion, at: Floats, frames: Indices) -> None:
    """Write a motion as keyframes of a rig.

    Args:
        rig_object: The armature.
        motion_world: N frames.
        at: (K,) where in the motion to look, 0..N-1; between frames it is interpolated.
        frames: (K,) scene frames, increasing.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    rig.joint_bones(rig_object)
    quaternions = conversion.pose_quaternions(motion_world.rotations)  # (N, 24, 4)
    quaternions = _interpolate(quaternions.reshape(-1, 96), at).reshape(-1, 24, 4)
    quaternions /= np.linalg.norm(quaternions, axis=-1, keepdims=True)
    place = _interpolate(rig.locations(rig_object, motion_world), at)
    curves: dict[Channel, Floats] = {
        (_path("pelvis", "location"), axis): place[:, axis] for axis in range(3)
    }
    for joint, name in enumerate(JOINT_NAMES):
        path = _path(name, "rotation_quaternion")
        curves |= {(path, axis): quaternions[:, joint, axis] for axis in range(4)}
    write(rig_object, frames, curves)


def keyed_frames(rig_object: bpy.types.Object) -> Indices:
    """The scene frames at which a rig's joints have keys that we made, increasing."""
    bag = _present_bag(rig_object)
    frames: set[int] = set()
    if bag is not None:
        paths = {_path(name, "rotation_quaternion") for name in JOINT_NAMES}
        for curve in bag.fcurves:
            if curve.data_path in paths:
                stored = _read(curve)
                ours = stored["type"] == _number("type", "GENERATED")
                frames.update(np.round(stored["co"][ours, 0]).astype(int).tolist())
    return np.array(sorted(frames), dtype=int)


def write(owner: Owner, frames: Indices, curves: Mapping[Channel, Floats]) -> None:
    """Write values (K,) of channels at scene frames (K,), increasing.

    Our own keys between the first and the last frame go, others stay where no new key falls.
    """
    bag = _bag(owner)
    for (path, index), values in curves.items():
        curve = bag.fcurves.find(path, index=index)
        if curve is None:
            curve = bag.fcurves.new(path, index=index)
            curve.group = _group(bag, path)
        fresh = _fresh(frames, values)
        if len(curve.keyframe_points):
            fresh = _merged(_read(curve), fresh)
            curve.keyframe_points.clear()
        _put(curve, fresh)


def _interpolate(values: Floats, at: Floats) -> Floats:
    """Rows of (N, C) at fractional indices (K,)."""
    low = np.clip(np.floor(at).astype(int), 0, len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    share = (at - low)[:, None]
    return values[low] * (1 - share) + values[high] * share


def _path(bone: str, channel: str) -> str:
    return f'pose.bones["{bone}"].{channel}'


def _present_bag(owner: Owner) -> bpy.types.ActionChannelbag | None:
    animation = cast("Any", owner.animation_data)
    if animation is None or animation.action is None or animation.action_slot is None:
        return None
    for layer in animation.action.layers:
        for strip in layer.strips:
            return strip.channelbag(animation.action_slot)
    return None


def _bag(owner: Owner) -> bpy.types.ActionChannelbag:
    """Where the owner's curves lie; its present action, or a new one of its name."""
    animation = cast("Any", owner.animation_data or owner.animation_data_create())
    action = animation.action
    if action is None:
        action = bpy.data.actions.new(owner.name)
        animation.action = action
    if animation.action_slot is None:
        animation.action_slot = action.slots.new(id_type=owner.id_type, name=owner.name)
    layer = action.layers[0] if len(action.layers) else action.layers.new("Layer")
    strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(animation.action_slot, ensure=True)


def _group(bag: bpy.types.ActionChannelbag, path: str) -> bpy.types.ActionGroup | None:
    """Channels of a bone are shown together under its name."""
    if not path.startswith("pose.bones"):
        return None
    name = path.split('"')[1]
    return bag.groups.get(name) or bag.groups.new(name)


def _number(attribute: str, identifier: str) -> int:
    items = cast("Any", bpy.types.Keyframe.bl_rna.properties[attribute]).enum_items
    return items[identifier].value


def _fresh(frames: Indices, values: Floats) -> Keys:
    points = np.stack((frames, values), axis=-1).astype(np.float32)
    keys: Keys = dict.fromkeys(_PAIRS, points)
    for name, identifier in _PLAIN.items():
        keys[name] = np.full(len(frames), _number(name, identifier), dtype=np.int32)
    keys["easing"] = np.full(len(frames), _number("easing", "AUTO"), dtype=np.int32)
    return keys


def _read(curve: bpy.types.FCurve) -> Keys:
    points = curve.keyframe_points
    keys: Keys = {}
    for name in _PAIRS:
        pairs = np.empty(2 * len(points), dtype=np.float32)
        points.foreach_get(name, pairs)
        keys[name] = pairs.reshape(-1, 2)
    for name in _ENUMS:
        numbers = np.empty(len(points), dtype=np.int32)
        points.foreach_get(name, numbers)
        keys[name] = numbers
    return keys


def _merged(old: Keys, new: Keys) -> Keys:
    keep = _surviving(old, new["co"][:, 0])
    order = np.argsort(np.concatenate((old["co"][keep, 0], new["co"][:, 0])), kind="stable")
    return {name: np.concatenate((old[name][keep], new[name]))[order] for name in new}


def _surviving(old: Keys, frames: Floats) -> Bools:
    times = old["co"][:, 0]
    ours = old["type"] == _number("type", "GENERATED")
    replaced = ours & (times >= frames[0]) & (times <= frames[-1])
    return ~replaced & ~np.isin(np.round(times), frames)


def _put(curve: bpy.types.FCurve, keys: Keys) -> None:
    points = curve.keyframe_points
    points.add(len(keys["co"]))
    for name in _PAIRS:
        points.foreach_set(name, np.ascontiguousarray(keys[name]).ravel())
    for name in _ENUMS:
        points.foreach_set(name, np.ascontiguousarray(keys[name]))
    curve.update()
