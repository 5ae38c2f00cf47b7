"""Pictures and movies in, pictures and movies out."""

from __future__ import annotations

import hashlib
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import Footage, MovieWriter
from fhmr_blender.pipeline.lens import choose_intrinsics
from fhmr_blender.pipeline.pixels import oriented
from tests.unit.test_exif import SHORT, jpeg_with, tiff_block

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """(80, 80, 3) uint8, the picture behind every format."""
    return Footage(DATA / "face.png").frame(0)


def encode(path: Path, codec: str, form: str, samples: np.ndarray) -> Path:
    """Write one picture with one of the library's encoders."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(samples), format=form)
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, form
    context.time_base, frame.pts = Fraction(1), 0
    path.write_bytes(b"".join(bytes(p) for p in (*context.encode(frame), *context.encode(None))))
    return path


def linear(picture: np.ndarray) -> np.ndarray:
    """sRGB 0..255 as linear light (IEC 61966-2-1)."""
    value = picture.astype(np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def wide(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.uint16) * 257


def with_alpha(samples: np.ndarray, alpha: float) -> np.ndarray:
    layer = np.full(samples.shape[:2], alpha, samples.dtype)
    return np.dstack([samples, layer])


FORMATS = {
    "8 bit png": ("a.png", "png", "rgb24", lambda face: face),
    "16 bit png": ("a.png", "png", "rgb48be", wide),
    "png with alpha": ("a.png", "png", "rgba", lambda face: with_alpha(face, 255)),
    "16 bit png with alpha": ("a.png", "png", "rgba64be", lambda face: wide(with_alpha(face, 255))),
    "tiff": ("a.tif", "tiff", "rgb24", lambda face: face),
    "16 bit tiff": ("a.tif", "tiff", "rgb48le", wide),
    "exr": ("a.exr", "exr", "gbrpf32le", linear),
    "exr with alpha": ("a.exr", "exr", "gbrapf32le", lambda face: with_alpha(linear(face), 1)),
    "bmp": ("a.bmp", "bmp", "bgr24", lambda face: face[..., ::-1]),
    "webp": ("a.webp", "libwebp", "bgra", lambda face: with_alpha(face[..., ::-1], 255)),
    "wrongly named png": ("a.jpg", "png", "rgb24", lambda face: face),
    "a name like a sequence": ("a%03d.png", "png", "rgb24", lambda face: face),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_looks_the_same_in_every_format(
    kind: str, face: np.ndarray, tmp_path: Path
) -> None:
    name, codec, form, prepare = FORMATS[kind]
    footage = Footage(encode(tmp_path / name, codec, form, prepare(face)))
    assert footage.is_picture and footage.frame_count == 1 and footage.size == (80, 80)
    difference = np.abs(footage.frame(0).astype(int) - face)
    # Lossy WEBP with halved colours; 16 bit is rounded by the converter.
    assert difference.mean() <= (5 if codec == "libwebp" else 1)


@pytest.mark.parametrize("form", ["gray", "gray16be"])
def test_grey_pictures_become_grey_rgb(form: str, face: np.ndarray, tmp_path: Path) -> None:
    grey = face.mean(axis=-1).astype(np.uint8)
    samples = grey if form == "gray" else wide(grey)
    frame = Footage(encode(tmp_path / "a.png", "png", form, samples)).frame(0)
    np.testing.assert_allclose(frame, np.repeat(grey[..., None], 3, axis=-1), atol=1)


def test_float_tiff_is_linear_light(face: np.ndarray, tmp_path: Path) -> None:
    samples = linear(face).astype("<f4").tobytes()
    short, long = 3, 4
    tags = [  # TIFF 6.0, three float32 samples a pixel in one strip
        (256, long, 80),
        (257, long, 80),
        (258, short, 32),
        (259, short, 1),
        (262, short, 2),
        (273, long, 8),
        (277, short, 3),
        (278, long, 80),
        (279, long, len(samples)),
        (284, short, 1),
        (339, short, 3),
    ]
    after = 8 + len(samples)
    bits = struct.pack("<HHH", 32, 32, 32), struct.pack("<HHH", 3, 3, 3)
    entries = b""
    for tag, kind, value in tags:
        if tag in {258, 339}:
            entries += struct.pack("<HHII", tag, kind, 3, after + (6 if tag == 339 else 0))
        else:
            entries += struct.pack("<HHII", tag, kind, 1, value)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    content = struct.pack("<2sHI", b"II", 42, after + 12) + samples + b"".join(bits) + directory
    path = tmp_path / "float.tif"
    path.write_bytes(content)
    np.testing.assert_allclose(Footage(path).frame(0).astype(int), face, atol=1)


def test_cmyk_and_palette_pictures(face: np.ndarray) -> None:
    for name, bound in (("face_cmyk.jpg", 3), ("face_palette.png", 5)):  # JPEG; 32 colours
        frame = Footage(DATA / name).frame(0)
        assert np.abs(frame.astype(int) - face).mean() <= bound


def test_transparent_pixels_lie_on_grey(face: np.ndarray, tmp_path: Path) -> None:
    clear = with_alpha(np.zeros_like(face), 0)
    frame = Footage(encode(tmp_path / "a.png", "png", "rgba", clear)).frame(0)
    assert np.unique(frame).tolist() == [128]


def test_not_a_number_and_infinity_in_an_exr_do_no_harm(face: np.ndarray, tmp_path: Path) -> None:
    light = linear(face)
    light[0, 0], light[0, 1] = np.nan, np.inf
    frame = Footage(encode(tmp_path / "a.exr", "exr", "gbrpf32le", light)).frame(0)
    assert frame[0, 0].tolist() == [0, 0, 0] and frame[0, 1].tolist() == [255, 255, 255]


# What each orientation does to a picture whose rows and columns are numbered, by the standard's
# words: where the stored first row and first column are to be seen.
ORIENTED = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image.transpose(1, 0, 2), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", ORIENTED)
def test_pictures_stand_upright_by_their_exif_orientation(orientation: int, tmp_path: Path) -> None:
    jpeg = (DATA / "tfjs_pose.jpg").read_bytes()
    plain = Footage(DATA / "tfjs_pose.jpg").frame(0)
    path = tmp_path / "turned.jpg"
    path.write_bytes(jpeg_with(tiff_block(orientation, {}), jpeg))
    footage = Footage(path)
    np.testing.assert_array_equal(footage.frame(0), ORIENTED[orientation](plain))
    assert footage.size == footage.frame(0).shape[1::-1]
    numbered = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(oriented(numbered, orientation), ORIENTED[orientation](numbered))


def test_the_lens_comes_from_the_option_then_exif_then_a_stated_default(tmp_path: Path) -> None:
    jpeg = (DATA / "tfjs_pose.jpg").read_bytes()
    path = tmp_path / "phone.jpg"
    path.write_bytes(jpeg_with(tiff_block(1, {0xA405: (SHORT, 28)}), jpeg))
    phone, plain = Footage(path), Footage(DATA / "tfjs_pose.jpg")
    diagonal = np.hypot(1000, 667)
    exif = choose_intrinsics(phone)
    assert exif.origin == "from EXIF"
    np.testing.assert_allclose(exif.values, [28 / 43.2666 * diagonal] * 2 + [500, 333.5], rtol=1e-5)
    assert choose_intrinsics(phone, focal=900.0).values[0] == 900.0
    assert choose_intrinsics(phone, fov=90.0).values[0] == pytest.approx(500.0)
    assert choose_intrinsics(phone, fov=90.0).origin == "given"
    assert choose_intrinsics(plain).origin == "assumed: a 35 mm lens"
    for option in ({"focal": 0.0}, {"focal": float("nan")}, {"fov": 180.0}, {"fov": float("nan")}):
        with pytest.raises(FhmrError):
            choose_intrinsics(plain, **option)


# -- what cannot be read


def png(width: int, height: int) -> bytes:
    """A PNG of that size with a single row of content."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    row = zlib.compress(bytes(1 + width * 3))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    """The header of a JPEG of that size."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + bytes((1, 17, 0, 2, 17, 1, 3, 17, 1))
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda\xff\xd9"


