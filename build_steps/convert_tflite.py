"""TensorFlow Lite -> ONNX, for the operators of BlazePose's two networks.

Weights are float16 (some block-sparse: expanded here) and stay so. Activations run as N C H W
inside; the outside keeps the N H W C input of the original and gets an open batch dimension.

Source: TensorFlow Lite's schema (https://github.com/tensorflow/tensorflow, lite/schema/schema.fbs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import tflite

from .convert_graph import GraphBuilder

Options = TypeVar("Options")

_SAME = tflite.Padding.SAME
_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_OPERATOR_NAMES = {
    number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)
}


@dataclass(frozen=True)
class Tap:
    """A tensor of the source graph that becomes an output.

    Attributes:
        source: Name of an output of the source graph.
        channels_first: Leave four-dimensional tensors as N C H W.
    """

    source: str
    channels_first: bool = True


def convert(
    content: bytes, name: str, taps: Mapping[str, Tap], feature: str | None = None
) -> bytes:
    """Turn a .tflite file into an ONNX file.

    Args:
        content: The .tflite file; one subgraph, one N H W C input.
        name: Name of the ONNX graph.
        taps: Name of each ONNX output -> the source's output.
        feature: Name for one more output, N H W C: the tensor that the last convolutions all read.

    Returns:
        The ONNX file. Input `image` (N, H, W, 3).
    """
    return _Converter(content).run(name, taps, feature)


class _Converter:
    def __init__(self, content: bytes) -> None:
        # The generated accessors are typed as optional throughout; the schema says what is there.
        self.model: Any = tflite.Model.GetRootAsModel(content, 0)
        if self.model.SubgraphsLength() != 1:
            raise ValueError("expected one subgraph")
        self.graph: Any = self.model.Subgraphs(0)
        self.builder = GraphBuilder()
        self.values: dict[
            int, str
        ] = {}  # tensor index -> ONNX value (N C H W where four-dimensional)
        self.arrays: dict[int, np.ndarray] = {}  # tensor index -> constant, in the source's order
        self.weights: dict[
            tuple[int, tuple[int, ...]], str
        ] = {}  # each constant is stored once per order
        self.readers: dict[
            int, int
        ] = {}  # tensor index -> how many convolutions without a follower read it

    def run(self, name: str, taps: Mapping[str, Tap], feature: str | None) -> bytes:
        graph, builder = self.graph, self.builder
        source = graph.Inputs(0)
        _, height, width, channels = self.shape(source)
        image = builder.input("image", ("N", height, width, channels))
        self.values[source] = builder.to_channels_first(image)
        for index in range(graph.OperatorsLength()):
            self.operator(graph.Operators(index))
        outputs = {
            graph.Tensors(graph.Outputs(i)).Name().decode(): graph.Outputs(i)
            for i in range(graph.OutputsLength())
        }
        for output, tap in taps.items():
            self.emit(output, outputs[tap.source], tap.channels_first)
        if feature is not None:
            self.emit(feature, self.head_input(), channels_first=False)
        return builder.serialized(name)

    def emit(self, output: str, tensor: int, channels_first: bool) -> None:
        value, shape = self.values[tensor], self.shape(tensor)
        if len(shape) == 4 and channels_first:
            shape = (shape[0], shape[3], shape[1], shape[2])
        elif len(shape) == 4:
            value = self.builder.to_channels_last(value)
        self.builder.output(output, value, ("N", *shape[1:]))

    def head_input(self) -> int:
        """The activation that most convolutions with a 1 x 1 result read."""
        return max(self.readers, key=lambda tensor: self.readers[tensor])

    # -- tensors

    def shape(self, tensor: int) -> tuple[int, ...]:
        shape = self.graph.Tensors(tensor).ShapeAsNumpy()
        return () if isinstance(shape, int) else tuple(int(size) for size in shape)

    def array(self, tensor: int) -> np.ndarray:
        """A constant: computed by DENSIFY or DEQUANTIZE, or stored."""
        if tensor in self.arrays:
            return self.arrays[tensor]
        source = self.graph.Tensors(tensor)
        raw = self.model.Buffers(source.Buffer()).DataAsNumpy()
        if isinstance(raw, int):
            raise ValueError(f"tensor {tensor} holds no data")
        array = np.frombuffer(raw.tobytes(), _DTYPES[source.Type()])
        sparsity = source.Sparsity()
        if sparsity is not None:
            return _densified(array, sparsity, self.shape(tensor))
        return array.reshape(self.shape(tensor))

    def weight(self, tensor: int, order: tuple[int, ...]) -> str:
        key = (tensor, order)
        if key not in self.weights:
            array = self.array(tensor)
            self.weights[key] = self.builder.weight(array.transpose(order) if order else array)
        return self.weights[key]

    # -- operators

    def operator(self, operator: tflite.Operator) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        name = _OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        handlers: dict[str, Callable[[tflite.Operator], str | np.ndarray]] = {
            "DEQUANTIZE": lambda operator: self.array(operator.Inputs(0)),
            "DENSIFY": lambda operator: self.array(operator.Inputs(0)),
            "CONV_2D": self.convolution,
            "DEPTHWISE_CONV_2D": self.depthwise_convolution,
            "ADD": self.add,
            "PAD": self.pad,
            "RESIZE_BILINEAR": self.resize,
            "DEPTH_TO_SPACE": self.depth_to_space,
            "MAX_POOL_2D": self.max_pool,
            "RESHAPE": self.reshape,
            "CONCATENATION": self.concatenation,
            "LOGISTIC": lambda operator: self.builder.node(
                "Sigmoid", self.values[operator.Inputs(0)]
            ),
        }
        if name not in handlers:
            raise ValueError(f"no conversion for the operator {name}")
        result = handlers[name](operator)
        if isinstance(result, str):
            self.values[operator.Outputs(0)] = result
        else:
            self.arrays[operator.Outputs(0)] = result

    def convolution(self, operator: tflite.Operator) -> str:
        options = _options(operator, tflite.Conv2DOptions)
        source, weights, bias = (operator.Inputs(i) for i in range(3))
        if self.shape(operator.Outputs(0))[1:3] == (1, 1):
            self.readers[source] = self.readers.get(source, 0) + 1
        value = self.builder.node(
            "Conv",
            self.values[source],
            self.weight(weights, (0, 3, 1, 2)),  # out, rows, columns, in -> out, in, rows, columns
            self.weight(bias, ()),
            **self.window(options, source, self.shape(weights)[1:3]),
        )
        return self.activated(value, options.FusedActivationFunction())

    def depthwise_convolution(self, operator: tflite.Operator) -> str:
        options = _options(operator, tflite.DepthwiseConv2DOptions)
        source, weights, bias = (operator.Inputs(i) for i in range(3))
        _, rows, columns, channels = self.shape(weights)
        value = self.builder.node(
            "Conv",
            self.values[source],
            self.weight(
                weights, (3, 0, 1, 2)
            ),  # 1, rows, columns, channels -> channels, 1, rows, columns
            self.weight(bias, ()),
            group=channels,
            **self.window(options, source, (rows, columns)),
        )
        return self.activated(value, options.FusedActivationFunction())

    def window(
        self,
        options: tflite.Conv2DOptions | tflite.DepthwiseConv2DOptions,
        source: int,
        kernel: tuple[int, ...],
    ) -> dict[str, list[int]]:
        """ONNX attributes of a window; "same" puts the odd pixel behind, as TensorFlow."""
        if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
            raise ValueError("no conversion for dilated convolutions")
        strides = (options.StrideH(), options.StrideW())
        before, after = [0, 0], [0, 0]
        if options.Padding() == _SAME:
            for axis, size in enumerate(self.shape(source)[1:3]):
                steps = -(-size // strides[axis])
                total = max((steps - 1) * strides[axis] + kernel[axis] - size, 0)
                before[axis], after[axis] = total // 2, total - total // 2
        return {"kernel_shape": list(kernel), "strides": list(strides), "pads": [*before, *after]}

    def activated(self, value: str, function: int) -> str:
        kinds = tflite.ActivationFunctionType
        if function == kinds.NONE:
            return value
        if function == kinds.RELU:
            return self.builder.node("Relu", value)
        if function == kinds.RELU6:
            low = self.builder.constant(np.array(0, np.float32))
            return self.builder.node(
                "Clip", value, low, self.builder.constant(np.array(6, np.float32))
            )
        raise ValueError(f"no conversion for activation {function}")

    def add(self, operator: tflite.Operator) -> str:
        a, b = operator.Inputs(0), operator.Inputs(1)
        if self.shape(a) != self.shape(b):
            raise ValueError("no conversion for additions that broadcast")
        value = self.builder.node("Add", self.values[a], self.values[b])
        return self.activated(
            value, _options(operator, tflite.AddOptions).FusedActivationFunction()
        )

    def pad(self, operator: tflite.Operator) -> str:
        pads = self.array(operator.Inputs(1))[[0, 3, 1, 2]]  # (4, 2), N C H W
        amounts = self.builder.constant(pads.T.reshape(-1).astype(np.int64))
        return self.builder.node("Pad", self.values[operator.Inputs(0)], amounts)

    def resize(self, operator: tflite.Operator) -> str:
        options = _options(operator, tflite.ResizeBilinearOptions)
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise ValueError("no conversion for resizing without half-pixel centres")
        _, rows, columns, _ = self.shape(operator.Outputs(0))
        return self.builder.resize(self.values[operator.Inputs(0)], (rows, columns))

    def depth_to_space(self, operator: tflite.Operator) -> str:
        block = _options(operator, tflite.DepthToSpaceOptions).BlockSize()
        return self.builder.node(
            "DepthToSpace", self.values[operator.Inputs(0)], blocksize=block, mode="DCR"
        )

    def max_pool(self, operator: tflite.Operator) -> str:
        options = _options(operator, tflite.Pool2DOptions)
        if options.Padding() == _SAME or options.FusedActivationFunction():
            raise ValueError("no conversion for padded or activated pooling")
        return self.builder.node(
            "MaxPool",
            self.values[operator.Inputs(0)],
            kernel_shape=[options.FilterHeight(), options.FilterWidth()],
            strides=[options.StrideH(), options.StrideW()],
        )

    def reshape(self, operator: tflite.Operator) -> str:
        source = operator.Inputs(0)
        value = self.values[source]
        if len(self.shape(source)) == 4:
            value = self.builder.to_channels_last(value)
        shape = self.shape(operator.Outputs(0))
        if len(shape) == 4:
            raise ValueError("no conversion for reshaping into four dimensions")
        target = self.builder.constant(
            np.array([0, *shape[1:]], dtype=np.int64)
        )  # 0: the batch's own
        return self.builder.node("Reshape", value, target)

    def concatenation(self, operator: tflite.Operator) -> str:
        axis = _options(operator, tflite.ConcatenationOptions).Axis()
        tensors = [operator.Inputs(i) for i in range(operator.InputsLength())]
        if any(len(self.shape(tensor)) == 4 for tensor in tensors):
            raise ValueError("no conversion for concatenating four-dimensional tensors")
        return self.builder.node("Concat", *(self.values[tensor] for tensor in tensors), axis=axis)


def _options(operator: Any, kind: type[Options]) -> Options:
    options: Any = kind()
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


def _densified(values: np.ndarray, sparsity: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Expand a tensor whose last dimension alone is stored sparsely (compressed rows)."""
    last = len(shape) - 1
    kinds = [sparsity.DimMetadata(i).Format() for i in range(sparsity.DimMetadataLength())]
    if kinds != [tflite.DimensionType.DENSE] * last + [tflite.DimensionType.SPARSE_CSR]:
        raise ValueError("no conversion for this kind of sparsity")
    segments, indices = _compressed_rows(sparsity.DimMetadata(last))
    rows = np.repeat(np.arange(len(segments) - 1), np.diff(segments))
    dense = np.zeros((len(segments) - 1, shape[-1]), values.dtype)
    dense[rows, indices] = values
    return dense.reshape(shape)


def _compressed_rows(metadata: Any) -> tuple[np.ndarray, np.ndarray]:
    """Starts of the rows and the columns of the values; each in the narrowest integers that fit."""
    kinds = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }

    def read(kind: int, table: Any) -> np.ndarray:
        vector = kinds[kind]()
        vector.Init(table.Bytes, table.Pos)
        return vector.ValuesAsNumpy().astype(np.int64)

    return (
        read(metadata.ArraySegmentsType(), metadata.ArraySegments()),
        read(metadata.ArrayIndicesType(), metadata.ArrayIndices()),
    )
