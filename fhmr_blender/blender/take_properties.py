"""What the artist's hand leaves on a take: variations, what is shown beside the body, pins."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core.skeleton import CONTACT_NAMES, JOINT_NAMES

CONTACT_ITEMS = tuple((name, name.replace("_", " ").title(), "") for name in CONTACT_NAMES)
TARGETS = (
    ("FLOOR", "Floor", "The joint stands on the floor"),
    ("JOINT", "Joint", "The joint touches another joint of the same body"),
    ("OBJECT", "Object", "The joint touches an object's origin"),
)
JOINT_ITEMS = tuple((name, name.replace("_", " ").title(), "") for name in JOINT_NAMES)


_quiet = 0


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Properties are set without what follows when the artist sets them."""
    global _quiet
    _quiet += 1
    try:
        yield
    finally:
        _quiet -= 1


def on_draw_setting(take: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    """Guidance or seed was set: the limbs are drawn again at once."""
    from . import live  # late: it reads these properties

    if not _quiet:
        live.on_change(take.id_data)


def _on_shown(hand: "FHMR_PG_hand", _context: bpy.types.Context) -> None:
    from . import live

    if not _quiet:
        live.on_shown(hand.id_data)


def _on_pin(pin: "FHMR_PG_pin", _context: bpy.types.Context) -> None:
    from . import live

    if not _quiet and pin.rig is not None:
        live.on_change(pin.rig)


class FHMR_PG_variation(bpy.types.PropertyGroup):
    """One of the answers drawn last, as the list shows it."""

    if TYPE_CHECKING:
        plausibility: float
        agreement: float
        unmet: str
    else:
        plausibility: FloatProperty(
            name="Plausibility", description="How much this looks like a person", subtype="FACTOR"
        )
        agreement: FloatProperty(
            name="Picture", description="How well this agrees with the picture", subtype="FACTOR"
        )
        unmet: StringProperty(options={"HIDDEN"})  # pins out of reach, a sentence a line


class FHMR_PG_hand(bpy.types.PropertyGroup):
    """What belongs to the artist's choosing on one rig.

    `open` while variations wait to be kept. `pending` while the panel says what has not been
    drawn yet; `drawn_guidance` and `drawn_seed` are what was. `unwritten` while a clip's keys do
    not hold yet what was drawn.
    """

    if TYPE_CHECKING:
        live: bool
        ghosts: bool
        colour: bool
        strip: bool
        landmarks: bool
        open: bool
        shown: int
        variations: bpy.types.bpy_prop_collection_idprop[FHMR_PG_variation]
        pending: bool
        unwritten: bool
        corrections: str
        drawn_guidance: float
        drawn_seed: int
        swap: str
        body: str
        body_file: str
        use_height: bool
        height: float
        focal_length: float
        contact_joint: str
        contact_target: str
        contact_other: str
        contact_object: bpy.types.Object | None
        contact_start: int
        contact_end: int
    else:
        live: BoolProperty(
            name="Live",
            description="Guidance, seed and pins change the body while they are dragged",
            default=True,
        )
        ghosts: BoolProperty(
            name="Ghosts",
            description="Show the other variations beside the body, light and unselectable",
            default=True,
        )
        colour: BoolProperty(
            name="Colour the Body",
            description="Red where the variations differ: there the picture does not decide",
        )
        strip: BoolProperty(
            name="Strip in the Timeline",
            description="A row for each limb in the timeline, stronger where it is less certain",
            default=True,
        )
        landmarks: BoolProperty(
            name="Show Landmarks",
            description="Show the detected landmarks over the footage, in the camera's view",
        )
        open: BoolProperty(options={"HIDDEN"})
        shown: IntProperty(
            name="Variation", description="Which variation is shown", update=_on_shown
        )
        variations: CollectionProperty(type=FHMR_PG_variation)
        pending: BoolProperty(options={"HIDDEN"})
        unwritten: BoolProperty(options={"HIDDEN"})
        corrections: StringProperty(options={"HIDDEN"})  # of landmarks, not solved yet; JSON
        drawn_guidance: FloatProperty(options={"HIDDEN"}, default=1.0)
        drawn_seed: IntProperty(options={"HIDDEN"})
        swap: EnumProperty(
            name="Swap",
            description="Which limbs change sides",
            items=(
                ("ARMS", "Arms", "Left and right arm"),
                ("LEGS", "Legs", "Left and right leg"),
                ("BOTH", "Both", "Arms and legs"),
            ),
            default="LEGS",
        )
        body: EnumProperty(
            name="Body",
            description="The shape and mesh that this person gets",
            items=(
                ("neutral", "Neutral", "The body that ships with FHMR, between the other two"),
                ("male", "Male", "The male body that ships with FHMR"),
                ("female", "Female", "The female body that ships with FHMR"),
                ("file", "Own File", "An SMPL file of your own (.npz or .pkl)"),
            ),
        )
        body_file: StringProperty(
            name="SMPL File", description="Your own SMPL model", subtype="FILE_PATH"
        )
        use_height: BoolProperty(
            name="Own Height", description="Type the actor's height instead of taking it as seen"
        )
        height: FloatProperty(
            name="Height (m)",
            description="The actor's height in metres",
            default=1.75,
            min=1.2,
            max=2.3,
            precision=2,
            step=1,
        )
        focal_length: FloatProperty(
            name="Focal Length",
            description="Of the lens as on 35 mm film. A longer one puts the people farther away",
            subtype="DISTANCE_CAMERA",
            default=35.0,
            min=6.5,
            max=2000.0,
        )
        contact_joint: EnumProperty(
            name="Joint", description="What touches something", items=CONTACT_ITEMS
        )
        contact_target: EnumProperty(name="Touches", description="What it touches", items=TARGETS)
        contact_other: EnumProperty(
            name="Other Joint", description="The joint that it touches", items=JOINT_ITEMS
        )
        contact_object: PointerProperty(
            name="Object", description="The object that it touches", type=bpy.types.Object
        )
        contact_start: IntProperty(name="Start", description="First frame of the contact")
        contact_end: IntProperty(name="End", description="Last frame of the contact")


class FHMR_PG_pin(bpy.types.PropertyGroup):
    """Makes an empty a pin: where a joint of a rig should be."""

    if TYPE_CHECKING:
        rig: bpy.types.Object | None
        joint: str
        frame: int
        every: bool
        weight: float
    else:
        rig: PointerProperty(type=bpy.types.Object)
        joint: StringProperty(options={"HIDDEN"})
        frame: IntProperty(
            name="Frame", description="Scene frame at which the joint is there", update=_on_pin
        )
        every: BoolProperty(
            name="All Frames",
            description="Hold the joint there in every frame that is drawn again",
            update=_on_pin,
        )
        weight: FloatProperty(
            name="Weight",
            description="How firmly the joint is held: 1 exactly there, less lets it hang behind",
            subtype="FACTOR",
            default=1.0,
            min=0.0,
            max=1.0,
            update=_on_pin,
        )


CLASSES = (FHMR_PG_variation, FHMR_PG_hand, FHMR_PG_pin)
