"""Orientation and focal length from a picture's EXIF block.

Made for hostile input: it answers, or says "unknown".

Source: CIPA DC-008-2023, Exchangeable image file format for digital still cameras: Exif 3.0.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

FILM_DIAGONAL = math.hypot(36.0, 24.0)  # mm; the 35 mm equivalent compares diagonals

_ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_FOCAL_LENGTH = 0x920A
_FOCAL_LENGTH_35MM = 0xA405
_PIXEL_WIDTH = 0xA002
_PLANE_X_RESOLUTION = 0xA20E
_PLANE_RESOLUTION_UNIT = 0xA210
_UNIT_MM = {2: 25.4, 3: 10.0}  # inch, centimetre
_MAX_ENTRIES = 512  # of one directory; real ones have a few dozen
_FORMATS = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii"}
_RATIONALS = (5, 10)
_PLAUSIBLE_FOCAL = (0.2, 50.0)  # over the longer side


@dataclass(frozen=True)
class Exif:
    """What a picture says about the camera; 1 and None where it says nothing."""

    orientation: int = 1  # 1 to 8, as in the standard
    focal_length_35mm: float | None = None  # mm, equivalent
    focal_length: float | None = None  # mm, of the real lens
    pixels_per_mm: float | None = None  # on the sensor, for a picture of `pixel_width`
    pixel_width: int | None = None  # of the picture as the camera stored it

    def focal_pixels(self, width: int, height: int) -> float | None:
        """The focal length in pixels for this size; None where unknown or implausible."""
        focal = None
        if self.focal_length_35mm is not None:
            focal = self.focal_length_35mm / FILM_DIAGONAL * math.hypot(width, height)
        elif self.focal_length is not None and self.pixels_per_mm is not None:
            stored = self.pixel_width or max(width, height)
            focal = self.focal_length * self.pixels_per_mm * max(width, height) / stored
        low, high = _PLAUSIBLE_FOCAL
        longer = max(width, height)
        if focal is None or not low * longer <= focal <= high * longer:
            return None
        return focal


def read_exif(content: bytes) -> Exif:
    """Read the EXIF block of a JPEG, PNG, WEBP or TIFF file.

    Args:
        content: The file, or its beginning. Anything else answers an empty `Exif`.
    """
    tiff = _tiff_block(content)
    if tiff is None:
        return Exif()
    try:
        return _read_tiff(tiff)
    except (struct.error, IndexError, ValueError, OverflowError):
        return Exif()


def _tiff_block(content: bytes) -> bytes | None:
    """The TIFF structure that holds the tags."""
    if content[:4] in (b"II*\0", b"MM\0*"):
        return content
    for kind, body in _sections(content):
        if kind == b"Exif":
            return body.removeprefix(b"Exif\0\0")
    return None


def _sections(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Blocks of a JPEG, PNG or WEBP file; EXIF ones are named Exif."""
    if content[:2] == b"\xff\xd8":
        yield from _jpeg_segments(content)
    elif content[:8] == b"\x89PNG\r\n\x1a\n":
        yield from _chunks(content, 8, ">I4s", length_first=True, names=(b"eXIf",))
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        yield from _chunks(content, 12, "<4sI", length_first=False, names=(b"EXIF",))


def _jpeg_segments(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0xDA:  # the picture itself begins
            return
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        body = content[position + 4 : position + 2 + length]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            yield b"Exif", body
        position += 2 + max(length, 2)


def _chunks(
    content: bytes, start: int, header: str, *, length_first: bool, names: tuple[bytes, ...]
) -> Iterator[tuple[bytes, bytes]]:
    position = start
    while position + 8 <= len(content):
        first, second = struct.unpack_from(header, content, position)
        length, name = (first, second) if length_first else (second, first)
        if name in names:
            yield b"Exif", content[position + 8 : position + 8 + length]
        # PNG ends a chunk with a checksum, RIFF pads to even lengths.
        position += 8 + length + (4 if length_first else length % 2)


def _read_tiff(tiff: bytes) -> Exif:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return Exif()
    main = _directory(tiff, order, int(struct.unpack_from(order + "I", tiff, 4)[0]))
    camera: dict[int, float] = {}
    if _EXIF_IFD in main:
        camera = _directory(tiff, order, int(main[_EXIF_IFD]))
    orientation = int(main.get(_ORIENTATION, 1))
    unit = _UNIT_MM.get(int(camera.get(_PLANE_RESOLUTION_UNIT, 2)))
    resolution = _positive(camera.get(_PLANE_X_RESOLUTION))
    width = _positive(camera.get(_PIXEL_WIDTH))
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        focal_length_35mm=_positive(camera.get(_FOCAL_LENGTH_35MM)),
        focal_length=_positive(camera.get(_FOCAL_LENGTH)),
        pixels_per_mm=resolution / unit if resolution and unit else None,
        pixel_width=int(width) if width else None,
    )


def _directory(tiff: bytes, order: str, offset: int) -> dict[int, float]:
    """First value of every numeric tag in one directory."""
    (count,) = struct.unpack_from(order + "H", tiff, offset)
    values: dict[int, float] = {}
    for index in range(min(count, _MAX_ENTRIES)):
        entry = offset + 2 + 12 * index
        if entry + 12 > len(tiff):
            break
        tag, kind, length = struct.unpack_from(order + "HHI", tiff, entry)
        if kind not in _FORMATS or not length:
            continue
        form = order + _FORMATS[kind]
        place = entry + 8
        if struct.calcsize(form) * length > 4:
            (place,) = struct.unpack_from(order + "I", tiff, place)
        if place + struct.calcsize(form) > len(tiff):
            continue
        numbers = struct.unpack_from(form, tiff, place)
        if kind in _RATIONALS:
            if numbers[1] == 0:
                continue
            values[tag] = numbers[0] / numbers[1]
        else:
            values[tag] = float(numbers[0])
    return values


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None
