"""Long clips: what is done block by block for the memory's sake is the same to the bit."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from fhmr_blender.core.motion import Observations
from fhmr_blender.pipeline import completion as completing
from fhmr_blender.pipeline import selection
from fhmr_blender.pipeline.anchor import view_of
from fhmr_blender.pipeline.completion import Completion, Draw, Sampler, Subject, complete
from fhmr_blender.pipeline.evidence import gather_evidence
from fhmr_blender.pipeline.selection import score_samples
from tests.unit import sitter

COUNT = 23


def completed(observations: Observations) -> tuple[Completion, np.ndarray]:
    person = sitter.person(COUNT)
    view = view_of(observations, None)
    build = sitter.build()
    subject = Subject(view, observations.frames, person.anchor, build.rest_joints)
    draw = Draw(seed=3, person=1, samples=8, guidance=1.0, steps=2)
    made = complete(subject, sitter.completion_network, sitter.constants(), draw)
    pelvis = person.anchor.transl + build.rest_joints[0]
    evidence = gather_evidence(observations, sitter.constants())
    return made, score_samples(made, person.anchor.rotations, pelvis, build, evidence, 1.0)


def test_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    observations = sitter.person(COUNT).observations
    whole, scores = completed(observations)
    monkeypatch.setattr(completing, "_UNPACKED", 7)
    monkeypatch.setattr(selection, "_JUDGED", 5)
    blocks, scores_of_blocks = completed(observations)
    np.testing.assert_array_equal(scores, scores_of_blocks)
    for item in fields(Completion):
        np.testing.assert_array_equal(getattr(whole, item.name), getattr(blocks, item.name))


@pytest.mark.parametrize("longest", [7, 1024])  # noise of longer clips is not kept
def test_drawing_again_gives_the_same_samples(
    longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completing, "_UNPACKED", longest)
    person = sitter.person(COUNT)
    view = view_of(person.observations, None)
    rest_joints = sitter.build().rest_joints
    subject = Subject(view, person.observations.frames, person.anchor, rest_joints)
    sampler = Sampler(subject, sitter.completion_network, sitter.constants())
    draw = Draw(seed=3, person=1, samples=16, guidance=1.0, steps=2)
    first, again = list(sampler.batches(draw)), list(sampler.batches(draw))
    assert len(first) == len(again) == 2
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.rotations, other.rotations)
    assert not np.array_equal(first[0].rotations, first[1].rotations)


def test_frames_in_which_nobody_was_seen_are_told_to_the_networks_as_absent() -> None:
    observations = sitter.person(COUNT).observations
    observations.track_confidence[8:12] = 0.0
    told = view_of(observations, np.broadcast_to(np.eye(3), (COUNT, 3, 3))).batch(slice(4, 16))
    hidden = np.arange(4, 16)
    hidden = (hidden >= 8) & (hidden < 12)
    assert not told["given"][0, hidden, :4].any()
    assert not told["landmark_given"][0, hidden].any()
    assert told["given"][0, hidden, 4].all()  # the camera's motion is known all the same
    assert told["given"][0, ~hidden, :4].all() and told["landmark_given"][0, ~hidden].all()
