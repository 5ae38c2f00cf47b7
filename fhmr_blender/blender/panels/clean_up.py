"""Clean Up: smoothing and feet."""

from typing import ClassVar

import bpy

from .. import takes
from ..properties import take_of
from .layout import SidebarPanel, rig_or_reason, wrapped


class FHMR_PT_clean_up(SidebarPanel, bpy.types.Panel):
    bl_label = "Clean Up"
    bl_order = 4

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_or_reason(layout, context)
        if rig is None:
            return
        settings = take_of(rig).clean_up
        if settings.still:
            wrapped(layout, "A picture needs no smoothing", context.region.width, "INFO")
            return
        row = layout.row()
        row.enabled = not settings.use_regions
        row.prop(settings, "smoothing", slider=True)
        row = layout.row(align=True)
        row.prop(settings, "feet", expand=True)
        row = layout.row()
        row.enabled = settings.feet != "off"
        row.prop(settings, "foot_strength", slider=True)
        layout.prop(settings, "in_place")
        if settings.problem:
            wrapped(layout, settings.problem, context.region.width, "ERROR")


class FHMR_PT_clean_up_advanced(SidebarPanel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "FHMR_PT_clean_up"
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.selected_rig(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = take_of(takes.the_rig(context)).clean_up
        row = layout.row()
        row.enabled = settings.feet != "off"
        row.prop(settings, "hands")
        layout.prop(settings, "use_regions")
        column = layout.column(align=True)
        column.enabled = settings.use_regions
        for name in ("torso", "head", "arms", "legs"):
            column.prop(settings, name, slider=True)


CLASSES = (FHMR_PT_clean_up, FHMR_PT_clean_up_advanced)
