"""Files that appear whole or not at all."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from ..errors import FhmrError


@contextlib.contextmanager
def unwritable(path: Path) -> Generator[None]:
    """Errors of writing in the artist's words."""
    try:
        yield
    except (OSError, ValueError) as error:  # the encoder's own errors are both
        reason = getattr(error, "strerror", None) or "unknown kind of file"
        raise FhmrError(
            f"{path} cannot be written ({reason}).", "Choose another folder or name."
        ) from error


@contextlib.contextmanager
def atomic(path: Path) -> Generator[Path]:
    """A neighbouring file that takes the path's place when the block ends well."""
    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield partial
        with unwritable(path):
            partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
