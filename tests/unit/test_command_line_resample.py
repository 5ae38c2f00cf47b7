"""The command line's `resample`: everything that the panel can, written down in a shot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Person
from tests.unit.conftest import Run


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def resampled(run: Run, walk: Path, *words: object) -> tuple[str, Person]:
    """What is said, and the first person of what is written."""
    code, out, err = run("resample", walk, *words, "--out", "b.npz")
    assert code == 0, err
    return out, shot_file.read(walk.with_name("b.npz")).people[0]


def test_variations_are_listed_and_the_wanted_one_is_shown(run: Run, walk: Path) -> None:
    out, person = resampled(
        run, walk, "--limbs", "left_arm", "--variations", 5, "--show", 3, "--steps", 2
    )
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["0", "1", "2", "*", "4"]
    assert person.chosen[0, 1] == 3


def test_pins_of_every_kind_are_met_or_said(run: Run, walk: Path) -> None:
    out, person = resampled(
        run, walk, "--limbs", "left_arm,head", "--pin", "left_wrist=9,9,9@1", "--pin",
        "head>0,-2,1.5*0.5", "--pin", "left_elbow~300,200@2",
    )  # fmt: skip
    assert "left wrist stays" in out
    assert [pin["kind"] for pin in person.edits["pins"]] == ["place", "look", "pixel"]


def test_keypoints_sides_and_contacts_are_corrected_without_drawing(run: Run, walk: Path) -> None:
    _, person = resampled(
        run, walk, "--keypoint", "left_wrist=100,120@1", "--keypoint", "nose=wrong@0:3",
        "--swap", "legs@1:3", "--contact", "left_ankle=floor@0:4", "--contact",
        "right_wrist=1,2,0.5@1", "--contact", "left_wrist=right_knee@2:4", "--contact",
        "right_toe=off@0:2",
    )  # fmt: skip
    keypoints, contacts = person.edits["keypoint_edits"], person.edits["contact_edits"]
    assert keypoints[0] == {"frame": 1, "end": 2, "landmark": "left_wrist", "x": 100.0, "y": 120.0}
    assert keypoints[1] == {"frame": 0, "end": 3, "landmark": "nose", "wrong": True}
    assert keypoints[2] == {"frame": 1, "end": 3, "swap": "legs"}
    assert [contact["target"] for contact in contacts] == [
        None, {"place": [1.0, 2.0, 0.5]}, {"joint": "right_knee"}, None,
    ]  # fmt: skip
    assert [contact["state"] for contact in contacts] == [True, True, True, False]
    assert not person.chosen.max() >= 0


def test_a_favourite_is_kept_and_shown_again(run: Run, tmp_path: Path, walk: Path) -> None:
    arm = ("--limbs", "left_arm")
    _, kept = resampled(run, walk, *arm, "--show", 2, "--keep", "waving")
    assert run("resample", "b.npz", *arm, "--seed", 5, "--out", "c.npz")[0] == 0
    assert run("resample", "c.npz", "--favourite", "waving", "--out", "d.npz")[0] == 0
    again = shot_file.read(tmp_path / "d.npz").people[0]
    np.testing.assert_array_equal(again.motion_cam.rotations, kept.motion_cam.rotations)
    code, _, err = run("resample", "d.npz", "--favourite", "sitting")
    assert (code, "Choose among waving" in err) == (2, True)


def test_reset_takes_a_drawn_limb_back(run: Run, tmp_path: Path, walk: Path) -> None:
    _, drawn = resampled(run, walk, "--limbs", "left_arm,head", "--guidance", 0)
    words = ("--limbs", "left_arm", "--frames", "1:3", "--reset", "--out", "c.npz")
    assert run("resample", "b.npz", *words)[0] == 0
    person = shot_file.read(tmp_path / "c.npz").people[0]
    moved = np.any(person.motion_cam.rotations != drawn.motion_cam.rotations, axis=(2, 3))
    assert moved[1:3][:, [16, 18, 20, 22]].any()
    moved[1:3][:, [16, 18, 20, 22]] = False
    assert not moved.any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "No limb is named"),
        (["--limbs", "head", "--show", "8"], "no variation 8"),
        (["--keypoint", "left_wrist=1,2"], "says no frames"),
        (["--keypoint", "left_wrist=1@2"], "not understood"),
        (["--keypoint", "tail=1,2@3"], "no keypoint 'tail'"),
        (["--swap", "heads@1:2"], "cannot change sides"),
        (["--swap", "arms"], "says no frames"),
        (["--contact", "nose=floor@1"], "cannot touch"),
        (["--contact", "left_wrist=1,2@1"], "not understood"),
        (["--limbs", "tail", "--reset"], "no limb 'tail'"),
        (["--keep", "x", "--swap", "arms@0:2"], "Resample a limb"),
    ],
    ids=str,
)
def test_corrections_that_cannot_be_are_said_and_nothing_is_written(
    run: Run, tmp_path: Path, walk: Path, words: list[str], said: str
) -> None:
    code, _, err = run("resample", walk, *words)
    assert code == 2
    assert said in err
    assert names(tmp_path) == {"walk.npz"}
