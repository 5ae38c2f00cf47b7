"""What the artist sees of a bone: an octahedron that leads to the next joint.

The bones themselves lie along SMPL's axes, all pointing up; drawn as they are they tell nothing.
"""

import bpy
import numpy as np
from mathutils import Vector

from ..core.arrays import Floats
from ..core.skeleton import JOINT_INDEX, JOINT_NAMES

_LEADS_TO = {
    "pelvis": "spine1",
    "spine1": "spine2",
    "spine2": "spine3",
    "spine3": "neck",
    "neck": "head",
    **{
        f"{side}_{joint}": f"{side}_{child}"
        for side in ("left", "right")
        for joint, child in (
            ("hip", "knee"),
            ("knee", "ankle"),
            ("ankle", "foot"),
            ("collar", "shoulder"),
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("wrist", "hand"),
        )
    },
}
_ENDS = {
    "head": (0.0, 0.16, 0.0),
    "left_foot": (0.0, 0.0, 0.08),
    "right_foot": (0.0, 0.0, 0.08),
    "left_hand": (0.09, 0.0, 0.0),
    "right_hand": (-0.09, 0.0, 0.0),
}
"""Metres, `body` frame, display only: where the joints without a child lead."""


def directions(joints: Floats) -> Floats:
    """(24, 3) metres, `body` frame: from each joint (24, 3) to where its bone leads."""
    return np.array(
        [
            _ENDS[name] if name in _ENDS else joints[JOINT_INDEX[_LEADS_TO[name]]] - joint
            for name, joint in zip(JOINT_NAMES, joints, strict=True)
        ]
    )


def create(name: str) -> bpy.types.Object:
    """An octahedron from the origin to y = 1; it needs no place in the scene."""
    width, waist = 0.09, 0.12
    corners = [
        (0.0, 0.0, 0.0),
        (width, waist, 0.0),
        (0.0, waist, width),
        (-width, waist, 0.0),
        (0.0, waist, -width),
        (0.0, 1.0, 0.0),
    ]
    ring = [(1, 2), (2, 3), (3, 4), (4, 1)]
    faces = [(0, first, second) for first, second in ring]
    faces += [(5, second, first) for first, second in ring]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    return bpy.data.objects.new(name, mesh)


def dress(bone: bpy.types.PoseBone, shape: bpy.types.Object, direction: Floats) -> None:
    """Show a bone as the shape, led along a direction (3,) in the bone's resting axes."""
    turn = Vector((0.0, 1.0, 0.0)).rotation_difference(Vector(direction.tolist()))
    bone.custom_shape = shape
    bone.use_custom_shape_bone_size = False
    bone.custom_shape_scale_xyz = (float(np.linalg.norm(direction)),) * 3
    bone.custom_shape_rotation_euler = turn.to_euler()
