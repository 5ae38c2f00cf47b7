"""Bake to Keyframes, and away with them."""

import math
from typing import TYPE_CHECKING, ClassVar

import bpy
import numpy as np

from ...core.arrays import Floats, Indices
from ...core.motion import Person, Shot
from ...errors import FhmrError
from .. import baking, clean_up, keyframes, saved_state, takes
from ..baking import Keying
from ..properties import take_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class FHMR_OT_bake(bpy.types.Operator):
    """Write what is shown as keyframes. Keys that you made or changed yourself stay"""

    bl_idname = "fhmr.bake"
    bl_label = "Bake to Keyframes"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = takes.why_not(takes.selected_rig(context))
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        settings = take_of(takes.the_rig(context)).bake
        wish = Keying(
            math.radians(settings.tolerance) if settings.use_tolerance else None,
            settings.rotation_mode,
        )
        try:
            rigs = chosen_rigs(context)
            found = [(rig, *_wanted(rig, context)) for rig in rigs]
            kept = 0
            for rig, shot, person, at, frames in found:
                if settings.new_action:
                    keyframes.start_action(rig)
                motion = clean_up.shown_motion(rig, shot, person)
                kept += baking.bake(rig, motion, at, frames, wish)
                take_of(rig).bake.written_tolerance = math.degrees(wish.tolerance or 0.0)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        count = sum(len(frames) for *_, frames in found)
        said = f"{count} frame{'s' if count > 1 else ''} baked"
        if len(rigs) > 1:
            said += f" of {len(rigs)} people"
        if kept:
            said += f"; {kept} of your own key{'s' if kept > 1 else ''} kept"
        self.report({"INFO"}, said)
        return {"FINISHED"}


class FHMR_OT_delete_keys(bpy.types.Operator):
    """Delete the keys that FHMR wrote in these frames. Keys that you made or changed stay"""

    bl_idname = "fhmr.delete_keys"
    bl_label = "Delete Baked Keys"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rig = takes.selected_rig(context)
        reason = takes.why_not(rig)
        if not reason and rig is not None and rig.animation_data is None:
            reason = "This rig has no keys"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        settings = take_of(takes.the_rig(context)).bake
        try:
            span = takes.span_of(
                settings.scope, context.scene.frame_current, settings.start, settings.end
            )
            gone = sum(baking.delete(rig, span.start, span.end) for rig in chosen_rigs(context))
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{gone} keys deleted")
        return {"FINISHED"}


def chosen_rigs(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The rig that is worked on, and the others that the panel means.

    Raises:
        FhmrError: One of them cannot be changed.
    """
    rig = takes.the_rig(context)
    if take_of(rig).bake.people == "SHOT":
        others = [item for item in takes.rigs_of_shot(rig) if take_of(item).seen.included]
    else:
        others = [item for item in context.selected_objects if takes.is_rig(item)]
    rigs = [rig, *(item for item in others if item != rig)]
    for item in rigs:
        if takes.why_not(item):
            raise FhmrError(f"{item.name} is linked from another file.", "Work on it there.")
    return rigs


def _wanted(
    rig: bpy.types.Object, context: bpy.types.Context
) -> tuple[Shot, Person, Floats, Indices]:
    """A rig's take, and where in its motion which scene frames lie."""
    settings = take_of(takes.the_rig(context)).bake
    shot, person = saved_state.load(rig)
    span = takes.span_of(settings.scope, context.scene.frame_current, settings.start, settings.end)
    if settings.scope == "CLIP":
        own = takes.scene_frames(person)
        span = takes.Span(int(own[0]), int(own[-1]))
    step = 1 if settings.use_tolerance else settings.step
    at, frames = takes.lookup(shot, person, np.arange(span.start, span.end + 1, step))
    return shot, person, at, frames


CLASSES = (FHMR_OT_bake, FHMR_OT_delete_keys)
