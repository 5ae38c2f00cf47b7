"""Drives a Blender with a window as an artist does: mouse, keyboard, and eyes.

Blender and its virtual display run in the folder that `build_steps/blender_window.py` made.
Buttons are found as a person finds them: the pointer moves down the sidebar until it rests on one.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
SIZE = (1120, 900)  # pixels of the window
INSIDE = "/fhmr"  # the folder that both sides share, as Blender sees it
ROW_STEP = 17  # pixels; a row of the sidebar is 20 high
COLUMN_STEP = 12
NOTCH, ROOM = 41, 200  # pixels that a notch of the wheel scrolls; wanted above sub-panels
TITLE_FIRST, TITLE_PITCH = 32, 26  # pixels from a row to the sub-panels' titles
MARGIN, TABS = 12, 30  # pixels beside the sidebar's rows
MIDDLE, RIGHT = 0.5, 0.97  # shares of the rows' width
STARTS = 300.0  # s that Blender may take to start
PATIENCE = 120.0  # s for anything to happen; a software renderer beside other work is slow

_Answer = TypeVar("_Answer")


class NotSeen(AssertionError):
    """What a test waited or looked for did not come."""


@dataclass(frozen=True)
class Place:
    """A point of the window, pixels from its top left corner."""

    x: int
    y: int


class Blender:
    """The functions of `inside.py`, called from here: `blender.names()`."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._stream = line.makefile("r", encoding="utf-8")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(**arguments: object) -> Any:
            self._line.sendall(json.dumps([name, arguments]).encode() + b"\n")
            answer = self._stream.readline()
            if not answer:
                raise NotSeen("Blender is gone; its log says more.")
            answered = json.loads(answer)
            if "error" in answered:
                raise AssertionError(answered["error"])
            return answered["value"]

        return ask


