"""Perception on disk: what was seen of a clip is not looked for again.

One folder an entry, one file a part; whole files only, the least recently used entries go first.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.zipped_arrays import Array, MalformedError, pack_arrays, unpack_arrays

DEFAULT_LIMIT = 2 * 1024**3  # bytes; ten minutes of two people are about 100 MB
_ENDING = ".npz"
_KEY_LENGTH = 32  # hexadecimal digits of an entry's folder


@dataclass(frozen=True)
class Cache:
    """A folder that belongs to the cache alone."""

    folder: Path
    limit: int = DEFAULT_LIMIT  # bytes

    def entry(self, key: Mapping[str, Any]) -> "Entry":
        """What is stored under everything that decides the answer."""
        text = json.dumps(key, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]
        return Entry(self, self.folder / digest)


class Entry:
    """The parts of one clip's perception.

    Attributes:
        problem: Why nothing more is stored, in the artist's words; empty where all is well.
    """

    def __init__(self, cache: Cache, folder: Path) -> None:
        self._cache = cache
        self._folder = folder
        self.problem = ""

    def load(self, name: str) -> dict[str, Array] | None:
        """A part; None where there is none, or none that can be read."""
        try:
            arrays = unpack_arrays((self._folder / f"{name}{_ENDING}").read_bytes())
        except (OSError, MalformedError):
            return None
        with contextlib.suppress(OSError):
            os.utime(self._folder)  # lately used
        return arrays

    def save(self, name: str, arrays: Mapping[str, Array]) -> None:
        """Store a part, whole or not at all; what goes wrong is noted in `problem`."""
        if self.problem or self._cache.limit <= 0:
            return
        partial = self._folder / f".{name}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(pack_arrays(arrays))
            partial.replace(self._folder / f"{name}{_ENDING}")
            os.utime(self._folder)
        except OSError as error:
            reason = error.strerror or "unknown reason"
            self.problem = (
                f"What was seen cannot be kept in {self._cache.folder} ({reason}): "
                "the next run will look again."
            )
            with contextlib.suppress(OSError):
                partial.unlink()
            return
        if _evict(self._cache, self._folder) > self._cache.limit:
            shutil.rmtree(self._folder, ignore_errors=True)
            self.problem = (
                f"What was seen takes more than the {self._cache.limit / 1e9:.1f} GB that are "
                "allowed: the next run will look again."
            )


def size_of(folder: Path) -> int:
    """Bytes in a cache's folder."""
    return sum(_size(entry) for entry in _entries(folder))


def clear(folder: Path) -> None:
    """Forget everything; other files in the folder stay."""
    for entry in _entries(folder):
        shutil.rmtree(entry, ignore_errors=True)


def _evict(cache: Cache, kept: Path) -> int:
    """Remove the least recently used entries until the rest fits the limit.

    Returns:
        Bytes that are left; more than the limit only if the one kept is larger.
    """
    sizes = {entry: _size(entry) for entry in _entries(cache.folder)}
    total = sum(sizes.values())
    for entry in sorted(sizes, key=_used):
        if total <= cache.limit:
            break
        if entry != kept:
            shutil.rmtree(entry, ignore_errors=True)
            total -= sizes[entry]
    return total


def _entries(folder: Path) -> list[Path]:
    """Folders that are named as entries are."""
    try:
        inside = list(folder.iterdir())
    except OSError:
        return []
    digits = frozenset("0123456789abcdef")
    return [
        path
        for path in inside
        if len(path.name) == _KEY_LENGTH and digits.issuperset(path.name) and path.is_dir()
    ]


def _size(entry: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):  # another program may be clearing it
        for file in entry.iterdir():
            total += file.stat().st_size
    return total


def _used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0
