"""Results inside the .blend: bytes of `shot.npz` on the camera and on every rig.

The camera holds the shot without people, each rig the shot with its one person; so each can do
without the others.
"""

from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np

from ..core import shot_file
from ..core.motion import Person, Shot
from ..errors import FhmrError
from .properties import FHMR_PG_take, take_of

Migration = Callable[[FHMR_PG_take], None]

MIGRATIONS: tuple[Migration, ...] = ()
"""Step n brings schema n to n + 1; steps are only appended."""


def store_camera(camera: bpy.types.Object, shot: Shot) -> None:
    """Make an object the keeper of a shot's camera."""
    take = take_of(camera)
    take.kind, take.schema = "CAMERA", len(MIGRATIONS)
    take.data = shot_file.encode(replace(shot, people=()))


def store_person(rig: bpy.types.Object, shot: Shot, person: Person) -> None:
    """Make a rig the keeper of a person's take as Estimate made it."""
    take = take_of(rig)
    take.kind, take.schema, take.person = "PERSON", len(MIGRATIONS), person.id
    take.estimate = b""
    take.data = _encoded(shot, person)
    _summarise(take, person)


def change_person(rig: bpy.types.Object, shot: Shot, person: Person) -> None:
    """Store what a person has become; what Estimate made is remembered."""
    take = take_of(rig)
    take.estimate = take.estimate or take.data
    take.data = _encoded(shot, person)
    _summarise(take, person)


def restore_estimate(rig: bpy.types.Object) -> None:
    """Make the estimate the present state again."""
    take = take_of(rig)
    if take.estimate:
        take.data, take.estimate = take.estimate, b""


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
    return shot_file.decode(take_of(camera).data)


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
    """Called by Blender when a file has been loaded."""
    for item in bpy.data.objects:
        if take_of(item).kind != "NONE":
            migrate(take_of(item))


def _encoded(shot: Shot, person: Person) -> bytes:
    return shot_file.encode(replace(shot, people=(person,)))


def _decoded(rig: bpy.types.Object, data: bytes) -> tuple[Shot, Person]:
    check_version(rig)
    shot = shot_file.decode(data)
    if len(shot.people) != 1:
        raise FhmrError(f"The data of {rig.name} are damaged.", "Estimate the pose again.")
    return shot, shot.people[0]


def _summarise(take: FHMR_PG_take, person: Person) -> None:
    """What panels show without decoding anything."""
    take.trust = np.mean(person.anchor.limb_trust, axis=0).tolist()
    take.seed = person.seed
    count = len(person.observations.frames)
    take.result = f"{count} frame{'s' if count > 1 else ''}, seed {person.seed}"
