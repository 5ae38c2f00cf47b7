"""What the stages hand on: observations, anchors, limb samples, people and shots.

`N` frames of one person, `T` frames of the shot, `S` samples, `n` frames of the last drawn scope.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .arrays import Floats, Indices, check_shapes
from .rotations import axis_angle_from_matrix
from .skeleton import LIMB_JOINTS, TORSO_JOINTS

MEAN_SAMPLE = -1
"""`chosen` where the mean of the samples is shown."""
FIRST_GUESS = -2
"""`chosen` where stage 1's first guess is shown."""


@dataclass(frozen=True, eq=False)
class Observations:
    """What perception saw of one person."""

    frames: Indices  # (N,) frame numbers in the source, 0-based, increasing
    seconds: Floats  # (N,) time in the source
    intrinsics: Floats  # (N, 4) fx fy cx cy, pixels
    bbox: Floats  # (N, 4) x0 y0 x1 y1, pixels
    region: Floats  # (N, 4) centre x y, side in pixels; clockwise roll in radians
    track_confidence: Floats  # (N,) 0..1
    keypoints: Floats  # (N, 33, 5) x y z pixels, visibility and presence 0..1
    keypoints_world: Floats  # (N, 33, 3) metres, hip-centred, picture axes (x right, y down)
    agreement: Floats  # (N, 33) 0..1 of two looks at each landmark; NaN where one look had to do
    image_feature: Floats  # (N, 288) pooled feature of the landmark network

    def __post_init__(self) -> None:
        check_shapes(
            self,
            frames="N",
            seconds="N",
            intrinsics="N 4",
            bbox="N 4",
            region="N 4",
            track_confidence="N",
            keypoints="N 33 5",
            keypoints_world="N 33 3",
            agreement="N 33",
            image_feature="N 288",
        )


@dataclass(frozen=True, eq=False)
class Anchor:
    """Stage 1's answer after its alignment: from then on it is fixed to the bit."""

    rotations: Floats  # (N, 6, 3, 3) TORSO_JOINTS; the pelvis cam from body, others parent-relative
    transl: Floats  # (N, 3) SMPL translation in `cam`, metres
    betas: Floats  # (10,) of the neutral body
    log_variance: Floats  # (N, 8) root, torso, the five limbs, log depth
    limb_trust: Floats  # (N, 5) 0..1, how well the picture shows each limb
    first_guess: Floats  # (N, 18, 3, 3) LIMB_JOINTS, parent-relative

    def __post_init__(self) -> None:
        check_shapes(
            self,
            rotations="N 6 3 3",
            transl="N 3",
            betas="10",
            log_variance="N 8",
            limb_trust="N 5",
            first_guess="N 18 3 3",
        )


@dataclass(frozen=True, eq=False)
class LimbSamples:
    """The samples of the scope that was drawn last; any other is drawn again from its seed."""

    frames: Indices  # (n,) frame numbers in the source
    rotations6d: Floats  # (S, n, 18, 6) LIMB_JOINTS, parent-relative
    scores: Floats  # (S, n, 5) higher is better, per limb

    def __post_init__(self) -> None:
        check_shapes(self, frames="n", rotations6d="S n 18 6", scores="S n 5")


@dataclass(frozen=True, eq=False)
class Motion:
    """One person's SMPL parameters over N frames, in one frame of reference (`cam` or `world`)."""

    rotations: Floats  # (N, 24, 3, 3) the pelvis in the outer frame, others parent-relative
    transl: Floats  # (N, 3) metres; pelvis = transl + the shaped body's rest pelvis
    betas: Floats  # (10,)

    def __post_init__(self) -> None:
        check_shapes(self, rotations="N 24 3 3", transl="N 3", betas="10")

    @property
    def poses(self) -> Floats:
        """(N, 72) axis-angle, SMPL order."""
        return axis_angle_from_matrix(self.rotations).reshape(len(self.rotations), 72)


@dataclass(frozen=True, eq=False)
class Person:
    """Everything that is known of one person in a shot: one take."""

    id: int  # from 1
    observations: Observations
    anchor: Anchor
    samples: LimbSamples
    seed: int
    sample_count: Indices  # (N, 5) samples drawn for each limb
    chosen: Indices  # (N, 5) shown sample; MEAN_SAMPLE, FIRST_GUESS
    motion_cam: Motion  # the answer in `cam`
    joints_cam: Floats  # (N, 24, 3) metres
    motion_world: Motion  # the same, moved by the shot's `T_world_from_cam`
    contacts: Floats  # (N, 6) 0..1, CONTACT_NAMES
    edits: Mapping[str, Any] = field(default_factory=lambda: {})  # pins, keypoint_edits, ...
    extra: Mapping[str, Any] = field(default_factory=lambda: {})  # keys of other versions, kept

    def __post_init__(self) -> None:
        check_shapes(self, sample_count="N 5", chosen="N 5", joints_cam="N 24 3", contacts="N 6")


@dataclass(frozen=True, eq=False)
class Shot:
    """The people of one picture or clip, and the camera that saw them."""

    source: str
    source_sha256: str
    size: tuple[int, int]  # width, height, pixels
    fps: float
    frames: Indices  # (T,) frame numbers in the source
    intrinsics: Floats  # (T, 4)
    T_world_from_cam: Floats  # (T, 4, 4)
    settings: Mapping[str, Any]  # everything that reproduces the run
    people: tuple[Person, ...]
    extra: Mapping[str, Any] = field(default_factory=lambda: {})

    def __post_init__(self) -> None:
        check_shapes(self, frames="T", intrinsics="T 4", T_world_from_cam="T 4 4")


def assemble(anchor_rotations: Floats, limb_rotations: Floats) -> Floats:
    """Torso (..., 6, 3, 3) and limbs (..., 18, 3, 3) -> SMPL's joints (..., 24, 3, 3)."""
    leading = np.broadcast_shapes(anchor_rotations.shape[:-3], limb_rotations.shape[:-3])
    rotations = np.empty((*leading, 24, 3, 3), dtype=limb_rotations.dtype)
    rotations[..., TORSO_JOINTS, :, :] = anchor_rotations
    rotations[..., LIMB_JOINTS, :, :] = limb_rotations
    return rotations
