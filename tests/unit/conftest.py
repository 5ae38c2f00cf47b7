"""Fixtures that tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fhmr_blender import __main__ as command_line
from fhmr_blender.core import shot_file
from fhmr_blender.pipeline import weights
from tests.unit import sitter
from tests.unit.footage_networks import shipped

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(words)` in an empty folder -> exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "load_networks", shipped)

    def call(*words: object) -> tuple[int, str, str]:
        try:
            code = command_line.main([str(word) for word in words])
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """A stored shot of nobody in particular."""
    path = tmp_path / "walk.npz"
    shot_file.write(path, sitter.shot(4, people=2))
    return path
