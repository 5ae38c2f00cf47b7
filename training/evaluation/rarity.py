"""How rare a pose is: its distance to the nearest pose that was trained on.

A pose is described by its 24 joints from the pelvis, upright as gravity has them but turned to one
heading, on one body. Its rarity is the root mean square distance of these joints, metres, to the
nearest pose trained on, the mirrored ones too. The rare half of a split are the frames above the
median.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.latent import heading_frame
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import MIRRORED_JOINTS, forward_kinematics

from ..data.sample import PairClip
from .clips import Case

DESCRIBED_EVERY = 12  # frames of the recorded motion
_CHUNK = 256  # poses compared at once, for memory
_UP = np.array([0.0, 0.0, 1.0])


class Recording(Protocol):
    """What is used of a motion clip; see `motion_library.MotionClip`."""

    poses: Floats  # (T, 24, 3) axis-angle; the pelvis world from body
    valid: Bools  # (T,)


def level_joints(rotations: Floats, rest_joints: Floats) -> Floats:
    """Joints (M, 72) from the pelvis, without the heading.

    Args:
        rotations: (M, 24, 3, 3), the pelvis in `world`.
        rest_joints: (24, 3) of the one body on which poses are compared.
    """
    _, joints = forward_kinematics(rotations, rest_joints)
    heading = heading_frame(rotations[:, 0], np.broadcast_to(_UP, (len(rotations), 3)))
    return np.einsum("mji,mnj->mni", heading, joints).reshape(len(rotations), 72)


def case_descriptors(case: Case, rest_joints: Floats) -> Floats:
    """(T, 72) of a case's true poses."""
    return _clip_descriptors(case.clip, rest_joints)


def recorded_descriptors(recordings: Sequence[Recording], rest_joints: Floats) -> Floats:
    """(M, 72) of recorded motion and its mirror image, every twelfth valid frame."""
    poses = [
        recording.poses[np.flatnonzero(recording.valid)[::DESCRIBED_EVERY]]
        for recording in recordings
    ]
    rotations = matrix_from_axis_angle(np.concatenate(poses).astype(float))
    return _both_sides(level_joints(rotations, rest_joints))


def rendered_descriptors(clips: Sequence[PairClip], rest_joints: Floats) -> Floats:
    """(M, 72) of the poses of rendered clips and their mirror images."""
    described = [_clip_descriptors(clip, rest_joints) for clip in clips]
    return _both_sides(np.concatenate(described))


def rarity(poses: Floats, trained: Floats) -> Floats:
    """(M,) root mean square distance, metres, of poses (M, 72) to the nearest of (N, 72)."""
    poses, trained = poses.astype(np.float32), trained.astype(np.float32)
    length = np.square(trained).sum(axis=1)
    nearest: list[Floats] = []
    for start in range(0, len(poses), _CHUNK):
        part = poses[start : start + _CHUNK]
        # The square of a difference without the difference: one matrix product.
        squares = length - 2.0 * part @ trained.T
        nearest.append(squares.min(axis=1) + np.square(part).sum(axis=1))
    return np.sqrt(np.maximum(np.concatenate(nearest), 0.0) / 24.0)


def _clip_descriptors(clip: PairClip, rest_joints: Floats) -> Floats:
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    rotations[:, 0] = clip.R_world_from_cam.astype(float) @ rotations[:, 0]
    return level_joints(rotations, rest_joints)


def _both_sides(descriptors: Floats) -> Floats:
    joints = descriptors.reshape(-1, 24, 3)
    other = joints[:, list(MIRRORED_JOINTS)] * np.array([-1.0, 1.0, 1.0])
    return np.concatenate((joints, other)).reshape(-1, 72)
