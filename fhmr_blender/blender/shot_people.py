"""Everybody of a shot together, and back into the scene when it has changed who is who."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..core.motion import Shot
from ..errors import FhmrError
from ..pipeline.sequences import is_pattern
from . import models, rig, saved_state, shot_scene
from .properties import take_of

if TYPE_CHECKING:
    from ..pipeline.footage import Footage

_BY_PERSON = ("body", "heights")  # settings that each rig's own shot may tell more of


def whole_shot(rigs: Sequence[bpy.types.Object]) -> Shot:
    """The shot with the people of some rigs of it, by their ids; a duplicate stays away.

    Raises:
        FhmrError: One was estimated from other footage, or is damaged.
    """
    first, person = saved_state.load(rigs[0])
    people = {person.id: person}
    settings: dict[str, Any] = dict(first.settings)
    for item in rigs[1:]:
        shot, person = saved_state.load(item)
        if shot.source_sha256 != first.source_sha256:
            raise FhmrError(
                f"{item.name} was estimated from other footage than {rigs[0].name}.",
                "Move it to a collection of its own.",
            )
        people.setdefault(person.id, person)
        for name in _BY_PERSON:
            if name in shot.settings:
                settings[name] = {**shot.settings[name], **settings.get(name, {})}
    ordered = tuple(people[id_] for id_ in sorted(people))
    return replace(first, people=ordered, settings=settings)


def put(
    context: bpy.types.Context,
    home: bpy.types.Collection,
    shot: Shot,
    changed: Collection[int],
) -> list[bpy.types.Object]:
    """Make a collection hold a shot's people.

    Args:
        context: For the scene.
        home: The shot's collection.
        shot: Everybody.
        changed: Ids whose rigs are made anew; people without a rig get one, those who are no
            longer in the shot lose theirs, the others are left alone.

    Returns:
        The rigs that were made.
    """
    old = {take_of(item).person: item for item in home.objects if take_of(item).kind == "PERSON"}
    ids = {person.id for person in shot.people}
    for id_, item in old.items():
        if id_ in changed or id_ not in ids:
            _set_aside(item)
    bodies = models.bodies_of(shot)
    name = Path(shot.source).stem or "shot"
    made = [
        shot_scene.add_person(context.scene, shot, person, bodies[person.id], name, home)
        for person in shot.people
        if person.id in changed or person.id not in old
    ]
    for id_, item in old.items():
        if id_ in changed or id_ not in ids:
            _remove(item)
    return made


def remove_previews(scene: bpy.types.Scene) -> None:
    """Delete the cameras that showed footage before anybody was found in it."""
    for home in list(scene.collection.children_recursive):
        cameras = [item for item in home.objects if take_of(item).kind == "CAMERA"]
        alone = len(cameras) == len(home.objects) == 1
        if alone and not saved_state.load_camera(cameras[0]).source_sha256:
            shot_scene.remove(home)


def open_footage(shot: Shot, chosen: Path) -> "Footage":
    """The footage of a shot: where it was, else the file that the panel says.

    Raises:
        FhmrError: It is neither here nor there.
    """
    from ..pipeline.footage import Footage  # loads the decoder: not when Blender starts

    for path in (Path(shot.source), chosen):
        if path.is_file() or is_pattern(path):
            footage = Footage(path, fps=shot.fps)
            if footage.sha256 == shot.source_sha256:
                return footage
            footage.close()
    raise FhmrError(
        f"{Path(shot.source).name} is no longer where it was.", "Use Relink Footage first."
    )


def _set_aside(item: bpy.types.Object) -> None:
    """Free the names for who comes in its place."""
    for one in (item, rig.mesh_of(item)):
        if one is not None:
            one.name = f"{one.name} (before)"
    if item.animation_data is not None and item.animation_data.action is not None:
        item.animation_data.action.name += " (before)"


def _remove(item: bpy.types.Object) -> None:
    mesh = rig.mesh_of(item)
    if mesh is not None:
        shot_scene.remove_object(mesh)
    shot_scene.remove_object(item)
