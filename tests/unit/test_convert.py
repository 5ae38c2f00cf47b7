"""Pieces of the converters that a wrong turn would hide in."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import tflite

from build_steps import convert_tfjs
from build_steps.convert_graph import GraphBuilder
from build_steps.convert_tflite import _densified


def run(model: bytes, **inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {name: value.astype(np.float32) for name, value in inputs.items()})


def test_compressed_rows_are_expanded() -> None:
    dense = np.zeros((3, 1, 1, 4), np.float16)
    dense[0, 0, 0, [1, 3]] = [5, 6]
    dense[2, 0, 0, 0] = 7

    def metadata(form: int, size: int = 0) -> SimpleNamespace:
        return SimpleNamespace(Format=lambda: form, DenseSize=lambda: size)

    dims = [metadata(tflite.DimensionType.DENSE, size) for size in (3, 1, 1)]
    dims.append(metadata(tflite.DimensionType.SPARSE_CSR))
    dims[3].ArraySegmentsType = lambda: tflite.SparseIndexVector.Uint8Vector
    dims[3].ArrayIndicesType = lambda: tflite.SparseIndexVector.Uint8Vector
    sparsity = SimpleNamespace(DimMetadataLength=lambda: 4, DimMetadata=lambda i: dims[i])
    values = np.array([5, 6, 7], np.float16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "build_steps.convert_tflite._compressed_rows",
            lambda _: (np.array([0, 2, 2, 3]), np.array([1, 3, 0])),
        )
        np.testing.assert_array_equal(_densified(values, sparsity, (3, 1, 1, 4)), dense)
        dims[0].Format = lambda: tflite.DimensionType.SPARSE_CSR
        with pytest.raises(ValueError, match="sparsity"):
            _densified(values, sparsity, (3, 1, 1, 4))


def test_half_weights_stay_half_and_the_same_graph_gives_the_same_bytes() -> None:
    def build() -> bytes:
        builder = GraphBuilder()
        source = builder.input("x", ("N", 2))
        weight = builder.weight(np.array([0.1, 0.2], np.float16))
        builder.output("y", builder.node("Mul", source, weight), ("N", 2))
        return builder.serialized("test")

    model = build()
    assert model == build()
    (answer,) = run(model, x=np.ones((3, 2)))
    np.testing.assert_array_equal(
        answer, np.tile(np.float16([0.1, 0.2]).astype(np.float32), (3, 1))
    )


def test_transposes_of_a_tensorflow_js_graph_cancel() -> None:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 2, 4)).astype("<f4")  # rows, columns, in, out
    bias = rng.normal(size=4).astype("<f4")
    integers = {
        "pads": np.array([[0, 0], [0, 0], [1, 1], [1, 1]], "<i4"),
        "to_last": np.array([0, 2, 3, 1], "<i4"),
        "to_first": np.array([0, 3, 1, 2], "<i4"),
        "axis": np.array(1, "<i4"),
        "sizes": np.array([1, 3], "<i4"),
    }
    arrays = {"kernel": kernel, "bias": bias, **integers}

    def node(name: str, op: str, *inputs: str, **attr: object) -> dict[str, object]:
        return {"name": name, "op": op, "input": list(inputs), "attr": attr}

    window = {
        "padding": {"s": "VkFMSUQ="},
        "strides": {"list": {"i": ["1", "2", "2", "1"]}},
        "dilations": {"list": {"i": ["1"] * 4}},
    }
    document = {
        "modelTopology": {
            "node": [
                {"name": "x", "op": "Placeholder"},
                node("padded", "Pad", "x", "pads"),
                node("last", "Transpose", "padded", "to_last"),
                node("conv", "Conv2D", "last", "kernel", **window),
                node("sum", "Add", "conv", "bias"),
                node("first", "Transpose", "sum", "to_first"),
                node("leaky", "LeakyRelu", "first", alpha={"f": 0.1}),
                node("parts", "SplitV", "leaky", "sizes", "axis"),
                node("joined", "ConcatV2", "parts:1", "parts", "axis"),
            ]
        },
        "signature": {
            "inputs": {"x:0": {"tensorShape": {"dim": [{"size": s} for s in (1, 2, 6, 6)]}}},
            "outputs": {"joined:0": {"tensorShape": {"dim": [{"size": s} for s in (1, 4, 3, 3)]}}},
        },
        "weightsManifest": [
            {
                "weights": [
                    {"name": name, "shape": list(array.shape), "dtype": array.dtype.name}
                    for name, array in arrays.items()
                ]
            }
        ],
    }
    weights = b"".join(array.tobytes() for array in arrays.values())
    model = convert_tfjs.convert(json.dumps(document).encode(), weights, "test", {"y": "joined"})
    assert b"Transpose" not in model
    image = rng.normal(size=(1, 2, 6, 6))
    (answer,) = run(model, x=image)
    padded = np.pad(image[0], ((0, 0), (1, 1), (1, 1)))
    expected = np.empty((4, 3, 3))
    for row in range(3):
        for column in range(3):
            window_values = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            total = np.einsum("irc,rcio->o", window_values, kernel) + bias
            expected[:, row, column] = np.where(total > 0, total, 0.1 * total)
    expected = np.concatenate((expected[1:], expected[:1]))
    np.testing.assert_allclose(answer[0], expected, atol=1e-5)  # float32


def test_weights_that_do_not_add_up_are_refused() -> None:
    document = {
        "modelTopology": {"node": []},
        "signature": {"inputs": {}, "outputs": {}},
        "weightsManifest": [{"weights": [{"name": "a", "shape": [2], "dtype": "float32"}]}],
    }
    with pytest.raises(ValueError, match="12 bytes, 8 are described"):
        convert_tfjs.convert(json.dumps(document).encode(), bytes(12), "test", {})
