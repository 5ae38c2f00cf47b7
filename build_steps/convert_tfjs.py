"""TensorFlow.js graph model (json + bin) -> ONNX, for the operators of NanoDet.

The source wraps every convolution in transposes between N C H W and N H W C. Here a
transpose is only remembered with the tensor, so that the ONNX graph runs as N C H W throughout.
Weights are float16 and stay so.

Source: TensorFlow.js, graph model format (https://github.com/tensorflow/tfjs, tfjs-converter).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .convert_graph import GraphBuilder

Node = dict[str, Any]
_KEPT = (0, 1, 2, 3)
_CHANNELS_LAST = (0, 2, 3, 1)  # axes of the source's tensor in those of the ONNX tensor


@dataclass(frozen=True)
class Lazy:
    """A tensor of the source: axis i of it is axis order[i] of the ONNX value."""

    value: str
    order: tuple[int, ...] = _KEPT


def convert(graph: bytes, weights: bytes, name: str, outputs: Mapping[str, str]) -> bytes:
    """Turn a TensorFlow.js graph model into an ONNX file.

    Args:
        graph: The .json file.
        weights: The .bin file.
        name: Name of the ONNX graph.
        outputs: Name of each ONNX output -> the source's output.

    Returns:
        The ONNX file, with the source's own input name and static shapes.
    """
    return _Converter(json.loads(graph), weights).run(name, outputs)


class _Converter:
    def __init__(self, document: dict[str, Any], weights: bytes) -> None:
        self.nodes: dict[str, Node] = {
            node["name"]: node for node in document["modelTopology"]["node"]
        }
        self.constants = _read_weights(document["weightsManifest"], weights)
        self.signature = document["signature"]
        self.builder = GraphBuilder()
        self.tensors: dict[str, Lazy] = {}

    def run(self, name: str, outputs: Mapping[str, str]) -> bytes:
        for key, entry in self.signature["inputs"].items():
            node = key.split(":")[0]
            self.tensors[node] = Lazy(self.builder.input(node, _static_shape(entry)))
        for output, source in outputs.items():
            shape = _static_shape(self.signature["outputs"][source + ":0"])
            self.builder.output(output, self.settled(self.tensor(source)), shape)
        return self.builder.serialized(name)

    # -- tensors

    def tensor(self, name: str) -> Lazy:
        """The tensor called `name`; converts what it needs first."""
        if name not in self.tensors:
            node = self.nodes[name.split(":")[0]]
            self.handlers()[node["op"]](node)
        return self.tensors[name]

    def constant(self, name: str) -> np.ndarray:
        """A constant, through the arithmetic of shapes that the source left unfolded."""
        if name in self.constants:
            return self.constants[name]
        node = self.nodes[name]
        if node["op"] in {"Add", "AddV2"}:
            return self.constant(node["input"][0]) + self.constant(node["input"][1])
        if node["op"] == "SparseToDense":
            indices, shape, values, default = (self.constant(key) for key in node["input"])
            dense = np.full(tuple(shape), default)
            dense[tuple(indices.T)] = values
            return dense
        raise ValueError(f"{name} ({node['op']}) is not constant")

    def settled(self, tensor: Lazy, order: tuple[int, ...] | None = None) -> str:
        """The ONNX value with source axis i at `order[i]`; None is the source's own order."""
        wanted = order or tuple(range(len(tensor.order)))
        if tensor.order == wanted:
            return tensor.value
        # Source axis i lies at tensor.order[i] now and shall lie at wanted[i].
        perm = [tensor.order[wanted.index(axis)] for axis in range(len(wanted))]
        return self.builder.node("Transpose", tensor.value, perm=perm)

    # -- operators

    def handlers(self) -> dict[str, Callable[[Node], None]]:
        return {
            "Transpose": self.transpose,
            "Conv2D": self.convolution,
            "MaxPool": self.max_pool,
            "Pad": self.pad,
            "PadV2": self.pad,
            "Add": self.add,
            "AddV2": self.add,
            "ConcatV2": self.concat,
            "SplitV": self.split,
            "Reshape": self.reshape,
            "ResizeBilinear": self.resize,
            "LeakyRelu": lambda node: self.unary(
                node, "LeakyRelu", alpha=node["attr"]["alpha"]["f"]
            ),
            "Sigmoid": lambda node: self.unary(node, "Sigmoid"),
            "Identity": lambda node: self.unary(node, "Identity"),
        }

    def unary(self, node: Node, operator: str, **attributes: float) -> None:
        source = self.tensor(node["input"][0])
        value = self.builder.node(operator, source.value, **attributes)
        self.tensors[node["name"]] = Lazy(value, source.order)

    def transpose(self, node: Node) -> None:
        source = self.tensor(node["input"][0])
        perm = self.constant(node["input"][1])
        self.tensors[node["name"]] = Lazy(source.value, tuple(source.order[axis] for axis in perm))

    def convolution(self, node: Node) -> None:
        _expect_valid_window(node)
        weights = self.constants[node["input"][1]]
        source = self.settled(self.tensor(node["input"][0]), _CHANNELS_LAST)
        value = self.builder.node(
            "Conv",
            source,
            self.builder.weight(
                weights.transpose(3, 2, 0, 1)
            ),  # rows, columns, in, out -> out, in, ...
            kernel_shape=list(weights.shape[:2]),
            strides=_window(node, "strides"),
        )
        self.tensors[node["name"]] = Lazy(value, _CHANNELS_LAST)

    def max_pool(self, node: Node) -> None:
        _expect_valid_window(node)
        value = self.builder.node(
            "MaxPool",
            self.settled(self.tensor(node["input"][0]), _CHANNELS_LAST),
            kernel_shape=_window(node, "ksize"),
            strides=_window(node, "strides"),
        )
        self.tensors[node["name"]] = Lazy(value, _CHANNELS_LAST)

    def pad(self, node: Node) -> None:
        source = self.tensor(node["input"][0])
        pads = np.empty((len(source.order), 2), np.int64)
        pads[list(source.order)] = self.constant(node["input"][1])
        inputs = [source.value, self.builder.constant(pads.T.reshape(-1))]
        if node["op"] == "PadV2":
            inputs.append(self.builder.constant(self.constant(node["input"][2]).astype(np.float32)))
        self.tensors[node["name"]] = Lazy(self.builder.node("Pad", *inputs), source.order)

    def add(self, node: Node) -> None:
        first, second = node["input"]
        source = self.tensor(first)
        if second in self.constants:  # one value a channel, the last axis of the source
            bias = self.constants[second]
            shape = [1] * len(source.order)
            shape[source.order[-1]] = len(bias)
            other = self.builder.weight(bias.reshape(shape))
        else:
            other = self.settled(self.tensor(second), source.order)
        self.tensors[node["name"]] = Lazy(
            self.builder.node("Add", source.value, other), source.order
        )

    def concat(self, node: Node) -> None:
        *parts, axis = node["input"]
        first = self.tensor(parts[0])
        values = [self.settled(self.tensor(part), first.order) for part in parts]
        where = first.order[int(self.constant(axis))]
        self.tensors[node["name"]] = Lazy(
            self.builder.node("Concat", *values, axis=where), first.order
        )

    def split(self, node: Node) -> None:
        source = self.tensor(node["input"][0])
        sizes, axis = self.constant(node["input"][1]), int(self.constant(node["input"][2]))
        ends = np.cumsum(sizes)
        for index, (size, end) in enumerate(zip(sizes, ends, strict=True)):
            bounds = (np.array([end - size]), np.array([end]), np.array([source.order[axis]]))
            value = self.builder.node(
                "Slice",
                source.value,
                *(self.builder.constant(bound.astype(np.int64)) for bound in bounds),
            )
            self.tensors[node["name"] + (f":{index}" if index else "")] = Lazy(value, source.order)

    def reshape(self, node: Node) -> None:
        source = self.settled(self.tensor(node["input"][0]))
        shape = self.constant(node["input"][1]).astype(np.int64)
        value = self.builder.node("Reshape", source, self.builder.constant(shape))
        self.tensors[node["name"]] = Lazy(value, tuple(range(len(shape))))

    def resize(self, node: Node) -> None:
        attributes = node["attr"]
        if attributes["align_corners"]["b"] or not attributes["half_pixel_centers"]["b"]:
            raise ValueError("no conversion for resizing without half-pixel centres")
        source = self.settled(self.tensor(node["input"][0]), _CHANNELS_LAST)
        rows, columns = (int(size) for size in self.constant(node["input"][1]))
        value = self.builder.resize(source, (rows, columns))
        self.tensors[node["name"]] = Lazy(value, _CHANNELS_LAST)


def _read_weights(manifest: list[dict[str, Any]], content: bytes) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    offset = 0
    for group in manifest:
        for entry in group["weights"]:
            stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
            dtype = np.dtype(stored).newbyteorder("<")
            count = int(np.prod(entry["shape"]))
            array = np.frombuffer(content, dtype, count, offset)
            arrays[entry["name"]] = array.reshape(entry["shape"])
            offset += array.nbytes
    if offset != len(content):
        raise ValueError(f"the weights hold {len(content)} bytes, {offset} are described")
    return arrays


def _static_shape(entry: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(dim["size"]) for dim in entry["tensorShape"]["dim"])


def _window(node: Node, attribute: str) -> list[int]:
    _, rows, columns, _ = (int(size) for size in node["attr"][attribute]["list"]["i"])
    return [rows, columns]


def _expect_valid_window(node: Node) -> None:
    padding = node["attr"]["padding"]["s"]
    dilations = node["attr"].get("dilations", {"list": {"i": ["1"] * 4}})["list"]["i"]
    if padding != "VkFMSUQ=" or set(dilations) != {"1"}:  # base64 of "VALID"
        raise ValueError("no conversion for padded or dilated windows")
