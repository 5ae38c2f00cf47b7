"""Opens the datasets' pickles without running anything that they ask for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.smpl_pickle import as_array, read_pickle
from fhmr_blender.errors import FhmrError

_REMEDY = "Take the file as the dataset's makers distribute it."


class Entries:
    """The named values of one pickle, or of a table inside it."""

    def __init__(self, held: Mapping[str, Any], path: Path) -> None:
        self._held = held
        self._path = path

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def array(self, key: str, *shape: int) -> Floats:
        """Numbers as float64; a size of -1 in `shape` may be anything.

        Raises:
            FhmrError: There is no such entry, or none of this shape.
        """
        return self._shaped(self.value(key), key, shape)

    def arrays(self, key: str, *shape: int) -> tuple[Floats, ...]:
        """A list of arrays, one a person."""
        values = self.value(key)
        if not isinstance(values, (list, tuple)):
            raise self._wrong(key)
        return tuple(self._shaped(value, key, shape) for value in cast("list[Any]", values))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of words."""
        values = self.value(key)
        if not isinstance(values, (list, tuple)):
            raise self._wrong(key)
        return tuple(map(str, cast("list[Any]", values)))

    def number(self, key: str) -> float:
        """One number, or a yes or no."""
        return float(self._shaped(self.value(key), key, ()))

    def table(self, key: str) -> "Entries":
        """The entries of a table inside."""
        held = self.value(key)
        if not isinstance(held, dict):
            raise self._wrong(key)
        return Entries(cast("dict[str, Any]", held), self._path)

    def value(self, key: str) -> Any:
        """Whatever is there.

        Raises:
            FhmrError: Nothing is.
        """
        if key not in self._held:
            raise FhmrError(f'{self._path} holds no "{key}".', _REMEDY)
        return self._held[key]

    def _shaped(self, held: Any, key: str, shape: tuple[int, ...]) -> Floats:
        try:
            array = as_array(held).astype(float)
        except ValueError:
            raise self._wrong(key) from None
        fits = array.ndim == len(shape) and all(
            wanted in (-1, size) for size, wanted in zip(array.shape, shape, strict=True)
        )
        if not fits or not np.isfinite(array).all():
            raise self._wrong(key)
        return array

    def _wrong(self, key: str) -> FhmrError:
        return FhmrError(f'"{key}" of {self._path} is not what this dataset holds there.', _REMEDY)


def open_pickle(path: Path) -> Entries:
    """The entries of a pickled table.

    Raises:
        FhmrError: It is missing, damaged, no table, or asks to run something.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FhmrError(f"{path} cannot be read ({error.strerror}).", _REMEDY) from error
    try:
        held = read_pickle(content, str(path))
    except FhmrError as error:
        sentence = error.sentence.replace("The body file", "The file")
        raise FhmrError(sentence, _REMEDY) from error
    if not isinstance(held, dict):
        raise FhmrError(f"{path} holds no table.", _REMEDY)
    return Entries(cast("dict[str, Any]", held), path)
