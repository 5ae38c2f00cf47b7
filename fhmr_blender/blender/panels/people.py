"""Who is posed, with which body."""

import bpy

from ..properties import settings_of
from .layout import SidebarPanel, switched


class FHMR_PT_people(SidebarPanel, bpy.types.Panel):
    bl_label = "People"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = settings_of(context.scene)
        layout.prop(settings, "body")
        if settings.body == "file":
            layout.prop(settings, "body_file", text="")
        switched(layout, settings, "use_height", "height")
        switched(layout, settings, "use_people_limit", "people_limit")


CLASSES = (FHMR_PT_people,)
