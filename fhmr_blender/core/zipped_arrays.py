"""Named arrays as the bytes of an .npz file: without pickle, distrustful, same bytes every time.

Source: the .npy format, numpy.lib.format, version 1.0.
"""

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[biufU]\d{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)
_HEADER_MAX = 4096  # bytes
_ENTRIES_MAX = 20_000
_TOTAL_MAX = 2**31  # bytes, unpacked
_EXPANSION_MAX = 200  # guess: real shots pack to a half, a bomb to a thousandth
_EXPANSION_FREE = 2**24  # bytes that any file may unpack to
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same arrays give the same bytes


class MalformedError(ValueError):
    """Bytes that are no archive of plain arrays; says what is wrong."""


def pack_arrays(arrays: Mapping[str, Array], *, small: bool = True) -> bytes:
    """Write arrays as an .npz, compressed where it shall be `small`."""
    method = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _LONG_AGO)
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array, order="C"), allow_pickle=False)
            archive.writestr(entry, content.getvalue(), method, compresslevel=1)
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, Array]:
    """Read what `pack_arrays` or `numpy.savez` wrote.

    Raises:
        MalformedError: Anything else: damaged, truncated, with objects inside, or made to fill
            the memory.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_sizes(entries, len(content))
            return {_name(entry): _read(archive, entry) for entry in entries}
    except MalformedError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        LookupError,
        NotImplementedError,
        OSError,
        OverflowError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:  # what zipfile is known to raise on damaged archives
        raise MalformedError("it is damaged or no archive of arrays") from error


def _check_sizes(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Believe no more than what the file's own size makes likely."""
    if len(entries) > _ENTRIES_MAX:
        raise MalformedError("it holds too many entries")
    total = sum(entry.file_size for entry in entries)
    if total > min(_TOTAL_MAX, _EXPANSION_FREE + _EXPANSION_MAX * size):
        raise MalformedError("it would unpack to more than a shot can hold")
    names = {entry.filename for entry in entries}
    if len(names) != len(entries):
        raise MalformedError("an entry is there twice")


def _name(entry: zipfile.ZipInfo) -> str:
    if not entry.filename.endswith(".npy"):
        raise MalformedError("an entry is no array")
    return entry.filename.removesuffix(".npy")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    with archive.open(entry) as file:
        # One byte more than declared: an entry that lies about its size is refused.
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise MalformedError("an entry is not as long as it says")
    return _parse(content)


def _parse(content: bytes) -> Array:
    """An .npy file of numbers or text."""
    if content[:6] != _MAGIC or len(content) < 12 or content[6] not in (1, 2, 3):
        raise MalformedError("an entry is no array")
    wide = content[6] > 1
    start = 12 if wide else 10
    length = int.from_bytes(content[8:start], "little")
    header = _HEADER.fullmatch(content[start : start + min(length, _HEADER_MAX)])
    if header is None or length > _HEADER_MAX:
        raise MalformedError("an array's header is not readable")
    descr, fortran, sizes = header.groups()
    shape = tuple(int(size) for size in re.findall(rb"\d+", sizes))
    kind = _kind(descr.decode())
    body = content[start + length :]
    if len(shape) > 8 or math.prod(shape) * kind.itemsize != len(body):
        raise MalformedError("an array is not as long as it says")
    if kind.itemsize == 0:
        return np.zeros(shape, dtype=kind)
    array = np.frombuffer(body, dtype=kind)
    order = "F" if fortran == b"True" else "C"
    return array.astype(kind.newbyteorder("=")).reshape(shape, order=order)


def _kind(descr: str) -> np.dtype[Any]:
    try:
        kind = np.dtype(descr)
    except (TypeError, ValueError) as error:
        raise MalformedError("an array's kind is not known") from error
    if kind.kind not in "biufU":
        raise MalformedError("an array does not hold numbers or text")
    return kind
