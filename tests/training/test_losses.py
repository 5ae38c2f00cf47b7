"""The losses: nothing for the truth, nothing for what is masked; small networks learn by them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fhmr_blender.core.latent import POSITIONS, ROTATIONS
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import LIMB_JOINTS, TORSO_JOINTS
from tests.training import tiny
from training import metrics
from training.configuration import TrainingSettings, load_settings
from training.data.windows import Batch, plain_batch, whole_clips
from training.loop import Limits, Task, train
from training.losses import (
    anchor_losses,
    completion_losses,
    total,
    velocity_loss,
)
from training.networks.anchor import AnchorPrediction
from training.networks.completion import CompletionNetwork, CompletionPrediction
from training.sampling import sample
from training.train_anchor import predicted_joints
from training.train_completion import Lesson, latent_statistics, prepare

SETTINGS = load_settings("first")


def batch(frames: int = 8) -> Batch:
    return plain_batch(tiny.store(), whole_clips(tiny.store(), frames))


def perfect(batch: Batch) -> AnchorPrediction:
    truth = batch.truth
    return AnchorPrediction(
        rotations=truth.rotations[..., list(TORSO_JOINTS), :, :],
        translation=truth.translation,
        betas=truth.betas,
        log_variance=torch.full((*truth.translation.shape[:2], 8), -10.0),
        first_guess=truth.rotations[..., list(LIMB_JOINTS), :, :],
    )


def weighed(**weights: float) -> TrainingSettings:
    return replace(SETTINGS, completion_weights=replace(SETTINGS.completion_weights, **weights))


def lesson(network: CompletionNetwork, **weights: float) -> Lesson:
    whole = batch()
    rng = np.random.default_rng(3)
    return prepare(whole, perfect(whole), network, weighed(**weights), tiny.body_model().body, rng)


def completion_terms(
    network: CompletionNetwork, lesson: Lesson, predicted: CompletionPrediction
) -> dict[str, torch.Tensor]:
    return completion_losses(
        predicted,
        lesson.told,
        lesson.target,
        lesson.truth,
        tiny.body_model(),
        network.latent_mean,
        network.latent_std,
        lesson.observed.seconds,
        lesson.picture,
    )


def normalised_network() -> CompletionNetwork:
    mean, deviation = latent_statistics(tiny.store())
    network = tiny.completion_network()
    network.latent_mean.copy_(torch.from_numpy(mean))
    network.latent_std.copy_(torch.from_numpy(deviation))
    return network


def test_the_truth_costs_stage_1_nothing() -> None:
    whole = batch()
    terms = anchor_losses(perfect(whole), whole.truth, tiny.body_model(), whole.observed.seconds)
    for name, value in terms.items():
        if name != "likelihood":
            assert float(value) == pytest.approx(0.0, abs=1e-3), name  # float32 through 24 joints


@pytest.mark.parametrize("part", ["rotations", "translation", "betas", "first_guess"])
def test_every_wrong_answer_costs_stage_1_something(part: str) -> None:
    whole = batch()
    right = perfect(whole)
    turn = torch.tensor(matrix_from_axis_angle(np.array([0.2, 0.1, -0.1])), dtype=torch.float32)
    value = getattr(right, part)
    wrong = replace(right, **{part: value @ turn if value.ndim > 3 else value + 0.2})

    def cost(prediction: AnchorPrediction) -> float:
        terms = anchor_losses(prediction, whole.truth, tiny.body_model(), whole.observed.seconds)
        return total(terms, SETTINGS.anchor_weights)[1]["projection"] + float(
            total(terms, SETTINGS.anchor_weights)[0]
        )

    assert cost(wrong) > cost(right) + 0.01


def test_hidden_landmarks_carry_no_projection_loss() -> None:
    whole = batch()
    right = perfect(whole)
    wrong = replace(right, translation=right.translation + 0.3)
    hidden = replace(whole.truth, visible=torch.zeros_like(whole.truth.visible))
    terms = anchor_losses(wrong, hidden, tiny.body_model(), whole.observed.seconds)
    assert float(terms["projection"]) == 0.0


def test_a_pelvis_far_outside_the_region_carries_no_translation_loss() -> None:
    whole = batch()
    outside = whole.truth.translation.clone()
    outside[0, :, 0] = 1000.0
    truth = replace(whole.truth, translation=outside)
    terms = anchor_losses(perfect(whole), truth, tiny.body_model(), whole.observed.seconds)
    assert float(terms["translation"]) == pytest.approx(0.0, abs=1e-6)


def test_the_likelihood_is_best_at_the_true_variance() -> None:
    whole = batch()
    right = perfect(whole)
    angle = 0.3
    turn = torch.tensor(matrix_from_axis_angle(np.array([angle, 0, 0])), dtype=torch.float32)
    wrong = replace(right, rotations=right.rotations @ turn, first_guess=right.first_guess @ turn)

    def cost(variance: float) -> float:
        log_variance = torch.full_like(right.log_variance, float(np.log(variance)))
        log_variance[..., 7] = 0.0
        terms = anchor_losses(
            replace(wrong, log_variance=log_variance),
            whole.truth,
            tiny.body_model(),
            whole.observed.seconds,
        )
        return float(terms["likelihood"])

    best = angle**2 / 3
    assert cost(best) < cost(best * 1.5)
    assert cost(best) < cost(best / 1.5)


def test_velocity_is_measured_in_the_world_per_thirtieth_of_a_second() -> None:
    true_joints = torch.zeros(1, 2, 24, 3)
    joints = true_joints.clone()
    joints[:, 1, :, 0] = 0.1
    camera = torch.eye(3).expand(1, 2, 3, 3)
    cost = velocity_loss(joints, true_joints, camera, torch.tensor([[0.0, 0.1]]))
    assert float(cost) == pytest.approx(0.1 / 3)
    single = velocity_loss(joints[:, :1], true_joints[:, :1], camera[:, :1], torch.zeros(1, 1))
    assert float(single) == 0.0


def test_the_truth_costs_stage_2_nothing() -> None:
    network = normalised_network()
    drawn = lesson(network, true_anchor=1.0, shaken_anchor=0.0)
    terms = completion_terms(
        network,
        drawn,
        CompletionPrediction(drawn.target.clean, 100.0 * (drawn.truth.contacts - 0.5)),
    )
    for name, value in terms.items():
        assert float(value) == pytest.approx(0.0, abs=2e-3), name  # float32 through 24 joints


def test_known_coordinates_carry_no_loss() -> None:
    network = normalised_network()
    drawn = lesson(network, known_limbs=1.0, known_spans=0.0, known_pins=0.0)
    assert drawn.told.known.mean() > 0.1
    raw = torch.zeros_like(drawn.told.latent, requires_grad=True)
    clean = torch.where(drawn.told.known > 0.5, drawn.told.latent, raw)
    terms = completion_terms(
        network, drawn, CompletionPrediction(clean, torch.zeros_like(drawn.truth.contacts))
    )
    total(terms, SETTINGS.completion_weights)[0].backward()
    assert raw.grad is not None
    assert (raw.grad[drawn.told.known > 0.5] == 0).all()
    assert (raw.grad[drawn.told.known < 0.5] != 0).float().mean() > 0.9


def test_known_coordinates_enter_clean_and_the_others_noisy() -> None:
    network = normalised_network()
    drawn = lesson(network, known_limbs=1.0, known_spans=1.0, known_pins=1.0)
    known = drawn.told.known > 0.5
    assert torch.equal(drawn.told.latent[known], drawn.target.clean[known])
    early = drawn.told.time < 0.9
    assert not torch.allclose(
        drawn.told.latent[early][~known[early]], drawn.target.clean[early][~known[early]], atol=0.1
    )


def test_an_anchor_that_is_too_tall_asks_for_longer_limbs() -> None:
    network = normalised_network()
    whole = batch()
    taller = replace(perfect(whole), betas=whole.truth.betas + torch.eye(10)[0])
    drawn = prepare(
        whole,
        taller,
        network,
        weighed(true_anchor=0.0, shaken_anchor=0.0),
        tiny.body_model().body,
        np.random.default_rng(0),
    )
    body = tiny.body_model().body
    scale = body.stature(taller.betas) / body.stature(whole.truth.betas)
    assert (scale > 1.02).all()
    latent = drawn.target.clean * network.latent_std + network.latent_mean
    true = whole.truth.joints[..., list(LIMB_JOINTS), :].flatten(-2)
    expected = true * scale[:, None, None]
    assert torch.allclose(latent[..., POSITIONS], expected, atol=1e-4)


def test_small_networks_overfit_a_batch() -> None:
    torch.manual_seed(0)
    whole = batch(4)
    stage1 = tiny.anchor_network().train()
    optimiser = torch.optim.Adam(stage1.parameters(), lr=3e-3)

    def error() -> float:
        with torch.no_grad():
            # In training mode: out of it the mirror images count, which it is not taught here.
            joints = predicted_joints(stage1(whole.observed), tiny.body_model().body)
        return float((joints - whole.truth.joints).norm(dim=-1).mean())

    before = error()
    for _ in range(80):
        terms = anchor_losses(
            stage1(whole.observed), whole.truth, tiny.body_model(), whole.observed.seconds
        )
        loss, _ = total(terms, SETTINGS.anchor_weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert before > 0.15
    assert error() < 0.35 * before


def test_a_small_flow_learns_one_pose_from_noise() -> None:
    torch.manual_seed(0)
    network = normalised_network().train()
    torch.nn.init.zeros_(network.clean.weight)
    whole = batch(2)
    told = replace(perfect(whole), first_guess=perfect(whole).first_guess.flip(2))  # of no use
    chosen = weighed(true_anchor=1.0, shaken_anchor=0.0, known_limbs=0.0, known_spans=0.0)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    noise = torch.randn(4, 2, 168)
    target = lesson(network, true_anchor=1.0, shaken_anchor=0.0).target.clean[:, :2]

    def error() -> float:
        network.eval()
        with torch.no_grad():
            clean = sample(network, whole.observed, told, steps=4, noise=noise)
        network.train()
        return float((clean - target)[..., ROTATIONS].square().mean())

    before = error()
    for step in range(200):
        drawn = prepare(
            whole, told, network, chosen, tiny.body_model().body, np.random.default_rng(step)
        )
        terms = completion_terms(network, drawn, network(drawn.observed, drawn.told))
        loss, _ = total(terms, chosen.completion_weights)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    assert error() < 0.2 * before


def test_training_resumes_to_the_same_bits(tmp_path: Path) -> None:
    settings = replace(
        SETTINGS.anchor_optimisation, warmup=2, log_every=2, validate_every=3, save_every=2
    )

    def task() -> Task:
        network = tiny.anchor_network()

        def loss(rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
            chosen = rng.choice(4, size=2, replace=False)
            drawn = plain_batch(tiny.store(), whole_clips(tiny.store(), 3)[chosen])
            terms = anchor_losses(
                network(drawn.observed), drawn.truth, tiny.body_model(), drawn.observed.seconds
            )
            return total(terms, SETTINGS.anchor_weights)

        return Task(network, loss, lambda _: {}, lambda _: None)

    # The same end of the cosine, once in one go, once stopped half way.
    whole = train(task(), settings, Limits(6, None), tmp_path / "whole.pt", seed=0)
    first = task()
    count = 0

    def interrupted(rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        nonlocal count
        count += 1
        if count > 4:
            raise KeyboardInterrupt
        return first.loss(rng)

    with pytest.raises(KeyboardInterrupt):
        train(replace(first, loss=interrupted), settings, Limits(6, None), tmp_path / "part.pt", 0)
    resumed = train(task(), settings, Limits(6, None), tmp_path / "part.pt", seed=0)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_alignment_takes_away_place_size_and_turn() -> None:
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(5, 12, 3))
    turn = matrix_from_axis_angle(rng.normal(size=(5, 3)))
    moved = 1.7 * joints @ np.swapaxes(turn, -1, -2) + rng.normal(size=(5, 1, 3))
    assert np.allclose(metrics.pa_mpjpe(moved, joints), 0.0, atol=1e-9)
    mirrored = joints * np.array([-1.0, 1.0, 1.0])
    assert metrics.pa_mpjpe(mirrored, joints).min() > 0.1
    assert metrics.mpjpe(joints + np.array([0.0, 3.0, 4.0]), joints) == pytest.approx(5.0)


def test_spread_and_calibration_say_how_far_samples_lie_apart() -> None:
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.01, 0.2, (200, 6))
    samples = rng.normal(size=(400, 200, 6, 3)) * scale[None, ..., None] / 3**0.5
    predicted = metrics.spread(samples)
    assert np.allclose(predicted, scale, rtol=0.15)  # 400 samples
    truth = rng.normal(size=(200, 6, 3)) * scale[..., None] / 3**0.5
    error = np.linalg.norm(truth - samples.mean(axis=0), axis=-1)
    assert metrics.calibration_slope(predicted, error) == pytest.approx(0.92, abs=0.06)
    curve = metrics.reliability(predicted, error, bins=4)
    assert np.allclose(curve[:, 0], curve[:, 1], rtol=0.25)  # 300 cases a bin


def test_smooth_motion_has_no_jitter() -> None:
    seconds = np.arange(10) / 30
    joints = np.zeros((10, 3, 3))
    joints[..., 0] = 0.5 * 9.81 * seconds[:, None] ** 2
    assert metrics.jitter(joints, seconds) == pytest.approx(0.0, abs=1e-6)
    assert metrics.acceleration_error(joints, 0 * joints, seconds) == pytest.approx(9.81)
    noisy = joints + np.random.default_rng(0).normal(0, 0.01, joints.shape)
    assert metrics.jitter(noisy, seconds) > 10
