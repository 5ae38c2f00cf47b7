"""Footage as it comes from phones, editors and broken disks."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import Footage, MovieWriter, write_picture
from fhmr_blender.pipeline.read_ahead import read_ahead


def shade(number: int, size: tuple[int, int] = (96, 64)) -> np.ndarray:
    """A frame whose brightness is 5 times its number."""
    return np.full((size[1], size[0], 3), 5 * number, np.uint8)


def brightness(footage: Footage, number: int) -> float:
    return float(footage.frame(number).mean()) / 5


def write(
    path: Path,
    frames: list[np.ndarray],
    stamps: list[int] | None = None,
    codec: str = "libx264",
    form: str = "yuv420p",
    rate: int = 30,
    **options: str,
) -> Path:
    """A movie whose frames have these times, in thirtieths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *frames[0].shape[1::-1], form
        stream.codec_context.time_base = Fraction(1, rate)
        for number, image in enumerate(frames):
            kind = "rgba" if image.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(image, format=kind)
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_movie_without_a_single_frame_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [shade(1)])
    content = bytearray(path.read_bytes())
    size = content.index(b"stsz") + 4 + 8  # ISO 14496-12: the number of samples
    content[size : size + 4] = bytes(4)
    for table in (b"stts", b"stsc", b"stco"):
        place = content.index(table) + 8
        content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(FhmrError, match=r"a\.mp4"):
        Footage(path)


def test_damage_in_the_middle_costs_the_damaged_frames_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 40, (64, 96, 3), np.uint8)
    frames = [np.clip(shade(number).astype(int) + noise, 0, 255).astype(np.uint8)
              for number in range(40)]  # fmt: skip
    path = write(tmp_path / "a.mp4", frames, g="8", bf="0")
    whole = Footage(path)
    expected = [float(whole.frame(number).mean()) for number in range(40)]
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        places = [(packet.pos, packet.size) for packet in packets]
    content = bytearray(path.read_bytes())
    for place, size in places[17:20]:
        content[place : place + size] = bytes(size)  # zeros are no packet of any codec
    path.write_bytes(content)
    broken = Footage(path)
    assert broken.frame_count == 40
    good, lost = [], []
    for number in range(40):
        try:
            value = float(broken.frame(number).mean())
        except FhmrError as error:
            assert f"Frame {number} of a.mp4" in error.sentence
            lost.append(number)
            continue
        if abs(value - expected[number]) < 1.0:
            good.append(number)
    assert {17, 18, 19} <= set(lost)
    assert set(good) >= {*range(17), *range(24, 40)}  # up to the damage, and from the next key on
    assert brightness(broken, 3) == pytest.approx(expected[3] / 5)  # and back again


@pytest.mark.parametrize("size", [(48, 32), (96, 96)])
def test_a_movie_that_changes_its_size_goes_on_or_says_so(
    size: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "a.ts"  # a stream may change whenever it likes
    parts = [
        write(tmp_path / f"{name}.ts", [shade(20, wide)] * 10)
        for name, wide in (("one", (96, 64)), ("two", size))
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    footage = Footage(path)
    assert footage.frame_count == 20 and footage.size == (96, 64)
    assert footage.frame(5).shape == (64, 96, 3)
    if size == (48, 32):
        assert footage.frame(15).shape == (64, 96, 3)
    else:
        with pytest.raises(FhmrError, match="96 x 96 pixels; the movie began with 96 x 64"):
            footage.frame(15)
        assert footage.frame(6).shape == (64, 96, 3)


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    stamps = [0, 1, 2, 3, 6, 9, 12, 13, 14, 30]
    path = write(tmp_path / "a.mp4", [shade(number) for number in range(10)], stamps)
    footage = Footage(path)
    assert footage.frame_count == 10
    np.testing.assert_allclose(footage.seconds(range(10)), np.array(stamps) / 30, atol=2e-3)
    for number in (9, 4, 5):
        assert brightness(footage, number) == pytest.approx(number, abs=0.6)


def test_transparent_movies_lie_on_grey(tmp_path: Path) -> None:
    clear = np.zeros((64, 96, 4), np.uint8)
    path = write(tmp_path / "a.mov", [clear] * 3, codec="qtrle", form="argb")
    assert np.unique(Footage(path).frame(1)).tolist() == [128]


def test_a_hundred_and_twenty_frames_a_second_are_counted_in_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [shade(number % 50) for number in range(60)], rate=120)
    footage = Footage(path)
    assert footage.fps == pytest.approx(120) and footage.frame_count == 60
    assert footage.seconds([59])[0] == pytest.approx(59 / 120, abs=1e-3)


def test_an_upright_phone_movie_stands_upright_in_every_frame(tmp_path: Path) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :48] = 255  # stored lying: white at the top left
    path = write(tmp_path / "a.mp4", [image] * 12)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # ISO 14496-12: after the other fields
    turn = (0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)  # clockwise
    content[matrix : matrix + 36] = struct.pack(">9i", *turn)
    path.write_bytes(content)
    footage = Footage(path)
    assert footage.size == (64, 96)
    for number in (11, 0, 5):
        shown = footage.frame(number)
        assert shown[10, -10].min() > 200 and shown[10, 10].max() < 50


