"""What the artist's hand left in a file may be damaged: one sentence, never a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.motion import Shot
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.contact_edits import contacts_of
from fhmr_blender.pipeline.favourites import apply_favourite, favourites, keep_favourite
from fhmr_blender.pipeline.keypoint_edits import edited, edits_of
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.uncertainty import DECIDED, KEPT, uncertainty
from fhmr_blender.pipeline.variations import drawn_limbs, show_variation, variations
from tests.unit.sitter import build, networks, shot

DRAWN = resample(shot(3), networks(), ResampleSettings(("left_arm",), variations=2), silent)
KEPT_SHOT = keep_favourite(DRAWN, None)
ODD: list[object] = [
    None, 3, -1.5, "x", {}, [], [3], [None], [{}], [[1]], {"a": 1}, True, float("nan"), 10**30,
]  # fmt: skip
READERS: tuple[Callable[[Shot], object], ...] = (
    lambda one: contacts_of(one.people[0]),
    lambda one: edited(one.people[0].observations, edits_of(one.people[0])),
    lambda one: favourites(one.people[0]),
    lambda one: apply_favourite(one, None, 0),
    lambda one: keep_favourite(one, None),
    lambda one: variations(one),
    lambda one: drawn_limbs(one),
    lambda one: show_variation(one, None, 1),
)


def read_everything(one: Shot, readers: tuple[Callable[[Shot], object], ...] = READERS) -> None:
    for reader in readers:
        with contextlib.suppress(FhmrError):
            reader(one)


@pytest.mark.parametrize("name", ["pins", "keypoint_edits", "contact_edits", "favourites"])
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_damaged_edits_are_a_sentence(name: str, odd: object) -> None:
    person = DRAWN.people[0]
    damaged = replace(DRAWN, people=(replace(person, edits={name: odd}),))
    head = ResampleSettings(("head",), variations=1)
    read_everything(damaged, (*READERS, lambda one: resample(one, networks(), head, silent)))


GOOD: dict[str, dict[str, object]] = {
    "keypoint_edits": {"frame": 1, "end": 2, "landmark": "nose", "x": 1.0, "y": 2.0},
    "contact_edits": {
        "joint": "left_wrist", "start": 0, "end": 2, "state": True, "target": {"joint": "head"},
    },
    "favourites": KEPT_SHOT.people[0].edits["favourites"][0],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_damaged_part_of_an_edit_is_a_sentence(name: str) -> None:
    person = DRAWN.people[0]
    for key in GOOD[name]:
        for odd in ODD[::2]:
            edits = {name: [{**GOOD[name], key: odd}]}
            read_everything(replace(DRAWN, people=(replace(person, edits=edits),)))


def test_a_damaged_recipe_is_a_sentence() -> None:
    last = DRAWN.settings["resampled"][0]
    damages = [*ODD, *([{**last, key: odd}] for key in last for odd in ODD[::3])]
    for damage in damages:
        read_everything(replace(DRAWN, settings={**DRAWN.settings, "resampled": damage}))


@pytest.mark.parametrize("name", [KEPT, DECIDED])
def test_damaged_arrays_beside_the_shot_are_passed_over(name: str) -> None:
    person, rest_joints = DRAWN.people[0], build().rest_joints
    for odd in (np.array("x"), np.zeros(3), np.full((3, 18), np.nan), np.full((3, 5), np.inf)):
        unsure = uncertainty(replace(person, extra={name: odd}), rest_joints)
        assert np.all((unsure >= 0.0) & (unsure <= 1.0))
