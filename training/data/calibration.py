"""Landmark calibration: where the detector's 33 landmarks lie on the body, measured over pairs.

    python -m training.data.calibration --state DIR

Each landmark is a joint plus a constant offset in the joint's frame, in units of stature, found by
robust linear least squares on what the front end saw of visible landmarks. Prints the front end's
error on the pairs before and after.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project, rays_cam
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import (
    JOINT_INDEX,
    LANDMARK_NAMES,
    MAIN_JOINTS,
    MAIN_LANDMARKS,
    MIRRORED_LANDMARKS,
    PARENTS,
    forward_kinematics,
)

from .appearance import body_marks
from .sample import PairClip, load_shards

FILE_NAME = "calibration.npz"
VISIBLE_MIN = 0.5  # of the front end's own visibility, for a landmark to be measured
FEWEST = 30  # sightings without which a landmark keeps its first place
ROUNDS = 15
HUBER = 1.5  # robust deviations
OFFSET_PRIOR = (
    30.0  # observations that a landmark's first place is worth; a guess, keeps rare ones sane
)

_LEFT_JOINTS = {
    "ear": "head",
    "shoulder": "left_shoulder",
    "elbow": "left_elbow",
    "wrist": "left_wrist",
    "pinky": "left_wrist",
    "index": "left_wrist",
    "thumb": "left_wrist",
    "hip": "left_hip",
    "knee": "left_knee",
    "ankle": "left_ankle",
    "heel": "left_ankle",
    "foot_index": "left_foot",
}
# First places on the left, metres on a body of 1.70 m in the T-pose: read off the anatomy, a guess
# that the measurement replaces.
_LEFT_OFFSETS = {
    "pinky": (0.085, 0.0, -0.03),
    "index": (0.09, 0.0, 0.02),
    "thumb": (0.05, -0.01, 0.05),
    "heel": (0.0, -0.055, -0.05),
    "foot_index": (0.0, -0.01, 0.05),
}
# Metres, on a body of 1.70 m, of own flesh between a landmark and the surface; a guess.
_FLESH = {
    "nose": 0.05,
    "eye": 0.05,
    "ear": 0.06,
    "mouth": 0.05,
    "shoulder": 0.11,
    "elbow": 0.075,
    "wrist": 0.06,
    "pinky": 0.05,
    "index": 0.05,
    "thumb": 0.05,
    "hip": 0.15,
    "knee": 0.10,
    "ankle": 0.085,
    "heel": 0.08,
    "foot_index": 0.07,
}


def _thickness() -> Floats:
    """(33,) in units of stature."""

    def flesh(name: str) -> float:
        return next(v for key, v in reversed(_FLESH.items()) if key in name)

    return np.array([flesh(name) for name in LANDMARK_NAMES]) / 1.70


THICKNESS = _thickness()
"""(33,) units of stature: what of the body itself may lie in front of a landmark that is seen."""


def template_calibration(body: Body) -> LandmarkCalibration:
    """First places of the landmarks, from the mesh's face and the anatomy."""
    rest_joints = body.rest_joints(np.zeros(10))
    marks = body_marks(body.v_template, rest_joints)
    stature = float(body.stature(np.zeros(10)))
    scale = stature / 1.70
    joints: list[int] = []
    offsets: list[Floats] = []
    for name in LANDMARK_NAMES:
        side = -1.0 if "right" in name else 1.0
        plain = name.replace("left_", "").replace("right_", "")
        eye = marks.eyes[0 if side > 0 else 1]
        if plain in _LEFT_JOINTS and plain != "ear":
            joint = JOINT_INDEX[
                _LEFT_JOINTS[plain].replace("left", "right" if side < 0 else "left")
            ]
            offset = scale * np.array(_LEFT_OFFSETS.get(plain, (0.0, 0.0, 0.0)))
            joints.append(joint)
            offsets.append(offset * np.array([side, 1.0, 1.0]))
            continue
        place = {
            "nose": marks.nose,
            "eye_inner": eye - scale * np.array([side * 0.012, 0.0, 0.0]),
            "eye": eye,
            "eye_outer": eye + scale * np.array([side * 0.012, 0.0, 0.0]),
            "ear": marks.nose + scale * np.array([side * 0.075, 0.01, -0.11]),
            "mouth_left": marks.mouth + scale * np.array([0.022, 0.0, 0.0]),
            "mouth_right": marks.mouth - scale * np.array([0.022, 0.0, 0.0]),
        }[plain if "mouth" not in name else name]
        joints.append(JOINT_INDEX["head"])
        offsets.append(place - rest_joints[JOINT_INDEX["head"]])
    return LandmarkCalibration(
        joint=np.array(joints), offset=np.stack(offsets) / stature, sigma=np.full(33, 0.02)
    )


