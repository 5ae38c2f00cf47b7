"""Trains stage 1, or its peer: the same network as a regression of all joints.

python -m training.train_anchor --state DIR [--motion DIR] [--minutes M]
    [--peer regression] [--without bank|feature]
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import JOINT_INDEX, MAIN_JOINTS, MAIN_LANDMARKS

from .configuration import AnchorWeights, AugmentationSettings, load_settings
from .data.sources import Stores
from .data.windows import (
    Batch,
    FrameStore,
    draw_windows,
    plain_batch,
    training_batch,
    whole_clips,
)
from .loop import Limits, Task, Terms, Workplace, argument_parser, open_workplace, train
from .losses import anchor_losses, total
from .metrics import hip_centred, mpjpe, pa_mpjpe
from .networks.anchor import AnchorNetwork, AnchorPrediction
from .networks.blocks import ObservationEncoder
from .networks.body_layer import BodyLayer, forward_kinematics
from .networks.completion import assemble
from .reductions import OF_BOTH_STAGES, checkpoint_name, reduced
from .team import join_team, moved

_MAIN = list(MAIN_JOINTS)
_HIPS = (JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"])


def main_joint_errors(joints: Floats, true_joints: Floats) -> Terms:
    """Millimetres over the 12 main joints of (..., 24, 3), hips' middle in common."""
    here = hip_centred(joints, *_HIPS)[..., _MAIN, :]
    there = hip_centred(true_joints, *_HIPS)[..., _MAIN, :]
    return {
        "mpjpe": 1000 * float(mpjpe(here, there).mean()),
        "pa_mpjpe": 1000 * float(pa_mpjpe(here, there).mean()),
    }


def landmark_network_errors(keypoints_world: Floats, true_joints: Floats) -> Terms:
    """The same of the landmark network's own 3D (..., 33, 3)."""
    here = keypoints_world[..., list(MAIN_LANDMARKS), :]
    here = hip_centred(here, 0, 1)
    there = hip_centred(true_joints, *_HIPS)[..., _MAIN, :]
    return {
        "mpjpe": 1000 * float(mpjpe(here, there).mean()),
        "pa_mpjpe": 1000 * float(pa_mpjpe(here, there).mean()),
    }


def predicted_joints(predicted: AnchorPrediction, body: BodyLayer) -> Tensor:
    """(B, T, 24, 3) metres relative to the pelvis, person camera, the first guess as limbs."""
    rotations = assemble(predicted.rotations, predicted.first_guess)
    return forward_kinematics(rotations, body.rest_joints(predicted.betas)[:, None])[1]


def measure_features(encoder: ObservationEncoder, store: FrameStore) -> None:
    """Fix the normalisation of the image feature by the first pairs."""
    feature = store.image_feature.astype(np.float32)
    feature = feature[np.isfinite(feature).all(axis=1)]
    if len(feature):
        encoder.feature_mean.copy_(torch.from_numpy(feature.mean(axis=0)))
        encoder.feature_std.copy_(torch.from_numpy(feature.std(axis=0) + 1e-2))


def validate(network: nn.Module, store: FrameStore | None, body: BodyLayer, length: int) -> Terms:
    """Errors on the held-out clips: windows, and their frames as single pictures."""
    if store is None or store.lengths.max() < 2:
        return {}
    windows = whole_clips(store, min(length, int(store.lengths.max())))
    figures: Terms = {}
    network.eval()
    for name, chosen in (("", windows), ("single_", windows.reshape(-1, 1))):
        batch = plain_batch(store, chosen)
        with torch.no_grad():
            joints = predicted_joints(network(batch.observed), body).numpy()
        seen = batch.truth.found.numpy() > 0.5
        truth = batch.truth.joints.numpy()[seen]
        for key, value in main_joint_errors(joints[seen], truth).items():
            figures[name + key] = value
        own = batch.truth.keypoints_world.numpy()[seen]
        figures["landmark_network_pa"] = landmark_network_errors(own, truth)["pa_mpjpe"]
    return figures


def build_task(place: Workplace, network: AnchorNetwork, weights: AnchorWeights) -> Task:
    """Stage 1's loss on drawn windows."""
    drawn = Drawn(place)
    augmentation = place.settings.anchor_augmentation
    frames = place.settings.anchor_optimisation.batch_frames
    model = place.model.on(place.device)

    def loss(rng: np.random.Generator) -> tuple[Tensor, Terms]:
        batch = drawn.batch(augmentation, frames, rng)
        network.train()
        predicted = network(batch.observed)
        terms = anchor_losses(predicted, batch.truth, model, batch.observed.seconds)
        return total(terms, weights)

    return Task(
        network=network,
        loss=loss,
        validate=lambda averaged: validate(
            averaged, drawn.stores.held_out, place.model.body, augmentation.longest
        ),
        refresh=drawn.refresh,
    )


class Drawn:
    """Batches out of a workplace's sources as they are now."""

    def __init__(self, place: Workplace) -> None:
        self._sources = place.sources
        self._device = place.device
        self.stores: Stores = place.sources.refresh(np.random.default_rng(0))

    def refresh(self, rng: np.random.Generator) -> None:
        """Look for new shards and renew what is made of them."""
        self.stores = self._sources.refresh(rng)

    def batch(
        self, augmentation: AugmentationSettings, frames: int, rng: np.random.Generator
    ) -> Batch:
        """About `frames` frames from one of the sources, shaken and partly withheld."""
        store = self.stores.choose(augmentation.perturbed, augmentation.simulated, rng)
        windows = draw_windows(store, augmentation, frames, rng)
        return moved(training_batch(store, windows, augmentation, rng), self._device)


def main() -> None:
    """The command line."""
    parser = argument_parser("Train stage 1, or the one-stage regression that it is held against.")
    parser.add_argument("--peer", choices=("regression",), help="train the peer instead")
    parser.add_argument("--without", choices=OF_BOTH_STAGES, help="take one thing away")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    team = join_team()
    count = load_settings(arguments.settings).anchor_augmentation.perturbations
    place = open_workplace(arguments.state, arguments.settings, arguments.motion, count)
    settings = reduced(place.settings, arguments.without)
    place = replace(place, settings=settings, device=team.device)
    torch.manual_seed(arguments.seed)
    network = AnchorNetwork(place.settings.anchor_network)
    peer = arguments.peer == "regression"
    weights = place.settings.regression_weights if peer else place.settings.anchor_weights
    optimisation = place.settings.anchor_optimisation
    limits = Limits(arguments.steps or optimisation.steps, arguments.minutes)
    name = checkpoint_name(arguments.peer or "anchor", arguments.without)
    task = build_task(place, network, weights)
    measure_features(network.encoder, place.sources.train.store())
    checkpoint = arguments.state / name
    train(task, optimisation, limits, checkpoint, arguments.seed, arguments.warm, team)


if __name__ == "__main__":
    main()
