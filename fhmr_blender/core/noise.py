"""Noise that belongs to a place, not to an order of drawing.

Every (seed, person, frame, limb, sample) has its own numbers, whatever else is drawn, on every
machine and with every version of numpy (whose generators may change between versions).
Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011 (Philox4x32-10); Box and
Muller, 1958.
"""

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats, Indices

Words = NDArray[np.uint32]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32-10: (..., 4) words of a counter -> (..., 4) random words."""
    a, b, c, d = (counter[..., word].astype(np.uint64) for word in range(4))
    first, second = key
    for _ in range(_ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (right >> _HALF) ^ b ^ np.uint64(first),
            right & _LOW,
            (left >> _HALF) ^ d ^ np.uint64(second),
            left & _LOW,
        )
        first = (first + _WEYL[0]) & 0xFFFFFFFF
        second = (second + _WEYL[1]) & 0xFFFFFFFF
    return np.stack((a, b, c, d), axis=-1).astype(np.uint32)


def normal_noise(
    *, seed: int, person: int, samples: int, frames: Indices, group: int, size: int
) -> Floats:
    """Standard normal numbers of one group of coordinates.

    Args:
        seed: 0 .. 2^32 - 1.
        person: Track id.
        samples: S; sample s is the same however many there are.
        frames: (T,) frame numbers in the source, at least 0.
        group: Which limb, or what else.
        size: C numbers a frame.

    Returns:
        (S, T, C).
    """
    blocks = -(-size // 4)
    grid = np.meshgrid(
        np.arange(samples), np.asarray(frames), [group], np.arange(blocks), indexing="ij"
    )
    counter = np.stack([axis[:, :, 0] for axis in grid], axis=-1)  # (S, T, blocks, 4)
    words = philox(counter.astype(np.uint32), (seed & 0xFFFFFFFF, person & 0xFFFFFFFF))
    uniform = (words.astype(np.float64) + 0.5) / 2.0**32  # never 0 or 1
    radius = np.sqrt(-2.0 * np.log(uniform[..., 0::2]))
    angle = 2.0 * np.pi * uniform[..., 1::2]
    normal = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=-1)
    return normal.reshape(samples, len(frames), 4 * blocks)[..., :size]
