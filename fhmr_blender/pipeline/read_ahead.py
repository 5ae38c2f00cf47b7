"""Frames that are decoded in a thread while the last one is looked at."""

import threading
from collections.abc import Generator, Iterable
from queue import Full, Queue
from typing import TypeVar

Item = TypeVar("Item")
DEPTH = 3  # frames that wait; more only cost memory


def read_ahead(items: Iterable[Item], depth: int = DEPTH) -> Generator[Item]:
    """The same items, made in a thread at most `depth` ahead.

    What the maker raises is raised here, after the items before it. To be closed (or run out):
    then the thread has ended.
    """
    ready: Queue[tuple[Item | None, BaseException | None, bool]] = Queue(depth)
    stop = threading.Event()

    def put(item: Item | None, error: BaseException | None, more: bool) -> None:
        while not stop.is_set():
            try:
                ready.put((item, error, more), timeout=0.1)
            except Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put(item, None, True)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - a thread has nobody else to tell
            put(None, error, False)
        else:
            put(None, None, False)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error, more = ready.get()
            if error is not None:
                raise error
            if not more:
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
