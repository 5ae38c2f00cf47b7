"""Virtual environments: made once, filled from pinned and hashed lists, remembered by stamps."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from . import places, pythons
from .progress import BuildError, require_space, run_logged, say

STAMP = "fhmr-stamp.json"
TORCH = "torch"
TORCH_CPU = "torch-cpu"
TORCH_VERSION = "2.13.0"

# Disk that a list needs with its downloads, GB; measured on Linux x64, rounded up.
SPACE = {"runtime": 0.3, "build": 0.4, TORCH: 1.5, "training": 0.4, "test": 0.4, "body": 0.5}
SPACE_BLENDER = 1.8
SPACE_CUDA = 7.0

# torch last: what it needs is pinned in the lists before it.
RUNTIME = ("runtime",)
SETUP = ("runtime", "build")
LINT = ("runtime", "build", "test")
TESTS = (*LINT, "training", TORCH)
TRAINING = ("runtime", "build", "training", TORCH)
BODY = ("runtime", "body", TORCH)


@dataclass(frozen=True)
class Blender:
    """A version of Blender that comes as a Python module, and the Python that it is made for."""

    version: str
    python: pythons.Version

    @property
    def folder(self) -> Path:
        """Its virtual environment."""
        return places.BUILD / f"bpy-{self.version}"


BLENDERS = (
    Blender("4.5", (3, 11)),
    Blender("5.0", (3, 11)),
    Blender("5.1", (3, 13)),
    Blender("5.2", (3, 13)),
)

# Debian's names, found by importing bpy on a bare system.
BLENDER_LIBRARIES = (
    "libx11-6 libxrender1 libxxf86vm1 libxfixes3 libxi6 libxkbcommon0 libsm6 libice6 libgl1 "
    "libgomp1 libegl1 libgl1-mesa-dri"
)


def ensure_main(lists: tuple[str, ...]) -> Path:
    """Make `.venv` hold these lists.

    Returns:
        Its Python.
    """
    python = _ensure_venv(places.VENV, None)
    _ensure_lists(places.VENV, lists)
    return python


def ensure_blender(blender: Blender) -> Path:
    """Make the environment of one Blender version, and see that Blender starts in it.

    Returns:
        Its Python.

    Raises:
        BuildError: A Python, disk or a system library is missing.
    """
    name = f"bpy-{blender.version}"
    if not is_current(blender.folder, name):
        base = pythons.require(blender.python, f"Blender {blender.version} as a module")
        _ensure_venv(blender.folder, base)
        _ensure_lists(blender.folder, (name,))
    python = places.executable_in(blender.folder)
    _check_starts(blender, python)
    return python


def is_current(folder: Path, name: str) -> bool:
    """Whether an environment holds this list as it is written today."""
    return (
        places.executable_in(folder).is_file()
        and _read_stamp(folder).get(name) == _fingerprint(_list_file(name))
        and _works(folder)
    )


def ensure_stubs() -> None:
    """Put the types of Blender's modules where only the type checker looks."""
    mark = places.STUBS / STAMP
    wanted = _fingerprint(_list_file("stubs"))
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(places.STUBS, ignore_errors=True)
    command = [*_pip(places.VENV), "--require-hashes", "--no-deps", "--target", places.STUBS]
    run_logged(
        "Installing the types of Blender's modules",
        [*command, "--requirement", _list_file("stubs")],
        "pip-stubs",
    )
    mark.write_text(wanted, encoding="utf-8")


def _ensure_venv(folder: Path, base: Path | None) -> Path:
    """Make a virtual environment unless a working one is there.

    Args:
        folder: Where.
        base: Its Python; None for the running one.
    """
    python = places.executable_in(folder)
    if _works(folder):
        return python
    if folder.exists():
        say(f"  {places.shown(folder)} is unfinished or broken: making it anew")
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    base = base or pythons.base_of_running()
    try:
        run_logged(
            f"Making {places.shown(folder)}",
            [base, "-m", "venv", folder],
            f"venv-{folder.name.strip('.')}",
        )
    except BuildError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BuildError(
            f"{base} could not make a virtual environment.",
            "Install its venv module (Debian and Ubuntu: apt-get install python3-venv), "
            "then run the same command again.",
        ) from error
    return python


