"""The pinhole camera, and the person camera in which the networks see.

Source of the pinhole model: Hartley & Zisserman, Multiple View Geometry, 2nd ed., ch. 6.
"""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, check_shapes
from .rotations import rotation_about, shortest_arc

NEAREST_DEPTH = 1e-3  # metres; points nearer (or behind) count as this far away


def project(points_cam: Floats, intrinsics: Floats) -> Floats:
    """Project onto the image plane.

    Args:
        points_cam: (..., N, 3) metres, `cam` frame.
        intrinsics: (..., 4) fx fy cx cy, pixels.

    Returns:
        (..., N, 2) pixels, `image` frame. Points nearer than 1 mm count as 1 mm away.
    """
    depth = np.maximum(points_cam[..., 2:], NEAREST_DEPTH)
    return points_cam[..., :2] / depth * intrinsics[..., None, :2] + intrinsics[..., None, 2:]


def rays_cam(pixels: Floats, intrinsics: Floats) -> Floats:
    """Viewing rays (..., N, 3) with z = 1 in `cam` through pixels (..., N, 2)."""
    plane = (pixels - intrinsics[..., None, 2:]) / intrinsics[..., None, :2]
    return np.concatenate((plane, np.ones_like(plane[..., :1])), axis=-1)


@dataclass(frozen=True, eq=False)
class PersonCamera:
    """The real camera turned so that its axis goes through one person's region, T frames."""

    R_cam_from_person: Floats  # (T, 3, 3)
    half_size: Floats  # (T,) of the region, tangent units

    def __post_init__(self) -> None:
        check_shapes(self, R_cam_from_person="T 3 3", half_size="T")


def person_camera(region: Floats, intrinsics: Floats) -> PersonCamera:
    """Turn the camera towards a region and upright with it.

    Args:
        region: (T, 4) centre x y and side in pixels, roll in radians, clockwise on the screen.
        intrinsics: (T, 4) or (4,) fx fy cx cy, pixels.
    """
    intrinsics = np.broadcast_to(intrinsics, (len(region), 4))
    centre, side, roll = region[:, :2], region[:, 2], region[:, 3]
    up = np.stack((np.sin(roll), -np.cos(roll)), axis=-1)  # (T, 2) the region's up on the screen
    edge = centre + up * side[:, None] / 2
    rays = rays_cam(np.stack((centre, edge), axis=1), intrinsics)  # (T, 2, 3)
    forward = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (len(region), 3))
    R_cam_from_person = shortest_arc(forward, rays[:, 0]) @ rotation_about(2, roll)
    ray = np.einsum("tji,tj->ti", R_cam_from_person, rays[:, 1])
    half_size = np.linalg.norm(ray[:, :2] / np.maximum(ray[:, 2:], NEAREST_DEPTH), axis=-1)
    return PersonCamera(R_cam_from_person=R_cam_from_person, half_size=half_size)


def rays_person(pixels: Floats, intrinsics: Floats, camera: PersonCamera) -> Floats:
    """Pixels (T, N, 2) as rays in the person camera, divided by z and the half size, (T, N, 2).

    Rays at more than about 84 degrees from the axis are brought in to there.
    """
    rays = rays_cam(pixels, np.broadcast_to(intrinsics, (len(pixels), 4)))
    turned = np.einsum("tji,tnj->tni", camera.R_cam_from_person, rays)
    length = np.linalg.norm(turned, axis=-1, keepdims=True)
    depth = np.maximum(turned[..., 2:], 0.1 * length)
    return turned[..., :2] / depth / camera.half_size[:, None, None]
