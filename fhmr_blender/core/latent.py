"""The composite target of stage 2: what stands where in its 168 numbers a frame.

18 limb rotations in 6D, 18 limb joint positions relative to the pelvis (person camera, metres),
the direction of gravity (person camera), the root's velocity in the heading frame (m/s).
Source: FactorizedHMR (arXiv 2605.14854), composite target.
"""

from typing import cast

import numpy as np

from .arrays import Bools, Floats
from .skeleton import LIMB_NAMES, LIMB_OF_LIMB_JOINT

ROTATIONS = slice(0, 108)
POSITIONS = slice(108, 162)
GRAVITY = slice(162, 165)
VELOCITY = slice(165, 168)
LATENT_SIZE = 168
_STEEP = 0.95  # sine of 72 degrees; a guess: nearer to upright, facing says nothing


def pack(rotations6d: Floats, positions: Floats, gravity: Floats, velocity: Floats) -> Floats:
    """(..., 18, 6), (..., 18, 3), (..., 3), (..., 3) -> (..., 168), not normalised."""
    leading = rotations6d.shape[:-2]
    return np.concatenate(
        (
            rotations6d.reshape(*leading, 108),
            positions.reshape(*leading, 54),
            gravity,
            velocity,
        ),
        axis=-1,
    )


def limb_coordinates(limb: str) -> Bools:
    """(168,) True at the rotations and positions of one limb."""
    joints = LIMB_NAMES.index(limb) == LIMB_OF_LIMB_JOINT
    nowhere = np.zeros(3, dtype=bool)
    return np.concatenate((np.repeat(joints, 6), np.repeat(joints, 3), nowhere, nowhere))


def heading_frame(R_outer_from_pelvis: Floats, up: Floats) -> Floats:
    """Gravity-aligned axes that face where the pelvis faces.

    Args:
        R_outer_from_pelvis: (..., 3, 3), the pelvis in any frame of reference.
        up: (..., 3) unit, against gravity, in the same frame of reference.

    Returns:
        (..., 3, 3) outer from heading; columns left, up, forward, as SMPL's x, y, z.
    """
    forward = R_outer_from_pelvis[..., :, 2]
    climb = np.sum(forward * up, axis=-1, keepdims=True)
    # Lying on the back one faces where the feet point, on the belly where the head points.
    lying = -np.sign(climb) * R_outer_from_pelvis[..., :, 1]
    forward = cast("Floats", np.where(np.abs(climb) > _STEEP, lying, forward))
    forward = forward - np.sum(forward * up, axis=-1, keepdims=True) * up
    forward = forward / np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-9)
    left = cast("Floats", np.cross(up, forward))
    return np.stack((left, np.broadcast_to(up, forward.shape), forward), axis=-1)
