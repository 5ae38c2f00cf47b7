"""Finds the model files, checks them and loads each when it is first used."""

import hashlib
import io
import threading
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..core.arrays import Floats
from ..errors import FhmrError
from .runtime import SMALL, Network, default_threads, load_network

LIST_NAME = "models.toml"


@dataclass(frozen=True)
class ModelFile:
    """One entry of `models.toml`."""

    name: str
    path: Path
    sha256: str
    licence: str

    def verified_content(self) -> bytes:
        """The file's bytes, once they are known to be the listed ones.

        Raises:
            FhmrError: The file is missing, cannot be read, or has another checksum.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            raise FhmrError(f"The model file {self.path} is missing.", self._remedy()) from None
        except OSError as error:
            raise FhmrError(
                f"The model file {self.path} cannot be read ({error.strerror}).", self._remedy()
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise FhmrError(
                f"The model file {self.path} is damaged: its sha256 is {found}, "
                f"expected {self.sha256}.",
                self._remedy(),
            )
        return content

    def _remedy(self) -> str:
        if self.path.parent.name == "perception":
            return "Run `python3 build.py setup` to make it again, or reinstall the FHMR extension."
        return "Restore it from the repository, or reinstall the FHMR extension."


@dataclass(frozen=True, eq=False)
class Networks:
    """What the stages call. Plain callables, so that a test can pass functions of its own."""

    landmarker: Network
    detector: Network
    person_detector: Network
    anchor: Network
    completion: Network
    constants: Mapping[str, Floats]  # landmark calibration, latent normalisation, ...
    checksums: Mapping[str, str]  # name -> sha256 as listed, for the recipe of a shot


def models_folder() -> Path:
    """The folder with `models.toml`: inside the package (installed), else beside it.

    Raises:
        FhmrError: There is neither.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parent / "models"):
        if (folder / LIST_NAME).is_file():
            return folder
    raise FhmrError(
        f"The models are missing ({package / 'models' / LIST_NAME}).",
        "Reinstall the FHMR extension, or name the folder in the preferences.",
    )


def model_files(folder: Path) -> dict[str, ModelFile]:
    """The entries of a folder's `models.toml`: every table with `file` and `sha256`, by its name.

    Raises:
        FhmrError: The list is missing or damaged.
    """
    path = folder / LIST_NAME
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FhmrError(
            f"The folder {folder} holds no {LIST_NAME}.", "Choose the folder with FHMR's models."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FhmrError(
            f"The model list {path} cannot be read.", "Reinstall the FHMR extension."
        ) from error
    return {entry.name: entry for entry in _entries(document, folder)}


def load_networks(folder: Path | None = None, threads: int | None = None) -> Networks:
    """The networks of a models folder; files are read, checked and loaded at their first use.

    Args:
        folder: With `models.toml`; None looks beside the package.
        threads: Cores to use; None chooses.

    Raises:
        FhmrError: No list of models. A missing or damaged file raises when it is first used.
    """
    folder = models_folder() if folder is None else folder
    files = model_files(folder)
    cores = default_threads() if threads is None else threads

    def lazy(name: str, threads: int = cores) -> "_LazyNetwork":
        return _LazyNetwork(_listed(files, name, folder), threads)

    return Networks(
        landmarker=lazy("landmarker"),
        detector=lazy("detector"),
        person_detector=lazy("person_detector"),
        anchor=lazy("anchor"),
        completion=Sized(few=lazy("completion", 1), many=lazy("completion")),
        constants=_LazyArrays(_listed(files, "constants", folder)),
        checksums={name: entry.sha256 for name, entry in files.items()},
    )


def verify(folder: Path | None = None) -> tuple[str, ...]:
    """Read every listed file and hold it against its checksum.

    Returns:
        The names of the files, all good.

    Raises:
        FhmrError: The first file that is missing or damaged.
    """
    files = model_files(models_folder() if folder is None else folder)
    for entry in files.values():
        entry.verified_content()
    return tuple(files)


class _LazyNetwork:
    """A network that is read at its first call; several threads may call it."""

    def __init__(self, file: "ModelFile | FhmrError", threads: int) -> None:
        self._file = file
        self._threads = threads
        self._lock = threading.Lock()
        self._network: Network | None = None

    def __call__(self, inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        with self._lock:
            if self._network is None:
                self._network = load_network(_content(self._file), self._threads)
        return self._network(inputs)


class Sized:
    """Stage 2: for few frames on one core each, since several such draws run side by side."""

    def __init__(self, few: Network, many: Network) -> None:
        self._few, self._many = few, many

    def __call__(self, inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        network = self._few if inputs["latent"].shape[1] <= SMALL else self._many
        return network(inputs)


class _LazyArrays(Mapping[str, Floats]):
    """The arrays of an .npz file, read at the first look."""

    def __init__(self, file: "ModelFile | FhmrError") -> None:
        self._file = file
        self._lock = threading.Lock()
        self._arrays: dict[str, Floats] | None = None

    def _loaded(self) -> dict[str, Floats]:
        with self._lock:
            if self._arrays is None:
                with np.load(io.BytesIO(_content(self._file)), allow_pickle=False) as archive:
                    self._arrays = {name: archive[name] for name in archive.files}
        return self._arrays

    def __getitem__(self, name: str) -> Floats:
        return self._loaded()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())


def _listed(files: Mapping[str, ModelFile], name: str, folder: Path) -> "ModelFile | FhmrError":
    """The entry, or the error that its first use shall raise."""
    if name in files:
        return files[name]
    return FhmrError(
        f"{folder / LIST_NAME} lists no model called {name!r}.",
        "Reinstall the FHMR extension, or choose another models folder.",
    )


def _content(file: "ModelFile | FhmrError") -> bytes:
    if isinstance(file, FhmrError):
        raise FhmrError(file.sentence, file.remedy)
    return file.verified_content()


def _entries(table: Mapping[str, Any], folder: Path, name: str = "") -> Iterator[ModelFile]:
    file, digest = table.get("file"), table.get("sha256")
    if isinstance(file, str) and isinstance(digest, str):
        yield ModelFile(name, folder / file, digest, str(table.get("licence", "")))
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _entries(cast("dict[str, Any]", value), folder, key)
