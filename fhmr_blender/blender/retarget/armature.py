"""An armature of the artist's: its rest, and which of its bones follows which.

Between two controls there may be other bones and constraints. What follows what is found by
turning each control a little and looking at the others, so that a rig needs to be known by its
bones' names alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from ...core.arrays import Floats, Indices
from ...core.retargeting import NEEDED_JOINTS, RETARGETED, Rest
from ...core.rotations import geodesic_angle, nearest_rotation
from ...errors import FhmrError
from .. import datablocks

_PROBE = Quaternion((1.0, 0.3, 0.2, -0.1)).normalized()  # some 41 degrees about no axis of a bone
_SAME = np.radians(0.5)  # of what turns rigidly with a control
_FLOOR_RANGE = 0.1  # of the leg's length that z = 0 may lie from the soles to be the floor; guess


@dataclass(frozen=True, eq=False)
class Target:
    """An armature ready to be moved; B mapped bones, parents before children."""

    armature: bpy.types.Object
    bones: list[bpy.types.PoseBone]
    rest: Rest
    R_body_from_armature: Floats  # (3, 3) body axes of its rest pose
    metre: float  # metres a unit of the armature's own space
    parents: Indices  # (B,) which control each follows; -1 none
    between: Floats  # (B, 3, 3) parent control (or the armature) from the bone's zero
    root_zero: Floats  # (3,) head of the pelvis bone where its location is 0, armature's space
    root_ways: Floats  # (3, 3) how far it moves for each unit of location
    mixed: tuple[str, ...]  # bones that follow one in part only


def inspect(armature: bpy.types.Object, mapping: Mapping[str, str]) -> Target:
    """Look at an armature; its pose is as before afterwards.

    Raises:
        FhmrError: Bones are missing, or it cannot be moved.
    """
    bones = _bones(armature, mapping)
    joints = tuple(bones)
    controls = list(bones.values())
    metre = float(np.mean(np.array(armature.matrix_world.to_scale()))) * _scene_metre()
    R_body_from_armature = _axes(bones)
    rotations = np.array([_rotation(bone.bone.matrix_local) for bone in controls])
    heads = np.array([bone.bone.head_local for bone in controls])
    heads = metre * heads @ R_body_from_armature.T
    rest = Rest(joints, R_body_from_armature @ rotations, heads, _floor(joints, heads))
    with _free(armature, controls):
        parents, mixed = _followers(armature, controls)
        now = np.array([_rotation(bone.matrix) for bone in controls])
        between = np.array(
            [
                now[bone] if parent < 0 else now[parent].T @ now[bone]
                for bone, parent in enumerate(parents)
            ]
        )
        zero, ways = _root(armature, bones["pelvis"])
    return Target(
        armature=armature,
        bones=controls,
        rest=rest,
        R_body_from_armature=R_body_from_armature,
        metre=metre,
        parents=parents,
        between=between,
        root_zero=zero,
        root_ways=ways,
        mixed=mixed,
    )


def _bones(armature: bpy.types.Object, mapping: Mapping[str, str]) -> dict[str, bpy.types.PoseBone]:
    """By joint, in SMPL's order."""
    present = datablocks.pose_bones(armature)
    for joint in NEEDED_JOINTS:
        if not mapping.get(joint):
            raise FhmrError(
                f"No bone of {armature.name} is named for the {joint.replace('_', ' ')}.",
                "Choose one in the table.",
            )
    for name in mapping.values():
        if name and name not in present:
            raise FhmrError(
                f"{armature.name} has no bone {name}.", "Choose another one in the table."
            )
    chosen = [mapping[joint] for joint in RETARGETED if mapping.get(joint)]
    for name in chosen:
        if chosen.count(name) > 1:
            raise FhmrError(
                f"The bone {name} is chosen for two joints.", "Choose another one in the table."
            )
    return {joint: present[mapping[joint]] for joint in RETARGETED if mapping.get(joint)}


def _axes(bones: Mapping[str, bpy.types.PoseBone]) -> Floats:
    """(3, 3) body from armature: left and up as its legs lie, along the armature's own axes."""

    def head(joint: str) -> Floats:
        return np.array(bones[joint].bone.head_local)

    left = _nearest_axis(head("left_hip") - head("right_hip"))
    hips, ankles = (
        0.5 * (head(f"left_{part}") + head(f"right_{part}")) for part in ("hip", "ankle")
    )
    up = _nearest_axis(hips - ankles)
    if abs(float(left @ up)) > 0.5:
        raise FhmrError(
            "The rest pose of this armature does not stand upright.",
            "Choose the bones of the legs in the table, left and right.",
        )
    return np.stack((left, up, np.cross(left, up)))


