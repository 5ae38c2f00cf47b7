"""What a method says of one clip, and how answers are mirrored and averaged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    nearest_rotation,
)
from fhmr_blender.core.skeleton import (
    JOINT_INDEX,
    MAIN_JOINTS,
    MAIN_LANDMARKS,
    MIRRORED_JOINTS,
    MIRRORED_LANDMARKS,
    forward_kinematics,
)
from fhmr_blender.pipeline.alignment import Build, Posture
from fhmr_blender.pipeline.anchor import View

from .. import metrics

_HIPS = (JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"])
_FLIP = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Figure:
    """A body that a method found, T frames in `cam`."""

    posture: Posture
    build: Build
    betas: Floats  # (10,) of the neutral body

    @property
    def joints(self) -> Floats:
        """(T, 24, 3) metres from the pelvis."""
        return forward_kinematics(self.posture.rotations, self.build.rest_joints)[1]


@dataclass(frozen=True, eq=False)
class Answer:
    """One method's answer to one clip."""

    main: Floats  # (T, 12, 3) the main joints from the hips' middle, metres, `cam`
    figure: Figure | None  # None: the landmark network knows no body


def of_body(posture: Posture, build: Build, betas: Floats) -> Answer:
    """The answer of a method that poses a body."""
    figure = Figure(posture, build, betas)
    return Answer(main_joints(figure.joints), figure)


def main_joints(joints: Floats) -> Floats:
    """(..., 24, 3) -> the 12 main joints (..., 12, 3) from the hips' middle."""
    return metrics.hip_centred(joints, *_HIPS)[..., list(MAIN_JOINTS), :]


def landmark_joints(view: View) -> Floats:
    """(T, 33, 3) the landmark network's own 3D, metres, along `cam`."""
    return np.einsum("tij,tnj->tni", view.camera.R_cam_from_person, view.inputs.landmarks_world)


def of_landmarks(landmarks: Floats) -> Answer:
    """Landmarks (T, 33, 3) in `cam` as an answer."""
    return Answer(metrics.hip_centred(landmarks[:, list(MAIN_LANDMARKS)], 0, 1), None)


def unmirrored_landmarks(landmarks: Floats) -> Floats:
    """Landmarks (T, 33, 3) that were seen in the flipped picture, as the picture shows them."""
    return landmarks[:, list(MIRRORED_LANDMARKS)] * _FLIP


def unmirrored_posture(posture: Posture) -> Posture:
    """A posture that was seen in the flipped picture, as the picture shows it."""
    poses = axis_angle_from_matrix(posture.rotations)[:, list(MIRRORED_JOINTS)]
    rotations = matrix_from_axis_angle(poses * np.array([1.0, -1.0, -1.0]))
    return Posture(rotations, posture.pelvis * _FLIP)


def averaged(postures: Sequence[Posture]) -> Posture:
    """The mean of postures, joint by joint."""
    rotations = nearest_rotation(np.mean([posture.rotations for posture in postures], axis=0))
    return Posture(rotations, np.mean([posture.pelvis for posture in postures], axis=0))
