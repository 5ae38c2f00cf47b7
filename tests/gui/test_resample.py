"""Choosing among limbs that all fit, by mouse and keyboard: one walk, its steps in order."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest

from tests.gui.driver import NotSeen, Window
from tests.gui.steps import ARM, RIG, choose_limbs, moved, resample, see_to_an_estimate

STEPS = 12  # of a drag
FIXED = ("torso", "root", "shape")


@pytest.fixture(scope="module", autouse=True)
def estimated(window: Window) -> None:
    see_to_an_estimate(window)


@pytest.fixture(scope="module")
def anchor(window: Window, estimated: None) -> dict[str, Any]:
    """Digests of what Estimate has made final."""
    return window.blender.stored(rig=RIG)


@pytest.fixture(scope="module")
def before_the_drag() -> dict[str, Any]:
    """What one test leaves for the next to compare with."""
    return {}


def hand(window: Window) -> dict[str, Any]:
    return window.blender.hand(rig=RIG)


def state(window: Window) -> dict[str, Any]:
    """Panel, pose and stored take."""
    return {
        "guidance": window.blender.take(rig=RIG)["guidance"],
        "pose": window.blender.pose(rig=RIG),
        "stored": window.blender.stored(rig=RIG),
    }


def count_until(window: Window, keys: str, wanted: dict[str, Any], most: int) -> int:
    """How often keys have to be pressed until everything is as it was once."""
    for count in range(1, most + 1):
        before = state(window)
        window.press(keys)
        # Two steps may hold the same where a worker's result came before the slider's own step.
        with contextlib.suppress(NotSeen):
            changed = f"what {keys} does"
            window.wait(lambda before=before: state(window) != before, changed, patience=10.0)
        window.settle()
        if state(window) == wanted:
            return count
    return most + 1


def test_resample_draws_the_chosen_arm_and_nothing_else(
    window: Window, anchor: dict[str, Any]
) -> None:
    choose_limbs(window, "left_arm")
    before = window.blender.pose(rig=RIG)
    resample(window)
    window.wait(lambda: hand(window)["variations"] == 8, "eight variations")
    assert {"left_shoulder", "left_elbow"} <= moved(before, window.blender.pose(rig=RIG))
    assert moved(before, window.blender.pose(rig=RIG)) <= set(ARM)
    window.screenshot("variations")


def test_the_arrows_step_through_different_arms(window: Window, anchor: dict[str, Any]) -> None:
    first, shown = window.blender.pose(rig=RIG), hand(window)["shown"]
    seen = [first]
    for _ in range(2):
        at = hand(window)["shown"]
        window.click(window.find("fhmr.variation_next", row_of="fhmr.keep_variation"))
        window.wait(lambda at=at: hand(window)["shown"] == (at + 1) % 8, "the next variation")
        seen.append(window.blender.pose(rig=RIG))
    assert all(moved(one, other) for one, other in itertools.pairwise(seen))
    window.click(window.find("fhmr.variation_previous", row_of="fhmr.keep_variation"))
    window.wait(lambda: hand(window)["shown"] == (shown + 1) % 8, "the variation before")
    assert window.blender.pose(rig=RIG) == seen[1]
    window.screenshot("stepped")


def test_keep_takes_the_ghosts_away_and_leaves_the_pose(window: Window) -> None:
    pose = window.blender.pose(rig=RIG)
    assert hand(window)["open"]
    window.click(window.find("fhmr.keep_variation"))
    window.wait(lambda: not hand(window)["open"], "the choice to be kept")
    assert window.blender.pose(rig=RIG) == pose
    window.screenshot("kept")


def test_dragging_guidance_moves_the_arm_while_the_button_is_held(
    window: Window, before_the_drag: dict[str, Any]
) -> None:
    slider = window.find("fhmr_take.guidance")
    before_the_drag |= state(window)
    before_the_drag["slow"] = False
    values, poses = [window.blender.take(rig=RIG)["guidance"]], [window.blender.pose(rig=RIG)]
    for _ in window.drag(slider, across=-120, steps=STEPS):
        values.append(window.blender.take(rig=RIG)["guidance"])
        poses.append(window.blender.pose(rig=RIG))
        before_the_drag["slow"] |= hand(window)["pending"]
    assert len(set(values)) > 3, values
    assert sum(bool(moved(one, other)) for one, other in itertools.pairwise(poses)) > 2
    window.wait(lambda: not hand(window)["pending"], "the last value to be drawn")
    window.screenshot("guidance")


def test_one_undo_takes_the_whole_drag_back_and_redo_repeats_it(
    window: Window, before_the_drag: dict[str, Any]
) -> None:
    # Where a draw takes longer than an event may, a worker draws, and each result is a step.
    steps = 2 * STEPS if before_the_drag.pop("slow") else 1
    dragged = state(window)
    assert count_until(window, "ctrl+z", before_the_drag, steps) <= steps
    assert count_until(window, "ctrl+shift+z", dragged, steps) <= steps


def test_the_torso_never_moved(window: Window, anchor: dict[str, Any]) -> None:
    now = window.blender.stored(rig=RIG)
    assert {key: now[key] for key in FIXED} == {key: anchor[key] for key in FIXED}
    others = [joint for joint in range(24) if joint not in (16, 18, 20, 22)]  # of the left arm
    assert [now["rotations"][joint] for joint in others] == [
        anchor["rotations"][joint] for joint in others
    ]


def test_undoing_everything_and_redoing_it_ends_where_it_began(window: Window) -> None:
    end = state(window)
    window.press("ctrl+z", "ctrl+z", "ctrl+z")
    window.wait(lambda: state(window)["pose"] != end["pose"], "the undo")
    window.press("ctrl+shift+z", "ctrl+shift+z", "ctrl+shift+z")
    window.wait(lambda: state(window) == end, "the redo")
