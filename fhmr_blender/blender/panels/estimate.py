"""Estimate Pose: progress while it runs, its result afterwards."""

from typing import ClassVar

import bpy

from .. import job_timer, takes
from ..properties import settings_of, take_of
from .layout import SidebarPanel


class FHMR_PT_estimate(SidebarPanel, bpy.types.Panel):
    bl_label = "Estimate"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        running = job_timer.running()
        row = layout.row()
        row.scale_y = 1.6
        row.operator("fhmr.estimate", icon="ARMATURE_DATA")
        if running is not None:
            row = layout.row(align=True)
            row.progress(factor=running.fraction, text=running.line())
            row.operator("fhmr.cancel", text="", icon="X")
            return
        rig = takes.selected_rig(context)
        if rig is not None:
            # A button, because labels have no tooltip: hovering shows how it was made.
            line = f"{rig.name}: {take_of(rig).result}"
            layout.operator("fhmr.copy_report", text=line, icon="CHECKMARK", emboss=False)
            row = layout.row(align=True)
            row.operator("fhmr.reset", icon="LOOP_BACK")
            row.operator("fhmr.delete_take", text="", icon="TRASH")


class FHMR_PT_estimate_advanced(SidebarPanel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "FHMR_PT_estimate"
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column, settings = self.layout.column(), settings_of(context.scene)
        for name in ("guidance", "hypotheses", "steps", "seed", "use_alignment"):
            column.prop(settings, name)
        row = column.row()
        row.enabled = settings.frame_count != 1  # a picture always is
        row.prop(settings, "look_twice")


CLASSES = (
    FHMR_PT_estimate,
    FHMR_PT_estimate_advanced,
)
