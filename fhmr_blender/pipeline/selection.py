"""One answer from many: the mean of the samples, and each sample's score."""

import numpy as np

from ..core.arrays import Floats, Indices
from ..core.camera import project
from ..core.motion import assemble
from ..core.rotations import nearest_rotation
from ..core.skeleton import (
    LIMB_JOINTS,
    LIMB_LANDMARKS,
    LIMB_NAMES,
    LIMB_OF_LIMB_JOINT,
    forward_kinematics,
)
from .alignment import Build
from .completion import Completion
from .evidence import Evidence

# Metres at which a term costs as much as one deviation of a landmark. Guesses.
_AGREEMENT = 0.05
_SPREAD = 0.10
_FARTHEST = 9.0  # squared deviations; beyond that a landmark is mistaken, not the sample


def mean_rotations(rotations: Floats) -> Floats:
    """The mean rotation of samples (S, ...): the closest rotation to the mean of matrices."""
    return nearest_rotation(rotations.mean(axis=0))


def score_samples(
    completion: Completion,
    anchor_rotations: Floats,
    pelvis: Floats,
    build: Build,
    evidence: Evidence,
    guidance: float,
) -> Floats:
    """How good each sample's limbs are.

    Args:
        completion: S samples of N frames.
        anchor_rotations: (N, 6, 3, 3), the pelvis cam from body.
        pelvis: (N, 3) metres, `cam`.
        build: The person's measures.
        evidence: Landmarks; at guidance 0 they are not looked at.
        guidance: Weighs the picture by min(w, 1).

    Returns:
        (S, N, 5), higher is better: minus the squared deviations of the projection on visible
        landmarks, of the two branches from each other, and from the mean of all samples.
    """
    rotations = assemble(anchor_rotations, completion.rotations)
    outer, joints = forward_kinematics(rotations, build.rest_joints)
    limbs = joints[..., LIMB_JOINTS, :]  # (S, N, 18, 3)
    disagreement = _squares(limbs - completion.positions) / _AGREEMENT**2
    strangeness = _squares(limbs - limbs.mean(axis=0)) / _SPREAD**2
    misfit = np.zeros_like(disagreement)
    if guidance > 0.0:
        marks = build.calibration.landmarks(outer, joints + pelvis[:, None], build.stature)
        misfit = min(guidance, 1.0) * _misfit(marks, pelvis, build, evidence)
    return -(misfit + disagreement + strangeness)


def best_samples(scores: Floats) -> Indices:
    """(5,) for each limb the sample with the best mean score over all frames, from (S, n, 5)."""
    return np.argmax(scores.mean(axis=1), axis=0)


def pick_limbs(rotations: Floats, samples: Indices) -> Floats:
    """Samples (S, N, 18, 3, 3), each limb from its own sample (5,) -> (N, 18, 3, 3)."""
    return np.moveaxis(rotations[samples[LIMB_OF_LIMB_JOINT], :, np.arange(18)], 0, 1)


def _squares(difference: Floats) -> Floats:
    """(S, N, 18, 3) metres -> (S, N, 5) mean square over each limb's joints."""
    squares = (difference**2).sum(axis=-1)
    columns = [squares[..., limb == LIMB_OF_LIMB_JOINT].mean(-1) for limb in range(len(LIMB_NAMES))]
    return np.stack(columns, axis=-1)


def _misfit(marks: Floats, pelvis: Floats, build: Build, evidence: Evidence) -> Floats:
    """(S, N, 5) squared deviations of visible landmarks, weighed by their visibility."""
    distance = np.linalg.norm(project(marks, evidence.intrinsics) - evidence.pixels, axis=-1)
    height = build.stature * evidence.intrinsics[:, 1] / np.maximum(pelvis[:, 2], 1e-3)  # (N,)
    deviations = (distance / (height[:, None] * build.calibration.sigma)) ** 2  # (S, N, 33)
    weighed = np.minimum(deviations, _FARTHEST) * evidence.visible
    columns = [weighed[..., list(LIMB_LANDMARKS[limb])].mean(axis=-1) for limb in LIMB_NAMES]
    return np.stack(columns, axis=-1)
