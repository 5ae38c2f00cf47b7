"""Where things lie: the repository's folders and the files that the build makes."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BUILD = ROOT / ".build"
CACHE = BUILD / "cache"
LOGS = BUILD / "logs"
STUBS = BUILD / "stubs"
TRAINING_STATE = BUILD / "training"
DIST = ROOT / "dist"
OUT = ROOT / "out"
MODELS = ROOT / "models"
REQUIREMENTS = ROOT / "build_steps" / "requirements"
NPM = ROOT / "build_steps" / "npm"
DEMO_PICTURE = ROOT / "tests" / "data" / "tfjs_pose.jpg"


def executable_in(environment: Path, name: str = "python") -> Path:
    """A program of a virtual environment, by the platform's layout."""
    if os.name == "nt":
        return environment / "Scripts" / f"{name}.exe"
    return environment / "bin" / name


def shown(path: Path) -> str:
    """A path as a person reads it: from the repository's root where it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
