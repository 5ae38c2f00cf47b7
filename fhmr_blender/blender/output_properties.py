"""What the artist sets on a take about its smoothness and its keys."""

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

SCOPES = (
    ("FRAME", "Frame", "The frame that the timeline shows"),
    ("RANGE", "Range", "From one frame to another"),
    ("CLIP", "Clip", "All frames of the footage"),
)
ROTATION_MODES = (
    ("QUATERNION", "Quaternion", "No gimbal lock; neighbouring keys have the closer sign"),
    *(
        (order, f"{order} Euler", f"Three angles in the order {order}, without flips")
        for order in ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
    ),
)


def _on_clean_up(settings: "FHMR_PG_clean_up", _context: bpy.types.Context) -> None:
    from . import clean_up  # late: it reads these properties

    clean_up.on_change(settings.id_data)


def _smoothing(name: str, of: str) -> Any:
    return FloatProperty(
        name=name,
        description=f"How much trembling {of} is taken out: 0 leaves every frame as estimated, "
        "1 keeps only slow movements",
        default=0.3,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=_on_clean_up,
    )


class FHMR_PG_clean_up(bpy.types.PropertyGroup):
    """How the shown motion is made from the stored one, which stays as it is."""

    if TYPE_CHECKING:
        smoothing: float
        feet: str
        foot_strength: float
        hands: bool
        in_place: bool
        use_regions: bool
        torso: float
        head: float
        arms: float
        legs: float
        still: bool
        problem: str
    else:
        smoothing: _smoothing("Smoothing", "of the whole body")
        feet: EnumProperty(
            name="Feet",
            description="What happens to feet that stand",
            items=(
                ("off", "Off", "Feet move as estimated"),
                ("auto", "Auto", "A foot that stands does not slide"),
                ("grounded", "Grounded", "Besides, it stands on the floor and nothing sinks in"),
            ),
            default="auto",
            update=_on_clean_up,
        )
        foot_strength: FloatProperty(
            name="Strength",
            description="How firmly standing feet are held: 0 not at all, 1 exactly",
            default=1.0,
            min=0.0,
            max=1.0,
            subtype="FACTOR",
            update=_on_clean_up,
        )
        hands: BoolProperty(
            name="Hands",
            description="Hands that touch something do not slide, either",
            update=_on_clean_up,
        )
        in_place: BoolProperty(
            name="In Place",
            description="The body stays where it starts, as for a game's walk cycle: "
            "it does not travel over the floor",
            update=_on_clean_up,
        )
        use_regions: BoolProperty(
            name="By Region",
            description="Torso, head, arms and legs each have a smoothing of their own",
            update=_on_clean_up,
        )
        torso: _smoothing("Torso", "of the torso and of its way through the room")
        head: _smoothing("Head", "of the neck and the head")
        arms: _smoothing("Arms", "of both arms")
        legs: _smoothing("Legs", "of both legs")
        still: BoolProperty(options={"HIDDEN"})  # a picture: nothing to smooth
        problem: StringProperty(options={"HIDDEN"})


class FHMR_PG_bake(bpy.types.PropertyGroup):
    """Which keyframes a take becomes."""

    if TYPE_CHECKING:
        people: str
        scope: str
        start: int
        end: int
        step: int
        use_tolerance: bool
        tolerance: float
        rotation_mode: str
        new_action: bool
        written_tolerance: float
    else:
        people: EnumProperty(
            name="People",
            description="Whose motion becomes keys",
            items=(
                ("SELECTED", "Selected", "The selected people, each with its own frames"),
                ("SHOT", "All of the Shot", "Everybody in this rig's shot"),
            ),
        )
        scope: EnumProperty(name="Scope", description="Frames that get keyframes", items=SCOPES)
        start: IntProperty(name="Start", description="First frame with a key", default=1)
        end: IntProperty(name="End", description="Last frame with a key", default=1)
        step: IntProperty(
            name="Every (frames)",
            description="A key every n-th frame",
            default=1,
            min=1,
            soft_max=10,
        )
        use_tolerance: BoolProperty(
            name="Fewer Keys",
            description="Keys only where they are needed, each bone its own. The curves between "
            "them stay as close to the motion as Tolerance says",
        )
        tolerance: FloatProperty(
            name="Tolerance (degrees)",
            description="No joint is turned away farther than this at any frame; "
            "the hips stay within 4 mm for each degree",
            default=1.0,
            min=0.01,
            soft_max=10.0,
            max=45.0,
            precision=2,
        )
        rotation_mode: EnumProperty(
            name="Rotation",
            description="How the bones' rotations are written",
            items=ROTATION_MODES,
        )
        new_action: BoolProperty(
            name="New Action",
            description="Write into a new action. The present one is kept with the file",
        )
        written_tolerance: FloatProperty(options={"HIDDEN"})  # degrees; 0: a key at each frame


CLASSES = (FHMR_PG_clean_up, FHMR_PG_bake)
