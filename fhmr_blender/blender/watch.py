"""What follows from the artist's hand in the view: a selected bone switches its limb on, and a pin
that is moved draws its limb again."""

import bpy

from ..core.skeleton import JOINT_INDEX, LIMB_NAMES, LIMBS
from . import draws, live, pins, takes
from .properties import pin_of, take_of

_selected: tuple[str, frozenset[str]] = ("", frozenset())  # of the rig in Pose Mode, last seen
_places: dict[str, tuple[float, float, float]] = {}  # of pins, last seen
_moved: str = ""  # the rig whose pin has moved and was not drawn yet


@bpy.app.handlers.persistent
def on_update(*_: object) -> None:
    """Called by Blender after every change: quick where nothing is ours."""
    item = bpy.context.view_layer.objects.active if bpy.context.view_layer else None
    if item is None:
        return
    if item.mode == "POSE":
        follow_selection(item)
    elif pins.rig_of(item) is not None:
        follow_pins()


def follow_selection(rig: bpy.types.Object) -> None:
    """Switch on the limbs of the bones that are selected now, if others were before.

    Bones of the torso alone change nothing.
    """
    global _selected
    if not takes.is_rig(rig) or takes.why_not(rig):
        return
    names = selected_bones(rig)
    if (rig.name, names) == _selected:
        return
    _selected = (rig.name, names)
    limbs = limbs_of_bones(names)
    if any(limbs) and tuple(take_of(rig).limbs) != limbs:
        take_of(rig).limbs = limbs


def selected_bones(rig: bpy.types.Object) -> frozenset[str]:
    """Names of the selected bones; since Blender 5.0 the pose bone knows it."""
    if "select" in bpy.types.PoseBone.bl_rna.properties:
        return frozenset(bone.name for bone in rig.pose.bones if bone.select)
    return frozenset(bone.name for bone in rig.data.bones if bone.select)


def limbs_of_bones(names: frozenset[str]) -> tuple[bool, ...]:
    """For each limb whether one of its bones is named."""
    joints = {JOINT_INDEX[name] for name in names if name in JOINT_INDEX}
    return tuple(not joints.isdisjoint(LIMBS[limb]) for limb in LIMB_NAMES)


def follow_pins() -> None:
    """Have the limb of a pin that has moved drawn again, once Blender is done with the move."""
    global _moved
    for item in bpy.context.view_layer.objects.selected:
        rig = pins.rig_of(item)
        if rig is None or not _has_moved(item) or not _switch_on(rig):
            continue
        _moved = rig.name
        # Not here: Blender is in the middle of an update.
        if live.attended() and not bpy.app.timers.is_registered(draw_moved):
            bpy.app.timers.register(draw_moved, first_interval=0.0)


def moved_rig() -> str:
    """The rig whose pin has moved and was not drawn yet."""
    return _moved


@bpy.app.handlers.persistent
def on_undo(scene: bpy.types.Scene, *_: object) -> None:
    """Called by Blender after undo and redo: those bring pins and poses along."""
    global _moved
    _moved = ""
    for item in scene.objects:
        if pin_of(item).rig is not None:
            _places[item.name] = tuple(item.location)


def draw_moved() -> None:
    """Called by Blender's timer after a pin has moved."""
    global _moved
    rig, _moved = bpy.data.objects.get(_moved), ""
    if rig is not None and takes.is_rig(rig):
        live.request(rig, bpy.context.scene)
        if live.attended() and not live.something_moves() and not take_of(rig).hand.pending:
            # The move has ended in this very moment: its undo step is without this last draw.
            bpy.ops.ed.undo_push(message="Drag Pin")


def stop() -> None:
    """Forget everything."""
    global _selected, _moved
    _selected, _moved = ("", frozenset()), ""
    _places.clear()
    if bpy.app.timers.is_registered(draw_moved):
        bpy.app.timers.unregister(draw_moved)


def _has_moved(item: bpy.types.Object) -> bool:
    """Whether a pin is elsewhere than when it was last looked at."""
    place = tuple(item.location)
    before = _places.get(item.name)
    _places[item.name] = place
    return before is not None and before != place


def _switch_on(rig: bpy.types.Object) -> bool:
    """The limbs with pins are drawn, and no others."""
    if not takes.is_rig(rig) or takes.why_not(rig) or not take_of(rig).hand.live:
        return False
    pinned = draws.pinned_limbs(rig)
    limbs = tuple(name in pinned for name in LIMB_NAMES)
    if tuple(take_of(rig).limbs) != limbs:
        take_of(rig).limbs = limbs
    return True
