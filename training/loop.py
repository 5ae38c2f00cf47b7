"""The training loop that all networks share: warm-up, cosine, averaged weights, resumption."""

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration

from .configuration import OptimisationSettings, TrainingSettings, load_settings
from .data.calibration import FILE_NAME, fit_calibration, load_calibration
from .data.perturbation import perturb
from .data.sample import PairClip, load_shards
from .data.sources import PairSource, SimulatedSource, Sources
from .losses import BodyModel
from .networks.body_layer import BodyLayer
from .shipped import load_shipped
from .team import PROCESSOR, Team

Terms = dict[str, float]
ALONE = Team()


@dataclass(frozen=True)
class Limits:
    """When to stop; whichever comes first. The cosine ends there too."""

    steps: int
    minutes: float | None


@dataclass(frozen=True, eq=False)
class Task:
    """What a training script hands to the loop.

    Args:
        network: Trained in place.
        loss: Draws a batch and returns the loss and its weighed terms.
        validate: Figures of a network (the averaged one) on held-out pairs.
        refresh: Looks for new shards.
    """

    network: nn.Module
    loss: Callable[[np.random.Generator], tuple[Tensor, Terms]]
    validate: Callable[[nn.Module], Terms]
    refresh: Callable[[np.random.Generator], None]


@dataclass
class _Progress:
    step: int = 0
    seconds: float = 0.0  # of training, over all runs

    def share(self, limits: Limits) -> float:
        """0 at the start, 1 at the end."""
        of_time = 0.0 if limits.minutes is None else self.seconds / 60.0 / limits.minutes
        return max(self.step / limits.steps, of_time)


def train(
    task: Task,
    settings: OptimisationSettings,
    limits: Limits,
    checkpoint: Path,
    seed: int,
    warm: Path | None = None,
    team: Team = ALONE,
) -> nn.Module:
    """Train until a limit is reached, going on from the checkpoint if there is one.

    Args:
        task: What is trained.
        settings: How.
        limits: When to stop.
        checkpoint: Of this run.
        seed: Of all chance.
        warm: Another run's checkpoint, or an exported network: where there is none of this run
            yet, it begins with that one's averaged weights.
        team: The processes that train together.

    Returns:
        The network with averaged weights.
    """
    if warm is not None and not checkpoint.exists():
        load = load_shipped if warm.suffix == ".onnx" else load_averaged
        load(task.network, warm)
        say(f"beginning with the weights of {warm.name}")
    network = task.network.to(team.device)
    team.share_weights(network)
    averaged = copy.deepcopy(network)
    optimiser = _optimiser(network, settings)
    progress = _Progress()
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=team.device)
        network.load_state_dict(saved["network"])
        averaged.load_state_dict(saved["averaged"])
        optimiser.load_state_dict(saved["optimiser"])
        progress = _Progress(saved["step"], saved["seconds"])
        say(f"going on from step {progress.step}")
    sums: dict[str, float] = {}
    last = time.monotonic()
    while (share := team.agreed(progress.share(limits))) < 1.0:
        rng = np.random.default_rng((seed, progress.step, *team.seed))
        if progress.step % settings.rescan_every == 0 or not sums:
            task.refresh(rng)
        torch.manual_seed(seed * 1_000_003 + progress.step + 7919 * team.rank)
        for group in optimiser.param_groups:
            group["lr"] = _rate(settings, progress.step, share)
        loss, terms = task.loss(rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        team.average_gradients(network)
        norm = nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_norm)
        if math.isfinite(float(norm)):
            optimiser.step()
        _average(averaged, network, min(settings.ema, (1 + progress.step) / (10 + progress.step)))
        progress.step += 1
        now = time.monotonic()
        progress.seconds, last = progress.seconds + now - last, now
        for name, value in (terms | {"loss": float(loss.detach()), "norm": float(norm)}).items():
            sums[name] = sums.get(name, 0.0) + value / settings.log_every
        logged = progress.step % settings.log_every == 0
        if logged and team.leads:
            say(_line(progress, sums))
        if logged:
            sums = dict.fromkeys(sums, 0.0)
        if progress.step % settings.validate_every == 0 and team.leads:
            _say_held_out(task, averaged)
        if progress.step % settings.save_every == 0 and team.leads:
            _save(checkpoint, network, averaged, optimiser, progress)
    if team.leads:
        _save(checkpoint, network, averaged, optimiser, progress)
        _say_held_out(task, averaged)
    return averaged


