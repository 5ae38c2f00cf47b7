"""Detected landmarks over the footage, in the view through the shot's camera."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from bpy_extras import view3d_utils
from mathutils import Vector

from ..core.arrays import Bools, Floats
from ..core.motion import Person, Shot
from ..core.skeleton import LANDMARK_NAMES, LIMB_LANDMARKS
from ..errors import FhmrError
from . import keypoints, saved_state, takes
from .body_mesh import SIDE_COLOURS
from .properties import take_of
from .scene_camera import frame_aspect

_SIZE, _LINE = 9.0, 2.0  # pixels of the screen
_WRONG = (0.9, 0.05, 0.05, 1.0)
_LINKS = (
    (11, 13), (13, 15), (12, 14), (14, 16), (11, 12), (23, 24), (11, 23), (12, 24),
    (23, 25), (25, 27), (27, 29), (27, 31), (24, 26), (26, 28), (28, 30), (28, 32),
)  # fmt: skip
_handle: Any = None
_edited: "dict[str, list[dict[str, Any]]]" = {}  # by the rig's name, while a hand is at them


@dataclass(frozen=True, eq=False)
class Marks:
    """One person's landmarks at one frame."""

    pixels: Floats  # (33, 2) of the footage
    wrong: Bools  # (33,) marked so by the artist
    visible: Floats  # (33,) 0..1


def attach() -> None:
    """Have Blender draw them with every view."""
    global _handle
    if _handle is None:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def detach() -> None:
    """Draw them no more."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle = None
    _edited.clear()


def begin(rig: bpy.types.Object, edits: list[dict[str, Any]]) -> None:
    """Show edits that are not stored yet."""
    _edited[rig.name] = edits


def end(rig_name: str) -> None:
    """Show what is stored again."""
    _edited.pop(rig_name, None)


def marks_of(rig: bpy.types.Object, scene_frame: int) -> Marks:
    """The landmarks of a rig's person at a frame of the scene, as the artist has corrected them.

    Raises:
        FhmrError: The data are damaged, or the person is not seen there.
    """
    shot, person = saved_state.load(rig)
    edits = _edited.get(rig.name, keypoints.edits_of(rig, person))
    index = seen_index(shot, person, scene_frame)
    return Marks(
        pixels=keypoints.places(person, edits, index),
        wrong=keypoints.wrong(person, edits, index),
        visible=person.observations.keypoints[index, :, 3],
    )


def seen_index(shot: Shot, person: Person, scene_frame: int) -> int:
    """Which of the person's frames a frame of the scene is.

    Raises:
        FhmrError: None.
    """
    return int(takes.indices_within(shot, person, takes.Span(scene_frame, scene_frame))[0])


def camera_of(rig: bpy.types.Object) -> bpy.types.Object | None:
    """The camera that saw a rig's person: the one in its collection."""
    for home in rig.users_collection:
        for item in home.objects:
            if take_of(item).kind == "CAMERA" and item.type == "CAMERA":
                return item
    return None


def looks_through(
    rig: bpy.types.Object, scene: bpy.types.Scene, view: bpy.types.RegionView3D
) -> bool:
    """Whether a view shows what the rig's camera sees."""
    camera = camera_of(rig)
    return view.view_perspective == "CAMERA" and camera is not None and scene.camera == camera


def frame_corners(
    camera: bpy.types.Object,
    scene: bpy.types.Scene,
    region: bpy.types.Region,
    view: bpy.types.RegionView3D,
) -> Floats | None:
    """(2, 2) where the render frame's lower left and upper right corner lie in a region."""
    corners = camera.data.view_frame(scene=scene)
    found = [
        view3d_utils.location_3d_to_region_2d(region, view, camera.matrix_world @ corner)
        for corner in corners
    ]
    if any(place is None for place in found):
        return None
    places = np.array([tuple(place) for place in found if place is not None])
    return np.stack((places.min(axis=0), places.max(axis=0)))


def to_region(pixels: Floats, size: tuple[int, int], aspect: float, corners: Floats) -> Floats:
    """Pixels of the footage (..., 2) -> places in the region: it is fitted into the frame."""
    width, height = size
    frame_width = max(float(width), height * aspect)
    scale = (corners[1, 0] - corners[0, 0]) / frame_width
    centre = corners.mean(axis=0)
    offset = (pixels - np.array([width / 2, height / 2])) * np.array([1.0, -1.0])
    return centre + scale * offset


def to_pixels(places: Floats, size: tuple[int, int], aspect: float, corners: Floats) -> Floats:
    """The inverse of `to_region`."""
    width, height = size
    frame_width = max(float(width), height * aspect)
    scale = (corners[1, 0] - corners[0, 0]) / frame_width
    offset = (places - corners.mean(axis=0)) / scale
    return offset * np.array([1.0, -1.0]) + np.array([width / 2, height / 2])


def _draw() -> None:
    """Called by Blender for every view."""
    context = bpy.context
    rig, view = takes.selected_rig(context), context.region_data
    if rig is None or view is None or not looks_through(rig, context.scene, view):
        return
    if not take_of(rig).hand.landmarks and rig.name not in _edited:
        return
    camera = camera_of(rig)
    corners = frame_corners(camera, context.scene, context.region, view)
    if corners is None:
        return
    try:
        shot, _ = saved_state.load(rig)
        marks = marks_of(rig, context.scene.frame_current)
    except FhmrError:
        return  # the panel says it
    places = to_region(marks.pixels, shot.size, frame_aspect(context.scene), corners)
    _paint(places, marks)


def _paint(places: Floats, marks: Marks) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    colours = colours_of(marks)
    points = [Vector((x, y, 0.0)) for x, y in places.tolist()]
    gpu.state.blend_set("ALPHA")
    gpu.state.point_size_set(_SIZE)
    try:
        lines = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
        lines.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        lines.uniform_float("lineWidth", _LINE)
        lines.uniform_float("color", (1.0, 1.0, 1.0, 0.45))
        ends = [points[mark] for link in _LINKS for mark in link]
        batch_for_shader(lines, "LINES", {"pos": ends}).draw(lines)
        dots = gpu.shader.from_builtin("POINT_FLAT_COLOR")
        batch_for_shader(dots, "POINTS", {"pos": points, "color": colours}).draw(dots)
    finally:
        gpu.state.point_size_set(1.0)
        gpu.state.blend_set("NONE")


def colours_of(marks: Marks) -> list[tuple[float, float, float, float]]:
    """Each landmark's colour: its side's, fainter where it is hidden, red where it is wrong."""
    found: list[tuple[float, float, float, float]] = []
    for index, name in enumerate(LANDMARK_NAMES):
        side = "torso"
        if any(index in marks_ for limb, marks_ in LIMB_LANDMARKS.items() if limb != "head"):
            side = name.split("_")[0]
        red, green, blue = SIDE_COLOURS[side][:3]
        seen = 0.35 + 0.65 * float(marks.visible[index])
        found.append(_WRONG if marks.wrong[index] else (red, green, blue, seen))
    return found
