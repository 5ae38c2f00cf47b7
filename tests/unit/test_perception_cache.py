"""What was seen is not looked for again: the same bits, whatever was broken off or damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.motion import Observations
from fhmr_blender.jobs import Cancelled, Report, silent
from fhmr_blender.pipeline.perception import cache as caching
from fhmr_blender.pipeline.perception.cache import Cache, clear, size_of
from fhmr_blender.pipeline.perception.front_end import Observed, observe
from tests.unit.painted_people import Looks, PaintedFootage, networks

INTRINSICS = np.array([300.0, 300.0, 160.0, 120.0])
COUNT = 34  # at 10 fps the detector looks at every third frame


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhmr_blender.pipeline.perception.front_end._PART", 12)


def paint(number: int) -> dict[str, tuple[float, float]] | None:
    if number == 20:
        return None
    people = {"red": (60 + 2 * number, 120)}
    if number >= 16:
        people["green"] = (250, 118)
    return people


def footage(count: int = COUNT) -> PaintedFootage:
    return PaintedFootage(paint, count, fps=10.0)


def look(
    cache: Cache | None,
    looks: Looks | None = None,
    count: int = COUNT,
    report: Report = silent,
    **options: object,
) -> Observed:
    shown = footage(COUNT)
    return observe(shown, range(count), INTRINSICS, networks(looks), report, cache=cache, **options)


def bits(people: tuple[Observations, ...]) -> list[bytes]:
    return [array.tobytes() for person in people for array in vars(person).values()]


@pytest.fixture(scope="module")
def fresh() -> Observed:
    return look(None)


def test_the_second_run_asks_no_network_and_says_the_same_to_the_bit(
    fresh: Observed, tmp_path: Path
) -> None:
    cache, looks = Cache(tmp_path), Looks()
    assert bits(look(cache).people) == bits(fresh.people)
    again = look(cache, looks)
    assert (looks.landmarks, looks.people) == (0, 0)
    assert bits(again.people) == bits(fresh.people)
    assert (again.cuts, again.notes) == (fresh.cuts, fresh.notes)


def test_further_looks_are_kept_too(tmp_path: Path) -> None:
    cache, looks = Cache(tmp_path), Looks()
    first = look(cache, count=30, twice=True)
    again = look(cache, looks, count=30, twice=True)
    assert looks.landmarks == 0
    assert all(len(others) == 1 for others in first.others)
    for others, kept in zip(first.others, again.others, strict=True):
        assert bits(kept) == bits(others)


@pytest.mark.parametrize("stop", [5, 13, 30])
def test_a_run_that_was_broken_off_goes_on_where_its_last_part_ended(
    stop: int, fresh: Observed, tmp_path: Path
) -> None:
    def give_up(fraction: float, message: str) -> None:
        if fraction >= stop / COUNT:
            raise Cancelled

    cache, looks = Cache(tmp_path), Looks()
    with pytest.raises(Cancelled):
        look(cache, report=give_up)
    told: list[str] = []
    again = look(cache, looks, report=lambda fraction, message: told.append(message))
    assert bits(again.people) == bits(fresh.people)
    kept = (stop - 1) // 12 * 12 + 1 if stop > 12 else 0
    assert told[1] == f"Landmarks {kept + 1}/{COUNT}"


def test_a_longer_range_uses_the_parts_of_a_shorter_one(fresh: Observed, tmp_path: Path) -> None:
    cache, looks = Cache(tmp_path), Looks()
    look(cache, count=27)
    assert bits(look(cache, looks).people) == bits(fresh.people)
    assert looks.landmarks < COUNT  # two parts of twelve were there


@pytest.mark.parametrize("damage", [b"", b"no archive", None], ids=["empty", "nonsense", "cut"])
def test_a_damaged_part_is_looked_for_again(
    damage: bytes | None, fresh: Observed, tmp_path: Path
) -> None:
    cache, looks = Cache(tmp_path), Looks()
    look(cache)
    parts = sorted(tmp_path.rglob("*.npz"))
    assert [part.name for part in parts] == [f"until_{last:07d}.npz" for last in (12, 24, 33)]
    content = parts[1].read_bytes()
    parts[1].write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert bits(look(cache, looks).people) == bits(fresh.people)
    assert 0 < looks.landmarks < 60
    assert parts[1].read_bytes() == content


def test_a_part_of_another_clip_in_its_place_is_not_believed(
    fresh: Observed, tmp_path: Path
) -> None:
    cache = Cache(tmp_path)
    look(cache)
    first, second, _ = sorted(tmp_path.rglob("*.npz"))
    second.write_bytes(first.read_bytes())
    assert bits(look(cache).people) == bits(fresh.people)


@pytest.mark.parametrize(
    "change", [{"boxes": np.array([[40.0, 60, 80, 180]])}, {"frames": range(1, COUNT)}], ids=str
)
def test_what_decides_the_answer_decides_the_entry(
    change: dict[str, object], tmp_path: Path
) -> None:
    cache, looks = Cache(tmp_path), Looks()
    look(cache)
    options = {"frames": range(COUNT), **change}
    frames = options.pop("frames")
    observe(footage(), frames, INTRINSICS, networks(looks), silent, cache=cache, **options)
    assert looks.landmarks > 0


def test_the_lens_and_the_number_of_people_change_nothing_that_is_kept(tmp_path: Path) -> None:
    cache, looks = Cache(tmp_path), Looks()
    look(cache)
    (one,) = observe(
        footage(), range(COUNT), 2 * INTRINSICS, networks(looks), silent, cache=cache, people=1
    ).people
    assert looks.landmarks == 0
    np.testing.assert_array_equal(one.intrinsics[0], 2 * INTRINSICS)


def test_the_least_recently_used_entry_goes_first(tmp_path: Path) -> None:
    arrays = {"a": np.random.default_rng(0).random(2000)}
    cache = Cache(tmp_path, limit=50_000)
    for number in range(3):
        cache.entry({"clip": number}).save("until_1", arrays)
        folder = cache.entry({"clip": number})._folder
        os.utime(folder, (number, number))
    assert cache.entry({"clip": 0}).load("until_1") is not None  # used again just now
    cache.entry({"clip": 3}).save("until_1", arrays)
    there = [cache.entry({"clip": number}).load("until_1") is not None for number in range(4)]
    assert there == [True, False, True, True]
    assert size_of(tmp_path) <= 50_000


def test_a_clip_larger_than_the_limit_is_not_kept(fresh: Observed, tmp_path: Path) -> None:
    seen = look(Cache(tmp_path, limit=20_000))
    assert bits(seen.people) == bits(fresh.people)
    assert "allowed" in seen.notes[-1]
    assert size_of(tmp_path) == 0
    assert look(Cache(tmp_path, limit=0)).notes == fresh.notes  # nothing is to be kept
    assert size_of(tmp_path) == 0


def test_clearing_leaves_other_files_alone(tmp_path: Path) -> None:
    Cache(tmp_path).entry({"clip": 0}).save("until_1", {"a": np.zeros(3)})
    (tmp_path / "my_film").mkdir()
    (tmp_path / "letter.txt").write_text("Dear all")
    assert size_of(tmp_path) > 0
    clear(tmp_path)
    assert size_of(tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt", "my_film"]


def test_a_full_disk_ends_the_keeping_not_the_run(
    fresh: Observed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def full(arrays: object) -> bytes:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pack(arrays)

    pack = caching.pack_arrays
    monkeypatch.setattr(caching, "pack_arrays", full)
    seen = look(Cache(tmp_path))
    assert bits(seen.people) == bits(fresh.people)
    assert "No space left on device" in seen.notes[-1] and "look again" in seen.notes[-1]
    assert len(calls) == 2
    assert len(list(tmp_path.rglob("until_*.npz"))) == 1  # the first part is used again
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


def test_a_folder_that_cannot_be_made_is_named(fresh: Observed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    seen = look(Cache(tmp_path / "file"))
    assert bits(seen.people) == bits(fresh.people)
    assert str(tmp_path / "file") in seen.notes[-1]
