"""Which model files the build takes for sound."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from build_steps import extension, model_list, places
from build_steps.progress import BuildError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A models folder with one network of each kind, as listed."""
    (tmp_path / "perception").mkdir()
    entries = []
    for name in ("anchor.onnx", "perception/detector.onnx"):
        (tmp_path / name).write_bytes(name.encode())
        digest = hashlib.sha256(name.encode()).hexdigest()
        entries.append(
            f'["{name.split(".")[0]}"]\nfile = "{name}"\nsha256 = "{digest}"\n[notes.{digest}]\n'
        )
    (tmp_path / "models.toml").write_text("".join(entries), encoding="utf-8")
    return tmp_path


def test_what_is_as_listed_is_sound(folder: Path) -> None:
    assert set(model_list.listed(folder)) == {"anchor.onnx", "perception/detector.onnx"}
    assert model_list.unsound(folder) == []


def test_a_missing_and_a_damaged_file_are_named(folder: Path) -> None:
    (folder / "anchor.onnx").unlink()
    (folder / "perception/detector.onnx").write_bytes(b"half")
    assert model_list.unsound(folder) == ["anchor.onnx", "perception/detector.onnx"]
    assert model_list.unsound(folder, "perception/") == ["perception/detector.onnx"]


def test_no_zip_is_made_of_damaged_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "anchor.onnx").write_bytes(b"half")
    monkeypatch.setattr(places, "MODELS", folder)
    with pytest.raises(BuildError, match=r"anchor\.onnx"):
        extension.build(extension.named("linux-x64"))
