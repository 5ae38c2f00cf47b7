"""A person's motion in the formats of other programs: BVH, AMASS-style npz, CSV.

Sources: Meredith & Maddock, Motion Capture File Formats Explained, 2001 (BVH); Mahmood et al.,
AMASS, 2019.
"""

import csv
import io
import math
from dataclasses import replace

import numpy as np

from .arrays import Floats, Indices
from .frames import BODY_TO_WORLD, inverse, transform
from .motion import Motion, Person, Shot
from .rotations import (
    continuous_quaternions,
    matrix_from_quaternion,
    quaternion_from_matrix,
)
from .skeleton import JOINT_NAMES, PARENTS, forward_kinematics
from .zipped_arrays import pack_arrays

CENTIMETRES = 100.0  # a metre; what most programs expect of a BVH
_END_SITE = 0.05  # metres; length of the last bones, which SMPL does not give
_AMASS_BODY = 22  # joints that SMPL and SMPL-H share, without the hands
_AMASS_POSE = 156  # SMPL-H: 52 joints
_AMASS_BETAS = 16
_CHILDREN = tuple(
    tuple(child for child, parent in enumerate(PARENTS) if parent == joint) for joint in range(24)
)


def bvh(shot: Shot, person: Person, rest_joints: Floats, units_a_metre: float = CENTIMETRES) -> str:
    """A motion as BVH: y up, rotations in the order Z X Y.

    Args:
        shot: For the frame rate.
        person: Gaps between its frames are filled evenly.
        rest_joints: (24, 3) metres of the person's body, T-pose.
        units_a_metre: 100 for centimetres; Blender reads 1 at its own scale.
    """
    numbers, motion = _even_motion(person)
    R_yup_from_world = BODY_TO_WORLD.T
    rotations = motion.rotations.copy()
    rotations[:, 0] = R_yup_from_world @ rotations[:, 0]
    pelvis = (motion.transl + rest_joints[0]) @ R_yup_from_world.T * units_a_metre
    order = _depth_first(0)
    angles = np.degrees(_zxy_angles(rotations[:, order])).reshape(len(numbers), -1)
    step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
    lines = ["HIERARCHY", *_hierarchy(0, rest_joints * units_a_metre, 0, units_a_metre), "MOTION"]
    lines += [f"Frames: {len(numbers)}", f"Frame Time: {step / shot.fps:.8f}"]
    rows = np.concatenate((pelvis, angles), axis=1)
    lines += [" ".join(f"{value:.6f}" for value in row) for row in rows]
    return "\n".join(lines) + "\n"


def amass(shot: Shot, person: Person) -> bytes:
    """A motion as an npz like AMASS's: z up, metres, SMPL-H's 52 joints with hands at rest.

    `betas` belong to the body that `body` names. SMPL's own two hand joints do not exist in
    SMPL-H and are left out; `poses_smpl` keeps all 24.
    """
    numbers, motion = _even_motion(person)
    step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
    poses = np.zeros((len(numbers), _AMASS_POSE))
    poses[:, : 3 * _AMASS_BODY] = motion.poses[:, : 3 * _AMASS_BODY]
    betas = np.zeros(_AMASS_BETAS)
    betas[: len(motion.betas)] = motion.betas
    body = shot.settings.get("body", {}).get(str(person.id), {}).get("name", "neutral")
    return pack_arrays(
        {
            "poses": poses,
            "trans": motion.transl.astype(float),
            "betas": betas,
            "gender": np.array(body if body in ("male", "female") else "neutral"),
            "mocap_framerate": np.array(shot.fps / step),
            "poses_smpl": motion.poses,
            "body": np.array(str(body)),
            "frames": numbers,
        }
    )


def table(shot: Shot, person: Person) -> str:
    """A motion as CSV, one row a frame: joints in `world`, metres, and rotations.

    `<joint>_x _y _z` are places; `<joint>_rx _ry _rz` is the parent-relative rotation as an axis
    times an angle in radians, the pelvis' in `world`.
    """
    seen = person.observations
    place = np.searchsorted(shot.frames, seen.frames)
    joints = transform(shot.T_world_from_cam[place], person.joints_cam).reshape(len(place), 72)
    head = ["frame", "seconds"]
    head += [f"{name}_{axis}" for name in JOINT_NAMES for axis in "xyz"]
    head += [f"{name}_r{axis}" for name in JOINT_NAMES for axis in "xyz"]
    numbers = np.concatenate((seen.seconds[:, None], joints, person.motion_world.poses), axis=1)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    for frame, row in zip(seen.frames, numbers, strict=True):
        writer.writerow([int(frame), *(f"{value:.6f}" for value in row)])
    return buffer.getvalue()


