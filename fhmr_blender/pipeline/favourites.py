"""Variations that the artist wants to find again: the pose itself, and what it was drawn with."""

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ..core import shot_file
from ..core.arrays import Floats
from ..core.motion import Person, Shot
from ..core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from ..core.skeleton import LIMB_NAMES, LIMBS
from ..errors import FhmrError
from .people import person_of, with_person
from .resample_settings import draws_of
from .uncertainty import with_decided
from .variations import posed


@dataclass(frozen=True)
class Favourite:
    """One kept variation."""

    name: str
    limbs: tuple[str, ...]
    frames: tuple[int, ...]  # of the source
    seed: int
    guidance: float
    steps: int
    sample: int  # of the seed
    shown: int  # which variation it was


def keep_favourite(shot: Shot, person_id: int | None, name: str = "") -> Shot:
    """Keep what is shown in the frames and limbs that were drawn last.

    Raises:
        FhmrError: Nothing was drawn.
    """
    person = person_of(shot, person_id)
    draws = draws_of(shot, person.id)
    if not draws:
        raise FhmrError("No variation is shown.", "Resample a limb first.")
    last = draws[-1]
    limbs = tuple(last["limbs"])
    rows = np.searchsorted(person.observations.frames, person.samples.frames)
    pose = axis_angle_from_matrix(person.motion_cam.rotations[rows][:, _joints(limbs)])
    kept = _documents(person)
    shown, samples = int(last["shown"]), last["samples"]
    document = {
        "name": name or f"{', '.join(limbs).replace('_', ' ')} {len(kept) + 1}",
        "limbs": list(limbs),
        "frames": [int(frame) for frame in person.samples.frames],
        "seed": last["seed"],
        "guidance": last["guidance"],
        "steps": last["steps"],
        "sample": samples[shown] if 0 <= shown < len(samples) else shown,
        "shown": shown,
        "pose": base64.b64encode(pose.astype("<f4").tobytes()).decode(),
    }
    return _with_documents(shot, person, [*kept, document])


def favourites(person: Person) -> tuple[Favourite, ...]:
    """What is kept, the oldest first.

    Raises:
        FhmrError: It is damaged.
    """
    return tuple(_favourite(document) for document in _documents(person))


def apply_favourite(shot: Shot, person_id: int | None, index: int) -> Shot:
    """Show a kept variation again, exactly as it was.

    Raises:
        FhmrError: There is none such, it is damaged, or its frames are no longer the person's.
    """
    person = person_of(shot, person_id)
    document = _document(person, index)
    favourite = _favourite(document)
    joints = _joints(favourite.limbs)
    frames = np.array(favourite.frames, dtype=np.int64)
    if not len(frames) or not np.all(np.isin(frames, person.observations.frames)):
        raise FhmrError(
            f"Person {person.id} is not seen in all frames of {favourite.name!r}.",
            "Choose another favourite.",
        )
    rows = np.searchsorted(person.observations.frames, frames)
    rotations = person.motion_cam.rotations[rows].copy()
    rotations[:, joints] = matrix_from_axis_angle(_pose(document, len(frames), len(joints)))
    changed = posed(shot, person, rows, favourite.limbs, rotations)
    columns = np.array([LIMB_NAMES.index(limb) for limb in favourite.limbs])
    place = np.ix_(rows, columns)
    chosen, count = person.chosen.copy(), person.sample_count.copy()
    chosen[place] = favourite.shown
    count[place] = np.maximum(count[place], favourite.shown + 1)
    changed = replace(changed, chosen=chosen, sample_count=count)
    changed = with_decided(changed, rows, columns, content=True)
    return shot_file.stored(with_person(shot, changed))


def drop_favourite(shot: Shot, person_id: int | None, index: int) -> Shot:
    """Forget a kept variation.

    Raises:
        FhmrError: There is none such.
    """
    person = person_of(shot, person_id)
    dropped = _document(person, index)
    kept = [document for document in _documents(person) if document is not dropped]
    return _with_documents(shot, person, kept)


def _joints(limbs: tuple[str, ...]) -> list[int]:
    return [joint for limb in limbs for joint in LIMBS[limb]]


def _documents(person: Person) -> list[dict[str, Any]]:
    stored = person.edits.get("favourites", [])
    if not isinstance(stored, list):
        raise _damaged()
    return cast("list[dict[str, Any]]", stored)


def _document(person: Person, index: int) -> dict[str, Any]:
    stored = _documents(person)
    if not 0 <= index < len(stored):
        raise FhmrError(f"There is no favourite {index + 1}.", "Keep a variation first.")
    return stored[index]


def _with_documents(shot: Shot, person: Person, documents: list[dict[str, Any]]) -> Shot:
    return with_person(shot, replace(person, edits={**person.edits, "favourites": documents}))


def _favourite(document: dict[str, Any]) -> Favourite:
    try:
        limbs = tuple(str(limb) for limb in document["limbs"])
        found = Favourite(
            name=str(document["name"]),
            limbs=limbs,
            frames=tuple(int(frame) for frame in document["frames"]),
            seed=int(document["seed"]),
            guidance=float(document["guidance"]),
            steps=int(document["steps"]),
            sample=int(document["sample"]),
            shown=int(document["shown"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged() from error
    if not limbs or any(limb not in LIMB_NAMES for limb in limbs) or not 0 <= found.shown < 64:
        raise _damaged()
    return found


def _pose(document: dict[str, Any], frames: int, joints: int) -> Floats:
    """(n, K, 3) axis-angle, parent-relative."""
    try:
        content = base64.b64decode(document["pose"], validate=True)
        pose = np.frombuffer(content, dtype="<f4").reshape(frames, joints, 3).astype(float)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise _damaged() from error
    if not np.all(np.isfinite(pose)):
        raise _damaged()
    return pose


def _damaged() -> FhmrError:
    return FhmrError("The stored favourites are damaged.", "Delete them and keep others.")
