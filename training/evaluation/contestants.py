"""The networks that answer: the exported ones, peers, and those with one thing taken away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.pipeline.runtime import Network
from fhmr_blender.pipeline.weights import load_networks

from ..configuration import TrainingSettings, load_settings
from ..networks.anchor import AnchorNetwork
from ..networks.blocks import ObservationTensors
from ..networks.body_layer import BodyLayer
from ..networks.completion import CompletionConditions, CompletionNetwork
from ..networks.one_stage_flow import FLOW_SIZE, OneStageFlow
from ..networks.rotations_alone import RotationsAlone
from ..reductions import checkpoint_name

_OBSERVED = tuple(ObservationTensors.__dataclass_fields__)
_TOLD = tuple(CompletionConditions.__dataclass_fields__)
_FEATURE = 3  # its column in the network's `given`


@dataclass(frozen=True, eq=False)
class Tools:
    """What every clip is answered with."""

    anchor: Network
    completion: Network
    regression: Network | None
    flow: OneStageFlow | None
    constants: Mapping[str, Floats]
    body: Body
    samples: int
    steps: int


@dataclass(frozen=True, eq=False)
class Reduced:
    """Two stages of which one thing was taken away, or what is missing to try them."""

    anchor: Network | None
    completion: Network | None
    told: str  # how long they were trained; or by which command they would be


def open_tools(state: Path, models: Path, settings: str, samples: int, steps: int) -> Tools:
    """The exported networks, one thread each, and the peers of `state` that are there."""
    networks = load_networks(models, threads=1)
    chosen = load_settings(settings)
    regression, _ = read_anchor(state / checkpoint_name("regression"), chosen)
    return Tools(
        anchor=networks.anchor,
        completion=networks.completion,
        regression=regression,
        flow=_read_flow(state / checkpoint_name("flow"), chosen),
        constants=networks.constants,
        body=load_body("neutral"),
        samples=samples,
        steps=steps,
    )


def read_reduced(state: Path, settings: str, without: str | None, body: Body) -> Reduced:
    """Both stages out of checkpoints; stage 1 is the whole one where nothing of it was taken."""
    chosen = load_settings(settings)
    own = without if without in ("bank", "feature") else None
    anchor, anchor_told = read_anchor(state / checkpoint_name("anchor", own), chosen)
    path = state / checkpoint_name("completion", without)
    kind = RotationsAlone if without == "composite" else CompletionNetwork
    blank = np.zeros(168)
    network = kind(chosen.completion_network, BodyLayer.of(body), blank, blank + 1.0)
    completion_told = _fill(network, path)
    if anchor is None or completion_told is None:
        flag = "" if without is None else f" --without {without}"
        stages = ("train_anchor", "train_completion") if own else ("train_completion",)
        commands = ", then ".join(f"`python -m training.{stage}{flag}`" for stage in stages)
        return Reduced(None, None, f"{lacking(path)}; {commands}")
    completion = torch_completion(network)
    if without == "feature":
        anchor, completion = without_feature(anchor), without_feature(completion)
    told = f"stage 1 {anchor_told}, stage 2 {completion_told}"
    return Reduced(anchor, completion, told)


def read_anchor(path: Path, settings: TrainingSettings) -> tuple[Network | None, str]:
    """A network of stage 1's form out of a checkpoint, and how long it was trained."""
    network = AnchorNetwork(settings.anchor_network)
    told = _fill(network, path)
    return (None, lacking(path)) if told is None else (torch_anchor(network), told)


def trained(path: Path) -> str:
    """How long a checkpoint was trained, in words."""
    if not path.exists():
        return lacking(path)
    saved = torch.load(path, weights_only=True)
    return f"{saved['step']:,} steps, {saved['seconds'] / 60:.0f} minutes"


def without_feature(network: Network) -> Network:
    """The same network, never told the image feature."""

    def run(inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        given = np.array(inputs["given"])
        given[..., _FEATURE] = 0.0
        return network({**inputs, "given": given})

    return run


def _read_flow(path: Path, settings: TrainingSettings) -> OneStageFlow | None:
    blank = np.zeros(FLOW_SIZE)
    network = OneStageFlow(settings.completion_network, blank, blank + 1.0)
    return None if _fill(network, path) is None else network


def lacking(path: Path) -> str:
    """Why there are no weights."""
    return "trained with other settings" if path.exists() else "not trained"


def _fill(network: nn.Module, path: Path) -> str | None:
    """Load averaged weights; None where there are none, or those of a network of another size."""
    if not path.exists():
        return None
    saved = torch.load(path, weights_only=True)
    try:
        network.load_state_dict(saved["averaged"])
    except RuntimeError:
        return None
    network.eval()
    return f"{saved['step']:,} steps, {saved['seconds'] / 60:.0f} minutes"


def torch_anchor(network: AnchorNetwork) -> Network:
    """A torch network under the runtime's interface."""
    return _run(lambda inputs: network(ObservationTensors(**_tensors(inputs, _OBSERVED))))


def torch_completion(network: CompletionNetwork) -> Network:
    """A torch network under the runtime's interface."""

    def answer(inputs: Mapping[str, Floats]) -> object:
        observed = ObservationTensors(**_tensors(inputs, _OBSERVED))
        return network(observed, CompletionConditions(**_tensors(inputs, _TOLD)))

    return _run(answer)


def _run(answer: Callable[[Mapping[str, Floats]], object]) -> Network:
    def run(inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        with torch.no_grad():
            said = answer(inputs)
        return {name: value.numpy() for name, value in vars(said).items()}

    return run


def _tensors(inputs: Mapping[str, Floats], names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    return {
        name: torch.from_numpy(np.ascontiguousarray(inputs[name], dtype=np.float32))
        for name in names
    }
