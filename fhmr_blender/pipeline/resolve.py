"""Estimating again from what was seen: another body, height or lens, nothing detected anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from ..core import shot_file
from ..core.arrays import Floats
from ..core.motion import Shot
from ..errors import FhmrError
from ..jobs import Report
from .camera_motion import stored_camera, through_lens
from .keypoint_edits import edited, edits_of
from .keypoint_holds import under_keypoints
from .people import person_of
from .solve import SolveSettings, solve
from .weights import Networks


@dataclass(frozen=True)
class Changes:
    """What becomes different; what is not named stays as it was."""

    focal: float | None = None  # pixels, of the whole shot
    bodies: Mapping[int, str] = field(default_factory=lambda: {})  # name or file, by person
    heights: Mapping[int, float | None] = field(default_factory=lambda: {})  # m; None: not known


def resolve(shot: Shot, networks: Networks, changes: Changes, report: Report) -> Shot:
    """Pose everybody of a shot again.

    Args:
        shot: Only read. Ids, frames, observations and the artist's edits stay; limbs are estimated
            anew, so what was resampled is gone.
        networks: `anchor` and `completion` are called.
        changes: What becomes different.
        report: Told the progress; may raise `Cancelled`.

    Raises:
        FhmrError: There is no such person, body or lens, or nobody in the shot.
        Cancelled: By `report`.
    """
    if not shot.people:
        raise FhmrError("The shot holds no person.", "Estimate the footage again.")
    for number in (*changes.bodies, *changes.heights):
        person_of(shot, number)
    ratio = _ratio(shot, changes.focal)
    lens = shot.intrinsics.copy()
    lens[:, :2] *= ratio
    rows = {one.id: np.searchsorted(shot.frames, one.observations.frames) for one in shot.people}
    seen = {one.id: replace(one.observations, intrinsics=lens[rows[one.id]]) for one in shot.people}
    observed = {one.id: edited(seen[one.id], edits_of(one)) for one in shot.people}
    camera = through_lens(stored_camera(shot), ratio)
    settings = settings_of(shot, changes)
    solution = solve(observed, shot.frames, camera, networks, settings, report)
    people = tuple(
        replace(new, observations=seen[old.id], edits=old.edits)
        for new, old in zip(solution.people, shot.people, strict=True)
    )
    recipe: dict[str, Any] = {**shot.settings, **solution.recipe}
    recipe.pop("resampled", None)
    if changes.focal is not None:
        recipe["lens"] = "given"
    solved = replace(
        shot,
        intrinsics=lens,
        T_world_from_cam=solution.T_world_from_cam,
        settings=recipe,
        people=people,
    )
    brought = tuple(under_keypoints(solved, one, edits_of(one), networks) for one in people)
    return shot_file.stored(replace(solved, people=brought))


def settings_of(shot: Shot, changes: Changes | None = None) -> SolveSettings:
    """What a shot was solved with, changed where that is asked for."""
    told = shot.settings
    default = SolveSettings()
    wanted = changes or Changes()
    bodies = {person.id: _named(told, person.id) for person in shot.people}
    heights = {int(key): float(value) for key, value in _entries(told, "heights").items()}
    heights.update({key: value for key, value in wanted.heights.items() if value is not None})
    for number, height in wanted.heights.items():
        if height is None:
            heights.pop(number, None)
        elif not 0.8 <= height <= 2.6:
            raise FhmrError(
                f"A height of {height:g} m fits no adult body.", "Give the height in metres."
            )
    return SolveSettings(
        hypotheses=int(told.get("hypotheses", default.hypotheses)),
        guidance=float(told.get("guidance", default.guidance)),
        steps=int(told.get("steps", default.steps)),
        seed=int(told.get("seed", default.seed)),
        alignment=bool(told.get("alignment", default.alignment)),
        bodies={**bodies, **wanted.bodies},
        heights=heights,
    )


def _ratio(shot: Shot, focal: float | None) -> float:
    """How much longer the lens becomes."""
    if focal is None:
        return 1.0
    longer = max(shot.size)
    if not 0.05 * longer <= focal <= 100 * longer:  # nan falls through here, too
        raise FhmrError(
            f"A focal length of {focal:g} pixels does not fit a picture of "
            f"{shot.size[0]} x {shot.size[1]}.",
            "Give the focal length in pixels.",
        )
    return focal / float(_median_focal(shot.intrinsics))


def _median_focal(intrinsics: Floats) -> float:
    return float(np.median(intrinsics[:, 0]))


def _entries(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    entries = settings.get(name)
    return cast("dict[str, Any]", entries) if isinstance(entries, dict) else {}


def _named(settings: Mapping[str, Any], person: int) -> str:
    """The body that a person is shown with."""
    entry = _entries(settings, "body").get(str(person))
    if isinstance(entry, dict):
        return str(cast("dict[str, Any]", entry).get("name", "neutral"))
    return "neutral"