def beginning(name: str, count: int) -> bytes:
    return (DATA / name).read_bytes()[:count]


UNREADABLE = {
    "empty": ("a.png", b"", "empty"),
    "text named .jpg": ("a.jpg", b"Dear reader,\n" * 60, "holds no picture"),
    "text named .txt": ("a.txt", b"Dear reader,\n" * 60, "holds no picture"),
    "zeros named .mp4": ("a.mp4", bytes(5000), "damaged"),
    "truncated jpeg": ("a.jpg", beginning("tfjs_pose.jpg", 20_000), "truncated"),
    "truncated png": ("a.png", beginning("face.png", 9_000), "truncated"),
    "only a signature": ("a.png", b"\x89PNG\r\n\x1a\n", "damaged"),
    "zero-size png": ("a.png", png(0, 0), "holds no picture"),
    "1 x 1 pixel": ("a.png", png(1, 1), "too small"),
    "20,000 pixels wide": ("a.png", png(20_000, 40), "too large"),
    "20,000 pixels a side": ("a.png", png(20_000, 20_000), "too large"),
    "a 20,000 pixel jpeg": ("a.jpg", jpeg_of(20_000, 20_000), "too large"),
    "240 megapixels": ("a.png", png(16_000, 15_000), "too large"),
    "a playlist that points elsewhere": (
        "a.m3u8",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "damaged",
    ),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_useless_file_is_named_in_one_sentence(kind: str, tmp_path: Path) -> None:
    name, content, words = UNREADABLE[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FhmrError, match=words) as caught:
        Footage(tmp_path / name)
    assert caught.value.sentence.count(". ") == 0 and caught.value.sentence.endswith(".")
    assert name in caught.value.sentence and caught.value.remedy


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match="There is no file"):
        Footage(tmp_path / "missing.png")
    with pytest.raises(FhmrError, match="cannot be read"):
        Footage(tmp_path)


