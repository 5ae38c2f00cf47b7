"""Translucent shapes for the view: triangles made by numpy, drawn by Blender's gpu module."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from mathutils import Matrix

from ..core.arrays import Floats, Indices

_SIDES, _RINGS = 10, 3  # round about a capsule, and rings of each cap
_LIGHT = np.array([0.4, -0.5, 0.77])  # towards it, in the rig's space
_DARKEST = 0.45


@dataclass(frozen=True, eq=False)
class Shape:
    """Triangles with a colour at each corner."""

    points: Floats  # (V, 3) float32
    colours: Floats  # (V, 4) float32
    triangles: Indices  # (F, 3) int32


def capsules(starts: Floats, ends: Floats, radii: Floats, colours: Floats) -> Shape:
    """Capsules from starts (B, 3) to ends (B, 3) with radii (B,) and colours (B, 4)."""
    normals, far = _unit_capsule()
    along = ends - starts
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    z = along / np.maximum(length, 1e-9)
    other = np.where(np.abs(z[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    x = np.cross(other, z)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    axes = np.stack((x, np.cross(z, x), z), axis=1)  # (B, 3, 3) rows
    outward = normals @ axes  # (B, n, 3)
    points = starts[:, None] + far[:, None] * along[:, None] + radii[:, None, None] * outward
    light = np.clip(outward @ (_LIGHT / np.linalg.norm(_LIGHT)), 0.0, 1.0)
    shade = _DARKEST + (1.0 - _DARKEST) * light
    tinted = np.repeat(colours[:, None], len(normals), axis=1)
    tinted[..., :3] *= shade[..., None]
    faces = _faces()
    first = np.arange(len(starts))[:, None, None] * len(normals)
    return Shape(
        points=points.reshape(-1, 3).astype(np.float32),
        colours=tinted.reshape(-1, 4).astype(np.float32),
        triangles=(faces + first).reshape(-1, 3).astype(np.int32),
    )


def draw(made: Shape, matrix: Matrix, solid: bool = True) -> None:
    """Draw triangles where a matrix puts them.

    Args:
        made: The triangles.
        matrix: The view's space from theirs.
        solid: They stand in the scene: hidden by what is before them, seen from outside only.
    """
    import gpu  # where there is no display it cannot be had before Blender 5.2
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    batch: Any = batch_for_shader(
        shader, "TRIS", {"pos": made.points, "color": made.colours}, indices=made.triangles
    )
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("LESS_EQUAL" if solid else "NONE")
    gpu.state.depth_mask_set(False)
    gpu.state.face_culling_set("BACK" if solid else "NONE")
    gpu.matrix.push()
    try:
        gpu.matrix.multiply_matrix(matrix)
        batch.draw(shader)
    finally:
        gpu.matrix.pop()
        gpu.state.face_culling_set("NONE")
        gpu.state.depth_test_set("NONE")
        gpu.state.blend_set("NONE")


def _unit_capsule() -> tuple[Floats, Floats]:
    """Normals (n, 3) of a capsule along z, and whether a point belongs to its far end (n,)."""
    angles = 2 * np.pi * np.arange(_SIDES) / _SIDES
    tilts = np.concatenate(
        (np.linspace(-np.pi / 2, 0, _RINGS + 1), np.linspace(0, np.pi / 2, _RINGS + 1))
    )
    tilt, angle = np.meshgrid(tilts, angles, indexing="ij")
    normals = np.stack(
        (np.cos(tilt) * np.cos(angle), np.cos(tilt) * np.sin(angle), np.sin(tilt)), axis=-1
    )
    far = np.repeat(np.arange(len(tilts)) > _RINGS, _SIDES).astype(float)
    return normals.reshape(-1, 3), far


def _faces() -> Indices:
    """(f, 3) triangles between neighbouring rings, outwards."""
    rows = np.arange(2 * _RINGS + 1)[:, None] * _SIDES
    here = np.arange(_SIDES)[None]
    after = (here + 1) % _SIDES
    a, b, c, d = rows + here, rows + after, rows + _SIDES + after, rows + _SIDES + here
    return np.concatenate(
        (np.stack((a, b, c), -1).reshape(-1, 3), np.stack((a, c, d), -1).reshape(-1, 3))
    )
