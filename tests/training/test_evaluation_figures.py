"""Figures with known answers: in the world, of samples, of rare poses, of the flipped picture."""

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import LIMB_LANDMARKS, MIRRORED_JOINTS, forward_kinematics
from fhmr_blender.pipeline.alignment import Posture
from tests.training import tiny
from tests.training.synthetic_pairs import exact_clip, swaying
from training import metrics
from training.data.pairs import MIRRORED_PICTURE
from training.data.sample import PairClip
from training.evaluation import world_metrics
from training.evaluation.answers import averaged, unmirrored_landmarks, unmirrored_posture
from training.evaluation.clips import Case, paired, single_pictures, spread_out
from training.evaluation.hypotheses import Hypotheses, nearest_by_limb, nearest_samples
from training.evaluation.rarity import (
    case_descriptors,
    level_joints,
    rarity,
    recorded_descriptors,
    rendered_descriptors,
)

FLIP = np.array([-1.0, 1.0, 1.0])


def walk(frames: int, seed: int = 0) -> Floats:
    """(T, 24, 3) joints that wander through the world."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0, 0.4, (1, 24, 3)) + rng.normal(0, 0.02, (frames, 24, 3))
    return pose + np.linspace(0, 2, frames)[:, None, None] * np.array([1.0, 0.5, 0.0])


def clip(seed: int = 0, name: str = "clip", **changes: object) -> PairClip:
    return replace(exact_clip(seed, tiny.body(), tiny.calibration()), name=name, **changes)


def flipped(plain: PairClip) -> PairClip:
    """The twin of a clip: only its name and who was found matter here."""
    return replace(plain, name=plain.name + MIRRORED_PICTURE)


def test_a_similarity_is_carried_back_exactly_and_a_rigid_move_keeps_its_size() -> None:
    there = walk(1)[0]
    turn = matrix_from_axis_angle(np.array([0.3, -1.0, 0.5]))
    here = 1.3 * there @ turn.T + np.array([4.0, -2.0, 1.0])
    np.testing.assert_allclose(metrics.carried(here, here, there), there, atol=1e-9)
    rigid = metrics.carried(here, here, there, scaled=False)
    middle = there.mean(axis=0)
    np.testing.assert_allclose(rigid - middle, 1.3 * (there - middle), atol=1e-9)


def test_a_motion_in_other_axes_and_at_another_scale_has_no_error_in_the_world() -> None:
    truth = walk(120)
    turned = 0.8 * truth @ rotation_about(2, 1.0).T + 3.0
    assert world_metrics.wa_mpjpe(turned, truth) == pytest.approx(0.0, abs=1e-9)
    assert world_metrics.w_mpjpe(turned, truth) == pytest.approx(0.0, abs=1e-9)


def test_drift_costs_more_after_the_first_frames_alone_are_laid_over_each_other() -> None:
    truth = walk(100)
    drifting = truth + np.linspace(0, 1, 100)[:, None, None] * np.array([0.0, 0.0, 1.0])
    whole, first = (f(drifting, truth) for f in (world_metrics.wa_mpjpe, world_metrics.w_mpjpe))
    assert first == pytest.approx(0.5, abs=0.05)  # a metre of drift, half of it on average
    assert whole < 0.6 * first


def test_segments_of_a_hundred_frames_forget_the_drift_before_them() -> None:
    truth = walk(200)
    jump = truth + np.repeat([0.0, 5.0], 100)[:, None, None]
    assert world_metrics.w_mpjpe(jump, truth) == pytest.approx(0.0, abs=1e-9)


def test_a_way_that_is_a_tenth_too_long_is_off_by_a_fortieth_of_it() -> None:
    way = np.linspace(0, 1, 101)[:, None] * np.array([1.0, 0.0, 0.0])
    error = world_metrics.root_translation_error(1.1 * way, way)
    assert error == pytest.approx(0.025, abs=1e-3)  # 10 % of a quarter, the mean from the middle
    assert np.isnan(world_metrics.root_translation_error(way * 0.1, way * 0.1))


def test_only_feet_on_the_ground_slide() -> None:
    joints = np.zeros((5, 24, 3))
    joints[:, 7, 0] = 0.003 * np.arange(5)
    joints[:, 8, 0] = 1.0 * np.arange(5)
    contacts = np.zeros((5, 6), dtype=bool)
    seconds = np.arange(5) / 30
    assert np.isnan(world_metrics.foot_sliding(joints, contacts, seconds))
    contacts[:, 0] = True
    assert world_metrics.foot_sliding(joints, contacts, seconds) == pytest.approx(0.003)
    assert world_metrics.foot_sliding(joints, contacts, 2 * seconds) == pytest.approx(0.0015)


@pytest.mark.parametrize(("shrunk", "slope"), [(1.0, 1.0), (0.5, 2.0)])
def test_samples_as_wide_as_their_error_have_a_slope_of_one(shrunk: float, slope: float) -> None:
    rng = np.random.default_rng(0)
    wide = rng.uniform(0.02, 0.3, (2000, 1))  # metres, each joint's own
    samples = shrunk * wide[..., None] * rng.normal(size=(10, 2000, 1, 3))
    truth = wide[..., None] * rng.normal(size=(2000, 1, 3))
    spread = metrics.spread(samples) * np.sqrt(10 / 9)
    error = np.linalg.norm(truth - samples.mean(axis=0), axis=-1)
    # The mean length of a Gaussian of three dimensions is 0.92 of its root mean square.
    assert metrics.calibration_slope(spread, error) == pytest.approx(slope * 0.94, rel=0.06)


def test_the_nearest_sample_is_chosen_by_hidden_joints_and_limbs_may_choose_for_themselves() -> (
    None
):
    errors = np.ones((2, 1, 8))
    errors[0, 0, 4] = errors[0, 0, 6] = 0.0  # sample 0 has the left arm, sample 1 the right one
    errors[1, 0, 5] = errors[1, 0, 7] = 0.2
    hidden = np.array([[False, False, False, False, True, False, True, False]])
    np.testing.assert_array_equal(nearest_samples(errors, hidden)[0], errors[0, 0])
    best = nearest_by_limb(errors, np.ones((1, 8), dtype=bool))[0]
    np.testing.assert_array_equal(best[[4, 6, 5, 7]], [0.0, 0.0, 0.2, 0.2])


def test_spread_that_follows_error_has_a_ratio_of_one() -> None:
    visible = np.repeat([True, False], 50)[:, None]
    level = np.where(visible, 0.05, 0.1)
    found = Hypotheses(visible=[visible], spread=[level], error=[2 * level])
    assert found.ratio == pytest.approx(1.0)
    assert found.slope(True) == pytest.approx(2.0)
    assert found.mean("spread", False) == pytest.approx(0.1)


def test_a_pose_that_was_trained_on_is_not_rare_in_any_heading_nor_in_the_mirror() -> None:
    rest = tiny.body().rest_joints(np.zeros(10))
    recording = swaying(3, count=24)
    trained = recorded_descriptors([recording], rest)
    rotations = matrix_from_axis_angle(recording.poses[:1].astype(float))
    turned = rotations.copy()
    turned[:, 0] = rotation_about(2, 2.0) @ rotations[:, 0]
    mirrored = matrix_from_axis_angle(
        recording.poses[:1, list(MIRRORED_JOINTS)] * np.array([1.0, -1.0, -1.0])
    )
    for poses in (rotations, turned, mirrored):
        assert rarity(level_joints(poses, rest), trained)[0] == pytest.approx(0.0, abs=2e-3)


def test_rarity_is_the_distance_to_the_nearest_pose_in_metres() -> None:
    trained = np.zeros((2, 72))
    trained[1] = 5.0
    pose = np.zeros((1, 24, 3))
    pose[..., 0] = 0.1  # every joint a decimetre away
    assert rarity(pose.reshape(1, 72), trained)[0] == pytest.approx(0.1, abs=1e-4)


def test_a_clip_is_not_rare_among_itself() -> None:
    rest = tiny.body().rest_joints(np.zeros(10))
    here = clip(1)
    (case,) = paired([here], None)
    trained = rendered_descriptors([here, clip(2)], rest)
    np.testing.assert_allclose(rarity(case_descriptors(case, rest), trained), 0.0, atol=2e-3)


def test_a_clip_goes_with_the_flipped_one_behind_it() -> None:
    first, second = clip(0, "a"), clip(1, "b")
    cases = paired([first, flipped(first), second], None)
    assert [case.clip.name for case in cases] == ["a", "b"]
    assert cases[0].mirrored is not None and cases[0].mirrored.name == "a" + MIRRORED_PICTURE
    assert cases[1].mirrored is None
    assert not cases[1].mirror_found.any()


def test_frames_where_nobody_was_found_are_left_out_of_both_pictures() -> None:
    found = np.arange(16) % 2 == 0
    seen_in_the_mirror = np.arange(16) != 2
    plain = clip(0, "a", found=found)
    twin = replace(flipped(plain), found=seen_in_the_mirror)
    (case,) = paired([plain, twin], None)
    assert len(case) == 8
    np.testing.assert_array_equal(case.clip.seconds, plain.seconds[found])
    np.testing.assert_array_equal(case.mirror_found, np.arange(8) != 1)
    assert paired([replace(plain, found=np.zeros(16, dtype=bool))], None) == ()


def test_single_pictures_are_cases_of_one_frame_and_a_choice_is_spread_out() -> None:
    cases = paired([clip(seed, str(seed)) for seed in range(5)], None)
    ones = single_pictures(cases[:1], 5)
    assert [len(case) for case in ones] == [1, 1, 1, 1]
    assert [case.clip.name for case in spread_out(cases, 3)] == ["0", "2", "4"]


def test_a_limb_is_hidden_where_most_of_its_landmarks_are() -> None:
    visible = np.ones((16, 33), dtype=bool)
    visible[0, list(LIMB_LANDMARKS["left_arm"])[:3]] = False
    visible[1] = False
    (case,) = paired([clip(0, visible=visible)], None)
    np.testing.assert_array_equal(case.hidden_limbs[:3], [1, 5, 0])


def test_a_camera_moves_when_it_turns_or_travels() -> None:
    still = clip(0)
    rest = replace(
        still,
        R_world_from_cam=np.broadcast_to(still.R_world_from_cam[:1], (16, 3, 3)),
        camera_position=np.broadcast_to(still.camera_position[:1], (16, 3)),
    )
    travels = replace(rest, camera_position=rest.camera_position + np.arange(16)[:, None] * 0.01)
    turn = rotation_about(2, np.linspace(0, 0.1, 16))
    turns = replace(rest, R_world_from_cam=turn @ rest.R_world_from_cam)
    assert [Case(one, None, None).camera_moves for one in (rest, travels, turns)] == [
        False,
        True,
        True,
    ]


def test_landmarks_of_the_flipped_picture_come_back_to_their_side() -> None:
    landmarks = np.zeros((1, 33, 3))
    landmarks[0, 15] = (0.4, 0.1, -0.2)  # the left wrist of the picture's own person
    seen_in_the_mirror = np.zeros((1, 33, 3))
    seen_in_the_mirror[0, 16] = landmarks[0, 15] * FLIP  # looks like a right wrist there
    np.testing.assert_array_equal(unmirrored_landmarks(seen_in_the_mirror), landmarks)


def test_a_posture_of_the_flipped_picture_has_its_joints_where_the_picture_has_them() -> None:
    rng = np.random.default_rng(0)
    posture = Posture(
        matrix_from_axis_angle(rng.normal(0, 0.7, (2, 24, 3))), rng.normal(size=(2, 3))
    )
    rest = tiny.body().rest_joints(np.zeros(10))
    rest = (rest + rest[list(MIRRORED_JOINTS)] * FLIP) / 2  # a body with two equal sides
    back = unmirrored_posture(posture)
    here = forward_kinematics(posture.rotations, rest)[1] + posture.pelvis[:, None]
    there = forward_kinematics(back.rotations, rest)[1] + back.pelvis[:, None]
    np.testing.assert_allclose(there, here[:, list(MIRRORED_JOINTS)] * FLIP, atol=1e-6)
    both = averaged([posture, unmirrored_posture(back)])
    np.testing.assert_allclose(both.rotations, posture.rotations, atol=1e-6)
