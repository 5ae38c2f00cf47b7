"""What is done to a whole take: back to the estimate, sides exchanged, or away."""

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import EnumProperty

from ...core.motion import Person, Shot
from ...core.skeleton import LIMB_NAMES
from ...errors import FhmrError
from ...jobs import Report
from .. import draws, pins, reports, reshape, saved_state, shot_scene, shown, takes
from ..properties import take_of
from .take_job import TakeJobOperator, Work

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...pipeline.weights import Networks


class FHMR_OT_reset(bpy.types.Operator):
    """Show the chosen limbs (all, if none is chosen) as they were estimated"""

    bl_idname = "fhmr.reset"
    bl_label = "Reset to Estimate"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        what: str
    else:
        what: EnumProperty(
            name="What",
            items=(
                ("SCOPE", "Scope", "The chosen limbs in the frames of the scope"),
                ("FRAME", "Frame", "All limbs at this frame"),
                ("ALL", "Everything", "The whole take, its torso too"),
            ),
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rig = takes.selected_rig(context)
        reason = takes.why_not(rig)
        if not reason and rig is not None and not take_of(rig).estimate:
            reason = "Nothing was changed since Estimate"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        rig = takes.the_rig(context)
        try:
            if self.what == "ALL" or not self._reset_part(context, rig):
                shot, estimate = saved_state.load_estimate(rig)
                reshape.fit(rig, shot, estimate)
                shown.refresh(rig, context.scene, shot, estimate)
                saved_state.restore_estimate(rig)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        shown.close(rig)
        return {"FINISHED"}

    def _reset_part(self, context: bpy.types.Context, rig: bpy.types.Object) -> bool:
        """Reset limbs in frames; False if that is everything."""
        take, frame = take_of(rig), context.scene.frame_current
        shot, person = saved_state.load(rig)
        _, estimate = saved_state.load_estimate(rig)
        limbs = draws.limbs_of(take) or LIMB_NAMES
        if self.what == "FRAME":
            limbs = LIMB_NAMES
            indices = takes.indices_within(shot, person, takes.Span(frame, frame))
        else:
            indices = draws.scope_of(take, frame, shot, person)
        if len(limbs) == len(LIMB_NAMES) and len(indices) == len(person.observations.frames):
            return False
        if not takes.same_torso(person, estimate):
            raise FhmrError(
                "The torso has changed since Estimate, so single limbs do not fit it any more.",
                "Reset everything, or resample the limb.",
            )
        shown.put(rig, context.scene, shot, takes.reset(person, estimate, limbs, indices))
        return True


class FHMR_OT_swap_sides(TakeJobOperator, bpy.types.Operator):
    """Exchange what was seen of left and right in the frames of the scope, and estimate again"""

    bl_idname = "fhmr.swap_sides"
    bl_label = "Swap Left/Right"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Swap Left/Right"

    def work(
        self, context: bpy.types.Context, rig: bpy.types.Object, shot: Shot, person: Person
    ) -> Work:
        take = take_of(rig)
        indices = draws.scope_of(take, context.scene.frame_current, shot, person)
        frames = person.observations.frames[indices]
        which = take.hand.swap.lower()

        def work(networks: "Networks", report: Report) -> Shot:
            from ...pipeline.re_estimate import swap_sides  # loads onnxruntime: here, in the worker

            return swap_sides(
                shot, networks, person.id, which, int(frames[0]), int(frames[-1]) + 1, report
            )

        return work


class FHMR_OT_delete_take(bpy.types.Operator):
    """Delete this rig with its body; with the last one of a shot its camera goes, too"""

    bl_idname = "fhmr.delete_take"
    bl_label = "Delete Take"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = takes.why_not(takes.selected_rig(context))
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        rig = takes.the_rig(context)
        if rig.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        for item in pins.of(rig):
            pins.remove(item)
        shot_scene.remove_person(rig)
        return {"FINISHED"}


class FHMR_OT_copy_report(bpy.types.Operator):
    """Copy how this take was made, for a bug report"""

    bl_idname = "fhmr.copy_report"
    bl_label = "Copy Report"
    bl_options: ClassVar = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if takes.selected_rig(context) is None:
            cls.poll_message_set(takes.NO_RIG)
            return False
        return True

    @classmethod
    def description(cls, context: bpy.types.Context, _properties: object) -> str:
        """What hovering says: the recipe itself."""
        rig = takes.selected_rig(context)
        return (cls.__doc__ or "") if rig is None else f"{reports.recipe(rig)}\n\n{cls.__doc__}"

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        context.window_manager.clipboard = reports.report(takes.the_rig(context))
        self.report({"INFO"}, "The report is on the clipboard")
        return {"FINISHED"}


CLASSES = (FHMR_OT_reset, FHMR_OT_swap_sides, FHMR_OT_delete_take, FHMR_OT_copy_report)
