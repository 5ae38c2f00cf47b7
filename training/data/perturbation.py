"""Rendered records turned a little: their observation moves by the exact projected change."""

from dataclasses import replace

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.body import Body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from fhmr_blender.core.skeleton import JOINT_INDEX, forward_kinematics

from .following import followed_shares
from .sample import PairClip
from .upright import upright_view

REACH = 1.5  # sides of the region from its centre, within which the landmark network answers
BETAS_CHANGE = 0.35
ROOT_TURN = 0.06  # radians about each axis
# Of a joint's own deviation over the recordings, about each of its axes: a joint that hardly turns
# there would, turned, only teach what never happens.
TURN_SHARE = 0.3
TURN_MOST = 0.16  # radians
# Half of the distance between the 16th and the 84th percentile of recorded turns, radians about
# the joint's axes; left and right alike. Joints that are not named are not turned.
DEVIATIONS = {
    "hip": (0.33, 0.15, 0.15),
    "knee": (0.39, 0.03, 0.01),
    "ankle": (0.20, 0.23, 0.05),
    "spine1": (0.16, 0.04, 0.09),
    "spine2": (0.12, 0.04, 0.06),
    "spine3": (0.06, 0.03, 0.05),
    "neck": (0.20, 0.16, 0.08),
    "head": (0.22, 0.18, 0.09),
    "collar": (0.08, 0.07, 0.06),
    "shoulder": (0.59, 0.62, 0.49),
    "elbow": (0.28, 0.69, 0.19),
    "wrist": (0.33, 0.29, 0.26),
}
# The nearest landmark towards the trunk: a hidden landmark moves as that one does, because the
# front end guesses it from there.
_TOWARDS_TRUNK = {
    13: 11, 14: 12, 15: 13, 16: 14, 17: 15, 18: 16, 19: 15, 20: 16, 21: 15, 22: 16,
    25: 23, 26: 24, 27: 25, 28: 26, 29: 27, 30: 28, 31: 27, 32: 28,
}  # fmt: skip


def perturb(
    clip: PairClip, body: Body, calibration: LandmarkCalibration, rng: np.random.Generator
) -> PairClip:
    """A record whose body is turned a little, its observation moved by the projected change.

    Limbs, trunk, root and shape change, by an amount that drifts slowly over the clip. What was
    hidden moves as the nearest seen landmark towards the trunk does, what was seen wrong hardly
    moves. The feature stays: it speaks of almost the same picture.
    """
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    count = len(rotations)
    sizes = _SIZES * rng.uniform(0.3, 1.7)
    sizes[0] = ROOT_TURN
    turns = _drift(rng, clip.seconds, 24 * 3).reshape(count, 24, 3) * sizes
    changed = rotations @ matrix_from_axis_angle(turns)
    betas = clip.betas + rng.normal(0, BETAS_CHANGE, 10)
    _, relative = forward_kinematics(changed, body.rest_joints(betas))
    pelvis = clip.joints_cam[:, :1].astype(float)
    before = upright_view(
        rotations, clip.joints_cam.astype(float), clip.betas, clip.intrinsics, body, calibration
    )
    after = upright_view(changed, pelvis + relative, betas, clip.intrinsics, body, calibration)
    followed = _followed(clip.visible)  # (T, 33) index of the landmark whose move is taken
    error = (clip.keypoints[..., :2] - before.pixels) / before.height[:, None, None]
    error = np.take_along_axis(error, followed[..., None], axis=1)
    shares = followed_shares(error, np.take_along_axis(clip.visible, followed, axis=1))

    def moved(difference: Floats) -> Floats:
        index = followed.reshape(count, 33, *(1,) * (difference.ndim - 2))
        move = np.take_along_axis(difference, index, axis=1)
        return np.where(clip.found.reshape(-1, *(1,) * (difference.ndim - 1)), move, 0.0)

    keypoints = clip.keypoints.astype(float)
    keypoints[..., :2] += shares.plane * moved(after.pixels - before.pixels)
    keypoints[clip.found, :, :2] = within_reach(
        keypoints[clip.found, :, :2], clip.region[clip.found].astype(float)
    )
    keypoints[..., 2] += shares.depth * moved(after.hints - before.hints)
    return replace(
        clip,
        poses=axis_angle_from_matrix(changed).astype(np.float32),
        betas=betas.astype(np.float32),
        transl_cam=(pelvis[:, 0] - body.rest_joints(betas)[0]).astype(np.float32),
        joints_cam=after.joints.astype(np.float32),
        keypoints=keypoints.astype(np.float32),
        keypoints_world=(
            clip.keypoints_world + shares.world * moved(after.world - before.world)
        ).astype(np.float32),
    )


def within_reach(pixels: Floats, region: Floats) -> Floats:
    """Pixels (T, 33, 2) at most `REACH` sides from the region's centre.

    The landmark network never says more; projections of what is next to the lens do.
    """
    away = pixels - region[:, None, :2]
    length = np.linalg.norm(away, axis=-1, keepdims=True)
    return region[:, None, :2] + away * np.minimum(
        1.0, REACH * region[:, None, 2:3] / np.maximum(length, 1e-9)
    )


def _followed(visible: Bools) -> Indices:
    """(T, 33) for every landmark itself if it is seen, else the nearest seen one trunkwards."""
    followed = np.broadcast_to(np.arange(33), visible.shape).copy()
    for landmark, inner in _TOWARDS_TRUNK.items():  # from the trunk outwards
        hidden = ~visible[:, landmark]
        followed[hidden, landmark] = followed[hidden, inner]
    return followed


def _drift(rng: np.random.Generator, seconds: Floats, channels: int) -> Floats:
    """Slow noise (T, channels) of unit deviation: a constant and a sine of up to 1 Hz."""
    constant = rng.normal(0, 0.85, channels)
    wave = rng.normal(0, 0.75, channels)
    frequency = rng.uniform(0.1, 1.0, channels)
    phase = rng.uniform(0, 2 * np.pi, channels)
    return constant + wave * np.sin(2 * np.pi * frequency * seconds[:, None] + phase)


def _sizes() -> Floats:
    """Deviation (24, 3) of a perturbation's turns about each joint's axes, radians."""
    sizes = np.zeros((24, 3))
    for name, joint in JOINT_INDEX.items():
        deviation = DEVIATIONS.get(name.split("_")[-1], (0.0, 0.0, 0.0))
        sizes[joint] = np.minimum(TURN_SHARE * np.array(deviation), TURN_MOST)
    return sizes


_SIZES = _sizes()
