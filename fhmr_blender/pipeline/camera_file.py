"""A camera that is known: from a file that another program wrote, or from the scene.

A file tells for every frame of the footage (numbered from 0) where the camera is, as
`T_world_from_cam` (axes: x right, y down, z forward) or as Blender's `matrix_world` (x right, y up,
looking along -z); metres, z up. One matrix alone is a camera at rest. Lenses are in pixels.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..core.arrays import Floats, Indices, check_shapes
from ..errors import FhmrError

BLENDER_FROM_CAM = np.diag([1.0, -1.0, -1.0, 1.0])
"""A Blender camera looks along -z with y up."""
_ENDINGS = (".json", ".csv", ".npz")
_OFF = 1e-2  # of a rotation's columns from orthonormal; exporters round


@dataclass(frozen=True, eq=False)
class KnownCamera:
    """A camera given frame by frame."""

    frames: Indices  # (K,) numbers in the source, from 0, increasing
    T_world_from_cam: Floats  # (K, 4, 4) metres, z up
    intrinsics: Floats | None = None  # (K, 4) fx fy cx cy, pixels; None: not told

    def __post_init__(self) -> None:
        check_shapes(self, frames="K", T_world_from_cam="K 4 4")
        if self.intrinsics is not None:
            check_shapes(self, frames="K", intrinsics="K 4")

    def over(self, frames: Indices) -> "KnownCamera":
        """Only these frames; a single matrix holds for all.

        Raises:
            FhmrError: One of them is not told.
        """
        if len(self.frames) == 1:
            rows = np.zeros(len(frames), dtype=int)
        else:
            missing = frames[~np.isin(frames, self.frames)]
            if len(missing):
                raise FhmrError(
                    f"The camera is not known in frame {missing[0]} (of {len(missing)}).",
                    "Export it for all frames of the footage, numbered from 0.",
                )
            rows = np.searchsorted(self.frames, frames)
        lens = None if self.intrinsics is None else self.intrinsics[rows]
        return KnownCamera(frames, self.T_world_from_cam[rows], lens)


def read_camera(path: Path) -> KnownCamera:
    """Read a camera file: .json, .csv or .npz.

    Raises:
        FhmrError: It is missing, or holds no camera.
    """
    readers = {".json": _from_json, ".csv": _from_csv, ".npz": _from_npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FhmrError(
            f"{path} is no camera: neither static, nor moving, nor a file that can be read.",
            f"Choose static, moving, or a file that ends in {', '.join(_ENDINGS)}.",
        )
    try:
        arrays = reader(path)
    except FileNotFoundError:
        raise FhmrError(f"The camera file {path} does not exist.", "Check its path.") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise _no_camera(path, "it cannot be read") from error
    return _checked(path, arrays)


Arrays = dict[str, Any]


def _from_json(path: Path) -> Arrays:
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = cast("list[dict[str, Any]]", document["frames"])
    arrays: Arrays = {"frames": [row.get("frame", index) for index, row in enumerate(rows)]}
    for key in ("T_world_from_cam", "matrix_world", "intrinsics"):
        if rows and all(key in row for row in rows):
            arrays[key] = [row[key] for row in rows]
    return arrays


def _from_npz(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    some = next(iter(arrays[key] for key in ("T_world_from_cam", "matrix_world") if key in arrays))
    return {"frames": np.arange(len(np.reshape(some, (-1, 4, 4)))), **arrays}


def _from_csv(path: Path) -> Arrays:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    arrays: Arrays = {"frames": [row["frame"] for row in rows]}
    for key in ("T_world_from_cam", "matrix_world"):
        names = [f"{key}_{row}{column}" for row in range(4) for column in range(4)]
        if rows and names[0] in rows[0]:
            arrays[key] = [[float(row[name]) for name in names] for row in rows]
    if rows and "fx" in rows[0]:
        arrays["intrinsics"] = [
            [float(row[name]) for name in ("fx", "fy", "cx", "cy")] for row in rows
        ]
    return arrays


def _checked(path: Path, arrays: Arrays) -> KnownCamera:
    """The arrays as a camera, if they are one."""
    try:
        frames = np.asarray(arrays["frames"], dtype=np.int64).reshape(-1)
        if "T_world_from_cam" in arrays:
            matrices = np.asarray(arrays["T_world_from_cam"], dtype=float).reshape(-1, 4, 4)
        elif "matrix_world" in arrays:
            matrices = np.asarray(arrays["matrix_world"], dtype=float).reshape(-1, 4, 4)
            matrices = matrices @ BLENDER_FROM_CAM
        else:
            raise _no_camera(path, "it holds neither T_world_from_cam nor matrix_world")
        lens = None
        if "intrinsics" in arrays:
            lens = np.asarray(arrays["intrinsics"], dtype=float).reshape(-1, 4)
    except (KeyError, TypeError, ValueError) as error:
        raise _no_camera(path, "its numbers are not arranged as they should be") from error
    if not len(frames) or len(frames) != len(matrices) or np.any(np.diff(frames) <= 0):
        raise _no_camera(path, "its frames are not in order")
    if lens is not None and (len(lens) != len(frames) or not np.all(lens[:, :2] > 0)):
        raise _no_camera(path, "its intrinsics cannot be")
    scale = np.linalg.norm(matrices[:, :3, :3], axis=1, keepdims=True)
    if not np.isfinite(matrices).all() or np.any(scale < 1e-6):
        raise _no_camera(path, "its matrices turn nothing")
    rotations = matrices[:, :3, :3] / scale  # a scaled camera object sees the same
    off = np.swapaxes(rotations, -1, -2) @ rotations - np.eye(3)
    if np.abs(off).max() > _OFF or np.any(np.linalg.det(rotations) < 0):
        raise _no_camera(path, "its matrices are no rotations")
    poses = np.tile(np.eye(4), (len(frames), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = rotations, matrices[:, :3, 3]
    return KnownCamera(frames, poses, lens)


def _no_camera(path: Path, reason: str) -> FhmrError:
    return FhmrError(
        f"{path.name} is no camera: {reason}.",
        "Write frame and T_world_from_cam (or Blender's matrix_world) for every frame; see README.",
    )