@dataclass(frozen=True, eq=False)
class _Sighted:
    """Found frames of many clips, laid end to end; M frames."""

    outer: Floats  # (M, 24, 3, 3) joint frames in `cam`
    joints: Floats  # (M, 24, 3) metres, `cam`
    stature: Floats  # (M,)
    intrinsics: Floats  # (M, 4)
    keypoints: Floats  # (M, 33, 5)
    keypoints_world: Floats  # (M, 33, 3)
    visible: Floats  # (M, 33) bool

    @property
    def height(self) -> Floats:
        """(M,) pixels that the body would measure standing where its pelvis is."""
        return self.stature * self.intrinsics[:, 1] / np.maximum(self.joints[:, 0, 2], 0.1)


def fit_calibration(clips: Sequence[PairClip], body: Body) -> LandmarkCalibration:
    """Measure the landmarks' places over pairs."""
    sighted = _gather(clips, body)
    start = template_calibration(body)
    joints, offsets, sigmas = start.joint.copy(), start.offset.copy(), start.sigma.copy()
    fits = [_fits(sighted, landmark, start, body) for landmark in range(33)]
    for landmark, other in enumerate(MIRRORED_LANDMARKS):
        if not fits[landmark] or not fits[other]:
            continue
        # Both sides hang on the same joint or on its parent; the parent must be clearly better.
        own, parent = (sum(fits[side][n].sigma for side in (landmark, other)) for n in (0, 1))
        chosen = fits[landmark][int(parent < 0.98 * own)]
        joints[landmark], offsets[landmark] = chosen.joint, chosen.offset
        sigmas[landmark] = chosen.sigma
    return LandmarkCalibration(joint=joints, offset=offsets, sigma=sigmas)


@dataclass(frozen=True, eq=False)
class _Fit:
    """One landmark fitted to one joint."""

    joint: int
    offset: Floats  # (3,)
    sigma: float


def _fits(
    sighted: _Sighted, landmark: int, start: LandmarkCalibration, body: Body
) -> tuple[_Fit, ...]:
    """A landmark hung on its own joint and on the joint's parent; nothing if it was hardly seen."""
    use = sighted.visible[:, landmark] & (sighted.keypoints[:, landmark, 3] > VISIBLE_MIN)
    if use.sum() < FEWEST:
        return ()
    own = int(start.joint[landmark])
    rest, stature = body.rest_joints(np.zeros(10)), float(body.stature(np.zeros(10)))
    fits: list[_Fit] = []
    for joint in (own, max(PARENTS[own], 0)):
        place = start.offset[landmark] + (rest[own] - rest[joint]) / stature
        fits.append(_Fit(joint, *_fit_offset(sighted, landmark, joint, place, use)))
    return tuple(fits)


def _fit_offset(
    sighted: _Sighted, landmark: int, joint: int, start: Floats, use: Floats
) -> tuple[Floats, float]:
    """Offset (3,) of one landmark from one joint, and its deviation in units of body height.

    The point J + s R o lies on the observed ray (u, v, 1): x - u z = 0 and y - v z = 0 are linear
    in o. Divided by depth and body size, errors count as shares of the person's height.
    """
    rays = rays_cam(sighted.keypoints[use, landmark, None, :2], sighted.intrinsics[use])[:, 0]
    rotation, origin = sighted.outer[use, joint], sighted.joints[use, joint]
    stature = sighted.stature[use]
    per_height = 1.0 / stature  # metres at the landmark's depth -> body heights
    rows = rotation[:, :2] - rays[:, :2, None] * rotation[:, 2:3]  # (M, 2, 3)
    matrix = rows * (stature * per_height)[:, None, None]
    wanted = -(origin[:, :2] - rays[:, :2] * origin[:, 2:]) * per_height[:, None]  # (M, 2)
    prior = OFFSET_PRIOR * np.eye(3)
    offset, sigma = start, 0.02
    for _ in range(ROUNDS):
        error = np.linalg.norm(matrix @ offset - wanted, axis=1)
        sigma = max(float(np.median(error)) / 1.177, 1e-4)  # median of a 2D normal's radius
        weight = np.minimum(1.0, HUBER * sigma / np.maximum(error, 1e-9))
        normal = np.einsum("m,mki,mkj->ij", weight, matrix, matrix) + prior
        right = np.einsum("m,mki,mk->i", weight, matrix, wanted) + prior @ start
        offset = np.linalg.solve(normal, right)
    return offset, sigma


def _gather(clips: Sequence[PairClip], body: Body) -> _Sighted:
    parts: list[tuple[Floats, ...]] = []
    for clip in clips:
        found = clip.found
        if not found.any():
            continue
        outer, _ = forward_kinematics(
            matrix_from_axis_angle(clip.poses[found].astype(float)), body.rest_joints(clip.betas)
        )
        count = int(found.sum())
        parts.append(
            (
                outer,
                clip.joints_cam[found].astype(float),
                np.full(count, body.stature(clip.betas)),
                np.broadcast_to(clip.intrinsics, (count, 4)),
                clip.keypoints[found].astype(float),
                clip.keypoints_world[found].astype(float),
                clip.visible[found],
            )
        )
    return _Sighted(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False)
