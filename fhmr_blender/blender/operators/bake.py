"""Bake to Keyframes."""

from typing import TYPE_CHECKING, ClassVar

import bpy
import numpy as np

from ...errors import FhmrError
from .. import keyframes, saved_state, takes
from ..properties import take_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class FHMR_OT_bake(bpy.types.Operator):
    """Write the take as keyframes, at this frame or over a range"""

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
        rig = takes.the_rig(context)
        settings = take_of(rig)
        try:
            shot, person = saved_state.load(rig)
            span = takes.span_of(
                settings.bake_scope,
                context.scene.frame_current,
                settings.bake_start,
                settings.bake_end,
            )
            if settings.bake_scope == "CLIP":
                own = takes.scene_frames(person)
                span = takes.Span(int(own[0]), int(own[-1]))
            wanted = np.arange(span.start, span.end + 1, settings.bake_step)
            at, frames = takes.lookup(shot, person, wanted)
            keyframes.bake(rig, person.motion_world, at, frames)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        count = len(frames)
        self.report({"INFO"}, f"{count} frame{'s' if count > 1 else ''} with keys on {rig.name}")
        return {"FINISHED"}


CLASSES = (FHMR_OT_bake,)
