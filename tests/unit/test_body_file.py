"""Users' SMPL files: read without running anything, refused in one sentence when they are wrong."""

from __future__ import annotations

import io
import os
import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fhmr_blender.core.body import Body, betas_for_height, carry_shape, load_body
from fhmr_blender.core.skeleton import PARENTS
from fhmr_blender.errors import FhmrError
from tests.fuzzing import FUZZ_CASES


def _synthetic(vertices: int = 60, shapes: int = 10) -> dict[str, Any]:
    """A small body in SMPL's format: a cloud round a skeleton, with SMPL's unsigned root."""
    rng = np.random.default_rng(11)
    weights = rng.random((vertices, 24)) ** 8
    regressor = rng.random((24, vertices)) ** 6
    return {
        "v_template": rng.normal(size=(vertices, 3)),
        "f": rng.integers(0, vertices, (80, 3)).astype(np.uint32),
        "shapedirs": rng.normal(0.0, 0.02, (vertices, 3, shapes)),
        "posedirs": rng.normal(0.0, 0.01, (vertices, 3, 207)),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)], dtype=np.uint32),
        "bs_style": "lbs",
    }


def _assert_same(body: Body, arrays: dict[str, Any]) -> None:
    np.testing.assert_allclose(body.v_template, arrays["v_template"], rtol=1e-6)
    np.testing.assert_allclose(body.shapedirs, arrays["shapedirs"][..., :10], rtol=1e-6)
    np.testing.assert_allclose(body.J_regressor, arrays["J_regressor"], rtol=1e-6)
    np.testing.assert_array_equal(body.faces, arrays["f"])


def _fake_module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    """A module that exists only while the test writes its pickle."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), types.ModuleType(parts[end - 1]))
    for key, value in content.items():
        value.__module__ = name
        value.__qualname__ = key
        setattr(sys.modules[name], key, value)


class _Ch:
    """Stands for chumpy.ch.Ch: keeps its array in `x`."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self._dirty_vars = {"x"}


class _Csc:
    """Stands for scipy's csc_matrix: the state that scipy pickles."""

    def __init__(self, dense: np.ndarray) -> None:
        columns, rows = np.nonzero(dense.T)
        self._shape = dense.shape
        self.data = dense[rows, columns]
        self.indices = rows.astype(np.int32)
        counts = np.bincount(columns, minlength=dense.shape[1])
        self.indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_old_pickle_with_chumpy_and_scipy_loads_without_either(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    arrays = _synthetic()
    held = dict(arrays)
    with monkeypatch.context() as patch:
        _fake_module(patch, "chumpy.ch", Ch=_Ch)
        _fake_module(patch, "scipy.sparse.csc", csc_matrix=_Csc)
        held["shapedirs"] = _Ch(arrays["shapedirs"])
        held["v_template"] = _Ch(arrays["v_template"])
        held["J_regressor"] = _Csc(arrays["J_regressor"])
        content = pickle.dumps(held, protocol=protocol)
    path = tmp_path / "basicmodel_m.pkl"
    path.write_bytes(content)
    body = load_body(path)
    _assert_same(body, arrays)
    assert body.name == "basicmodel_m.pkl"


def test_pickle_with_plain_arrays_in_any_order_of_bytes_loads(tmp_path: Path):
    arrays = _synthetic()
    arrays["v_template"] = np.asfortranarray(arrays["v_template"]).astype(">f8")
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(arrays, protocol=2))
    _assert_same(load_body(path), arrays)


@pytest.mark.parametrize("shapes", [4, 10, 300])
def test_npz_loads_with_few_or_many_shape_directions(shapes: int, tmp_path: Path):
    arrays = _synthetic(shapes=shapes)
    path = tmp_path / "SMPL_FEMALE.npz"
    np.savez(path, **arrays)
    body = load_body(path)
    shown = min(shapes, 10)
    np.testing.assert_allclose(
        body.shapedirs[..., :shown], arrays["shapedirs"][..., :shown], rtol=1e-6
    )
    assert np.all(body.shapedirs[..., shown:] == 0)
    assert not body.has_uv


def test_npz_with_a_sparse_regressor_inside_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    arrays = _synthetic()
    path = tmp_path / "SMPL_MALE.npz"
    with monkeypatch.context() as patch:
        _fake_module(patch, "scipy.sparse._csc", csc_matrix=_Csc)
        wrapped = np.array(_Csc(arrays["J_regressor"]), dtype=object)
        np.savez(path, **{**arrays, "J_regressor": wrapped})
    _assert_same(load_body(path), arrays)


def test_shape_and_height_carry_to_a_users_body(tmp_path: Path):
    path = tmp_path / "own.npz"
    np.savez(path, **_synthetic())
    own, neutral = load_body(path), load_body("neutral")
    carried = carry_shape(np.ones(10), neutral, own)
    assert carried.shape == (10,)
    height = own.stature(np.zeros(10)) + 0.03
    changed = betas_for_height(own, np.zeros(10), height)
    assert own.stature(changed) == pytest.approx(height, abs=1e-4)
    assert np.count_nonzero(changed) == 10


