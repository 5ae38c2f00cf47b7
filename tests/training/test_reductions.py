"""Trainings with one thing taken away, and the one-stage flow."""

import numpy as np
import pytest
import torch

from tests.training import tiny
from training.configuration import load_settings
from training.data.windows import plain_batch, whole_clips
from training.export import example_inputs, input_names
from training.networks.blocks import ObservationTensors
from training.networks.completion import CompletionConditions
from training.networks.one_stage_flow import BETAS, FLOW_SIZE, TRANSLATION, OneStageFlow
from training.networks.rotations_alone import RotationsAlone
from training.reductions import REDUCTIONS, checkpoint_name, reduced
from training.train_anchor import predicted_joints
from training.train_flow import flow_loss, flow_statistics, whole_truth

SETTINGS = load_settings("first")
POSITIONS = slice(108, 162)


def flow(seed: int = 0) -> OneStageFlow:
    torch.manual_seed(seed)
    return OneStageFlow(tiny.SETTINGS, *flow_statistics(tiny.store()))


def test_each_reduction_takes_away_what_its_name_says_and_nothing_else() -> None:
    assert reduced(SETTINGS, None) is SETTINGS
    whole, weights = SETTINGS.completion_weights, {}
    for without in REDUCTIONS:
        less = reduced(SETTINGS, without)
        weights[without] = {
            name
            for name, value in vars(less.completion_weights).items()
            if value != getattr(whole, name)
        }
        changed = {
            name
            for name, value in vars(less.anchor_augmentation).items()
            if value != getattr(SETTINGS.anchor_augmentation, name)
        }
        assert changed == {"bank": {"perturbed", "simulated"}, "feature": {"feature"}}.get(
            without, set()
        )
    assert weights["composite"] == {"flow_positions", "consistency", "bone_lengths"}
    assert {"joints", "projection", "consistency"} <= weights["geometry"]
    assert not weights["geometry"] & {"flow_rotations", "flow_positions", "flow_world", "contacts"}
    assert weights["bank"] == weights["feature"] == set()


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="'luck' is none of"):
        reduced(SETTINGS, "luck")


def test_each_training_has_its_own_file() -> None:
    assert checkpoint_name("anchor") == "anchor.pt"
    assert checkpoint_name("completion", "bank") == "completion_without_bank.pt"


def test_without_the_composite_target_positions_are_neither_seen_nor_said() -> None:
    torch.manual_seed(0)
    network = RotationsAlone(
        tiny.SETTINGS, tiny.body_model().body, np.zeros(168), np.full(168, 0.5)
    ).eval()
    torch.nn.init.normal_(network.clean.weight, std=0.5)
    inputs = example_inputs(input_names(network), 2, 3, seed=0)
    inputs["known"][:] = 0.0
    other = dict(inputs)
    other["latent"] = inputs["latent"].copy()
    other["latent"][..., POSITIONS] += 1.0
    answers = []
    for given in (inputs, other):
        tensors = {name: torch.from_numpy(value) for name, value in given.items()}
        observed = {name: tensors[name] for name in ObservationTensors.__dataclass_fields__}
        told = {name: tensors[name] for name in CompletionConditions.__dataclass_fields__}
        with torch.no_grad():
            answers.append(
                network(ObservationTensors(**observed), CompletionConditions(**told)).clean.numpy()
            )
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not answers[0][..., POSITIONS].any()
    assert answers[0][..., :108].any()


def test_the_one_stage_flow_reads_the_truth_back() -> None:
    batch = plain_batch(tiny.store(), whole_clips(tiny.store(), 8))
    network = flow()
    truth = whole_truth(batch.truth)
    assert truth.shape[-1] == FLOW_SIZE
    said = network.read((truth - network.latent_mean) / network.latent_std)
    torch.testing.assert_close(said.betas, batch.truth.betas, atol=1e-4, rtol=0)
    torch.testing.assert_close(said.translation, truth[..., TRANSLATION], atol=1e-4, rtol=0)
    joints = predicted_joints(said, tiny.body_model().body)
    torch.testing.assert_close(joints, batch.truth.joints, atol=1e-3, rtol=0)  # float32, 6D
    assert BETAS.stop == FLOW_SIZE


def test_the_one_stage_flow_learns_and_its_samples_follow_the_noise() -> None:
    network = flow()
    batch = plain_batch(tiny.store(), whole_clips(tiny.store(), 8))
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for step in range(25):
        loss, terms = flow_loss(
            network,
            batch,
            tiny.body_model(),
            SETTINGS.completion_weights,
            np.random.default_rng(step % 5),
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert terms["flow_anchor"] > 0.0
    noise = torch.randn(3, 4, 8, FLOW_SIZE, generator=torch.Generator().manual_seed(0))
    network.eval()
    with torch.no_grad():
        one, other, again = (network.sample(batch.observed, noise[index], 3) for index in (0, 1, 0))
    torch.testing.assert_close(one, again)
    assert (one - other).abs().max() > 1e-3
