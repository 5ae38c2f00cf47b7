"""Holds the model files against `models/models.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import places

LIST_NAME = "models.toml"


def listed(folder: Path) -> dict[str, str]:
    """Every model file of a list: its path from the folder to its sha256."""
    document = tomllib.loads((folder / LIST_NAME).read_text(encoding="utf-8"))
    return dict(_entries(document))


def unsound(folder: Path, below: str = "") -> list[str]:
    """The listed files that are missing or are not the listed bytes.

    Args:
        folder: With the list.
        below: Only files whose path begins so.
    """
    return [
        name
        for name, sha256 in listed(folder).items()
        if name.startswith(below) and _sha256(folder / name) != sha256
    ]


def unsound_perception() -> list[str]:
    """The perception networks that `setup` has to make."""
    return unsound(places.MODELS, "perception/")


def _entries(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Tables with `file` and `sha256`, at any depth."""
    if "file" in table and "sha256" in table:
        yield table["file"], table["sha256"]
    for value in table.values():
        if isinstance(value, dict):
            yield from _entries(value)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
