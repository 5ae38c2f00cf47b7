"""What the panel asks to be drawn, as plain values."""

import bpy

from ..core.arrays import Indices
from ..core.motion import Person, Shot
from ..core.skeleton import LIMB_NAMES
from ..errors import FhmrError
from ..pipeline.resample_settings import ResampleSettings
from . import pins, takes
from .properties import FHMR_PG_take, pin_of, take_of

NO_LIMB = "Choose a limb to draw again"


def limbs_of(take: FHMR_PG_take) -> tuple[str, ...]:
    """The limbs that are switched on."""
    return tuple(name for name, on in zip(LIMB_NAMES, take.limbs, strict=True) if on)


def scope_of(take: FHMR_PG_take, scene_frame: int, shot: Shot, person: Person) -> Indices:
    """Which of the person's frames the panel's scope means.

    Raises:
        FhmrError: None, or the range ends before it starts.
    """
    span = takes.span_of(take.scope, scene_frame, take.start, take.end)
    return takes.indices_within(shot, person, span)


def read(
    rig: bpy.types.Object,
    scene: bpy.types.Scene,
    shot: Shot,
    person: Person,
    limbs: tuple[str, ...] | None = None,
) -> ResampleSettings:
    """Read the panel.

    Args:
        rig: Whose panel.
        scene: Its present frame may be the scope.
        shot: Of the rig.
        person: Of the rig.
        limbs: Instead of those that are switched on.

    Raises:
        FhmrError: It asks for nothing, or for frames that the take does not cover.
    """
    take = take_of(rig)
    limbs = limbs_of(take) if limbs is None else limbs
    if not limbs:
        raise FhmrError("No limb is chosen.", NO_LIMB + ".")
    frames = person.observations.frames[scope_of(take, scene.frame_current, shot, person)]
    return ResampleSettings(
        limbs=limbs,
        person=person.id,
        start=int(frames[0]),
        stop=int(frames[-1]) + 1,
        guidance=take.guidance,
        variations=take.variations,
        steps=take.steps,
        seed=take.seed,
        pins=pins.read(rig, limbs, frames, takes.is_still(shot)),
    )


def pinned_limbs(rig: bpy.types.Object) -> tuple[str, ...]:
    """The limbs that have pins."""
    pinned = {pins.limb_of(pin_of(item).joint) for item in pins.of(rig)}
    return tuple(name for name in LIMB_NAMES if name in pinned)
