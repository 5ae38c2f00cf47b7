"""Trains stage 2 on stage 1's own predictions.

python -m training.train_completion --state DIR [--motion DIR] [--minutes M]
    [--without composite|geometry|bank|feature]
"""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.latent import LATENT_SIZE, POSITIONS, limb_coordinates
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import (
    LIMB_JOINTS,
    LIMB_NAMES,
    LIMB_OF_LIMB_JOINT,
    TORSO_JOINTS,
)

from .configuration import CompletionWeights, TrainingSettings, load_settings
from .data.windows import (
    Batch,
    FrameStore,
    Truth,
    plain_batch,
    whole_clips,
)
from .loop import (
    Limits,
    Task,
    Terms,
    Workplace,
    argument_parser,
    load_averaged,
    open_workplace,
    train,
)
from .losses import CompletionTarget, completion_losses, total
from .networks import rotations as torch_rotations
from .networks.anchor import AnchorNetwork, AnchorPrediction
from .networks.blocks import ObservationTensors
from .networks.body_layer import BodyLayer
from .networks.completion import CompletionConditions, CompletionNetwork
from .networks.rotations_alone import RotationsAlone
from .reductions import OF_BOTH_STAGES, REDUCTIONS, checkpoint_name, reduced
from .sampling import sampled_joints
from .team import join_team
from .train_anchor import (
    Drawn,
    main_joint_errors,
    measure_features,
)

VALIDATION_STEPS = 4
VALIDATION_SAMPLES = 8
_LIMBS = list(LIMB_JOINTS)
_TORSO = list(TORSO_JOINTS)
_LIMB_COORDINATES = np.stack([limb_coordinates(limb) for limb in LIMB_NAMES])  # (5, 168)
LEAST_DEVIATION = 0.05  # of a latent coordinate: joints that hardly move stay quiet; a guess
_SHAKE = 0.08  # radians, deviation of a shaken torso about each axis; a guess
_NO_DOUBT = -9.0  # log variance of what is told exactly
_TORSO_DOUBTS, _LIMB_DOUBTS = [0, 1, 7], slice(2, 7)  # of `VARIANCE_GROUPS`
_GUESS_SHAKE = 0.7  # of the deviation of limbs' rotations, at most


def latent_truth(truth: Truth, scale: Tensor) -> Tensor:
    """(B, T, 168), not normalised; positions times `scale` (B,)."""
    limbs = torch_rotations.sixd_from_matrix(truth.rotations[..., _LIMBS, :, :])
    positions = truth.joints[..., _LIMBS, :] * scale[:, None, None, None]
    return torch.cat(
        (
            limbs.flatten(-2),
            positions.flatten(-2),
            truth.gravity,
            truth.velocity * scale[:, None, None],
        ),
        dim=-1,
    )


def latent_statistics(store: FrameStore) -> tuple[Floats, Floats]:
    """Mean and deviation (168,) of each coordinate over all frames."""
    windows = np.arange(len(store.seconds))[:, None]
    batch = plain_batch(store, windows)
    latent = latent_truth(batch.truth, torch.ones(len(windows)))[:, 0].numpy()
    known = store.velocity_known
    mean, deviation = latent.mean(axis=0), latent.std(axis=0)
    if known.any():
        mean[165:], deviation[165:] = latent[known, 165:].mean(0), latent[known, 165:].std(0)
    return mean, np.maximum(deviation, LEAST_DEVIATION)


@dataclass(frozen=True, eq=False)
class Lesson:
    """One batch of stage 2."""

    observed: ObservationTensors
    told: CompletionConditions
    target: CompletionTarget
    truth: Truth
    picture: Tensor  # (B,) 0 where the whole observation is withheld


def prepare(
    batch: Batch,
    predicted: AnchorPrediction,
    network: CompletionNetwork,
    settings: TrainingSettings,
    body: BodyLayer,
    rng: np.random.Generator,
) -> Lesson:
    """Noise, mask and conditions around stage 1's prediction or the truth; one device for all."""
    weights, augmentation = settings.completion_weights, settings.completion_augmentation
    windows, frames = batch.observed.seconds.shape
    device = batch.observed.seconds.device
    said = _anchored(predicted, batch.truth, weights, rng)
    scale = body.stature(said.betas) / body.stature(batch.truth.betas)
    clean = (latent_truth(batch.truth, scale) - network.latent_mean) / network.latent_std
    known = _float(_known(windows, frames, weights, rng), device)
    time = _float(np.where(rng.random(windows) < 0.1, 0.0, rng.random(windows)), device)
    noise = _float(rng.normal(size=(windows, frames, LATENT_SIZE)), device)
    mixed = (1.0 - time[:, None, None]) * noise + time[:, None, None] * clean
    picture = _float(rng.random(windows) >= augmentation.observation, device)
    guess = picture * _float(rng.random(windows) >= augmentation.guess, device)
    given = batch.observed.given.clone()
    given[..., 0] *= picture[:, None]
    said = _misguessed(said, network.latent_std, weights, rng)
    told = CompletionConditions(
        anchor_rotations=said.rotations,
        anchor_translation=said.translation,
        anchor_betas=said.betas,
        anchor_log_variance=said.log_variance,
        first_guess=said.first_guess,
        guess_given=guess[:, None].expand(-1, frames),
        latent=torch.where(known > 0.5, clean, mixed),
        known=known,
        time=time,
    )
    clean_known = torch.ones_like(clean)
    clean_known[..., 165:] = batch.truth.velocity_known[..., None]
    target = CompletionTarget(
        clean=clean,
        joints=batch.truth.joints * scale[:, None, None, None],
        clean_known=clean_known,
    )
    observed = replace(batch.observed, given=given)
    return Lesson(observed, told, target, batch.truth, picture)


