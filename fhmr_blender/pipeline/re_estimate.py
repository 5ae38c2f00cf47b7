"""One person estimated again from stored observations, with the artist's corrections."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import shot_file
from ..core.arrays import Bools
from ..core.motion import Person, Shot
from ..core.skeleton import LANDMARK_NAMES, LIMB_JOINTS, LIMB_LANDMARKS, LIMB_NAMES
from ..errors import FhmrError
from ..jobs import Report
from .bodies import body_of
from .keypoint_edits import SIDES, Edit, check_edits, edited, edits_of, span
from .keypoint_holds import under_keypoints
from .people import person_of, with_person
from .resample_settings import draws_of, frames_of
from .resolve import settings_of
from .solve import solve_one
from .uncertainty import KEPT
from .variations import posed, with_limbs
from .weights import Networks

_OF_TORSO = {"left_arm": 11, "right_arm": 12, "left_leg": 23, "right_leg": 24}
"""Landmarks at which limbs hang on the torso."""


def re_estimate(
    shot: Shot,
    networks: Networks,
    person_id: int | None,
    edits: Sequence[Edit],
    report: Report,
) -> Shot:
    """Estimate a person again with other keypoint edits; nothing is detected again.

    Limbs that the artist has chosen stay, but where an edit that has come or gone concerns them.
    The other people and the world stay to the bit.

    Args:
        shot: As it is.
        networks: `anchor` and `completion` are called.
        person_id: None means the first.
        edits: All of them, in place of those that are stored; none goes back to what was detected.
        report: Told the progress; may raise `Cancelled`.

    Raises:
        FhmrError: There is no such person, or an edit says nothing.
    """
    check_edits(edits)
    person = person_of(shot, person_id)
    changed = _differing(edits_of(person), edits)
    fresh = _estimated(shot, networks, person, edits, report)
    documents = [dict(edit) for edit in edits]
    fresh = replace(
        fresh,
        edits={**person.edits, "keypoint_edits": documents},
        extra={name: array for name, array in person.extra.items() if name != KEPT},
    )
    fresh = _with_chosen(shot, fresh, person, (person.chosen >= 0) & ~_concerned(person, changed))
    # The stored samples are Estimate's again, so this person's draws are no longer the last word.
    recipe = dict(shot.settings)
    recipe["resampled"] = [draw for draw in draws_of(shot) if draw.get("person") != person.id]
    return shot_file.stored(replace(with_person(shot, fresh), settings=recipe))


def swap_sides(
    shot: Shot,
    networks: Networks,
    person_id: int | None,
    sides: str,
    start: int,
    stop: int,
    report: Report,
) -> Shot:
    """Exchange what was detected left and right in some frames, and estimate again.

    Args:
        sides: "arms", "legs" or "both". The same exchange a second time takes it back.
        start: Frame of the source, from 0.
        stop: Outside.

    Raises:
        FhmrError: There is no such person, or the range is none.
    """
    edits = list(edits_of(person_of(shot, person_id)))
    swap: dict[str, Any] = {"frame": start, "end": stop, "swap": sides}
    if swap in edits:
        edits.remove(swap)
    else:
        edits.append(swap)
    return re_estimate(shot, networks, person_id, edits, report)


def reset(
    shot: Shot,
    networks: Networks,
    person_id: int | None,
    limbs: tuple[str, ...],
    start: int | None,
    stop: int | None,
    report: Report,
) -> Shot:
    """Limbs in some frames as they are estimated; everything else stays to the bit."""
    unknown = [limb for limb in limbs if limb not in LIMB_NAMES]
    if unknown:
        raise FhmrError(
            f"There is no limb {unknown[0]!r}.", f"Choose among {', '.join(LIMB_NAMES)}."
        )
    person = person_of(shot, person_id)
    rows = np.flatnonzero(frames_of(person, start, stop))
    fresh = _estimated(shot, networks, person, edits_of(person), report)
    changed = with_limbs(
        person, rows, limbs, fresh.motion_cam.rotations[rows], fresh.joints_cam[rows]
    )
    place = np.ix_(rows, np.array([LIMB_NAMES.index(limb) for limb in limbs]))
    chosen, count = changed.chosen.copy(), changed.sample_count.copy()
    chosen[place], count[place] = fresh.chosen[place], fresh.sample_count[place]
    changed = replace(changed, chosen=chosen, sample_count=count)
    return shot_file.stored(with_person(shot, changed))


def _estimated(
    shot: Shot, networks: Networks, person: Person, edits: Sequence[Edit], report: Report
) -> Person:
    """The person solved again, his observations as they were detected."""
    body_of(shot, person)  # its file must be there, and the one it was
    fresh = solve_one(
        person.id,
        edited(person.observations, edits),
        shot.frames,
        shot.T_world_from_cam,
        networks,
        settings_of(shot),
        report,
    )
    fresh = replace(fresh, observations=person.observations)
    return under_keypoints(shot, fresh, edits, networks)


def _with_chosen(shot: Shot, fresh: Person, before: Person, kept: Bools) -> Person:
    """The new estimate with limbs from before where `kept` (N, 5) says so."""
    chosen, count = fresh.chosen.copy(), fresh.sample_count.copy()
    chosen[kept], count[kept] = before.chosen[kept], before.sample_count[kept]
    for column, limb in enumerate(LIMB_NAMES):
        rows = np.flatnonzero(kept[:, column])
        if len(rows):
            rotations = fresh.motion_cam.rotations[rows].copy()
            rotations[:, LIMB_JOINTS] = before.motion_cam.rotations[rows][:, LIMB_JOINTS]
            fresh = posed(shot, fresh, rows, (limb,), rotations)
    return replace(fresh, chosen=chosen, sample_count=count)


def _differing(before: Sequence[Edit], after: Sequence[Edit]) -> list[Edit]:
    """Edits that have come or gone."""
    old, new = (
        {json.dumps(dict(edit), sort_keys=True) for edit in some} for some in (before, after)
    )
    return [json.loads(text) for text in sorted(old ^ new)]


def _concerned(person: Person, edits: Sequence[Edit]) -> Bools:
    """(N, 5) the limbs whose landmarks edits change."""
    frames = person.observations.frames
    concerned = np.zeros((len(frames), len(LIMB_NAMES)), dtype=bool)
    for edit in edits:
        start, end = span(edit)
        rows = (frames >= start) & (frames < end)
        for column, limb in enumerate(LIMB_NAMES):
            if "swap" in edit:
                part = limb.split("_")[-1] + "s"
                hit = part in SIDES and edit["swap"] in (part, "both")
            else:
                marks = (*LIMB_LANDMARKS[limb], _OF_TORSO.get(limb, -1))
                hit = LANDMARK_NAMES.index(str(edit["landmark"])) in marks
            concerned[rows, column] |= hit
    return concerned