def sound(path: Path) -> Path:
    """A file of music."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for number in range(8):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 44100, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_sound_alone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match=r"a\.m4a holds no picture"):
        Footage(sound(tmp_path / "a.m4a"))


def test_a_codec_that_nobody_knows_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [shade(1)] * 3)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"avc1", b"zzz9"))
    with pytest.raises(FhmrError, match=r"a\.mp4 is coded in a way that cannot be read") as caught:
        Footage(path)
    assert "H.264" in caught.value.remedy


# -- numbered sequences


def numbered(folder: Path, numbers: list[int], name: str = "walk_{:04d}.png") -> None:
    for number in numbers:
        write_picture(folder / name.format(number), shade(number % 50))


@pytest.mark.parametrize("given", ["walk_####.png", "walk_0009.png", "."])
def test_a_numbered_sequence_is_footage_like_a_movie(given: str, tmp_path: Path) -> None:
    numbered(tmp_path, [8, 9, 10, 11])
    footage = Footage(tmp_path / given, sequence="#" not in given, fps=25)
    assert not footage.is_picture
    assert (footage.frame_count, footage.fps, footage.size) == (4, 25.0, (96, 64))
    assert [brightness(footage, number) for number in (0, 3, 1)] == pytest.approx([8, 11, 9])
    np.testing.assert_allclose(footage.seconds([0, 3]), [0, 3 / 25])
    assert footage.path.name == "walk_####.png"
    again = Footage(str(footage.path))
    assert (again.frame_count, again.fps, again.sha256) == (4, 24.0, footage.sha256)


def test_the_checksum_of_a_sequence_is_of_all_its_pictures(tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2, 3])
    before = Footage(tmp_path / "walk_####.png").sha256
    write_picture(tmp_path / "walk_0002.png", shade(40))
    assert Footage(tmp_path / "walk_####.png").sha256 != before


def test_missing_numbers_are_named(tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2, 4, 5, 8])
    with pytest.raises(FhmrError, match=r"walk_####\.png lacks the numbers 3, 6, 7\."):
        Footage(tmp_path / "walk_####.png")
    numbered(tmp_path, [900])
    with pytest.raises(FhmrError, match="3, 6, 7, 9, 10, 11, 12, 13 and 886 more"):
        Footage(tmp_path / "walk_####.png")


def test_numbers_may_outgrow_their_digits(tmp_path: Path) -> None:
    numbered(tmp_path, [8, 9, 10], "f{:d}.png")
    assert Footage(tmp_path / "f#.png").frame_count == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("run_###.png", "No picture is called"),
        ("walk_##.png", "No picture is called"),
        ("none/walk_####.png", "no folder"),
        ("walk_####_####.png", "no pattern"),
    ],
)
def test_a_pattern_that_fits_nothing_is_named(given: str, said: str, tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2])
    with pytest.raises(FhmrError, match=said):
        Footage(tmp_path / given)


def test_what_is_no_sequence_is_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "portrait.png", shade(3))
    with pytest.raises(FhmrError, match="has no number"):
        Footage(tmp_path / "portrait.png", sequence=True)
    with pytest.raises(FhmrError, match="holds no numbered pictures"):
        Footage(tmp_path, sequence=True)
    numbered(tmp_path, [1])
    numbered(tmp_path, [1], "run_{:02d}.png")
    with pytest.raises(FhmrError, match="several sequences"):
        Footage(tmp_path, sequence=True)
    with pytest.raises(FhmrError, match="frames a second"):
        Footage(tmp_path / "walk_####.png", fps=0)


def test_a_damaged_or_differing_picture_of_a_sequence_is_named(tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2, 3, 4])
    (tmp_path / "walk_0002.png").write_bytes(b"")
    write_picture(tmp_path / "walk_0003.png", shade(3, (64, 64)))
    footage = Footage(tmp_path / "walk_####.png")
    with pytest.raises(FhmrError, match=r"walk_0002\.png is empty"):
        footage.frame(1)
    with pytest.raises(FhmrError, match=r"walk_0003\.png is 64 x 64 pixels"):
        footage.frame(2)
    assert brightness(footage, 3) == pytest.approx(4)


# -- ahead of time


def test_what_is_read_ahead_comes_in_order_and_only_a_little_too_early() -> None:
    made: list[int] = []

    def numbers() -> object:
        for number in range(30):
            made.append(number)
            yield number

    early = []
    for number in read_ahead(numbers(), depth=2):
        early.append(len(made) - number)
    assert made == list(range(30))
    assert max(early) <= 2 + 2  # those that wait, the one being made, the one in hand


def test_what_goes_wrong_ahead_is_raised_where_it_belongs() -> None:
    def numbers() -> object:
        yield 1
        raise FhmrError("Broken.", "Mend it.")

    seen = []
    with pytest.raises(FhmrError, match="Broken"):
        for number in read_ahead(numbers()):
            seen.append(number)
    assert seen == [1]


def test_leaving_early_ends_the_thread() -> None:
    import threading

    before = threading.active_count()
    ahead = read_ahead(iter(range(1000)), depth=2)
    assert next(ahead) == 0
    ahead.close()
    assert threading.active_count() == before


def test_a_movie_is_read_back_whole_by_its_writers_rate(tmp_path: Path) -> None:
    with MovieWriter(tmp_path / "a.mp4", 59.94) as writer:
        for number in range(6):
            writer.write(shade(number))
    assert Footage(tmp_path / "a.mp4").fps == pytest.approx(59.94, abs=1e-3)
