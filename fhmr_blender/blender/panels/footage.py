"""Which picture, movie or sequence, its camera and its lens."""

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
        row = layout.row(align=True)
        row.prop(settings, "filepath", text="")
        row.operator("fhmr.use_clip", text="", icon="TRACKER")
        if settings.numbered or settings.sequence:
            row = layout.row(align=True)
            pattern = "#" in bpy.path.basename(settings.filepath)
            if not pattern:
                row.prop(settings, "sequence")
            if settings.sequence or pattern:
                row.prop(settings, "sequence_fps")
        if settings.problem:
            wrapped(layout, settings.problem, context.region.width, "ERROR")
            return
        if not settings.probed:
            layout.label(text="Choose a picture or a movie", icon="INFO")
            return
        icon = footage_view.thumbnail(settings)
        if icon:
            layout.template_icon(icon_value=icon, scale=3.5)
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
        layout.row(align=True).prop(settings, "camera", expand=True)
        if settings.camera == "scene":
            camera = context.scene.camera
            text = "The scene has no camera" if camera is None else f"Lens and way of {camera.name}"
            layout.label(text=text, icon="ERROR" if camera is None else "OUTLINER_OB_CAMERA")
        else:
            row = layout.row(align=True)
            row.prop(settings, "use_focal_length", text="")
            field = row.row(align=True)
            field.enabled = settings.use_focal_length
            field.prop(settings, "focal_length")
            origin = "typed" if settings.use_focal_length else settings.lens_origin
            layout.label(text=f"Focal length {origin}")
        layout.operator("fhmr.match_scene", icon="SCENE_DATA")


CLASSES = (FHMR_PT_footage,)
