"""The demo: a real picture becomes `out/demo.npz`, `out/demo.png` and `out/demo.blend`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import environments, places, pythons
from .progress import BuildError, run_shown, say

MODULES = ("5.2", "4.5")  # the long-term versions, the newest first
BLENDER_MIN = (4, 5)  # blender_version_min of the manifest


@dataclass(frozen=True)
class Maker:
    """What makes the .blend: the Python to run, and the Blender that it is to call, if any."""

    python: Path
    blender: Path | None = None


def run(picture: Path) -> int:
    """Estimate the pose in a picture and say what came out.

    Returns:
        Exit code; 0 also where only the .blend could not be made, which is said.
    """
    if not picture.is_file():
        raise BuildError(f"There is no picture {picture}.", "Name one that is there.")
    main = environments.ensure_main(environments.SETUP)
    results = [places.OUT / f"demo.{ending}" for ending in ("npz", "png", "blend")]
    places.OUT.mkdir(exist_ok=True)
    for result in results:
        result.unlink(missing_ok=True)
    without_blend: BuildError | None = None
    try:
        maker = _maker(main)
    except BuildError as error:
        without_blend = error
        maker = Maker(main)
    command = [
        *(maker.python, "-m", "fhmr_blender", "estimate", picture),
        *("--out", results[0], "--overlay", results[1]),
    ]
    if without_blend is None:
        command += ["--blend", results[2]]
    env = {"PYTHONPATH": str(places.ROOT)}
    if maker.blender is not None:
        env["BLENDER"] = str(maker.blender)
    status = run_shown(command, env)
    if status:
        return status if status > 0 else 1
    for result in results:
        if result.is_file():
            say(f"  {places.shown(result)}  {result.stat().st_size / 1e6:.1f} MB")
    if without_blend is not None:
        say(f"  No {places.shown(results[2])}: {without_blend}")
    return 0


def _maker(main: Path) -> Maker:
    """The first thing that can write a .blend here: a bpy module, then an installed Blender.

    Raises:
        BuildError: There is nothing; names both ways to get there.
    """
    modules = [each for each in environments.BLENDERS if each.version in MODULES]
    # One whose environment is ready, then one for the running Python: no long search.
    modules.sort(
        key=lambda each: (
            not environments.is_current(each.folder, f"bpy-{each.version}"),
            each.python != sys.version_info[:2],
            -MODULES.index(each.version),
        )
    )
    problem: BuildError | None = None
    for blender in modules:
        if pythons.find(blender.python) is None:
            continue
        try:
            return Maker(environments.ensure_blender(blender))
        except BuildError as error:
            problem = problem or error
    for installed in _installed_blenders():
        if _version_of(installed) >= BLENDER_MIN:
            return Maker(main, installed)
    raise problem or BuildError(
        "the .blend needs Blender 4.5 or newer, or a Python that a Blender module exists for.",
        "Install Blender (blender.org) and set BLENDER to its program, or install Python 3.11 "
        "or 3.13; then run `python3 build.py demo` again.",
    )


def _installed_blenders() -> Iterator[Path]:
    """Blender programs on this machine: $BLENDER, the PATH, the usual places."""
    named = os.environ.get("BLENDER")
    if named:
        yield Path(named)
    on_path = shutil.which("blender")
    if on_path:
        yield Path(on_path)
    yield Path("/Applications/Blender.app/Contents/MacOS/Blender")
    foundation = Path(os.environ.get("PROGRAMFILES", "C:/Program Files")) / "Blender Foundation"
    yield from sorted(foundation.glob("Blender */blender.exe"), reverse=True)
    yield Path("/snap/bin/blender")


def _version_of(blender: Path) -> tuple[int, int]:
    """What `blender --version` says; (0, 0) where it does not run."""
    try:
        done = subprocess.run(
            [str(blender), "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"Blender (\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)
