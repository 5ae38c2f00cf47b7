"""Training goes on from exported networks: weights come back, new layers change nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fhmr_blender.pipeline.runtime import load_network
from tests.training import tiny
from training import export
from training.networks.anchor import AnchorNetwork
from training.networks.blocks import ObservationTensors
from training.shipped import load_shipped, shipped_weights

NETWORKS = {"anchor": tiny.anchor_network, "completion": tiny.completion_network}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_comes_back_as_it_was_exported(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]()
    export.export_network(network, tmp_path / "network.onnx")
    rounded = dict(export.round_weights(network).named_parameters())
    found = shipped_weights(tmp_path / "network.onnx")
    assert set(rounded) <= set(found)
    for key, value in rounded.items():
        torch.testing.assert_close(found[key], value.detach(), rtol=0, atol=0, msg=key)


def test_a_deeper_network_begins_by_saying_the_same(tmp_path: Path) -> None:
    path = tmp_path / "anchor.onnx"
    export.export_network(tiny.anchor_network(), path)
    deeper = AnchorNetwork(replace(tiny.SETTINGS, layers=tiny.SETTINGS.layers + 2))
    load_shipped(deeper, path)
    inputs = export.example_inputs(export.OBSERVATION_NAMES, 2, 5, seed=0)
    with torch.no_grad():
        observed = ObservationTensors(**{key: torch.from_numpy(x) for key, x in inputs.items()})
        answer = deeper(observed)
    expected = load_network(path, threads=1)(inputs)
    for key in export.ANCHOR_OUTPUTS:
        np.testing.assert_allclose(getattr(answer, key), expected[key], atol=export.PARITY)


def test_a_network_of_another_width_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anchor.onnx"
    export.export_network(tiny.anchor_network(), path)
    wider = AnchorNetwork(replace(tiny.SETTINGS, width=2 * tiny.SETTINGS.width))
    with pytest.raises(ValueError, match="other sizes"):
        load_shipped(wider, path)
