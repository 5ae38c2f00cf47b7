"""Figures gathered frame by frame, one tally a method; tables choose frames afterwards."""

from dataclasses import dataclass, field

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.body import Body, carry_shape
from fhmr_blender.core.camera import project
from fhmr_blender.core.skeleton import MAIN_JOINTS, MAIN_LANDMARKS, forward_kinematics

from .. import metrics
from .answers import Answer, Figure, main_joints
from .clips import Case, true_joints, true_rotations
from .methods import Seen

# The paper's regions: near the trunk, and everything that hangs on it.
TORSO = [0, 1, 2, 3, 6, 9, 12, 13, 14, 16, 17]
NON_TORSO = [4, 5, 7, 8, 10, 11, 15, 18, 19, 20, 21, 22, 23]
# Of the 12 main joints those that a limb moves: no sample moves hips and shoulders.
MOVED = [place for place, joint in enumerate(MAIN_JOINTS) if joint not in TORSO]
_MAIN = list(MAIN_JOINTS)
_LIMB_MARKS = [mark for place, mark in enumerate(MAIN_LANDMARKS) if place in MOVED]
_SKIN_EVERY = 3  # frames: vertices are slow, and neighbouring frames are alike
_WELL_SEEN = 0.5  # calibrated visibility from which a landmark's misfit counts


@dataclass
class Frames:
    """What is known of all measured frames, whoever answers; lists of arrays, one a clip."""

    hidden_limbs: list[Indices] = field(default_factory=list)  # (T,)
    visible: list[Bools] = field(default_factory=list)  # (T, 12)
    rarity: list[Floats] = field(default_factory=list)  # (T,) metres
    mirrored: list[Bools] = field(default_factory=list)  # (T,) the mirrored picture was seen too
    moving: list[Bools] = field(default_factory=list)  # (T,) the camera moves

    def add(self, case: Case, rarity: Floats) -> None:
        """Note one clip."""
        self.hidden_limbs.append(case.hidden_limbs)
        self.visible.append(case.visible)
        self.rarity.append(rarity)
        self.mirrored.append(case.mirror_found)
        self.moving.append(np.full(len(case), case.camera_moves))

    def all(self, name: str) -> Floats:
        """One column over all clips."""
        return np.concatenate(getattr(self, name))

    @property
    def count(self) -> int:
        return sum(map(len, self.rarity))

    @property
    def rare_half(self) -> Bools:
        """The frames whose pose is rarer than the median."""
        rarity = self.all("rarity")
        return rarity > np.median(rarity)


@dataclass
class Tally:
    """Figures of one method; lists of arrays, one a clip; NaN where a method says nothing."""

    main: list[Floats] = field(default_factory=list)  # (T, 12) hips' middle in common
    aligned: list[Floats] = field(default_factory=list)  # (T, 12) after the best similarity
    joints: list[Floats] = field(default_factory=list)  # (T, 24) pelvis in common
    limbs: list[Floats] = field(default_factory=list)  # (T, 8) in the pelvis' own frame
    skin: list[Floats] = field(default_factory=list)  # (T,) PVE
    misfit: list[Floats] = field(default_factory=list)  # (T, 8) share of the person's height
    acceleration: list[Floats] = field(default_factory=list)  # (T,) m/s^2, the clip's mean
    jitter: list[Floats] = field(default_factory=list)  # (T,) 10 m/s^3, the clip's mean

    def all(self, name: str) -> Floats:
        """One column over all clips."""
        return np.concatenate(getattr(self, name))

    def add(self, answer: Answer, case: Case, seen: Seen, neutral: Body | None) -> None:
        """Note one clip; the vertices too, where the answer's neutral body is handed in."""
        truth = true_joints(case)
        true_main = main_joints(truth)
        count, seconds = len(case), case.clip.seconds.astype(float)
        self.main.append(metrics.joint_errors(answer.main, true_main))
        self.aligned.append(_aligned_errors(answer.main, true_main))
        figure = answer.figure
        nothing = np.full(count, np.nan)
        if figure is None:
            self.joints.append(np.full((count, 24), np.nan))
            self.limbs.append(np.full((count, len(MOVED)), np.nan))
            self.misfit.append(np.full((count, len(MOVED)), np.nan))
            self.skin.append(nothing)
        else:
            joints = figure.joints
            self.joints.append(metrics.joint_errors(joints, truth))
            self.limbs.append(limb_errors(in_pelvis(joints, figure), true_in_pelvis(case)))
            self.misfit.append(misfit(figure, seen))
            known = neutral is not None and case.body is not None
            self.skin.append(vertex_errors(figure, case, neutral, case.body) if known else nothing)
        motion = (answer.main, true_main, seconds)
        self.acceleration.append(np.full(count, metrics.acceleration_error(*motion)))
        self.jitter.append(np.full(count, metrics.jitter(answer.main, seconds)))

    def mean(
        self, name: str, frames: Bools | None = None, columns: list[int] | None = None
    ) -> float:
        """Mean of one column over some frames and joints."""
        values = self.all(name)
        values = values if frames is None else values[frames]
        return nan_mean(values if columns is None else values[:, columns])

    def where(self, name: str, chosen: Bools) -> float:
        """Mean over single entries of a column with several joints."""
        return nan_mean(self.all(name)[chosen])

    def median_misfit(self) -> float:
        """Share of the person's height."""
        values = self.all("misfit")
        values = values[np.isfinite(values)]
        return float(np.median(values)) if values.size else float("nan")


