"""Results inside the .blend: bytes of `shot.npz` on the camera and on every rig.

The camera holds the shot without people, each rig the shot with its one person; so each can do
without the others.
"""

import contextlib
import functools
import random
from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np

from ..core import shot_file
from ..core.motion import Person, Shot
from ..errors import FhmrError
from ..pipeline.bodies import body_of
from ..pipeline.resample_settings import draws_of
from ..pipeline.variations import variations
from .conversion import film_millimetres
from .properties import FHMR_PG_take, take_of
from .take_properties import quietly

Migration = Callable[[FHMR_PG_take], None]


def _say_what_was_drawn(take: FHMR_PG_take) -> None:
    """Takes got a revision, and remember which guidance and seed their data were drawn with."""
    take.revision = _another()
    if take.kind == "PERSON":
        shot = shot_file.decode(take.data)
        person = shot.people[0]
        _remember_draw(take, shot, person)
        _show_draw(take)
        _offer(take, shot, person)
        take.bake.scope = take.scope
        take.bake.start, take.bake.end = take.hand.contact_start, take.hand.contact_end


MIGRATIONS: tuple[Migration, ...] = (_say_what_was_drawn,)
"""Step n brings schema n to n + 1; steps are only appended."""


def store_camera(camera: bpy.types.Object, shot: Shot) -> None:
    """Make an object the keeper of a shot's camera."""
    take = take_of(camera)
    take.kind, take.schema, take.revision = "CAMERA", len(MIGRATIONS), _another()
    take.data = shot_file.encode(replace(shot, people=()))


def store_person(rig: bpy.types.Object, shot: Shot, person: Person) -> None:
    """Make a rig the keeper of a person's take as Estimate made it."""
    take = take_of(rig)
    take.kind, take.schema, take.person = "PERSON", len(MIGRATIONS), person.id
    take.estimate = b""
    _store(take, shot, person)
    _show_draw(take)
    _offer(take, shot, person)


def change_person(
    rig: bpy.types.Object, shot: Shot, person: Person, *, in_haste: bool = False
) -> None:
    """Store what a person has become; what Estimate made is remembered.

    Args:
        rig: The armature.
        shot: With this person.
        person: As it has become.
        in_haste: A slider moves: quick rather than small.
    """
    take = take_of(rig)
    take.estimate = take.estimate or take.data
    _store(take, shot, person, small=not in_haste)


def restore_estimate(rig: bpy.types.Object) -> None:
    """Make the estimate the present state again."""
    take = take_of(rig)
    if take.estimate:
        shot, person = _decoded(rig, take.estimate)
        take.data, take.estimate = take.estimate, b""
        _note(take, shot, person)
        _show_draw(take)


def load(rig: bpy.types.Object) -> tuple[Shot, Person]:
    """The shot of a rig and its person as they are now.

    Raises:
        FhmrError: They are damaged, or of a newer version.
    """
    return _decoded(rig, take_of(rig).data)


def load_estimate(rig: bpy.types.Object) -> tuple[Shot, Person]:
    """The shot of a rig and its person as Estimate made them."""
    return _decoded(rig, take_of(rig).estimate or take_of(rig).data)


def load_camera(camera: bpy.types.Object) -> Shot:
    """The shot that a camera keeps, without people."""
    check_version(camera)
    return _shot_in(take_of(camera).data)


def revision(keeper: bpy.types.Object) -> int:
    """Another number for other data."""
    return take_of(keeper).revision


def check_version(keeper: bpy.types.Object) -> None:
    """Refuse what a newer version has written.

    Raises:
        FhmrError: It is newer.
    """
    if take_of(keeper).schema > len(MIGRATIONS):
        raise FhmrError(
            f"{keeper.name} was made by a newer version of FHMR.", "Update the extension."
        )


def migrate(take: FHMR_PG_take) -> None:
    """Bring older data up to date; newer data are left alone."""
    while take.schema < len(MIGRATIONS):
        MIGRATIONS[take.schema](take)
        take.schema += 1


@bpy.app.handlers.persistent
def on_load(_path: str) -> None:
    """Called by Blender when a file has been loaded.

    Damaged data are left as they are: whoever needs them will be told.
    """
    for item in bpy.data.objects:
        if take_of(item).kind != "NONE" and item.library is None:
            with contextlib.suppress(FhmrError):
                migrate(take_of(item))


def _store(take: FHMR_PG_take, shot: Shot, person: Person, *, small: bool = True) -> None:
    take.data = shot_file.encode(replace(shot, people=(person,)), small=small)
    _note(take, shot, person)


def _offer(take: FHMR_PG_take, shot: Shot, person: Person) -> None:
    """Have the fields that the artist may change begin with what is."""
    hand, frames = take.hand, person.observations.frames
    hand.contact_start, hand.contact_end = int(frames[0]) + 1, int(frames[-1]) + 1
    hand.focal_length = film_millimetres(shot.size) * float(person.observations.intrinsics[0, 0])
    name = str(shot.settings.get("body", {}).get(str(person.id), {}).get("name", "neutral"))
    own = name not in hand.bl_rna.properties["body"].enum_items
    hand.body, hand.body_file = ("file", name) if own else (name, "")
    height = shot.settings.get("heights", {}).get(str(person.id))
    hand.use_height = height is not None
    hand.variations.clear()
    for found in variations(shot, person.id):  # drawn outside of Blender, or by an older version
        row = hand.variations.add()
        row.plausibility, row.agreement = found.plausibility, found.agreement
    draws = draws_of(shot, person.id)
    with quietly():
        hand.open = len(hand.variations) > 0
        hand.shown = int(draws[-1].get("shown") or 0) if draws else 0
    with contextlib.suppress(FhmrError):  # a body's file that is missing is said where it counts
        hand.height = body_of(shot, person).stature(person.motion_cam.betas)


def _note(take: FHMR_PG_take, shot: Shot, person: Person) -> None:
    """What panels show without decoding anything."""
    take.revision = _another()
    _remember_draw(take, shot, person)
    take.trust = np.mean(person.anchor.limb_trust, axis=0).tolist()
    count = len(person.observations.frames)
    take.result = f"{count} frame{'s' if count > 1 else ''}, seed {person.seed}"


def _remember_draw(take: FHMR_PG_take, shot: Shot, person: Person) -> None:
    """Write down how what is shown was drawn."""
    draws = draws_of(shot, person.id)
    guidance = (draws[-1] if draws else shot.settings).get("guidance", 1.0)
    take.hand.drawn_seed, take.hand.pending = person.seed, False
    take.hand.drawn_guidance = float(guidance)


def _show_draw(take: FHMR_PG_take) -> None:
    """Have the panel say how what is shown was drawn."""
    with quietly():
        take.seed, take.guidance = take.hand.drawn_seed, take.hand.drawn_guidance


def _another() -> int:
    return random.randrange(1, 2**31)


def _decoded(rig: bpy.types.Object, data: bytes) -> tuple[Shot, Person]:
    check_version(rig)
    shot = _shot_in(data)
    if len(shot.people) != 1:
        raise FhmrError(f"The data of {rig.name} are damaged.", "Estimate the pose again.")
    return shot, shot.people[0]


@functools.lru_cache(maxsize=4)  # a shot of 1000 frames takes some 4 MB
def _shot_in(data: bytes) -> Shot:
    """What is stored does not change: the same bytes are the same shot, also to those who ask
    whether it is."""
    return shot_file.decode(data)
