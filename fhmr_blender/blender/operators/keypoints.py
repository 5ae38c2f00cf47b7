"""Correct landmarks over the footage, and estimate again from them without detecting."""

from typing import TYPE_CHECKING, ClassVar

import bpy
import numpy as np

from ...core.arrays import Floats
from ...core.motion import Person, Shot
from ...errors import FhmrError
from ...jobs import Report
from .. import keypoints, landmarks_view, saved_state, takes
from ..properties import take_of
from ..scene_camera import frame_aspect
from .pins import window_region
from .take_job import TakeJobOperator, Work

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...pipeline.weights import Networks

_REACH = 14.0  # pixels of the screen within which a landmark is taken
_HELP = "Drag a landmark. X over one marks it wrong. Enter keeps the changes, Esc drops them"


class FHMR_OT_keypoints_edit(bpy.types.Operator):
    """Drag landmarks over the footage to where they belong, or mark them wrong with X"""

    bl_idname = "fhmr.keypoints_edit"
    bl_label = "Correct Landmarks"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    _rig = ""
    _edits: list[keypoints.Edit]
    _held: int | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = takes.why_not(takes.selected_rig(context))
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(
        self, context: bpy.types.Context, _event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        rig = takes.the_rig(context)
        try:
            shot, person = saved_state.load(rig)
            landmarks_view.seen_index(shot, person, context.scene.frame_current)
            _look_through(context, rig)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._rig, self._edits, self._held = rig.name, keypoints.edits_of(rig, person), None
        landmarks_view.begin(rig, self._edits)
        context.workspace.status_text_set(_HELP)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(
        self, context: bpy.types.Context, event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        rig = bpy.data.objects.get(self._rig)
        if rig is None or takes.selected_rig(context) != rig or event.type == "ESC":
            self._leave(context)
            return {"CANCELLED"}
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            return self._keep(context, rig)
        return self._touch(context, rig, event)

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator."""
        self._leave(context)

    def _touch(
        self, context: bpy.types.Context, rig: bpy.types.Object, event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        """Take, drag, drop or mark what lies under the pointer."""
        if event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._held is not None:
            self._held = None
            return {"RUNNING_MODAL"}
        if event.type not in {"LEFTMOUSE", "MOUSEMOVE", "X", "DEL"}:
            return {"PASS_THROUGH"}
        where = _Pointer.at(context, rig, event)
        if where is None:
            return {"PASS_THROUGH"}
        if event.type == "MOUSEMOVE":
            if self._held is None:
                return {"PASS_THROUGH"}
            self._show(rig, keypoints.moved(self._edits, where.frame, self._held, where.pixel))
        elif event.value == "PRESS":
            if where.landmark is None:
                return {"PASS_THROUGH"}
            if event.type == "LEFTMOUSE":
                self._held = where.landmark
            else:
                self._show(rig, keypoints.marked_wrong(self._edits, where.frame, where.landmark))
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def _show(self, rig: bpy.types.Object, edits: list[keypoints.Edit]) -> None:
        self._edits = edits
        landmarks_view.begin(rig, edits)

    def _keep(
        self, context: bpy.types.Context, rig: bpy.types.Object
    ) -> "set[OperatorReturnItems]":
        self._leave(context)
        keypoints.store(rig, self._edits)
        self.report({"INFO"}, "Press Re-estimate to solve with the corrected landmarks")
        return {"FINISHED"}

    def _leave(self, context: bpy.types.Context) -> None:
        landmarks_view.end(self._rig)
        context.workspace.status_text_set(None)
        if context.area is not None:
            context.area.tag_redraw()


class FHMR_OT_keypoints_clear(bpy.types.Operator):
    """Forget all corrections of landmarks; Re-estimate then goes back to what was detected"""

    bl_idname = "fhmr.keypoints_clear"
    bl_label = "Clear Corrections"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = takes.why_not(takes.selected_rig(context))
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        keypoints.store(takes.the_rig(context), [])
        return {"FINISHED"}


class FHMR_OT_re_estimate(TakeJobOperator, bpy.types.Operator):
    """Estimate again from the corrected landmarks, without looking at the footage again"""

    bl_idname = "fhmr.re_estimate"
    bl_label = "Re-estimate"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Re-estimate"

    @classmethod
    def why_not_now(cls, rig: bpy.types.Object) -> str:
        return "" if keypoints.waits(rig) else "Correct a landmark first"

    def work(
        self, _context: bpy.types.Context, rig: bpy.types.Object, shot: Shot, person: Person
    ) -> Work:
        edits = keypoints.edits_of(rig, person)

        def work(networks: "Networks", report: Report) -> Shot:
            from ...pipeline.re_estimate import re_estimate  # loads onnxruntime

            return re_estimate(shot, networks, person.id, edits, report)

        return work

    def put(self, context: bpy.types.Context, rig: bpy.types.Object, result: Shot) -> None:
        super().put(context, rig, result)
        take_of(rig).hand.corrections = ""


class _Pointer:
    """What lies under the mouse."""

    def __init__(self, frame: int, pixel: tuple[float, float], landmark: int | None) -> None:
        self.frame = frame  # of the source
        self.pixel = pixel  # of the footage
        self.landmark = landmark

    @classmethod
    def at(
        cls, context: bpy.types.Context, rig: bpy.types.Object, event: bpy.types.Event
    ) -> "_Pointer | None":
        found = window_region(context, event.mouse_x, event.mouse_y)
        if found is None:
            return None
        region, view, point = found
        camera = landmarks_view.camera_of(rig)
        if camera is None or not landmarks_view.looks_through(rig, context.scene, view):
            return None
        corners = landmarks_view.frame_corners(camera, context.scene, region, view)
        if corners is None:
            return None
        try:
            shot, person = saved_state.load(rig)
            scene_frame = context.scene.frame_current
            index = landmarks_view.seen_index(shot, person, scene_frame)
            marks = landmarks_view.marks_of(rig, scene_frame)
        except FhmrError:
            return None
        aspect = frame_aspect(context.scene)
        places = landmarks_view.to_region(marks.pixels, shot.size, aspect, corners)
        x, y = landmarks_view.to_pixels(np.array(point, dtype=float), shot.size, aspect, corners)
        frame = int(person.observations.frames[index])
        return cls(frame, (float(x), float(y)), nearest(places, point))


def nearest(places: Floats, point: tuple[int, int]) -> int | None:
    """Which of some places (33, 2) lies under a point; None: none does."""
    distance = np.linalg.norm(places - np.array(point), axis=1)
    closest = int(np.argmin(distance))
    return closest if distance[closest] <= _REACH else None


def _look_through(context: bpy.types.Context, rig: bpy.types.Object) -> None:
    """Have the view show what the rig's camera sees.

    Raises:
        FhmrError: The camera was deleted.
    """
    camera = landmarks_view.camera_of(rig)
    if camera is None:
        raise FhmrError(
            "The camera of this shot is gone.", "Undo its deletion, or estimate the pose again."
        )
    context.scene.camera = camera
    for area in context.window.screen.areas:
        if area.type == "VIEW_3D":
            area.spaces.active.region_3d.view_perspective = "CAMERA"
            return


CLASSES = (FHMR_OT_keypoints_edit, FHMR_OT_keypoints_clear, FHMR_OT_re_estimate)
