"""Writes one body as .npz: rounded numbers, no pickle, fixed time stamps, so the same bytes."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = {"weights": 1e-5, "posedirs": 1e-5, "uv": 1e-5}  # rounding; 1e-6 for the rest
# Between processors the last bits of sums differ, and rounding and the choice of a regressor's
# vertices follow them: metres and weights. A guess.
TOLERANCE = 2e-4
TIME_STAMP = (1980, 1, 1, 0, 0, 0)


def write_body(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write the arrays in their order; floating ones are rounded and kept in float32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, _rounded(name, array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=TIME_STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)
    partial.replace(path)


def _rounded(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if not np.issubdtype(array.dtype, np.floating):
        return array
    step = STEP.get(name, 1e-6)
    if name == "weights":
        array = _rounded_shares(array, step)
    # Adding zero turns -0.0 into 0.0, which costs bytes and compares unequal in a file.
    return np.ascontiguousarray((np.round(array / step) * step + 0.0).astype(np.float32))


def _rounded_shares(rows: NDArray[Any], step: float) -> NDArray[Any]:
    """Rounded rows whose sum is still 1: the largest share takes what rounding lost."""
    rounded = np.round(rows / step)
    lost = np.round(1.0 / step) - rounded.sum(1)
    rounded[np.arange(len(rows)), np.argmax(rounded, 1)] += lost
    return rounded * step


def compare_bodies(kept: Path, rebuilt: Path, gender: str) -> list[str]:
    """What differs between two folders' files of one body beyond `TOLERANCE`; empty: nothing."""
    file_name = f"{gender}.npz"
    with np.load(kept / file_name) as old, np.load(rebuilt / file_name) as new:
        differences = [f"{file_name}: {key} is missing" for key in new.files if key not in old]
        for key in (key for key in new.files if key in old):
            before, after = old[key], new[key]
            if before.shape != after.shape:
                differences.append(f"{file_name}: {key} has the shape {before.shape}")
            elif before.dtype.kind == "f":
                apart = float(np.abs(before - after).max())
                if not apart < TOLERANCE:
                    differences.append(f"{file_name}: {key} is {apart:.2g} apart")
            elif not np.array_equal(before, after):
                differences.append(f"{file_name}: {key} differs")
    return differences
