"""Long clips cut into windows that overlap, and put together without a seam."""

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Floats

LONGEST = 120  # frames; attention reaches 16 frames a layer, and memory stays small
OVERLAP = 32  # frames shared by neighbours; guess: what lies further away hardly matters


@dataclass(frozen=True)
class Window:
    """Frames `start` .. `stop` - 1; the first `shared` of them also belong to the window before."""

    start: int
    stop: int
    shared: int

    @property
    def frames(self) -> slice:
        return slice(self.start, self.stop)


def cut(count: int) -> tuple[Window, ...]:
    """Windows that cover `count` frames, in order."""
    windows: list[Window] = []
    stop = 0
    while stop < count:
        shared = OVERLAP if windows else 0
        start = stop - shared
        stop = min(start + LONGEST, count)
        windows.append(Window(start, stop, shared))
    return tuple(windows)


def fades(windows: tuple[Window, ...]) -> tuple[Floats, ...]:
    """For each window the say (T,) of its frames; over all windows every frame's sum is 1."""
    says = [np.ones(window.stop - window.start) for window in windows]
    for before, say, window in zip(says, says[1:], windows[1:], strict=False):
        rise = np.arange(1, window.shared + 1) / (window.shared + 1)
        say[: window.shared] *= rise
        before[len(before) - window.shared :] *= 1.0 - rise
    return tuple(says)