def _aligned_errors(main: Floats, true_main: Floats) -> Floats:
    """(T, 12) after the best similarity a frame; NaN where nothing was said."""
    errors = np.full(main.shape[:2], np.nan)
    said = np.isfinite(main).all(axis=(1, 2))
    if said.any():
        carried = metrics.aligned(main[said], true_main[said])
        errors[said] = metrics.joint_errors(carried, true_main[said])
    return errors


def nan_mean(values: Floats) -> float:
    """The mean of what is a number; NaN where nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def in_pelvis(joints: Floats, figure: Figure) -> Floats:
    """Joints (..., T, 24, 3) along `cam` -> along the figure's own pelvis."""
    return joints @ figure.posture.rotations[:, 0]


def true_in_pelvis(case: Case) -> Floats:
    """(T, 24, 3) the truth along its own pelvis: how limbs hang, not where the root faces."""
    return true_joints(case) @ true_rotations(case)[:, 0]


def limb_errors(joints: Floats, truth: Floats) -> Floats:
    """(..., T, 8) of knees, ankles, elbows and wrists."""
    chosen = [_MAIN[place] for place in MOVED]
    return metrics.joint_errors(joints[..., chosen, :], truth[..., chosen, :])


def misfit(figure: Figure, seen: Seen) -> Floats:
    """(T, 8) distance of well seen limb landmarks to their projection, share of the height."""
    build, pelvis = figure.build, figure.posture.pelvis
    evidence = seen.evidence
    outer, joints = forward_kinematics(figure.posture.rotations, build.rest_joints)
    marks = build.calibration.landmarks(outer, joints + pelvis[:, None], build.stature)
    distance = np.linalg.norm(project(marks, evidence.intrinsics) - evidence.pixels, axis=-1)
    height = build.stature * evidence.intrinsics[:, 1] / np.maximum(pelvis[:, 2], 0.1)
    share = (distance / height[:, None])[:, _LIMB_MARKS]
    return np.where(evidence.visible[:, _LIMB_MARKS] > _WELL_SEEN, share, np.nan)


def vertex_errors(figure: Figure, case: Case, neutral: Body, body: Body) -> Floats:
    """(T,) mean distance of the true body's vertices, the figure's shape carried to it.

    Every third frame is measured, the others are NaN.
    """
    chosen = slice(None, None, _SKIN_EVERY)
    betas = carry_shape(figure.betas, neutral, body)
    here = _skin(body, figure.posture.rotations[chosen], betas)
    there = _skin(body, true_rotations(case)[chosen], case.clip.betas.astype(float))
    errors = np.full(len(case), np.nan)
    errors[chosen] = np.linalg.norm(here - there, axis=-1).mean(axis=1)
    return errors


def _skin(body: Body, rotations: Floats, betas: Floats) -> Floats:
    """(T, V, 3) from the pelvis."""
    transl = np.broadcast_to(-body.rest_joints(betas)[0], (len(rotations), 3))
    return body.vertices(rotations, betas, transl)
