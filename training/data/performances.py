"""A performance: a few frames of one body in `world`, at any step of the source's frames."""

from dataclasses import dataclass, replace

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats, check_shapes
from fhmr_blender.core.rotations import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    rotation_about,
)
from fhmr_blender.core.skeleton import MIRRORED_CONTACTS, MIRRORED_JOINTS


@dataclass(frozen=True, eq=False)
class Performance:
    """T frames of one body in `world` (z up, metres)."""

    name: str
    source: str
    seconds: Floats  # (T,)
    rotations: Floats  # (T, 24, 3, 3) the pelvis world from body, others parent-relative
    pelvis: Floats  # (T, 3) metres
    contacts: Bools  # (T, 6)

    def __post_init__(self) -> None:
        check_shapes(self, seconds="T", rotations="T 24 3 3", pelvis="T 3", contacts="T 6")


def mirrored(performance: Performance) -> Performance:
    """The same seen in a mirror, left and right exchanged."""
    flip = np.array([1.0, -1.0, -1.0])
    poses = axis_angle_from_matrix(performance.rotations)[:, list(MIRRORED_JOINTS)] * flip
    return replace(
        performance,
        name=performance.name + "|mirrored",
        rotations=matrix_from_axis_angle(poses),
        pelvis=performance.pelvis * np.array([-1.0, 1.0, 1.0]),
        contacts=performance.contacts[:, list(MIRRORED_CONTACTS)],
    )


def turned(performance: Performance, heading: float) -> Performance:
    """Turned about the vertical through the world's origin, radians."""
    turn = rotation_about(2, heading)
    rotations = performance.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    return replace(performance, rotations=rotations, pelvis=performance.pelvis @ turn.T)


def scaled(performance: Performance, scale: float) -> Performance:
    """For a body `scale` times as tall: its way grows with it."""
    return replace(performance, pelvis=performance.pelvis * scale)


def poses_of(performance: Performance) -> Floats:
    """(T, 24, 3) axis-angle."""
    return axis_angle_from_matrix(performance.rotations)
