"""Trains the one-stage flow that both stages are held against: all 24 joints out of noise.

python -m training.train_flow --state DIR [--motion DIR] [--minutes M]
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.latent import LATENT_SIZE
from fhmr_blender.core.skeleton import TORSO_JOINTS

from .configuration import CompletionWeights
from .data.windows import Batch, FrameStore, Truth, plain_batch, whole_clips
from .loop import (
    Limits,
    Task,
    Terms,
    Workplace,
    argument_parser,
    open_workplace,
    train,
)
from .losses import FARTHEST_RAY, BodyModel, CompletionTarget, completion_losses, total
from .networks import rotations as torch_rotations
from .networks.body_layer import BodyLayer
from .networks.completion import CompletionConditions, CompletionPrediction
from .networks.one_stage_flow import BETAS, FLOW_SIZE, TORSO, OneStageFlow
from .reductions import checkpoint_name
from .team import join_team
from .train_anchor import Drawn, main_joint_errors, measure_features, predicted_joints
from .train_completion import LEAST_DEVIATION, latent_statistics, latent_truth

_VALIDATION_STEPS = 4
_ANCHORED = slice(TORSO.start, BETAS.stop)  # what stage 1 says in the two-stage model


def whole_truth(truth: Truth) -> Tensor:
    """(B, T, 217), not normalised; a pelvis far beside the region counts as at its border."""
    windows, frames = truth.translation.shape[:2]
    torso = torch_rotations.sixd_from_matrix(truth.rotations[..., list(TORSO_JOINTS), :, :])
    place = truth.translation[..., :2].clamp(-FARTHEST_RAY, FARTHEST_RAY)
    return torch.cat(
        (
            latent_truth(truth, truth.translation.new_ones(windows)),
            torso.flatten(-2),
            place,
            truth.translation[..., 2:],
            truth.betas[:, None].expand(-1, frames, -1),
        ),
        dim=-1,
    )


def flow_statistics(store: FrameStore) -> tuple[Floats, Floats]:
    """Mean and deviation (217,) of each coordinate over all frames."""
    batch = plain_batch(store, np.arange(len(store.seconds))[:, None])
    anchored = whole_truth(batch.truth)[:, 0, _ANCHORED].numpy()
    mean, deviation = latent_statistics(store)
    least = np.maximum(anchored.std(axis=0), LEAST_DEVIATION)
    return np.concatenate((mean, anchored.mean(axis=0))), np.concatenate((deviation, least))


def flow_loss(
    network: OneStageFlow,
    batch: Batch,
    model: BodyModel,
    weights: CompletionWeights,
    rng: np.random.Generator,
) -> tuple[Tensor, Terms]:
    """Stage 2's losses around the torso that the flow itself says, and the torso's own."""
    truth, observed = batch.truth, batch.observed
    clean = (whole_truth(truth) - network.latent_mean) / network.latent_std
    windows, frames = observed.seconds.shape
    drawn = np.where(rng.random(windows) < 0.1, 0.0, rng.random(windows))
    time = torch.from_numpy(drawn).to(clean)
    noise = torch.from_numpy(rng.normal(size=clean.shape)).to(clean)
    mixed = (1.0 - time[:, None, None]) * noise + time[:, None, None] * clean
    predicted, contacts = network(observed, mixed, time)
    said = network.read(predicted)
    told = CompletionConditions(
        anchor_rotations=said.rotations,
        anchor_translation=said.translation,
        anchor_betas=said.betas,
        anchor_log_variance=said.log_variance,
        first_guess=said.first_guess,
        guess_given=clean.new_zeros(windows, frames),
        latent=mixed[..., :LATENT_SIZE],
        known=clean.new_zeros(windows, frames, LATENT_SIZE),
        time=time,
    )
    known = clean.new_ones(windows, frames, LATENT_SIZE)
    known[..., 165:] = truth.velocity_known[..., None]
    terms = completion_losses(
        CompletionPrediction(predicted[..., :LATENT_SIZE], contacts),
        told,
        CompletionTarget(clean[..., :LATENT_SIZE], truth.joints, known),
        truth,
        model,
        network.latent_mean[:LATENT_SIZE],
        network.latent_std[:LATENT_SIZE],
        observed.seconds,
        clean.new_ones(windows),
    )
    loss, figures = total(terms, weights)
    error = (predicted - clean)[..., _ANCHORED].square().mean(dim=(1, 2))
    anchored = weights.flow_rotations * (error / ((1.0 - time) ** 2 + 0.25)).mean()
    return loss + anchored, figures | {"flow_anchor": float(anchored.detach())}


def validate(network: nn.Module, store: FrameStore | None, body: BodyLayer) -> Terms:
    """Errors of one sample on held-out windows."""
    if store is None:
        return {}
    assert isinstance(network, OneStageFlow)
    network.eval()
    batch = plain_batch(store, whole_clips(store, int(store.lengths.max()))[:40])
    noise = torch.randn(
        *batch.observed.seconds.shape, FLOW_SIZE, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        clean = network.sample(batch.observed, noise, _VALIDATION_STEPS)
        joints = predicted_joints(network.read(clean), body).numpy()
    seen = batch.truth.found.numpy() > 0.5
    return main_joint_errors(joints[seen], batch.truth.joints.numpy()[seen])


def build_task(place: Workplace, network: OneStageFlow) -> Task:
    """The flow's loss on drawn windows."""
    drawn = Drawn(place)
    settings = place.settings
    model = place.model.on(place.device)

    def loss(rng: np.random.Generator) -> tuple[Tensor, Terms]:
        frames = settings.completion_optimisation.batch_frames
        batch = drawn.batch(settings.completion_augmentation, frames, rng)
        network.train()
        return flow_loss(network, batch, model, settings.completion_weights, rng)

    return Task(
        network=network,
        loss=loss,
        validate=lambda averaged: validate(averaged, drawn.stores.held_out, place.model.body),
        refresh=drawn.refresh,
    )


def main() -> None:
    """The command line."""
    arguments = argument_parser("Train the one-stage flow, a peer of both stages.").parse_args()
    torch.set_num_threads(arguments.threads)
    team = join_team()
    place = open_workplace(arguments.state, arguments.settings, arguments.motion)
    place = replace(place, device=team.device)
    torch.manual_seed(arguments.seed)
    place.sources.train.refresh(np.random.default_rng(arguments.seed))
    store = place.sources.train.store()
    network = OneStageFlow(place.settings.completion_network, *flow_statistics(store))
    measure_features(network.encoder, store)
    optimisation = place.settings.completion_optimisation
    limits = Limits(arguments.steps or optimisation.steps, arguments.minutes)
    checkpoint = arguments.state / checkpoint_name("flow")
    task = build_task(place, network)
    train(task, optimisation, limits, checkpoint, arguments.seed, arguments.warm, team)


if __name__ == "__main__":
    main()
