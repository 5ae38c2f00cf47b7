"""Fits a body to the landmarks in the picture: batched Gauss-Newton, frame by frame.

The anchor is aligned before a limb is drawn, all joints moving and only the torso kept: limbs are
there as nuisance, so that a bad wrist does not drag the body. After stage 2 the limbs move alone.
Sources: Levenberg, 1944; Marquardt, 1963; Huber, 1964.
"""

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Bools, Floats, check_shapes
from ..core.calibration import LandmarkCalibration
from ..core.camera import NEAREST_DEPTH, project
from ..core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from ..core.skeleton import (
    LIMB_JOINTS,
    LIMB_OF_LIMB_JOINT,
    PARENTS,
    TORSO_JOINTS,
    forward_kinematics,
)
from .evidence import Evidence

ITERATIONS = 8
HUBER = 2.0  # deviations; guess, beyond it a landmark counts as mistaken
# How many independent witnesses a landmark is worth beside stage 1's variances: the landmarks share
# their errors, and stage 1 has seen them before. The anchor's, on 60 rendered clips each of val /
# test / hdm05, unaligned, at .004 and at .0125: torso 79 / 69 / 85, 82 / 69 / 85, 84 / 69 / 86 mm;
# jitter 34 / 67 / 55, 37 / 81 / 59, 43 / 86 / 68; misfit 2.0-2.2, 1.9-2.0, 1.8-1.9 % of the height;
# PA-MPJPE within .3 mm. The limbs', with weights before these: .02 gives the best PA-MPJPE, misfit
# 1.9 to 2.3 %; .1 costs 3 to 7 % of it for a misfit of 1.3 to 1.5 %: depth pays for the picture.
ANCHOR_STRENGTH = 0.004
LIMB_STRENGTH = 0.02
_DEPTH_SHARE = 0.4  # of stage 1's deviation of log depth: more only trades depth for misfit
_PLANE_DEVIATION = 0.1  # of the pelvis' direction, radians; guess, the landmarks know it better
_DAMPING = 1e-3
_WORTHWHILE = 1e-3  # share of the cost that a step must gain for another one to follow
_DEVIATION_MIN = 0.01  # radians, or of log depth; no network is surer than that
_CHUNK = 128  # frames at once, for memory


@dataclass(frozen=True, eq=False)
class Posture:
    """A body in `cam`, N frames."""

    rotations: Floats  # (N, 24, 3, 3) the pelvis cam from body, others parent-relative
    pelvis: Floats  # (N, 3) metres

    def __post_init__(self) -> None:
        check_shapes(self, rotations="N 24 3 3", pelvis="N 3")


@dataclass(frozen=True, eq=False)
class Build:
    """The measures of one person."""

    rest_joints: Floats  # (24, 3) metres, `body` frame, T-pose
    stature: float  # metres
    calibration: LandmarkCalibration

    def __post_init__(self) -> None:
        check_shapes(self, rest_joints="24 3")


@dataclass(frozen=True, eq=False)
class Freedom:
    """Which parts may move, and how far the networks let them: standard deviations."""

    joints: tuple[int, ...]
    angle: Floats  # (N, 24) radians about each axis, for the joints above
    log_depth: Floats | None  # (N,) of the pelvis; None holds the pelvis in place

    def __post_init__(self) -> None:
        check_shapes(self, angle="N 24")


def angle_deviations(log_variance: Floats) -> Floats:
    """Stage 1's log variances (N, 8) as standard deviations (N, 24) of every joint, radians."""
    groups = np.zeros(24, dtype=int)  # the pelvis
    groups[list(TORSO_JOINTS[1:])] = 1
    groups[list(LIMB_JOINTS)] = 2 + LIMB_OF_LIMB_JOINT
    return np.exp(0.5 * log_variance[:, groups])


def anchor_freedom(log_variance: Floats) -> Freedom:
    """Everything may move as far as stage 1's log variances (N, 8) allow."""
    log_depth = _DEPTH_SHARE * np.exp(0.5 * log_variance[:, 7])
    return Freedom(tuple(range(24)), angle_deviations(log_variance), log_depth)


def align(
    posture: Posture, build: Build, evidence: Evidence, freedom: Freedom, strength: float = 1.0
) -> Posture:
    """Move joints towards the landmarks as far as the networks' certainty allows.

    Args:
        posture: The networks' answer: start and prior.
        build: The person's measures.
        evidence: The landmarks.
        freedom: What may move.
        strength: Of the picture; 0 returns the posture itself.

    Returns:
        A posture whose mean reprojection distance, weighted by visibility, is no larger in any
        frame. What may not move is the same to the bit.
    """
    if strength <= 0.0 or not freedom.joints:
        return posture
    count = len(posture.pelvis)
    parts = [
        _align_frames(posture, build, evidence, freedom, strength, slice(start, start + _CHUNK))
        for start in range(0, count, _CHUNK)
    ]
    return Posture(
        rotations=np.concatenate([part.rotations for part in parts]),
        pelvis=np.concatenate([part.pelvis for part in parts]),
    )


