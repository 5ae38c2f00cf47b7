"""What the artist sets: on the scene before Estimate, on the rig afterwards."""

from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import (
    BoolProperty,
    BoolVectorProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core.skeleton import LIMB_NAMES
from . import footage_view, output_properties, people_properties, take_properties
from .output_properties import SCOPES
from .retarget import properties as retarget_properties

LIMB_LABELS = dict(zip(LIMB_NAMES, ("Head", "L Arm", "R Arm", "L Leg", "R Leg"), strict=True))

BODIES = (
    ("neutral", "Neutral", "The body that ships with FHMR, between the other two"),
    ("male", "Male", "The male body that ships with FHMR"),
    ("female", "Female", "The female body that ships with FHMR"),
    ("file", "Own File", "An SMPL file of your own (.npz or .pkl)"),
)


# Estimate and Resample draw limbs by the same three settings.
def _guidance(**more: Any) -> Any:
    return FloatProperty(
        name="Guidance",
        description="How closely the limbs follow the picture: 0 imagines them freely around "
        "the torso, 1 as the model believes, 4 clings to the picture where it shows them",
        default=1.0,
        min=0.0,
        max=4.0,
        **more,
    )


def _steps() -> Any:
    return IntProperty(
        name="Steps",
        description="Steps in which limbs are drawn. More give more varied limbs, slower",
        default=4,
        min=1,
        max=50,
    )


def _seed(**more: Any) -> Any:
    return IntProperty(
        name="Seed", description="Another number draws other limbs", default=0, min=0, **more
    )


def _on_person(_settings: "FHMR_PG_footage", context: bpy.types.Context) -> None:
    from . import people_list  # late: it reads these properties

    people_list.on_row(context)


class FHMR_PG_footage(bpy.types.PropertyGroup):
    """What to estimate, kept on the scene."""

    if TYPE_CHECKING:
        filepath: str
        probed: str
        problem: str
        size: tuple[int, int]
        fps: float
        frame_count: int
        numbered: bool
        sequence: bool
        sequence_fps: float
        lens_origin: str
        camera: str
        boxes: bpy.types.bpy_prop_collection_idprop[people_properties.FHMR_PG_box]
        person: int
        start: int
        end: int
        step: int
        use_focal_length: bool
        focal_length: float
        body: str
        body_file: str
        use_height: bool
        height: float
        use_people_limit: bool
        people_limit: int
        guidance: float
        steps: int
        hypotheses: int
        seed: int
        use_alignment: bool
        look_twice: bool
    else:
        filepath: StringProperty(
            name="Footage",
            description="The picture, movie or image sequence that shows the people",
            subtype="FILE_PATH",
            update=footage_view.on_file,
        )
        probed: StringProperty(options={"HIDDEN"})
        problem: StringProperty(options={"HIDDEN"})
        size: bpy.props.IntVectorProperty(size=2, options={"HIDDEN"})
        fps: FloatProperty(options={"HIDDEN"})
        frame_count: IntProperty(options={"HIDDEN"})
        numbered: BoolProperty(options={"HIDDEN"})  # a picture with others beside it
        sequence: BoolProperty(
            name="Image Sequence",
            description="Take all pictures with the same name and another number as one clip",
            update=footage_view.on_choice,
        )
        sequence_fps: FloatProperty(
            name="Frame Rate (fps)",
            description="How many pictures of the sequence make a second",
            default=24.0,
            min=1.0,
            max=1000.0,
            update=footage_view.on_choice,
        )
        lens_origin: StringProperty(options={"HIDDEN"})
        camera: EnumProperty(
            name="Camera",
            description="How the camera that filmed moved",
            items=(
                ("static", "Static", "On a tripod, or a picture"),
                ("moving", "Moving", "Panned or tilted: its turn is followed by the background"),
                (
                    "scene",
                    "Scene",
                    "As this scene's own camera moves: animated, or tracked by Blender. "
                    "Its lens counts, too",
                ),
            ),
        )
        boxes: CollectionProperty(type=people_properties.FHMR_PG_box)
        person: IntProperty(options={"HIDDEN"}, update=_on_person)  # row that is selected
        start: IntProperty(name="Start", description="First frame to estimate", default=1, min=1)
        end: IntProperty(name="End", description="Last frame to estimate", default=1, min=1)
        step: IntProperty(
            name="Step", description="Estimate every n-th frame", default=1, min=1, soft_max=10
        )
        use_focal_length: BoolProperty(
            name="Own Focal Length",
            description="Type the focal length instead of taking the file's, or the default",
        )
        focal_length: FloatProperty(
            name="Focal Length",
            description="Of the lens as on 35 mm film. A longer one puts the people farther away",
            subtype="DISTANCE_CAMERA",
            default=35.0,
            min=6.5,
            max=2000.0,
        )
        body: EnumProperty(
            name="Body", description="The shape and mesh that people get", items=BODIES
        )
        body_file: StringProperty(
            name="SMPL File",
            description="Your own SMPL model. Empty: the one in the preferences",
            subtype="FILE_PATH",
        )
        use_height: BoolProperty(
            name="Own Height",
            description="Type the actor's height. A picture does not show it, and it decides "
            "how far away the body stands",
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
        use_people_limit: BoolProperty(
            name="Limit People", description="Take only the most visible people"
        )
        people_limit: IntProperty(
            name="People", description="How many people at most", default=1, min=1, soft_max=10
        )
        guidance: _guidance()
        steps: _steps()
        hypotheses: IntProperty(
            name="Hypotheses",
            description="How many answers are drawn beside the one that is shown; their spread "
            "says how sure the limbs are",
            default=8,
            min=1,
            max=32,
        )
        seed: _seed()
        use_alignment: BoolProperty(
            name="Align to Picture",
            description="Fit the body to the picture after it has been estimated",
            default=True,
        )
        look_twice: BoolProperty(
            name="Look Twice at Clips",
            description="Look at every frame of a clip in the mirror, too, as at single pictures: "
            "bodies are more exact and lie closer on the picture. Takes twice as long",
        )


class FHMR_PG_take(bpy.types.PropertyGroup):
    """What a camera or a rig of ours carries with it.

    `data` is a `shot.npz` as bytes: of the camera the shot without people, of a rig the shot
    with this one person. `estimate` is `data` as Estimate left it, empty while nothing changed.
    """

    if TYPE_CHECKING:
        kind: str
        schema: int
        person: int
        data: bytes
        estimate: bytes
        result: str
        limbs: list[bool]
        trust: list[float]
        scope: str
        start: int
        end: int
        guidance: float
        variations: int
        steps: int
        seed: int
        revision: int
        hand: take_properties.FHMR_PG_hand
        clean_up: output_properties.FHMR_PG_clean_up
        bake: output_properties.FHMR_PG_bake
        seen: people_properties.FHMR_PG_seen
        retarget: retarget_properties.FHMR_PG_retarget
    else:
        kind: EnumProperty(
            items=(
                ("NONE", "None", "Not ours"),
                ("CAMERA", "Camera", "Carries the shot"),
                ("PERSON", "Person", "Carries a person's take"),
            ),
            options={"HIDDEN"},
        )
        schema: IntProperty(options={"HIDDEN"})
        person: IntProperty(options={"HIDDEN"})
        data: StringProperty(subtype="BYTE_STRING", options={"HIDDEN"})
        estimate: StringProperty(subtype="BYTE_STRING", options={"HIDDEN"})
        result: StringProperty(options={"HIDDEN"})
        limbs: BoolVectorProperty(
            name="Limbs", description="Limbs that are drawn again; the rest stays", size=5
        )
        trust: FloatVectorProperty(size=5, options={"HIDDEN"})
        scope: EnumProperty(name="Scope", description="Frames that are drawn again", items=SCOPES)
        start: IntProperty(name="Start", description="First frame drawn again", default=1)
        end: IntProperty(name="End", description="Last frame drawn again", default=1)
        guidance: _guidance(update=take_properties.on_draw_setting)
        variations: IntProperty(
            name="Variations",
            description="How many answers are drawn; the best of them is shown",
            default=8,
            min=1,
            max=32,
        )
        steps: _steps()
        seed: _seed(update=take_properties.on_draw_setting)
        revision: IntProperty(options={"HIDDEN"})  # another number for other data
        hand: PointerProperty(type=take_properties.FHMR_PG_hand)
        clean_up: PointerProperty(type=output_properties.FHMR_PG_clean_up)
        bake: PointerProperty(type=output_properties.FHMR_PG_bake)
        seen: PointerProperty(type=people_properties.FHMR_PG_seen)
        retarget: PointerProperty(type=retarget_properties.FHMR_PG_retarget)


CLASSES = (
    *take_properties.CLASSES,
    *output_properties.CLASSES,
    *people_properties.CLASSES,
    *retarget_properties.CLASSES,
    FHMR_PG_footage,
    FHMR_PG_take,
)


def settings_of(scene: bpy.types.Scene) -> FHMR_PG_footage:
    """What the artist set on a scene."""
    return cast("Any", scene).fhmr


def take_of(item: bpy.types.Object) -> FHMR_PG_take:
    """What an object carries; its kind says whether it is one of ours."""
    return cast("Any", item).fhmr_take


def pin_of(item: bpy.types.Object) -> take_properties.FHMR_PG_pin:
    """What makes an object a pin; without a rig it is none."""
    return cast("Any", item).fhmr_pin


def attach() -> None:
    """Give scenes and objects their properties; the classes are registered."""
    cast("Any", bpy.types.Scene).fhmr = PointerProperty(type=FHMR_PG_footage)
    cast("Any", bpy.types.Object).fhmr_take = PointerProperty(type=FHMR_PG_take)
    cast("Any", bpy.types.Object).fhmr_pin = PointerProperty(type=take_properties.FHMR_PG_pin)


def detach() -> None:
    """Take the properties away again."""
    del cast("Any", bpy.types.Object).fhmr_pin
    del cast("Any", bpy.types.Object).fhmr_take
    del cast("Any", bpy.types.Scene).fhmr
