"""The other variations, light beside the body: drawn over the view, nothing in the scene."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..core.arrays import Floats
from ..core.motion import Person
from ..core.rotations import matrix_from_sixd
from ..core.skeleton import JOINT_NAMES, LIMB_JOINTS, LIMBS, PARENTS
from ..errors import FhmrError
from ..pipeline.variations import drawn_limbs
from . import bone_shapes, rig, saved_state, takes, triangles
from .body_mesh import SIDE_COLOURS, side
from .properties import take_of

OPACITY = 0.6
FAINTEST = 0.12  # of each, where there are many
LIGHT = 0.35  # of white in a ghost's colour
_RADII = {"head": 0.075, "arm": 0.032, "leg": 0.05}  # metres; display only
_handle: Any = None
_kept: "tuple[tuple[Any, ...], triangles.Shape | None] | None" = None


@dataclass(frozen=True, eq=False)
class Ghosts:
    """Bones of variations that are not shown, B of them in all."""

    starts: Floats  # (B, 3) metres, the rig's space
    ends: Floats  # (B, 3)
    radii: Floats  # (B,)
    colours: Floats  # (B, 4) linear RGBA


def of(rig_object: bpy.types.Object, scene_frame: int) -> Ghosts | None:
    """The ghosts of a rig at a frame of the scene; None where there are none.

    Raises:
        FhmrError: The data are damaged, or a bone is missing.
    """
    hand = take_of(rig_object).hand
    if not (hand.open and hand.ghosts):
        return None
    shot, person = saved_state.load(rig_object)
    row = _row(person, takes.nearest_index(shot, person, scene_frame))
    samples = person.samples.rotations6d
    others = np.delete(np.arange(len(samples)), hand.shown)
    if row is None or not len(others):
        return None
    rotations = matrix_from_sixd(samples[others, row].astype(float))  # (S, 18, 3, 3)
    return _bones(rig_object, rotations, drawn_limbs(shot))


def attach() -> None:
    """Have Blender draw them with every view."""
    global _handle
    if _handle is None:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def detach() -> None:
    """Draw them no more."""
    global _handle, _kept
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle = _kept = None


def shape_of(rig_object: bpy.types.Object, scene_frame: int) -> "triangles.Shape | None":
    """Triangles of the ghosts, made again only where something changed."""
    global _kept
    take = take_of(rig_object)
    key = (rig_object.name, take.revision, take.hand.shown, scene_frame, _torso(rig_object))
    if _kept is None or _kept[0] != key:
        found = of(rig_object, scene_frame)
        made = None
        if found is not None:
            made = triangles.capsules(found.starts, found.ends, found.radii, found.colours)
        _kept = (key, made)
    return _kept[1]


def _draw() -> None:
    """Called by Blender for every view."""
    context = bpy.context
    item = takes.selected_rig(context)
    overlay = getattr(context.space_data, "overlay", None)
    if item is None or overlay is None or not overlay.show_overlays or not item.visible_get():
        return
    hand = take_of(item).hand
    if not (hand.open and hand.ghosts):
        return
    try:
        shape = shape_of(item, context.scene.frame_current)
    except FhmrError:
        return  # the panel says it
    if shape is not None:
        triangles.draw(shape, item.matrix_world)


def _row(person: Person, index: int) -> int | None:
    """Where a frame of the person lies among those that were drawn."""
    found = np.flatnonzero(person.samples.frames == person.observations.frames[index])
    return int(found[0]) if len(found) else None


def _torso(rig_object: bpy.types.Object) -> tuple[float, ...]:
    """Where the limbs hang, to see whether it has moved."""
    bones = rig_object.pose.bones
    return tuple(
        value
        for name in ("pelvis", "spine3", "left_collar", "right_collar")
        if name in bones
        for row in bones[name].matrix
        for value in row
    )


def _bones(rig_object: bpy.types.Object, rotations: Floats, limbs: tuple[str, ...]) -> Ghosts:
    """Limbs (S, 18, 3, 3) hung on the torso as it is posed."""
    rest = rig.rest_joints(rig_object)
    leads = bone_shapes.directions(rest)
    bones = rig.joint_bones(rig_object)
    starts: list[Floats] = []
    ends: list[Floats] = []
    joints: list[int] = []
    for limb in limbs:
        parent = PARENTS[LIMBS[limb][0]]
        outer = np.array(bones[parent].matrix.to_3x3())[None]  # (1 or S, 3, 3)
        place = np.array(bones[parent].head)[None]
        for joint in LIMBS[limb]:
            place = place + outer @ (rest[joint] - rest[PARENTS[joint]])
            outer = outer @ rotations[:, LIMB_JOINTS.index(joint)]
            starts.append(place)
            ends.append(place + outer @ leads[joint])
            joints.append(joint)
    return _dressed(starts, ends, joints, len(rotations))


def _dressed(starts: list[Floats], ends: list[Floats], joints: list[int], count: int) -> Ghosts:
    opacity = max(FAINTEST, OPACITY / max(1.0, count / 4.0))
    colours = np.array([(*SIDE_COLOURS[side(joint)][:3], opacity) for joint in joints])
    colours[:, :3] += LIGHT * (1.0 - colours[:, :3])
    return Ghosts(
        starts=np.concatenate([np.broadcast_to(place, (count, 3)) for place in starts]),
        ends=np.concatenate(ends),
        radii=np.repeat([_radius(joint) for joint in joints], count),
        colours=np.repeat(colours, count, axis=0),
    )


def _radius(joint: int) -> float:
    limb = next(name for name, chain in LIMBS.items() if joint in chain)
    radius = _RADII[limb.split("_")[-1]]
    if JOINT_NAMES[joint] == "neck":
        return 0.6 * radius
    return radius * (1.0 if limb == "head" else 1.0 - 0.17 * LIMBS[limb].index(joint))
