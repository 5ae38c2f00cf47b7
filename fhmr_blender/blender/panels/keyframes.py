"""Bake to Keyframes."""

import bpy

from ..properties import take_of
from .layout import SidebarPanel, rig_or_reason, scope_rows, switched


class FHMR_PT_keyframes(SidebarPanel, bpy.types.Panel):
    bl_label = "Keyframes"
    bl_order = 5

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_or_reason(layout, context)
        if rig is None:
            return
        bake = take_of(rig).bake
        layout.row(align=True).prop(bake, "people", expand=True)
        scope_rows(layout, bake, "scope", ("start", "end"))
        if bake.scope != "FRAME":
            switched(layout, bake, "use_tolerance", "tolerance")
            row = layout.row()
            row.enabled = not bake.use_tolerance
            row.prop(bake, "step")
        layout.prop(bake, "rotation_mode")
        layout.prop(bake, "new_action")
        row = layout.row(align=True)
        row.operator("fhmr.bake", icon="KEY_HLT")
        row.operator("fhmr.delete_keys", text="", icon="KEY_DEHLT")
        layout.operator("fhmr.export", icon="EXPORT")


CLASSES = (FHMR_PT_keyframes,)
