"""The staging of the extension's zip."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from build_steps import extension, places

WHEELS = ["av-18.1.0-cp311-abi3-win_amd64.whl", "onnxruntime-1.31.1-cp313-cp313-win_amd64.whl"]


def test_the_filled_manifest_names_its_platform_and_every_wheel() -> None:
    text = extension.filled_manifest(
        extension.MANIFEST.read_text(encoding="utf-8"), "windows-x64", WHEELS
    )
    manifest = tomllib.loads(text)
    assert manifest["platforms"] == ["windows-x64"]
    assert manifest["wheels"] == [f"./wheels/{name}" for name in WHEELS]
    assert manifest["permissions"].keys() == {"files"}


def test_a_manifest_without_a_place_for_the_wheels_is_refused() -> None:
    with pytest.raises(ValueError, match="one line"):
        extension.filled_manifest("id = 'fhmr'\n", "linux-x64", WHEELS)


def test_the_manifest_keeps_the_platforms_rules() -> None:
    manifest = tomllib.loads(extension.MANIFEST.read_text(encoding="utf-8"))
    assert (manifest["id"], manifest["name"]) == ("fhmr", "FHMR")
    assert manifest["blender_version_min"] == "4.5.0"
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert "network" not in manifest["permissions"]
    assert len(manifest["permissions"]["files"]) < 64
    assert len(manifest["tagline"]) <= 64 and not manifest["tagline"].endswith(".")


def test_the_zip_has_the_package_at_its_root_with_models_and_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    for name in (
        "fhmr_blender/__init__.py",
        "fhmr_blender/core/camera.py",
        "fhmr_blender/__pycache__/camera.pyc",
        "models/anchor.onnx",
        "models/body/neutral.npz",
        "models/perception/landmarker.onnx.part",
        "LICENSE",
        "wheel.whl",
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    monkeypatch.setattr(places, "ROOT", root)
    monkeypatch.setattr(places, "MODELS", root / "models")
    stage = tmp_path / "stage"
    extension.stage_files(stage, extension.named("linux-x64"), [root / "wheel.whl"])
    names = {file.relative_to(stage).as_posix() for file in stage.rglob("*") if file.is_file()}
    assert names == {
        "__init__.py",
        "core/camera.py",
        "models/anchor.onnx",
        "models/body/neutral.npz",
        "LICENSE",
        "wheels/wheel.whl",
        "blender_manifest.toml",
    }
