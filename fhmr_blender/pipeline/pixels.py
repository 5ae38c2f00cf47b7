"""From decoded samples to the 8-bit pictures that everything works on."""

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Floats

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
_BACKGROUND = 127.5  # behind transparent pixels: as far from black clothes as from white ones


def over_grey(rgba: NDArray[np.uint8]) -> Picture:
    """A picture with transparency (H, W, 4), on grey."""
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    colour = rgba[..., :3] * alpha + _BACKGROUND * (1.0 - alpha)
    return (colour + 0.5).astype(np.uint8)


def from_linear(linear: Floats) -> Picture:
    """Linear light (H, W, 3), 1 is white, as sRGB. Not-a-number is black.

    Source: IEC 61966-2-1.
    """
    light = np.clip(np.nan_to_num(linear, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    curved = 1.055 * np.power(light, 1.0 / 2.4) - 0.055
    encoded = np.where(light <= 0.0031308, 12.92 * light, curved)
    return (encoded * 255.0 + 0.5).astype(np.uint8)


def turned(image: Picture, degrees: int) -> Picture:
    """A frame turned counter-clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(image, round(degrees / 90) % 4))


def oriented(image: Picture, orientation: int) -> Picture:
    """A picture as it is to be seen, by EXIF's orientation (1 to 8).

    Source: CIPA DC-008-2023, tag 274.
    """
    if orientation in {5, 6, 7, 8}:  # rows and columns are swapped
        image = np.swapaxes(image, 0, 1)
    if orientation in {2, 3, 6, 7}:  # what is stored first lies on the right
        image = image[:, ::-1]
    if orientation in {3, 4, 7, 8}:  # what is stored first lies at the bottom
        image = image[::-1]
    return np.ascontiguousarray(image)
