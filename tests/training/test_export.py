"""Exported networks are the torch ones with float16 weights, at any size of window."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from fhmr_blender.core.zipped_arrays import unpack_arrays
from fhmr_blender.pipeline.runtime import load_network
from fhmr_blender.pipeline.weights import model_files
from tests.training import tiny
from tests.training.synthetic_pairs import exact_clip
from training import export

NETWORKS = {"anchor": tiny.anchor_network, "completion": tiny.completion_network}


@pytest.mark.parametrize("name", NETWORKS)
def test_an_exported_network_says_what_torch_says(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]()
    path = tmp_path / f"{name}.onnx"
    assert export.export_network(network, path) <= export.PARITY
    model = onnx.load(str(path))
    assert [value.name for value in model.graph.input] == list(export.input_names(network))
    assert [value.name for value in model.graph.output] == list(export.output_names(network))
    weights = [value for value in model.graph.initializer if np.prod(value.dims) >= 64]
    numbers = sum(int(np.prod(value.dims)) for value in weights)
    halves = [value for value in weights if value.data_type == onnx.TensorProto.FLOAT16]
    assert sum(int(np.prod(value.dims)) for value in halves) > 0.95 * numbers


def test_the_runtime_runs_it_for_one_frame_and_for_many(tmp_path: Path) -> None:
    path = tmp_path / "anchor.onnx"
    export.export_network(tiny.anchor_network(), path)
    run = load_network(path, threads=1)
    for windows, frames in ((1, 1), (4, 1), (2, 50)):
        answer = run(export.example_inputs(export.OBSERVATION_NAMES, windows, frames, seed=0))
        assert answer["rotations"].shape == (windows, frames, 6, 3, 3)
        assert answer["betas"].shape == (windows, 10)


def test_a_network_that_differs_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PARITY", 0.0)
    with pytest.raises(ValueError, match="differs from torch"):
        export.export_network(tiny.anchor_network(), tmp_path / "anchor.onnx")


def test_the_list_of_models_keeps_what_others_wrote(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    others = '# About these files.\n\n[perception.landmarker]\nfile = "l.onnx"\nsha256 = "0"\n'
    path.write_text(others)
    for digest in ("1", "2"):
        export.list_models(path, {"anchor": {"file": '"a.onnx"', "sha256": f'"{digest}"'}})
    text = path.read_text()
    assert text.startswith(others)
    document = tomllib.loads(text)
    assert document["networks"] == {"anchor": {"file": "a.onnx", "sha256": "2"}}
    assert set(model_files(tmp_path)) == {"landmarker", "anchor"}


def test_the_constants_hold_what_the_pipeline_reads(tmp_path: Path) -> None:
    path = tmp_path / "constants.npz"
    latent = (np.zeros(168), np.ones(168))
    visibility = (np.ones(33), np.zeros(33))
    export.write_constants(path, tiny.calibration(), latent, visibility)
    first = path.read_bytes()
    export.write_constants(path, tiny.calibration(), latent, visibility)
    assert path.read_bytes() == first
    arrays = unpack_arrays(first)
    assert arrays["landmark_offset"].shape == (33, 3)
    assert arrays["latent_std"].shape == (168,)
    assert arrays["visibility_slope"].shape == (33,)


def test_visibility_is_turned_into_true_odds() -> None:
    rng = np.random.default_rng(0)
    clip = exact_clip(0, tiny.body(), tiny.calibration())
    odds = rng.normal(0, 2, (16, 33))
    clips = []
    for _ in range(100):
        odds = rng.normal(0, 2, (16, 33))
        keypoints = clip.keypoints.copy()
        keypoints[..., 3] = 1 / (1 + np.exp(-odds))
        seen = rng.random((16, 33)) < 1 / (1 + np.exp(-(0.5 * odds + 1.0)))
        clips.append(replace(clip, keypoints=keypoints, visible=seen))
    slope, intercept = export.visibility_calibration(clips)
    assert np.allclose(slope, 0.5, atol=0.15)  # 1,600 cases a landmark
    assert np.allclose(intercept, 1.0, atol=0.25)


def test_an_overconfident_visibility_is_toned_down() -> None:
    rng = np.random.default_rng(0)
    clip = exact_clip(0, tiny.body(), tiny.calibration())
    clips = []
    for _ in range(40):
        keypoints = clip.keypoints.copy()
        keypoints[..., 3] = rng.choice([0.0005, 0.9999], size=(16, 33), p=[0.3, 0.7])
        seen = rng.random((16, 33)) < np.where(keypoints[..., 3] > 0.5, 0.8, 0.3)
        clips.append(replace(clip, keypoints=keypoints, visible=seen))
    slope, intercept = export.visibility_calibration(clips)
    odds = np.log(999.0)
    assert np.allclose(1 / (1 + np.exp(-(slope * odds + intercept))), 0.8, atol=0.08)
    assert np.allclose(1 / (1 + np.exp(-(-slope * odds + intercept))), 0.3, atol=0.08)
