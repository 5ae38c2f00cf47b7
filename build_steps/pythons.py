"""Finds Pythons of a wanted version on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .progress import BuildError

Version = tuple[int, int]
PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


def find(version: Version) -> Path | None:
    """A working Python of this version that can make virtual environments, or None."""
    for candidate in _candidates(version):
        if _answers(candidate, version):
            return candidate
    return None


def require(version: Version, purpose: str) -> Path:
    """A working Python of this version.

    Raises:
        BuildError: There is none; says how to get one.
    """
    found = find(version)
    if found is None:
        wanted = f"{version[0]}.{version[1]}"
        raise BuildError(
            f"{purpose} needs Python {wanted} with its venv module, and none was found.",
            f"Install Python {wanted} (python.org, pyenv, uv, Homebrew, or apt-get install "
            f"python{wanted} python{wanted}-venv) so that `python{wanted}` is on the PATH.",
        )
    return found


def base_of_running() -> Path:
    """The running Python, outside any virtual environment."""
    return Path(getattr(sys, "_base_executable", "") or sys.executable)


def _candidates(version: Version) -> Iterator[Path]:
    """Places where people keep Pythons, the likeliest first; not all of them exist."""
    name = f"{version[0]}.{version[1]}"
    if sys.version_info[:2] == version:
        yield base_of_running()
    on_path = shutil.which(f"python{name}")
    if on_path:
        yield Path(on_path)
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    yield from sorted(pyenv.glob(f"{name}.*/bin/python3"), reverse=True)
    for uv in (home / ".local/share/uv/python", home / "AppData/Roaming/uv/python"):
        yield from sorted(uv.glob(f"cpython-{name}.*/bin/python3"), reverse=True)
        yield from sorted(uv.glob(f"cpython-{name}.*/python.exe"), reverse=True)
    yield Path(f"/opt/homebrew/opt/python@{name}/bin/python{name}")
    yield Path(f"/usr/local/bin/python{name}")
    yield Path(f"/usr/bin/python{name}")
    yield Path(f"/Library/Frameworks/Python.framework/Versions/{name}/bin/python3")
    yield home / f"AppData/Local/Programs/Python/Python{version[0]}{version[1]}/python.exe"


def _answers(python: Path, version: Version) -> bool:
    """Whether this runs, is of the version, and has venv and pip to give."""
    if not python.is_file():
        return False
    try:
        # -I: what counts is the interpreter, not the person's own site or environment.
        done = subprocess.run(
            [str(python), "-I", "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == f"{version[0]}.{version[1]}"
