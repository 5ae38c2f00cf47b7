"""Writes the trained networks as ONNX with float16 weights, the constants, and their checksums.

    python -m training.export --state DIR [--settings first] [--models models]

The weights are rounded to float16 first, so that the files hold exactly what the parity is
measured against. At the interface everything is float32; batch and frames are free, and what does
not differ between samples (`C` in `models.toml`) may come once for all of them.
"""

import argparse
import copy
import hashlib
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.zipped_arrays import pack_arrays

from .data.sample import PairClip, load_shards
from .loop import load_averaged, open_workplace, say
from .networks.anchor import AnchorNetwork, AnchorPrediction
from .networks.blocks import ObservationTensors
from .networks.completion import CompletionConditions, CompletionNetwork, CompletionPrediction

OPSET = 17
ModuleType = TypeVar("ModuleType", bound=nn.Module)
PARITY = 1e-4
_SMALLEST = 64  # numbers; smaller arrays stay as they are
_SHAPES: dict[str, tuple[int, ...]] = {
    "landmarks": (33, 5),
    "landmark_given": (33,),
    "landmarks_world": (33, 3),
    "image_feature": (288,),
    "box": (7,),
    "camera_motion": (6,),
    "given": (5,),
    "seconds": (),
    "anchor_rotations": (6, 3, 3),
    "anchor_translation": (3,),
    "anchor_log_variance": (8,),
    "first_guess": (18, 3, 3),
    "guess_given": (),
    "latent": (168,),
    "known": (168,),
}
_OUTPUT_SHAPES: dict[str, tuple[int, ...]] = {
    "rotations": (6, 3, 3),
    "translation": (3,),
    "log_variance": (8,),
    "clean": (168,),
    "contacts": (6,),
}
_LEAST_VISIBILITY = 1e-3  # and one minus it: what lies beyond says no more
_NEWTON_STEPS = 50
_PRIOR_CASES = 20.0  # what the common regression counts for in a landmark's own; a guess
OBSERVATION_NAMES = tuple(item.name for item in fields(ObservationTensors))
SAMPLE_NAMES = ("latent", "known", "time")
CONDITION_NAMES = tuple(item.name for item in fields(CompletionConditions))
ANCHOR_OUTPUTS = tuple(item.name for item in fields(AnchorPrediction))
COMPLETION_OUTPUTS = tuple(item.name for item in fields(CompletionPrediction))


class _Positional(nn.Module):
    """The network with one positional argument an input, as the exporter wants it."""

    def __init__(self, network: AnchorNetwork | CompletionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(OBSERVATION_NAMES)
        observed = ObservationTensors(*tensors[:count])
        if isinstance(self.network, AnchorNetwork):
            return self.network(observed).tensors()
        return self.network(observed, CompletionConditions(*tensors[count:])).tensors()


def input_names(network: AnchorNetwork | CompletionNetwork) -> tuple[str, ...]:
    """The names of an exported network's inputs, in order."""
    if isinstance(network, AnchorNetwork):
        return OBSERVATION_NAMES
    return OBSERVATION_NAMES + CONDITION_NAMES


def output_names(network: AnchorNetwork | CompletionNetwork) -> tuple[str, ...]:
    """The names of an exported network's outputs, in order."""
    return ANCHOR_OUTPUTS if isinstance(network, AnchorNetwork) else COMPLETION_OUTPUTS


def round_weights(network: ModuleType) -> ModuleType:
    """A copy whose weights are float16 numbers (still stored as float32)."""
    rounded = copy.deepcopy(network).eval()
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.half().float())
    return rounded


def example_inputs(
    names: Sequence[str], windows: int, frames: int, seed: int, samples: int | None = None
) -> dict[str, Floats]:
    """Random inputs of the right shapes and ranges, with some of each group withheld.

    With `samples` there are so many of them for the one window.
    """
    rng = np.random.default_rng(seed)
    inputs: dict[str, Floats] = {}
    subjects = windows
    for name in names:
        windows = subjects if samples is None or name not in SAMPLE_NAMES else samples
        if name == "time":
            value = rng.uniform(0, 1, windows)
        elif name == "anchor_betas":
            value = rng.normal(size=(windows, 10))
        elif name == "seconds":
            value = np.cumsum(rng.uniform(0.03, 0.2, (windows, frames)), axis=1)
        elif name in ("given", "landmark_given", "guess_given", "known"):
            value = (rng.random((windows, frames, *_SHAPES[name])) < 0.7).astype(float)
        elif name in ("anchor_rotations", "first_guess"):
            count = _SHAPES[name][0]
            value = np.linalg.qr(rng.normal(size=(windows, frames, count, 3, 3)))[0]
        else:
            value = rng.normal(size=(windows, frames, *_SHAPES[name])) * 0.5
        inputs[name] = value.astype(np.float32)
    return inputs