# -- movies


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames of 96 x 64, whose brightness is 5 times their number, with few key frames."""
    path = tmp_path_factory.mktemp("movie") / "steps.mp4"
    with MovieWriter(path, 12.5) as writer:
        for number in range(40):
            writer.write(np.full((64, 96, 3), 5 * number, np.uint8))
    return path


def brightness(footage: Footage, number: int) -> float:
    return float(footage.frame(number).mean()) / 5


def test_frames_are_found_in_any_order(movie: Path) -> None:
    footage = Footage(movie)
    assert not footage.is_picture
    assert footage.frame_count == 40 and footage.size == (96, 64)
    assert footage.fps == pytest.approx(12.5)
    for number in (0, 1, 39, 7, 7, 30, 3, 38, 12, 13, 2):
        assert brightness(footage, number) == pytest.approx(number, abs=0.6)  # lossy coding
    np.testing.assert_allclose(footage.seconds([0, 5, 39]), np.array([0, 5, 39]) / 12.5, atol=1e-6)
    in_a_row = [float(frame.mean()) / 5 for frame in footage.frames(range(5, 30, 4))]
    np.testing.assert_allclose(in_a_row, range(5, 30, 4), atol=0.6)
    footage.close()
    assert brightness(footage, 4) == pytest.approx(4, abs=0.6)


@pytest.mark.parametrize(
    ("name", "codec", "form", "options"),
    [
        ("a.mkv", "libx264", "yuv420p", {"bf": "3", "g": "20"}),
        ("a.mp4", "libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=10:bframes=3"}),
        ("a.webm", "libvpx-vp9", "yuv420p", {}),
        ("a.mov", "prores_ks", "yuv422p10le", {}),
        ("a.gif", "gif", "rgb8", {}),
        ("a.avi", "libx264", "yuv420p", {}),  # B-frames without times
        ("a.ts", "libx264", "yuv420p", {}),
        ("a.mpg", "mpeg2video", "yuv420p", {}),
        ("a.h264", "libx264", "yuv420p", {}),  # no container at all
    ],
    ids=str,
)
def test_every_container_finds_its_frames(
    name: str, codec: str, form: str, options: dict[str, str], tmp_path: Path
) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, form
        for number in range(30):
            image = np.full((64, 96, 3), 5 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    footage = Footage(tmp_path / name)
    assert footage.frame_count == 30 and footage.fps == pytest.approx(25)
    for number in (0, 29, 11, 10, 3, 20, 21):
        assert brightness(footage, number) == pytest.approx(number, abs=1.5)  # few bits a frame
    np.testing.assert_allclose(footage.seconds(range(30)), np.arange(30) / 25, atol=1e-3)


def test_a_frame_outside_the_movie_is_refused(movie: Path) -> None:
    for number in (-1, 40, 10_000):
        with pytest.raises(FhmrError, match="frames 0 to 39"):
            Footage(movie).frame(number)


def test_a_movie_that_was_filmed_upright_stands_upright(movie: Path, tmp_path: Path) -> None:
    content = bytearray(movie.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # ISO 14496-12: after the track header's other fields
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)
    content[matrix : matrix + 36] = turned  # 90 degrees clockwise, as phones write it
    path = tmp_path / "turned.mp4"
    path.write_bytes(content)
    footage = Footage(path)
    assert footage.size == (64, 96)
    assert footage.frame(3).shape == (96, 64, 3)


def test_a_turned_movie_turns_the_way_its_matrix_says(tmp_path: Path) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :48] = 255  # stored: white at the top left
    path = tmp_path / "corner.mp4"
    with MovieWriter(path, 10) as writer:
        writer.write(image)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    content[matrix : matrix + 36] = struct.pack(
        ">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30
    )
    path.write_bytes(content)
    shown = Footage(path).frame(0)  # clockwise: the top left goes to the top right
    assert shown[10, -10].min() > 200 and shown[10, 10].max() < 50


def test_a_truncated_movie_gives_what_is_left_or_one_sentence(movie: Path, tmp_path: Path) -> None:
    content = movie.read_bytes()
    for share in (0.2, 0.5, 0.9):
        path = tmp_path / f"cut{share}.mp4"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(FhmrError, match="damaged"):  # the index stands at the end
            Footage(path)
    streamed = tmp_path / "whole.mkv"
    rng = np.random.default_rng(0)
    with MovieWriter(streamed, 10) as writer:
        for _ in range(30):
            writer.write(rng.integers(0, 255, (64, 96, 3), np.uint8))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(streamed.read_bytes()[: streamed.stat().st_size // 2])
    footage = Footage(cut)
    assert 1 <= footage.frame_count < 30
    assert footage.frame(0).shape == (64, 96, 3)


def test_the_checksum_is_the_files(movie: Path) -> None:
    assert Footage(movie).sha256 == hashlib.sha256(movie.read_bytes()).hexdigest()
