"""What is known of the camera's motion before anybody is posed."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np

from ..core.arrays import Floats, check_shapes
from ..core.motion import Shot
from ..core.rotations import axis_angle_from_matrix, matrix_from_axis_angle


@dataclass(frozen=True, eq=False)
class CameraMotion:
    """The camera over the T frames of a shot."""

    R_first_from_cam: Floats  # (T, 3, 3) its turn since the first frame, or the last cut
    T_world_from_cam: Floats | None = None  # (T, 4, 4) where all is given; else the world is found
    walks: bool = False  # it may change its place, too
    cuts: tuple[int, ...] = ()  # rows of frames with which another camera begins
    notes: tuple[str, ...] = ()  # sentences for the artist

    def __post_init__(self) -> None:
        check_shapes(self, R_first_from_cam="T 3 3")
        if self.T_world_from_cam is not None:
            check_shapes(self, R_first_from_cam="T 3 3", T_world_from_cam="T 4 4")


def resting_camera(count: int) -> CameraMotion:
    """A camera that neither turns nor walks."""
    return CameraMotion(np.broadcast_to(np.eye(3), (count, 3, 3)))


def given_camera(T_world_from_cam: Floats) -> CameraMotion:
    """A camera (T, 4, 4) of which everything is known."""
    return CameraMotion(camera_turns(T_world_from_cam[:, :3, :3]), T_world_from_cam)


def camera_turns(R_any_from_cam: Floats) -> Floats:
    """(n, 3, 3) the turn since the first of these frames; of a static camera plainly the identity.

    Rounded to 1e-7, so that stored rotations say the same to the bit in whatever world they lie.
    """
    if np.all(R_any_from_cam == R_any_from_cam[0]):
        return np.broadcast_to(np.eye(3), R_any_from_cam.shape)
    turns: Floats = R_any_from_cam[0].T @ R_any_from_cam
    return turns.round(7)


def stored_camera(shot: Shot) -> CameraMotion:
    """The camera of a shot, as it went into solving it."""
    told = shot.settings.get("camera_motion")
    known = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    walks, given = bool(known.get("walks", False)), bool(known.get("given", False))
    if given:
        return given_camera(shot.T_world_from_cam)
    numbers = [int(frame) for frame in shot.settings.get("cuts", ())]
    rows = np.searchsorted(shot.frames, numbers)
    cuts = tuple(int(row) for row in rows if 0 < row < len(shot.frames))
    edges = (0, *cuts, len(shot.frames))
    turns = [
        camera_turns(shot.T_world_from_cam[start:stop, :3, :3]) for start, stop in pairwise(edges)
    ]
    return CameraMotion(np.concatenate(turns), walks=walks, cuts=cuts)


def through_lens(camera: CameraMotion, ratio: float) -> CameraMotion:
    """The same pictures through a lens `ratio` times as long: what slides by means a smaller turn.

    Exact for small turns from frame to frame, about the axes across the line of sight.
    """
    if camera.T_world_from_cam is not None or ratio == 1.0:
        return camera
    turns = camera.R_first_from_cam
    steps = axis_angle_from_matrix(np.swapaxes(turns[:-1], -1, -2) @ turns[1:])
    steps = matrix_from_axis_angle(steps * np.array([1.0 / ratio, 1.0 / ratio, 1.0]))
    scaled = np.empty(turns.shape)
    scaled[0] = np.eye(3)
    for frame, step in enumerate(steps):
        scaled[frame + 1] = scaled[frame] @ step
    return replace(camera, R_first_from_cam=camera_turns(scaled))