def reprojection(posture: Posture, build: Build, evidence: Evidence) -> Floats:
    """(N,) mean distance in pixels of projected landmarks, weighted by visibility."""
    outer, joints = forward_kinematics(posture.rotations, build.rest_joints)
    marks = build.calibration.landmarks(outer, joints + posture.pelvis[:, None], build.stature)
    distance = np.linalg.norm(project(marks, evidence.intrinsics) - evidence.pixels, axis=-1)
    total = np.maximum(evidence.visible.sum(axis=1), 1e-9)
    return (distance * evidence.visible).sum(axis=1) / total


@dataclass(frozen=True, eq=False)
class _Problem:
    """A chunk of frames; M of them."""

    start: Posture
    build: Build
    evidence: Evidence
    joints: list[int]
    moves: bool
    influence: Floats  # (33, F) 1 where a joint carries a landmark
    precision: Floats  # (M, C) of the parameters' prior
    weights: Floats  # (M, 33) strength and visibility of each landmark
    deviation: Floats  # (M, 33) pixels


def _align_frames(
    posture: Posture,
    build: Build,
    evidence: Evidence,
    freedom: Freedom,
    strength: float,
    frames: slice,
) -> Posture:
    start = Posture(posture.rotations[frames].astype(float), posture.pelvis[frames].astype(float))
    seen = evidence.within(frames)
    joints = list(freedom.joints)
    angle = np.maximum(freedom.angle[frames][:, joints], _DEVIATION_MIN)
    deviations = [np.repeat(angle, 3, axis=1)]
    if freedom.log_depth is not None:
        plane = np.full((len(angle), 2), _PLANE_DEVIATION)
        deviations += [plane, np.maximum(freedom.log_depth[frames], _DEVIATION_MIN)[:, None]]
    depth = np.maximum(start.pelvis[:, 2], NEAREST_DEPTH)
    height = build.stature * seen.intrinsics[:, 1] / depth  # (M,) pixels, of the standing person
    problem = _Problem(
        start=start,
        build=build,
        evidence=seen,
        joints=joints,
        moves=freedom.log_depth is not None,
        influence=_influence(build.calibration, joints),
        precision=1.0 / np.concatenate(deviations, axis=1) ** 2,
        weights=strength * seen.worth * seen.visible,
        deviation=height[:, None] * build.calibration.sigma,
    )
    found = _minimise(problem)
    worse = reprojection(found, build, seen) > reprojection(start, build, seen)
    return Posture(
        rotations=np.where(
            worse[:, None, None, None] | ~_free(joints)[:, None, None],
            posture.rotations[frames],
            found.rotations,
        ),
        pelvis=np.where(worse[:, None] | (not problem.moves), posture.pelvis[frames], found.pelvis),
    )


def _minimise(problem: _Problem) -> Posture:
    """Levenberg-Marquardt with each frame's own damping."""
    posture = problem.start
    damping = np.full(len(posture.pelvis), _DAMPING)
    cost = _cost(problem, posture)
    busy = np.ones(len(cost), dtype=bool)  # frames stop one by one: none waits for another's sake
    for _ in range(ITERATIONS):
        step = _step(problem, posture, damping)
        tried = _moved(problem, posture, step)
        tried_cost = _cost(problem, tried)
        better = busy & (tried_cost < cost)
        posture = Posture(
            np.where(better[:, None, None, None], tried.rotations, posture.rotations),
            np.where(better[:, None], tried.pelvis, posture.pelvis),
        )
        gain = np.where(better, cost - tried_cost, 0.0)
        cost = np.where(better, tried_cost, cost)
        damping = np.where(better, damping * 0.3, damping * 10.0)
        busy &= (gain > _WORTHWHILE * cost) | (~better & (damping <= 1.0))
        if not busy.any():
            break
    return posture


def _cost(problem: _Problem, posture: Posture) -> Floats:
    """(M,) Huber's loss of the landmarks plus the prior."""
    outer, joints = forward_kinematics(posture.rotations, problem.build.rest_joints)
    marks = problem.build.calibration.landmarks(
        outer, joints + posture.pelvis[:, None], problem.build.stature
    )
    error = project(marks, problem.evidence.intrinsics) - problem.evidence.pixels
    size = np.linalg.norm(error, axis=-1) / problem.deviation
    bent = np.minimum(size, HUBER)
    loss = bent * (size - 0.5 * bent)  # quadratic up to HUBER, straight beyond
    strayed = _strayed(problem, posture)
    prior = 0.5 * np.sum(problem.precision * strayed**2, axis=1)
    return np.sum(problem.weights * loss, axis=1) + prior


