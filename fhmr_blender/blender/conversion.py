"""Between SMPL's and OpenCV's axes and Blender's: the only place that knows bone spaces.

Every bone rests along SMPL's axes, stood upright: its x is the body's left, its y points up and
its z forward. So a pose bone's own rotation is SMPL's parent-relative rotation, number by number;
only the pelvis, whose parent is the world, differs by the standing up.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Floats
from ..core.exif import FILM_DIAGONAL
from ..core.frames import BODY_TO_WORLD
from ..core.rotations import (
    continuous_quaternions,
    matrix_from_quaternion,
    quaternion_from_matrix,
)

_BLENDER_CAMERA = np.diag([1.0, -1.0, -1.0, 1.0])  # y up and looking along -z instead of +z


@dataclass(frozen=True)
class Lens:
    """Blender's camera settings, sensor fit `HORIZONTAL`."""

    focal_length: float  # mm
    sensor_width: float  # mm
    shift_x: float  # in widths of the frame
    shift_y: float


def armature_points(points_body: Floats) -> Floats:
    """Points of the resting body (..., 3) -> the armature's space, where it stands upright."""
    x, y, z = points_body[..., 0], points_body[..., 1], points_body[..., 2]
    return np.stack((x, -z, y), axis=-1)  # BODY_TO_WORLD, quicker than the product


def body_points(points_armature: Floats) -> Floats:
    """The inverse of `armature_points`."""
    return points_armature @ BODY_TO_WORLD


def bone_rest(joints_body: Floats) -> Floats:
    """Rest matrices (J, 4, 4) in the armature's space of bones at the joints (J, 3)."""
    matrices = np.tile(np.eye(4), (len(joints_body), 1, 1))
    matrices[:, :3, :3] = BODY_TO_WORLD
    matrices[:, :3, 3] = armature_points(joints_body)
    return matrices


def pose_quaternions(rotations_world: Floats) -> Floats:
    """SMPL's rotations in `world` -> what pose bones hold.

    Args:
        rotations_world: (N, 24, 3, 3), the pelvis in `world`, the others parent-relative.

    Returns:
        (N, 24, 4) w x y z, neighbours in time with close signs, the first frame's w >= 0.
    """
    local = np.array(rotations_world, dtype=float)
    local[:, 0] = BODY_TO_WORLD.T @ local[:, 0]
    quaternions = quaternion_from_matrix(local)
    first = np.where(quaternions[:1, :, :1] < 0, -1.0, 1.0)
    quaternions[:1] *= first
    return continuous_quaternions(quaternions)


def rotations_world(quaternions: Floats) -> Floats:
    """The inverse of `pose_quaternions`, (N, 24, 4) -> (N, 24, 3, 3)."""
    rotations = matrix_from_quaternion(quaternions)
    rotations[:, 0] = BODY_TO_WORLD @ rotations[:, 0]
    return rotations


def pelvis_locations(transl_world: Floats, rest_pelvis: Floats) -> Floats:
    """SMPL translations -> the pelvis bone's location along its resting axes.

    Args:
        transl_world: (N, 3) metres; the pelvis stands at `transl_world + rest_pelvis`.
        rest_pelvis: (3,) metres, `body` frame, of the shaped body.
    """
    offset = transl_world + rest_pelvis - armature_points(rest_pelvis)
    return body_points(offset)


def camera_matrices(T_world_from_cam: Floats) -> Floats:
    """(..., 4, 4) of the OpenCV camera -> matrix_world of Blender's."""
    return T_world_from_cam @ _BLENDER_CAMERA


def opencv_matrices(matrices_world: Floats) -> Floats:
    """The inverse of `camera_matrices`: (..., 4, 4) of Blender's camera -> T_world_from_cam."""
    return matrices_world @ _BLENDER_CAMERA


def film_millimetres(size: tuple[int, int]) -> float:
    """Millimetres a pixel if the picture (width, height) were 35 mm film, by the diagonal.

    Source: CIPA DCG-001, 35 mm film equivalent focal length.
    """
    return FILM_DIAGONAL / math.hypot(*size)


def lens(intrinsics: Floats, size: tuple[int, int], frame_aspect: float) -> Lens:
    """Blender's camera for a picture that is fitted into the render frame, centred.

    The focal length reads as on 35 mm film, as in EXIF; the sensor grows where the frame shows
    more than the picture.

    Args:
        intrinsics: (4,) fx fy cx cy, pixels. Blender has one focal length: fx counts.
        size: The picture's width and height, pixels.
        frame_aspect: Width over height of the render frame, pixel aspect included.
    """
    focal, _, centre_x, centre_y = (float(value) for value in intrinsics)
    width, height = size
    frame_width = max(float(width), height * frame_aspect)  # in the picture's pixels
    unit = film_millimetres(size)
    return Lens(
        focal_length=focal * unit,
        sensor_width=frame_width * unit,
        shift_x=(width / 2 - centre_x) / frame_width,
        shift_y=(centre_y - height / 2) / frame_width,
    )


def object_quaternions(matrices: Floats) -> Floats:
    """(N, 4) w x y z of matrices (N, 4, 4) without scale, neighbours with close signs."""
    return continuous_quaternions(quaternion_from_matrix(matrices[:, :3, :3]))
