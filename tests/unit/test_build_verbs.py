"""The one door: its verbs, exit codes and what clean leaves alone."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from build_steps import demonstration, places, verbs
from build_steps.progress import BuildError

VERBS = ("setup", "demo", "test", "lint", "package", "bench", "body", "train", "clean")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-S", str(places.ROOT / "build.py"), verb, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and verb in done.stdout


def test_an_unknown_verb_ends_with_exit_code_2() -> None:
    with pytest.raises(SystemExit) as caught:
        verbs.main(["bake"])
    assert caught.value.code == 2


def fail_with(error: BaseException) -> argparse.Namespace:
    def verb(options: argparse.Namespace) -> int:
        raise error

    return argparse.Namespace(run=verb)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (BuildError("There is no disk.", "Make room."), 2, "There is no disk.\nMake room."),
        (KeyboardInterrupt(), 130, "goes on from here"),
    ],
)
def test_what_a_person_can_mend_is_one_sentence_and_a_remedy(
    error: BaseException,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = fail_with(error)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", lambda self, words: options)
    assert verbs.main([]) == status
    assert words in capsys.readouterr().out


def test_clean_keeps_trained_states_and_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, root = tmp_path / ".build", places.ROOT
    for name in ("ROOT", "BUILD", "VENV", "OUT", "DIST", "MODELS", "TRAINING_STATE"):
        monkeypatch.setattr(places, name, tmp_path / getattr(places, name).relative_to(root))
    kept = [
        build / "training" / "checkpoint.pt",
        tmp_path / ".venv" / "pyvenv.cfg",
        tmp_path / "models" / "anchor.onnx",
        tmp_path / "elsewhere" / "film.mp4",
    ]
    gone = [
        tmp_path / "models" / "perception" / "detector.onnx",
        tmp_path / "out" / "demo.npz",
        build / "bpy-4.5" / "pyvenv.cfg",
    ]
    for file in (*kept, *gone):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    (tmp_path / "dist").symlink_to(tmp_path / "elsewhere")
    assert verbs.clean(argparse.Namespace(all=False)) == 0
    assert all(file.is_file() for file in kept)
    assert not any(file.exists() for file in gone)
    assert verbs.clean(argparse.Namespace(all=True)) == 0
    assert not build.exists() and not (tmp_path / ".venv").exists()
    assert verbs.clean(argparse.Namespace(all=True)) == 0  # nothing left to do


def test_a_blender_is_known_by_what_it_says(tmp_path: Path) -> None:
    blender = tmp_path / "blender"
    blender.write_text("#!/bin/sh\necho 'Blender 5.2.3 LTS'\n", encoding="utf-8")
    blender.chmod(0o755)
    assert demonstration._version_of(blender) == (5, 2)
    blender.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    assert demonstration._version_of(blender) == (0, 0)
    assert demonstration._version_of(tmp_path / "missing") == (0, 0)


def test_without_any_blender_the_demo_says_what_the_blend_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demonstration.pythons, "find", lambda version: None)
    monkeypatch.setattr(demonstration, "_installed_blenders", lambda: iter(()))
    with pytest.raises(BuildError, match="Blender 4") as caught:
        demonstration._maker(Path("python"))
    assert "Install Blender" in caught.value.remedy


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What a verb would have run, without its Python."""
    noted: list[list[str]] = []

    def record(command: Sequence[object]) -> int:
        noted.append([str(word) for word in command[2:]])
        return 0

    monkeypatch.setattr(verbs, "prepare", lambda: None)
    monkeypatch.setattr(verbs, "run_shown", record)
    monkeypatch.setattr(verbs.environments, "ensure_main", lambda lists: Path("python"))
    return noted


def test_train_gives_every_step_its_own_options(commands: list[list[str]]) -> None:
    assert verbs.main(["train", "--motion", "bvh", "--state", "state", "--minutes", "5"]) == 0
    assert [command[0] for command in commands] == [
        f"training.{step}" for step in verbs.TRAINING_STEPS if step != "data.compact"
    ]
    assert commands[0] == ["training.data.pairs", "--motion", "bvh", "--state", "state"]
    assert commands[2][1:] == ["--motion", "bvh", "--state", "state", "--minutes", "5.0"]


def test_train_goes_on_from_what_is_tracked_when_asked(commands: list[list[str]]) -> None:
    assert verbs.main(["train", "--motion", "bvh", "--state", "state", "--warm"]) == 0
    begun = {command[0]: command[-1] for command in commands if "--warm" in command}
    assert commands[0] == ["training.data.compact", "--state", "state"]
    assert set(begun) == {"training.train_anchor", "training.train_completion"}
    assert all(Path(file).is_file() for file in begun.values())


@pytest.mark.parametrize("step", verbs.TRAINING_STEPS)
def test_train_calls_modules_that_are_there_with_options_that_they_know(step: str) -> None:
    source = places.ROOT / "training" / Path(*step.split(".")).with_suffix(".py")
    text = source.read_text(encoding="utf-8")
    if "argument_parser(" in text:  # both networks share one
        text += (places.ROOT / "training" / "loop.py").read_text(encoding="utf-8")
    assert '__name__ == "__main__"' in text
    for name in verbs.TRAINING_STEPS[step]:
        assert f'"--{name}"' in text