def _anchored(
    predicted: AnchorPrediction, truth: Truth, weights: CompletionWeights, rng: np.random.Generator
) -> AnchorPrediction:
    """Stage 1's torso, place and shape for most windows, else the truth's, exact or shaken."""
    windows, frames = truth.translation.shape[:2]
    draw = rng.random(windows)
    true = draw < weights.true_anchor + weights.shaken_anchor
    shaken = true & (draw >= weights.true_anchor)
    turns = rng.normal(0, _SHAKE, (windows, 1, 6, 3)) + rng.normal(
        0, 0.3 * _SHAKE, (windows, frames, 6, 3)
    )
    turns = matrix_from_axis_angle(turns * shaken[:, None, None, None])
    device = truth.rotations.device
    exact = truth.rotations[..., _TORSO, :, :] @ _float(turns, device)
    chosen = torch.from_numpy(true).to(device)
    doubt = predicted.log_variance.clone()
    sure = _float(np.where(shaken, 2.0 * np.log(_SHAKE), _NO_DOUBT), device)
    doubt[..., _TORSO_DOUBTS] = sure[:, None, None]
    return replace(
        predicted,
        rotations=torch.where(chosen[:, None, None, None, None], exact, predicted.rotations),
        translation=torch.where(chosen[:, None, None], truth.translation, predicted.translation),
        betas=torch.where(chosen[:, None], truth.betas, predicted.betas),
        log_variance=torch.where(chosen[:, None, None], doubt, predicted.log_variance),
    )


def _misguessed(
    predicted: AnchorPrediction,
    latent_std: Tensor,
    weights: CompletionWeights,
    rng: np.random.Generator,
) -> AnchorPrediction:
    """The first guess in some windows wrong by a different amount a limb, and as much less sure.

    Stage 1 knows the clips that it was trained on too well; told only such guesses, stage 2 would
    believe them, and neither look at the picture nor doubt a hidden limb.
    """
    guess = predicted.first_guess
    windows, frames = guess.shape[:2]
    sizes = rng.uniform(0, _GUESS_SHAKE, (windows, len(LIMB_NAMES)))
    sizes *= rng.random((windows, 1)) < weights.shaken_guess
    noise = rng.normal(0, 0.9, (windows, 1, 108)) + rng.normal(0, 0.4, (windows, frames, 108))
    limb_of = np.array(LIMB_OF_LIMB_JOINT)
    each = np.repeat(sizes[:, limb_of], 6, axis=1)  # (B, 108)
    shake = _float(each[:, None] * noise, guess.device) * latent_std[:108]
    sixd = torch_rotations.sixd_from_matrix(guess).flatten(-2) + shake
    # About each axis a rotation turns by about what each of its coordinates is off.
    deviation = latent_std[:108].unflatten(-1, (18, 6)).square().mean(dim=-1)
    joints = [np.flatnonzero(limb_of == limb).tolist() for limb in range(len(LIMB_NAMES))]
    of_limb = torch.stack([deviation[some].mean() for some in joints])
    added = _float(sizes**2, guess.device)[:, None] * of_limb  # (B, 1, 5)
    doubt = predicted.log_variance.clone()
    doubt[..., _LIMB_DOUBTS] = (doubt[..., _LIMB_DOUBTS].exp() + added).log()
    return replace(
        predicted,
        first_guess=torch_rotations.matrix_from_sixd(sixd.unflatten(-1, (18, 6))),
        log_variance=doubt,
    )


def _known(
    windows: int, frames: int, weights: CompletionWeights, rng: np.random.Generator
) -> Bools:
    """(B, T, 168): whole limbs, spans of frames, and the positions of single joints."""
    known = np.zeros((windows, frames, LATENT_SIZE), dtype=bool)
    for window in np.flatnonzero(rng.random(windows) < weights.known_limbs):
        limbs = rng.random(len(LIMB_NAMES)) < rng.uniform(0.2, 0.9)
        known[window] |= _LIMB_COORDINATES[limbs].any(axis=0)
    if frames > 2:
        for window in np.flatnonzero(rng.random(windows) < weights.known_spans):
            first = int(rng.integers(0, frames))
            last = int(rng.integers(first + 1, frames + 1))
            inside = np.zeros(frames, dtype=bool)
            inside[first:last] = True
            known[window, inside if rng.random() < 0.5 else ~inside] = True
    for window in np.flatnonzero(rng.random(windows) < weights.known_pins):
        pinned = rng.integers(len(LIMB_JOINTS), size=rng.integers(1, 4))
        first = int(rng.integers(0, frames))
        last = int(rng.integers(first + 1, frames + 1))
        for joint in pinned:
            start = POSITIONS.start + 3 * int(joint)
            known[window, first:last, start : start + 3] = True
    return known


