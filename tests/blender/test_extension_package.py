"""The zip as an artist gets it: valid, installable, and gone without a trace when disabled."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHEELS_ALLOWED = {"onnxruntime", "av"}


@pytest.fixture(scope="module")
def package() -> Path:
    """The zip: what build.py names, or what lies in dist/."""
    named = os.environ.get("FHMR_PACKAGE")
    found = [Path(named)] if named else sorted((ROOT / "dist").glob("fhmr-*linux_x64.zip"))
    assert found, "There is no zip to test: run `python3 build.py package`."
    return found[-1]


@pytest.fixture(scope="module")
def report(package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an empty Blender says after installing, and disabling and enabling twice."""
    folder = tmp_path_factory.mktemp("blender")
    written = folder / "report.json"
    script = Path(__file__).with_name("install_extension.py")
    # An own home for Blender, and no way to the sources: only what the zip brings may be found.
    env = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "home"), "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, str(script), str(package), str(written)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    assert answer["enabled"], done.stdout + done.stderr
    return answer


def test_the_zip_passes_blenders_own_validator(package: Path) -> None:
    spec = importlib.util.find_spec("bpy")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    script = next(folder.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    done = subprocess.run(
        [sys.executable, str(script), "validate", str(package)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_zip_installs_and_enables(report: dict[str, Any]) -> None:
    assert report["installed"] == ["FINISHED"]
    assert report["enabled"]


def test_the_wheels_of_the_zip_are_the_ones_that_load(
    report: dict[str, Any], package: Path
) -> None:
    for name, wheel in report["wheels"].items():
        assert ".local" in wheel["file"] and "bpy-" not in wheel["file"], (name, wheel)
        assert wheel["version"] == _wheel_versions(package)[name]


def test_enabling_shows_the_add_on(report: dict[str, Any]) -> None:
    for traces in report["enabled_traces"]:
        assert traces["classes"], "enabled, but no class is registered"
        assert any("FHMR_PT" in name for name in traces["types"]), "there is no panel"


def test_disabling_leaves_nothing_behind_however_often(report: dict[str, Any]) -> None:
    assert len(report["disabled_traces"]) >= 2
    for traces in report["disabled_traces"]:
        assert traces == report["before"]


def test_enabling_again_brings_the_same_back(report: dict[str, Any]) -> None:
    first, *others = report["enabled_traces"]
    assert others and all(each == first for each in others)


def test_the_zip_holds_wheels_for_both_pythons_of_blender(package: Path) -> None:
    names = _wheels(package)
    assert {name.split("-")[0] for name in names} == WHEELS_ALLOWED
    tags = {name.split("-")[2] for name in names if name.startswith("onnxruntime")}
    assert tags == {"cp311", "cp313"}


def test_the_zip_holds_every_listed_model_undamaged(package: Path) -> None:
    with zipfile.ZipFile(package) as zipped:
        listed = list(_model_entries(tomllib.loads(zipped.read("models/models.toml").decode())))
        for entry in listed:
            content = zipped.read(f"models/{entry['file']}")
            assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
    names = {Path(entry["file"]).name for entry in listed}
    assert names >= {"landmarker.onnx", "anchor.onnx", "completion.onnx", "constants.npz"}


def test_the_manifest_asks_for_files_only_and_says_why_briefly(package: Path) -> None:
    with zipfile.ZipFile(package) as zipped:
        manifest = tomllib.loads(zipped.read("blender_manifest.toml").decode())
    assert manifest["id"] == "fhmr" and manifest["name"] == "FHMR"
    assert list(manifest["permissions"]) == ["files"]
    assert len(manifest["permissions"]["files"]) < 64  # Blender's limit
    assert sorted(manifest["wheels"]) == sorted(f"./wheels/{name}" for name in _wheels(package))


def test_the_zip_holds_the_licence_and_nothing_of_the_build(package: Path) -> None:
    with zipfile.ZipFile(package) as zipped:
        names = zipped.namelist()
    assert "LICENSE" in names and "__init__.py" in names
    strays = [name for name in names if re.search(r"__pycache__|\.pyc$|^tests/|^training/", name)]
    assert not strays


def _model_entries(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "file" in table:
        yield table
    for value in table.values():
        if isinstance(value, dict):
            yield from _model_entries(value)


def _wheels(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as zipped:
        return sorted(name.split("/")[-1] for name in zipped.namelist() if name.endswith(".whl"))


def _wheel_versions(package: Path) -> dict[str, str]:
    return {name.split("-")[0]: name.split("-")[1] for name in _wheels(package)}
