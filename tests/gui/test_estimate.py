"""From an empty Blender to a posed body, by mouse and keyboard: one walk, its steps in order."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.gui.driver import RIGHT, Window
from tests.gui.steps import PICTURE, RIG, choose, start_estimate, wait_for_job

MADE = {"tfjs_pose_camera", RIG, f"{RIG}_body"}
MOVIE_FRAMES = 100  # some 20 s to estimate: time to look and to cancel


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie that takes a while: the picture, drifting."""
    with av.open(PICTURE) as opened:
        picture = next(opened.decode(video=0)).to_ndarray(format="rgb24")[:640, :960]
    target = tmp_path_factory.mktemp("movie") / "drifting.mp4"
    with av.open(target, "w") as made:
        stream = made.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 960, 640, "yuv420p"
        for index in range(MOVIE_FRAMES):
            rolled = np.ascontiguousarray(np.roll(picture, index, axis=1))
            made.mux(stream.encode(av.VideoFrame.from_ndarray(rolled, format="rgb24")))
        made.mux(stream.encode())
    return target


@pytest.fixture(scope="module", autouse=True)
def empty(window: Window) -> None:
    window.blender.start_empty()
    window.blender.show_colours()


def test_the_tab_is_in_the_sidebar(window: Window) -> None:
    window.open_sidebar()
    assert window.blender.sidebar_tab() == "FHMR"
    window.screenshot("empty")


def test_without_footage_the_button_does_nothing(window: Window) -> None:
    window.click(window.find("fhmr.estimate"))
    window.settle()
    assert window.blender.job() is None
    assert window.blender.names() == []


def test_a_typed_path_shows_the_picture(window: Window) -> None:
    choose(window, PICTURE)
    footage = window.blender.footage()
    assert footage["problem"] == ""
    assert footage["size"] == [1000, 667] and footage["frame_count"] == 1
    window.screenshot("footage")


def test_the_scene_takes_the_pictures_size(window: Window) -> None:
    window.click(window.find("fhmr.match_scene"))
    window.wait(lambda: window.blender.resolution() == [1000, 667], "the scene's new size")


def test_esc_cancels_and_leaves_the_scene_as_it_was(window: Window, movie: Path) -> None:
    choose(window, movie)
    start_estimate(window)
    window.wait(lambda: (window.blender.job() or {"fraction": 1})["fraction"] > 0.05, "progress")
    window.screenshot("progress")
    assert window.blender.job() is not None, window.log()
    window.press("Escape")
    wait_for_job(window)
    window.settle()
    assert window.blender.names() == []
    assert window.blender.collections() == []
    window.screenshot("cancelled")


def test_the_cross_cancels_too(window: Window) -> None:
    start_estimate(window)
    place = window.find("fhmr.cancel", at=RIGHT)
    assert window.blender.job() is not None, window.log()
    window.click(place)
    wait_for_job(window)
    window.settle()
    assert window.blender.names() == []


def test_estimate_makes_a_posed_body_while_the_bar_moves(window: Window) -> None:
    choose(window, PICTURE)
    start_estimate(window)
    fractions = wait_for_job(window)
    window.wait(lambda: set(window.blender.names()) >= MADE, "the body")
    # A picture takes a second: how many values are seen of it hangs on the machine.
    assert fractions and fractions == sorted(fractions)
    assert window.blender.collections() == ["FHMR tfjs_pose"]
    assert window.blender.active() == RIG
    pose = window.blender.pose(rig=RIG)
    assert len(pose) == 24 and all(abs(value) < 10 for row in pose.values() for value in row)
    assert len({tuple(row) for row in pose.values()}) > 20  # a rest pose has one matrix
    window.screenshot("estimated")


def test_the_view_looks_through_the_new_camera_and_the_body_covers_the_person(
    window: Window,
) -> None:
    assert window.blender.view_perspective() == "CAMERA"
    joints = [window.blender.joint(rig=RIG, bone=name) for name in ("pelvis", "left_wrist")]
    pelvis, wrist = window.blender.on_screen(points=joints)
    corners = window.blender.camera_frame()
    left, right = (sorted(x for x, _ in corners)[index] for index in (0, -1))
    top, bottom = (sorted(y for _, y in corners)[index] for index in (0, -1))
    width = right - left
    # Read off the picture, 1000 x 667: his hips are at (495, 470), his left wrist at (700, 312).
    for found, wanted in ((pelvis, (0.495, 0.705)), (wrist, (0.70, 0.468))):
        assert abs((found[0] - left) / width - wanted[0]) < 0.08
        assert abs((found[1] - top) / (bottom - top) - wanted[1]) < 0.08


def test_one_undo_takes_the_body_away_and_redo_brings_it_back(window: Window) -> None:
    pose = window.blender.pose(rig=RIG)
    window.press("ctrl+z")
    window.wait(lambda: window.blender.names() == [], "the undo")
    assert window.blender.collections() == []
    window.press("ctrl+shift+z")
    window.wait(lambda: set(window.blender.names()) >= MADE, "the redo")
    assert window.blender.pose(rig=RIG) == pose
