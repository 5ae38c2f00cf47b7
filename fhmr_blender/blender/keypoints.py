"""The artist's corrections of detected landmarks, before they are solved."""

import json
from typing import Any

import bpy

from ..core.arrays import Bools, Floats
from ..core.motion import Observations, Person
from ..core.skeleton import LANDMARK_NAMES
from ..pipeline.keypoint_edits import edited
from .properties import take_of

Edit = dict[str, Any]
"""As the pipeline's `keypoint_edits` has it: frame, landmark, x and y or wrong."""


def edits_of(rig: bpy.types.Object, person: Person) -> list[Edit]:
    """The corrections that the artist sees: those not solved yet, or what is stored."""
    waiting = take_of(rig).hand.corrections
    if waiting:
        return [dict(edit) for edit in json.loads(waiting)]
    return [dict(edit) for edit in person.edits.get("keypoint_edits", ())]


def moved(edits: list[Edit], frame: int, landmark: int, place: tuple[float, float]) -> list[Edit]:
    """Corrections with one landmark at another place (pixels) in one frame of the source."""
    x, y = place
    return [*_without(edits, frame, landmark), {**_key(frame, landmark), "x": x, "y": y}]


def marked_wrong(edits: list[Edit], frame: int, landmark: int) -> list[Edit]:
    """Corrections with one landmark marked wrong; marked so already, it counts again."""
    key = {**_key(frame, landmark), "wrong": True}
    left = _without(edits, frame, landmark)
    return left if key in edits else [*left, key]


def places(person: Person, edits: list[Edit], index: int) -> Floats:
    """(33, 2) pixels: where landmarks are after the corrections."""
    return _edited(person, edits).keypoints[index, :, :2]


def wrong(person: Person, edits: list[Edit], index: int) -> Bools:
    """(33,) which landmarks are marked wrong."""
    before = person.observations.keypoints[index, :, 3]
    after = _edited(person, edits).keypoints[index, :, 3]
    return (after == 0.0) & (before > 0.0)


def store(rig: bpy.types.Object, edits: list[Edit]) -> None:
    """Have corrections wait on a rig until they are solved."""
    take_of(rig).hand.corrections = json.dumps(edits)


def waits(rig: bpy.types.Object) -> bool:
    """Whether there are corrections that were not solved yet."""
    return bool(take_of(rig).hand.corrections)


def _edited(person: Person, edits: list[Edit]) -> Observations:
    return edited(person.observations, edits)


def _key(frame: int, landmark: int) -> Edit:
    return {"frame": frame, "landmark": LANDMARK_NAMES[landmark]}


def _without(edits: list[Edit], frame: int, landmark: int) -> list[Edit]:
    """Corrections of ranges and swaps stay: they speak of more than this frame."""
    name = LANDMARK_NAMES[landmark]
    return [
        edit
        for edit in edits
        if (edit.get("frame"), edit.get("landmark")) != (frame, name) or "end" in edit
    ]
