"""What lens, sensor and codec do to a picture: blur, noise, low light, block compression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from fhmr_blender.core.arrays import Floats

# Quantisation steps of ITU-T T.81 (JPEG), annex K, tables K.1 and K.2, by row.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=float,
)
_CHROMA = np.full((8, 8), 99.0)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_YCC_FROM_RGB = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)


@dataclass(frozen=True)
class Degradation:
    """One camera's faults, the same over a clip."""

    gain: float
    gamma: float
    white: tuple[float, float, float]
    blur: float  # pixels
    noise: float  # 0..255
    quality: int  # JPEG's, 100 leaves the picture alone


def random_degradation(rng: np.random.Generator, person_pixels: float) -> Degradation:
    """Draw faults; small persons are spared the strongest blur."""
    dark = rng.random() < 0.10
    blur = rng.choice((0.0, rng.uniform(0.3, 0.9), rng.uniform(0.8, 2.2)), p=(0.45, 0.4, 0.15))
    return Degradation(
        gain=float(rng.uniform(0.25, 0.6) if dark else rng.uniform(0.75, 1.25)),
        gamma=float(rng.uniform(0.8, 1.25)),
        white=tuple(rng.normal(1, 0.05, 3).tolist()),
        blur=float(min(blur, person_pixels / 90)),
        noise=float(rng.uniform(4, 14) if dark else rng.exponential(3.0)),
        quality=int(rng.integers(18, 96)) if rng.random() < 0.7 else 100,
    )


def degrade(
    image: NDArray[np.uint8], faults: Degradation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 -> the same with the faults."""
    value = np.clip(image / 255.0 * np.array(faults.white) * faults.gain, 0, 1) ** faults.gamma
    if faults.blur > 0.1:
        value = gaussian_filter(value, (faults.blur, faults.blur, 0))
    value = value * 255 + faults.noise * rng.standard_normal(value.shape, dtype=np.float32)
    if faults.quality < 100:
        value = compress(np.clip(value, 0, 255), faults.quality)
    return np.clip(np.round(value), 0, 255).astype(np.uint8)


def compress(image: Floats, quality: int) -> Floats:
    """Lose what JPEG loses at a quality of 1 to 99, chroma at half resolution; 0..255."""
    height, width, _ = image.shape
    padding = ((0, -height % 16), (0, -width % 16), (0, 0))
    planes = np.moveaxis(np.pad(image, padding, mode="edge") @ _YCC_FROM_RGB.T, -1, 0)
    scale = (5000 / quality if quality < 50 else 200 - 2 * quality) / 100
    luminance = _quantise(planes[0] - 128, np.maximum(_LUMINANCE * scale, 1)) + 128
    rows, columns = planes.shape[1:]
    half = planes[1:].reshape(2, rows // 2, 2, columns // 2, 2).mean(axis=(2, 4))
    steps = np.maximum(_CHROMA * scale, 1)
    chroma = [np.kron(_quantise(plane, steps), np.ones((2, 2))) for plane in half]
    rebuilt = np.stack((luminance, *chroma), axis=-1) @ np.linalg.inv(_YCC_FROM_RGB).T
    return rebuilt[:height, :width]


def _quantise(plane: Floats, steps: Floats) -> Floats:
    """Round the cosine transform of 8 x 8 blocks to multiples of `steps` (8, 8)."""
    rows, columns = plane.shape
    blocks = plane.reshape(rows // 8, 8, columns // 8, 8)
    spectrum = dctn(blocks, axes=(1, 3), norm="ortho")
    wide = steps[None, :, None, :]
    rounded = np.round(spectrum / wide) * wide
    return idctn(rounded, axes=(1, 3), norm="ortho").reshape(rows, columns)
