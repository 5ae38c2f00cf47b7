"""One answer from many: what Estimate shows, the mean of the samples, and each sample's score."""

from dataclasses import dataclass, fields

import numpy as np

from ..core.arrays import Floats, Indices, check_shapes
from ..core.camera import project
from ..core.motion import FIRST_GUESS, MEAN_SAMPLE, assemble
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
_JUDGED = 512  # frames at once, for memory
_OFF = 0.05  # of the person's height in the picture: so far off, agreement is 1 / e; guess
_FARTHEST = 9.0  # squared deviations; beyond that a landmark is mistaken, not the sample


def mean_rotations(rotations: Floats) -> Floats:
    """The mean rotation of samples (S, ...): the closest rotation to the mean of matrices."""
    return nearest_rotation(rotations.mean(axis=0))


def shown_limbs(rotations: Floats, first_guess: Floats, guidance: float) -> tuple[Floats, int]:
    """The single answer of Estimate.

    Args:
        rotations: (S, N, 18, 3, 3) samples.
        first_guess: (N, 18, 3, 3) of stage 1.
        guidance: Below 1 the first guess knows too much of the picture.

    Returns:
        (N, 18, 3, 3), and `FIRST_GUESS` or `MEAN_SAMPLE`. Measured side by side: EVALUATION.md.
    """
    if guidance < 1.0:
        return mean_rotations(rotations), MEAN_SAMPLE
    return first_guess, FIRST_GUESS


@dataclass(frozen=True, eq=False)
class Judgement:
    """What speaks against each sample's limbs, in squared deviations."""

    misfit: Floats  # (S, N, 5) of the projection on visible landmarks, weighed by the guidance
    disagreement: Floats  # (S, N, 5) of the two branches from each other
    strangeness: Floats  # (S, N, 5) from the samples' mean

    def __post_init__(self) -> None:
        check_shapes(self, misfit="S N 5", disagreement="S N 5", strangeness="S N 5")

    @property
    def scores(self) -> Floats:
        """(S, N, 5), higher is better."""
        return -(self.misfit + self.disagreement + self.strangeness)


def judge(
    completion: Completion,
    anchor_rotations: Floats,
    pelvis: Floats,
    build: Build,
    evidence: Evidence,
    guidance: float,
    centre: Floats | None = None,
) -> Judgement:
    """What speaks against each sample.

    Args:
        completion: S samples of N frames.
        anchor_rotations: (N, 6, 3, 3), the pelvis cam from body.
        pelvis: (N, 3) metres, `cam`.
        build: The person's measures.
        evidence: Landmarks; at guidance 0 they are not looked at.
        guidance: Weighs the picture by min(w, 1).
        centre: (N, 18, 3) the limbs' joints that count as usual, metres from the pelvis; None: the
            mean of these samples.
    """
    rotations = assemble(anchor_rotations, completion.rotations)
    outer, joints = forward_kinematics(rotations, build.rest_joints)
    limbs = joints[..., LIMB_JOINTS, :]  # (S, N, 18, 3)
    usual = limbs.mean(axis=0) if centre is None else centre
    disagreement = _squares(limbs - completion.positions) / _AGREEMENT**2
    misfit = np.zeros_like(disagreement)
    if guidance > 0.0:
        marks = build.calibration.landmarks(outer, joints + pelvis[:, None], build.stature)
        misfit = min(guidance, 1.0) * landmark_misfit(marks, pelvis, build, evidence)
    return Judgement(misfit, disagreement, _squares(limbs - usual) / _SPREAD**2)


def score_samples(
    completion: Completion,
    anchor_rotations: Floats,
    pelvis: Floats,
    build: Build,
    evidence: Evidence,
    guidance: float,
) -> Floats:
    """How good each sample's limbs are, (S, N, 5), higher is better; see `judge`."""
    scores: list[Floats] = []
    for start in range(0, len(pelvis), _JUDGED):
        frames = slice(start, start + _JUDGED)
        part = Completion(
            **{item.name: getattr(completion, item.name)[:, frames] for item in fields(Completion)}
        )
        told = (part, anchor_rotations[frames], pelvis[frames], build, evidence.within(frames))
        scores.append(judge(*told, guidance).scores)
    return np.concatenate(scores, axis=1)


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


def picture_agreement(
    marks: Floats, pelvis: Floats, build: Build, evidence: Evidence, columns: list[int]
) -> Floats:
    """How well samples lie on the picture, for people to read.

    Args:
        marks: (S, N, 33, 3) metres, `cam`.
        pelvis: (N, 3) metres, `cam`.
        build: The person's measures.
        evidence: The landmarks.
        columns: Of the limbs that count.

    Returns:
        (S,) 1 where all visible landmarks are met, and where the picture shows none of them.
    """
    own = [landmark for column in columns for landmark in LIMB_LANDMARKS[LIMB_NAMES[column]]]
    distance = np.linalg.norm(project(marks, evidence.intrinsics) - evidence.pixels, axis=-1)
    height = build.stature * evidence.intrinsics[:, 1] / np.maximum(pelvis[:, 2], 1e-3)  # (N,)
    weight = evidence.visible[:, own]  # (N, M)
    off = (distance / height[:, None])[..., own] * weight
    return np.exp(-off.sum(axis=(1, 2)) / max(float(weight.sum()), 1.0) / _OFF)


def landmark_misfit(marks: Floats, pelvis: Floats, build: Build, evidence: Evidence) -> Floats:
    """(S, N, 5) squared deviations of visible landmarks, weighed by their visibility."""
    distance = np.linalg.norm(project(marks, evidence.intrinsics) - evidence.pixels, axis=-1)
    height = build.stature * evidence.intrinsics[:, 1] / np.maximum(pelvis[:, 2], 1e-3)  # (N,)
    deviations = (distance / (height[:, None] * build.calibration.sigma)) ** 2  # (S, N, 33)
    weighed = np.minimum(deviations, _FARTHEST) * evidence.visible
    columns = [weighed[..., list(LIMB_LANDMARKS[limb])].mean(axis=-1) for limb in LIMB_NAMES]
    return np.stack(columns, axis=-1)
