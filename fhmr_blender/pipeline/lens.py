"""The camera's intrinsics: from the options, else from the file, else a stated default."""

import math
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Floats, check_shapes
from ..core.exif import FILM_DIAGONAL
from ..errors import FhmrError
from .footage import Footage

DEFAULT_LENS = 35.0  # mm, 35 mm equivalent; guess between a phone's 26 and a portrait's 50


@dataclass(frozen=True, eq=False)
class Intrinsics:
    """A pinhole camera and where its focal length comes from."""

    values: Floats  # (4,) fx fy cx cy, pixels
    origin: str  # for the artist: "given", "from EXIF", "assumed: a 35 mm lens", ...

    @property
    def given(self) -> bool:
        """Whether the artist said so."""
        return self.origin == "given"

    @property
    def assumed(self) -> bool:
        """Whether nothing was known."""
        return self.origin.startswith("assumed")

    def __post_init__(self) -> None:
        check_shapes(self, values="4")


def choose_intrinsics(
    footage: Footage, focal: float | None = None, fov: float | None = None
) -> Intrinsics:
    """Choose the camera of a picture or movie; its axis goes through the picture's centre.

    Args:
        footage: Its size and what its file says about the lens.
        focal: Pixels, if the artist gave it.
        fov: Degrees across the longer side (as Blender counts it), if the artist gave it.

    Raises:
        FhmrError: An option that no camera has.
    """
    width, height = footage.size
    longer = max(width, height)
    if focal is not None:
        if not 0.05 * longer <= focal <= 100 * longer:  # nan falls through here, too
            raise FhmrError(
                f"A focal length of {focal:g} pixels does not fit a picture of {width} x {height}.",
                "Give the focal length in pixels, or the field of view in degrees.",
            )
        return _centred(focal, width, height, "given")
    if fov is not None:
        if not 1.0 <= fov <= 170.0:
            raise FhmrError(
                f"A field of view of {fov:g} degrees is none that a camera has.",
                "Give one between 1 and 170 degrees.",
            )
        return _centred(longer / 2 / math.tan(math.radians(fov) / 2), width, height, "given")
    stored = footage.exif.focal_pixels(width, height)
    if stored is not None:
        return _centred(
            stored, width, height, "from EXIF" if footage.is_picture else "from the movie"
        )
    lens = DEFAULT_LENS / FILM_DIAGONAL * math.hypot(width, height)
    return _centred(lens, width, height, f"assumed: a {DEFAULT_LENS:.0f} mm lens")


def _centred(focal: float, width: int, height: int, origin: str) -> Intrinsics:
    return Intrinsics(np.array([focal, focal, width / 2, height / 2]), origin)
