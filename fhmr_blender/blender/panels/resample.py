"""Resample Limbs."""

from typing import ClassVar

import bpy

from ...core.skeleton import LIMB_NAMES
from .. import takes
from ..properties import LIMB_LABELS, take_of
from .layout import SidebarPanel, rig_or_reason, scope_rows


class FHMR_PT_resample(SidebarPanel, bpy.types.Panel):
    bl_label = "Resample Limbs"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_or_reason(layout, context)
        if rig is None:
            return
        take = take_of(rig)
        row = layout.row(align=True)
        for index, name in enumerate(LIMB_NAMES):
            column = row.column(align=True)
            column.prop(take, "limbs", index=index, text=LIMB_LABELS[name], toggle=True)
            column.progress(factor=1.0 - take.trust[index], text="")
        scope_rows(layout, take, "scope", ("start", "end"))
        layout.prop(take, "guidance", slider=True)
        row = layout.row(align=True)
        row.prop(take, "variations")
        row.prop(take, "seed")
        row.operator("fhmr.roll_seed", text="", icon="FILE_REFRESH")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("fhmr.resample", icon="MOD_PARTICLES")


class FHMR_PT_resample_advanced(SidebarPanel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "FHMR_PT_resample"
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.selected_rig(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(take_of(takes.the_rig(context)), "steps")


CLASSES = (
    FHMR_PT_resample,
    FHMR_PT_resample_advanced,
)
