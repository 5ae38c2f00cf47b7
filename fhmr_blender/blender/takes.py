"""Which take the artist means, and which of its frames."""

from dataclasses import dataclass, replace
from typing import TypeVar

import bpy
import numpy as np

from ..core.arrays import Bools, Floats, Indices
from ..core.motion import Motion, Person, Shot
from ..core.skeleton import LIMB_NAMES, LIMBS
from ..errors import FhmrError
from .properties import pin_of, take_of
from .scene_camera import MOVIE_START

_Array = TypeVar("_Array", Floats, Indices)

NO_RIG = "Select a rig made by FHMR"


@dataclass(frozen=True)
class Span:
    """Scene frames, both ends included."""

    start: int
    end: int


def is_rig(item: bpy.types.Object | None) -> bool:
    """Whether an object is an armature that carries a take."""
    return item is not None and item.type == "ARMATURE" and take_of(item).kind == "PERSON"


def selected_rig(context: bpy.types.Context) -> bpy.types.Object | None:
    """The rig that the artist works on: the active object, the one that moves it, or the one that
    it is a pin of."""
    item = context.object
    if item is None or is_rig(item):
        return item
    if is_rig(item.parent):
        return item.parent
    rig = pin_of(item).rig
    return rig if is_rig(rig) else None


def rigs_of_shot(rig: bpy.types.Object) -> list[bpy.types.Object]:
    """All rigs of people in the collections that a rig lies in, itself too."""
    homes = rig.users_collection
    return [item for home in homes for item in home.objects if is_rig(item)]


def the_rig(context: bpy.types.Context) -> bpy.types.Object:
    """The rig that the artist works on, where a poll has seen to it that there is one."""
    rig = selected_rig(context)
    assert rig is not None
    return rig


def why_not(rig: bpy.types.Object | None) -> str:
    """Why a rig cannot be changed; empty if it can."""
    if rig is None:
        return NO_RIG
    if rig.library is not None or rig.override_library is not None:
        return "This rig is linked from another file. Work on it there"
    return ""


def is_still(shot: Shot) -> bool:
    """Whether a shot is a single picture: it fits any frame of the scene."""
    return len(shot.frames) == 1


def scene_frames(person: Person) -> Indices:
    """(N,) the scene frames of a person's frames."""
    return person.observations.frames + MOVIE_START


def indices_within(shot: Shot, person: Person, span: Span) -> Indices:
    """Which of a person's frames lie in a span of scene frames.

    Raises:
        FhmrError: None does.
    """
    if is_still(shot):
        return np.zeros(1, dtype=int)
    frames = scene_frames(person)
    found = np.flatnonzero((frames >= span.start) & (frames <= span.end))
    if not len(found):
        raise _outside(frames, span)
    return found


def lookup(shot: Shot, person: Person, frames: Indices) -> tuple[Floats, Indices]:
    """Where in a person's motion scene frames lie.

    Args:
        shot: Whether it is a still decides.
        person: N frames.
        frames: (K,) scene frames, increasing.

    Returns:
        (k,) fractional indices 0..N-1 and the (k,) scene frames that the take covers.

    Raises:
        FhmrError: It covers none of them.
    """
    if is_still(shot):
        return np.zeros(len(frames)), frames
    own = scene_frames(person)
    covered = frames[(frames >= own[0]) & (frames <= own[-1])]
    if not len(covered):
        raise _outside(own, Span(int(frames[0]), int(frames[-1])))
    return np.interp(covered, own, np.arange(len(own))), covered


def nearest_index(shot: Shot, person: Person, frame: int) -> int:
    """The person's frame that is closest to a scene frame."""
    if is_still(shot):
        return 0
    return int(np.argmin(np.abs(scene_frames(person) - frame)))


def span_of(scope: str, scene_frame: int, start: int, end: int) -> Span:
    """The scene frames that a panel's scope means.

    Raises:
        FhmrError: The range ends before it starts.
    """
    if scope == "FRAME":
        return Span(scene_frame, scene_frame)
    if scope == "CLIP":
        return Span(-(2**30), 2**30)
    if end < start:
        raise FhmrError(
            f"The range ends at frame {end}, before it starts at {start}.",
            "Set the end after the start.",
        )
    return Span(start, end)


def same_torso(person: Person, other: Person) -> bool:
    """Whether limbs of one fit the other's torso to the bit."""
    return np.array_equal(person.anchor.rotations, other.anchor.rotations) and np.array_equal(
        person.motion_cam.betas, other.motion_cam.betas
    )


def reset(person: Person, estimate: Person, limbs: tuple[str, ...], frames: Indices) -> Person:
    """A person with limbs at some frames as Estimate made them.

    The torso is the same in both, so rotations and joints of whole limbs can change places.

    Args:
        person: As it is.
        estimate: As it was.
        limbs: Names of limbs.
        frames: Indices into the person's frames.
    """
    count = len(person.observations.frames)
    joints = [joint for limb in limbs for joint in LIMBS[limb]]
    columns = [LIMB_NAMES.index(limb) for limb in limbs]
    chosen = np.zeros(count, dtype=bool)
    chosen[frames] = True
    return replace(
        person,
        sample_count=_taken(person.sample_count, estimate.sample_count, chosen, columns),
        chosen=_taken(person.chosen, estimate.chosen, chosen, columns),
        joints_cam=_taken(person.joints_cam, estimate.joints_cam, chosen, joints),
        motion_cam=_limbs_taken(person.motion_cam, estimate.motion_cam, chosen, joints),
        motion_world=_limbs_taken(person.motion_world, estimate.motion_world, chosen, joints),
    )


def _limbs_taken(motion: Motion, other: Motion, rows: Bools, joints: list[int]) -> Motion:
    return replace(motion, rotations=_taken(motion.rotations, other.rotations, rows, joints))


def _taken(array: _Array, other: _Array, rows: Bools, columns: list[int]) -> _Array:
    """The array with some rows of some columns from the other."""
    mixed = array.copy()
    place = np.ix_(np.flatnonzero(rows), np.array(columns))
    mixed[place] = other[place]
    return mixed


def _outside(frames: Indices, span: Span) -> FhmrError:
    where = f"frame {span.start}" if span.start == span.end else f"{span.start} to {span.end}"
    return FhmrError(
        f"This take covers the frames {frames[0]} to {frames[-1]}, not {where}.",
        "Move the timeline there, or choose another range.",
    )
