"""The artist's armature and which of its bones is which, kept on our rig."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)


def _is_other_armature(settings: bpy.types.PropertyGroup, item: bpy.types.Object) -> bool:
    return item.type == "ARMATURE" and item != settings.id_data


def _on_target(settings: "FHMR_PG_retarget", _context: bpy.types.Context) -> None:
    from . import table  # late: it reads these properties

    table.fill(settings)


class FHMR_PG_mapped_bone(bpy.types.PropertyGroup):
    """A row of the table; its name is one of SMPL's joints."""

    if TYPE_CHECKING:
        bone: str
    else:
        bone: StringProperty(
            name="Bone", description="The bone that moves as this joint does. Empty: none"
        )


class FHMR_PG_retarget(bpy.types.PropertyGroup):
    """Where a take is carried to."""

    if TYPE_CHECKING:
        target: bpy.types.Object | None
        rows: bpy.types.bpy_prop_collection_idprop[FHMR_PG_mapped_bone]
        row: int
        preset: str
        scaled: bool
    else:
        target: PointerProperty(
            name="Armature",
            description="The rig that gets the motion. Its bones are found by their names",
            type=bpy.types.Object,
            poll=_is_other_armature,
            update=_on_target,
        )
        rows: CollectionProperty(type=FHMR_PG_mapped_bone)
        row: IntProperty(options={"HIDDEN"})
        preset: StringProperty(
            name="Preset", description="The name under which the table is found again"
        )
        scaled: BoolProperty(
            name="Match Legs",
            description="The way over the floor grows with the length of the legs, so that feet "
            "do not slide. Off: the distances of the footage",
            default=True,
        )


CLASSES = (FHMR_PG_mapped_bone, FHMR_PG_retarget)
