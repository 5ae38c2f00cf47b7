"""Which sources `estimate` was given, and where each one's results go."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FhmrError
from .options import check_output

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".bmp", ".webp", ".jp2"})
_MOVIES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts",
     ".mxf", ".wmv", ".3gp", ".gif"}
)  # fmt: skip


@dataclass(frozen=True)
class Outputs:
    """The files that are asked for; folders where there are several sources."""

    shot: Path | None
    overlay: Path | None
    blend: Path | None


@dataclass(frozen=True)
class Source:
    """One picture, movie or sequence and its results' files."""

    path: Path
    shot: Path
    overlay: Path | None
    blend: Path | None

    @property
    def written(self) -> tuple[Path, ...]:
        """Files that will be written."""
        return tuple(path for path in (self.shot, self.overlay, self.blend) if path)


def one_source(path: Path, outputs: Outputs) -> Source:
    """A single source, whose results are files."""
    source = Source(
        path, outputs.shot or Path(f"{_stem(path)}.npz"), outputs.overlay, outputs.blend
    )
    for written in source.written:
        check_output(written, path)
    return source


def several_sources(paths: Sequence[Path], outputs: Outputs, *, sequence: bool) -> list[Source]:
    """Every source, folders opened; results go into folders, which are made.

    Raises:
        FhmrError: A folder is empty or cannot be made, or an output is a file.
    """
    found: list[Path] = []
    for path in paths:
        found.extend([path] if sequence or not path.is_dir() else _inside(path))
    found = list(dict.fromkeys(found))
    stems = Counter(_stem(path) for path in found)
    for folder in (outputs.shot, outputs.overlay, outputs.blend):
        _make_folder(folder)
    sources: list[Source] = []
    for path in found:
        name = _stem(path)
        if stems[name] > 1:  # walk.mov beside walk.mp4
            name = f"{name}_{path.suffix.lstrip('.')}"
        overlay = f"{name}.png" if path.suffix.lower() in _PICTURES - {""} else f"{name}.mp4"
        if sequence or "#" in path.name:
            overlay = f"{name}.mp4"
        sources.append(
            Source(
                path,
                (outputs.shot or Path()) / f"{name}.npz",
                outputs.overlay and outputs.overlay / overlay,
                outputs.blend and outputs.blend / f"{name}.blend",
            )
        )
    return sources


def cache_folder() -> Path:
    """Where this system keeps what can be made again."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "fhmr" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "fhmr"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "fhmr"


def _inside(folder: Path) -> list[Path]:
    endings = _PICTURES | _MOVIES
    files = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()
    )
    if not files:
        raise FhmrError(f"{folder} holds no picture or movie.", "Choose another folder.")
    return files


def _stem(path: Path) -> str:
    """A name for the results; a pattern's # say nothing."""
    stem = path.stem.replace("#", "").rstrip("_-. ")
    return stem or path.resolve().parent.name


def _make_folder(folder: Path | None) -> None:
    if folder is None:
        return
    if folder.is_file():
        raise FhmrError(
            f"{folder} is a file; several sources need a folder.", "Name a folder for them."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FhmrError(
            f"The folder {folder} cannot be made ({error.strerror}).", "Choose another."
        ) from error
