"""The skinned mesh of a body: vertex groups, betas and pose correctives as shape keys."""

import functools
from typing import Any, cast

import bpy
import numpy as np

from ..core.arrays import Floats
from ..core.body import Body
from ..core.skeleton import JOINT_NAMES, LIMBS
from . import conversion, datablocks

BETA_LIMIT = 10.0  # Blender's own bound of a shape key's value
_CORRECTIVE_MIN = 1e-7  # metres; correctives that move no vertex by more are left out
SIDE_COLOURS = {
    "left": (0.90, 0.42, 0.08, 1.0),
    "right": (0.10, 0.36, 0.85, 1.0),
    "torso": (0.55, 0.55, 0.55, 1.0),
}
"""Linear RGBA, as everywhere: left is orange, right is blue, head and torso are grey."""


def create(name: str, body: Body, rig: bpy.types.Object) -> bpy.types.Object:
    """Make the mesh of a body, bound to a rig whose bones have the joints' names.

    Betas are zero. The object is not in a collection yet.
    """
    mesh = bpy.data.meshes.new(name)
    points = conversion.armature_points(body.v_template)
    _fill(mesh, points, body)
    object_ = bpy.data.objects.new(name, mesh)
    object_.parent = rig
    _paint(mesh, body)
    _bind(object_, body, rig)
    _add_shape_keys(object_, body)
    _add_correctives(object_, body, rig)
    return object_


def set_betas(object_: bpy.types.Object, betas: Floats) -> None:
    """Set the shape keys of the betas."""
    blocks = datablocks.shape_keys(object_)
    for index, beta in enumerate(betas):
        blocks[beta_key(index)].value = float(beta)


def beta_key(index: int) -> str:
    """The name of a beta's shape key."""
    return f"beta_{index}"


def side(joint: int) -> str:
    """Which colour a joint's part of the body has."""
    limb = next((name for name, joints in LIMBS.items() if joint in joints), "torso")
    return limb.split("_")[0] if "_" in limb else "torso"


def _fill(mesh: bpy.types.Mesh, points: Floats, body: Body) -> None:
    faces = np.asarray(body.faces, dtype=np.int32)
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    if body.has_uv:
        corners = body.uv[body.uv_faces.ravel()]  # (3 F, 2)
        layer = cast("Any", mesh.uv_layers.new(name="UVMap"))
        layer.uv.foreach_set("vector", corners.astype(np.float32).ravel())
    mesh.update(calc_edges=True)


def _paint(mesh: bpy.types.Mesh, body: Body) -> None:
    """One material a side, by the joint that moves a face most."""
    sides = tuple(SIDE_COLOURS)
    of_joint = np.array([sides.index(side(joint)) for joint in range(len(JOINT_NAMES))])
    strongest = np.asarray(body.weights)[body.faces].sum(axis=1).argmax(axis=1)  # (F,) joint
    for name in sides:
        material = bpy.data.materials.new(f"{mesh.name}_{name}")
        cast("Any", material).diffuse_color = SIDE_COLOURS[name]
        mesh.materials.append(material)
    mesh.polygons.foreach_set("material_index", of_joint[strongest].astype(np.int32))


def _bind(object_: bpy.types.Object, body: Body, rig: bpy.types.Object) -> None:
    for joint, name in enumerate(JOINT_NAMES):
        group = object_.vertex_groups.new(name=name)
        column = body.weights[:, joint]
        order = np.argsort(column, kind="stable")
        order = order[column[order] > 0.0]
        # Vertices of the same weight go in together: one call each would be the slowest part.
        weights, starts = np.unique(column[order], return_index=True)
        vertices, ends = order.tolist(), [*starts[1:].tolist(), len(order)]
        for weight, start, end in zip(weights.tolist(), starts.tolist(), ends, strict=True):
            group.add(vertices[start:end], weight, "REPLACE")
    modifier = cast("Any", object_.modifiers.new("Armature", "ARMATURE"))
    modifier.object = rig
    modifier.use_deform_preserve_volume = False  # SMPL's skinning is linear


@functools.lru_cache(maxsize=2)  # some 35 MB each
def key_points(body: Body) -> tuple[Floats, Floats]:
    """The template moved by every beta (10, V, 3) and every corrective (207, V, 3), float32.

    Touches no bpy: a worker may call it beforehand.
    """
    points = conversion.armature_points(body.v_template)

    def moved(directions: Floats) -> Floats:
        by_key = np.ascontiguousarray(directions.transpose(2, 0, 1), dtype=np.float32)
        return conversion.armature_points(by_key) + points.astype(np.float32)

    return moved(body.shapedirs), moved(body.posedirs)


def _add_key(object_: bpy.types.Object, name: str, points: Floats, limit: float) -> None:
    key = object_.shape_key_add(name=name, from_mix=False)
    key.slider_min, key.slider_max = -limit, limit
    key.value = 0.0
    key.points.foreach_set("co", points.ravel())


def _add_shape_keys(object_: bpy.types.Object, body: Body) -> None:
    object_.shape_key_add(name="Basis", from_mix=False)
    for index, points in enumerate(key_points(body)[0]):
        _add_key(object_, beta_key(index), points, BETA_LIMIT)


# Entries of a rotation matrix less the identity, row by row, of a unit quaternion w x y z.
_ENTRIES = (
    ("-2*(y*y+z*z)", "xyz"[1:]),
    ("2*(x*y-w*z)", "wxyz"),
    ("2*(x*z+w*y)", "wxyz"),
    ("2*(x*y+w*z)", "wxyz"),
    ("-2*(x*x+z*z)", "xz"),
    ("2*(y*z-w*x)", "wxyz"),
    ("2*(x*z-w*y)", "wxyz"),
    ("2*(y*z+w*x)", "wxyz"),
    ("-2*(x*x+y*y)", "xy"),
)


def _add_correctives(object_: bpy.types.Object, body: Body, rig: bpy.types.Object) -> None:
    """SMPL's pose blend shapes: keys driven by the entries of R - I of every joint but the pelvis.

    Source: Loper et al., SMPL, 2015, eq. 9.
    """
    moving = np.abs(body.posedirs).max(axis=(0, 1)) > _CORRECTIVE_MIN
    for index, points in enumerate(key_points(body)[1]):
        if not moving[index]:
            continue
        joint, entry = JOINT_NAMES[1 + index // 9], index % 9
        name = f"pose_{joint}_{entry // 3}{entry % 3}"
        _add_key(object_, name, points, 2.0)
        expression, letters = _ENTRIES[entry]
        _drive(datablocks.shape_keys(object_)[name], rig, joint, expression, letters)


def _drive(
    key: bpy.types.ShapeKey, rig: bpy.types.Object, bone: str, expression: str, letters: str
) -> None:
    driver = cast("Any", key.driver_add("value")).driver
    driver.type = "SCRIPTED"  # arithmetic only: Blender evaluates it without Python
    for letter in letters:
        variable = driver.variables.new()
        variable.name = letter
        variable.type = "TRANSFORMS"
        target = variable.targets[0]
        target.id = rig
        target.bone_target = bone
        target.transform_space = "LOCAL_SPACE"
        target.rotation_mode = "QUATERNION"
        target.transform_type = f"ROT_{letter.upper()}"
    driver.expression = expression
