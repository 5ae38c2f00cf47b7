"""What is done to a whole take: back to the estimate, or away."""

from typing import TYPE_CHECKING, ClassVar

import bpy

from ...core.skeleton import LIMB_NAMES
from ...errors import FhmrError
from .. import keyframes, saved_state, shot_scene, takes
from ..properties import take_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class FHMR_OT_reset(bpy.types.Operator):
    """Show the chosen limbs (all, if none is chosen) as they were estimated"""

    bl_idname = "fhmr.reset"
    bl_label = "Reset to Estimate"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

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
        settings = take_of(rig)
        limbs = tuple(name for name, on in zip(LIMB_NAMES, settings.limbs, strict=True) if on)
        try:
            shot, person = saved_state.load(rig)
            _, estimate = saved_state.load_estimate(rig)
            span = takes.span_of(
                settings.scope, context.scene.frame_current, settings.start, settings.end
            )
            indices = takes.indices_within(shot, person, span)
            everything = len(limbs or LIMB_NAMES) == len(LIMB_NAMES) and len(indices) == len(
                takes.scene_frames(person)
            )
            if everything:
                person = estimate
            else:
                person = takes.reset(person, estimate, limbs or LIMB_NAMES, indices)
            show_change(context, rig, shot, person, indices)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if everything:
            saved_state.restore_estimate(rig)
        else:
            saved_state.change_person(rig, shot, person)
        return {"FINISHED"}


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
        shot_scene.remove_person(rig)
        return {"FINISHED"}


def show_change(
    context: bpy.types.Context,
    rig: bpy.types.Object,
    shot: "saved_state.Shot",
    person: "saved_state.Person",
    indices: "takes.Indices",
) -> None:
    """Pose a rig as its changed take, and rewrite the keys that we made in the changed frames.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    keyed = keyframes.keyed_frames(rig)
    if len(keyed):
        changed = keyed
        if not takes.is_still(shot):
            own = takes.scene_frames(person)
            changed = keyed[(keyed >= own[indices[0]]) & (keyed <= own[indices[-1]])]
        if len(changed):
            at, frames = takes.lookup(shot, person, changed)
            keyframes.bake(rig, person.motion_world, at, frames)
    shot_scene.show(rig, shot, person, context.scene)


CLASSES = (FHMR_OT_reset, FHMR_OT_delete_take)
