"""Model files are found, checked and loaded when they are needed, and not before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.runtime import SMALL, Network, load_network
from fhmr_blender.pipeline.weights import Sized, load_networks, model_files, models_folder, verify

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A models folder with constants and a landmark network that is none."""
    (tmp_path / "perception").mkdir()
    np.savez(tmp_path / "constants.npz", latent_mean=np.arange(168.0))
    (tmp_path / "perception" / "landmarker.onnx").write_bytes(b"no network")
    lines = ["schema = 1"]
    for table, file in (
        ("perception.landmarker", "perception/landmarker.onnx"),
        ("model.constants", "constants.npz"),
    ):
        digest = hashlib.sha256((tmp_path / file).read_bytes()).hexdigest()
        lines += [f"[{table}]", f'file = "{file}"', f'sha256 = "{digest}"', 'licence = "x"']
    (tmp_path / "models.toml").write_text("\n".join(lines))
    return tmp_path


def test_nothing_is_read_before_it_is_used(folder: Path) -> None:
    (folder / "constants.npz").unlink()
    networks = load_networks(folder, threads=1)
    assert set(networks.checksums) == {"landmarker", "constants"}
    with pytest.raises(FhmrError, match=r"constants\.npz is missing"):
        networks.constants["latent_mean"]


def test_constants_are_arrays_by_name(folder: Path) -> None:
    constants = load_networks(folder).constants
    assert list(constants) == ["latent_mean"] and len(constants) == 1
    np.testing.assert_array_equal(constants["latent_mean"], np.arange(168.0))


def test_a_damaged_file_is_named_with_both_checksums_and_the_remedy(folder: Path) -> None:
    expected = model_files(folder)["landmarker"].sha256
    damaged = folder / "perception" / "landmarker.onnx"
    damaged.write_bytes(b"x")
    networks = load_networks(folder)
    with pytest.raises(FhmrError) as caught:
        networks.landmarker({"image": np.zeros((1, 256, 256, 3))})
    assert "landmarker.onnx is damaged" in caught.value.sentence
    assert expected in caught.value.sentence
    assert hashlib.sha256(b"x").hexdigest() in caught.value.sentence
    assert "python3 build.py setup" in caught.value.remedy
    with pytest.raises(FhmrError, match="is damaged"):
        verify(folder)


def test_a_missing_perception_network_says_how_to_make_it(folder: Path) -> None:
    (folder / "perception" / "landmarker.onnx").unlink()
    networks = load_networks(folder)
    with pytest.raises(FhmrError, match=r"is missing\. Run `python3 build\.py setup`"):
        networks.landmarker({})


def test_a_file_that_is_no_network_is_refused(folder: Path) -> None:
    with pytest.raises(FhmrError, match="cannot be loaded"):
        load_networks(folder).landmarker({})
    with pytest.raises(FhmrError, match=r"landmarker\.onnx cannot be loaded"):
        load_network(folder / "perception" / "landmarker.onnx", threads=1)


def test_an_unlisted_model_is_named_when_it_is_used(folder: Path) -> None:
    networks = load_networks(folder)
    with pytest.raises(FhmrError, match="lists no model called 'anchor'"):
        networks.anchor({})


def test_a_missing_or_broken_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match=r"holds no models\.toml"):
        load_networks(tmp_path)
    for content in (b"[perception", b"\xff\xfe\x00"):
        (tmp_path / "models.toml").write_bytes(content)
        with pytest.raises(FhmrError, match="cannot be read"):
            load_networks(tmp_path)


def test_every_listed_model_has_a_licence_and_a_full_checksum() -> None:
    files = model_files(models_folder())
    assert {"landmarker", "detector", "person_detector"} <= set(files)
    assert models_folder() == ROOT / "models"
    for entry in files.values():
        assert len(entry.sha256) == 64 and set(entry.sha256) <= set("0123456789abcdef")
        assert entry.licence, entry.name


def test_the_networks_in_place_are_the_listed_ones() -> None:
    assert len(verify()) == len(model_files(models_folder()))


def test_few_frames_are_asked_of_one_core_and_many_of_all() -> None:
    asked: list[str] = []

    def network(name: str) -> Network:
        def answer(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            asked.append(name)
            return {}

        return answer

    sized = Sized(few=network("few"), many=network("many"))
    for frames in (1, SMALL, SMALL + 1):
        sized({"latent": np.zeros((8, frames, 168))})
    assert asked == ["few", "few", "many"]