class FrontEndError:
    """How wrong the front end is on pairs."""

    frames: int
    found: float  # share of frames
    pixels: Floats  # (33,) median 2D distance of visible landmarks, share of body height
    pixels_mean: float  # over all visible landmarks
    mpjpe: float  # metres, 12 main joints of its own 3D, hips' middle in common
    pa_mpjpe: float  # the same after the best similarity


def front_end_error(
    clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration
) -> FrontEndError:
    """Hold what was seen against the truth."""
    sighted = _gather(clips, body)
    truth = calibration.landmarks(sighted.outer, sighted.joints, sighted.stature)
    distance = np.linalg.norm(
        project(truth, sighted.intrinsics) - sighted.keypoints[..., :2], axis=-1
    )
    distance = np.where(sighted.visible, distance / sighted.height[:, None], np.nan)
    seen_world = sighted.keypoints_world[:, list(MAIN_LANDMARKS)]
    joints = sighted.joints[:, list(MAIN_JOINTS)]
    joints = joints - joints[:, :2].mean(axis=1, keepdims=True)
    seen_world = seen_world - seen_world[:, :2].mean(axis=1, keepdims=True)
    aligned = _similarity(seen_world, joints)
    return FrontEndError(
        frames=len(joints),
        found=float(np.concatenate([clip.found for clip in clips]).mean()),
        pixels=np.nanmedian(distance, axis=0),
        pixels_mean=float(np.nanmean(distance)),
        mpjpe=float(np.linalg.norm(seen_world - joints, axis=-1).mean()),
        pa_mpjpe=float(np.linalg.norm(aligned - joints, axis=-1).mean()),
    )


def _similarity(points: Floats, target: Floats) -> Floats:
    """Points (M, N, 3) moved, turned and scaled onto the target. Source: Umeyama, 1991."""
    mean, goal = points.mean(axis=1, keepdims=True), target.mean(axis=1, keepdims=True)
    a, b = points - mean, target - goal
    u, d, vt = np.linalg.svd(np.swapaxes(b, 1, 2) @ a)
    sign = np.ones_like(d)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (d * sign).sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    return scale[:, None, None] * a @ np.swapaxes(rotation, 1, 2) + goal


def save_calibration(path: Path, calibration: LandmarkCalibration) -> None:
    """Write the three arrays under the names that `models/constants.npz` uses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        landmark_joint=calibration.joint.astype(np.int32),
        landmark_offset=calibration.offset.astype(np.float32),
        landmark_sigma=calibration.sigma.astype(np.float32),
    )


def load_calibration(path: Path) -> LandmarkCalibration:
    """Read what `save_calibration` wrote; other arrays in the file are left alone."""
    with np.load(path, allow_pickle=False) as archive:
        return LandmarkCalibration(
            joint=archive["landmark_joint"].astype(int),
            offset=archive["landmark_offset"].astype(float),
            sigma=archive["landmark_sigma"].astype(float),
        )


def mirror_difference(calibration: LandmarkCalibration) -> Floats:
    """(33,) units of stature: how far a landmark is from its other side's mirror image."""
    other = calibration.offset[list(MIRRORED_LANDMARKS)] * np.array([-1.0, 1.0, 1.0])
    return np.linalg.norm(calibration.offset - other, axis=-1)


def _report(title: str, error: FrontEndError) -> None:
    sys.stdout.write(
        f"{title}: {error.frames} frames seen ({error.found:.1%}), 2D median "
        f"{np.nanmedian(error.pixels):.2%}, mean {error.pixels_mean:.2%} of body height, "
        f"MPJPE {error.mpjpe * 1000:.0f} mm, PA-MPJPE {error.pa_mpjpe * 1000:.0f} mm\n"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure where the landmarks lie on the body.")
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    arguments = parser.parse_args()
    body = load_body("neutral")
    pairs = arguments.state / "pairs"
    clips = load_shards(pairs, "train")
    calibration = fit_calibration(clips, body)
    save_calibration(arguments.state / FILE_NAME, calibration)
    _report("train, template", front_end_error(clips, body, template_calibration(body)))
    for split in ("train", "val", "test", "hdm05"):
        held = load_shards(pairs, split)
        if held:
            _report(f"{split}, calibrated", front_end_error(held, body, calibration))
    for name, joint, offset, sigma in zip(
        LANDMARK_NAMES, calibration.joint, calibration.offset, calibration.sigma, strict=True
    ):
        place = " ".join(f"{value:+.4f}" for value in offset)
        sys.stdout.write(f"{name:18} joint {joint:2} offset {place} sigma {sigma:.4f}\n")


if __name__ == "__main__":
    main()
