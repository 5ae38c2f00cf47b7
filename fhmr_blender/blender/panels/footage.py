"""Which picture or movie, and its lens."""

import bpy

from .. import footage_view
from ..properties import settings_of
from .layout import SidebarPanel, wrapped


class FHMR_PT_footage(SidebarPanel, bpy.types.Panel):
    bl_label = "Footage"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = settings_of(context.scene)
        layout.prop(settings, "filepath", text="")
        if settings.problem:
            wrapped(layout, settings.problem, context.region.width, "ERROR")
            return
        if not settings.probed:
            layout.label(text="Choose a picture or a movie", icon="INFO")
            return
        icon = footage_view.thumbnail(settings)
        if icon:
            layout.template_icon(icon_value=icon, scale=5.0)
        width, height = settings.size
        if settings.frame_count > 1:
            layout.label(
                text=f"{width} x {height}, {settings.frame_count} frames, {settings.fps:.4g} fps"
            )
            row = layout.row(align=True)
            for name in ("start", "end", "step"):
                row.prop(settings, name)
        else:
            layout.label(text=f"{width} x {height}, picture")
        row = layout.row(align=True)
        row.prop(settings, "use_focal_length", text="")
        field = row.row(align=True)
        field.enabled = settings.use_focal_length
        field.prop(settings, "focal_length")
        origin = "typed" if settings.use_focal_length else settings.lens_origin
        layout.label(text=f"Focal length {origin}")
        layout.operator("fhmr.match_scene", icon="SCENE_DATA")


CLASSES = (FHMR_PT_footage,)
