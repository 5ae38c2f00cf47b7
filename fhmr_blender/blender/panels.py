"""The sidebar tab FHMR, from top to bottom in the order of work."""

from typing import TYPE_CHECKING, ClassVar, Literal

import bpy

from ..core.skeleton import LIMB_NAMES
from . import footage_view, job_timer, saved_state, takes
from .properties import LIMB_LABELS, settings_of, take_of


class _Panel:
    if TYPE_CHECKING:
        layout: bpy.types.UILayout
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "FHMR"


class FHMR_PT_footage(_Panel, bpy.types.Panel):
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


class FHMR_PT_people(_Panel, bpy.types.Panel):
    bl_label = "People"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = settings_of(context.scene)
        layout.prop(settings, "body")
        if settings.body == "file":
            layout.prop(settings, "body_file", text="")
        _switched(layout, settings, "use_height", "height")
        _switched(layout, settings, "use_people_limit", "people_limit")


class FHMR_PT_estimate(_Panel, bpy.types.Panel):
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
            layout.label(text=f"{rig.name}: {take_of(rig).result}", icon="CHECKMARK")
            row = layout.row(align=True)
            row.operator("fhmr.reset", icon="LOOP_BACK")
            row.operator("fhmr.delete_take", text="", icon="TRASH")


class FHMR_PT_estimate_advanced(_Panel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "FHMR_PT_estimate"
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        for name in ("guidance", "hypotheses", "steps", "seed", "use_alignment"):
            column.prop(settings_of(context.scene), name)


class FHMR_PT_resample(_Panel, bpy.types.Panel):
    bl_label = "Resample Limbs"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = _rig_or_reason(layout, context)
        if rig is None:
            return
        take = take_of(rig)
        row = layout.row(align=True)
        for index, name in enumerate(LIMB_NAMES):
            column = row.column(align=True)
            column.prop(take, "limbs", index=index, text=LIMB_LABELS[name], toggle=True)
            column.progress(factor=1.0 - take.trust[index], text="")
        _scope(layout, take, "scope", ("start", "end"))
        layout.prop(take, "guidance", slider=True)
        row = layout.row(align=True)
        row.prop(take, "variations")
        row.prop(take, "seed")
        row.operator("fhmr.roll_seed", text="", icon="FILE_REFRESH")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("fhmr.resample", icon="MOD_PARTICLES")


class FHMR_PT_resample_advanced(_Panel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "FHMR_PT_resample"
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.selected_rig(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(take_of(takes.the_rig(context)), "steps")


class FHMR_PT_keyframes(_Panel, bpy.types.Panel):
    bl_label = "Keyframes"
    bl_order = 5

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = _rig_or_reason(layout, context)
        if rig is None:
            return
        take = take_of(rig)
        _scope(layout, take, "bake_scope", ("bake_start", "bake_end"))
        if take.bake_scope != "FRAME":
            layout.prop(take, "bake_step")
        layout.operator("fhmr.bake", icon="KEY_HLT")


def wrapped(
    layout: bpy.types.UILayout, text: str, width: int, icon: Literal["INFO", "ERROR"]
) -> None:
    """A sentence over as many lines as the sidebar's width (pixels) asks for."""
    per_line = max(20, int(width / 7.5 / bpy.context.preferences.system.ui_scale))
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


def _rig_or_reason(
    layout: bpy.types.UILayout, context: bpy.types.Context
) -> bpy.types.Object | None:
    rig = takes.selected_rig(context)
    reason = takes.why_not(rig)
    if rig is not None and not reason and take_of(rig).schema > len(saved_state.MIGRATIONS):
        reason = "Made by a newer version of FHMR. Update the extension"
    if reason:
        wrapped(layout, reason, context.region.width, "INFO")
        return None
    return rig


def _switched(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, switch: str, name: str
) -> None:
    """A checkbox before a field that counts only where it is ticked."""
    row = layout.row(align=True)
    row.prop(settings, switch, text="")
    field = row.row(align=True)
    field.enabled = getattr(settings, switch)
    field.prop(settings, name)


def _scope(
    layout: bpy.types.UILayout, take: bpy.types.PropertyGroup, scope: str, ends: tuple[str, str]
) -> None:
    layout.row(align=True).prop(take, scope, expand=True)
    if getattr(take, scope) == "RANGE":
        row = layout.row(align=True)
        for name in ends:
            row.prop(take, name)


CLASSES = (
    FHMR_PT_footage,
    FHMR_PT_people,
    FHMR_PT_estimate,
    FHMR_PT_estimate_advanced,
    FHMR_PT_resample,
    FHMR_PT_resample_advanced,
    FHMR_PT_keyframes,
)
