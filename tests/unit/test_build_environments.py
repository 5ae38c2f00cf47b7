"""Pinned lists, stamps and the search for Pythons."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from build_steps import environments, places, pythons
from build_steps.progress import BuildError

LISTS = sorted(file.stem for file in places.REQUIREMENTS.glob("*.txt"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Package to version, of one list."""
    return dict(PIN.findall((places.REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", LISTS)
def test_every_line_is_a_pin_with_hashes(name: str) -> None:
    text = (places.REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if not line.startswith("#")]
    assert lines
    for line in filter(str.strip, lines):
        assert PIN.match(line), line
        assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("name", [name for name in LISTS if not name.startswith("torch")])
def test_a_list_has_every_pin_that_it_was_made_from(name: str) -> None:
    wanted = (places.REQUIREMENTS / f"{name}.in").read_text(encoding="utf-8")
    held = pins(name)
    for package, version in PIN.findall(wanted):
        if package != "torch":
            assert held[package] == version


def test_lists_for_one_environment_agree() -> None:
    for lists in (environments.TESTS, environments.TRAINING, environments.BODY):
        together: dict[str, str] = {}
        for name in lists:
            for package, version in pins(name).items():
                assert together.setdefault(package, version) == version, (package, name)


def test_the_zip_has_the_versions_that_are_tested() -> None:
    zipped = pins("wheels")
    assert set(zipped) == {"onnxruntime", "av"}
    for name in ("runtime", *(f"bpy-{blender.version}" for blender in environments.BLENDERS)):
        held = pins(name)
        assert {package: held[package] for package in zipped} == zipped


def test_torch_comes_after_what_it_needs() -> None:
    for lists in (environments.TESTS, environments.TRAINING, environments.BODY):
        assert lists[-1] == environments.TORCH
    assert pins("torch") == {"torch": environments.TORCH_VERSION}


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Lists in a folder of the test's own; the names of those that were installed."""
    done: list[str] = []
    monkeypatch.setattr(places, "REQUIREMENTS", tmp_path)
    for name in ("first", "second"):
        (tmp_path / f"{name}.txt").write_text("one==1\n", encoding="utf-8")
    monkeypatch.setattr(environments, "_install", lambda folder, name: done.append(name))
    return done


def test_what_is_installed_is_not_installed_again(installs: list[str], tmp_path: Path) -> None:
    environments._ensure_lists(tmp_path, ("first", "second"))
    environments._ensure_lists(tmp_path, ("first", "second"))
    assert installs == ["first", "second"]


def test_a_changed_list_is_installed_again(installs: list[str], tmp_path: Path) -> None:
    environments._ensure_lists(tmp_path, ("first", "second"))
    (tmp_path / "second.txt").write_text("one==2\n", encoding="utf-8")
    environments._ensure_lists(tmp_path, ("first", "second"))
    assert installs == ["first", "second", "second"]


def test_an_interrupted_installation_goes_on_where_it_stopped(
    installs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(folder: Path, name: str) -> None:
        if name == "second":
            raise KeyboardInterrupt
        installs.append(name)

    whole = environments._install
    monkeypatch.setattr(environments, "_install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environments._ensure_lists(tmp_path, ("first", "second"))
    monkeypatch.setattr(environments, "_install", whole)
    environments._ensure_lists(tmp_path, ("first", "second"))
    assert installs == ["first", "second"]


@pytest.mark.parametrize("stamp", ["", "{", "[]", "null", '{"first": 3}'])
def test_a_damaged_stamp_means_nothing_is_known(
    stamp: str, installs: list[str], tmp_path: Path
) -> None:
    (tmp_path / environments.STAMP).write_text(stamp, encoding="utf-8")
    environments._ensure_lists(tmp_path, ("first",))
    assert installs == ["first"]


def test_a_full_disk_is_said_before_anything_is_installed(
    installs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(environments.SPACE, "first", 1e9)
    with pytest.raises(BuildError, match="GB of free disk"):
        environments._ensure_lists(tmp_path, ("first",))
    assert not installs


def test_an_unfinished_environment_does_not_count_as_working(tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    python = places.executable_in(folder)
    python.parent.mkdir(parents=True)
    python.write_text("not a Python", encoding="utf-8")
    assert not environments._works(folder)


def test_the_running_python_is_found() -> None:
    found = pythons.find((sys.version_info[0], sys.version_info[1]))
    assert found is not None and found.is_file()


def test_a_python_that_is_missing_is_named_with_a_way_to_get_it() -> None:
    with pytest.raises(BuildError, match=r"Blender 9\.9 .* needs Python 3\.99") as caught:
        pythons.require((3, 99), "Blender 9.9 as a module")
    assert "Install Python 3.99" in caught.value.remedy


def test_a_program_that_only_looks_like_the_python_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pyenv shim of a version that is not active behaves like this one.
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pythons.find((3, 99)) is None
