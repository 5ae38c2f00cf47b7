"""Resample Limbs: which limbs, how, and which of the answers."""

from typing import TYPE_CHECKING, ClassVar

import bpy

from ...core.skeleton import LIMB_NAMES
from .. import job_timer, live, takes, uncertainty_view
from ..properties import LIMB_LABELS, take_of
from .layout import SidebarPanel, rig_or_reason, scope_rows, wrapped

if TYPE_CHECKING:
    from ..take_properties import FHMR_PG_hand, FHMR_PG_variation


_SHOWN = {"ghosts": "GHOST_ENABLED", "colour": "COLOR", "strip": "TIME"}
"""What may be shown of the variations, and the icon of its switch."""


class FHMR_UL_variations(bpy.types.UIList):
    """The answers drawn last, each with how natural it is and how well it fits the picture."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: "FHMR_PG_hand",
        item: "FHMR_PG_variation",
        _icon: int,
        _active: object,
        _property: str,
        index: int = 0,
        _flag: int = 0,
    ) -> None:
        row = layout.row(align=True)
        number = row.row()
        number.ui_units_x = 1.6
        number.label(text=str(index + 1))
        row.progress(factor=item.plausibility, text=f"Natural {100 * item.plausibility:.0f} %")
        row.progress(factor=item.agreement, text=f"Picture {100 * item.agreement:.0f} %")


class FHMR_PT_resample(SidebarPanel, bpy.types.Panel):
    bl_label = "Resample Limbs"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_or_reason(layout, context)
        if rig is None:
            return
        take = take_of(rig)
        _limbs(layout, context, rig)
        scope_rows(layout, take, "scope", ("start", "end"))
        layout.prop(take, "guidance", slider=True)
        row = layout.row(align=True)
        row.prop(take, "variations")
        row.prop(take, "seed")
        row.operator("fhmr.roll_seed", text="", icon="FILE_REFRESH")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("fhmr.resample", icon="MOD_PARTICLES")
        running = job_timer.running()
        if running is not None:
            row = layout.row(align=True)
            row.progress(factor=running.fraction, text=running.line())
            row.operator("fhmr.cancel", text="", icon="X")
        for sentence in _sentences(rig):
            wrapped(layout, sentence, context.region.width, "ERROR")
        _variations(layout, take.hand)
        row = layout.row(align=True)
        row.operator("fhmr.next_uncertain", icon="VIEWZOOM")
        for name, icon in _SHOWN.items():
            row.prop(take.hand, name, text="", icon=icon)


class FHMR_PT_resample_advanced(SidebarPanel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "FHMR_PT_resample"
    bl_order = 9
    bl_options: ClassVar = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.selected_rig(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        take = take_of(takes.the_rig(context))
        column = self.layout.column()
        column.prop(take, "steps")
        column.prop(take.hand, "live")


def _sentences(rig: bpy.types.Object) -> list[str]:
    """What went wrong while dragging, and which pins what is shown does not reach."""
    hand = take_of(rig).hand
    found = [live.problem(rig)]
    if hand.shown < len(hand.variations):
        found += hand.variations[hand.shown].unmet.splitlines()
    return [sentence for sentence in found if sentence]


def _limbs(layout: bpy.types.UILayout, context: bpy.types.Context, rig: bpy.types.Object) -> None:
    """Toggles, each over a bar of how uncertain the limb is at this frame."""
    take = take_of(rig)
    spread = uncertainty_view.of(rig)
    row = layout.row(align=True)
    for index, name in enumerate(LIMB_NAMES):
        column = row.column(align=True)
        column.prop(take, "limbs", index=index, text=LIMB_LABELS[name], toggle=True)
        unsure = 1.0 - take.trust[index]
        if spread is not None:
            frame = uncertainty_view.at(spread, context.scene.frame_current)
            unsure = float(spread.limbs[frame, index])
        column.progress(factor=unsure, text="")


def _variations(layout: bpy.types.UILayout, hand: "FHMR_PG_hand") -> None:
    """Step, keep, mark; the list; and what was marked before."""
    count = len(hand.variations)
    if not count:
        return
    row = layout.row(align=True)
    row.operator("fhmr.variation_previous", text="", icon="TRIA_LEFT")
    middle = row.row(align=True)
    middle.alignment = "CENTER"
    middle.label(text=f"{hand.shown + 1} / {count}")
    row.operator("fhmr.variation_next", text="", icon="TRIA_RIGHT")
    row.operator("fhmr.keep_variation", icon="CHECKMARK")
    row.operator("fhmr.favourite", text="", icon="SOLO_ON")
    layout.template_list(
        "FHMR_UL_variations", "", hand, "variations", hand, "shown", rows=3, maxrows=8
    )


CLASSES = (FHMR_UL_variations, FHMR_PT_resample, FHMR_PT_resample_advanced)
