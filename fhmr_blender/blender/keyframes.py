"""Keyframes in Blender's layered actions, written by the array.

A key that we wrote is of Blender's type `GENERATED` and remembers its value in `amplitude`, which
Bezier curves do not use. Only such keys are replaced or deleted: who moves or overwrites one makes
it a key of the artist's, and those stay. The mark lies in the key, so it is copied and saved.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Bools, Floats, Indices

Owner = bpy.types.Object | bpy.types.Camera
Keys = dict[str, NDArray[Any]]
"""Attributes of a curve's keys by Blender's names, K keys: (K, 2) or (K,)."""
Curves = dict[tuple[str, int], bpy.types.FCurve]

_PAIRS = ("co", "handle_left", "handle_right")
_ENUMS = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_NUMBERS = ("amplitude", "back", "period")
_SAME_TIME = 1e-2  # frames
_EVERYTHING = (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class Track:
    """Keys of one property, all of its components at the same scene frames."""

    path: str
    frames: Indices  # (K,) increasing
    values: Floats  # (K, C)
    slopes: Floats | None = None  # (K, C) change a frame; None: Blender smooths by itself


def write(owner: Owner, tracks: Sequence[Track]) -> int:
    """Write keys; a present action is used, else one of the owner's name made.

    Our own keys between a track's first and last frame go. Keys of the artist's stay, and where
    one is, ours gives way.

    Returns:
        At how many places a key of the artist's was kept.
    """
    bag = _bag(owner)
    curves = _curves(bag)
    kept = 0
    for track in tracks:
        present = [curves.get((track.path, index)) for index in range(np.shape(track.values)[1])]
        by_hand = _frames_by_hand(curve for curve in present if curve is not None)
        free = ~_at(track.frames, by_hand)
        kept += int(np.sum(~free))
        span = (float(track.frames[0]), float(track.frames[-1]))
        for index, curve in enumerate(present):
            fresh = _fresh(track, index, free)
            if curve is None:
                curve = bag.fcurves.new(track.path, index=index)
                curve.group = _group(bag, track.path)
            elif len(curve.keyframe_points):
                fresh = _merged(_surviving(curve, by_hand, span), fresh)
                curve.keyframe_points.clear()
            _put(curve, fresh)
    return kept


def delete(owner: Owner, paths: Iterable[str], span: tuple[float, float] = _EVERYTHING) -> int:
    """Delete our keys of some properties between two scene frames; empty curves go.

    Returns:
        How many keys went, counted over all curves.
    """
    bag = _present_bag(owner)
    if bag is None:
        return 0
    gone = 0
    wanted = set(paths)
    found = {key: curve for key, curve in _curves(bag).items() if key[0] in wanted}
    for path in {key[0] for key in found}:
        curves = [curve for key, curve in found.items() if key[0] == path]
        by_hand = _frames_by_hand(curves)
        for curve in curves:
            count = len(curve.keyframe_points)
            left = _surviving(curve, by_hand, span)
            gone += count - len(left["co"])
            if not len(left["co"]):
                bag.fcurves.remove(curve)
            elif len(left["co"]) < count:
                curve.keyframe_points.clear()
                _put(curve, left)
    return gone


def frames_of(owner: Owner, paths: Iterable[str]) -> Indices:
    """The scene frames at which properties have keys that we made, increasing."""
    bag = _present_bag(owner)
    frames: set[int] = set()
    if bag is not None:
        wanted = set(paths)
        for curve in bag.fcurves:
            if curve.data_path in wanted:
                times, ours = _marks(curve)
                frames.update(np.round(times[ours]).astype(int).tolist())
    return np.array(sorted(frames), dtype=int)


def start_action(owner: Owner) -> None:
    """Give an owner a new action; the one that it had is kept with the file."""
    animation = cast("Any", owner.animation_data)
    if animation is not None and animation.action is not None:
        animation.action.use_fake_user = True
        animation.action = None


# Named in quotes: the oldest Blender that the tests may have to do with knows no such type.
def _present_bag(owner: Owner) -> "bpy.types.ActionChannelbag | None":
    animation = cast("Any", owner.animation_data)
    if animation is None or animation.action is None or animation.action_slot is None:
        return None
    for layer in animation.action.layers:
        for strip in layer.strips:
            return strip.channelbag(animation.action_slot)
    return None


def _bag(owner: Owner) -> "bpy.types.ActionChannelbag":
    """Where the owner's curves lie; its present action, or a new one of its name."""
    animation = cast("Any", owner.animation_data or owner.animation_data_create())
    action = animation.action
    if action is None:
        action = bpy.data.actions.new(owner.name)
        animation.action = action
    if animation.action_slot is None:
        animation.action_slot = action.slots.new(id_type=owner.id_type, name=owner.name)
    layer = action.layers[0] if len(action.layers) else action.layers.new("Layer")
    strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(animation.action_slot, ensure=True)


def _curves(bag: "bpy.types.ActionChannelbag") -> Curves:
    return {(curve.data_path, curve.array_index): curve for curve in bag.fcurves}


