"""A changed take put on its rig: pose, keys, stored data and what the panel says of them."""

import bpy

from ..core.motion import Motion, Person, Shot
from ..errors import FhmrError
from ..pipeline.unmet import Unmet
from ..pipeline.variations import Drawn, show_variation, variations
from . import job_timer, saved_state, shot_scene, takes
from .properties import take_of
from .rig import pose
from .scene_camera import MOVIE_START
from .take_properties import quietly


def put(
    rig: bpy.types.Object,
    scene: bpy.types.Scene,
    shot: Shot,
    person: Person,
    glance: Motion | None = None,
) -> None:
    """Make a changed person the state of a rig: shown, keys that we made rewritten, stored.

    Args:
        rig: The armature.
        scene: Its present frame is shown.
        shot: With this person.
        person: As it has become.
        glance: Pose only the present frame, by this motion in `world`; the keys are `unwritten`.

    Raises:
        FhmrError: A bone was renamed or deleted; nothing is changed then.
    """
    if glance is None:
        refresh(rig, scene, shot, person)
    else:
        pose(rig, glance, takes.nearest_index(shot, person, scene.frame_current))
        with quietly():
            take_of(rig).hand.unwritten = True
    saved_state.change_person(rig, shot, person, in_haste=glance is not None)
    job_timer.redraw(bpy.context)


def refresh(rig: bpy.types.Object, scene: bpy.types.Scene, shot: Shot, person: Person) -> None:
    """Show a take as it is: its pose at the scene's frame, and the keys that we made.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    shot_scene.refresh(rig, shot, person, scene)
    with quietly():
        take_of(rig).hand.unwritten = False


def put_drawn(
    rig: bpy.types.Object,
    scene: bpy.types.Scene,
    shot: Shot,
    drawn: Drawn,
    glance: Motion | None = None,
) -> None:
    """Show what was just drawn; the variations are listed and wait to be kept.

    Args:
        rig: The armature.
        scene: Its present frame is shown.
        shot: With the rig's person alone, the first variation committed.
        drawn: All of them.
        glance: As of `put`.

    Raises:
        FhmrError: A bone was renamed or deleted; nothing is changed then.
    """
    put(rig, scene, shot, shot.people[0], glance)
    hand = take_of(rig).hand
    rows = hand.variations
    while len(rows) > len(drawn.unmet):
        rows.remove(len(rows) - 1)
    while len(rows) < len(drawn.unmet):
        rows.add()
    for index, row in enumerate(rows):
        row.plausibility = float(drawn.plausibility[index])
        row.agreement = float(drawn.agreement[index])
        row.unmet = "\n".join(_sentence(shot, each) for each in drawn.unmet[index])
    with quietly():
        hand.open, hand.shown = True, 0


def _sentence(shot: Shot, unmet: Unmet) -> str:
    """What could not be met, by Blender's frame numbers; a picture has none."""
    frame = "" if takes.is_still(shot) else f" in frame {unmet.frame + MOVIE_START}"
    return unmet.sentence.replace(f" in frame {unmet.frame}", frame)


def put_variation(
    rig: bpy.types.Object, scene: bpy.types.Scene, shot: Shot, person: Person, index: int
) -> None:
    """Show another of the variations that were drawn last.

    Raises:
        FhmrError: A bone was renamed or deleted; nothing is changed then.
    """
    put(rig, scene, shot, person)
    with quietly():
        take_of(rig).hand.open, take_of(rig).hand.shown = True, index


def show_one(rig: bpy.types.Object, scene: bpy.types.Scene, index: int) -> None:
    """Show one of the variations drawn last.

    Raises:
        FhmrError: The data are damaged, or a bone is missing.
    """
    shot, _ = saved_state.load(rig)
    count = len(variations(shot))
    if not count:
        raise FhmrError("There are no variations.", "Press Resample.")
    index %= count
    changed = show_variation(shot, None, index)
    put_variation(rig, scene, changed, changed.people[0], index)


def close(rig: bpy.types.Object) -> None:
    """No variations wait any more: their ghosts go."""
    hand = take_of(rig).hand
    with quietly():
        hand.open, hand.pending, hand.shown = False, False, 0
    hand.variations.clear()
