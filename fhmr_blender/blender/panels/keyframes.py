"""Bake to Keyframes."""

import bpy

from ..properties import take_of
from .layout import SidebarPanel, rig_or_reason, scope_rows


class FHMR_PT_keyframes(SidebarPanel, bpy.types.Panel):
    bl_label = "Keyframes"
    bl_order = 5

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_or_reason(layout, context)
        if rig is None:
            return
        take = take_of(rig)
        scope_rows(layout, take, "bake_scope", ("bake_start", "bake_end"))
        if take.bake_scope != "FRAME":
            layout.prop(take, "bake_step")
        layout.operator("fhmr.bake", icon="KEY_HLT")


CLASSES = (FHMR_PT_keyframes,)
