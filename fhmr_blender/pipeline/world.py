"""From the camera's frame to the world: z up, the floor at 0, the camera looking along +y.

A static camera; gravity is the median of what stage 2 says, over the frames and the people.
"""

from collections.abc import Callable

import numpy as np

from ..core.arrays import Floats
from ..core.frames import rigid
from ..core.motion import Motion

_UP_WITHOUT_GRAVITY = np.array([0.0, -1.0, 0.0])  # `cam`: the picture's own up


def place_world(gravity: Floats, lowest: Callable[[Floats], float]) -> Floats:
    """Choose the world of a shot.

    Args:
        gravity: (M, 3) unit, `cam`: the opinions of all people and frames.
        lowest: Given the unit vector (3,) up in `cam`, says how high along it the lowest point of
            all bodies lies, metres from the camera.

    Returns:
        (4, 4) `T_world_from_cam`: z against gravity, the camera at x = y = 0 looking along +y,
        the lowest point of all bodies at z = 0.
    """
    up = _up(gravity)
    forward = np.array([0.0, 0.0, 1.0])
    if abs(forward @ up) > 0.999:  # looking straight down or up: the picture's up leads
        forward = -np.sign(forward @ up) * _UP_WITHOUT_GRAVITY
    forward = forward - (forward @ up) * up
    forward /= np.linalg.norm(forward)
    R_world_from_cam = np.stack((np.cross(forward, up), forward, up))
    return rigid(R_world_from_cam, np.array([0.0, 0.0, -lowest(up)]))


def move_to_world(motion_cam: Motion, T_world_from_cam: Floats, rest_pelvis: Floats) -> Motion:
    """Apply (N, 4, 4) or (4, 4) to a motion in `cam`.

    Args:
        motion_cam: N frames.
        T_world_from_cam: Metres.
        rest_pelvis: (3,) of the shaped body: SMPL turns about it, not about the origin.
    """
    R_world_from_cam = T_world_from_cam[..., :3, :3]
    rotations = motion_cam.rotations.copy()
    rotations[:, 0] = R_world_from_cam @ rotations[:, 0]
    pelvis = (R_world_from_cam @ (motion_cam.transl + rest_pelvis)[..., None])[..., 0]
    return Motion(
        rotations=rotations,
        transl=pelvis + T_world_from_cam[..., :3, 3] - rest_pelvis,
        betas=motion_cam.betas,
    )


def _up(gravity: Floats) -> Floats:
    """(3,) unit in `cam`: against the geometric median of opinions. Source: Weiszfeld, 1937."""
    centre = gravity.mean(axis=0)
    for _ in range(20):
        weight = 1.0 / np.maximum(np.linalg.norm(gravity - centre, axis=1), 1e-6)
        centre = (gravity * weight[:, None]).sum(axis=0) / weight.sum()
    length = float(np.linalg.norm(centre))
    return -centre / length if length > 1e-6 else _UP_WITHOUT_GRAVITY
