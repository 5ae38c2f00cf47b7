"""Pictures and movies that are written: whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import Footage, MovieWriter, write_picture

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """(80, 80, 3) uint8."""
    return Footage(DATA / "face.png").frame(0)


def test_pictures_are_written_as_they_are(face: np.ndarray, tmp_path: Path) -> None:
    write_picture(tmp_path / "out.png", face)
    np.testing.assert_array_equal(Footage(tmp_path / "out.png").frame(0), face)
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_movies_of_odd_sizes_are_written(tmp_path: Path) -> None:
    image = np.full((63, 95, 3), 100, np.uint8)
    with MovieWriter(tmp_path / "odd.mp4", 29.97) as writer:
        for _ in range(3):
            writer.write(image)
    footage = Footage(tmp_path / "odd.mp4")
    assert footage.size == (96, 64) and footage.frame_count == 3
    assert footage.fps == pytest.approx(29.97, abs=0.01)


def test_what_cannot_be_written_leaves_nothing_behind(face: np.ndarray, tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "a.png", DATA / "face.png" / "a.png"):
        with pytest.raises(FhmrError, match="cannot be written"):
            write_picture(path, face)
    for name in ("a.mystery", "missing/a.mp4"):
        with (
            pytest.raises(FhmrError, match="cannot be written"),
            MovieWriter(tmp_path / name, 10) as writer,
        ):
            writer.write(face)
    with pytest.raises(KeyError), MovieWriter(tmp_path / "broken.mp4", 10) as writer:
        writer.write(face)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_survives_a_failure(face: np.ndarray, tmp_path: Path) -> None:
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"an older film")
    with pytest.raises(KeyError), MovieWriter(kept, 10) as writer:
        writer.write(face)
        raise KeyError
    assert kept.read_bytes() == b"an older film"
