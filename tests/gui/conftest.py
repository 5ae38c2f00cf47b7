"""One Blender with a window for all tests of this folder; a failed test leaves a screenshot."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.gui.driver import ROOT, Window

BUILD = ROOT / ".build"
LOG_LINES = 60
_failed = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def window() -> Iterator[Window]:
    """A Blender with the extension's zip installed, as `build.py test --only gui` prepares both."""
    root = Path(os.environ.get("FHMR_WINDOW", BUILD / "window-sid"))
    package = Path(os.environ.get("FHMR_PACKAGE", BUILD / "package" / f"{root.name}.zip"))
    for needed in (root, package):
        assert needed.exists(), f"{needed} is missing: run `python3 build.py test --only gui`."
    started = Window(root, BUILD / "logs" / "window")
    try:
        assert started.blender.install(package=started.lend(package, "fhmr.zip")), started.log()
        yield started
    finally:
        started.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def evidence(request: pytest.FixtureRequest, window: Window) -> Iterator[None]:
    """Keep what the window showed and Blender said when a test failed."""
    yield
    if request.node.stash.get(_failed, False):
        print("The window:", window.screenshot(f"failed-{request.node.name}"))
        print("\n".join(window.log().splitlines()[-LOG_LINES:]))
