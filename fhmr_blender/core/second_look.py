"""Two looks at one picture, as it is and in the mirror: the middle of both, and how they agree.

The landmark network answers a mirrored picture differently, and least so where it is right: its
own 3D is biased between the sides, and what it only guesses turns out another way.
"""

import numpy as np

from .arrays import Floats
from .skeleton import MIRRORED_LANDMARKS

# Distances in sides of the region, chosen on rendered frames not trained on (training/journal.md).
_APART = 0.05  # farther apart, the two looks saw something else: the first one stands
_HALF_AGREED = 0.015


def unmirrored(keypoints: Floats, width: float) -> Floats:
    """Landmarks (..., 33, 5) seen in the mirror of a picture, in the picture itself, pixels."""
    turned = keypoints[..., list(MIRRORED_LANDMARKS), :].copy()
    turned[..., 0] = width - turned[..., 0]
    return turned


def unmirrored_world(keypoints_world: Floats) -> Floats:
    """World landmarks (..., 33, 3) seen in the mirror, metres in the picture's axes."""
    return keypoints_world[..., list(MIRRORED_LANDMARKS), :] * np.array([-1.0, 1.0, 1.0])


def agreement(keypoints: Floats, again: Floats, side: Floats) -> Floats:
    """How near each landmark two looks came to each other.

    Args:
        keypoints: (..., 33, 5) pixels.
        again: The same of the second look.
        side: (...) of the region, pixels.

    Returns:
        (..., 33) 1 where they agree, towards 0 where they do not.
    """
    return 1.0 / (1.0 + (_distance(keypoints, again, side) / _HALF_AGREED) ** 2)


def middle(
    keypoints: Floats,
    again: Floats,
    keypoints_world: Floats,
    again_world: Floats,
    side: Floats,
) -> tuple[Floats, Floats]:
    """The middle of two looks, landmark by landmark; where they are far apart the first one.

    Args:
        keypoints: (..., 33, 5) pixels, visibility, presence.
        again: The same of the second look.
        keypoints_world: (..., 33, 3) metres.
        again_world: The same of the second look.
        side: (...) of the region, pixels.

    Returns:
        (..., 33, 5) and (..., 33, 3).
    """
    share = np.where(_distance(keypoints, again, side) < _APART, 0.5, 0.0)[..., None]
    return (
        keypoints + share * (again - keypoints),
        keypoints_world + share * (again_world - keypoints_world),
    )


def _distance(keypoints: Floats, again: Floats, side: Floats) -> Floats:
    apart = np.linalg.norm(again[..., :2] - keypoints[..., :2], axis=-1)
    return apart / np.maximum(side, 1e-6)[..., None]
