"""What the sidebar's panels share: the tab, and rows that several of them need."""

from typing import TYPE_CHECKING, Literal

import bpy

from .. import saved_state, takes
from ..properties import take_of


class SidebarPanel:
    """A panel of the sidebar tab FHMR."""

    if TYPE_CHECKING:
        layout: bpy.types.UILayout
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "FHMR"


def wrapped(
    layout: bpy.types.UILayout, text: str, width: int, icon: Literal["INFO", "ERROR"]
) -> None:
    """A sentence over as many lines as the sidebar's width (pixels) asks for."""
    scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 without a window
    per_line = max(20, int(width / 7.5 / scale))
    column = layout.column(align=True)
    line = ""
    lines: list[str] = []
    for word in text.split():
        if line and len(line) + len(word) >= per_line:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    lines.append(line)
    for index, content in enumerate(lines):
        column.label(text=content, icon=icon if index == 0 else "BLANK1")


def rig_or_reason(
    layout: bpy.types.UILayout, context: bpy.types.Context
) -> bpy.types.Object | None:
    """The rig to work on; where there is none, the layout says why."""
    rig = takes.selected_rig(context)
    reason = takes.why_not(rig)
    if rig is not None and not reason and take_of(rig).schema > len(saved_state.MIGRATIONS):
        reason = "Made by a newer version of FHMR. Update the extension"
    if reason:
        wrapped(layout, reason, context.region.width, "INFO")
        return None
    return rig


def switched(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, switch: str, name: str
) -> None:
    """A checkbox before a field that counts only where it is ticked."""
    row = layout.row(align=True)
    row.prop(settings, switch, text="")
    field = row.row(align=True)
    field.enabled = getattr(settings, switch)
    field.prop(settings, name)


def scope_rows(
    layout: bpy.types.UILayout, take: bpy.types.PropertyGroup, scope: str, ends: tuple[str, str]
) -> None:
    """Frame, range or clip, and the range's ends."""
    layout.row(align=True).prop(take, scope, expand=True)
    if getattr(take, scope) == "RANGE":
        row = layout.row(align=True)
        for name in ends:
            row.prop(take, name)
