"""Somebody who was never photographed: exact observations, and networks of three lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fhmr_blender.core import shot_file
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.frames import rigid
from fhmr_blender.core.motion import (
    MEAN_SAMPLE,
    Anchor,
    LimbSamples,
    Motion,
    Observations,
    Person,
    Shot,
)
from fhmr_blender.core.rotations import matrix_from_axis_angle, sixd_from_matrix
from fhmr_blender.core.skeleton import (
    JOINT_INDEX,
    LANDMARK_NAMES,
    LIMB_JOINTS,
    TORSO_JOINTS,
)
from fhmr_blender.pipeline.alignment import Build, Posture
from fhmr_blender.pipeline.evidence import Evidence
from fhmr_blender.pipeline.weights import Networks
from fhmr_blender.pipeline.world import move_to_world

INTRINSICS = np.array([900.0, 900.0, 320.0, 240.0])
SIZE = (640, 480)
_PARTS = {
    "shoulder": "shoulder", "elbow": "elbow", "wrist": "wrist", "pinky": "wrist",
    "index": "wrist", "thumb": "wrist", "hip": "hip", "knee": "knee", "ankle": "ankle",
    "heel": "ankle",
}  # fmt: skip


def _joint_of(landmark: str) -> int:
    side = "right" if "right" in landmark else "left"
    if "foot" in landmark:
        return JOINT_INDEX[f"{side}_foot"]
    part = next((joint for name, joint in _PARTS.items() if name in landmark), None)
    return JOINT_INDEX["head" if part is None else f"{side}_{part}"]


def constants() -> dict[str, np.ndarray]:
    """What `models/constants.npz` holds."""
    rng = np.random.default_rng(5)
    return {
        "landmark_joint": np.array([_joint_of(name) for name in LANDMARK_NAMES]),
        "landmark_offset": rng.normal(0.0, 0.02, (33, 3)),
        "landmark_sigma": np.full(33, 0.02),
        "visibility_slope": np.ones(33),
        "visibility_intercept": np.zeros(33),
        "latent_mean": np.concatenate((np.tile([1.0, 0, 0, 0, 1, 0], 18), np.zeros(60))),
        "latent_std": np.full(168, 0.3),
    }


def calibration() -> LandmarkCalibration:
    values = constants()
    return LandmarkCalibration(
        values["landmark_joint"], values["landmark_offset"], values["landmark_sigma"]
    )


def build() -> Build:
    body = neutral()
    return Build(body.rest_joints(np.zeros(10)), float(body.stature(np.zeros(10))), calibration())


_bodies: list[Body] = []


def neutral() -> Body:
    if not _bodies:
        _bodies.append(load_body("neutral"))
    return _bodies[0]


def posture(count: int, seed: int = 0, bend: float = 0.25) -> Posture:
    """Somebody upright before the camera, joints bent at random."""
    rng = np.random.default_rng(seed)
    turns = rng.normal(0.0, bend, (count, 24, 3))
    turns[:, 0] = np.array([np.pi, 0.0, 0.0]) + rng.normal(0.0, 0.1, (count, 3))
    pelvis = np.array([0.1, 0.05, 3.5]) + rng.normal(0.0, 0.05, (count, 3))
    return Posture(matrix_from_axis_angle(turns), pelvis)


def landmarks(pose: Posture) -> np.ndarray:
    """(N, 33, 3) metres, `cam`."""
    made = build()
    body = neutral()
    joints = body.joints(pose.rotations, np.zeros(10), pose.pelvis - made.rest_joints[0])
    outer = body.outer_rotations(pose.rotations)
    return made.calibration.landmarks(outer, joints, made.stature)


def evidence(pose: Posture, noise: float = 0.0, seed: int = 1) -> Evidence:
    """The landmarks of a posture as the picture would show them."""
    exact = project(landmarks(pose), INTRINSICS)
    jitter = np.random.default_rng(seed).normal(0.0, noise, exact.shape)
    every = np.ones(exact.shape[:2])
    return Evidence(exact + jitter, every, np.tile(INTRINSICS, (len(exact), 1)), every)


def observations(pose: Posture, seed: int = 1) -> Observations:
    rng = np.random.default_rng(seed)
    count = len(pose.pelvis)
    marks = landmarks(pose)
    pixels = project(marks, INTRINSICS)
    centre = pixels[:, [23, 24]].mean(axis=1)
    region = np.column_stack((centre, np.full(count, 480.0), np.zeros(count)))
    confidences = np.full((count, 33, 2), 0.97)
    hip = marks[:, [23, 24]].mean(axis=1, keepdims=True)
    return Observations(
        frames=np.arange(count),
        seconds=np.arange(count) / 30.0,
        intrinsics=np.tile(INTRINSICS, (count, 1)),
        bbox=np.tile([200.0, 20.0, 460.0, 470.0], (count, 1)),
        region=region,
        track_confidence=np.full(count, 0.9),
        keypoints=np.concatenate((pixels, marks[..., 2:] * 50.0, confidences), axis=-1),
        keypoints_world=marks - hip,
        agreement=np.full((count, 33), np.nan),
        image_feature=rng.normal(0.0, 1.0, (count, 288)),
    )


def person(count: int, number: int = 1, samples: int = 3, pose: Posture | None = None) -> Person:
    pose = posture(count, seed=number) if pose is None else pose
    rest_pelvis = build().rest_joints[0]
    motion = Motion(pose.rotations, pose.pelvis - rest_pelvis, np.zeros(10))
    rng = np.random.default_rng(number)
    return Person(
        id=number,
        observations=observations(pose),
        anchor=Anchor(
            rotations=pose.rotations[:, TORSO_JOINTS],
            transl=motion.transl,
            betas=np.zeros(10),
            log_variance=np.full((count, 8), -3.0),
            limb_trust=np.full((count, 5), 0.8),
            first_guess=pose.rotations[:, LIMB_JOINTS],
        ),
        samples=LimbSamples(
            frames=np.arange(count),
            rotations6d=sixd_from_matrix(
                matrix_from_axis_angle(rng.normal(0.0, 0.3, (samples, count, 18, 3)))
            ),
            scores=rng.normal(size=(samples, count, 5)),
        ),
        seed=3,
        sample_count=np.full((count, 5), samples),
        chosen=np.full((count, 5), MEAN_SAMPLE),
        motion_cam=motion,
        joints_cam=neutral().joints(motion.rotations, motion.betas, motion.transl),
        motion_world=move_to_world(motion, _world(), rest_pelvis),
        contacts=np.full((count, 6), 0.5),
    )


def _world() -> np.ndarray:
    """(4, 4) `T_world_from_cam`: a level camera at 1.4 m."""
    return rigid(np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]), np.array([0.0, 0, 1.4]))


def swaying(count: int, seed: int = 0) -> Posture:
    """The same somebody in slow motion: every joint swings a little, smoothly."""
    rng = np.random.default_rng(seed)
    still = posture(1, seed)
    phase = rng.uniform(0.0, 2.0 * np.pi, (24, 3)) + np.arange(count)[:, None, None] / 4.0
    turns = matrix_from_axis_angle(rng.uniform(0.0, 0.5, (24, 3)) * np.sin(phase))
    return Posture(still.rotations @ turns, np.repeat(still.pelvis, count, axis=0))


def shot(count: int = 4, people: int = 1, moving: bool = False) -> Shot:
    """A shot as a file would give it back; `moving` from frame to frame as people do."""
    named = {"name": "neutral", "sha256": neutral().sha256}
    made = Shot(
        source="walk.mp4",
        source_sha256="0" * 64,
        size=SIZE,
        fps=30.0,
        frames=np.arange(count),
        intrinsics=np.tile(INTRINSICS, (count, 1)),
        T_world_from_cam=np.tile(_world(), (count, 1, 1)),
        settings={
            "seed": 3,
            "alignment": True,
            "body": {str(number): named for number in range(1, people + 1)},
        },
        people=tuple(
            person(count, number, pose=swaying(count, number) if moving else None)
            for number in range(1, people + 1)
        ),
    )
    return shot_file.stored(made)


def completion_network(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Says something of everything that it is given; what is withheld must not show."""
    latent, given = inputs["latent"], inputs["given"][..., :1]
    seen = inputs["landmarks"][..., :2].reshape(*given.shape[:2], -1) * given
    guess = inputs["first_guess"].reshape(*given.shape[:2], -1) * inputs["guess_given"][..., None]
    told = np.concatenate(
        (seen, guess, inputs["anchor_rotations"].reshape(*given.shape[:2], -1)), -1
    )
    picture = np.sin(told @ _mixing(told.shape[-1]))
    clean = 0.5 * latent + 0.3 * picture + 0.1 * inputs["time"][:, None, None]
    clean = np.where(inputs["known"] > 0.5, latent, clean)
    return {
        "clean": clean.astype(np.float32),
        "contacts": (latent[..., :6] + given).astype(np.float32),
    }


