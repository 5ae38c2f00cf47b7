"""What kind of pose a body is in, by simple rules on its joints."""

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.skeleton import JOINT_INDEX

from .motion_cleaning import JOINT_RADII

_FEET = [JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "foot")]
_ON_FLOOR = 0.16  # metres of skin above the lowest point


def pose_kinds(joints: Floats) -> dict[str, Bools]:
    """Kinds that a pose belongs to; one pose may be of several or of none.

    Args:
        joints: (M, 24, 3) metres, `world` axes; heights are taken from the lowest joint's skin.

    Returns:
        Name to (M,).
    """
    at = {name: joints[:, index] for name, index in JOINT_INDEX.items()}
    skin = joints[..., 2] - JOINT_RADII
    high = skin - skin.min(axis=1, keepdims=True)  # (M, 24)

    def height(name: str) -> Floats:
        return np.stack([high[:, JOINT_INDEX[f"{side}_{name}"]] for side in ("left", "right")])

    upright = _unit(at["neck"] - at["pelvis"])[:, 2]
    pelvis = joints[:, 0, 2] - skin.min(axis=1)
    thigh = np.stack([_unit(at[f"{s}_knee"] - at[f"{s}_hip"]) for s in ("left", "right")])
    shin = np.stack([_unit(at[f"{s}_ankle"] - at[f"{s}_knee"]) for s in ("left", "right")])
    bent = np.rad2deg(np.arccos(np.clip(np.sum(thigh * shin, axis=-1), -1, 1)))  # (2, M)
    level = np.abs(thigh[..., 2])  # 0 a level thigh
    knees, wrists, ankles = height("knee"), height("wrist"), height("ankle")
    low = pelvis < 0.3
    spread = np.linalg.norm(at["left_knee"] - at["right_knee"], axis=1)
    tucked = np.linalg.norm(at["left_ankle"] - at["right_ankle"], axis=1)
    on_feet = high[:, _FEET].min(axis=1) < 0.05
    sitting = (upright > 0.5) & (level < 0.6).all(axis=0)
    return {
        "standing": (upright > 0.8) & (pelvis > 0.75),
        "one leg up": (upright > 0.5) & (pelvis > 0.7) & (np.abs(ankles[0] - ankles[1]) > 0.35),
        "arm overhead": (wrists + skin.min(axis=1) > joints[:, JOINT_INDEX["head"], 2]).any(axis=0)
        & (upright > 0.5),
        "bent over": (upright < 0.5) & (upright > -0.6) & (pelvis > 0.6) & on_feet,
        "crouching": (bent > 80).all(axis=0) & (pelvis < 0.6) & on_feet & (knees > 0.15).all(axis=0)
        & (upright > 0.0) & ~low,
        "sitting on a chair": sitting & (pelvis > 0.3) & (pelvis < 0.75)
        & (bent > 45).all(axis=0) & (bent < 135).all(axis=0) & (knees > 0.2).all(axis=0),
        "sitting on the floor": (upright > 0.5) & low & (knees.min(axis=0) > 0.0)
        & ~((bent > 130).all(axis=0) & (knees < 0.12).all(axis=0) & (spread < 0.4)),
        "cross-legged": (upright > 0.5) & low & (spread > 0.45) & (tucked < 0.45)
        & (bent > 70).all(axis=0),
        "kneeling": (upright > 0.5) & (pelvis > 0.2)
        & ((bent > 70) & (knees < _ON_FLOOR)).any(axis=0),
        "on all fours": (upright < 0.6) & (upright > -0.6) & (wrists < 0.15).all(axis=0)
        & (knees < _ON_FLOOR).any(axis=0) & (pelvis > 0.3),
        "hands and feet on the floor": (upright < 0.6) & (wrists < 0.15).all(axis=0)
        & (ankles < 0.2).all(axis=0) & (knees > 0.12).all(axis=0) & (pelvis > 0.15),
        "lying": (np.abs(upright) < 0.5) & low & (high[:, JOINT_INDEX["neck"]] < 0.4),
        "upside-down": upright < -0.6,
    }  # fmt: skip


def _unit(vector: Floats) -> Floats:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
