"""The gate: linters and test suites, each counted, summed into one closing line."""

from __future__ import annotations

import os
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import environments, places, pyright
from .progress import BuildError, in_ci, run_shown, say

PARTS = ("lint", "unit", "training", "blender")
BLENDER_TESTS = places.ROOT / "tests" / "blender"
TESTS_RAN = (0, 1)  # pytest's exit codes for "all passed" and "some failed"
TIME_LIMIT = 1800.0  # s for one pytest run: the whole gate is meant to take that long


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
class Outcome:
    """What came of one suite; `missing` says what kept it from running."""

    name: str
    counts: Counts
    seconds: float
    missing: BuildError | None = None


def lint() -> list[Outcome]:
    """ruff's rules, ruff's format and pyright: one count each."""
    environments.ensure_main(environments.LINT)
    environments.ensure_stubs()
    node, script = pyright.ensure()
    ruff = places.executable_in(places.VENV, "ruff")
    checks = {
        "ruff check": [ruff, "check", "."],
        "ruff format": [ruff, "format", "--check", "."],
        "pyright": [node, script, "--pythonpath", places.executable_in(places.VENV)],
    }
    outcomes: list[Outcome] = []
    for name, command in checks.items():
        start = _announce(name)
        status = run_shown(command)
        counts = Counts(failed=1) if status else Counts(passed=1)
        outcomes.append(Outcome(name, counts, time.monotonic() - start))
    return outcomes


def in_main(folder: str, env: Mapping[str, str] | None = None) -> Outcome:
    """Run one folder of tests in `.venv`."""
    python = environments.ensure_main(environments.TESTS)
    name = f"tests/{folder}"
    return _pytest(name, [python, "-m", "pytest"], places.ROOT / "tests" / folder, env)


def in_blender(blender: environments.Blender, package: Path | None) -> list[Outcome]:
    """Run every file of tests/blender in a process of its own, in one Blender version.

    Args:
        blender: The version.
        package: The extension's zip, for the test that installs it.
    """
    name = f"Blender {blender.version}"
    try:
        python = environments.ensure_blender(blender)
    except BuildError as error:
        return [not_run(name, error)]
    files = sorted(BLENDER_TESTS.glob("test_*.py"))
    runner = [python, places.ROOT / "build_steps" / "pytest_in_blender.py"]
    env = {"FHMR_PACKAGE": str(package)} if package else {}
    if not files:
        return [Outcome(name, Counts(failed=1), 0.0)]
    return [_pytest(f"{name}: {file.name}", runner, file, env) for file in files]


def not_run(name: str, missing: BuildError) -> Outcome:
    """What something missing kept from running: in CI a failure, elsewhere skipped and said."""
    counts = Counts(failed=1) if in_ci() else Counts(skipped=1)
    say(f"  {name} was not run. {missing}")
    return Outcome(name, counts, 0.0, missing)


def close(outcomes: list[Outcome]) -> int:
    """Say what each suite gave and the sum as the last line.

    Returns:
        0 if everything that ran passed, else 1.
    """
    total = sum((outcome.counts for outcome in outcomes), Counts())
    say("")
    for outcome in outcomes:
        mark = "FAILED" if outcome.counts.failed else "ok    "
        say(f"{mark} {outcome.name:<44} {outcome.counts} ({outcome.seconds:.0f} s)")
    for outcome in outcomes:
        if outcome.missing is not None:
            say(f"NOT RUN {outcome.name}: {outcome.missing}")
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


def _pytest(
    name: str, command: Sequence[Path | str], target: Path, env: Mapping[str, str] | None
) -> Outcome:
    """Run pytest on one file or folder; a crash, a hang and an empty suite count as failures."""
    start = _announce(name)
    report = places.LOGS / f"{name.replace('/', '-').replace(': ', '-').replace(' ', '-')}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    words = [*command, target, "-q", f"--junitxml={report}", "-rfEs"]
    try:
        status = subprocess.run(
            [str(word) for word in words],
            cwd=places.ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            timeout=TIME_LIMIT,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        say(f"  {name} was ended after {TIME_LIMIT:.0f} s.")
        status = -1
    counts = read_report(report)
    if status not in TESTS_RAN and not counts.failed:
        say(f"  {name} ended with exit code {status}: counted as a failure.")
        counts += Counts(failed=1)
    return Outcome(name, counts, time.monotonic() - start)


def _announce(name: str) -> float:
    say(f"\n== {name}")
    return time.monotonic()
