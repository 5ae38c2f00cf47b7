"""Contacts: a hand or a foot that touches something."""

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import IntProperty

from ...core.motion import Person, Shot
from ...errors import FhmrError
from ...pipeline.contact_edits import Contact, contact_of, with_contacts
from .. import saved_state, takes
from ..properties import take_of
from ..scene_camera import MOVIE_START

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class FHMR_OT_contact_add(bpy.types.Operator):
    """Say that a hand or a foot touches something; the next Resample of the limb heeds it"""

    bl_idname = "fhmr.contact_add"
    bl_label = "Add Contact"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rig = takes.selected_rig(context)
        reason = takes.why_not(rig)
        if not reason and rig is not None:
            hand = take_of(rig).hand
            if hand.contact_target == "OBJECT" and hand.contact_object is None:
                reason = "Choose the object that is touched"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        rig = takes.the_rig(context)
        try:
            shot, person = saved_state.load(rig)
            contact = _read(rig, context.scene, shot, person)
            store(rig, shot, person, [*stored(person), contact])
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class FHMR_OT_contact_remove(bpy.types.Operator):
    """Forget this contact"""

    bl_idname = "fhmr.contact_remove"
    bl_label = "Remove Contact"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        index: int
    else:
        index: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not takes.why_not(takes.selected_rig(context))

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        rig = takes.the_rig(context)
        try:
            shot, person = saved_state.load(rig)
            contacts = stored(person)
            if not 0 <= self.index < len(contacts):
                raise FhmrError("There is no such contact.", "Choose another one from the list.")
            del contacts[self.index]
            store(rig, shot, person, contacts)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def stored(person: Person) -> list[Contact]:
    """The contacts that the artist has said."""
    return [contact_of(document) for document in person.edits.get("contact_edits", ())]


def store(rig: bpy.types.Object, shot: Shot, person: Person, contacts: list[Contact]) -> None:
    """Write the contacts into a rig's take.

    Raises:
        FhmrError: One means nothing.
    """
    changed = with_contacts(shot, person.id, tuple(contacts))
    saved_state.change_person(rig, changed, changed.people[0])


def _read(rig: bpy.types.Object, scene: bpy.types.Scene, shot: Shot, person: Person) -> Contact:
    hand = take_of(rig).hand
    start, end = hand.contact_start, hand.contact_end
    frames = person.observations.frames
    if takes.is_still(shot):
        start = end = int(frames[0]) + MOVIE_START
    elif end < start:
        raise FhmrError(
            f"The contact ends at frame {end}, before it starts at {start}.",
            "Set End after Start.",
        )
    target: str | tuple[float, float, float] | None = None
    if hand.contact_target == "JOINT":
        target = hand.contact_other
    elif hand.contact_target == "OBJECT":
        scene.view_layers[0].update()
        x, y, z = rig.matrix_world.inverted() @ hand.contact_object.matrix_world.translation
        target = (x, y, z)
    return Contact(
        joint=hand.contact_joint,
        start=start - MOVIE_START,
        end=end - MOVIE_START + 1,
        target=target,
    )


CLASSES = (FHMR_OT_contact_add, FHMR_OT_contact_remove)