def _step(problem: _Problem, posture: Posture, damping: Floats) -> Floats:
    """(M, C) the damped Gauss-Newton step."""
    build, intrinsics = problem.build, problem.evidence.intrinsics
    outer, relative = forward_kinematics(posture.rotations, build.rest_joints)
    joints = relative + posture.pelvis[:, None]
    marks = build.calibration.landmarks(outer, joints, build.stature)  # (M, 33, 3)
    error = project(marks, intrinsics) - problem.evidence.pixels
    size = np.linalg.norm(error, axis=-1) / problem.deviation
    robust = np.minimum(1.0, HUBER / np.maximum(size, 1e-9))
    scale = np.sqrt(problem.weights * robust) / problem.deviation  # (M, 33)
    # A joint's own axes in `cam`: turning about axis k moves a landmark by axis x lever.
    axes = np.swapaxes(outer[:, problem.joints], -1, -2)[:, None]  # (M, 1, F, 3 axes, 3)
    lever = marks[:, :, None] - joints[:, None, problem.joints]  # (M, 33, F, 3)
    motion = np.cross(axes, lever[:, :, :, None])  # (M, 33, F, 3 axes, 3)
    motion *= problem.influence[:, :, None, None]
    motion = motion.reshape(*motion.shape[:2], -1, 3)  # (M, 33, 3 F, 3)
    if problem.moves:
        motion = np.concatenate((motion, _pelvis_motion(posture.pelvis)), axis=2)
    depth = np.maximum(marks[..., 2], NEAREST_DEPTH)
    plane = motion[..., :2] - (marks[..., :2] / depth[..., None])[:, :, None] * motion[..., 2:]
    focal = intrinsics[:, None, :2] / depth[..., None] * scale[..., None]  # (M, 33, 2)
    jacobian: Floats = (plane * focal[:, :, None]).swapaxes(-1, -2)  # (M, 33, 2, C)
    jacobian = jacobian.reshape(len(jacobian), -1, jacobian.shape[-1])  # (M, 66, C)
    residual = (error * scale[..., None]).reshape(len(error), -1, 1)  # (M, 66, 1)
    transposed = jacobian.swapaxes(1, 2)
    normal: Floats = transposed @ jacobian
    pull: Floats = (transposed @ residual)[..., 0]
    gradient = pull + problem.precision * _strayed(problem, posture)
    diagonal = np.arange(len(problem.precision[0]))
    curvature = normal[:, diagonal, diagonal] + problem.precision
    normal[:, diagonal, diagonal] = curvature * (1.0 + damping[:, None])
    step: Floats = np.linalg.solve(normal, gradient[..., None])
    return -step[..., 0]


def _strayed(problem: _Problem, posture: Posture) -> Floats:
    """(M, C) parameters away from the prior's mean."""
    start = problem.start.rotations[:, problem.joints]
    turned = np.swapaxes(start, -1, -2) @ posture.rotations[:, problem.joints]
    away = axis_angle_from_matrix(turned).reshape(len(turned), -1)
    if not problem.moves:
        return away
    shift = _pelvis_parameters(posture.pelvis) - _pelvis_parameters(problem.start.pelvis)
    return np.concatenate((away, shift), axis=1)


def _moved(problem: _Problem, posture: Posture, step: Floats) -> Posture:
    count = 3 * len(problem.joints)
    turns = matrix_from_axis_angle(step[:, :count].reshape(len(step), -1, 3))
    rotations = posture.rotations.copy()
    rotations[:, problem.joints] = rotations[:, problem.joints] @ turns
    if not problem.moves:
        return Posture(rotations, posture.pelvis)
    x, y, log_depth = (_pelvis_parameters(posture.pelvis) + step[:, count:]).T
    depth = np.exp(np.minimum(log_depth, 20.0))
    return Posture(rotations, np.stack((x * depth, y * depth, depth), axis=-1))


def _pelvis_parameters(pelvis: Floats) -> Floats:
    """(M, 3): x / z, y / z, log z."""
    depth = np.maximum(pelvis[:, 2:], NEAREST_DEPTH)
    return np.concatenate((pelvis[:, :2] / depth, np.log(depth)), axis=1)


def _pelvis_motion(pelvis: Floats) -> Floats:
    """(M, 33, 3 parameters, 3): how landmarks follow the pelvis' parameters."""
    depth = np.maximum(pelvis[:, 2], NEAREST_DEPTH)
    motion = np.zeros((len(pelvis), 1, 3, 3))
    motion[:, 0, 0, 0] = depth
    motion[:, 0, 1, 1] = depth
    motion[:, 0, 2] = pelvis
    return np.broadcast_to(motion, (len(pelvis), 33, 3, 3))


def _influence(calibration: LandmarkCalibration, joints: list[int]) -> Floats:
    """(33, F) 1 where the landmark hangs on the joint."""
    carried = np.zeros((len(calibration.joint), 24))
    for landmark, joint in enumerate(calibration.joint):
        link = int(joint)
        while link >= 0:
            carried[landmark, link] = 1.0
            link = PARENTS[link]
    return carried[:, joints]


def _free(joints: list[int]) -> Bools:
    """(24,) True for the joints that may move."""
    mask = np.zeros(24, dtype=bool)
    mask[joints] = True
    return mask
