"""Jobs: work in a thread, news on the caller's thread."""

import threading
import time

import pytest

from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import Cancelled, Job, Report


def drained(job: Job) -> None:
    deadline = time.monotonic() + 10
    while not job.drain():
        assert time.monotonic() < deadline, "the job never ended"
        time.sleep(0.001)


def test_the_result_arrives_on_the_thread_that_drains() -> None:
    seen: list[tuple[int, threading.Thread]] = []
    job = Job(
        lambda report: 42,
        on_done=lambda result: seen.append((result, threading.current_thread())),
        on_error=lambda error: pytest.fail(str(error)),
    )
    drained(job)
    assert seen == [(42, threading.current_thread())]
    assert job.drain()  # stays ended, and calls nobody twice
    assert len(seen) == 1


def test_an_error_arrives_whole() -> None:
    errors: list[BaseException] = []

    def work(report: Report) -> None:
        raise FhmrError("No person was found.", "Draw a box.")

    drained(Job(work, on_done=lambda result: pytest.fail("done"), on_error=errors.append))
    assert isinstance(errors[0], FhmrError)
    assert errors[0].remedy == "Draw a box."


def test_cancel_stops_at_the_next_report() -> None:
    errors: list[BaseException] = []
    started = threading.Event()

    def work(report: Report) -> None:
        started.set()
        while True:
            report(0.5, "working")
            time.sleep(0.001)

    job = Job(work, on_done=lambda result: pytest.fail("done"), on_error=errors.append)
    assert started.wait(10)
    job.cancel()
    drained(job)
    assert isinstance(errors[0], Cancelled)


def test_only_the_latest_progress_is_delivered() -> None:
    progress: list[tuple[float, str]] = []
    reported = threading.Event()
    go_on = threading.Event()

    def work(report: Report) -> None:
        for step in range(100):
            report(step / 100, f"step {step}")
        reported.set()
        go_on.wait(10)

    job = Job(
        work,
        on_done=lambda result: None,
        on_error=lambda error: pytest.fail(str(error)),
        on_progress=lambda fraction, message: progress.append((fraction, message)),
    )
    assert reported.wait(10)
    job.drain()
    assert progress == [(0.99, "step 99")]
    go_on.set()
    drained(job)
