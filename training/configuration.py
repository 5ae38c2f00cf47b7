"""Reads `training/settings/*.toml` into dataclasses; an unknown or missing key is an error."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .networks.blocks import NetworkSettings

SETTINGS_FOLDER = Path(__file__).parent / "settings"


@dataclass(frozen=True)
class OptimisationSettings:
    """How long and how fast."""

    steps: int
    batch_frames: int  # windows x frames of a batch
    learning_rate: float
    warmup: int  # steps
    weight_decay: float
    gradient_norm: float
    ema: float  # decay of the averaged weights
    log_every: int
    validate_every: int
    save_every: int
    rescan_every: int  # steps between looks for new shards


@dataclass(frozen=True)
class AugmentationSettings:
    """What is withheld and shaken; shares are probabilities."""

    single_frames: float  # batches of single pictures
    longest: int  # frames of a window
    landmark: float  # each landmark alone
    limb_clips: float  # windows in which whole limbs vanish, over 1 to 30 frames, 1 to 3 times
    depth: float
    world: float
    feature: float
    motion: float
    frame: float  # single frames of a window
    observation: float  # everything of the picture, over the window (stage 2: for guidance)
    guess: float  # stage 2: first guess alone
    region: float  # deviation of centre and log side; of roll in radians
    noise: float  # deviation of additional 2D noise, region half sizes
    perturbed: float  # batches of the bank's perturbed pairs
    perturbations: int  # on top of each other, at most
    simulated: float  # batches of the bank's simulations; the rest is as it was rendered


@dataclass(frozen=True)
class AnchorWeights:
    """Weights of stage 1's losses."""

    torso: float
    limbs: float
    joints: float
    landmarks: float
    bones: float
    projection: float
    translation: float
    betas: float
    velocity: float
    likelihood: float


@dataclass(frozen=True)
class CompletionWeights:
    """Weights of stage 2's losses, and how its masks and conditions are drawn."""

    flow_rotations: float
    flow_positions: float
    flow_world: float
    joints: float
    consistency: float
    bone_lengths: float
    projection: float
    velocity: float
    contacts: float
    sliding: float
    known_limbs: float  # probability that whole limbs of a window are known
    known_spans: float  # that some frames are known
    known_pins: float  # that some joint positions are known
    true_anchor: float  # that truth stands in for stage 1's prediction
    shaken_anchor: float  # that the truth's torso is shaken instead
    shaken_guess: float  # that the first guess's limbs are shaken


@dataclass(frozen=True)
class TrainingSettings:
    """One file of `settings/`."""

    name: str
    anchor_network: NetworkSettings
    completion_network: NetworkSettings
    anchor_optimisation: OptimisationSettings
    completion_optimisation: OptimisationSettings
    anchor_augmentation: AugmentationSettings
    completion_augmentation: AugmentationSettings
    anchor_weights: AnchorWeights
    regression_weights: AnchorWeights  # of the one-stage peer
    completion_weights: CompletionWeights


def load_settings(name_or_path: str) -> TrainingSettings:
    """Read a settings file by its name in `settings/` or by its path."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = SETTINGS_FOLDER / f"{name_or_path}.toml"
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return TrainingSettings(
        name=path.stem,
        anchor_network=NetworkSettings(**document["anchor"]["network"]),
        completion_network=NetworkSettings(**document["completion"]["network"]),
        anchor_optimisation=OptimisationSettings(**document["anchor"]["optimisation"]),
        completion_optimisation=OptimisationSettings(**document["completion"]["optimisation"]),
        anchor_augmentation=AugmentationSettings(**document["anchor"]["augmentation"]),
        completion_augmentation=AugmentationSettings(**document["completion"]["augmentation"]),
        anchor_weights=AnchorWeights(**document["anchor"]["weights"]),
        regression_weights=AnchorWeights(**document["regression"]["weights"]),
        completion_weights=CompletionWeights(**document["completion"]["weights"]),
    )
