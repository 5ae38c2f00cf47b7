"""Where the variations differ: a bar for each limb, a strip in the timeline, colour on the body."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..core.arrays import Floats, Indices
from ..core.skeleton import LIMB_NAMES
from ..errors import FhmrError
from ..pipeline import uncertainty
from ..pipeline.bodies import body_of
from . import rig, saved_state, takes, triangles
from .body_mesh import SIDE_COLOURS
from .properties import take_of

ROW = 4.0  # pixels of the screen, a limb's row of the strip
FULL = 0.25  # metres of spread that are plain red; guess: a forearm
_LIFT = 0.002  # metres off the skin, so that the colour lies on it
_RED, _OPACITY = (0.95, 0.08, 0.03), 0.75
_handles: list[tuple[Any, Any]] = []
_kept: "dict[str, tuple[int, Spread]]" = {}  # by the rig's name, with the take's revision


@dataclass(frozen=True, eq=False)
class Spread:
    """What one take's variations say."""

    frames: Indices  # (N,) of the scene
    limbs: Floats  # (N, 5) 0..1, 1: look here first
    joints: Floats  # (N, 24) metres
    still: bool


def of(rig_object: bpy.types.Object) -> Spread | None:
    """How uncertain a take is; None where that cannot be said. Quick where nothing changed."""
    revision = take_of(rig_object).revision
    kept = _kept.get(rig_object.name)
    if kept is not None and kept[0] == revision:
        return kept[1]
    try:
        shot, person = saved_state.load(rig_object)
        rest = rig.rest_joints(rig_object)
    except FhmrError:
        return None  # who asks for more will be told
    made = Spread(
        frames=takes.scene_frames(person),
        limbs=uncertainty.uncertainty(person, rest),
        joints=uncertainty.joint_spread(person, rest),
        still=takes.is_still(shot),
    )
    _kept[rig_object.name] = (revision, made)
    return made


def at(spread: Spread, scene_frame: int) -> int:
    """The person's frame closest to a frame of the scene."""
    return 0 if spread.still else int(np.argmin(np.abs(spread.frames - scene_frame)))


def strip(spread: Spread) -> tuple[Floats, Floats]:
    """The strip's cells that are not empty: frame and row (K, 2), colours (K, 4)."""
    cells = np.argwhere(spread.limbs > 0.05)
    sides = [SIDE_COLOURS[_side(name)][:3] for name in LIMB_NAMES]
    colours = np.array([(*sides[limb], spread.limbs[row, limb] ** 0.5) for row, limb in cells])
    places = np.column_stack((spread.frames[cells[:, 0]], cells[:, 1]))
    return places.astype(float), colours.reshape(-1, 4)


def heat(weights: Floats, joint_spread: Floats) -> Floats:
    """(V, 4) colours: redder where the joints (24,) that move a vertex (V, 24) are spread."""
    share = np.clip(weights @ joint_spread / FULL, 0.0, 1.0)
    colours = np.empty((len(share), 4))
    colours[:, :3] = _RED
    colours[:, 3] = _OPACITY * share
    return colours


def attach() -> None:
    """Have Blender draw the strip and the colour."""
    if not _handles:
        view, sheet = bpy.types.SpaceView3D, bpy.types.SpaceDopeSheetEditor
        _handles.append((view, view.draw_handler_add(_draw_heat, (), "WINDOW", "POST_VIEW")))
        _handles.append((sheet, sheet.draw_handler_add(_draw_strip, (), "WINDOW", "POST_PIXEL")))


def detach() -> None:
    """Draw them no more."""
    while _handles:
        space, handle = _handles.pop()
        space.draw_handler_remove(handle, "WINDOW")
    _kept.clear()


def coloured_body(rig_object: bpy.types.Object, scene_frame: int) -> triangles.Shape | None:
    """The body as it is posed, in the scene's space, coloured where variations differ.

    Raises:
        FhmrError: The data or the body's file are missing.
    """
    spread, mesh_object = of(rig_object), rig.mesh_of(rig_object)
    if spread is None or mesh_object is None:
        return None
    shot, person = saved_state.load(rig_object)
    body = body_of(shot, person)
    evaluated = mesh_object.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.data
    if len(mesh.vertices) != len(body.weights):
        return None  # the artist has changed the mesh: its vertices are not the body's any more
    colours = heat(np.asarray(body.weights), spread.joints[at(spread, scene_frame)])
    points, normals = _vectors(mesh, "vertices", "co"), _vectors(mesh, "vertex_normals", "vector")
    return triangles.Shape(
        points=(points + _LIFT * normals).astype(np.float32),
        colours=colours.astype(np.float32),
        triangles=np.asarray(body.faces, dtype=np.int32),
    )


def _vectors(mesh: bpy.types.Mesh, collection: str, attribute: str) -> Floats:
    flat = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    getattr(mesh, collection).foreach_get(attribute, flat)
    return flat.reshape(-1, 3)


def _draw_heat() -> None:
    """Called by Blender for every view."""
    context = bpy.context
    item = takes.selected_rig(context)
    overlay = getattr(context.space_data, "overlay", None)
    if item is None or not take_of(item).hand.colour:
        return
    if overlay is None or not overlay.show_overlays or not item.visible_get():
        return
    try:
        shape = coloured_body(item, context.scene.frame_current)
    except FhmrError:
        return  # the panel says it
    mesh_object = rig.mesh_of(item)
    if shape is not None and mesh_object is not None:
        triangles.draw(shape, mesh_object.matrix_world)


def _draw_strip() -> None:
    """Called by Blender for every timeline and dope sheet."""
    item = takes.selected_rig(bpy.context)
    if item is None or not take_of(item).hand.strip:
        return
    spread = of(item)
    if spread is None or spread.still:
        return
    places, colours = strip(spread)
    if not len(places):
        return
    view = bpy.context.region.view2d
    left = view.view_to_region(0.0, 0.0, clip=False)[0]
    right = view.view_to_region(1000.0, 0.0, clip=False)[0]
    width = (right - left) / 1000.0
    x = left + (places[:, 0] - 0.5) * width
    y = 2.0 + ROW * (len(LIMB_NAMES) - 1 - places[:, 1])
    triangles.draw(rectangles(x, y, max(width, 1.0), ROW - 1.0, colours), Matrix.Identity(4), False)


def rectangles(x: Floats, y: Floats, width: float, height: float, colours: Floats) -> Any:
    """Rectangles from their lower left corners (K,), coloured (K, 4)."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    points = np.zeros((len(x), 4, 3), dtype=np.float32)
    points[..., :2] = np.stack((x, y), axis=-1)[:, None] + corners
    first = 4 * np.arange(len(x))[:, None, None]
    return triangles.Shape(
        points=points.reshape(-1, 3),
        colours=np.repeat(colours, 4, axis=0).astype(np.float32),
        triangles=(np.array([[0, 1, 2], [0, 2, 3]]) + first).reshape(-1, 3).astype(np.int32),
    )


def _side(limb: str) -> str:
    return limb.split("_")[0] if "_" in limb else "torso"