def _mixing(size: int) -> np.ndarray:
    return np.random.default_rng(9).normal(0.0, 0.3, (size, 168))


def never(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    raise AssertionError("this network has nothing to say here")


def networks() -> Networks:
    """Stage 2 alone; everything before it has been done."""
    return Networks(
        landmarker=never,
        detector=never,
        person_detector=never,
        anchor=never,
        completion=completion_network,
        constants=constants(),
        checksums={},
    )


def hidden_from(one: Person) -> Person:
    """The same person and anchor under quite another picture."""
    rng = np.random.default_rng(77)
    seen = one.observations
    keypoints = seen.keypoints + rng.normal(0.0, 60.0, seen.keypoints.shape)
    keypoints[..., 3:] = rng.random(keypoints[..., 3:].shape)
    other = replace(
        seen,
        keypoints=keypoints,
        keypoints_world=seen.keypoints_world + rng.normal(0.0, 0.5, seen.keypoints_world.shape),
        image_feature=rng.normal(0.0, 1.0, seen.image_feature.shape),
    )
    anchor = replace(
        one.anchor,
        first_guess=matrix_from_axis_angle(rng.normal(0.0, 0.5, (len(seen.frames), 18, 3))),
        limb_trust=rng.random(one.anchor.limb_trust.shape),
    )
    return replace(one, observations=other, anchor=anchor)
