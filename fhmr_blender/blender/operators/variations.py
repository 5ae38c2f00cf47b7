"""One of many answers: step through them, keep one, mark favourites, find where to look."""

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import IntProperty

from ...core.skeleton import LIMB_NAMES
from ...errors import FhmrError
from ...pipeline.favourites import apply_favourite, drop_favourite, favourites, keep_favourite
from ...pipeline.uncertainty import next_uncertain
from ...pipeline.variations import keep_variation
from .. import job_timer, saved_state, shown, takes
from ..properties import LIMB_LABELS, take_of
from ..rig import rest_joints
from ..scene_camera import MOVIE_START

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

NO_VARIATIONS = "Press Resample first: then there are variations to choose from"


class _TakeOperator:
    """An operator that changes a take at once."""

    needs_variations = True
    needs_favourites = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rig = takes.selected_rig(context)
        reason = takes.why_not(rig)
        running = job_timer.running()
        if running is not None:
            reason = f"{running.title} is running. Wait, or cancel it"
        elif not reason and rig is not None and cls.needs_variations:
            reason = "" if len(take_of(rig).hand.variations) else NO_VARIATIONS
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        try:
            self.change(context, takes.the_rig(context))
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def change(self, context: bpy.types.Context, rig: bpy.types.Object) -> None:
        raise NotImplementedError

    if TYPE_CHECKING:

        @classmethod
        def poll_message_set(cls, message: str) -> None: ...

        def report(self, type: set[str], message: str) -> None: ...  # noqa: A002


class FHMR_OT_variation_next(_TakeOperator, bpy.types.Operator):
    """Show the next of the variations that were drawn"""

    bl_idname = "fhmr.variation_next"
    bl_label = "Next Variation"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    def change(self, context: bpy.types.Context, rig: bpy.types.Object) -> None:
        shown.show_one(rig, context.scene, take_of(rig).hand.shown + 1)


class FHMR_OT_variation_previous(_TakeOperator, bpy.types.Operator):
    """Show the variation before this one"""

    bl_idname = "fhmr.variation_previous"
    bl_label = "Previous Variation"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    def change(self, context: bpy.types.Context, rig: bpy.types.Object) -> None:
        shown.show_one(rig, context.scene, take_of(rig).hand.shown - 1)


class FHMR_OT_keep_variation(_TakeOperator, bpy.types.Operator):
    """Keep what is shown: the ghosts go, and Next Uncertain does not come back here"""

    bl_idname = "fhmr.keep_variation"
    bl_label = "Keep"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    def change(self, _context: bpy.types.Context, rig: bpy.types.Object) -> None:
        shot, person = saved_state.load(rig)
        kept = keep_variation(shot, person.id)
        saved_state.change_person(rig, kept, kept.people[0])
        shown.close(rig)


class FHMR_OT_favourite(_TakeOperator, bpy.types.Operator):
    """Remember this variation with the rig, to come back to it later"""

    bl_idname = "fhmr.favourite"
    bl_label = "Favourite"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    def change(self, _context: bpy.types.Context, rig: bpy.types.Object) -> None:
        shot, person = saved_state.load(rig)
        marked = keep_favourite(shot, person.id)
        saved_state.change_person(rig, marked, marked.people[0])


class FHMR_OT_favourite_show(_TakeOperator, bpy.types.Operator):
    """Show this favourite again"""

    bl_idname = "fhmr.favourite_show"
    bl_label = "Show Favourite"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    needs_variations = False

    if TYPE_CHECKING:
        index: int
    else:
        index: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    def change(self, context: bpy.types.Context, rig: bpy.types.Object) -> None:
        shot, person = saved_state.load(rig)
        _check_favourite(person, self.index)
        changed = apply_favourite(shot, person.id, self.index)
        shown.put(rig, context.scene, changed, changed.people[0])
        shown.close(rig)


class FHMR_OT_favourite_remove(_TakeOperator, bpy.types.Operator):
    """Forget this favourite; the pose stays"""

    bl_idname = "fhmr.favourite_remove"
    bl_label = "Remove Favourite"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    needs_variations = False

    if TYPE_CHECKING:
        index: int
    else:
        index: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    def change(self, _context: bpy.types.Context, rig: bpy.types.Object) -> None:
        shot, person = saved_state.load(rig)
        _check_favourite(person, self.index)
        changed = drop_favourite(shot, person.id, self.index)
        saved_state.change_person(rig, changed, changed.people[0])


class FHMR_OT_next_uncertain(_TakeOperator, bpy.types.Operator):
    """Go to the frame and the limb that need a look most; again: to the next"""

    bl_idname = "fhmr.next_uncertain"
    bl_label = "Next Uncertain"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    needs_variations = False

    def change(self, context: bpy.types.Context, rig: bpy.types.Object) -> None:
        shot, person = saved_state.load(rig)
        take = take_of(rig)
        on = [name for name, chosen in zip(LIMB_NAMES, take.limbs, strict=True) if chosen]
        here = context.scene.frame_current - MOVIE_START
        if takes.is_still(shot):
            here = int(shot.frames[0])
        after = (here, on[0]) if len(on) == 1 else None
        place = next_uncertain(person, rest_joints(rig), after)
        if place is None:
            raise FhmrError("Nothing here is uncertain any more.", "Bake, or look for yourself.")
        take.limbs = tuple(name == place.limb for name in LIMB_NAMES)
        if not takes.is_still(shot):
            context.scene.frame_set(place.frame + MOVIE_START)
        frame = "" if takes.is_still(shot) else f" at frame {place.frame + MOVIE_START}"
        self.report({"INFO"}, f"{LIMB_LABELS[place.limb]}{frame}: choose among variations")


def _check_favourite(person: "saved_state.Person", index: int) -> None:
    if not 0 <= index < len(favourites(person)):
        raise FhmrError("There is no such favourite.", "Choose another one from the list.")


CLASSES = (
    FHMR_OT_variation_next,
    FHMR_OT_variation_previous,
    FHMR_OT_keep_variation,
    FHMR_OT_favourite,
    FHMR_OT_favourite_show,
    FHMR_OT_favourite_remove,
    FHMR_OT_next_uncertain,
)
