"""What the command line says while it works and when it is done."""

import sys
import time


class ProgressBar:
    """`Report` on stderr: a bar where somebody watches, else a line now and then."""

    _WIDTH = 24

    def __init__(self, prefix: str = "") -> None:
        """Begin; `prefix` stands before every message."""
        self._prefix = prefix
        self._watched = sys.stderr.isatty()
        self._started = time.monotonic()
        self._shown = -1.0

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *problem: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Make room for another line."""
        if self._watched and self._shown >= 0:
            tell("\r" + " " * 79 + "\r")
            self._shown = -1.0

    def __call__(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        message = self._prefix + message
        if self._watched and now - self._shown > 0.1:
            self._shown = now
            done = round(self._WIDTH * fraction)
            left = (now - self._started) * (1.0 - fraction) / max(fraction, 1e-3)
            bar = "=" * done + "-" * (self._WIDTH - done)
            eta = f", {left:.0f} s left" if fraction > 0.05 else ""
            tell(f"\r|{bar}| {message}{eta}"[:78].ljust(79))
        elif not self._watched and now - self._shown > 5.0:
            self._shown = now
            tell(f"{100 * fraction:3.0f} % {message}\n")


def tell(text: str) -> None:
    """To the person who waits."""
    sys.stderr.write(text)
    sys.stderr.flush()


def say(text: str) -> None:
    """The result, for people and pipes."""
    sys.stdout.write(text)
    sys.stdout.flush()
