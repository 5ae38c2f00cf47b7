"""Landmarks that the artist moved, marked wrong or exchanged; what was detected stays stored."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ..core.arrays import Bools, Floats, Indices
from ..core.motion import Observations, Person
from ..core.skeleton import LANDMARK_NAMES, LIMB_LANDMARKS
from ..errors import FhmrError

Edit = Mapping[str, Any]
SIDES = {
    "arms": (11, *LIMB_LANDMARKS["left_arm"]),
    "legs": (23, *LIMB_LANDMARKS["left_leg"]),
}
"""Landmarks of the left side that change places with the right, shoulders and hips too."""


def edits_of(person: Person) -> tuple[Edit, ...]:
    """What is stored with a person.

    Raises:
        FhmrError: It is damaged.
    """
    stored = person.edits.get("keypoint_edits", [])
    if not isinstance(stored, list):
        raise FhmrError("The stored keypoints are damaged.", "Delete them and set them again.")
    edits = tuple(cast("list[Edit]", stored))
    check_edits(edits)
    return edits


def check_edits(edits: Sequence[Edit]) -> None:
    """Refuse edits that say nothing.

    Raises:
        FhmrError: Names the edit.
    """
    for edit in edits:
        try:
            start, end = span(edit)
            if end <= start:
                raise FhmrError(
                    f"An edited keypoint ends in frame {end}, before it starts.",
                    "Set the end after the start.",
                )
            if "swap" in edit:
                if edit["swap"] not in (*SIDES, "both"):
                    raise FhmrError(
                        f"{edit['swap']!r} cannot change sides.", "Choose arms, legs or both."
                    )
                continue
            if edit["landmark"] not in LANDMARK_NAMES:
                raise FhmrError(
                    f"There is no keypoint {edit['landmark']!r}.",
                    f"Choose among {', '.join(LANDMARK_NAMES)}.",
                )
            if not edit.get("wrong") and not all(
                math.isfinite(float(edit[axis])) for axis in ("x", "y")
            ):
                raise FhmrError(
                    f"The keypoint {edit['landmark']} is nowhere.", "Give its place in pixels."
                )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FhmrError(
                "An edited keypoint is damaged.", "Delete it and set it again."
            ) from error


def span(edit: Edit) -> tuple[int, int]:
    """The frames of the source from and to (outside) which an edit counts."""
    start = int(edit["frame"])
    return start, int(edit.get("end", start + 1))


def edited(observations: Observations, edits: Sequence[Edit]) -> Observations:
    """What was observed, with the artist's corrections; later ones win.

    A landmark that is marked wrong counts as not seen. A moved one counts as surely seen; over a
    range it is shifted as far as it is in the first frame. The landmark network's own 3D is
    shifted with it, as far as the picture's scale tells.

    Args:
        observations: N frames; they are not changed.
        edits: Checked: `{"frame": f, "end": g, "landmark": name, "x": px, "y": px}`, or with
            `"wrong": true` in place of x and y, or `{"frame": f, "end": g, "swap": "arms"}`.
    """
    if not edits:
        return observations
    keypoints, world = observations.keypoints.copy(), observations.keypoints_world.copy()
    agreement = observations.agreement.copy()
    for edit in edits:
        start, end = span(edit)
        rows = np.flatnonzero((observations.frames >= start) & (observations.frames < end))
        if not len(rows):
            continue
        if "swap" in edit:
            for array in (keypoints, world, agreement):
                _swap(array, rows, str(edit["swap"]))
            continue
        landmark = LANDMARK_NAMES.index(str(edit["landmark"]))
        if edit.get("wrong"):
            keypoints[rows, landmark, 3:] = 0.0
            continue
        shift = np.array([float(edit["x"]), float(edit["y"])]) - keypoints[rows[0], landmark, :2]
        metres = _metres_per_pixel(observations, rows)
        keypoints[rows, landmark, :2] += shift
        keypoints[rows, landmark, 3:] = 1.0
        agreement[rows, landmark] = 1.0
        world[rows, landmark, :2] += shift * metres[:, None]
    return replace(observations, keypoints=keypoints, keypoints_world=world, agreement=agreement)


def moved(observations: Observations, edits: Sequence[Edit]) -> Bools:
    """(N, 33) the landmarks that stand where the artist has put them."""
    found = np.zeros(observations.keypoints.shape[:2], dtype=bool)
    for edit in edits:
        start, end = span(edit)
        rows = np.flatnonzero((observations.frames >= start) & (observations.frames < end))
        if "swap" in edit:
            _swap(found, rows, str(edit["swap"]))
        else:
            found[rows, LANDMARK_NAMES.index(str(edit["landmark"]))] = not edit.get("wrong")
    return found


def _swap(array: Floats | Bools, rows: Indices, sides: str) -> None:
    """Exchange left and right landmarks of an array (N, 33, ...) in place."""
    left = [mark for name, marks in SIDES.items() if sides in (name, "both") for mark in marks]
    right = [mark + 1 for mark in left]
    changed = array[rows].copy()
    changed[:, left], changed[:, right] = array[rows][:, right], array[rows][:, left]
    array[rows] = changed


def _metres_per_pixel(observations: Observations, rows: Indices) -> Floats:
    """(n,) how large a pixel is at the person, from the landmarks' own 3D."""
    flat = observations.keypoints[rows, :, :2].std(axis=1).mean(axis=-1)
    true = observations.keypoints_world[rows, :, :2].std(axis=1).mean(axis=-1)
    return true / np.maximum(flat, 1e-6)