def _group(bag: "bpy.types.ActionChannelbag", path: str) -> bpy.types.ActionGroup | None:
    """Channels of a bone are shown together under its name."""
    if not path.startswith("pose.bones"):
        return None
    name = path.split('"')[1]
    return bag.groups.get(name) or bag.groups.new(name)


def _number(attribute: str, identifier: str) -> int:
    items = cast("Any", bpy.types.Keyframe.bl_rna.properties[attribute]).enum_items
    return items[identifier].value


def _fresh(track: Track, index: int, rows: Bools) -> Keys:
    """Our keys of one component; what is not named gets Blender's own values."""
    values = np.asarray(track.values)[:, index]
    points = np.stack((track.frames, values), axis=-1).astype(np.float32)
    keys: Keys = {"co": points[rows], "amplitude": points[rows, 1]}
    keys["type"] = np.full(int(rows.sum()), _number("type", "GENERATED"), dtype=np.int32)
    if track.slopes is not None:
        # A third of the way to the neighbours: the curve is then a polynomial in time.
        reach = np.diff(track.frames, prepend=track.frames[0] - 1, append=track.frames[-1] + 1) / 3
        slope = track.slopes[:, index]
        left = points - np.stack((reach[:-1], reach[:-1] * slope), axis=-1)
        right = points + np.stack((reach[1:], reach[1:] * slope), axis=-1)
        keys["handle_left"] = left[rows].astype(np.float32)
        keys["handle_right"] = right[rows].astype(np.float32)
        aligned = np.full(int(rows.sum()), _number("handle_left_type", "ALIGNED"), dtype=np.int32)
        keys["handle_left_type"] = keys["handle_right_type"] = aligned
    return keys


def _read(curve: bpy.types.FCurve) -> Keys:
    points = curve.keyframe_points
    keys: Keys = {}
    for name in _PAIRS:
        flat = np.empty(2 * len(points), dtype=np.float32)
        points.foreach_get(name, flat)
        keys[name] = flat.reshape(-1, 2)
    for names, kind in ((_ENUMS, np.int32), (_NUMBERS, np.float32)):
        for name in names:
            flat = np.empty(len(points), dtype=kind)
            points.foreach_get(name, flat)
            keys[name] = flat
    return keys


def _marks(curve: bpy.types.FCurve) -> tuple[Floats, Bools]:
    """The scene frames (K,) of a curve's keys, and which of them are ours."""
    points = curve.keyframe_points
    places = np.empty(2 * len(points), dtype=np.float32)
    types = np.empty(len(points), dtype=np.int32)
    marks = np.empty(len(points), dtype=np.float32)
    points.foreach_get("co", places)
    points.foreach_get("type", types)
    points.foreach_get("amplitude", marks)
    ours = (types == _number("type", "GENERATED")) & (marks == places[1::2])
    return places[::2], ours


def _frames_by_hand(curves: Iterable[bpy.types.FCurve]) -> Floats:
    """Where the artist has a key: a component by hand makes the others at its frame so, too."""
    found = [np.zeros(0)]
    for curve in curves:
        times, ours = _marks(curve)
        found.append(times[~ours])
    return np.concatenate(found)


def _at(frames: Floats | Indices, times: Floats) -> Bools:
    """Which frames have one of the times."""
    if not len(times):
        return np.zeros(len(frames), dtype=bool)
    return np.abs(np.asarray(frames)[:, None] - times).min(axis=1) < _SAME_TIME


def _surviving(curve: bpy.types.FCurve, by_hand: Floats, span: tuple[float, float]) -> Keys:
    """The keys that stay when ours in a span go."""
    times, _ = _marks(curve)
    within = (times >= span[0] - _SAME_TIME) & (times <= span[1] + _SAME_TIME)
    left = ~within | _at(times, by_hand)
    if not left.any():
        return {"co": np.zeros((0, 2), dtype=np.float32)}
    return {name: values[left] for name, values in _read(curve).items()}


def _merged(old: Keys, new: Keys) -> Keys:
    if not len(old["co"]):
        return new
    whole = _complete(new)
    order = np.argsort(np.concatenate((old["co"][:, 0], new["co"][:, 0])), kind="stable")
    return {name: np.concatenate((old[name], whole[name]))[order] for name in old}


def _complete(keys: Keys) -> Keys:
    """Keys with every attribute, as Blender makes them where nothing else is said."""
    count = len(keys["co"])
    whole: Keys = dict.fromkeys(_PAIRS, keys["co"])
    whole["interpolation"] = np.full(count, _number("interpolation", "BEZIER"), dtype=np.int32)
    whole["easing"] = np.full(count, _number("easing", "AUTO"), dtype=np.int32)
    automatic = np.full(count, _number("handle_left_type", "AUTO_CLAMPED"), dtype=np.int32)
    whole["handle_left_type"] = whole["handle_right_type"] = automatic
    whole |= dict.fromkeys(_NUMBERS, np.zeros(count, dtype=np.float32))
    return whole | keys


def _put(curve: bpy.types.FCurve, keys: Keys) -> None:
    points = curve.keyframe_points
    points.add(len(keys["co"]))
    for name, values in keys.items():
        points.foreach_set(name, np.ascontiguousarray(values).ravel())
    curve.update()
