"""posedirs: what linear skinning loses at a bent joint, put back as SMPL's linear correctives.

One joint is turned at a time. Every bone beyond it then moves as one piece about the joint, so
dual-quaternion skinning (Kavan et al., 2007) is a blend of two quaternions about a fixed point.
"""

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import (
    matrix_from_axis_angle,
    matrix_from_quaternion,
    quaternion_from_matrix,
)
from fhmr_blender.core.skeleton import JOINT_NAMES, MIRRORED_JOINTS, PARENTS

from .surface import MIRROR, Surface

POSES = 96  # a joint
RIDGE = 0.05  # of the mean square of the features
TOWARDS_DUAL_QUATERNION = 0.75
TOWARDS_AT = {"shoulder": 0.5}  # more bulges over the shoulder when the arm is up
SEED = 20_261_123
# Range of motion, degrees about x, y, z of the body, for the left side and the middle.
# Guesses after clinical tables (AAOS), widened by what motion capture holds.
RANGE = {
    "hip": ((-120, 30), (-40, 40), (-20, 60)),
    "knee": ((0, 140), (-10, 10), (-10, 10)),
    "ankle": ((-30, 50), (-20, 20), (-25, 25)),
    "foot": ((-40, 30), (-5, 5), (-5, 5)),
    "spine1": ((-20, 45), (-25, 25), (-25, 25)),
    "spine2": ((-20, 35), (-25, 25), (-25, 25)),
    "spine3": ((-20, 35), (-25, 25), (-25, 25)),
    "neck": ((-45, 45), (-50, 50), (-35, 35)),
    "head": ((-35, 35), (-40, 40), (-30, 30)),
    "collar": ((-10, 10), (-20, 20), (-15, 35)),
    "shoulder": ((-80, 80), (-110, 40), (-85, 80)),
    "elbow": ((-80, 80), (-145, 5), (-10, 10)),
    "wrist": ((-20, 20), (-30, 30), (-70, 70)),
    "hand": ((-5, 5), (-10, 10), (-70, 15)),
}


def fit_posedirs(
    template: Floats, rest_joints: Floats, weights: Floats, surface: Surface
) -> Floats:
    """(V, 3, 207) metres per entry of (R - I) of joints 1 to 23, row by row."""
    posedirs = np.zeros((len(template), 3, 23, 3, 3))
    signs = MIRROR[:, None, None] * MIRROR[None, :, None] * MIRROR[None, None, :]
    rng = np.random.default_rng(SEED)
    for joint, name in enumerate(JOINT_NAMES[1:], start=1):
        if name.startswith("right_"):
            continue
        base = name.removeprefix("left_")
        share = weights[:, _subtree(joint)].sum(1)
        fitted = _fit_joint(template - rest_joints[joint], share, base, rng)
        mirrored = fitted[surface.mirrored] * signs
        if name.startswith("left_"):
            posedirs[:, :, joint - 1] = fitted
            posedirs[:, :, MIRRORED_JOINTS[joint] - 1] = mirrored
        else:
            posedirs[:, :, joint - 1] = 0.5 * (fitted + mirrored)
    return posedirs.reshape(len(template), 3, -1)


def _fit_joint(offsets: Floats, share: Floats, base: str, rng: np.random.Generator) -> Floats:
    """(V, 3, 3, 3) for one joint.

    Args:
        offsets: (V, 3) rest vertices from the joint.
        share: (V,) weight of everything that the joint carries.
        base: The joint's name without its side.
        rng: Draws the poses.
    """
    moving = np.flatnonzero((share > 1e-3) & (share < 1.0 - 1e-3))
    low, high = np.deg2rad(np.array(RANGE[base], dtype=float)).T
    rotations = matrix_from_axis_angle(rng.uniform(low, high, (POSES, 3)))
    w, rest = share[moving], offsets[moving]
    quaternions = quaternion_from_matrix(rotations)
    quaternions = quaternions * np.where(quaternions[:, :1] < 0, -1.0, 1.0)
    blended = w[:, None] * quaternions[:, None]  # (P, M, 4)
    blended[..., 0] += 1.0 - w
    dual = np.einsum("pmij,mj->pmi", matrix_from_quaternion(blended), rest)
    skinning = w[:, None, None] * rotations[:, None] + (1.0 - w)[:, None, None] * np.eye(3)
    linear = np.einsum("pmij,mj->pmi", skinning, rest)
    towards = TOWARDS_AT.get(base, TOWARDS_DUAL_QUATERNION)
    wanted = np.linalg.solve(skinning, (towards * (dual - linear))[..., None])[..., 0]

    features = (rotations - np.eye(3)).reshape(POSES, 9)
    gram = features.T @ features
    gram += RIDGE * POSES * np.mean(features**2) * np.eye(9)
    solution = np.linalg.solve(gram, features.T @ wanted.reshape(POSES, -1))
    result = np.zeros((len(offsets), 3, 9))
    result[moving] = solution.reshape(9, len(moving), 3).transpose(1, 2, 0)
    return result.reshape(-1, 3, 3, 3)


def _subtree(joint: int) -> list[int]:
    carried = [joint]
    for child in range(joint + 1, len(PARENTS)):
        if PARENTS[child] in carried:
            carried.append(child)
    return carried
