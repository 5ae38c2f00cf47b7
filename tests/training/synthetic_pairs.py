"""Motion and pair clips made in code: a body that sways and swings its limbs before a camera."""

from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.frames import BODY_TO_WORLD
from fhmr_blender.core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from fhmr_blender.core.skeleton import forward_kinematics
from training.data.cameras import random_camera_path
from training.data.performances import Performance
from training.data.sample import PairClip


@dataclass(frozen=True, eq=False)
class Swaying:
    """A recording in the motion library's form."""

    name: str
    split: str
    poses: Floats  # (T, 24, 3)
    transl: Floats  # (T, 3)
    contacts: Bools  # (T, 6)
    valid: Bools  # (T,)
    source: str = "synthetic"
    performer: str = "nobody"
    fps: float = 30.0


def swaying(seed: int, split: str = "train", count: int = 120) -> Swaying:
    """An upright body whose joints swing by smooth random angles, arms mostly down."""
    rng = np.random.default_rng(seed)
    time = np.arange(count) / 30
    frequency, phase = rng.uniform(0.1, 0.8, (24, 3)), rng.uniform(0, 2 * np.pi, (24, 3))
    swing = np.sin(2 * np.pi * frequency * time[:, None, None] + phase)
    poses = rng.normal(0, 0.1, (24, 3)) + 0.2 * swing
    poses[:, 16, 2] -= 1.0
    poses[:, 17, 2] += 1.0
    poses[:, 0] = axis_angle_from_matrix(BODY_TO_WORLD[None])[0]
    transl = np.stack((0.3 * time, np.zeros(count), np.full(count, 0.9)), axis=1)
    return Swaying(
        name=f"swaying{seed}",
        split=split,
        poses=poses,
        transl=transl,
        contacts=np.zeros((count, 6), dtype=bool),
        valid=np.ones(count, dtype=bool),
    )


def performance(seed: int, body: Body, count: int = 16) -> Performance:
    """The first frames of `swaying`."""
    recording = swaying(seed, count=count)
    return Performance(
        name=recording.name,
        source=recording.source,
        seconds=np.arange(count) / 30,
        rotations=matrix_from_axis_angle(recording.poses),
        pelvis=recording.transl + body.rest_joints(np.zeros(10))[0],
        contacts=recording.contacts,
    )


def exact_clip(
    seed: int, body: Body, calibration: LandmarkCalibration, count: int = 16
) -> PairClip:
    """A clip whose observation is the exact projection of the calibrated landmarks."""
    rng = np.random.default_rng(seed)
    acted = performance(seed, body, count)
    betas = rng.normal(0, 0.5, 10)
    stature = float(body.stature(betas))
    path = random_camera_path(rng, acted.pelvis, stature, acted.seconds)
    rotations = acted.rotations.copy()
    rotations[:, 0] = np.swapaxes(path.R_world_from_cam, -1, -2) @ rotations[:, 0]
    rest = body.rest_joints(betas)
    outer, relative = forward_kinematics(rotations, rest)
    joints = path.to_cam(acted.pelvis[:, None]) + relative
    landmarks = calibration.landmarks(outer, joints, stature)
    pixels = project(landmarks, path.intrinsics)
    hips = project(landmarks[:, [23, 24]].mean(axis=1, keepdims=True), path.intrinsics)[:, 0]
    side = 2.5 * stature / 2 * path.intrinsics[1] / joints[:, 0, 2]
    keypoints = np.concatenate(
        (pixels, np.zeros((count, 33, 1)), np.full((count, 33, 2), 0.9)), axis=-1
    )
    return PairClip(
        name=acted.name,
        source=acted.source,
        split="train",
        seconds=acted.seconds,
        size=np.array(path.size),
        intrinsics=path.intrinsics,
        R_world_from_cam=path.R_world_from_cam,
        camera_position=path.position,
        poses=axis_angle_from_matrix(rotations),
        betas=betas,
        transl_cam=joints[:, 0] - rest[0],
        joints_cam=joints,
        contacts=acted.contacts,
        visible=np.ones((count, 33), dtype=bool),
        found=np.ones(count, dtype=bool),
        region=np.concatenate((hips, side[:, None], np.zeros((count, 1))), axis=1),
        bbox=np.concatenate((pixels.min(axis=1), pixels.max(axis=1)), axis=1),
        keypoints=keypoints,
        keypoints_world=np.zeros((count, 33, 3)),
        image_feature=np.zeros((count, 288), dtype=np.float16),
    )
