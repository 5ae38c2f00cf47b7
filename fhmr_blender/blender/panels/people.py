"""Who is posed, with which body; who was found, and what can be mended about it."""

from typing import Any

import bpy

from .. import people_list, takes
from ..properties import settings_of, take_of
from .layout import SidebarPanel, switched


class FHMR_UL_people(bpy.types.UIList):
    """The people of a shot: portrait with a bar of where they are seen, body and height."""

    def draw_item(
        self,
        _context: bpy.types.Context | None,
        layout: bpy.types.UILayout,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str | None,
    ) -> None:
        take = take_of(item)
        row = layout.row(align=True)
        row.prop(take.seen, "included", text="")
        icon = people_list.icon(item)
        if icon:
            row.template_icon(icon_value=icon, scale=2.0)
        split = row.split(factor=0.25)
        split.label(text=str(take.person))
        split.label(text=take.seen.summary)

    def filter_items(
        self, _context: bpy.types.Context | None, data: Any, _property: str | None
    ) -> tuple[list[int], list[int]]:
        """Of a collection's objects only the rigs."""
        shown = self.bitflag_filter_item
        return [shown if takes.is_rig(item) else 0 for item in data.objects], []


class FHMR_PT_people(SidebarPanel, bpy.types.Panel):
    bl_label = "People"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = settings_of(context.scene)
        home = people_list.shown_home(context)
        if home is not None:
            layout.template_list("FHMR_UL_people", "", home, "objects", settings, "person", rows=2)
            row = layout.row(align=True)
            row.operator("fhmr.merge_people", text="Merge")
            row.operator("fhmr.split_person", text="Split")
            row.operator("fhmr.drop_person", text="", icon="REMOVE")
        row = layout.row(align=True)
        row.operator("fhmr.draw_box", icon="SELECT_SET")
        if settings.boxes:
            count = len(settings.boxes)
            row.operator("fhmr.clear_boxes", text=f"{count} drawn", icon="X")
        layout.prop(settings, "body")
        if settings.body == "file":
            layout.prop(settings, "body_file", text="")
        switched(layout, settings, "use_height", "height")
        switched(layout, settings, "use_people_limit", "people_limit")


CLASSES = (FHMR_UL_people, FHMR_PT_people)
