"""Steps that several walks take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.gui.driver import ROOT, Window

PICTURE = ROOT / "tests" / "data" / "tfjs_pose.jpg"
RIG = "tfjs_pose_person1"
LIMBS = ("head", "left_arm", "right_arm", "left_leg", "right_leg")
ARM = ("left_shoulder", "left_elbow", "left_wrist", "left_hand")
JOB_TAKES = 400.0  # s at most, on a busy machine without a graphics card


def choose(window: Window, file: Path) -> None:
    """Type a file's path into the panel's field."""
    path = window.lend(file)
    window.type_into(window.find("fhmr.filepath"), path)
    window.wait(lambda: window.blender.footage()["probed"] == path, f"{file.name} in the panel")


def start_estimate(window: Window) -> None:
    """Click Estimate Pose."""
    window.click(window.find("fhmr.estimate"))
    window.wait(window.blender.job, "Estimate Pose to start")


def wait_for_job(window: Window) -> list[float]:
    """Wait until nothing runs.

    Returns:
        Every different fraction that the progress bar had, in order.
    """
    fractions: list[float] = []

    def over() -> bool:
        job: dict[str, Any] | None = window.blender.job()
        if job is not None and job["fraction"] not in fractions:
            fractions.append(job["fraction"])
        return job is None

    window.wait(over, "the job to end", JOB_TAKES)
    window.settle()
    return fractions


def see_to_an_estimate(window: Window) -> None:
    """Have the picture's person posed, if an earlier walk has not left it so."""
    if RIG in window.blender.names():
        return
    window.blender.start_empty()
    window.blender.show_colours()
    window.open_sidebar()
    choose(window, PICTURE)
    start_estimate(window)
    wait_for_job(window)
    window.wait(lambda: RIG in window.blender.names(), "the body")


def choose_limbs(window: Window, *limbs: str) -> None:
    """Click the limbs' buttons until exactly these are chosen."""
    for index, limb in enumerate(LIMBS):
        if window.blender.take(rig=RIG)["limbs"][index] != (limb in limbs):
            window.click(window.find("fhmr_take.limbs", index))
    wanted = [limb in limbs for limb in LIMBS]
    window.wait(lambda: window.blender.take(rig=RIG)["limbs"] == wanted, "the limbs")


def resample(window: Window) -> None:
    """Click Resample and wait for the variations."""
    window.click(window.find("fhmr.resample"))
    wait_for_job(window)


def moved(before: dict[str, list[float]], after: dict[str, list[float]]) -> set[str]:
    """The bones whose pose differs by more than float32 can tell."""
    return {
        name
        for name, values in before.items()
        if max(abs(one - other) for one, other in zip(values, after[name], strict=True)) > 1e-5
    }
