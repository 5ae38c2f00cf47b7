"""The noise that limbs are drawn from: the same for a seed, person, frame, limb and sample, and
smooth in time.
"""

import numpy as np

from ..core.arrays import Floats, Indices
from ..core.latent import LATENT_SIZE, limb_coordinates
from ..core.noise import normal_noise
from ..core.skeleton import LIMB_NAMES

# Frames between two knots of the noise. White noise makes limbs tremble from frame to frame: on two
# filmed clips the median acceleration of drawn limbs was 41 to 124 mm/frame^2 at guidance 1 and 72
# to 200 at 0; with knots every 8 frames 8 to 51 and 7 to 46, at the same scores and no less spread.
_KNOT = 8
_LIMB_COORDINATES = np.stack([limb_coordinates(limb) for limb in LIMB_NAMES])  # (5, 168)


def limb_noise(seed: int, person: int, samples: int, frames: Indices) -> Floats:
    """Draw the latent that the flow starts from.

    Knots of white noise, and between them mixtures whose variance is 1 as well.

    Args:
        seed: Of the draw.
        person: Track id.
        samples: S.
        frames: (N,) frame numbers in the source.

    Returns:
        (S, N, 168) standard normal, each limb's own wherever and with whatever it is drawn.
    """
    knots, at = np.unique(np.stack((frames, frames + _KNOT)) // _KNOT, return_inverse=True)
    left, right = at.reshape(2, -1)
    noise = np.empty((samples, len(knots), LATENT_SIZE))
    world = ~_LIMB_COORDINATES.any(axis=0)
    for group, places in enumerate((*_LIMB_COORDINATES, world)):
        noise[..., places] = normal_noise(
            seed=seed,
            person=person,
            samples=samples,
            frames=knots,
            group=group,
            size=int(places.sum()),
        )
    turn = (0.5 * np.pi * (frames % _KNOT) / _KNOT)[:, None]
    mixed = np.empty((samples, len(frames), LATENT_SIZE))
    for one, white in zip(mixed, noise, strict=True):  # a long clip's samples are hundreds of MB
        np.multiply(white[left], np.cos(turn), out=one)
        one += white[right] * np.sin(turn)
    return mixed