def _nearest_axis(direction: Floats) -> Floats:
    axis = np.zeros(3)
    largest = int(np.argmax(np.abs(direction)))
    axis[largest] = np.sign(direction[largest]) or 1.0
    return axis


def _floor(joints: tuple[str, ...], heads: Floats) -> float:
    """The armature's z = 0, if its feet are there; else just under its lowest joint."""
    lowest = float(heads[:, 1].min())
    leg = float(heads[joints.index("left_hip"), 1]) - lowest
    if -0.02 * leg <= lowest <= _FLOOR_RANGE * leg:
        return 0.0
    return lowest - 0.03 * leg


def _scene_metre() -> float:
    return float(bpy.context.scene.unit_settings.scale_length)


def _rotation(matrix: Matrix) -> Floats:
    return nearest_rotation(np.array(matrix.to_3x3()))


@contextmanager
def _free(armature: bpy.types.Object, controls: list[bpy.types.PoseBone]) -> Iterator[None]:
    """The controls unturned, without an action; afterwards as before."""
    animation = cast("Any", armature.animation_data)
    action = slot = None
    if animation is not None:
        action, slot = animation.action, animation.action_slot
    before = [bone.matrix_basis.copy() for bone in controls]
    if action is not None:
        animation.action = None
    for bone in controls:
        bone.matrix_basis = Matrix.Identity(4)
    _update(armature)
    try:
        yield
    finally:
        for bone, matrix in zip(controls, before, strict=True):
            bone.matrix_basis = matrix
        if action is not None:
            animation.action = action
            animation.action_slot = slot
        _update(armature)


def _update(armature: bpy.types.Object) -> None:
    armature.update_tag()
    bpy.context.view_layer.update()


def _followers(
    armature: bpy.types.Object, controls: list[bpy.types.PoseBone]
) -> tuple[Indices, tuple[str, ...]]:
    """Which control each turns with, -1 for none; names of those that turn in part."""
    count = len(controls)
    now = np.array([_rotation(bone.matrix) for bone in controls])
    follows = np.zeros((count, count), dtype=bool)  # [bone, control]
    mixed: set[str] = set()
    for control, bone in enumerate(controls):
        bone.matrix_basis = _PROBE.to_matrix().to_4x4()
        _update(armature)
        turned = np.array([_rotation(item.matrix) for item in controls])
        bone.matrix_basis = Matrix.Identity(4)
        own = turned @ np.swapaxes(now, -1, -2)  # (B, 3, 3)
        rigid = geodesic_angle(own, own[control]) < _SAME
        still = geodesic_angle(own, np.eye(3)) < _SAME
        follows[:, control] = rigid
        mixed.update(controls[index].name for index in np.flatnonzero(~rigid & ~still))
    _update(armature)
    np.fill_diagonal(follows, val=False)
    depth = follows.sum(axis=1)
    parents = np.full(count, -1)
    for index in range(count):
        above = np.flatnonzero(follows[index])
        if len(above):
            parents[index] = above[np.argmax(depth[above])]
    return parents, tuple(sorted(mixed))


def _root(armature: bpy.types.Object, bone: bpy.types.PoseBone) -> tuple[Floats, Floats]:
    """Where the pelvis bone is at location 0, and how location moves it."""
    zero = np.array(bone.head)
    ways = np.empty((3, 3))
    step = max(float(bone.bone.length), 1e-6)
    for axis in range(3):
        location = Vector((0.0, 0.0, 0.0))
        location[axis] = step
        cast("Any", bone).location = location
        _update(armature)
        ways[:, axis] = (np.array(bone.head) - zero) / step
    cast("Any", bone).location = (0.0, 0.0, 0.0)
    if abs(np.linalg.det(ways)) < 1e-6:
        raise FhmrError(
            f"The bone {bone.name} cannot be moved: it is connected to its parent.",
            "Choose the bone that carries the whole body for the pelvis.",
        )
    return zero, ways
