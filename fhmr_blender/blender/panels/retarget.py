"""Retarget: onto the artist's own armature."""

from typing import Any, ClassVar

import bpy

from .. import takes
from ..properties import take_of
from .layout import SidebarPanel


class FHMR_UL_mapped_bones(bpy.types.UIList):
    """Joints, and the target's bones for them."""

    def draw_item(
        self,
        _context: bpy.types.Context | None,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str | None,
    ) -> None:
        split = layout.split(factor=0.42)
        split.label(text=item.name.replace("_", " ").title())
        armature = data.target
        if armature is not None:
            split.prop_search(item, "bone", armature.data, "bones", text="")


class FHMR_PT_retarget(SidebarPanel, bpy.types.Panel):
    bl_label = "Retarget"
    bl_parent_id = "FHMR_PT_keyframes"
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.selected_rig(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = take_of(takes.the_rig(context)).retarget
        layout.prop(settings, "target", text="")
        if settings.target is not None:
            layout.template_list(
                "FHMR_UL_mapped_bones", "", settings, "rows", settings, "row", rows=6
            )
            row = layout.row(align=True)
            row.prop(settings, "preset", text="")
            row.operator("fhmr.save_bones", text="", icon="FILE_TICK")
            row.operator("fhmr.find_bones", text="", icon="FILE_REFRESH")
            layout.prop(settings, "scaled")
        layout.operator("fhmr.retarget", icon="CON_ARMATURE")


CLASSES = (FHMR_UL_mapped_bones, FHMR_PT_retarget)
