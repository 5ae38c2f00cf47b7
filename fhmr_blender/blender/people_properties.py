"""What the list of people shows of each, and boxes drawn by hand."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, FloatVectorProperty, IntProperty, StringProperty

PRESENCE_PARTS = 24  # of the footage, in the bar that shows where a person is seen
PORTRAIT = 64  # pixels


def _on_included(seen: "FHMR_PG_seen", _context: bpy.types.Context) -> None:
    from . import people_list  # late: it reads these properties

    people_list.show(seen.id_data, seen.included)


class FHMR_PG_box(bpy.types.PropertyGroup):
    """A person's box, drawn by hand in one frame of the footage."""

    if TYPE_CHECKING:
        corners: tuple[float, float, float, float]
        frame: int
    else:
        corners: FloatVectorProperty(size=4, options={"HIDDEN"})  # x0 y0 x1 y1, pixels
        frame: IntProperty(options={"HIDDEN"})  # of the scene


class FHMR_PG_seen(bpy.types.PropertyGroup):
    """How a person looks in the footage, and whether it counts."""

    if TYPE_CHECKING:
        included: bool
        presence: tuple[float, ...]
        portrait: bytes
        summary: str
    else:
        included: BoolProperty(
            name="Show",
            description="Show this person, in renders too, and bake and export it with the shot",
            default=True,
            update=_on_included,
        )
        presence: FloatVectorProperty(size=PRESENCE_PARTS, options={"HIDDEN"})  # 0..1
        portrait: StringProperty(subtype="BYTE_STRING", options={"HIDDEN"})  # RGB rows, top first
        summary: StringProperty(options={"HIDDEN"})  # body and height


CLASSES = (FHMR_PG_box, FHMR_PG_seen)