def _works(folder: Path) -> bool:
    """Whether the environment's Python runs and has pip."""
    python = places.executable_in(folder)
    if not python.is_file():
        return False
    question = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([str(python), "-I", "-c", question], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _ensure_lists(folder: Path, lists: tuple[str, ...]) -> None:
    """Install those lists that are not there yet as written today; each leaves its stamp."""
    stamp = _read_stamp(folder)
    wanted = {name: _fingerprint(_list_file(name)) for name in lists}
    missing = tuple(name for name in lists if stamp.get(name) != wanted[name])
    if not missing:
        return
    space = sum(SPACE.get(name, SPACE_BLENDER) for name in missing)
    require_space(space, f"Installing {', '.join(missing)} into {places.shown(folder)}")
    for name in missing:
        if name == TORCH:
            _install_torch(folder)
        else:
            _install(folder, name)
        stamp[name] = wanted[name]
        _write_stamp(folder, stamp)


def _install(folder: Path, name: str) -> None:
    """Install one list; the hashes are checked and nothing is resolved: the lists are complete."""
    run_logged(
        f"Installing {name} into {places.shown(folder)}",
        [*_pip(folder), "--require-hashes", "--no-deps", "--requirement", _list_file(name)],
        f"pip-{folder.name.strip('.')}-{name}",
    )


def _install_torch(folder: Path) -> None:
    """Install torch: its wheel by hash, then whatever that build asks for besides.

    The second step has no hashes: which libraries a build needs (none for a CPU build, several GB
    from NVIDIA for the public Linux one) differs from build to build; torch names exact versions.
    """
    held = _installed_torch(folder)
    if held.split("+")[0] == TORCH_VERSION:
        say(f"  torch {held} is there and is kept")
    elif sys.platform != "linux" or not _offered(folder, TORCH_CPU):
        if sys.platform == "linux":
            require_space(SPACE_CUDA, "torch with NVIDIA's libraries")
        _install(folder, TORCH)
    else:
        _install(folder, TORCH_CPU)
    run_logged(
        "Installing what this build of torch needs",
        [*_pip(folder), f"torch=={TORCH_VERSION}"],
        f"pip-{folder.name.strip('.')}-torch-needs",
    )


def _offered(folder: Path, name: str) -> bool:
    """Whether pip would find the list's exact builds, by its own settings."""
    command = [*_pip(folder), "--dry-run", "--quiet", "--require-hashes", "--no-deps"]
    words = [str(word) for word in (*command, "--requirement", _list_file(name))]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _installed_torch(folder: Path) -> str:
    """The version of torch in an environment, or nothing."""
    question = "import importlib.metadata as m; print(m.version('torch'))"
    done = subprocess.run(
        [str(places.executable_in(folder)), "-I", "-c", question],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _pip(folder: Path) -> list[str | Path]:
    python = places.executable_in(folder)
    return [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]


def _check_starts(blender: Blender, python: Path) -> None:
    """See that the module loads, and name the system libraries where it does not."""
    # os._exit: some versions hang while Python takes them down.
    trial = "import os, bpy; os.write(1, b'started'); os._exit(0)"
    done = subprocess.run([str(python), "-c", trial], capture_output=True, text=True, check=False)
    if done.stdout.endswith("started"):
        return
    words = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    if "cannot open shared object file" in words:
        raise BuildError(
            f"Blender {blender.version} as a module lacks a system library: {words}.",
            f"Debian and Ubuntu: apt-get install {BLENDER_LIBRARIES}; "
            "elsewhere, the packages that hold these libraries.",
        )
    raise BuildError(
        f"Blender {blender.version} as a module does not start: {words}.",
        f"Delete {places.shown(blender.folder)} and run the same command again.",
    )


def _list_file(name: str) -> Path:
    return places.REQUIREMENTS / f"{name}.txt"


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_stamp(folder: Path) -> dict[str, str]:
    """Which lists an environment holds: list name to sha256; empty where unknown."""
    try:
        held: object = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(held, dict):
        return {}
    return {str(name): str(value) for name, value in cast("dict[object, object]", held).items()}


def _write_stamp(folder: Path, stamp: dict[str, str]) -> None:
    partial = folder / f"{STAMP}.part"
    partial.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    partial.replace(folder / STAMP)
