"""Shots made in code: seeded people in front of a known camera."""

import bpy
import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.frames import BODY_TO_WORLD, inverse, rigid, transform
from fhmr_blender.core.motion import (
    MEAN_SAMPLE,
    Anchor,
    LimbSamples,
    Motion,
    Observations,
    Person,
    Shot,
)
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import LIMB_JOINTS, TORSO_JOINTS, forward_kinematics

SIZE = (640, 480)
INTRINSICS = (610.0, 610.0, 331.0, 228.0)  # the axis is not in the middle


def made_shot(
    body: Body, frames: int = 1, people: int = 1, size: tuple[int, int] = SIZE, seed: int = 0
) -> Shot:
    """A shot of people who stand, turn and wave before a camera that looks slightly down."""
    rng = np.random.default_rng(seed)
    looking = BODY_TO_WORLD @ rotation_about(0, np.pi) @ rotation_about(0, -0.15)
    moved = np.stack((np.zeros(frames), np.zeros(frames), np.full(frames, 1.5)), axis=-1)
    moved[:, 0] = 0.02 * np.arange(frames)
    T_world_from_cam = rigid(np.broadcast_to(looking, (frames, 3, 3)), moved)
    intrinsics = np.tile(INTRINSICS, (frames, 1))
    intrinsics[:, 2:] += (np.array(size) - SIZE) / 2
    return Shot(
        source="walk.png" if frames == 1 else "walk.mp4",
        source_sha256="0" * 64,
        size=size,
        fps=25.0,
        frames=np.arange(frames),
        intrinsics=intrinsics,
        T_world_from_cam=T_world_from_cam,
        settings={
            "body": {
                str(id_): {"name": body.name, "sha256": body.sha256} for id_ in range(1, people + 1)
            },
        },
        people=tuple(
            _person(id_, body, T_world_from_cam, intrinsics, rng) for id_ in range(1, people + 1)
        ),
    )


def as_estimated(rig: bpy.types.Object) -> bpy.types.Object:
    """The rig, shown without smoothing and foot lock."""
    settings = rig.fhmr_take.clean_up
    settings.smoothing, settings.feet = 0.0, "off"
    return rig


def _person(
    id_: int, body: Body, T_world_from_cam: Floats, intrinsics: Floats, rng: np.random.Generator
) -> Person:
    count = len(intrinsics)
    swing = np.sin(0.4 * np.arange(count))[:, None, None]
    poses = 0.5 * rng.normal(size=(24, 3)) + 0.2 * swing * rng.normal(size=(24, 3))
    rotations = matrix_from_axis_angle(poses)  # (N, 24, 3, 3)
    rotations[:, 0] = BODY_TO_WORLD @ matrix_from_axis_angle(0.4 * poses[:, 0])
    betas = rng.normal(size=10)
    rest_pelvis = body.rest_joints(betas)[0]
    pelvis = np.array([0.9 * (id_ - 1) - 0.2, 4.0, 0.95]) + 0.1 * swing[:, 0]
    world = Motion(rotations=rotations, transl=pelvis - rest_pelvis, betas=betas)
    T_cam_from_world = inverse(T_world_from_cam)
    pelvis_cam = transform(T_cam_from_world, pelvis[:, None])[:, 0]
    rotations_cam = rotations.copy()
    rotations_cam[:, 0] = T_cam_from_world[:, :3, :3] @ rotations[:, 0]
    cam = Motion(rotations=rotations_cam, transl=pelvis_cam - rest_pelvis, betas=betas)
    _, joints = forward_kinematics(rotations_cam, body.rest_joints(betas))
    return Person(
        id=id_,
        observations=_observations(count, intrinsics, rng),
        anchor=Anchor(
            rotations=rotations_cam[:, TORSO_JOINTS, :, :],
            transl=cam.transl,
            betas=betas,
            log_variance=np.zeros((count, 8)),
            limb_trust=np.tile([0.9, 0.8, 0.2, 0.7, 0.6], (count, 1)),
            first_guess=rotations_cam[:, LIMB_JOINTS, :, :],
        ),
        samples=LimbSamples(
            frames=np.arange(count),
            rotations6d=np.zeros((2, count, 18, 6)),
            scores=np.zeros((2, count, 5)),
        ),
        seed=3,
        sample_count=np.full((count, 5), 2),
        chosen=np.full((count, 5), MEAN_SAMPLE),
        motion_cam=cam,
        joints_cam=joints + pelvis_cam[:, None],
        motion_world=world,
        contacts=np.zeros((count, 6)),
    )


def _observations(count: int, intrinsics: Floats, rng: np.random.Generator) -> Observations:
    return Observations(
        frames=np.arange(count),
        seconds=np.arange(count) / 25.0,
        intrinsics=intrinsics,
        bbox=np.tile([200.0, 50.0, 400.0, 450.0], (count, 1)),
        region=np.tile([300.0, 250.0, 420.0, 0.0], (count, 1)),
        track_confidence=np.ones(count),
        keypoints=rng.uniform(size=(count, 33, 5)) * np.array([640, 480, 100, 1, 1]),
        keypoints_world=0.3 * rng.normal(size=(count, 33, 3)),
        agreement=np.full((count, 33), np.nan),
        image_feature=rng.normal(size=(count, 288)),
    )
