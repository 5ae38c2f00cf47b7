"""A box around a person, drawn with the mouse over what the camera sees."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ...core.arrays import Floats
from ...core.motion import Shot
from ...errors import FhmrError
from .. import footage_view, landmarks_view, people_list, saved_state, scene_camera, shot_scene
from ..properties import settings_of, take_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_SMALLEST = 8.0  # pixels of the footage; less is a click
_COLOUR = (1.0, 0.6, 0.2, 1.0)
_EYE_HEIGHT = 1.6  # metres, of a camera that nothing is known of; a guess


class FHMR_OT_draw_box(bpy.types.Operator):
    """Drag a box around a person whom Estimate missed, over what the camera sees at this frame"""

    bl_idname = "fhmr.draw_box"
    bl_label = "Draw Box"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    _start: Floats | None = None
    _end: Floats | None = None
    _handle: Any = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not settings_of(context.scene).probed and _camera(context) is None:
            cls.poll_message_set("Choose a picture or a movie under Footage")
            return False
        return True

    def invoke(
        self, context: bpy.types.Context, _event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        area, region = context.area, _window_region(context)
        if area is None or area.type != "VIEW_3D" or region is None:
            self.report({"ERROR"}, "Start this from the sidebar of a 3D view.")
            return {"CANCELLED"}
        try:
            camera = _camera(context) or _show_footage(context)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.scene.camera = camera
        area.spaces.active.region_3d.view_perspective = "CAMERA"
        self._handle = bpy.types.SpaceView3D.draw_handler_add(
            self._draw, (), "WINDOW", "POST_PIXEL"
        )
        context.window.cursor_modal_set("CROSSHAIR")
        context.workspace.status_text_set("Drag a box around the person. Esc: cancel")
        context.window_manager.modal_handler_add(self)
        area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(
        self, context: bpy.types.Context, event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        region = _window_region(context)
        if event.type in {"ESC", "RIGHTMOUSE"} or region is None:
            self._leave(context)
            return {"CANCELLED"}
        place = np.array([event.mouse_x - region.x, event.mouse_y - region.y], dtype=float)
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._start = self._end = place
            return {"RUNNING_MODAL"}
        if event.type == "MOUSEMOVE" and self._start is not None:
            self._end = place
            context.area.tag_redraw()
            return {"RUNNING_MODAL"}
        if event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._start is not None:
            self._leave(context)
            return self._finish(context, region, np.stack((self._start, place)))
        return {"PASS_THROUGH"} if self._start is None else {"RUNNING_MODAL"}

    def _finish(
        self, context: bpy.types.Context, region: bpy.types.Region, dragged: Floats
    ) -> "set[OperatorReturnItems]":
        camera = context.scene.camera
        view = context.area.spaces.active.region_3d
        corners = landmarks_view.frame_corners(camera, context.scene, region, view)
        if corners is None:
            self.report({"ERROR"}, "The camera's frame is not in this view.")
            return {"CANCELLED"}
        size = saved_state.load_camera(camera).size
        aspect = scene_camera.frame_aspect(context.scene)
        pixels = landmarks_view.to_pixels(dragged, size, aspect, corners)
        low = np.clip(pixels.min(axis=0), 0, size)
        high = np.clip(pixels.max(axis=0), 0, size)
        if (high - low).min() < _SMALLEST:
            self.report({"ERROR"}, "The box is too small. Drag it around the whole person.")
            return {"CANCELLED"}
        take_box(context, (*low, *high))
        return {"FINISHED"}

    def _leave(self, context: bpy.types.Context) -> None:
        if self._handle is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        context.area.tag_redraw()

    def _draw(self) -> None:
        if self._start is None or self._end is None:
            return
        (x0, y0), (x1, y1) = self._start, self._end
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        lines = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        batch = batch_for_shader(shader, "LINE_STRIP", {"pos": lines})
        shader.uniform_float("color", _COLOUR)
        batch.draw(shader)


class FHMR_OT_clear_boxes(bpy.types.Operator):
    """Forget the boxes: Estimate looks for people by itself again"""

    bl_idname = "fhmr.clear_boxes"
    bl_label = "Clear Boxes"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not len(settings_of(context.scene).boxes):
            cls.poll_message_set("No box was drawn")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        settings_of(context.scene).boxes.clear()
        return {"FINISHED"}


def take_box(context: bpy.types.Context, corners: tuple[float, ...]) -> None:
    """What a box drawn at the present frame does.

    With people there, one more is posed. Before Estimate it is kept for it, and a clip is then
    estimated from this frame on.
    """
    home = people_list.shown_home(context)
    if home is not None:
        frame = context.scene.frame_current
        bpy.ops.fhmr.add_person("INVOKE_DEFAULT", box=corners, frame=frame)
        return
    settings = settings_of(context.scene)
    frame = context.scene.frame_current
    if settings.frame_count > 1:
        for index in reversed(range(len(settings.boxes))):
            if settings.boxes[index].frame != frame:
                settings.boxes.remove(index)  # people are followed from one frame on
        settings.start = min(max(frame, 1), settings.frame_count)
    box = settings.boxes.add()
    box.corners, box.frame = corners, frame


def _camera(context: bpy.types.Context) -> bpy.types.Object | None:
    """The camera of the shot that is worked on, or of footage that is shown already."""
    home = people_list.shown_home(context)
    things = context.scene.objects if home is None else home.objects
    cameras = [item for item in things if take_of(item).kind == "CAMERA"]
    return cameras[-1] if cameras else None


def _show_footage(context: bpy.types.Context) -> bpy.types.Object:
    """A camera with the chosen footage behind it, before anybody was found."""
    from ...pipeline.lens import choose_intrinsics

    settings = settings_of(context.scene)
    footage = footage_view.source_of(settings).open()
    try:
        upright = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, _EYE_HEIGHT], [0, 0, 0, 1]])
        count = footage.frame_count
        shot = Shot(
            source=str(footage.path),
            source_sha256="",
            size=footage.size,
            fps=footage.fps,
            frames=np.arange(count),
            intrinsics=np.tile(choose_intrinsics(footage).values, (count, 1)),
            T_world_from_cam=np.tile(upright.astype(float), (count, 1, 1)),
            settings={},
            people=(),
        )
        return shot_scene.build(context.scene, shot, Path(footage.path), {}).camera
    finally:
        footage.close()


def _window_region(context: bpy.types.Context) -> bpy.types.Region | None:
    for region in [] if context.area is None else context.area.regions:
        if region.type == "WINDOW":
            return region
    return None


CLASSES = (FHMR_OT_draw_box, FHMR_OT_clear_boxes)