def with_motion(shot: Shot, person: Person, motion_world: Motion, rest_joints: Floats) -> Person:
    """A person who moves otherwise, so that all formats say the same.

    Args:
        shot: For the camera.
        person: N frames.
        motion_world: Of these frames.
        rest_joints: (24, 3) metres of the person's body, T-pose.
    """
    _, joints = forward_kinematics(motion_world.rotations, rest_joints)
    joints = joints + (motion_world.transl + rest_joints[0])[:, None]  # (N, 24, 3)
    place = np.searchsorted(shot.frames, person.observations.frames)
    T_cam_from_world = inverse(shot.T_world_from_cam[place])
    seen = transform(T_cam_from_world, joints)
    return replace(person, motion_world=motion_world, joints_cam=seen)


def _even_motion(person: Person) -> tuple[Indices, Motion]:
    """The motion in `world` at evenly spaced frame numbers; gaps are bridged (slerp)."""
    frames, motion = person.observations.frames, person.motion_world
    if len(frames) < 2:
        return frames, motion
    step = math.gcd(*(int(gap) for gap in np.diff(frames)))
    numbers = np.arange(int(frames[0]), int(frames[-1]) + 1, step)
    if len(numbers) == len(frames):
        return numbers, motion
    after = np.clip(np.searchsorted(frames, numbers), 1, len(frames) - 1)
    before = after - 1
    share = (numbers - frames[before]) / (frames[after] - frames[before])  # (N,)
    quaternions = continuous_quaternions(quaternion_from_matrix(motion.rotations))
    turned = _slerp(quaternions[before], quaternions[after], share[:, None, None])
    transl = motion.transl[before] + share[:, None] * (motion.transl[after] - motion.transl[before])
    return numbers, Motion(matrix_from_quaternion(turned), transl, motion.betas)


def _slerp(start: Floats, end: Floats, share: Floats) -> Floats:
    """Between unit quaternions (..., 4). Source: Shoemake, 1985."""
    angle = np.arccos(np.clip(np.sum(start * end, axis=-1, keepdims=True), -1.0, 1.0))
    small = angle < 1e-6
    sine = np.where(small, 1.0, np.sin(angle))
    first = np.where(small, 1.0 - share, np.sin((1.0 - share) * angle) / sine)
    second = np.where(small, share, np.sin(share * angle) / sine)
    return first * start + second * end


def _depth_first(joint: int) -> list[int]:
    """Joints in the order in which a BVH lists them."""
    return [joint, *(deeper for child in _CHILDREN[joint] for deeper in _depth_first(child))]


def _hierarchy(joint: int, rest_joints: Floats, depth: int, units_a_metre: float) -> list[str]:
    """The lines of one joint and all below it."""
    indent = "  " * depth
    parent = PARENTS[joint]
    offset = np.zeros(3) if parent < 0 else rest_joints[joint] - rest_joints[parent]
    turns = "Zrotation Xrotation Yrotation"
    channels = f"6 Xposition Yposition Zposition {turns}" if parent < 0 else f"3 {turns}"
    lines = [
        f"{indent}{'ROOT' if parent < 0 else 'JOINT'} {JOINT_NAMES[joint]}",
        f"{indent}{{",
        f"{indent}  OFFSET {_triple(offset)}",
        f"{indent}  CHANNELS {channels}",
    ]
    for child in _CHILDREN[joint]:
        lines += _hierarchy(child, rest_joints, depth + 1, units_a_metre)
    if not _CHILDREN[joint]:
        tip = offset / max(float(np.linalg.norm(offset)), 1e-9) * _END_SITE * units_a_metre
        lines += [
            f"{indent}  End Site",
            f"{indent}  {{",
            f"{indent}    OFFSET {_triple(tip)}",
            f"{indent}  }}",
        ]
    return [*lines, f"{indent}}}"]


def _triple(values: Floats) -> str:
    return " ".join(f"{value:.6f}" for value in values)


def _zxy_angles(rotations: Floats) -> Floats:
    """(..., 3, 3) -> (..., 3) radians about z, x, y with R = Rz Rx Ry.

    Where x is a quarter turn, z and y are one: y is 0 then.
    """
    sine = np.clip(rotations[..., 2, 1], -1.0, 1.0)
    locked = np.abs(sine) > 1.0 - 1e-9
    z = np.where(
        locked,
        np.arctan2(rotations[..., 1, 0], rotations[..., 0, 0]),
        np.arctan2(-rotations[..., 0, 1], rotations[..., 1, 1]),
    )
    y = np.where(locked, 0.0, np.arctan2(-rotations[..., 2, 0], rotations[..., 2, 2]))
    return np.stack((z, np.arcsin(sine), y), axis=-1)
