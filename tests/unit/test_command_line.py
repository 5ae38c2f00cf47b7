"""The command line: what it writes, what it says, how it ends."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender import blender_process
from fhmr_blender.core import shot_file
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline import weights
from fhmr_blender.pipeline.footage import Footage
from tests.unit.conftest import Run
from tests.unit.footage_networks import shipped

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
PICTURE = DATA / "tfjs_pose.jpg"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# -- estimate


def test_a_picture_gives_a_shot_and_an_overlay(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("estimate", PICTURE, "--out", "a.npz", "--overlay", "a.png", "--seed", 4)
    assert code == 0
    assert "1 person, 1 frame" in out
    assert names(tmp_path) == {"a.npz", "a.png"}
    shot = shot_file.read(tmp_path / "a.npz")
    assert shot.people[0].seed == 4
    drawn, plain = Footage(tmp_path / "a.png").frame(0), Footage(PICTURE).frame(0)
    assert drawn.shape == plain.shape
    changed = np.any(drawn != plain, axis=-1).mean()
    assert 0.02 < changed < 0.9


def test_without_out_the_shot_is_named_after_its_source(run: Run, tmp_path: Path) -> None:
    code, _, _ = run("estimate", PICTURE, "--hypotheses", 1, "--height", "1=1.8")
    assert code == 0
    shot = shot_file.read(tmp_path / "tfjs_pose.npz")
    assert shot.settings["heights"] == {"1": 1.8}


def damaged(tmp_path: Path, how: str) -> Path:
    path = tmp_path / f"{how}.jpg"
    content = PICTURE.read_bytes()
    if how == "missing":
        return path
    path.write_bytes(
        {
            "empty": b"",
            "truncated": content[: len(content) // 2],
            "text": b"Dear all,\nplease find attached a photograph.\n" * 20,
            "zeros": bytes(5000),
        }[how]
    )
    return path


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "text", "zeros"])
def test_a_source_that_is_no_picture_is_said_in_one_sentence(
    run: Run, tmp_path: Path, how: str
) -> None:
    path = damaged(tmp_path, how)
    before = names(tmp_path)
    code, out, err = run("estimate", path)
    assert code == 2
    assert not out
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 2  # the sentence, the remedy
    assert path.name in err
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--frames", "0:9"], "has 1 frame"),
        (["--frames", "3:9"], "has 1 frame"),
        (["--out", "none/a.npz"], "no folder none"),
        (["--out", "."], "is a folder"),
        (["--overlay", "a.gif"], "cannot be written as .gif"),
        (["--overlay", "none/a.png"], "no folder none"),
        (["--out", PICTURE], "overwrite"),
        (["--body", "nobody.pkl"], "does not exist"),
        (["--height", "tall"], "no height"),
        (["--height", "18"], "fits no adult"),
        (["--camera", "nowhere.json"], "does not exist"),
        (["--fov", "0"], "field of view"),
        (["--seed", "-3"], "no seed"),
    ],
    ids=str,
)
def test_options_that_cannot_be_met_are_said_and_nothing_is_written(
    run: Run, tmp_path: Path, words: list[object], said: str
) -> None:
    code, _, err = run("estimate", PICTURE, *words)
    assert code == 2
    assert said in err
    assert not names(tmp_path)


def test_a_picture_without_people_is_said(run: Run, tmp_path: Path) -> None:
    from fhmr_blender.pipeline.footage import write_picture

    write_picture(tmp_path / "grey.png", np.full((240, 320, 3), 120, np.uint8))
    code, _, err = run("estimate", "grey.png")
    assert code == 2
    assert "No person was found in frame 0 of grey.png" in err
    assert names(tmp_path) == {"grey.png"}


def test_a_damaged_model_is_named_with_its_checksum(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(weights.models_folder(), models)
    network = models / "perception" / "landmarker.onnx"
    network.write_bytes(network.read_bytes()[:-1] + b"?")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "models_folder", lambda: models)
    code, _, err = run("estimate", PICTURE, "--no-cache")  # what was seen would need no network
    assert code == 2
    assert "landmarker.onnx" in err
    assert "sha256" in err
    assert "build.py setup" in err
    assert names(tmp_path) == {"models"}


def test_cancelling_ends_with_130_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fhmr_blender.pipeline.estimate.estimate", interrupted)
    code, _, err = run("estimate", PICTURE)
    assert (code, err) == (130, "Cancelled.\n")
    assert not names(tmp_path)


def test_a_blend_without_a_blender_is_refused_before_any_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blender_process.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BLENDER", raising=False)
    code, _, err = run("estimate", PICTURE, "--blend", "a.blend")
    assert code == 2
    assert "Blender" in err
    monkeypatch.setenv("BLENDER", "/no/such/blender")
    assert "/no/such/blender" in run("estimate", PICTURE, "--blend", "a.blend")[2]
    assert not names(tmp_path)


def test_a_blender_that_fails_is_quoted(tmp_path: Path) -> None:
    program = tmp_path / "blender"
    program.write_text("#!/bin/sh\necho 'the disk is full' >&2\nexit 2\n")
    program.chmod(0o755)
    blender = blender_process.Blender(str(program), is_python=False)
    with pytest.raises(FhmrError, match="the disk is full"):
        blender_process.write_blend(blender, tmp_path / "a.npz", PICTURE, tmp_path / "a.blend")


# -- resample, export, info


def test_resample_writes_beside_its_source_and_leaves_that_alone(
    run: Run, tmp_path: Path, walk: Path
) -> None:
    before = walk.read_bytes()
    code, out, _ = run(
        "resample", walk, "--limbs", "left_arm,head", "--frames", "1:3", "--seed", 8,
        "--variations", 2, "--guidance", 0.5, "--person", 2,
    )  # fmt: skip
    assert code == 0
    assert "walk_resampled.npz" in out
    assert walk.read_bytes() == before
    person = shot_file.read(tmp_path / "walk_resampled.npz").people[1]
    assert person.samples.frames.tolist() == [1, 2]
    assert person.seed == 8


def test_resample_is_the_same_as_through_the_door(run: Run, tmp_path: Path, walk: Path) -> None:
    from fhmr_blender.jobs import silent
    from fhmr_blender.pipeline.resample import ResampleSettings, resample

    assert run("resample", walk, "--limbs", "left_arm", "--seed", 8, "--out", "b.npz")[0] == 0
    through = resample(
        shot_file.read(walk), shipped(), ResampleSettings(limbs=("left_arm",), seed=8), silent
    )
    assert (tmp_path / "b.npz").read_bytes() == shot_file.encode(through)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limbs", "tail"], "no limb 'tail'"),
        (["--limbs", "head", "--person", "9"], "no person 9"),
        (["--limbs", "head", "--frames", "90:99"], "not seen"),
        (["--limbs", "head", "--pin", "left_wrist=1,2,3"], "belongs to left_arm"),
        (["--limbs", "left_arm", "--pin", "left_wrist=1,2"], "no pin"),
        (["--limbs", "head", "--frames", "0:3:2"], "without a step"),
    ],
    ids=str,
)
def test_resampling_what_is_not_there_is_said(
    run: Run, tmp_path: Path, walk: Path, words: list[str], said: str
) -> None:
    code, _, err = run("resample", walk, *words)
    assert code == 2
    assert said in err
    assert names(tmp_path) == {"walk.npz"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("bvh", "walk_person2.bvh"), ("amass", "walk_person2_amass.npz"), ("csv", "walk_person2.csv")],
)
def test_exports_are_named_after_shot_and_person(
    run: Run, tmp_path: Path, walk: Path, kind: str, name: str
) -> None:
    assert run("export", walk, "--to", kind, "--person", 2)[0] == 0
    assert names(tmp_path) == {"walk.npz", name}
    assert (tmp_path / name).stat().st_size > 1000


def test_an_export_is_cleaned_up_unless_it_is_to_be_raw(
    run: Run, tmp_path: Path, walk: Path
) -> None:
    raw, clean, still = (tmp_path / f"{name}.csv" for name in ("raw", "clean", "still"))
    assert run("export", walk, "--to", "csv", "--raw", "--out", raw)[0] == 0
    assert run("export", walk, "--to", "csv", "--smoothing", 1, "--out", clean)[0] == 0
    assert run("export", walk, "--to", "csv", "--in-place", "--out", still)[0] == 0
    person = shot_file.read(walk).people[0]
    rows = {path: list(csv.DictReader(path.open())) for path in (raw, clean, still)}
    turns = [float(row["left_elbow_rx"]) for row in rows[raw]]
    stored = person.motion_world.poses.reshape(-1, 24, 3)[:, 18, 0]
    np.testing.assert_allclose(turns, stored, atol=1e-6)
    smooth = [float(row["left_elbow_rx"]) for row in rows[clean]]
    assert np.abs(np.diff(smooth, 2)).max() < 0.5 * np.abs(np.diff(turns, 2)).max()
    assert len({row["pelvis_x"] for row in rows[still]}) == 1
    code, _, err = run("export", walk, "--to", "csv", "--smoothing", 7)
    assert code == 2
    assert "7" in err


def test_info_for_people_and_for_programs(run: Run, walk: Path) -> None:
    code, out, _ = run("info", walk)
    assert code == 0
    assert "walk.mp4" in out
    code, out, _ = run("info", walk, "--json")
    told = json.loads(out)
    assert told["size"] == [640, 480]
    assert [person["id"] for person in told["people"]] == [1, 2]


@pytest.mark.parametrize(
    "command", [["info"], ["export", "--to", "bvh"], ["resample", "--limbs", "head"]]
)
def test_a_file_that_is_no_shot_is_said(run: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and then nothing")
    code, _, err = run(command[0], "broken.npz", *command[1:])
    assert code == 2
    assert "broken.npz" in err
    assert names(tmp_path) == {"broken.npz"}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["estimate"],
        ["fly"],
        ["export", "a.npz", "--to", "gif"],
        ["estimate", "a.jpg", "--frames", "x"],
    ],
)
def test_what_is_not_understood_shows_the_usage(run: Run, words: list[str]) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert "usage" in err


def test_it_works_from_anywhere_in_a_process_of_its_own(tmp_path: Path, walk: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fhmr_blender", "info", str(walk), "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frame_count"] == 4
