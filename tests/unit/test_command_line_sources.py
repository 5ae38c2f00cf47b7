"""`estimate` with many sources: a bad one stops nothing, finished ones are skipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender import __main__ as command_line
from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Shot
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import Cancelled, Report
from fhmr_blender.pipeline import estimate as estimating
from fhmr_blender.pipeline import weights
from fhmr_blender.pipeline.estimate import EstimateSettings
from fhmr_blender.pipeline.footage import Footage, write_picture
from fhmr_blender.pipeline.weights import Networks
from tests.unit import sitter

Run = Callable[..., tuple[int, str, str]]


class Estimates:
    """Stands for `estimate`: remembers what was asked, fails where it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failing: dict[str, BaseException] = {}

    def __call__(
        self, footage: Footage, networks: Networks, settings: EstimateSettings, report: Report
    ) -> Shot:
        self.asked.append(footage.path.name)
        if footage.path.name in self.failing:
            raise self.failing[footage.path.name]
        made = sitter.shot(2)
        told = {
            **made.settings,
            "request": estimating._request(settings),
            "models": dict(networks.checksums),
            "cuts": [7],
        }
        return replace(made, settings=told, source_sha256=footage.sha256, fps=footage.fps)


@pytest.fixture
def estimates(monkeypatch: pytest.MonkeyPatch) -> Estimates:
    made = Estimates()
    monkeypatch.setattr(estimating, "estimate", made)
    monkeypatch.setattr(weights, "load_networks", sitter.networks)
    return made


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(words)` in a folder with the pictures a.png and b.png -> exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        write_picture(tmp_path / "in" / name, picture(number))

    def call(*words: object) -> tuple[int, str, str]:
        code = command_line.main(["estimate", *(str(word) for word in words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def picture(shade: int) -> np.ndarray:
    return np.full((40, 60, 3), 50 + shade, np.uint8)


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_folder_is_every_picture_and_movie_in_it(
    run: Run, estimates: Estimates, tmp_path: Path
) -> None:
    (tmp_path / "in" / "notes.txt").write_text("nothing to see")
    (tmp_path / "in" / ".hidden.png").write_bytes(b"x")
    code, out, _ = run("in", "--out", "shots")
    assert code == 0
    assert estimates.asked == ["a.png", "b.png"]
    assert sorted(path.name for path in (tmp_path / "shots").iterdir()) == ["a.npz", "b.npz"]
    assert out.count("1 person, 2 frames") == 2
    assert out.count("The picture cuts at frame 7") == 2


def test_finished_sources_are_skipped_until_something_changes(
    run: Run, estimates: Estimates, tmp_path: Path
) -> None:
    run("in", "--out", "shots")
    estimates.asked.clear()
    code, out, _ = run("in", "--out", "shots")
    assert code == 0 and estimates.asked == [] and out.count("finished before") == 2
    run("in", "--out", "shots", "--seed", 5)
    assert estimates.asked == ["a.png", "b.png"]
    estimates.asked.clear()
    run("in", "--out", "shots", "--seed", 5, "--force")
    assert estimates.asked == ["a.png", "b.png"]
    estimates.asked.clear()
    write_picture(tmp_path / "in" / "b.png", picture(99))  # another picture of the same name
    (tmp_path / "shots" / "a.npz").write_bytes(b"broken")
    run("in", "--out", "shots", "--seed", 5)
    assert estimates.asked == ["a.png", "b.png"]


def test_a_bad_source_is_told_at_the_end_and_stops_nothing(
    run: Run, estimates: Estimates, tmp_path: Path
) -> None:
    (tmp_path / "in" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, out, err = run("in", "--out", "shots", "--json")
    assert code == 2
    assert estimates.asked == ["b.png"]
    assert [line["status"] for line in lines(out)] == ["failed", "done"]
    assert "1 of 2 failed" in err and "a.png" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_something_unexpected_stops_nothing_either(run: Run, estimates: Estimates) -> None:
    estimates.failing["a.png"] = RuntimeError("out of the blue")
    code, out, err = run("in", "--out", "shots", "--json")
    assert code == 1
    assert [line["status"] for line in lines(out)] == ["failed", "done"]
    assert "Traceback" in err and "out of the blue" in err.splitlines()[-1]


def test_cancelling_stops_all_and_keeps_what_is_finished(
    run: Run, estimates: Estimates, tmp_path: Path
) -> None:
    estimates.failing["b.png"] = Cancelled()
    code, _, err = run("in", "--out", "shots")
    assert code == 130 and "Cancelled" in err
    assert (tmp_path / "shots" / "a.npz").is_file()
    estimates.failing.clear()
    estimates.asked.clear()
    assert run("in", "--out", "shots")[0] == 0
    assert estimates.asked == ["b.png"]


def test_every_shot_is_one_line_of_json(run: Run, estimates: Estimates) -> None:
    _, out, _ = run("in/a.png", "in/b.png", "--out", "shots", "--json")
    first, second = lines(out)
    assert first["source"] == str(Path("in/a.png")) and first["status"] == "done"
    assert first["written"] == [str(Path("shots/a.npz"))]
    assert first["people"] == 1 and first["frames"] == 2 and second["notes"]
    _, out, _ = run("in/a.png", "--out", "one.npz", "--json")
    assert [line["written"] for line in lines(out)] == [["one.npz"]]


def test_a_single_failed_source_says_json_too(run: Run, estimates: Estimates) -> None:
    estimates.failing["a.png"] = FhmrError("No person was found in frame 0.", "Choose another.")
    code, out, err = run("in/a.png", "--json")
    assert code == 2 and "No person" in err
    (line,) = lines(out)
    assert line["status"] == "failed" and line["remedy"] == "Choose another."


def test_results_of_the_same_name_do_not_overwrite_each_other(
    run: Run, estimates: Estimates, tmp_path: Path
) -> None:
    (tmp_path / "in" / "b.png").rename(tmp_path / "in" / "a.bmp")  # the name's ending means nothing
    run("in", "--out", "shots")
    names = sorted(path.name for path in (tmp_path / "shots").iterdir())
    assert names == ["a_bmp.npz", "a_png.npz"]


def test_an_empty_folder_and_a_file_for_many_are_refused(
    run: Run, estimates: Estimates, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run("empty")
    assert code == 2 and "holds no picture or movie" in err
    (tmp_path / "taken").write_text("x")
    code, _, err = run("in", "--out", "taken")
    assert code == 2 and "several sources need a folder" in err


def test_a_sequence_is_one_source(run: Run, estimates: Estimates, tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / "in" / f"walk_{number:04d}.png", picture(number))
    assert run("in/walk_####.png")[0] == 0
    assert run("in/walk_0001.png", "--sequence", "--out", "b.npz", "--fps", 12)[0] == 0
    assert estimates.asked == ["walk_####.png"] * 2
    assert shot_file.read(tmp_path / "walk.npz").fps == 24.0
    assert shot_file.read(tmp_path / "b.npz").fps == 12.0
