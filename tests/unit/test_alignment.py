"""Bodies fitted to landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import LIMB_JOINTS, TORSO_JOINTS, forward_kinematics
from fhmr_blender.pipeline.alignment import (
    Freedom,
    Posture,
    align,
    angle_deviations,
    reprojection,
)
from fhmr_blender.pipeline.evidence import Evidence
from tests.unit.sitter import build, evidence, posture

EVERYTHING = tuple(range(24))


def shaken(pose: Posture, angle: float, depth: float = 0.0, seed: int = 2) -> Posture:
    rng = np.random.default_rng(seed)
    turns = matrix_from_axis_angle(rng.normal(0.0, angle, (len(pose.pelvis), 24, 3)))
    stretch = 1.0 + depth * rng.normal(size=(len(pose.pelvis), 1))
    return Posture(pose.rotations @ turns, pose.pelvis * stretch)


def free(count: int, joints: tuple[int, ...] = EVERYTHING, *, moves: bool = True) -> Freedom:
    return Freedom(joints, np.full((count, 24), 0.2), np.full(count, 0.05) if moves else None)


def joint_error(pose: Posture, truth: Posture) -> float:
    """Metres, relative to the pelvis."""
    rest = build().rest_joints
    joints = [forward_kinematics(one.rotations, rest)[1] for one in (pose, truth)]
    return float(np.linalg.norm(joints[0] - joints[1], axis=-1).mean())


def test_alignment_finds_the_way_back_to_the_landmarks() -> None:
    truth = posture(20)
    seen, start = evidence(truth), shaken(truth, 0.15, depth=0.03)
    found = align(start, build(), seen, free(20))
    assert reprojection(start, build(), seen).mean() > 15.0
    assert reprojection(found, build(), seen).mean() < 3.0
    assert joint_error(found, truth) < 0.75 * joint_error(start, truth)


@pytest.mark.parametrize("seed", range(5))
def test_alignment_never_makes_the_reprojection_of_any_frame_worse(seed: int) -> None:
    truth = posture(40, seed=seed)
    # Landmarks so wrong that the fit is often led astray.
    seen = evidence(truth, noise=40.0, seed=seed)
    for start in (truth, shaken(truth, 0.3, depth=0.1, seed=seed)):
        for freedom in (free(40), free(40, LIMB_JOINTS, moves=False)):
            found = align(start, build(), seen, freedom)
            before, after = (reprojection(one, build(), seen) for one in (start, found))
            assert np.all(after <= before)


def test_aligning_limbs_leaves_the_torso_and_the_place_the_same_to_the_bit() -> None:
    truth = posture(10)
    start = shaken(truth, 0.2)
    found = align(start, build(), evidence(truth), free(10, LIMB_JOINTS, moves=False))
    np.testing.assert_array_equal(found.pelvis, start.pelvis)
    np.testing.assert_array_equal(
        found.rotations[:, TORSO_JOINTS], start.rotations[:, TORSO_JOINTS]
    )
    assert not np.array_equal(found.rotations, start.rotations)


def test_without_strength_the_landmarks_are_not_looked_at() -> None:
    start = posture(3)
    nowhere = Evidence(
        np.full((3, 33, 2), np.nan), np.ones((3, 33)), np.ones((3, 4)), np.ones((3, 33))
    )
    assert align(start, build(), nowhere, free(3), strength=0.0) is start


def test_hidden_landmarks_move_nothing() -> None:
    truth, other = posture(6), posture(6, seed=8)
    start = shaken(truth, 0.1)
    seen, elsewhere = evidence(truth), evidence(other)
    hidden = np.ones((6, 33))
    hidden[:, [13, 15, 17, 19, 21]] = 0.0  # the left arm
    pixels = np.where(hidden[..., None] > 0, seen.pixels, elsewhere.pixels)
    first = align(start, build(), replace(seen, visible=hidden), free(6))
    second = align(start, build(), replace(seen, pixels=pixels, visible=hidden), free(6))
    np.testing.assert_allclose(first.rotations, second.rotations, atol=1e-9)  # rounding


def test_the_surer_the_network_the_less_it_is_moved() -> None:
    truth = posture(12)
    start, seen = shaken(truth, 0.2), evidence(truth)

    def strayed(deviation: float) -> float:
        freedom = Freedom(EVERYTHING, np.full((12, 24), deviation), np.full(12, 0.05))
        return joint_error(align(start, build(), seen, freedom), start)

    assert strayed(0.02) < 0.5 * strayed(0.3)


def test_one_wild_landmark_does_not_drag_the_body() -> None:
    truth = posture(12)
    seen = evidence(truth)
    pixels = seen.pixels.copy()
    pixels[:, 25] += 150.0  # the left knee
    found = align(truth, build(), replace(seen, pixels=pixels), free(12))
    assert joint_error(found, truth) < 0.03  # metres; all landmarks alike would give .08


def test_frames_are_aligned_each_on_its_own() -> None:
    truth = posture(7)
    start, seen = shaken(truth, 0.2), evidence(truth, noise=2.0)
    together = align(start, build(), seen, free(7))
    for frame in range(7):
        one = slice(frame, frame + 1)
        alone = align(
            Posture(start.rotations[one], start.pelvis[one]), build(), seen.within(one), free(1)
        )
        np.testing.assert_allclose(alone.rotations[0], together.rotations[frame], atol=1e-6)


def test_variances_reach_the_joints_of_their_group() -> None:
    log_variance = 2.0 * np.log(np.arange(1.0, 9.0))[None]
    deviations = angle_deviations(log_variance)[0]
    expected = {0: 1, 3: 2, 13: 2, 12: 3, 15: 3, 16: 4, 22: 4, 17: 5, 1: 6, 10: 6, 2: 7, 11: 7}
    for joint, deviation in expected.items():
        assert deviations[joint] == pytest.approx(deviation)


def test_somebody_behind_the_camera_does_no_harm() -> None:
    truth = posture(2)
    behind = Posture(truth.rotations, -truth.pelvis)
    found = align(behind, build(), evidence(truth), free(2))
    assert np.isfinite(found.rotations).all()
    assert np.isfinite(found.pelvis).all()
