"""Long work in a thread, its news delivered on the caller's thread."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Report = Callable[[float, str], None]
"""`report(fraction, message)`: fraction in 0..1. Raises `Cancelled` when the artist gave up."""

Result = TypeVar("Result")


class Cancelled(Exception):
    """The artist asked to stop; nothing is to be kept."""


def silent(fraction: float, message: str) -> None:
    """A report that nobody reads."""


class Job(Generic[Result]):
    """Runs `work(report)` in a thread; `drain` hands its news to the callbacks.

    Args:
        work: Gets a `Report`; never touches bpy.
        on_done: Called by `drain` with the result.
        on_error: Called by `drain` with the exception, `Cancelled` included.
        on_progress: Called by `drain` with the latest fraction and message only.
    """

    def __init__(
        self,
        work: Callable[[Report], Result],
        on_done: Callable[[Result], None],
        on_error: Callable[[BaseException], None],
        on_progress: Report = silent,
    ) -> None:
        self._on_done = on_done
        self._on_error = on_error
        self._on_progress = on_progress
        self._cancelled = threading.Event()
        self._finished = False
        self._news: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._progress: tuple[float, str] | None = None
        # A daemon, so that quitting the host does not wait for work that nobody will see.
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self._cancelled.set()

    def drain(self) -> bool:
        """Deliver what has arrived, on the calling thread.

        Returns:
            True once the work has ended and its callback has run.
        """
        progress, self._progress = self._progress, None
        if progress is not None:
            self._on_progress(*progress)
        try:
            ending = self._news.get_nowait()
        except Empty:
            return self._finished
        self._finished = True
        ending()
        return True

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread; callbacks still need a `drain`."""
        self._thread.join(timeout)

    def _report(self, fraction: float, message: str) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        self._progress = (fraction, message)

    def _run(self, work: Callable[[Report], Result]) -> None:
        try:
            result = work(self._report)
            self._report(1.0, "")
        except BaseException as error:  # noqa: BLE001 - a thread has nobody else to tell
            caught = error
            self._news.put(lambda: self._on_error(caught))
        else:
            self._news.put(lambda: self._on_done(result))