def export_network(network: AnchorNetwork | CompletionNetwork, path: Path) -> float:
    """Write one network.

    Returns:
        The largest difference from torch over several sizes of windows.

    Raises:
        ValueError: It exceeds `PARITY`.
    """
    rounded = round_weights(network)
    names, outputs = input_names(network), output_names(network)
    example = example_inputs(names, 2, 3, seed=0)
    axes = {name: dict(enumerate(_leading(name, names))) for name in (*names, *outputs)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The tracing exporter needs no further package; torch says that it is the older one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Positional(rounded).eval(),
            tuple(torch.from_numpy(example[name]) for name in names),
            str(path),
            input_names=list(names),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    _store_float16(model)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
    shapes = [(1, 1, None), (3, 1, None), (2, 16, None), (1, 40, None)]
    if isinstance(network, CompletionNetwork):
        shapes += [(1, 1, 8), (1, 16, 3)]
    worst = max(_difference(rounded, path, *shape) for shape in shapes)
    if worst > PARITY:
        raise ValueError(f"{path.name} differs from torch by {worst:.2e}, allowed {PARITY:.0e}")
    return worst


def _leading(name: str, inputs: Sequence[str]) -> tuple[str, ...]:
    """The names of a value's free axes: C is B, or 1 for all samples."""
    shared = name in inputs and "latent" in inputs and name not in SAMPLE_NAMES
    batch = "C" if shared else "B"
    return (batch,) if name in ("time", "anchor_betas", "betas") else (batch, "T")


def _store_float16(model: onnx.ModelProto) -> None:
    """Keep every array that float16 holds exactly as float16, with a Cast behind it."""
    casts: list[onnx.NodeProto] = []
    for initializer in model.graph.initializer:
        if initializer.data_type != onnx.TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(initializer)
        small = value.astype(np.float16)
        if value.size < _SMALLEST or not np.array_equal(small.astype(np.float32), value):
            continue
        name = initializer.name
        stored = f"{name}_float16"
        initializer.CopyFrom(numpy_helper.from_array(small, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])


def _difference(
    network: AnchorNetwork | CompletionNetwork,
    path: Path,
    windows: int,
    frames: int,
    samples: int | None,
) -> float:
    """The largest difference between torch and onnxruntime on one random input.

    What comes once for many samples is repeated for torch.
    """
    names = input_names(network)
    inputs = example_inputs(names, windows, frames, windows + 10 * frames, samples)
    whole = {
        name: np.repeat(value, (samples or windows) // len(value), axis=0)
        for name, value in inputs.items()
    }
    with torch.no_grad():
        expected = _Positional(network)(*(torch.from_numpy(whole[name]) for name in names))
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    found = session.run(list(output_names(network)), inputs)
    return max(
        float(np.abs(torch_value.numpy() - value).max())
        for torch_value, value in zip(expected, found, strict=True)
    )


def visibility_calibration(clips: Sequence[PairClip]) -> tuple[Floats, Floats]:
    """Slope and intercept (33,) that turn the network's visibility into true odds of being seen.

    P(seen) = sigmoid(slope * logit(visibility) + intercept): a logistic regression a landmark,
    drawn to the one over all landmarks where there are few cases.
    """
    told = np.concatenate([clip.keypoints[clip.found, :, 3] for clip in clips]).astype(float)
    seen = np.concatenate([clip.visible[clip.found] for clip in clips]).astype(float)
    told = np.clip(told, _LEAST_VISIBILITY, 1.0 - _LEAST_VISIBILITY)
    odds = np.log(told / (1.0 - told))
    together = _logistic(odds.reshape(-1), seen.reshape(-1), np.array([1.0, 0.0]))
    each = [_logistic(odds[:, column], seen[:, column], together) for column in range(33)]
    slope, intercept = np.array(each).T
    return slope, intercept


def _logistic(odds: Floats, seen: Floats, prior: Floats) -> Floats:
    """(2,) slope and intercept by Newton's method, worth `_PRIOR_CASES` cases at the prior."""
    design = np.stack((odds, np.ones_like(odds)), axis=1)
    found = prior.copy()
    for _ in range(_NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ found, -30, 30)))
        gradient = design.T @ (seen - chance) + _PRIOR_CASES * (prior - found)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curvature + _PRIOR_CASES * np.eye(2), gradient)
        # Where all chances are near 0 or 1 the curvature is far too small and the step too long.
        found = found + step * min(1.0, 0.5 / max(float(np.linalg.norm(step)), 1e-12))
    return found