def validate(
    network: nn.Module, stage1: AnchorNetwork, store: FrameStore | None, body: BodyLayer
) -> Terms:
    """Errors of the mean of samples and of one sample on held-out windows and single pictures."""
    if store is None:
        return {}
    assert isinstance(network, CompletionNetwork)
    network.eval()
    windows = whole_clips(store, int(store.lengths.max()))[:40]
    figures: Terms = {}
    for name, chosen in (("", windows), ("single_", windows[:, ::4].reshape(-1, 1))):
        batch = plain_batch(store, chosen)
        with torch.no_grad():
            predicted = stage1(batch.observed)
            joints = sampled_joints(
                network,
                batch.observed,
                predicted,
                body,
                VALIDATION_SAMPLES,
                VALIDATION_STEPS,
                seed=0,
            ).numpy()
        seen = batch.truth.found.numpy() > 0.5
        truth = batch.truth.joints.numpy()[seen]
        mean = main_joint_errors(joints[-1][seen], truth)
        one = main_joint_errors(joints[0][seen], truth)
        figures[f"{name}mean_mpjpe"] = mean["mpjpe"]
        figures[f"{name}mean_pa"] = mean["pa_mpjpe"]
        figures[f"{name}one_pa"] = one["pa_mpjpe"]
    return figures


def build_task(
    place: Workplace, network: CompletionNetwork, stage1: AnchorNetwork, checkpoint: Path
) -> Task:
    """Stage 2's loss on drawn windows.

    Stage 1 is read anew with the shards: both stages may be trained side by side.
    """
    drawn = Drawn(place)

    def refresh(rng: np.random.Generator) -> None:
        drawn.refresh(rng)
        load_averaged(stage1, checkpoint)

    settings = place.settings
    frames = settings.completion_optimisation.batch_frames
    model = place.model.on(place.device)
    stage1.to(place.device)

    def loss(rng: np.random.Generator) -> tuple[Tensor, Terms]:
        batch = drawn.batch(settings.completion_augmentation, frames, rng)
        with torch.no_grad():
            anchor = stage1(batch.observed)
        lesson = prepare(batch, anchor, network, settings, model.body, rng)
        network.train()
        predicted = network(lesson.observed, lesson.told)
        terms = completion_losses(
            predicted,
            lesson.told,
            lesson.target,
            lesson.truth,
            model,
            network.latent_mean,
            network.latent_std,
            batch.observed.seconds,
            lesson.picture,
        )
        return total(terms, settings.completion_weights)

    return Task(
        network=network,
        loss=loss,
        validate=lambda averaged: validate(
            averaged, copy.deepcopy(stage1).cpu(), drawn.stores.held_out, place.model.body
        ),
        refresh=refresh,
    )


def _float(values: Floats | Bools, device: torch.device) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(device)


def main() -> None:
    """The command line."""
    parser = argument_parser("Train stage 2 on stage 1's predictions.")
    parser.add_argument("--without", choices=REDUCTIONS, help="take one thing away")
    arguments = parser.parse_args()
    without: str | None = arguments.without
    torch.set_num_threads(arguments.threads)
    team = join_team()
    count = load_settings(arguments.settings).completion_augmentation.perturbations
    place = open_workplace(arguments.state, arguments.settings, arguments.motion, count)
    place = replace(place, settings=reduced(place.settings, without), device=team.device)
    torch.manual_seed(arguments.seed)
    stage1 = AnchorNetwork(place.settings.anchor_network)
    of_both = without if without in OF_BOTH_STAGES else None
    checkpoint = arguments.state / checkpoint_name("anchor", of_both)
    load_averaged(stage1, checkpoint)
    for parameter in stage1.parameters():
        parameter.requires_grad_(False)
    place.sources.train.refresh(np.random.default_rng(arguments.seed))
    store = place.sources.train.store()
    mean, deviation = latent_statistics(store)
    kind = RotationsAlone if without == "composite" else CompletionNetwork
    body = BodyLayer.of(place.body)  # its own: it goes where the network goes
    network = kind(place.settings.completion_network, body, mean, deviation)
    measure_features(network.encoder, store)
    optimisation = place.settings.completion_optimisation
    limits = Limits(arguments.steps or optimisation.steps, arguments.minutes)
    task = build_task(place, network, stage1, checkpoint)
    name = checkpoint_name("completion", without)
    checkpoint = arguments.state / name
    train(task, optimisation, limits, checkpoint, arguments.seed, arguments.warm, team)


if __name__ == "__main__":
    main()
