"""Reads an exported network's weights back, so that training goes on from what ships.

The exporter folds a linear layer into a MatMul with a nameless matrix and an Add of the bias,
which keeps its name: by it the matrix is found again.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from fhmr_blender.core.arrays import Floats

_OWNER = "network."  # what `export` calls the network inside its wrapper


def shipped_weights(path: Path) -> dict[str, Tensor]:
    """Parameters of an .onnx file that `export` wrote, by the names that torch knows them by.

    Constants that the exporter has folded into others (normalisation of the latent, the body) are
    not among them.
    """
    graph = onnx.load(str(path)).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
    named = {name: array for name, array in arrays.items() if name.startswith(_OWNER)}
    product = {node.output[0]: node for node in graph.node if node.op_type == "MatMul"}
    for node in graph.node:
        bias = next((name for name in node.input if name.endswith(".bias")), None)
        factors = [product[name] for name in node.input if name in product]
        if node.op_type == "Add" and bias is not None and factors:
            named[bias.removesuffix("bias") + "weight"] = arrays[factors[0].input[1]].T
    return {
        name.removeprefix(_OWNER): _tensor(array)
        for name, array in named.items()
        if not name.endswith("_float16")
    }


def load_shipped(network: nn.Module, path: Path) -> nn.Module:
    """Fill a network with an exported one's weights.

    It may have more layers than the exported one: those that are new begin by changing nothing.

    Raises:
        ValueError: Another part of it is not in the file, or of another size.
    """
    weights = shipped_weights(path)
    own = network.state_dict()
    depth = 1 + max(_block(name) for name in weights)
    for name, parameter in network.named_parameters():
        if _block(name) >= depth:
            if ".attention.outgoing." in name or ".mlp.2." in name:
                own[name] = torch.zeros_like(parameter)
        elif name not in weights:
            raise ValueError(f"{path} does not hold {name}")
    unlike = [name for name, value in weights.items() if own[name].shape != value.shape]
    if unlike:
        raise ValueError(f"{path} has other sizes of {', '.join(unlike)}")
    network.load_state_dict(own | weights)
    return network.eval()


def _tensor(array: Floats) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))


def _block(name: str) -> int:
    """The number of the transformer's block that a parameter belongs to, -1 if to none."""
    parts = name.split(".")
    return int(parts[parts.index("blocks") + 1]) if "blocks" in parts else -1
