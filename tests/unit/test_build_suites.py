"""How the gate counts: nothing that went wrong may look like a pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from build_steps import places, suites
from build_steps.progress import BuildError
from build_steps.suites import Counts, Outcome, Suite

MISSING = BuildError("Python 3.13 was not found.", "Install it.")
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(places, "LOGS", tmp_path / "logs")
    monkeypatch.delenv("CI", raising=False)


def run(tmp_path: Path, source: str) -> Outcome:
    """Run pytest on a made-up test file, as the gate does."""
    file = tmp_path / "test_made_up.py"
    file.write_text(source, encoding="utf-8")
    return suites.run(Suite("made up", (*PYTEST, file)))


def test_passes_failures_errors_and_skips_are_told_apart(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        "import pytest\n"
        "def test_passes(): pass\n"
        "def test_fails(): assert False\n"
        "@pytest.fixture\n"
        "def broken(): raise RuntimeError\n"
        "def test_errs(broken): pass\n"
        "@pytest.mark.skip(reason='to be counted')\n"
        "def test_skips(): pass\n",
    )
    assert outcome.counts == Counts(passed=1, failed=2, skipped=1)


def test_a_crash_is_a_failure(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import os\ndef test_crashes(): os._exit(0)\n")
    assert outcome.counts == Counts(failed=1)


def test_a_crash_after_the_report_is_a_failure(tmp_path: Path) -> None:
    source = "import atexit, os\natexit.register(os._exit, 139)\ndef test_passes(): pass\n"
    assert run(tmp_path, source).counts == Counts(passed=1, failed=1)


def test_a_hang_is_ended_and_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "TIME_LIMIT", 3.0)
    outcome = run(tmp_path, "import time\ndef test_hangs(): time.sleep(600)\n")
    assert outcome.counts == Counts(failed=1)


def test_a_file_without_tests_is_a_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "").counts.failed == 1


def test_a_file_that_cannot_be_imported_is_a_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "import nothing_of_this_name\n").counts == Counts(failed=1)


def test_the_report_of_an_earlier_run_is_not_taken_for_this_one(tmp_path: Path) -> None:
    assert run(tmp_path, "def test_passes(): pass\n").counts == Counts(passed=1)
    assert run(tmp_path, "import os\nos._exit(0)\n").counts == Counts(failed=1)


@pytest.mark.parametrize("text", ["", "<testsuites", "not xml"])
def test_a_damaged_report_is_a_failure(text: str, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(text, encoding="utf-8")
    assert suites.read_report(report) == Counts(failed=1)


def test_what_is_missing_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert suites.not_run("Blender 5.2", MISSING).counts == Counts(failed=1)


def test_what_is_missing_elsewhere_is_skipped_and_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = suites.not_run("Blender 5.2", MISSING)
    assert outcome.counts == Counts(skipped=1)
    assert suites.close([Outcome("unit", Counts(passed=3), 1.0), outcome]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("Blender 5.2" in line and "Python 3.13" in line for line in lines)
    assert lines[-1] == "3 passed, 0 failed, 1 skipped"


def test_the_last_line_sums_up_all_suites(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [Outcome("a", Counts(2, 1, 0), 1.0), Outcome("b", Counts(5, 0, 4), 1.0)]
    assert suites.close(outcomes) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "7 passed, 1 failed, 4 skipped"


def test_suites_run_side_by_side_keep_their_order_and_show_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sleepy = "import time\ndef test_passes(): time.sleep(0.5)\n"
    broken = "def test_breaks(): assert 'a word to be found' == ''\n"
    made = []
    for name, source in (("sleepy", sleepy), ("broken", broken)):
        file = tmp_path / f"test_{name}.py"
        file.write_text(source, encoding="utf-8")
        made.append(Suite(name, (*PYTEST, file)))
    outcomes = suites.run_all(made, lanes=2)
    assert [(each.name, each.counts) for each in outcomes] == [
        ("sleepy", Counts(passed=1)),
        ("broken", Counts(failed=1)),
    ]
    assert "a word to be found" in capsys.readouterr().out


@pytest.mark.parametrize(("status", "counts"), [(0, Counts(passed=1)), (3, Counts(failed=1))])
def test_a_linter_counts_by_its_exit_code(status: int, counts: Counts) -> None:
    command = (sys.executable, "-c", f"raise SystemExit({status})")
    assert suites.run(Suite("a linter", command, reports=False)).counts == counts


def test_no_tests_at_all_is_no_success() -> None:
    assert suites.close([]) == 1
