"""The motion that is shown: the stored one, smoothed and with its feet held, never written back."""

from dataclasses import replace

import bpy
import numpy as np

from ..core.motion import Motion, Person, Shot
from ..core.skeleton import JOINT_INDEX, LIMB_NAMES, LIMBS
from ..errors import FhmrError
from ..pipeline.bodies import body_of
from ..pipeline.clean_up import REGIONS, CleanUpSettings, clean_up
from . import saved_state, takes
from .properties import take_of


def settings_of(rig: bpy.types.Object) -> CleanUpSettings:
    """What the panel says for a rig."""
    chosen = take_of(rig).clean_up
    return CleanUpSettings(
        smoothing=chosen.smoothing,
        regions={name: getattr(chosen, name) for name in REGIONS} if chosen.use_regions else {},
        feet=chosen.feet,
        foot_strength=chosen.foot_strength,
        hands=chosen.hands,
        in_place=chosen.in_place,
    )


def shown_motion(rig: bpy.types.Object, shot: Shot, person: Person) -> Motion:
    """A person's motion in `world` as the rig's settings want it; a picture's is left alone.

    Raises:
        FhmrError: The person's body is missing.
    """
    if takes.is_still(shot):
        return person.motion_world
    return as_drawn(clean_up(person, shot, settings_of(rig), body_of(shot, person)), person)


def as_drawn(motion: Motion, person: Person) -> Motion:
    """A cleaned motion with the limbs that the artist drew in single frames, or pinned there, as
    they were drawn: smoothing would take such a frame back to its neighbours.

    Args:
        motion: Cleaned, N frames.
        person: As stored.
    """
    held = person.chosen >= 0  # (N, 5)
    more = np.zeros_like(held)  # two neighbours are drawn, too
    more[2:] |= held[1:-1] & held[:-2]
    more[1:-1] |= held[:-2] & held[2:]
    more[:-2] |= held[1:-1] & held[2:]
    alone = held & ~more
    for document in person.edits.get("pins", ()):
        joint, frame = JOINT_INDEX.get(document.get("joint")), document.get("frame")
        for column, limb in enumerate(LIMB_NAMES):
            if frame is not None and joint in LIMBS[limb]:
                alone[:, column] |= person.observations.frames == frame
    rotations = motion.rotations.copy()
    for column, limb in enumerate(LIMB_NAMES):
        place = np.ix_(np.flatnonzero(alone[:, column]), np.array(LIMBS[limb]))
        rotations[place] = person.motion_world.rotations[place]
    return replace(motion, rotations=rotations) if alone.any() else motion


def on_change(rig: bpy.types.Object) -> None:
    """A setting was changed: the rig shows it at once, and so do the keys that we made."""
    from . import shot_scene  # late: it shows what this module makes

    if takes.why_not(rig) or not takes.is_rig(rig):
        return
    settings = take_of(rig).clean_up
    try:
        shot, person = saved_state.load(rig)
        shot_scene.refresh(rig, shot, person, bpy.context.scene)
        problem = ""
    except FhmrError as error:
        problem = str(error)
    if settings.problem != problem:
        settings.problem = problem
