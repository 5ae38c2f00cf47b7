"""Retarget: the motion onto the artist's own armature."""

import math
from typing import TYPE_CHECKING, ClassVar

import bpy

from ...errors import FhmrError
from .. import saved_state, takes
from ..baking import Keying
from ..properties import take_of
from ..retarget import presets, table
from ..retarget.apply import retarget

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_WORTH_SAYING = math.radians(2.0)


def _why_not(context: bpy.types.Context) -> str:
    rig = takes.selected_rig(context)
    if rig is None:
        return takes.NO_RIG
    target = take_of(rig).retarget.target
    if target is None:
        return "Choose the armature that gets the motion"
    if target.library is not None:
        return "This armature is linked from another file. Make a library override of it"
    return ""


class FHMR_OT_retarget(bpy.types.Operator):
    """Write the motion as keyframes of the chosen armature, which may have other proportions"""

    bl_idname = "fhmr.retarget"
    bl_label = "Retarget"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = _why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        rig = takes.the_rig(context)
        take = take_of(rig)
        settings = take.retarget
        assert settings.target is not None
        tolerance = math.radians(take.bake.tolerance) if take.bake.use_tolerance else None
        try:
            shot, person = saved_state.load(rig)
            done = retarget(
                rig,
                shot,
                person,
                settings.target,
                table.as_preset(settings),
                Keying(tolerance),
                settings.scaled,
            )
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        said = f"{done.frames} frames on {done.bones} bones of {settings.target.name}"
        if done.kept:
            said += f"; {done.kept} of your own keys kept"
        if done.off > _WORTH_SAYING:
            said += (
                f". The rig's own constraints hold {done.off_bone} "
                f"{math.degrees(done.off):.0f} degrees away"
            )
            self.report({"WARNING"}, said)
        else:
            self.report({"INFO"}, said)
        return {"FINISHED"}


class FHMR_OT_find_bones(bpy.types.Operator):
    """Find the bones by their names again; what the table says is lost"""

    bl_idname = "fhmr.find_bones"
    bl_label = "Find Bones"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = _why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        settings = take_of(takes.the_rig(context)).retarget
        table.fill(settings)
        self.report({"INFO"}, f"Bones named as in {settings.preset}")
        return {"FINISHED"}


class FHMR_OT_save_bones(bpy.types.Operator):
    """Keep the table under its name. Armatures with these bones are then found by themselves"""

    bl_idname = "fhmr.save_bones"
    bl_label = "Save Preset"
    bl_options: ClassVar = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = _why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        settings = take_of(takes.the_rig(context)).retarget
        try:
            path = presets.save_own(table.folder(), table.as_preset(settings))
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Saved as {path.stem}")
        return {"FINISHED"}


CLASSES = (FHMR_OT_retarget, FHMR_OT_find_bones, FHMR_OT_save_bones)
