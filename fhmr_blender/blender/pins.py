"""Pins: empties that say where a joint should be."""

import bpy
import numpy as np
from mathutils import Vector

from ..core.arrays import Indices
from ..core.skeleton import JOINT_INDEX, LIMBS
from ..pipeline.pins import Pin
from .properties import pin_of
from .scene_camera import MOVIE_START

PIN_JOINTS = tuple(
    f"{side}_{joint}" for joint in ("wrist", "elbow", "ankle", "knee") for side in ("left", "right")
)
LOOK = "look"
"""The name of the pin that the face turns to."""
_SIZE = 0.06  # metres; display only
_LOOK_DISTANCE = 1.0  # metres before the face where the pin of the head's direction begins


def of(rig: bpy.types.Object) -> list[bpy.types.Object]:
    """A rig's pins that are in a scene, by name."""
    found = [item for item in bpy.data.objects if pin_of(item).rig == rig and item.users_collection]
    return sorted(found, key=lambda item: item.name)


def rig_of(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The rig that an object is a pin of."""
    return None if item is None else pin_of(item).rig


def limb_of(joint: str) -> str:
    """The limb that a pin's joint belongs to."""
    if joint == LOOK:
        return "head"
    return next((name for name, chain in LIMBS.items() if JOINT_INDEX[joint] in chain), "")


def joint_of_bone(bone: str) -> str:
    """What is pinned where a bone is selected; empty for the torso."""
    nearest = {"head": LOOK, "neck": LOOK}
    for side in ("left", "right"):
        nearest |= {
            f"{side}_shoulder": f"{side}_elbow",
            f"{side}_hand": f"{side}_wrist",
            f"{side}_hip": f"{side}_knee",
            f"{side}_foot": f"{side}_ankle",
        }
    joint = nearest.get(bone, bone)
    return joint if joint in (*PIN_JOINTS, LOOK) else ""


def add(rig: bpy.types.Object, joint: str, scene_frame: int) -> bpy.types.Object:
    """Make a pin where the joint is now, or take the one that there is.

    The pin of the head's direction begins before the face.
    """
    for item in of(rig):
        if pin_of(item).joint == joint:
            return item
    item = bpy.data.objects.new(f"{rig.name}_pin_{joint}", None)
    item.empty_display_type = "SPHERE"
    item.empty_display_size = _SIZE * rig.matrix_world.median_scale
    item.show_in_front = True
    item.show_name = False
    item.location = place_of_joint(rig, joint)
    pin = pin_of(item)
    pin.rig, pin.joint, pin.frame = rig, joint, scene_frame
    home = next((c for c in rig.users_collection), bpy.context.scene.collection)
    home.objects.link(item)
    return item


def place_of_joint(rig: bpy.types.Object, joint: str) -> Vector:
    """Where a joint is in the scene; for the head's direction a place before the face."""
    bones = rig.pose.bones
    if joint == LOOK:
        head = bones["head"].matrix
        return rig.matrix_world @ (head @ Vector((0.0, 0.0, _LOOK_DISTANCE)))
    return rig.matrix_world @ bones[joint].head


def read(
    rig: bpy.types.Object, limbs: tuple[str, ...], frames: Indices, still: bool
) -> tuple[Pin, ...]:
    """The pins of limbs that fall into frames of the source.

    Where the rig was moved the pins are read as if it stood where the take has it.

    Args:
        rig: The armature.
        limbs: Names.
        frames: Of the source, from 0.
        still: A picture's pins count at any frame of the scene.
    """
    found: list[Pin] = []
    to_rig = rig.matrix_world.inverted()
    for item in of(rig):
        pin = pin_of(item)
        frame = None if still or pin.every else pin.frame - MOVIE_START
        if limb_of(pin.joint) not in limbs or pin.weight == 0.0:
            continue
        if frame is not None and frame not in frames:
            continue
        x, y, z = to_rig @ place_of(item)
        look = pin.joint == LOOK
        found.append(
            Pin(
                joint="head" if look else pin.joint,
                place=(x, y, z),
                frame=frame,
                kind="look" if look else "place",
                weight=pin.weight,
            )
        )
    return tuple(found)


def place_of(item: bpy.types.Object) -> Vector:
    """Where a pin is; Blender brings the matrix of what hangs on nothing up to date too late."""
    if item.parent is None and not item.constraints:
        return item.location.copy()
    return item.matrix_world.translation.copy()


def remove(item: bpy.types.Object) -> None:
    """Delete a pin."""
    bpy.data.objects.remove(item)


def distance(rig: bpy.types.Object, item: bpy.types.Object) -> float:
    """Metres between a pin and its joint as it is posed."""
    if pin_of(item).joint == LOOK:
        return 0.0
    gap = place_of_joint(rig, pin_of(item).joint) - place_of(item)
    return float(np.linalg.norm(gap)) / rig.matrix_world.median_scale
