"""What the first bytes of a file say, before anything is decoded."""

import struct
from pathlib import Path

from ..errors import FhmrError

MAX_SIDE = 16_384  # pixels; larger pictures do not fit an artist's memory several times over
MAX_PIXELS = 200_000_000  # what the largest sensors of phones give
MIN_SIDE = 32  # pixels; nobody can be made out in less
_SIGNATURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"II*\0",  # TIFF
    b"MM\0*",
    b"v/1\x01",  # EXR
    b"BM",
    b"\0\0\0\x0cjP  ",  # JPEG 2000
)
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def is_picture(head: bytes) -> bool:
    """Whether a file begins as a picture does; anything else may be a movie."""
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith(_SIGNATURES)


def is_jpeg(content: bytes) -> bool:
    """Whether a file begins as a JPEG does."""
    return content.startswith(b"\xff\xd8\xff")


def ends_well(jpeg: bytes) -> bool:
    """Whether a JPEG's last picture comes to its end marker; previews end earlier."""
    start = jpeg.rfind(b"\xff\xda")
    return start >= 0 and jpeg.find(b"\xff\xd9", start) >= 0


def declared_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that a PNG or JPEG announces; None for others and for damaged ones."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        width, height = struct.unpack_from(">II", content, 16)
        return width, height
    position = 2
    while is_jpeg(content) and position + 9 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", content, position + 5)
            return width, height
        if marker == 0xFF:  # fill byte
            position += 1
        else:
            position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return None


def read_head(path: Path) -> bytes:
    """The first bytes of a file that is there and not empty."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except (FileNotFoundError, NotADirectoryError):
        raise FhmrError(f"There is no file {path}.", "Check its name and place.") from None
    except OSError as error:
        raise FhmrError(
            f"{path} cannot be read ({error.strerror}).", "Choose a picture or a movie."
        ) from error
    if not head:
        raise FhmrError(f"{path.name} is empty.", "Choose another file.")
    return head


def check_size(width: int, height: int, path: Path) -> None:
    """Refuse sizes in which nobody can be made out, and those that do not fit the memory."""
    if min(width, height) <= 0:
        raise FhmrError(f"{path.name} holds no picture.", "Choose a picture or a movie.")
    if min(width, height) < MIN_SIDE:
        raise FhmrError(
            f"{path.name} is {width} x {height} pixels: too small to show a body.",
            f"Choose a picture of at least {MIN_SIDE} x {MIN_SIDE} pixels.",
        )
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise FhmrError(
            f"{path.name} is {width} x {height} pixels: too large.",
            f"Scale it down to at most {MAX_SIDE} pixels a side and 200 megapixels.",
        )