def write_constants(
    path: Path,
    calibration: LandmarkCalibration,
    latent: tuple[Floats, Floats],
    visibility: tuple[Floats, Floats],
) -> None:
    """What the pipeline needs beside the networks, one .npz with the same bytes every time."""
    arrays = {
        "landmark_joint": calibration.joint.astype(np.int32),
        "landmark_offset": calibration.offset.astype(np.float32),
        "landmark_sigma": calibration.sigma.astype(np.float32),
        "latent_mean": latent[0].astype(np.float32),
        "latent_std": latent[1].astype(np.float32),
        "visibility_slope": visibility[0].astype(np.float32),
        "visibility_intercept": visibility[1].astype(np.float32),
    }
    path.write_bytes(pack_arrays(arrays))


def list_models(path: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Put `[networks.NAME]` tables into `models.toml`; everything else in it stays as it is."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = re.split(r"(?m)^(?=\[)", text)
    kept = [part for part in kept if not part.startswith("[networks")]
    lines = ["".join(kept).rstrip("\n")]
    for name, table in tables.items():
        lines.append(f"\n[networks.{name}]")
        lines.extend(f"{key} = {value}" for key, value in table.items())
    path.write_text("\n".join(lines).lstrip("\n") + "\n", encoding="utf-8")


def _table(path: Path, title: str, names: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """The entries of one network in TOML."""

    def shaped(name: str) -> str:
        leading = " ".join(_leading(name, names))
        sizes = {"anchor_betas": (10,), "betas": (10,), "time": ()} | _SHAPES | _OUTPUT_SHAPES
        return f'{name} = "{" ".join((leading, *map(str, sizes[name])))}"'

    return {
        "file": f'"{path.name}"',
        "sha256": f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"',
        "licence": '"GPL-3.0-or-later"',
        "title": f'"{title}"',
        "inputs": "{ " + ", ".join(map(shaped, names)) + " }",
        "outputs": "{ " + ", ".join(map(shaped, outputs)) + " }",
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write the trained networks for the pipeline.")
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--settings", default="first")
    parser.add_argument("--models", type=Path, default=Path("models"))
    arguments = parser.parse_args()
    place = open_workplace(arguments.state, arguments.settings)
    anchor = AnchorNetwork(place.settings.anchor_network)
    load_averaged(anchor, arguments.state / "anchor.pt")
    nothing = np.zeros(168)
    size = place.settings.completion_network
    completion = CompletionNetwork(size, place.model.body, nothing, nothing + 1.0)
    load_averaged(completion, arguments.state / "completion.pt")
    tables: dict[str, dict[str, str]] = {}
    titles = {"anchor": "Stage 1: torso, root, shape", "completion": "Stage 2: limbs by flow"}
    for name, network in (("anchor", anchor), ("completion", completion)):
        path = arguments.models / f"{name}.onnx"
        worst = export_network(network, path)
        tables[name] = _table(path, titles[name], input_names(network), output_names(network))
        say(f"{path}: {path.stat().st_size / 1e6:.1f} MB, parity {worst:.1e}")
    constants = arguments.models / "constants.npz"
    clips = load_shards(arguments.state / "pairs", "train")
    latent = (completion.latent_mean.numpy(), completion.latent_std.numpy())
    write_constants(constants, place.calibration, latent, visibility_calibration(clips))
    digest = hashlib.sha256(constants.read_bytes()).hexdigest()
    tables["constants"] = {
        "file": '"constants.npz"',
        "sha256": f'"{digest}"',
        "licence": '"GPL-3.0-or-later"',
        "title": '"Landmark calibration, latent normalisation, visibility calibration"',
    }
    list_models(arguments.models / "models.toml", tables)


if __name__ == "__main__":
    main()
