"""A box around a person, dragged with the mouse over the footage."""

from __future__ import annotations

import pytest

from tests.gui.driver import Place, Window
from tests.gui.steps import PICTURE, RIG, choose, start_estimate, wait_for_job

SIZE = (1000, 667)  # of the picture
WANTED = (300.0, 20.0, 760.0, 650.0)  # x0 y0 x1 y1 around its person, pixels
NEAR = 6.0  # pixels of the picture that are one of the window, and a little


@pytest.fixture(scope="module", autouse=True)
def chosen(window: Window) -> None:
    window.blender.start_empty()
    window.open_sidebar()
    choose(window, PICTURE)
    window.click(window.find("fhmr.match_scene"))


def corners(window: Window) -> tuple[Place, Place]:
    """Where the wanted box's first and last corner are in the window."""
    frame = window.blender.camera_frame()
    left, right = (sorted(x for x, _ in frame)[index] for index in (0, -1))
    top, bottom = (sorted(y for _, y in frame)[index] for index in (0, -1))

    def place(x: float, y: float) -> Place:
        across, down = x / SIZE[0] * (right - left), y / SIZE[1] * (bottom - top)
        return Place(round(left + across), round(top + down))

    return place(*WANTED[:2]), place(*WANTED[2:])


def begin(window: Window) -> None:
    """Click Draw Box: the view looks through a camera with the picture behind it."""
    window.click(window.find("fhmr.draw_box"))
    window.wait(lambda: window.blender.view_perspective() == "CAMERA", "the camera's view")
    window.settle("WINDOW")


def test_esc_leaves_no_box(window: Window) -> None:
    begin(window)
    window.press("Escape")
    window.settle()
    assert window.blender.boxes() == []


def test_a_dragged_box_lies_where_it_was_drawn(window: Window) -> None:
    begin(window)
    start, end = corners(window)
    for step in window.drag(start, across=end.x - start.x, down=end.y - start.y):
        if step == 8:
            window.screenshot("box")
    window.wait(window.blender.boxes, "the box")
    (drawn,) = window.blender.boxes()
    assert all(abs(one - other) < NEAR for one, other in zip(drawn, WANTED, strict=True)), drawn


def test_estimate_poses_who_is_in_the_box(window: Window) -> None:
    start_estimate(window)
    wait_for_job(window)
    window.wait(lambda: RIG in window.blender.names(), "the body")
    head = window.blender.on_screen(points=[window.blender.joint(rig=RIG, bone="head")])[0]
    start, end = corners(window)
    assert start.x < head[0] < end.x and start.y < head[1] < (start.y + end.y) / 2
    window.screenshot("boxed")
