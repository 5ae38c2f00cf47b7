"""Array types and the check that every dataclass of arrays runs on itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Indices = NDArray[np.integer[Any]]


def check_shapes(owner: object, **shapes: str) -> None:
    """Hold array attributes against shapes written as "T 24 3".

    A number is an exact size; a letter is a size that must be the same wherever the letter stands.

    Raises:
        ValueError: Names the attribute, its shape and the one expected.
    """
    sizes: dict[str, int] = {}
    for name, expected in shapes.items():
        shape = np.shape(getattr(owner, name))
        axes = expected.split()
        fits = len(axes) == len(shape) and all(
            int(axis) == size if axis.isdigit() else sizes.setdefault(axis, size) == size
            for axis, size in zip(axes, shape, strict=True)
        )
        if not fits:
            raise ValueError(f"{type(owner).__name__}.{name} is {shape}, expected ({expected})")
