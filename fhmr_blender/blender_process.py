"""Starts a Blender, or a Python with its module, to write a .blend; knows no bpy itself."""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .errors import FhmrError

_TIMEOUT = 600  # seconds; a cold start on a slow disk takes one minute


@dataclass(frozen=True)
class Blender:
    """What can write a .blend."""

    program: str
    is_python: bool  # this Python has the bpy module


def find() -> Blender:
    """The bpy module of this Python, else `$BLENDER`, else `blender` on the PATH.

    Raises:
        FhmrError: There is none.
    """
    if importlib.util.find_spec("bpy") is not None:
        return Blender(sys.executable, is_python=True)
    named = os.environ.get("BLENDER")
    program = shutil.which(named) if named else shutil.which("blender")
    if program is None:
        raise FhmrError(
            f"BLENDER names {named}, which is no program."
            if named
            else "A .blend needs Blender, and none was found.",
            "Install Blender 4.5 or newer and set BLENDER to its program.",
        )
    return Blender(program, is_python=False)


def write_blend(blender: Blender, shot: Path, source: Path, blend: Path) -> None:
    """Write a .blend from a shot file in a process of its own: bpy does not always exit cleanly.

    Raises:
        FhmrError: What Blender said.
    """
    package = Path(__file__).resolve().parent
    arguments = [str(path.resolve()) for path in (shot, source, blend)]
    code = (
        "import os, sys; "
        f"sys.path.insert(0, {str(package.parent)!r}); "
        f"from {package.name}.blender.scene_file import main; "
        f"status = main(*{arguments!r}); sys.stderr.flush(); os._exit(status)"
    )
    command = [blender.program, "-c", code]
    if not blender.is_python:
        # Without the exit code an error in the expression would pass for success.
        options = ("--background", "--factory-startup", "--python-exit-code", "1")
        command = [blender.program, *options, "--python-expr", code]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FhmrError(
            f"{blender.program} could not be run to write {blend}.", "Set BLENDER to a working one."
        ) from error
    said = done.stderr.strip().splitlines()
    if done.returncode or not blend.is_file():
        raise FhmrError(
            f"Blender could not write {blend}: {said[-1] if said else 'it said nothing'}",
            f"The shot itself is in {shot}.",
        )
