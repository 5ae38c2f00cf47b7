"""SMPL's 24 joints from anny's bones, and the regressor that finds them on the surface alone."""

import numpy as np
from scipy.optimize import nnls

from fhmr_blender.core.arrays import Floats, Indices
from fhmr_blender.core.skeleton import JOINT_NAMES, MIRRORED_JOINTS

from .surface import MIRROR, Surface

# Affine combinations of bone heads; {s} is the joint's side.
LEFT_AND_MIDDLE: dict[str, dict[str, float]] = {
    "pelvis": {"root": 0.46, "spine03": 0.54},
    "hip": {"root": 0.25, "upperleg01.{s}": 0.75},
    "spine1": {"spine03": 0.333, "spine02": 0.667},
    "spine2": {"spine02": 0.29, "spine01": 0.71},
    "spine3": {"spine01": 0.7, "spine02": 0.1, "clavicle.L": 0.1, "clavicle.R": 0.1},
    "knee": {"lowerleg01.{s}": 1.0},
    "ankle": {"foot.{s}": 1.0},
    "foot": {"toe1-1.{s}": 0.29, "toe3-1.{s}": 0.30, "toe5-1.{s}": 0.29, "foot.{s}": 0.12},
    "neck": {"neck01": 0.7, "neck02": 0.3},
    "collar": {"upperarm01.{s}": 0.40, "clavicle.{s}": 0.35, "neck01": 0.15, "spine01": 0.10},
    "head": {"head": 1.0},
    "shoulder": {"upperarm01.{s}": 1.0},
    "elbow": {"lowerarm01.{s}": 1.0},
    "wrist": {"wrist.{s}": 1.0},
    "hand": {f"finger{finger}-1.{{s}}": 0.25 for finger in (2, 3, 4, 5)},
}
CANDIDATES = 220
# Radius, metres, around a joint in which candidates lie: the flesh must be there all round.
REACH = {
    "pelvis": 0.26,
    "hip": 0.22,
    "spine1": 0.24,
    "spine2": 0.24,
    "spine3": 0.24,
    "knee": 0.12,
    "ankle": 0.10,
    "foot": 0.09,
    "neck": 0.14,
    "collar": 0.18,
    "head": 0.16,
    "shoulder": 0.15,
    "elbow": 0.10,
    "wrist": 0.08,
    "hand": 0.08,
}
SUM_WEIGHT = 30.0  # metres; holds a row's sum at 1 to about 1e-4 before it is normalised


def joints_of_bones(bone_names: tuple[str, ...], heads: Floats) -> Floats:
    """The 24 joints (S, 24, 3) from bone heads (S, B, 3)."""
    index = {name: bone for bone, name in enumerate(bone_names)}
    joints = np.zeros((len(heads), len(JOINT_NAMES), 3))
    for joint, name in enumerate(JOINT_NAMES):
        base, side = _base_and_side(name)
        for bone, share in LEFT_AND_MIDDLE[base].items():
            joints[:, joint] += share * heads[:, index[bone.format(s=side)]]
    return joints


def fit_regressor(vertices: Floats, joints: Floats, surface: Surface) -> Floats:
    """J_regressor (24, V): non-negative rows of sum 1, the right side mirrored from the left.

    Args:
        vertices: (S, V, 3) T-posed, symmetric, metres.
        joints: (S, 24, 3) to be found.
        surface: The mirror map.
    """
    regressor = np.zeros((len(JOINT_NAMES), vertices.shape[1]))
    template, rest = vertices.mean(0), joints.mean(0)
    for joint, name in enumerate(JOINT_NAMES):
        if name.startswith("right_"):
            continue
        base, _ = _base_and_side(name)
        near = np.flatnonzero(np.linalg.norm(template - rest[joint], axis=1) < REACH[base])
        chosen = near[_farthest_points(template[near], CANDIDATES)]
        if not name.startswith("left_"):
            chosen = np.union1d(chosen, surface.mirrored[chosen])
        row = np.zeros(vertices.shape[1])
        row[chosen] = _fit_row(vertices[:, chosen], joints[:, joint], rest[joint])
        regressor[joint] = row
        if name.startswith("left_"):
            regressor[MIRRORED_JOINTS[joint]] = row[surface.mirrored]
        else:
            regressor[joint] = 0.5 * (row + row[surface.mirrored])
    return regressor / regressor.sum(1, keepdims=True)


def mirror_joints(joints: Floats) -> Floats:
    """(..., 24, 3) of the mirrored body."""
    return joints[..., list(MIRRORED_JOINTS), :] * MIRROR


def _fit_row(vertices: Floats, joint: Floats, centre: Floats) -> Floats:
    """Weights (C,) over candidates (S, C, 3), least squares on all people and axes."""
    rows = (vertices - centre).transpose(0, 2, 1).reshape(-1, vertices.shape[1]).astype(float)
    goal = (joint - centre).ravel()
    scale = SUM_WEIGHT * np.sqrt(len(goal))
    rows = np.concatenate((rows, np.full((1, rows.shape[1]), scale)))
    # The normal equations' square root: the same minimum with C rows instead of 3 S.
    orthogonal, triangle = np.linalg.qr(rows)
    return nnls(triangle, orthogonal.T @ np.append(goal, scale), maxiter=5000)[0]


def _farthest_points(points: Floats, count: int) -> Indices:
    """Up to `count` points spread evenly: each the farthest from those before it."""
    chosen = [int(np.argmax(points[:, 1]))]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def _base_and_side(name: str) -> tuple[str, str]:
    side, _, base = name.partition("_")
    return (base, "L" if side == "left" else "R") if base else (name, "")
