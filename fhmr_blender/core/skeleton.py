"""SMPL's joints, their split into torso and limbs, and the 33 landmarks.

Source: Loper et al., SMPL, 2015 (joints); Bazarevsky et al., BlazePose, 2020 (landmarks).
"""

import numpy as np

from .arrays import Floats

JOINT_NAMES = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
)
PARENTS = (
    -1,
    0,
    0,
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    9,
    9,
    12,
    13,
    14,
    16,
    17,
    18,
    19,
    20,
    21,
)
JOINT_INDEX = {name: index for index, name in enumerate(JOINT_NAMES)}

TORSO_JOINTS = (0, 3, 6, 9, 13, 14)  # pelvis, spine1-3, collars: stage 1 decides them
LIMB_NAMES = ("head", "left_arm", "right_arm", "left_leg", "right_leg")
LIMBS: dict[str, tuple[int, ...]] = {
    "head": (12, 15),
    "left_arm": (16, 18, 20, 22),
    "right_arm": (17, 19, 21, 23),
    "left_leg": (1, 4, 7, 10),
    "right_leg": (2, 5, 8, 11),
}
LIMB_JOINTS = tuple(joint for name in LIMB_NAMES for joint in LIMBS[name])  # 18, stage 2's order
LIMB_OF_LIMB_JOINT = np.array(
    [limb for limb, name in enumerate(LIMB_NAMES) for _ in LIMBS[name]]
)  # (18,) index into LIMB_NAMES
CONTACT_NAMES = (
    "left_ankle",
    "right_ankle",
    "left_toe",
    "right_toe",
    "left_wrist",
    "right_wrist",
)
CONTACT_JOINTS = (7, 8, 10, 11, 20, 21)
MAIN_JOINTS = (
    1,
    2,
    4,
    5,
    7,
    8,
    16,
    17,
    18,
    19,
    20,
    21,
)  # the 12 that landmarks share with SMPL

LANDMARK_NAMES = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
LANDMARK_COUNT = len(LANDMARK_NAMES)
MAIN_LANDMARKS = (
    23,
    24,
    25,
    26,
    27,
    28,
    11,
    12,
    13,
    14,
    15,
    16,
)  # in the order of MAIN_JOINTS
LIMB_LANDMARKS: dict[str, tuple[int, ...]] = {
    "head": tuple(range(11)),
    "left_arm": (13, 15, 17, 19, 21),
    "right_arm": (14, 16, 18, 20, 22),
    "left_leg": (25, 27, 29, 31),
    "right_leg": (26, 28, 30, 32),
}


def _swap_sides(names: tuple[str, ...]) -> tuple[int, ...]:
    def other(name: str) -> str:
        if "left" in name:
            return name.replace("left", "right")
        return name.replace("right", "left")

    return tuple(names.index(other(name)) for name in names)


MIRRORED_JOINTS = _swap_sides(JOINT_NAMES)
MIRRORED_LANDMARKS = _swap_sides(LANDMARK_NAMES)
MIRRORED_CONTACTS = _swap_sides(CONTACT_NAMES)


def forward_kinematics(rotations: Floats, rest_joints: Floats) -> tuple[Floats, Floats]:
    """Chain parent-relative rotations from the pelvis outwards.

    Args:
        rotations: (..., 24, 3, 3), the pelvis in the outer frame, the others parent-relative.
        rest_joints: (24, 3) or (..., 24, 3) metres, `body` frame, T-pose.

    Returns:
        Rotations in the outer frame (..., 24, 3, 3), and joints (..., 24, 3) relative to the
        pelvis, along the outer frame's axes, metres.
    """
    leading = np.broadcast_shapes(rotations.shape[:-3], rest_joints.shape[:-2])
    rest = np.broadcast_to(rest_joints, (*leading, 24, 3))
    outer = np.empty((*leading, 24, 3, 3), dtype=rotations.dtype)
    joints = np.zeros((*leading, 24, 3), dtype=np.result_type(rotations, rest_joints))
    outer[..., 0, :, :] = rotations[..., 0, :, :]
    for joint, parent in enumerate(PARENTS[1:], start=1):
        outer[..., joint, :, :] = outer[..., parent, :, :] @ rotations[..., joint, :, :]
        bone = rest[..., joint, :] - rest[..., parent, :]
        turned = (outer[..., parent, :, :] @ bone[..., None])[..., 0]
        joints[..., joint, :] = joints[..., parent, :] + turned
    return outer, joints