class _Runs:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def _hostile(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would write `marker`, and the name each must be refused by."""
    import builtins
    import subprocess

    touch = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": (pickle.dumps(_Runs(os.system, f"touch {marker}"), 2), ".system"),
        "eval": (pickle.dumps(_Runs(builtins.eval, touch), 2), ".eval"),
        "exec inside a body": (
            pickle.dumps({**_synthetic(), "extra": _Runs(builtins.exec, touch)}, 4),
            "builtins.exec",
        ),
        "Popen": (pickle.dumps(_Runs(subprocess.Popen, ["touch", str(marker)]), 2), ".Popen"),
        "getattr": (b"cbuiltins\ngetattr\n(cos\nsystem\nVx\ntR.", "builtins.getattr"),
        "inst": (f"(S'touch {marker}'\nios\nsystem\n.".encode(), "os.system"),
        "numpy's own loader": (
            b"cnumpy.lib.npyio\nload\n(Vx\ntR.",
            "numpy.lib.npyio.load",
        ),
        "numpy's exec": (
            b"cnumpy.testing._private.utils\nrunstring\n(Vx\n}tR.",
            "numpy.testing._private.utils.runstring",
        ),
        "scipy's submodules": (b"cscipy.sparse.csc\nos.system\n(Vx\ntR.", "scipy.sparse.csc.os"),
        "dotted name": (
            b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.",
            "numpy.ndarray.__new__",
        ),
    }


@pytest.mark.parametrize("attack", sorted(_hostile(Path("x"))))
@pytest.mark.parametrize("wrapped", ["pkl", "npz"])
def test_hostile_pickle_is_refused_by_name_and_runs_nothing(
    attack: str, wrapped: str, tmp_path: Path
):
    marker = tmp_path / "it_ran"
    content, name = _hostile(marker)[attack]
    path = tmp_path / f"hostile.{wrapped}"
    if wrapped == "pkl":
        path.write_bytes(content)
    else:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|O", "fortran_order": False, "shape": ()}
        )
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("v_template.npy", header.getvalue() + content)
    with pytest.raises(FhmrError, match="hostile") as caught:
        load_body(path)
    assert name in str(caught.value)
    assert not marker.exists()


def test_a_pickle_cannot_change_the_stand_ins(tmp_path: Path):
    path = tmp_path / "hostile.pkl"
    # BUILD on the class itself instead of on an instance of it.
    path.write_bytes(b"cchumpy.ch\nCh\n}Vx\nI1\nsb.")
    with pytest.raises(FhmrError, match=r"damaged|no SMPL body"):
        load_body(path)


def _broken(**changes: Any) -> dict[str, Any]:
    arrays = {**_synthetic(), **changes}
    return {key: value for key, value in arrays.items() if value is not None}


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        (_broken(posedirs=None), '"posedirs"'),
        (_broken(J_regressor=np.full((52, 60), 1 / 60)), "52 joints"),
        (_broken(kintree_table=np.zeros((2, 24), int)), "not connected"),
        (_broken(f=np.full((5, 3), 60)), "vertices that are not there"),
        (_broken(weights=np.full((60, 24), 0.5)), "sum to 1"),
        (_broken(weights=np.full((59, 24), 1 / 24)), "weights"),
        (_broken(v_template=np.full((60, 3), np.nan)), "not finite"),
        (_broken(shapedirs=np.zeros((60, 3))), "shapedirs"),
        (_broken(posedirs=np.zeros((60, 3, 100))), "posedirs"),
        (_broken(v_template=np.array("text")), "numbers"),
        (_broken(v_template=np.array(3.0)), "v_template"),
        (_broken(kintree_table=np.zeros(3)), "not connected"),
        (_broken(f=np.zeros((0, 3), int)), "faces"),
    ],
)
def test_a_file_that_is_no_smpl_body_says_why(arrays: dict[str, Any], says: str, tmp_path: Path):
    path = tmp_path / "wrong.npz"
    np.savez(path, **arrays)
    with pytest.raises(FhmrError) as caught:
        load_body(path)
    assert says in caught.value.sentence
    assert "wrong.npz" in caught.value.sentence
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["missing.npz", ".", "neutrall"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path):
    with pytest.raises(FhmrError, match="body file"):
        load_body(tmp_path / name)


def _valid_files() -> tuple[bytes, bytes]:
    arrays = _synthetic(vertices=26)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue(), pickle.dumps(arrays, protocol=2)


@pytest.mark.parametrize("kind", ["npz", "pkl"])
def test_every_truncation_is_one_clear_sentence(kind: str, tmp_path: Path):
    content = _valid_files()[kind == "pkl"]
    path = tmp_path / f"cut.{kind}"
    for length in np.linspace(0, len(content) - 1, 200).astype(int):
        path.write_bytes(content[:length])
        with pytest.raises(FhmrError, match=r"cut\."):
            load_body(path)


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", ["npz", "pkl"])
def test_random_damage_is_read_or_refused_and_nothing_else(kind: str, tmp_path: Path):
    content = _valid_files()[kind == "pkl"]
    rng = np.random.default_rng(12)
    path = tmp_path / f"damaged.{kind}"
    outcomes = {True: 0, False: 0}
    for _ in range(FUZZ_CASES // 20):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            load_body(path)
            outcomes[True] += 1
        except FhmrError as error:
            assert "damaged." in error.sentence
            outcomes[False] += 1
    assert outcomes[False] > 0


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(FhmrError, match="No file can have the name"):
        load_body("smpl\0.npz")
