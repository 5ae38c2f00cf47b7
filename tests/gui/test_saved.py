"""Saved, closed and opened again: the rig is as it was, and goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gui.driver import INSIDE, Window
from tests.gui.steps import RIG, choose_limbs, moved, resample, see_to_an_estimate

FILE = f"{INSIDE}/saved.blend"
BONES = 24


@pytest.fixture(scope="module")
def saved(window: Window) -> dict[str, Any]:
    """What was there when the file was saved; Blender is new since then."""
    see_to_an_estimate(window)
    choose_limbs(window, "head", "right_leg")
    there = {
        "take": window.blender.take(rig=RIG),
        "pose": window.blender.pose(rig=RIG),
        "stored": window.blender.stored(rig=RIG),
    }
    window.blender.save_file(path=FILE)
    window.restart()
    window.blender.open_file(path=FILE)
    window.wait(lambda: RIG in window.blender.names(), "the opened file")
    return there


def test_pose_panel_and_take_come_back(window: Window, saved: dict[str, Any]) -> None:
    assert window.blender.pose(rig=RIG) == saved["pose"]
    assert window.blender.take(rig=RIG) == saved["take"]
    assert window.blender.stored(rig=RIG) == saved["stored"]


def test_the_opened_rig_is_resampled_without_the_footage(
    window: Window, saved: dict[str, Any]
) -> None:
    (window.shared / "tfjs_pose.jpg").unlink()
    window.open_sidebar()
    choose_limbs(window, "right_leg")
    resample(window)
    window.wait(lambda: moved(saved["pose"], window.blender.pose(rig=RIG)), "another leg")
    changed = moved(saved["pose"], window.blender.pose(rig=RIG))
    assert changed <= {"right_hip", "right_knee", "right_ankle", "right_foot"}
    assert window.blender.stored(rig=RIG)["torso"] == saved["stored"]["torso"]


def test_bake_writes_keys_for_every_bone_and_undo_takes_them_away(window: Window) -> None:
    if window.blender.version() < [4, 4]:
        pytest.skip("FHMR writes keyframes as Blender has them since 4.4")
    before = window.blender.keys(rig=RIG)
    pose = window.blender.pose(rig=RIG)
    window.click(window.find("fhmr.bake"))
    window.wait(lambda: window.blender.keys(rig=RIG) != before, "the keys")
    keys = window.blender.keys(rig=RIG)
    assert keys["curves"] >= 3 * BONES and keys["keys"] >= keys["curves"]
    assert not moved(pose, window.blender.pose(rig=RIG))
    window.screenshot("baked")
    window.press("ctrl+z")
    window.wait(lambda: window.blender.keys(rig=RIG) == before, "the undo")
