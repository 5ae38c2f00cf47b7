"""What the build says while it works: steps, logs, and errors of one sentence and one remedy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import places

LINES_SHOWN = 25  # of a failed command's log: enough for the cause, short enough to be read
BEAT_SECONDS = 20.0  # between two signs of life of a long step


class BuildError(Exception):
    """Something that the person at the keyboard can mend: one sentence and its remedy."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy


def say(text: str) -> None:
    """One line on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def in_ci() -> bool:
    """Whether this is an automatic run, where whatever is missing is a failure."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def run_logged(
    title: str, command: Sequence[str | Path], log_name: str, env: Mapping[str, str] | None = None
) -> None:
    """Run a command with its output in `.build/logs`, showing that it lives.

    Raises:
        BuildError: It failed; the end of its log is shown.
    """
    places.LOGS.mkdir(parents=True, exist_ok=True)
    log = places.LOGS / f"{log_name}.log"
    say(f"  {title} ...")
    start = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=places.ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        status = _wait(process, start)
    if status:
        text = log.read_text(encoding="utf-8", errors="replace")
        say("\n".join(f"    | {line}" for line in text.splitlines()[-LINES_SHOWN:]))
        raise BuildError(
            f"{title} failed (exit code {status}).",
            f"The whole log is {places.shown(log)}; the same command goes on from here.",
        )
    say(f"  {title}: done in {time.monotonic() - start:.0f} s")


def _wait(process: subprocess.Popen[bytes], start: float) -> int:
    """The exit code of a process, with a sign of life now and then; it ends with us."""
    try:
        while True:
            try:
                return process.wait(timeout=BEAT_SECONDS)
            except subprocess.TimeoutExpired:
                say(f"    still working, {time.monotonic() - start:.0f} s")
    except BaseException:
        process.terminate()
        process.wait()
        raise


def run_shown(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> int:
    """Run a command from the root with its output as it comes.

    Returns:
        Its exit code; negative where a signal ended it.
    """
    sys.stdout.flush()
    return subprocess.run(
        [str(word) for word in command],
        cwd=places.ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


def require_space(gigabytes: float, purpose: str) -> None:
    """Refuse early what would fill the disk.

    Args:
        gigabytes: Free space that is needed, 1e9 bytes.
        purpose: What needs it, as the subject of a sentence.
    """
    free = shutil.disk_usage(places.ROOT).free / 1e9
    if free < gigabytes:
        raise BuildError(
            f"{purpose} needs {gigabytes:.1f} GB of free disk, and {free:.1f} GB are free.",
            "Make room on the disk of this folder, then run the same command again.",
        )
