"""A small ONNX graph under construction: what both converters share.

Activations are kept as N C H W, the order that ONNX's convolutions ask for. Weights that
arrive as float16 are stored as float16 and cast when the network is loaded: nothing is rounded and
nothing grows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18  # Resize with `axes`
IR_VERSION = 8  # what opset 18 came with


class GraphBuilder:
    """Collects nodes and weights; names are counted: the same input gives the same bytes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: tuple[int | str, ...]) -> str:
        """Declare a float32 input; a string is a dimension left open."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, name: str, value: str, shape: tuple[int | str, ...]) -> None:
        """Declare that `value` leaves the graph under `name`."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, array: np.ndarray) -> str:
        """Store an array as it is."""
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, array: np.ndarray) -> str:
        """Store a weight; float16 stays float16 and is cast where it is used."""
        name = self.constant(array)
        return self.node("Cast", name, to=TensorProto.FLOAT) if array.dtype == np.float16 else name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append one operator with one output and return the output's name."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def to_channels_first(self, value: str) -> str:
        """N H W C -> N C H W."""
        return self.node("Transpose", value, perm=[0, 3, 1, 2])

    def to_channels_last(self, value: str) -> str:
        """N C H W -> N H W C."""
        return self.node("Transpose", value, perm=[0, 2, 3, 1])

    def resize(self, value: str, size: tuple[int, int]) -> str:
        """Bilinear with half-pixel centres, N C H W, to `size` = rows and columns."""
        spatial = self.constant(np.array(size, dtype=np.int64))
        return self.node(
            "Resize",
            value,
            "",
            "",
            spatial,
            axes=[2, 3],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def serialized(self, name: str) -> bytes:
        """The checked model, the same bytes each time."""
        graph = helper.make_graph(
            self.nodes, name, self._inputs, self._outputs, initializer=self.initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="fhmr",
        )
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)
