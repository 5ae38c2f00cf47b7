"""The gate: linters and test suites, side by side, each counted, summed into one closing line."""

from __future__ import annotations

import os
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from . import blender_window, environments, places, pyright
from .progress import BuildError, in_ci, say

PARTS = ("lint", "unit", "training", "blender", "gui")
BLENDER_TESTS = places.ROOT / "tests" / "blender"
TESTS_RAN = (0, 1)  # pytest's exit codes for "all passed" and "some failed"
TIME_LIMIT = 2400.0  # s for one suite: more than the whole gate is meant to take
BEAT_SECONDS = 30.0  # between two signs of life
LINES_SHOWN = 400  # of a failed suite's log


@dataclass(frozen=True)
class Counts:
    """How many tests passed, failed (errors too) and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Suite:
    """A command to run from the root; with `reports` it is a pytest, else its exit code counts."""

    name: str
    command: tuple[str | Path, ...]
    reports: bool = True
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    def file(self, ending: str) -> Path:
        """Its log or report."""
        safe = "".join(sign if sign.isalnum() or sign in ".-_" else "-" for sign in self.name)
        return places.LOGS / f"{safe}.{ending}"


@dataclass(frozen=True)
class Outcome:
    """What came of one suite; `missing` says what kept it from running."""

    name: str
    counts: Counts
    seconds: float
    missing: BuildError | None = None


def lint() -> list[Suite]:
    """ruff's rules, ruff's format and pyright, ready to run: one count each."""
    environments.ensure_main(environments.LINT)
    environments.ensure_stubs()
    node, script = pyright.ensure()
    ruff = places.executable_in(places.VENV, "ruff")
    python = places.executable_in(places.VENV)
    return [
        Suite("ruff check", (ruff, "check", "."), reports=False),
        Suite("ruff format", (ruff, "format", "--check", "."), reports=False),
        Suite("pyright", (node, script, "--pythonpath", python), reports=False),
    ]


def in_main(folder: str) -> Suite:
    """One folder of tests, ready to run in `.venv`."""
    python = environments.ensure_main(environments.TESTS)
    target = places.ROOT / "tests" / folder
    return Suite(f"tests/{folder}", (python, "-m", "pytest", target))


def in_blender(blender: environments.Blender, package: Path | None) -> list[Suite]:
    """Every file of tests/blender, each for a process of its own, in one Blender version.

    Args:
        blender: The version; its environment is made.
        package: The extension's zip, for the test that installs it.
    """
    python = environments.ensure_blender(blender)
    runner = places.ROOT / "build_steps" / "pytest_in_blender.py"
    env = {"FHMR_PACKAGE": str(package)} if package else {}
    return [
        Suite(f"Blender {blender.version}: {file.name}", (python, runner, file), env=env)
        for file in sorted(BLENDER_TESTS.glob("test_*.py")) or [BLENDER_TESTS]
    ]


def in_window(package: Path) -> Suite:
    """tests/gui: the extension's zip in a Blender with a window, which is made.

    Args:
        package: The zip of this platform.
    """
    window = blender_window.ensure()
    env = {
        "FHMR_WINDOW": str(window.root),
        "FHMR_PACKAGE": str(blender_window.package_for(window, package)),
    }
    name = f"Blender {window.blender[0]}.{window.blender[1]} with a window"
    python = environments.ensure_main(environments.TESTS)
    return Suite(name, (python, "-m", "pytest", places.ROOT / "tests" / "gui"), env=env)


def not_run(name: str, missing: BuildError) -> Outcome:
    """What something missing kept from running: in CI a failure, elsewhere skipped and said."""
    counts = Counts(failed=1) if in_ci() else Counts(skipped=1)
    say(f"  {name} cannot be run. {missing}")
    return Outcome(name, counts, 0.0, missing)


def run_all(suites: Sequence[Suite], lanes: int) -> list[Outcome]:
    """Run suites, some at a time, and show the output of those that failed.

    Returns:
        Their outcomes, in their order.
    """
    say(f"\nRunning {len(suites)} suites, {lanes} at a time; the logs are in .build/logs")
    start = time.monotonic()
    with ThreadPoolExecutor(lanes) as pool:
        futures = {pool.submit(run, suite): suite for suite in suites}
        try:
            _follow(futures, start)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def run(suite: Suite) -> Outcome:
    """Run one suite; a crash, a hang and an empty suite count as failures."""
    log, report = suite.file("log"), suite.file("xml")
    log.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    words = [str(word) for word in suite.command]
    if suite.reports:
        words += ["-q", f"--junitxml={report}", "-rfEs", "--durations=5"]
    start = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        try:
            status = subprocess.run(
                words,
                cwd=places.ROOT,
                env={**os.environ, **suite.env},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=TIME_LIMIT,
                check=False,
            ).returncode
            ending = f"exit code {status}"
        except subprocess.TimeoutExpired:
            status, ending = -1, f"it was ended after {TIME_LIMIT:.0f} s"
        counts = _counts(suite, status)
        stream.seek(0, os.SEEK_END)
        stream.write(f"\n{suite.name}: {ending}; {counts}\n")
    return Outcome(suite.name, counts, time.monotonic() - start)


def close(outcomes: Sequence[Outcome]) -> int:
    """Say what each suite gave and the sum as the last line.

    Returns:
        0 if everything that ran passed, else 1.
    """
    total = sum((outcome.counts for outcome in outcomes), Counts())
    say("")
    for outcome in outcomes:
        say(_line(outcome))
    for outcome in outcomes:
        if outcome.missing is not None:
            say(f"{outcome.name} was not run: {outcome.missing}")
    say(str(total))
    return 1 if total.failed or not total.passed else 0


def read_report(report: Path) -> Counts:
    """The counts of one pytest run, from its JUnit report; an unreadable report is a failure."""
    try:
        # Written by the pytest that we have just started, so no hostile XML.
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return Counts(failed=1)
    total = Counts()
    for suite in suites:
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total += Counts(int(suite.get("tests", 0)) - failed - skipped, failed, skipped)
    return total


def _counts(suite: Suite, status: int) -> Counts:
    """What a suite that ended so has to count as."""
    if not suite.reports:
        return Counts(failed=1) if status else Counts(passed=1)
    counts = read_report(suite.file("xml"))
    if status not in TESTS_RAN and not counts.failed:
        counts += Counts(failed=1)
    return counts


def _follow(futures: Mapping[Future[Outcome], Suite], start: float) -> None:
    """Say what ends and what still runs, until everything has ended."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=BEAT_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            outcome = future.result()
            if outcome.counts.failed:
                log = futures[future].file("log").read_text(encoding="utf-8", errors="replace")
                say(f"\n== {outcome.name}")
                say("\n".join(log.splitlines()[-LINES_SHOWN:]))
            say(_line(outcome))
        if not done:
            names = ", ".join(futures[each].name for each in pending if each.running())
            say(f"    {time.monotonic() - start:.0f} s, still running: {names}")


def _line(outcome: Outcome) -> str:
    mark = "FAILED" if outcome.counts.failed else "NOT RUN" if outcome.missing else "ok"
    return f"{mark:<7} {outcome.name:<44} {outcome.counts} ({outcome.seconds:.0f} s)"
