"""The EXIF reader: right on good pictures, unshaken by bad ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhmr_blender.core.exif import FILM_DIAGONAL, Exif, read_exif
from tests.fuzzing import FUZZ_CASES

DATA = Path(__file__).resolve().parents[1] / "data"

SHORT, LONG, RATIONAL = 3, 4, 5


def tiff_block(orientation: int, camera: dict[int, tuple[int, object]], order: str = "<") -> bytes:
    """A TIFF structure with an orientation and an EXIF directory; rationals as (above, below)."""

    def entry(tag: int, kind: int, value: object, place: int) -> tuple[bytes, bytes]:
        head = struct.pack(order + "HHI", tag, kind, 1)
        if kind == RATIONAL:
            return head + struct.pack(order + "I", place), struct.pack(order + "II", *value)
        form = "H2x" if kind == SHORT else "I"
        return head + struct.pack(order + form, value), b""

    main_end = 8 + 2 + 2 * 12 + 4
    place = main_end + 2 + 12 * len(camera) + 4
    body, extra = b"", b""
    for tag, (kind, value) in camera.items():
        head, data = entry(tag, kind, value, place + len(extra))
        body, extra = body + head, extra + data
    main = entry(0x0112, SHORT, orientation, 0)[0] + entry(0x8769, LONG, main_end, 0)[0]
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return (
        mark
        + struct.pack(order + "I", 8)
        + struct.pack(order + "H", 2)
        + main
        + bytes(4)
        + struct.pack(order + "H", len(camera))
        + body
        + bytes(4)
        + extra
    )


def jpeg_with(block: bytes, jpeg: bytes) -> bytes:
    """A JPEG with an EXIF segment put in front."""
    segment = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_orientation_and_lens_in_both_byte_orders(order: str) -> None:
    block = tiff_block(6, {0xA405: (SHORT, 28), 0x920A: (RATIONAL, (425, 100))}, order)
    for content in (block, jpeg_with(block, (DATA / "tfjs_pose.jpg").read_bytes())):
        exif = read_exif(content)
        assert exif.orientation == 6
        assert exif.focal_length_35mm == 28
        assert exif.focal_length == pytest.approx(4.25)


def test_reads_png_and_webp_containers() -> None:
    block = tiff_block(3, {0xA405: (SHORT, 50)})
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 0, b"IHDR") + bytes(4)
    png += struct.pack(">I4s", len(block), b"eXIf") + block + bytes(4)
    webp = b"RIFF\0\0\0\0WEBP" + struct.pack("<4sI", b"VP8 ", 3) + bytes(4)
    webp += struct.pack("<4sI", b"EXIF", len(block)) + block
    for content in (png, webp):
        assert read_exif(content) == Exif(orientation=3, focal_length_35mm=50)


def test_the_equivalent_lens_compares_diagonals() -> None:
    focal = Exif(focal_length_35mm=36.0).focal_pixels(3000, 2000)  # 3:2 like film
    assert focal == pytest.approx(3000.0)
    assert pytest.approx(43.267, abs=1e-3) == FILM_DIAGONAL


def test_the_sensors_resolution_gives_the_focal_length_of_a_scaled_picture() -> None:
    block = tiff_block(
        1,
        {
            0x920A: (RATIONAL, (50, 1)),  # mm
            0xA002: (LONG, 6000),
            0xA20E: (RATIONAL, (6000 * 254, 360)),  # pixels an inch on 36 mm
            0xA210: (SHORT, 2),
        },
    )
    focal = read_exif(block).focal_pixels(1500, 1000)
    assert focal == pytest.approx(50 / 36 * 1500, rel=1e-3)


@pytest.mark.parametrize("lens", [1, 60_000])
def test_an_implausible_lens_counts_as_unknown(lens: int) -> None:
    assert Exif(focal_length_35mm=float(lens)).focal_pixels(1000, 800) is None


def test_pictures_without_exif_say_nothing() -> None:
    assert read_exif((DATA / "tfjs_pose.jpg").read_bytes()) == Exif()
    assert read_exif(b"") == Exif()


@pytest.mark.fuzz
@settings(max_examples=FUZZ_CASES)
@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"MM\0*", b"\xff\xd8\xff\xe1"]))
def test_any_bytes_get_an_answer(noise: bytes, start: bytes) -> None:
    check_answer(read_exif(start + noise))


@pytest.mark.fuzz
@settings(max_examples=FUZZ_CASES)
@given(st.data())
def test_damaged_blocks_get_an_answer(data: st.DataObject) -> None:
    block = bytearray(
        tiff_block(
            6,
            {
                0xA405: (SHORT, 28),
                0x920A: (RATIONAL, (425, 100)),
                0xA20E: (RATIONAL, (6000, 36)),
                0xA210: (SHORT, 2),
            },
        )
    )
    for _ in range(data.draw(st.integers(1, 6))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(block)))
    check_answer(read_exif(bytes(block[:end])))
    check_answer(read_exif(jpeg_with(bytes(block), b"\xff\xd8\xff\xda")))


def check_answer(exif: Exif) -> None:
    """Whatever was read: a picture of any size gets a usable focal length or none."""
    assert 1 <= exif.orientation <= 8
    for size in ((1, 1), (640, 480), (16_384, 2)):
        focal = exif.focal_pixels(*size)
        assert focal is None or 0.2 * max(size) <= focal <= 50 * max(size)
