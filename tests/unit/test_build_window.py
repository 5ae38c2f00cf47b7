"""The Blender with a window: which Debian it comes from, and the zip that is installed in it."""

from __future__ import annotations

import os
import tomllib
import zipfile
from pathlib import Path

import pytest

from build_steps import blender_window, extension, places, verbs
from build_steps.blender_window import Window
from build_steps.progress import BuildError
from build_steps.suites import Counts, Outcome

MANIFEST = extension.filled_manifest(
    extension.MANIFEST.read_text(encoding="utf-8"), "linux-x64", ["av-18.1.0-cp311-abi3-any.whl"]
)
NEW, OLD = "onnxruntime-1.31.1-cp314-cp314-any.whl", "av-18.1.0-cp311-abi3-any.whl"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small zip of ours, and the wheels of another Python."""
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    wheels = [tmp_path / NEW, tmp_path / OLD]
    for wheel in wheels:
        wheel.write_bytes(wheel.name.encode())
    monkeypatch.setattr(extension, "fetch_wheels", lambda target, pythons: wheels)
    monkeypatch.setattr(extension, "this_platform", lambda: extension.named("linux-x64"))
    target = tmp_path / "fhmr.zip"
    with zipfile.ZipFile(target, "w") as zipped:
        zipped.writestr("blender_manifest.toml", MANIFEST)
        zipped.writestr(f"wheels/{OLD}", b"as released")
        zipped.writestr("core/camera.py", b"unchanged")
    return target


def read(zipped: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(zipped) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_the_zip_gains_only_what_this_python_lacks(package: Path, tmp_path: Path) -> None:
    held = read(blender_window.package_for(Window(tmp_path, (5, 2), (3, 14)), package))
    manifest = tomllib.loads(held.pop("blender_manifest.toml").decode())
    assert held == {
        f"wheels/{OLD}": b"as released",
        "core/camera.py": b"unchanged",
        f"wheels/{NEW}": NEW.encode(),
    }
    assert sorted(manifest["wheels"]) == [f"./wheels/{OLD}", f"./wheels/{NEW}"]
    assert manifest["blender_version_min"] == "4.5.0"


def test_an_older_blender_lowers_the_oldest_version(package: Path, tmp_path: Path) -> None:
    held = read(blender_window.package_for(Window(tmp_path, (4, 3), (3, 13)), package))
    manifest = tomllib.loads(held["blender_manifest.toml"].decode())
    assert manifest["blender_version_min"] == "4.3.0"


class Machine:
    """Stands in for debootstrap, chroot and apt; remembers what was asked of them."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.fails: set[str] = set()  # words of commands that fail

    def run_logged(
        self, title: str, command: list[str | Path], log: str, env: object = None
    ) -> None:
        words = [str(word) for word in command]
        self.commands.append(words)
        if self.fails & {Path(word).name for word in words}:
            raise BuildError(f"{title} failed.", "Look.")
        if words[0] == "debootstrap":
            (Path(words[-2]) / "etc").mkdir(parents=True)

    def count(self, word: str) -> int:
        return sum(word in command for command in self.commands)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(places, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(blender_window, "run_logged", made.run_logged)
    monkeypatch.setattr(blender_window, "_check_machine", lambda: None)
    monkeypatch.setattr(blender_window, "require_space", lambda space, purpose: None)
    monkeypatch.setattr(blender_window, "_look", lambda root: Window(root, (5, 2), (3, 14)))
    return made


def test_the_newest_debian_is_taken_and_made_only_once(machine: Machine, tmp_path: Path) -> None:
    assert blender_window.ensure().root == tmp_path / "window-sid"
    before = len(machine.commands)
    assert blender_window.ensure().root == tmp_path / "window-sid"
    assert len(machine.commands) == before


def test_a_broken_off_installation_goes_on_with_what_is_there(machine: Machine) -> None:
    machine.fails = {"blender", "--fix-broken"}
    with pytest.raises(BuildError):
        blender_window.ensure()
    machine.fails = set()
    blender_window.ensure()
    assert machine.count("sid") == 1, "debootstrap ran again"


def test_the_stable_debian_stands_in_for_the_newest(machine: Machine, tmp_path: Path) -> None:
    machine.fails = {"window-sid"}
    assert blender_window.ensure().root == tmp_path / "window-trixie"


def test_if_neither_can_be_had_the_first_problem_is_told(machine: Machine) -> None:
    machine.fails = {"debootstrap"}
    with pytest.raises(BuildError, match="window-sid"):
        blender_window.ensure()


def test_without_root_the_remedy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(BuildError) as caught:
        blender_window.ensure()
    assert "root" in caught.value.sentence and "--only gui" in caught.value.remedy


@pytest.mark.parametrize(("ci", "counts"), [("", Counts(skipped=1)), ("true", Counts(failed=1))])
@pytest.mark.parametrize("package", [None, Path("fhmr.zip")])
def test_what_keeps_the_window_from_being_tested_is_counted(
    ci: str, counts: Counts, package: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Window:
        raise BuildError("Only root can enter.", "Be root.")

    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(blender_window, "ensure", refuse)
    missing: list[Outcome] = []
    assert verbs._window_suite(package, missing) == []
    assert [each.counts for each in missing] == [counts]