class Window:
    """A virtual display with one Blender on it, its mouse, its keyboard and a camera."""

    def __init__(self, root: Path, pictures: Path) -> None:
        """Start them.

        Args:
            root: The folder with Debian's Blender.
            pictures: A folder for screenshots and Blender's log; emptied.
        """
        self.root = root
        self.shared = root / INSIDE.lstrip("/")
        self.pictures = pictures
        self._count = 0
        self._seen: dict[tuple[str, int], Place] = {}
        self._last_row = 0
        for folder in (self.shared, pictures):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        for name in ("bridge.py", "inside.py"):
            shutil.copyfile(Path(__file__).with_name(name), self.shared / name)
        # A part of the wheels asks there for the processor, and is slow without an answer.
        shutil.copyfile("/proc/cpuinfo", root / "proc" / "cpuinfo")
        self._display = self._start_display()
        self._start_blender()

    def lend(self, file: Path, name: str = "") -> str:
        """Copy a file to where Blender can read it.

        Returns:
            Its path as Blender sees it.
        """
        shutil.copyfile(file, self.shared / (name or file.name))
        return f"{INSIDE}/{name or file.name}"

    # ---- mouse and keyboard

    def move(self, place: Place) -> None:
        self._xdotool("mousemove", place.x, place.y)

    def click(self, place: Place) -> None:
        self.move(place)
        self._xdotool("click", 1)

    def double_click(self, place: Place) -> None:
        self.move(place)
        self._xdotool("click", "--repeat", 2, "--delay", 60, 1)

    def drag(self, start: Place, across: int, down: int = 0, steps: int = 10) -> Iterator[int]:
        """Press, move in steps, let go; yields after each step while the button is held.

        Args:
            start: Where the button goes down.
            across: Pixels to the right in all.
            down: Pixels downwards in all.
            steps: Moves.
        """
        self.move(start)
        self._xdotool("mousedown", 1)
        self.settle()  # a busy Blender takes the pointer's place when it handles the button
        try:
            for step in range(steps):
                # Relative: while a slider is dragged, Blender hides the pointer and puts it back.
                one = [
                    (step + 1) * all_of // steps - step * all_of // steps
                    for all_of in (across, down)
                ]
                self._xdotool("mousemove_relative", "--", *one)
                yield step
        finally:
            self._xdotool("mouseup", 1)

    def press(self, *keys: str, over: Place | None = None) -> None:
        """Press key combinations such as `ctrl+z`, with the pointer in the 3D view."""
        self.move(over or self.view())
        self._xdotool("key", *keys)

    def type_into(self, place: Place, text: str) -> None:
        """Replace what a text or number field holds."""
        self.double_click(place)
        self.settle()
        self._xdotool("key", "ctrl+a")
        self._xdotool("type", "--delay", 15, text)
        self._xdotool("key", "Return")

    # ---- eyes

    def view(self) -> Place:
        """A free place of the 3D view."""
        region = self.blender.region(kind="WINDOW")
        return Place(region["left"] + 200, region["bottom"] - 60)

    def find(self, name: str, index: int = -1, row_of: str = "", at: float = MIDDLE) -> Place:
        """Move the pointer over the sidebar until it rests on a control.

        It goes down from where it last found something, then begins at the top, then scrolls.

        Args:
            name: A property by its path (`fhmr_take.guidance`) or an operator (`fhmr.estimate`).
            index: Of an array property, or of buttons side by side, such as those of an enum.
            row_of: A wider control of the same row, for small buttons.
            at: Where across the sidebar to go down; any index of a name counts as its row.

        Raises:
            NotSeen: It is nowhere in the sidebar's tab.
        """
        known = self._seen.get((name, index))
        if known and self._look([known], name, index):
            return known
        for _ in self._pages():
            row = self._look(self._down(at), row_of or name)
            place = row and self._look([row, *self._along(row.y)], name, index)
            if place:
                self._seen[name, index] = place
                self._last_row = place.y
                return place
        raise NotSeen(f"There is no {name} {'' if index < 0 else index} in the sidebar.")

    def unfold(self, control: str, below: str, number: int) -> None:
        """Click the titles of closed sub-panels until a control shows.

        Args:
            control: What is in the sub-panel.
            below: The last control before the sub-panels.
            number: Which sub-panel it should be, from 1; those near it are tried, too.
        """
        top = self.blender.region(kind="UI")["top"]
        start = self.find(below)
        if start.y > top + ROOM and self._turn_wheel(5, (start.y - top - ROOM) // NOTCH + 1):
            start = self.find(below)
        x = self._across(0.3)
        expected = start.y + TITLE_FIRST + TITLE_PITCH * (number - 1)
        heights = range(start.y + 20, start.y + 200, TITLE_PITCH // 2)
        for y in (expected, *sorted(heights, key=lambda y: abs(y - expected))):
            before = self._looks()
            self.click(Place(x, y))
            if self._looks() == before:
                continue
            if self._look(self._down(MIDDLE), control):
                return
            self.click(Place(x, y))
        raise NotSeen(f"No sub-panel below {below} has {control}.")

    def _pages(self) -> Iterator[None]:
        """Show the sidebar as it is, then its top, then what is farther down."""
        yield
        if self._turn_wheel(4, 40):
            yield
        while self._turn_wheel(5, 6):
            yield

    def _turn_wheel(self, button: int, notches: int) -> bool:
        """Scroll the sidebar; False if nothing moved."""
        region = self.blender.region(kind="UI")
        before = self._looks()
        self.move(Place(region["left"] + 20, region["top"] + 100))
        self._xdotool("click", "--repeat", notches, "--delay", 10, button)
        self._last_row = 0
        return self._looks() != before

    def _looks(self) -> bytes:
        """The sidebar's pixels, without anything lit up by the pointer."""
        region = self.blender.region(kind="UI")
        self.move(Place(region["left"] - 60, region["bottom"] - 10))
        self.settle()
        size = f"{region['right'] - region['left']}x{region['bottom'] - region['top']}"
        crop = f"{size}+{region['left']}+{region['top']}"
        return self._enter("import", "-window", "root", "-crop", crop, "rgb:-")

    def _look(self, places: list[Place], name: str, index: int | None = None) -> Place | None:
        """The first of the places at which a control lies; the pointer rests there then."""
        plain = [[place.x, place.y] for place in places]
        number = self.blender.look_for(name=name, index=index, places=plain)
        return None if number < 0 else places[number]

    def _down(self, at: float) -> list[Place]:
        """Places below each other, from the last find downwards and then from the top."""
        region = self.blender.region(kind="UI")
        x = self._across(at)
        heights = list(range(region["top"] + 5, region["bottom"] - 5, ROW_STEP))
        below = [y for y in heights if y >= self._last_row - ROW_STEP]
        return [Place(x, y) for y in below + heights[: len(heights) - len(below)]]

    def _along(self, y: int) -> list[Place]:
        return [Place(x, y) for x in range(self._across(0.0), self._across(1.0), COLUMN_STEP)]

    def _across(self, at: float) -> int:
        """A share of the panels' width; the tabs beside them take the rest of the sidebar."""
        region = self.blender.region(kind="UI")
        left, right = region["left"] + MARGIN, region["right"] - MARGIN - TABS
        return int(left + at * (right - left))

    def settle(self, kind: str = "UI") -> None:
        """Wait until a region shows what there is now: the sidebar, or the 3D view (WINDOW)."""
        self.blender.settle(kind=kind)

    def wait(
        self, question: Callable[[], _Answer], what: str, patience: float = PATIENCE
    ) -> _Answer:
        """Ask until the answer is truthy.

        Raises:
            NotSeen: It never was.
        """
        end = time.monotonic() + patience
        while time.monotonic() < end:
            answer = question()
            if answer:
                return answer
            time.sleep(0.02)
        raise NotSeen(f"Waited {patience:.0f} s in vain for {what}.")

    def screenshot(self, name: str) -> Path:
        """Take a picture of the whole window; they are numbered."""
        self.settle("WINDOW")
        self._count += 1
        target = self.pictures / f"{self._count:02d}-{name}.png"
        target.write_bytes(self._enter("import", "-window", "root", "png:-"))
        return target

    # ---- beginning and end

    def open_sidebar(self) -> None:
        """Press N and click the tab FHMR, as an artist does."""
        if not self.blender.sidebar_tab():
            self.press("n")
            self.wait(self.blender.sidebar_tab, "the sidebar")
            self.settle()
        region = self.blender.region(kind="UI")
        for y in range(region["top"] + 20, region["top"] + 420, 20):
            if self.blender.sidebar_tab() == "FHMR":
                return
            self.click(Place(region["right"] - 12, y))
        raise NotSeen("There is no tab FHMR in the sidebar.")

    def restart(self) -> None:
        """Close Blender and start it again."""
        self.blender.quit_blender()
        self._process.wait(timeout=STARTS)
        self._start_blender()

    def close(self) -> None:
        """End Blender and the display."""
        for process in (self._process, self._display):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self) -> str:
        """What Blender has said so far."""
        return (self.pictures / "blender.log").read_text(encoding="utf-8", errors="replace")

    def _start_display(self) -> subprocess.Popen[bytes]:
        ours, theirs = os.pipe()
        size = f"{SIZE[0]}x{SIZE[1]}x24"
        command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", size, "-nolisten", "tcp"]
        with (self.pictures / "display.log").open("wb") as log:
            process = subprocess.Popen(
                ["chroot", str(self.root), *command], pass_fds=[theirs], stdout=log, stderr=log
            )
        os.close(theirs)
        with os.fdopen(ours) as stream:
            number = stream.readline().strip()
        if not number:
            raise NotSeen("The virtual display did not start; display.log says more.")
        self._env = {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            "DISPLAY": f":{number}",
            "HOME": f"{INSIDE}/home",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "BLENDER_USER_RESOURCES": f"{INSIDE}/home/blender",
        }
        (self.shared / "home").mkdir()
        return process

    def _start_blender(self) -> None:
        ours, theirs = socket.socketpair()
        geometry = ("--window-geometry", "0", "0", str(SIZE[0]), str(SIZE[1]))
        command = ["blender", *geometry, "--python", f"{INSIDE}/bridge.py"]
        with (self.pictures / "blender.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["chroot", str(self.root), *command],
                env={**self._env, "FHMR_BRIDGE": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        theirs.close()
        ours.settimeout(STARTS)
        self._seen.clear()
        self.blender = Blender(ours)
        self.blender.names()
        time.sleep(1.0)
        self.press("Escape", over=Place(SIZE[0] // 4, SIZE[1] - 200))  # the splash

    def _xdotool(self, *words: object) -> None:
        self._enter("xdotool", *words)

    def _enter(self, *words: object) -> bytes:
        """Run a program on the display.

        Returns:
            What it wrote.
        """
        command = ["chroot", str(self.root), *map(str, words)]
        return subprocess.run(
            command, env=self._env, capture_output=True, timeout=60, check=True
        ).stdout