def _say_held_out(task: Task, averaged: nn.Module) -> None:
    """Measured on the processor, wherever the network is trained."""
    say("  held out: " + _terms(task.validate(copy.deepcopy(averaged).cpu())))


def load_averaged(network: nn.Module, checkpoint: Path) -> nn.Module:
    """Fill a network with a checkpoint's averaged weights."""
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network.load_state_dict(saved["averaged"])
    return network.eval()


def say(line: str) -> None:
    """One line of the log."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def argument_parser(description: str) -> argparse.ArgumentParser:
    """The options that all training scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--motion", type=Path, help="motion archives; without, no simulations")
    parser.add_argument("--settings", default="first", help="name in training/settings, or a path")
    parser.add_argument("--steps", type=int, help="stop after so many, instead of the settings'")
    parser.add_argument("--minutes", type=float, help="stop after so many minutes of training")
    parser.add_argument(
        "--warm",
        type=Path,
        help="checkpoint of another run, or models/anchor.onnx or completion.onnx, to begin with",
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    return parser


@dataclass(frozen=True, eq=False)
class Workplace:
    """What every training script needs."""

    settings: TrainingSettings
    body: Body
    calibration: LandmarkCalibration
    model: BodyModel  # on the processor; losses take a copy on `device`
    sources: Sources
    device: torch.device = PROCESSOR  # on which batches are handed out


def open_workplace(
    state: Path, settings: str, motion: Path | None = None, perturbations: int = 1
) -> Workplace:
    """Body, calibration and pairs; with `motion` also the bank's simulations.

    Rendered clips are perturbed once, or up to `perturbations` times on top of each other.
    Without a saved calibration the landmarks are measured on the pairs that are there.
    """
    body = load_body("neutral")
    pairs = state / "pairs"
    path = state / FILE_NAME
    if path.exists():
        calibration = load_calibration(path)
    else:
        calibration = fit_calibration(load_shards(pairs, "train"), body)
    return Workplace(
        settings=load_settings(settings),
        body=body,
        calibration=calibration,
        model=BodyModel.of(BodyLayer.of(body), calibration),
        sources=Sources(
            train=PairSource(
                pairs,
                "train",
                body,
                calibration,
                lambda clip, rng: _perturbed(clip, body, calibration, perturbations, rng),
            ),
            held_out=PairSource(pairs, "val", body, calibration),
            simulated=None if motion is None else SimulatedSource(motion, state, body, calibration),
        ),
    )


def _perturbed(
    clip: PairClip,
    body: Body,
    calibration: LandmarkCalibration,
    most: int,
    rng: np.random.Generator,
) -> PairClip:
    """One to `most` of the bank's perturbations on top of each other."""
    for _ in range(rng.integers(1, most + 1)):
        clip = perturb(clip, body, calibration, rng)
    return clip


def _optimiser(network: nn.Module, settings: OptimisationSettings) -> torch.optim.Optimizer:
    """AdamW; biases, norms and learned replacements do not decay."""
    decay = [p for p in network.parameters() if p.ndim >= 2]
    free = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": decay, "weight_decay": settings.weight_decay}]
    groups.append({"params": free, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)


def _rate(settings: OptimisationSettings, step: int, share: float) -> float:
    warm = min(1.0, (step + 1) / settings.warmup)
    return settings.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))


def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        old, new = list(averaged.parameters()), list(network.parameters())
        torch._foreach_lerp_(old, new, 1.0 - decay)
        for kept, current in zip(averaged.buffers(), network.buffers(), strict=True):
            kept.copy_(current)


def _save(
    path: Path,
    network: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: _Progress,
) -> None:
    """All of it or nothing."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "network": network.state_dict(),
            "averaged": averaged.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": progress.step,
            "seconds": progress.seconds,
        },
        unfinished,
    )
    unfinished.replace(path)


def _line(progress: _Progress, sums: Terms) -> str:
    return f"step {progress.step} ({progress.seconds / 60:.1f} min): {_terms(sums)}"


def _terms(terms: Terms) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
