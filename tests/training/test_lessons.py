"""What stage 2 is told while it learns: the doubt of stage 1 goes with how wrong it is."""

from dataclasses import replace

import numpy as np
import torch

from fhmr_blender.core.skeleton import LIMB_JOINTS, LIMB_OF_LIMB_JOINT, TORSO_JOINTS
from tests.training import tiny
from training.configuration import load_settings
from training.data.windows import plain_batch, whole_clips
from training.networks.anchor import AnchorPrediction
from training.networks.rotations import geodesic_angle
from training.train_completion import Lesson, prepare

SETTINGS = load_settings("first")
_SURE = -8.0


def lesson(**weights: float) -> tuple[Lesson, AnchorPrediction]:
    """One batch around a stage 1 that says the truth and is sure of it."""
    batch = plain_batch(tiny.store(), np.repeat(whole_clips(tiny.store(), 8), 16, axis=0))
    truth = batch.truth
    said = AnchorPrediction(
        rotations=truth.rotations[..., list(TORSO_JOINTS), :, :],
        translation=truth.translation,
        betas=truth.betas,
        log_variance=torch.full((*truth.translation.shape[:2], 8), _SURE),
        first_guess=truth.rotations[..., list(LIMB_JOINTS), :, :],
    )
    settings = replace(SETTINGS, completion_weights=replace(SETTINGS.completion_weights, **weights))
    network, body = tiny.completion_network(), tiny.body_model().body
    return prepare(batch, said, network, settings, body, np.random.default_rng(0)), said


def test_a_guess_that_was_shaken_is_told_to_be_as_wrong_as_it_is() -> None:
    drawn, said = lesson(shaken_guess=1.0, true_anchor=0.0, shaken_anchor=0.0)
    angle = geodesic_angle(drawn.told.first_guess, said.first_guess)  # (B, T, 18)
    for limb in range(5):
        joints = np.array(LIMB_OF_LIMB_JOINT) == limb
        wrong = angle[..., joints].square().mean() / 3.0
        doubt = drawn.told.anchor_log_variance[..., 2 + limb].exp().mean()
        assert 0.5 < float(wrong / doubt) < 1.5
    torso = drawn.told.anchor_log_variance[..., [0, 1, 7]]
    assert torch.equal(torso, torch.full_like(torso, _SURE))


def test_a_true_torso_is_told_with_less_doubt_than_a_shaken_one() -> None:
    exact, _ = lesson(shaken_guess=0.0, true_anchor=1.0, shaken_anchor=0.0)
    shaken, _ = lesson(shaken_guess=0.0, true_anchor=0.0, shaken_anchor=1.0)
    told = [each.told.anchor_log_variance[..., 0].mean() for each in (exact, shaken)]
    assert float(told[0]) < _SURE < float(told[1])
    untouched = shaken.told.anchor_log_variance[..., 2:7]
    assert torch.allclose(untouched, torch.full_like(untouched, _SURE), atol=1e-4)
