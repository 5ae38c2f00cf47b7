"""The networks that ship, for tests on real pictures."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from fhmr_blender.pipeline.runtime import load_network
from fhmr_blender.pipeline.weights import Networks, load_networks


@functools.cache
def shipped() -> Networks:
    """All networks; FHMR_TEST_NETWORKS names a folder with other ones of the two stages."""
    networks = load_networks()
    folder = os.environ.get("FHMR_TEST_NETWORKS")
    if not folder:
        return networks
    with np.load(Path(folder) / "constants.npz", allow_pickle=False) as archive:
        constants = {name: archive[name] for name in archive.files}
    return replace(
        networks,
        anchor=load_network(Path(folder) / "anchor.onnx", 2),
        completion=load_network(Path(folder) / "completion.onnx", 2),
        constants=constants,
    )
