"""`shot.npz`, version 1: a shot as a file, or as the bytes that a .blend keeps.

Arrays only, no pickle. Readers keep keys that they do not know and refuse newer versions.
"""

import os
from pathlib import Path

from ..errors import FhmrError
from .motion import Shot
from .shot_layout import FORMAT, VERSION, InvalidShotError, arrays_of, shot_of
from .zipped_arrays import Array, MalformedError, pack_arrays, unpack_arrays

_SIZE_MAX = 2**31  # bytes of a file


def encode(shot: Shot, *, small: bool = True) -> bytes:
    """A shot as bytes; the same shot gives the same bytes. Quicker where they need not be small."""
    return pack_arrays(arrays_of(shot), small=small)


def decode(content: bytes, name: str = "The stored shot") -> Shot:
    """The shot in bytes.

    Args:
        content: What `encode` gave, or the content of a `shot.npz`.
        name: Of the file, for messages.

    Raises:
        FhmrError: Damaged, hostile, no shot at all, or of a newer version.
    """
    try:
        arrays = unpack_arrays(content)
    except MalformedError as error:
        raise FhmrError(f"{name} cannot be read as a shot: {error}.", _REMEDY) from error
    _check_version(arrays, name)
    try:
        return shot_of(arrays)
    except InvalidShotError as error:
        raise FhmrError(f"{name} is damaged: {error}.", _REMEDY) from error


def stored(shot: Shot) -> Shot:
    """The shot as it would come back from a file, to the bit."""
    return shot_of(arrays_of(shot))


def write(path: Path, shot: Shot) -> None:
    """Write a shot, whole or not at all.

    Raises:
        FhmrError: It cannot be written there.
    """
    content = encode(shot)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise FhmrError(
            f"{path} cannot be written ({error.strerror}).", "Choose another folder or name."
        ) from error
    finally:
        # Left over only if something went wrong; a folder that is none has none either.
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)


def read(path: Path) -> Shot:
    """Read a shot.

    Raises:
        FhmrError: Missing, damaged, hostile, no shot at all, or of a newer version.
    """
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise FhmrError(f"{path.name} is too large to be a shot.", _REMEDY)
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FhmrError(f"There is no file {path}.", "Check its name and place.") from None
    except OSError as error:
        raise FhmrError(f"{path} cannot be read ({error.strerror}).", _REMEDY) from error
    return decode(content, path.name)


_REMEDY = "Choose a shot.npz that FHMR has written, or estimate the footage again."


def _check_version(arrays: dict[str, Array], name: str) -> None:
    kind, version = arrays.get("format"), arrays.get("version")
    if kind is None or kind.dtype.kind != "U" or kind.shape != () or str(kind) != FORMAT:
        raise FhmrError(f"{name} is no shot of FHMR.", _REMEDY)
    if version is None or version.dtype.kind not in "iu" or version.shape != ():
        raise FhmrError(f"{name} does not say its version.", _REMEDY)
    if int(version) > VERSION:
        raise FhmrError(
            f"{name} was written by a newer version of FHMR (format {int(version)}).",
            "Update FHMR to open it.",
        )
    if int(version) < 1:
        raise FhmrError(f"{name} says a version that there never was.", _REMEDY)
