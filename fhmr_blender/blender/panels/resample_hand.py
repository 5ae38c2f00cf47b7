"""What the artist says beside the sliders: favourites, pins, landmarks, contacts, repairs, body."""

from typing import Any, ClassVar

import bpy

from ...core.motion import Person, Shot
from ...errors import FhmrError
from ...pipeline.contact_edits import contact_of
from ...pipeline.favourites import favourites
from .. import keypoints, pins, saved_state, takes
from ..properties import pin_of, take_of
from ..scene_camera import MOVIE_START
from .layout import SidebarPanel, switched, wrapped


class _OfTake(SidebarPanel):
    """A closed part of Resample Limbs, there where a rig can be worked on."""

    bl_parent_id = "FHMR_PT_resample"
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rig = takes.selected_rig(context)
        return rig is not None and not takes.why_not(rig)


class FHMR_PT_favourites(_OfTake, bpy.types.Panel):
    bl_label = "Favourites"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        stored = _stored(self.layout, context)
        if stored is None:
            return
        try:
            found = favourites(stored[1])
        except FhmrError as error:
            wrapped(self.layout, str(error), context.region.width, "ERROR")
            return
        if not found:
            self.layout.label(text="The star remembers a variation", icon="INFO")
        for index, favourite in enumerate(found):
            row = self.layout.row(align=True)
            shown: Any = row.operator("fhmr.favourite_show", text=favourite.name, icon="SOLO_ON")
            shown.index = index
            removed: Any = row.operator("fhmr.favourite_remove", text="", icon="X")
            removed.index = index


class FHMR_PT_pins(_OfTake, bpy.types.Panel):
    bl_label = "Pins"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        layout, rig = self.layout, takes.the_rig(context)
        row = layout.row(align=True)
        added: Any = row.operator("fhmr.pin_add", text="Add at Bone", icon="PINNED")
        added.joint = "SELECTED"
        row.operator_menu_enum("fhmr.pin_add", "joint", text="", icon="DOWNARROW_HLT")
        placed: Any = layout.operator("fhmr.pin_place", icon="RESTRICT_SELECT_OFF")
        placed.joint = "SELECTED"
        stored = _stored(layout, context)
        still = stored is not None and takes.is_still(stored[0])
        for item in pins.of(rig):
            pin = pin_of(item)
            box = layout.column(align=True)
            row = box.row(align=True)
            name = pin.joint.replace("_", " ").title()
            gap = pins.distance(rig, item)
            row.label(text=name if gap < 0.02 else f"{name}: {100 * gap:.0f} cm away")
            removed: Any = row.operator("fhmr.pin_remove", text="", icon="X")
            removed.pin = item.name
            box.prop(pin, "weight")
            if not still:
                row = box.row(align=True)
                row.prop(pin, "every")
                field = row.row()
                field.enabled = not pin.every
                field.prop(pin, "frame")
        layout.operator("fhmr.pin_apply", icon="CON_KINEMATIC")


class FHMR_PT_keypoints(_OfTake, bpy.types.Panel):
    bl_label = "Keypoints"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout, rig = self.layout, takes.the_rig(context)
        layout.prop(take_of(rig).hand, "landmarks")
        layout.operator("fhmr.keypoints_edit", icon="GREASEPENCIL")
        stored = _stored(layout, context)
        count = 0 if stored is None else len(keypoints.edits_of(rig, stored[1]))
        row = layout.row(align=True)
        row.label(text=f"{count} correction{'' if count == 1 else 's'}")
        row.operator("fhmr.keypoints_clear", text="", icon="X")
        layout.operator("fhmr.re_estimate", icon="FILE_REFRESH")


class FHMR_PT_contacts(_OfTake, bpy.types.Panel):
    bl_label = "Contacts"
    bl_order = 4

    def draw(self, context: bpy.types.Context) -> None:
        layout, hand = self.layout, take_of(takes.the_rig(context)).hand
        stored = _stored(layout, context)
        column = layout.column()
        column.prop(hand, "contact_joint")
        column.prop(hand, "contact_target")
        if hand.contact_target == "JOINT":
            column.prop(hand, "contact_other")
        elif hand.contact_target == "OBJECT":
            column.prop(hand, "contact_object")
        if stored is not None and not takes.is_still(stored[0]):
            row = column.row(align=True)
            row.prop(hand, "contact_start")
            row.prop(hand, "contact_end")
        layout.operator("fhmr.contact_add", icon="ADD")
        documents = [] if stored is None else stored[1].edits.get("contact_edits", ())
        for index, document in enumerate(documents):
            row = layout.row(align=True)
            try:
                contact = contact_of(document)
            except FhmrError as error:
                row.label(text=error.sentence, icon="ERROR")
            else:
                on = contact.target or "floor"
                where = on if isinstance(on, str) else "place"
                joint = f"{contact.joint} on {where}".replace("_", " ")
                first, last = contact.start + MOVIE_START, contact.end - 1 + MOVIE_START
                row.label(text=f"{joint}, {first} to {last}" if first < last else joint)
            removed: Any = row.operator("fhmr.contact_remove", text="", icon="X")
            removed.index = index


class FHMR_PT_repair(_OfTake, bpy.types.Panel):
    bl_label = "Sides and Reset"
    bl_order = 5

    def draw(self, context: bpy.types.Context) -> None:
        layout, hand = self.layout, take_of(takes.the_rig(context)).hand
        row = layout.row(align=True)
        row.prop(hand, "swap", text="")
        row.operator("fhmr.swap_sides", icon="MOD_MIRROR")
        column = layout.column(align=True)
        for what, text in (
            ("SCOPE", "Reset Limbs in Scope"),
            ("FRAME", "Reset Frame"),
            ("ALL", "Reset Everything"),
        ):
            button: Any = column.operator("fhmr.reset", text=text, icon="LOOP_BACK")
            button.what = what


class FHMR_PT_body(_OfTake, bpy.types.Panel):
    bl_label = "Body and Lens"
    bl_order = 6

    def draw(self, context: bpy.types.Context) -> None:
        layout, hand = self.layout, take_of(takes.the_rig(context)).hand
        layout.prop(hand, "body")
        if hand.body == "file":
            layout.prop(hand, "body_file", text="")
        switched(layout, hand, "use_height", "height")
        layout.prop(hand, "focal_length")
        layout.operator("fhmr.resolve", icon="MOD_ARMATURE")
        layout.operator("fhmr.relink_footage", icon="FILE_FOLDER")


def _stored(layout: bpy.types.UILayout, context: bpy.types.Context) -> tuple[Shot, Person] | None:
    """The take; what is wrong with it is said instead."""
    try:
        return saved_state.load(takes.the_rig(context))
    except FhmrError as error:
        wrapped(layout, str(error), context.region.width, "ERROR")
        return None


CLASSES = (
    FHMR_PT_favourites,
    FHMR_PT_pins,
    FHMR_PT_keypoints,
    FHMR_PT_contacts,
    FHMR_PT_repair,
    FHMR_PT_body,
)
