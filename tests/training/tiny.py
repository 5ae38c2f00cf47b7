"""Small networks, a body and pair stores for the tests of training."""

from functools import cache

import numpy as np
import torch

from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from tests.training.synthetic_pairs import exact_clip
from training.configuration import AugmentationSettings
from training.data.calibration import template_calibration
from training.data.windows import FrameStore, store_clips
from training.losses import BodyModel
from training.networks.anchor import AnchorNetwork
from training.networks.blocks import NetworkSettings
from training.networks.body_layer import BodyLayer
from training.networks.completion import CompletionNetwork

SETTINGS = NetworkSettings(layers=2, width=32, heads=4, landmark_width=8, hidden=32, reach=16)


@cache
def body() -> Body:
    return load_body("neutral")


@cache
def calibration() -> LandmarkCalibration:
    return template_calibration(body())


@cache
def body_model() -> BodyModel:
    return BodyModel.of(BodyLayer.of(body()), calibration())


@cache
def store() -> FrameStore:
    """Four clips of 16 frames, seen exactly."""
    return store_clips(
        [exact_clip(seed, body(), calibration()) for seed in range(4)], body(), calibration()
    )


def anchor_network(seed: int = 0) -> AnchorNetwork:
    torch.manual_seed(seed)
    return AnchorNetwork(SETTINGS).eval()


def completion_network(seed: int = 0) -> CompletionNetwork:
    torch.manual_seed(seed)
    network = CompletionNetwork(SETTINGS, body_model().body, np.zeros(168), np.full(168, 0.5))
    torch.nn.init.normal_(network.clean.weight, std=0.5)  # so that conditions leave a trace
    return network.eval()


def augmentation(**shares: float) -> AugmentationSettings:
    """Nothing withheld or shaken, but for what is named."""
    nothing = dict.fromkeys(
        (
            "single_frames", "landmark", "limb_clips", "depth", "world", "feature", "motion",
            "frame", "observation", "guess", "region", "noise", "perturbed", "simulated",
        ),
        0.0,
    )  # fmt: skip
    return AugmentationSettings(**(nothing | {"longest": 16, "perturbations": 1} | shares))
