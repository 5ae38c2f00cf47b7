"""Saying where a hand should be: a bone is clicked, a pin is dragged, the arm follows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.gui.driver import Place, Window
from tests.gui.steps import ARM, RIG, choose_limbs, moved, see_to_an_estimate, wait_for_job

PIN = f"{RIG}_pin_right_wrist"
RIGHT_ARM = tuple(name.replace("left", "right") for name in ARM)


@pytest.fixture(scope="module", autouse=True)
def estimated(window: Window) -> None:
    see_to_an_estimate(window)
    choose_limbs(window)


def on_bone(window: Window, upper: str, lower: str) -> Place:
    """The middle of a bone, as it lies in the window."""
    ends = window.blender.on_screen(
        points=[window.blender.joint(rig=RIG, bone=name) for name in (upper, lower)]
    )
    return Place(*(round((one + other) / 2) for one, other in zip(*ends, strict=True)))


def gap(window: Window) -> float:
    """Metres between the pin and the wrist."""
    return math.dist(
        window.blender.place(name=PIN), window.blender.joint(rig=RIG, bone="right_wrist")
    )


def test_a_bone_that_is_clicked_chooses_its_limb(window: Window) -> None:
    window.press("ctrl+Tab")
    window.wait(lambda: window.blender.mode() == "POSE", "Pose Mode")
    window.settle("WINDOW")
    window.click(on_bone(window, "right_elbow", "right_wrist"))
    window.wait(lambda: window.blender.active_bone() == "right_elbow", "the bone")
    limbs = [False, False, True, False, False]
    window.wait(lambda: window.blender.take(rig=RIG)["limbs"] == limbs, "the right arm")
    window.screenshot("bone")


def test_a_pin_is_added_at_the_bone(window: Window) -> None:
    window.unfold("fhmr.pin_add", below="fhmr.next_uncertain", number=2)
    window.click(window.find("fhmr.pin_add"))
    added = f"{RIG}_pin_right_elbow"
    window.wait(lambda: added in window.blender.names(), "the pin")
    assert window.blender.active() == added
    window.press("ctrl+z")
    window.wait(lambda: added not in window.blender.names(), "the undo")


def test_dragging_the_pin_of_a_wrist_takes_the_arm_along(window: Window) -> None:
    window.settle("WINDOW")
    window.click(on_bone(window, "right_wrist", "right_hand"))
    window.wait(lambda: window.blender.active_bone() in ("right_wrist", "right_hand"), "the hand")
    before, anchor = window.blender.pose(rig=RIG), window.blender.stored(rig=RIG)
    window.click(window.find("fhmr.pin_add"))
    window.wait(lambda: PIN in window.blender.names(), "the pin")
    window.settle("WINDOW")
    began = window.blender.place(name=PIN)
    (at,) = window.blender.on_screen(points=[began])
    start = Place(*map(round, at))
    window.press("g", over=start)
    end = Place(start.x + 30, start.y + 60)
    window.move(end)
    window.wait(lambda: window.blender.place(name=PIN) != began, "the pin to follow the pointer")
    window.wait(lambda: reached(window), "the wrist to follow the pin")
    window.click(end)
    wait_for_job(window)
    window.screenshot("pin")
    assert reached(window)
    changed = moved(before, window.blender.pose(rig=RIG))
    assert changed and changed <= set(RIGHT_ARM)
    now = window.blender.stored(rig=RIG)
    assert {key: now[key] for key in ("torso", "root", "shape")} == {
        key: anchor[key] for key in ("torso", "root", "shape")
    }


def reached(window: Window) -> Any:
    """Whether the wrist is at the pin, or the panel says that it cannot be."""
    return gap(window) < 0.02 or window.blender.unmet(rig=RIG)


def test_one_undo_takes_the_pin_and_the_arm_back(window: Window) -> None:
    pose, where = window.blender.pose(rig=RIG), window.blender.place(name=PIN)
    window.press("ctrl+z")
    window.wait(lambda: window.blender.place(name=PIN) != where, "the undo")
    assert moved(pose, window.blender.pose(rig=RIG))
    window.press("ctrl+shift+z")
    window.wait(lambda: window.blender.place(name=PIN) == where, "the redo")
    window.wait(lambda: window.blender.pose(rig=RIG) == pose, "the redone arm")
