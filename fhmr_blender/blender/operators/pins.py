"""Pins: where a joint should be."""

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras import view3d_utils
from mathutils import Vector, geometry

from ...core.skeleton import LIMB_NAMES
from ...errors import FhmrError
from .. import live, pins, rig, takes
from ..properties import pin_of, take_of
from ..take_properties import quietly

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_JOINTS = (
    ("SELECTED", "Selected Bone", "The joint of the bone that is selected in Pose Mode"),
    *((name, name.replace("_", " ").title(), "") for name in pins.PIN_JOINTS),
    (pins.LOOK, "Look", "Where the face turns to"),
)
NO_BONE = "Select a bone of an arm, a leg or the head in Pose Mode, or choose a joint."


class _PinOperator:
    """What makes or moves a pin."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = takes.why_not(takes.selected_rig(context))
        if reason:
            cls.poll_message_set(reason)
        return not reason

    if TYPE_CHECKING:

        @classmethod
        def poll_message_set(cls, message: str) -> None: ...


class FHMR_OT_pin_add(_PinOperator, bpy.types.Operator):
    """Add a pin where the joint is. Drag it with G: the limb follows"""

    bl_idname = "fhmr.pin_add"
    bl_label = "Add Pin"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        joint: str
    else:
        joint: EnumProperty(name="Joint", description="What is pinned", items=_JOINTS)

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        try:
            item = _pin_for(context, self.joint)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _select(context, item)
        return {"FINISHED"}


class FHMR_OT_pin_place(_PinOperator, bpy.types.Operator):
    """Click in the view where the joint of the selected bone should be"""

    bl_idname = "fhmr.pin_place"
    bl_label = "Click Its Place"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        joint: str
    else:
        joint: EnumProperty(name="Joint", description="What is pinned", items=_JOINTS)

    def invoke(
        self, context: bpy.types.Context, _event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        try:
            joint_named(context, self.joint)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.workspace.status_text_set("Click where the joint should be. Esc cancels")
        context.window.cursor_modal_set("CROSSHAIR")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(
        self, context: bpy.types.Context, event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type != "LEFTMOUSE":
            return {"PASS_THROUGH"}
        if event.value != "PRESS":
            return {"RUNNING_MODAL"}
        self.cancel(context)
        found = window_region(context, event.mouse_x, event.mouse_y)
        if found is None:
            self.report({"WARNING"}, "Click inside the view")
            return {"CANCELLED"}
        region, view, point = found
        the_rig = takes.the_rig(context)
        try:
            item = _pin_for(context, self.joint)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        origin = view3d_utils.region_2d_to_origin_3d(region, view, point)
        direction = view3d_utils.region_2d_to_vector_3d(region, view, point)
        item.location = on_ray(origin, direction, pins.place_of(item))
        _select(context, item)
        live.request(the_rig, context.scene)
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator, too."""
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()


class FHMR_OT_pin_remove(_PinOperator, bpy.types.Operator):
    """Delete this pin. The limb stays where it is"""

    bl_idname = "fhmr.pin_remove"
    bl_label = "Remove Pin"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        pin: str
    else:
        pin: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        the_rig = takes.the_rig(context)
        item = bpy.data.objects.get(self.pin)
        if item is None or pin_of(item).rig != the_rig:
            self.report({"ERROR"}, "There is no such pin. Choose another one from the list.")
            return {"CANCELLED"}
        pins.remove(item)
        context.view_layer.objects.active = the_rig
        return {"FINISHED"}


def joint_named(context: bpy.types.Context, joint: str) -> str:
    """The joint that a button means.

    Raises:
        FhmrError: No bone is selected whose joint can be pinned.
    """
    if joint != "SELECTED":
        return joint
    bone = context.active_pose_bone
    found = "" if bone is None else pins.joint_of_bone(bone.name)
    if not found:
        raise FhmrError("No joint is chosen.", NO_BONE)
    return found


def on_ray(origin: Vector, direction: Vector, joint: Vector) -> Vector:
    """The place on a ray that lies across it from a joint: as far away as the joint is."""
    place = geometry.intersect_line_plane(origin, origin + direction, joint, direction)
    return joint if place is None else place


def window_region(
    context: bpy.types.Context, x: int, y: int
) -> tuple[bpy.types.Region, bpy.types.RegionView3D, tuple[int, int]] | None:
    """The view under a place of the window, and where in it that lies."""
    for area in context.window.screen.areas:
        if area.type != "VIEW_3D":
            continue
        for region in area.regions:
            inside = 0 <= x - region.x < region.width and 0 <= y - region.y < region.height
            if region.type == "WINDOW" and inside:
                return region, area.spaces.active.region_3d, (x - region.x, y - region.y)
    return None


def _pin_for(context: bpy.types.Context, joint: str) -> bpy.types.Object:
    the_rig = takes.the_rig(context)
    name = joint_named(context, joint)
    rig.joint_bones(the_rig)  # refuses a rig whose bones are missing
    context.view_layer.update()
    with quietly():
        item = pins.add(the_rig, name, context.scene.frame_current)
    take_of(the_rig).limbs[LIMB_NAMES.index(pins.limb_of(name))] = True
    return item


def _select(context: bpy.types.Context, item: bpy.types.Object) -> None:
    if context.object is not None and context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for other in context.selected_objects:
        other.select_set(False)
    context.view_layer.update()
    item.select_set(True)
    context.view_layer.objects.active = item


CLASSES = (FHMR_OT_pin_add, FHMR_OT_pin_place, FHMR_OT_pin_remove)
