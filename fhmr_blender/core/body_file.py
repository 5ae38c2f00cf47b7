"""Reads a body from our own files, or from a user's SMPL .npz or .pkl."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import FhmrError
from .arrays import Floats, Indices, check_shapes
from .skeleton import PARENTS
from .smpl_pickle import as_array, read_pickle

BETA_COUNT = 10
LARGEST_NUMBER = 1e9  # metres, indices, weights: anything beyond is damage
_REMEDY = "Choose an SMPL file (24 joints) as its makers distribute it, .npz or .pkl."
_NEEDED = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
_WEIGHT_SUM_TOLERANCE = 1e-2  # files round their weights differently


@dataclass(frozen=True, eq=False)
class BodyArrays:
    """The arrays of SMPL, metres, `body` frame (y up, facing +z, left = +x)."""

    name: str  # "neutral", or the file's name
    sha256: str  # of the file
    v_template: Floats  # (V, 3)
    faces: Indices  # (F, 3)
    shapedirs: Floats  # (V, 3, 10) metres per beta
    posedirs: Floats  # (V, 3, 207) metres per entry of R - I
    J_regressor: Floats  # (24, V)
    weights: Floats  # (V, 24)
    uv: Floats  # (U, 2); a user's file has none: U = 0
    uv_faces: Indices  # (F, 3) or (0, 3)
    beta_names: tuple[str, ...]  # 10; the first is "stature" in the bodies that ship
    landmark_vertices: dict[str, int]  # names of smplx -> vertex; empty in a user's file

    def __post_init__(self) -> None:
        check_shapes(
            self,
            v_template="V 3",
            faces="F 3",
            shapedirs="V 3 10",
            posedirs="V 3 207",
            J_regressor="24 V",
            weights="V 24",
            uv="U 2",
            uv_faces="G 3",
        )


def read_body_file(content: bytes, name: str, file_name: str) -> BodyArrays:
    """The arrays in a file's bytes, .npz or pickle by its first bytes.

    Args:
        content: The whole file.
        name: What the body is to be called.
        file_name: For the messages.

    Raises:
        FhmrError: It is damaged, no SMPL body, or asks to run code.
    """
    open_file = _npz_reader if content[:2] == b"PK" else _pickle_reader
    read = open_file(content, file_name)
    arrays: dict[str, NDArray[Any]] = {}
    for key in _NEEDED:
        array = read(key)
        if array is None:
            raise FhmrError(f'The body file {file_name} holds no "{key}".', _REMEDY)
        arrays[key] = array
    try:
        _check(arrays)
        return BodyArrays(
            name=name,
            sha256=hashlib.sha256(content).hexdigest(),
            v_template=_float32(arrays["v_template"]),
            faces=arrays["f"].astype(np.int32),
            shapedirs=_ten_betas(arrays["shapedirs"]),
            posedirs=_float32(arrays["posedirs"]),
            J_regressor=arrays["J_regressor"].astype(np.float64),
            weights=_float32(arrays["weights"]),
            **_extras(read, len(arrays["f"])),
        )
    except ValueError as error:
        raise FhmrError(f"The body file {file_name} is no SMPL body: {error}.", _REMEDY) from error


def _check(arrays: dict[str, NDArray[Any]]) -> None:
    """Raises ValueError with what is wrong."""
    for key, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise ValueError(f'"{key}" does not hold numbers')
        if array.dtype.kind == "f" and not np.all(np.abs(array) < LARGEST_NUMBER):
            raise ValueError(f'"{key}" holds values that are not finite')
    joints = arrays["J_regressor"].shape[0] if arrays["J_regressor"].ndim == 2 else 0
    if joints != len(PARENTS):
        raise ValueError(f"it has {joints} joints instead of {len(PARENTS)}")
    if arrays["shapedirs"].ndim != 3:
        raise ValueError('"shapedirs" is not a list of shapes')
    tree = arrays["kintree_table"]
    # The root's own entry differs between files: -1, or the same in 32 bits without a sign.
    if tree.ndim != 2 or not np.array_equal(tree[0, 1:].astype(np.int64), PARENTS[1:]):
        raise ValueError("its joints are not connected as in SMPL")
    if arrays["v_template"].ndim != 2:
        raise ValueError('"v_template" is not a list of points')
    count = len(arrays["v_template"])
    faces = arrays["f"].astype(np.int64)
    if faces.size == 0 or faces.min() < 0 or faces.max() >= count:
        raise ValueError("its faces name vertices that are not there")
    weights = arrays["weights"]
    if weights.ndim != 2 or np.abs(weights.sum(1) - 1.0).max() > _WEIGHT_SUM_TOLERANCE:
        raise ValueError("its skinning weights do not sum to 1")


def _ten_betas(shapedirs: NDArray[Any]) -> NDArray[np.float32]:
    """(V, 3, n) -> (V, 3, 10): longer spaces are cut, directions that are missing count as zero."""
    ten = np.zeros((*shapedirs.shape[:2], BETA_COUNT), np.float32)
    shown = min(shapedirs.shape[-1], BETA_COUNT)
    ten[..., :shown] = shapedirs[..., :shown]
    return ten


def _float32(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)


_Read = Callable[[str], NDArray[Any] | None]


def _extras(read: _Read, face_count: int) -> dict[str, Any]:
    """What our own files say beyond SMPL; neutral values where they do not."""
    uv, uv_faces = read("uv"), read("uv_f")
    if uv is None or uv_faces is None or len(uv_faces) != face_count:
        uv, uv_faces = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int32)
    names, vertices = read("landmark_names"), read("landmark_vertices")
    landmarks: dict[str, int] = {}
    if names is not None and vertices is not None:
        landmarks = {str(key): int(index) for key, index in zip(names, vertices, strict=True)}
    betas = read("beta_names")
    if betas is None or len(betas) != BETA_COUNT:
        betas = np.array([f"beta {index}" for index in range(BETA_COUNT)])
    return {
        "uv": uv,
        "uv_faces": uv_faces,
        "beta_names": tuple(str(beta) for beta in betas),
        "landmark_vertices": landmarks,
    }


def _npz_reader(content: bytes, file_name: str) -> _Read:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise FhmrError(f"The body file {file_name} is damaged.", _REMEDY) from error

    def read(key: str) -> NDArray[Any] | None:
        if f"{key}.npy" not in entries:
            return None
        try:
            entry = archive.read(f"{key}.npy")
            return _read_npy(entry, file_name)
        except FhmrError:
            raise
        except Exception as error:  # zlib, struct, tokenizer: damaged entries raise anything
            raise FhmrError(
                f'The body file {file_name} is damaged ("{key}" cannot be read).', _REMEDY
            ) from error

    return read


def _read_npy(entry: bytes, file_name: str) -> NDArray[Any]:
    """An array; one of objects goes through the reader that runs nothing."""
    stream = io.BytesIO(entry)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        _, _, kind = np.lib.format.read_array_header_1_0(stream)
    else:
        _, _, kind = np.lib.format.read_array_header_2_0(stream)
    if kind.hasobject:
        return as_array(read_pickle(stream.read(), file_name))
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def _pickle_reader(content: bytes, file_name: str) -> _Read:
    held = read_pickle(content, file_name)
    if not isinstance(held, dict):
        raise FhmrError(f"The body file {file_name} is no SMPL body.", _REMEDY)
    entries = cast("dict[Any, Any]", held)

    def read(key: str) -> NDArray[Any] | None:
        if key not in entries:
            return None
        try:
            return as_array(entries[key])
        except Exception as error:  # the stand-ins hold whatever the file said
            raise FhmrError(
                f'The body file {file_name} is damaged ("{key}" cannot be read).', _REMEDY
            ) from error

    return read
