"""What the first bytes of a file say, before anything is decoded."""

import struct

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
