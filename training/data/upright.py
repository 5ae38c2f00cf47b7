"""The upright camera: how a body is seen, whatever lens, picture place and roll it is seen with.

The real camera turned so that its axis goes through the pelvis, and rolled so that the neck is
above it. It is to the truth what the person camera is to an observation.
"""

from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats, check_shapes
from fhmr_blender.core.body import Body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import rotation_about, shortest_arc
from fhmr_blender.core.skeleton import JOINT_INDEX, LIMBS, forward_kinematics

REFERENCE_STATURE = 1.69  # metres; the landmark network cannot see height and answers for this
_NECK = JOINT_INDEX["neck"]
_TORSO_VIEW = (1, 2, 12, 16, 17)  # joints that tell how the trunk is seen
_TORSO_WEIGHT = 0.5  # of the trunk's view in a limb's descriptor, against the limb's own


@dataclass(frozen=True, eq=False)
class UprightView:
    """T frames of a body before a camera, and its upright camera."""

    joints: Floats  # (T, 24, 3) `cam`, metres
    landmarks: Floats  # (T, 33, 3) `cam`, metres
    stature: float
    intrinsics: Floats  # (4,)
    turn: Floats  # (T, 3, 3) cam from upright
    roll: Floats  # (T,) clockwise in the picture, of the neck above the pelvis
    height: Floats  # (T,) pixels of a body standing where the pelvis is

    def __post_init__(self) -> None:
        check_shapes(
            self,
            joints="T 24 3",
            landmarks="T 33 3",
            intrinsics="4",
            turn="T 3 3",
            roll="T",
            height="T",
        )

    @property
    def upright(self) -> Floats:
        """(T, 33, 3) landmarks from the hips' middle, upright camera, units of stature."""
        centred = self.landmarks - self.landmarks[:, [23, 24]].mean(axis=1, keepdims=True)
        return np.einsum("tji,tnj->tni", self.turn, centred) / self.stature

    @property
    def pixels(self) -> Floats:
        """(T, 33, 2) where the landmarks project to."""
        return project(self.landmarks, self.intrinsics)

    @property
    def hints(self) -> Floats:
        """(T, 33) what z should be in pixels: depth from the hips' middle along the axis."""
        return self.upright[..., 2] * self.height[:, None]

    @property
    def world(self) -> Floats:
        """(T, 33, 3) hip-centred landmarks as the front end should give them, picture axes, metres.

        For a body of the reference stature. The landmark network takes its crop as looked at
        straight on, so of the upright camera's turn only the roll is turned back.
        """
        return REFERENCE_STATURE * np.einsum(
            "tij,tnj->tni", rotation_about(2, self.roll), self.upright
        )

    def descriptors(self) -> list[Floats]:
        """How trunk, head, arms and legs are seen: (T, D) each, near if seen alike.

        Joints in the upright camera over stature, and how strong perspective is.
        """
        joints = np.einsum("tji,tnj->tni", self.turn, self.joints - self.joints[:, :1])
        joints = joints / self.stature
        near = np.log(self.joints[:, 0, 2:] / self.stature)
        trunk = joints[:, list(_TORSO_VIEW)].reshape(len(joints), -1)
        groups = [np.concatenate((2.0 * trunk, 0.08 * near), axis=1)]
        for limb in LIMBS.values():
            chain = joints[:, list(limb)].reshape(len(joints), -1)
            groups.append(np.concatenate((chain, _TORSO_WEIGHT * trunk, 0.05 * near), axis=1))
        return groups


def upright_view(
    rotations: Floats,
    joints: Floats,
    betas: Floats,
    intrinsics: Floats,
    body: Body,
    calibration: LandmarkCalibration,
) -> UprightView:
    """See a body upright.

    Args:
        rotations: (T, 24, 3, 3) the pelvis cam from body, others parent-relative.
        joints: (T, 24, 3) metres, `cam`.
        betas: (10,).
        intrinsics: (4,) fx fy cx cy, pixels.
        body: The neutral one.
        calibration: Where the landmarks lie.
    """
    outer, _ = forward_kinematics(rotations, body.rest_joints(betas))
    stature = float(body.stature(betas))
    pelvis = joints[:, 0]
    forward = np.broadcast_to(np.array([0.0, 0.0, 1.0]), pelvis.shape)
    arc = shortest_arc(forward, pelvis)
    neck = np.einsum("tji,tj->ti", arc, joints[:, _NECK] - pelvis)
    roll = np.arctan2(neck[:, 0], -neck[:, 1])
    return UprightView(
        joints=joints,
        landmarks=calibration.landmarks(outer, joints, stature),
        stature=stature,
        intrinsics=np.asarray(intrinsics, dtype=float),
        turn=arc @ rotation_about(2, roll),
        roll=roll,
        height=stature * float(intrinsics[1]) / np.maximum(pelvis[:, 2], 0.1),
    )


def screen_turned(points: Floats, angle: Floats) -> Floats:
    """Picture vectors (T, N, 2) turned clockwise on the screen by (T,) radians."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = points[..., 0], points[..., 1]
    return np.stack((cos * x - sin * y, sin * x + cos * y), axis=-1)


def wrapped(angle: Floats) -> Floats:
    """Radians brought to -pi..pi."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
