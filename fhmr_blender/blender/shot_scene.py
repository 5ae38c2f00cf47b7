"""A shot as things in the scene: a collection with camera, footage, rigs and bodies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..core.body import Body
from ..core.motion import Person, Shot
from . import baking, clean_up, people_list, rig, saved_state, scene_camera, takes
from .properties import take_of


@dataclass(frozen=True, eq=False)
class ShotScene:
    """What was made for a shot. Blender's references: not to be kept."""

    collection: bpy.types.Collection
    camera: bpy.types.Object
    rigs: tuple[bpy.types.Object, ...]


def build(
    scene: bpy.types.Scene, shot: Shot, source: Path | None, bodies: Mapping[int, Body]
) -> ShotScene:
    """Put a shot into a scene; if anything goes wrong nothing of it stays.

    Args:
        scene: Gets a new collection.
        shot: A clip's motion is written as animation, a picture's pose is set.
        source: The footage to show behind the camera's view, if it is there.
        bodies: By the person's id.

    Raises:
        FhmrError: The footage cannot be shown.
    """
    name = Path(shot.source).stem or "shot"
    collection = bpy.data.collections.new(f"FHMR {name}")
    scene.collection.children.link(collection)
    try:
        camera = scene_camera.create(f"{name}_camera", shot, scene, collection)
        if source is not None:
            scene_camera.show_footage(camera, shot, source, scene)
        saved_state.store_camera(camera, shot)
        rigs = tuple(
            add_person(scene, shot, person, bodies[person.id], name, collection)
            for person in shot.people
        )
    except BaseException:
        remove(collection)
        raise
    if scene.camera is None:
        scene.camera = camera
    return ShotScene(collection, camera, rigs)


def remove(collection: bpy.types.Collection) -> None:
    """Delete a shot's collection and all that was made for it."""
    for item in list(collection.objects):
        remove_object(item)
    bpy.data.collections.remove(collection)


def remove_person(rig_object: bpy.types.Object) -> None:
    """Delete a rig and its body, and with the last of a shot the camera and the collection."""
    homes = [home for home in rig_object.users_collection if home.name.startswith("FHMR ")]
    body = rig.mesh_of(rig_object)
    if body is not None:
        remove_object(body)
    remove_object(rig_object)
    for home in homes:
        left = [take_of(item).kind for item in home.objects]
        if all(kind == "CAMERA" for kind in left):
            remove(home)


def remove_object(item: bpy.types.Object) -> None:
    """Delete an object, and what of its data nothing else uses."""
    data = item.data
    owned: list[bpy.types.ID] = [] if data is None else [data]
    if isinstance(data, bpy.types.Mesh):
        owned += [material for material in data.materials if material is not None]
    if isinstance(data, bpy.types.Camera):
        owned += [shown.image for shown in data.background_images if shown.image is not None]
    for owner in (item, data):
        animation = getattr(owner, "animation_data", None)
        if animation is not None and animation.action is not None:
            owned.append(animation.action)
    shapes = _bone_shapes(item)
    bpy.data.objects.remove(item)
    for shape in shapes:
        if not shape.users:
            remove_object(shape)
    for unused in owned:
        if not unused.users:
            bpy.data.batch_remove([unused])


def _bone_shapes(item: bpy.types.Object) -> set[bpy.types.Object]:
    bones = () if item.pose is None else item.pose.bones
    return {bone.custom_shape for bone in bones if bone.custom_shape is not None}


def add_person(
    scene: bpy.types.Scene,
    shot: Shot,
    person: Person,
    body: Body,
    name: str,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """Make the rig of a person of a shot, with its body, its take and its motion."""
    unit = scene_camera.unit(scene)
    made = rig.create(
        f"{name}_person{person.id}", body, person.motion_world.betas, collection, unit
    )
    saved_state.store_person(made, shot, person)
    frames = takes.scene_frames(person)
    take = take_of(made)
    take.start = take.bake.start = int(frames[0])
    take.end = take.bake.end = int(frames[-1])
    if takes.is_still(shot):
        take.scope = take.bake.scope = "FRAME"
        take.clean_up.still = True
    else:
        take.scope = take.bake.scope = "CLIP"
        motion = clean_up.shown_motion(made, shot, person)
        baking.bake(made, motion, np.arange(len(frames), dtype=float), frames)
    people_list.note(made, shot, person, body)
    show(made, shot, person, scene)
    return made


def show(rig_object: bpy.types.Object, shot: Shot, person: Person, scene: bpy.types.Scene) -> None:
    """Pose a rig as its take at the scene's frame."""
    index = takes.nearest_index(shot, person, scene.frame_current)
    rig.pose(rig_object, clean_up.shown_motion(rig_object, shot, person), index)


def refresh(
    rig_object: bpy.types.Object, shot: Shot, person: Person, scene: bpy.types.Scene
) -> None:
    """Show a take that has changed: its keys that we made, and the pose at the scene's frame.

    Raises:
        FhmrError: A bone was renamed or deleted.
    """
    motion = clean_up.shown_motion(rig_object, shot, person)
    baking.rewrite(rig_object, shot, person, motion)
    rig.pose(rig_object, motion, takes.nearest_index(shot, person, scene.frame_current))
