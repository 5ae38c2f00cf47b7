"""`shot.npz`: what is written comes back, and nothing else gets in."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.shot_layout import arrays_of
from fhmr_blender.core.zipped_arrays import pack_arrays
from fhmr_blender.errors import FhmrError
from tests.fuzzing import FUZZ_CASES
from tests.unit.sitter import shot

SHOT = shot(3, people=2)
CONTENT = shot_file.encode(SHOT)
Arrays = dict[str, np.ndarray]


def arrays() -> Arrays:
    return arrays_of(SHOT)


def refused(content: bytes) -> FhmrError:
    with pytest.raises(FhmrError) as caught:
        shot_file.decode(content, "walk.npz")
    return caught.value


def npz(content: Mapping[str, object]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **content)
    return buffer.getvalue()


# -- there and back


def test_a_shot_comes_back_to_the_bit() -> None:
    again = shot_file.decode(CONTENT)
    for name, array in arrays_of(again).items():
        np.testing.assert_array_equal(array, arrays()[name], err_msg=name)
    assert shot_file.encode(again) == CONTENT


def test_the_keys_are_those_of_the_contract() -> None:
    shared = {
        "format", "version", "source", "source_sha256", "size", "fps", "frames", "intrinsics",
        "T_world_from_cam", "settings", "people",
    }  # fmt: skip
    each = {
        "frames", "bbox", "region", "track_confidence", "keypoints", "keypoints_world",
        "agreement", "image_feature", "anchor_rotations", "anchor_transl", "anchor_log_variance",
        "limb_trust", "first_guess", "seed", "sample_count", "chosen", "sample_rotations6d",
        "sample_frames", "sample_scores", "poses", "betas", "transl_cam", "joints_cam",
        "poses_world", "transl_world", "contacts",
    }  # fmt: skip
    with np.load(io.BytesIO(CONTENT), allow_pickle=False) as archive:
        names = set(archive.files)
        assert str(archive["format"]) == "fhmr-shot"
        assert int(archive["version"]) == 1
        assert archive["person1/image_feature"].dtype == np.float16
        assert archive["person1/sample_rotations6d"].dtype == np.float16
    assert shared | {f"person{number}/{key}" for number in (1, 2) for key in each} <= names


def test_files_appear_whole_and_leave_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "walk.npz"
    shot_file.write(path, SHOT)
    assert path.read_bytes() == CONTENT
    assert shot_file.encode(shot_file.read(path)) == CONTENT
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    for path in (tmp_path / "folder.npz", tmp_path / "none" / "walk.npz"):
        with pytest.raises(FhmrError, match="cannot be written"):
            shot_file.write(path, SHOT)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.npz"]


def test_keys_of_others_are_kept() -> None:
    other = {**arrays(), "note": np.array("mine"), "person2/fingers": np.ones((3, 5))}
    again = arrays_of(shot_file.decode(pack_arrays(other)))
    assert str(again["note"]) == "mine"
    np.testing.assert_array_equal(again["person2/fingers"], np.ones((3, 5)))


def test_numpys_own_files_are_read() -> None:
    assert shot_file.encode(shot_file.decode(npz(arrays()))) == CONTENT


def test_what_the_artist_edits_is_kept() -> None:
    person = replace(SHOT.people[0], edits={"pins": [["left_wrist", 1.0, 2.0, 3.0]]})
    again = shot_file.stored(replace(SHOT, people=(person,)))
    assert again.people[0].edits == person.edits


def test_a_shot_without_people_is_a_shot() -> None:
    assert shot_file.stored(replace(SHOT, people=())).people == ()


@pytest.mark.parametrize("short", [0.0, 1e-9, 1e-7, 5e-7, 1e-6, 2e-6, 1e-3])
def test_a_body_that_faces_the_camera_does_not_flip_when_it_is_stored_again(short: float) -> None:
    axis = np.array([0.9998, 0.02, -0.01])
    person = SHOT.people[0]
    rotations = person.motion_cam.rotations.copy()
    rotations[:, 0] = matrix_from_axis_angle(axis / np.linalg.norm(axis) * (np.pi - short))
    motion = replace(person.motion_cam, rotations=rotations)
    once = shot_file.stored(replace(SHOT, people=(replace(person, motion_cam=motion),)))
    twice = shot_file.stored(once)
    found = once.people[0].motion_cam.rotations
    np.testing.assert_allclose(found, rotations, atol=1e-5)  # float32, and the hair's breadth
    np.testing.assert_array_equal(found, twice.people[0].motion_cam.rotations)


# -- what is refused


def test_a_newer_file_is_left_alone_and_says_so() -> None:
    newer = refused(pack_arrays({**arrays(), "version": np.array(2)}))
    assert "newer version" in newer.sentence
    assert "Update" in newer.remedy


def test_a_newer_file_need_not_have_our_keys() -> None:
    content = pack_arrays({"format": np.array("fhmr-shot"), "version": np.array(7)})
    assert "newer version" in refused(content).sentence


@pytest.mark.parametrize("end", [0, 1, 3, 22, 100, len(CONTENT) // 2, len(CONTENT) - 1])
def test_truncated_files_are_refused(end: int) -> None:
    refused(CONTENT[:end])


@pytest.mark.parametrize("name", sorted(set(arrays())))
def test_a_missing_key_is_named_or_has_a_fallback(name: str) -> None:
    content = pack_arrays({key: array for key, array in arrays().items() if key != name})
    if name.endswith(("/seconds", "/anchor_betas", "/agreement")):  # first files had none
        shot_file.decode(content)
        return
    error = refused(content)
    assert name in error.sentence or name in ("format", "version")


class Bomb:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (pytest.fail, ("a pickle was run",))


def test_pickles_are_refused_and_run_nothing() -> None:
    refused(npz({**arrays(), "note": np.array([Bomb()], dtype=object)}))
    refused(pickle.dumps(Bomb()))


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before_it_does() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("note.npy", bytes(2**26))  # 64 MB in 64 kB
    assert "unpack" in refused(buffer.getvalue()).sentence


def test_an_entry_that_lies_about_its_size_is_refused() -> None:
    content = pack_arrays({"note": np.zeros(100_000)})
    size = (100_000 * 8 + 128).to_bytes(4, "little")
    assert content.count(size) == 2  # in the entry's own header and in the directory
    refused(content.replace(size, (1000).to_bytes(4, "little")))


def change(name: str, new: Callable[[np.ndarray], object]) -> bytes:
    old = arrays()
    return pack_arrays({**old, name: np.asarray(new(old[name]))})


HOSTILE = {
    "nan": ("person1/poses", lambda old: old * np.nan),
    "another length": ("person1/transl_cam", lambda old: old[:-1]),
    "another shape": ("person1/keypoints", lambda old: old[:, :, :4]),
    "another kind": ("person1/keypoints", lambda old: old.astype(int)),
    "text for numbers": ("frames", lambda old: np.array(["a", "b", "c"])),
    "frames backwards": ("frames", lambda old: old[::-1]),
    "frames twice": ("person2/frames", lambda old: old * 0),
    "negative frames": ("frames", lambda old: old - 5),
    "frames outside the shot": ("person1/frames", lambda old: old + 50),
    "no frames": ("frames", lambda old: old[:0]),
    "no size": ("size", lambda old: old * 0),
    "no time": ("fps", lambda old: 0.0),
    "no focal length": ("intrinsics", lambda old: old * 0),
    "a person twice": ("people", lambda old: np.array([1, 1])),
    "person zero": ("people", lambda old: np.array([0, 1])),
    "a person who is not there": ("people", lambda old: np.array([1, 9])),
    "a sample that was not drawn": ("person1/chosen", lambda old: old + 99),
    "settings that are a list": ("settings", lambda old: "[]"),
    "settings that are no JSON": ("settings", lambda old: "{"),
    "settings that are too deep": ("settings", lambda old: "[" * 100_000),
    "an enormous version": ("version", lambda old: np.array(2**63, dtype=np.uint64)),
    "a version before the first": ("version", lambda old: 0),
    "another format": ("format", lambda old: "fhmr-pairs"),
    "an array for the format": ("format", lambda old: ["fhmr-shot"]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_cannot_be_is_refused_in_one_sentence(case: str) -> None:
    name, new = HOSTILE[case]
    error = refused(change(name, new))
    assert error.sentence.startswith("walk.npz")
    assert error.remedy


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match="There is no file"):
        shot_file.read(tmp_path / "none.npz")
    with pytest.raises(FhmrError, match="cannot be read"):
        shot_file.read(tmp_path)


# -- at random

SMALL = arrays_of(shot(1))
BYTES = pack_arrays(SMALL)


def flipped(places: list[int], bits: list[int]) -> bytes:
    content = bytearray(BYTES)
    for place, bit in zip(places, bits, strict=False):
        content[place % len(content)] ^= 1 << bit
    return bytes(content)


def spliced(start: int, length: int, piece: bytes) -> bytes:
    start %= len(BYTES)
    return BYTES[:start] + piece + BYTES[start + length :]


NAMES = sorted(SMALL)
shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
strange = st.one_of(
    st.builds(np.zeros, shapes),
    st.builds(lambda shape: np.full(shape, np.inf, np.float32), shapes),
    st.builds(lambda shape: np.full(shape, -(2**40)), shapes),
    st.builds(lambda shape: np.full(shape, 2**64 - 1, np.uint64), shapes),
    st.builds(np.array, st.text(max_size=8)),
    st.builds(lambda value: np.array(json.dumps(value)), st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    )),
)  # fmt: skip
mutations = st.one_of(
    st.builds(
        flipped,
        st.lists(st.integers(0, 2**20), min_size=1, max_size=6),
        st.lists(st.integers(0, 7), min_size=6, max_size=6),
    ),
    st.builds(spliced, st.integers(0, 2**20), st.integers(0, 400), st.binary(max_size=40)),
    st.builds(lambda end: BYTES[: end % len(BYTES)], st.integers(0, 2**20)),
    st.builds(
        lambda name, array: pack_arrays({**SMALL, name: array}), st.sampled_from(NAMES), strange
    ),
    st.binary(max_size=200),
)


@pytest.mark.fuzz
@settings(max_examples=FUZZ_CASES)
@given(mutations)
def test_whatever_is_read_gives_a_shot_or_one_error(content: bytes) -> None:
    try:
        found = shot_file.decode(content)
    except FhmrError as error:
        assert error.sentence
        assert error.remedy
        return
    assert isinstance(found, Shot)
    shot_file.encode(found)  # and it can be stored again
