"""Somebody who walks: a gait made of planted feet and legs that reach them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fhmr_blender.core.frames import BODY_TO_WORLD, rigid
from fhmr_blender.core.motion import Motion, Shot
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX
from fhmr_blender.pipeline.two_bones import bring
from tests.unit.sitter import build, person, shot

LEVEL_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""`R_world_from_cam` of a level camera that looks along +y."""
ANKLE = 0.08  # m over the floor
SPEED, STEP_SECONDS, RATE = 1.0, 0.5, 30.0  # m/s, s a step, frames a second
_STANDS = 0.6  # share of a stride that a foot stands


@dataclass(frozen=True, eq=False)
class Walk:
    """T frames of walking along +x from the origin, in `world`."""

    seconds: np.ndarray  # (T,)
    rotations: np.ndarray  # (T, 24, 3, 3)
    pelvis: np.ndarray  # (T, 3)
    velocity: np.ndarray  # (T, 3) heading frame, m/s
    contacts: np.ndarray  # (T, 6)

    @property
    def motion(self) -> Motion:
        return Motion(self.rotations, self.pelvis - build().rest_joints[0], np.zeros(10))


def walk(metres: float, still: float = 0.0) -> Walk:
    """Walk `metres`, then stand for `still` seconds where it ended."""
    rest = build().rest_joints
    going = metres / SPEED
    seconds = np.arange(round((going + still) * RATE) + 1) / RATE
    time = np.minimum(seconds, going)
    height = -rest[JOINT_INDEX["left_ankle"], 1] + rest[0, 1] + ANKLE - 0.09
    pelvis = np.column_stack((SPEED * time, np.zeros(len(time)), np.full(len(time), height)))
    facing = rotation_about(2, np.pi / 2) @ BODY_TO_WORLD  # +z of the body along +x
    rotations = np.tile(np.eye(3), (len(time), 24, 1, 1))
    rotations[:, 0] = facing
    rotations[:, [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]] = rotation_about(0, 0.2)
    rotations[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]] = rotation_about(0, -0.2)
    contacts = np.zeros((len(time), 6), dtype=bool)
    for side, (name, phase) in enumerate((("left", 0.0), ("right", 0.5))):
        ankle, stands = _ankle(time, phase)
        end = JOINT_INDEX[f"{name}_ankle"]
        ankle[:, 1] = (facing @ (rest[end] - rest[0]))[1]
        rotations = bring(rotations, rest, end, ankle - pelvis)
        contacts[:, side] = contacts[:, side + 2] = stands | (seconds > going)
    velocity = np.gradient(pelvis, seconds, axis=0) @ facing
    return Walk(seconds, rotations, pelvis, velocity, contacts)


def _ankle(time: np.ndarray, phase: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a foot is and whether it stands: planted, then swung to the next place."""
    stride = 2 * STEP_SECONDS
    cycle = time / stride + phase
    number, part = np.floor(cycle), cycle % 1.0
    length = SPEED * stride
    planted = (number - phase + _STANDS / 2) * length  # under the pelvis in the middle of standing
    swing = np.clip((part - _STANDS) / (1.0 - _STANDS), 0.0, 1.0)
    eased = swing**3 * (10.0 - 15.0 * swing + 6.0 * swing**2)  # rests at both ends
    height = ANKLE + 0.1 * np.sin(np.pi * eased)
    place = np.column_stack((planted + eased * length, np.zeros(len(time)), height))
    return place, part < _STANDS


def seen_from(motion: Walk, R_world_from_cam: np.ndarray, position: np.ndarray) -> Motion:
    """The walk in `cam` of a camera (T, 3, 3) at (T, 3)."""
    R_cam_from_world = np.swapaxes(R_world_from_cam, -1, -2)
    rotations = motion.rotations.copy()
    rotations[:, 0] = R_cam_from_world @ rotations[:, 0]
    pelvis = (R_cam_from_world @ (motion.pelvis - position)[..., None])[..., 0]
    return Motion(rotations, pelvis - build().rest_joints[0], np.zeros(10))


def walked(motion: Walk, seed: int = 0, tremble: float = 0.0, depth: float = 0.0) -> Shot:
    """A shot of the walk as a network would see it from the side: joints and depth tremble.

    Args:
        motion: What was done.
        seed: Of all chance.
        tremble: Radians, of every joint.
        depth: Metres, of the distance from the camera.
    """
    rng = np.random.default_rng(seed)
    count = len(motion.seconds)
    position = np.array([0.5 * float(motion.pelvis[-1, 0]), -6.0, 1.5])
    T_world_from_cam = np.tile(rigid(LEVEL_CAMERA, position), (count, 1, 1))
    turns = matrix_from_axis_angle(rng.normal(0.0, tremble, (count, 24, 3)))
    sight = motion.pelvis - position
    sight = sight / np.linalg.norm(sight, axis=-1, keepdims=True)
    pelvis = motion.pelvis + rng.normal(0.0, depth, (count, 1)) * sight
    world = Motion(motion.rotations @ turns, pelvis - build().rest_joints[0], np.zeros(10))
    one = person(count)
    one = replace(
        one,
        observations=replace(one.observations, seconds=motion.seconds),
        motion_world=world,
        contacts=np.where(motion.contacts, 0.8, 0.2),
    )
    return replace(shot(count), T_world_from_cam=T_world_from_cam, people=(one,))
