"""Performances that nobody recorded stay within what joints and flesh allow."""

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.rotations import matrix_from_axis_angle, quaternion_from_matrix
from fhmr_blender.core.skeleton import CONTACT_JOINTS, JOINT_INDEX, LIMBS, forward_kinematics
from tests.training.synthetic_pairs import performance, swaying
from training.data.coverage import Coverage, blended, turned_over, warped
from training.data.limits import Clearance, JointLimits, segment_distance
from training.data.motion_cleaning import lowest_points
from training.data.performances import Performance
from training.data.posed import posed
from training.data.postures import POSTURES
from training.data.reach import PLACES, reach, reachable, target, target_points
from training.data.repertoire import Repertoire

COUNT = 24
POSTURE_NAMES = tuple(posture.name for posture in POSTURES)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("neutral")


@pytest.fixture(scope="module")
def rest(body: Body) -> Floats:
    return body.rest_joints(np.zeros(10))


@pytest.fixture(scope="module")
def coverage(rest: Floats) -> Coverage:
    return Coverage(gymnastics(0), rest)


def gymnastics(seed: int, count: int = 12000) -> Floats:
    """(count, 24, 3) poses that use the whole range of every joint, elbows and knees as hinges."""
    rng = np.random.default_rng(seed)
    poses = rng.uniform(-0.6, 0.6, (count, 24, 3))
    for name, half in (("shoulder", 1.8), ("hip", 0.7), ("wrist", 0.5)):
        for side in ("left", "right"):
            poses[:, JOINT_INDEX[f"{side}_{name}"]] = rng.uniform(-half, half, (count, 3))
    bend = rng.uniform(-0.6, 2.8, (count, 4))
    poses[:, [4, 5], 0] = bend[:, :2]
    poses[:, 18, 1], poses[:, 19, 1] = -bend[:, 2], bend[:, 3]
    return poses


def acted(seed: int, body: Body) -> Performance:
    return performance(seed, body, COUNT)


def changes(coverage: Coverage, body: Body, count: int) -> list[tuple[Performance, Performance]]:
    """Performances before and after, those that were changed."""
    made = []
    for seed in range(count):
        before = acted(seed, body)
        rng = np.random.default_rng(seed)
        made.append((before, coverage.change(rng, before, lambda: acted(1000 + seed, body))))  # noqa: B023
    return [(before, after) for before, after in made if after.name != before.name]


def changed_limbs(after: Performance) -> set[str]:
    """By what the performance says of itself."""
    parts = after.name.split("|")[1:]
    return {part.split(mark)[0] for part in parts for mark in "=~>" if mark in part} & set(LIMBS)


def test_changed_limbs_stay_within_the_recorded_limits_and_go_into_nothing(
    coverage: Coverage, body: Body, rest: Floats
) -> None:
    seen: set[str] = set()
    for _, after in changes(coverage, body, 60):
        if "time*" in after.name:  # passes between frames that were looked at
            continue
        limbs = changed_limbs(after)
        joints = tuple(joint for limb in limbs for joint in LIMBS[limb])
        quaternions = quaternion_from_matrix(after.rotations[:, joints])
        if joints:
            assert coverage.limits.within(quaternions, joints).all()
            _, places = forward_kinematics(after.rotations, rest)
            assert coverage.clearance.apart(places, tuple(limbs)).all()
        seen |= limbs
    assert seen == set(LIMBS)


def test_joints_that_are_not_changed_stay_as_they_were(coverage: Coverage, body: Body) -> None:
    for before, after in changes(coverage, body, 60):
        if any(mark in after.name for mark in ("over", "time*", *POSTURE_NAMES)):
            continue
        changed = [joint for limb in changed_limbs(after) for joint in LIMBS[limb]]
        kept = [joint for joint in range(24) if joint not in changed]
        np.testing.assert_array_equal(after.rotations[:, kept], before.rotations[:, kept])
        touch = [place for place, joint in enumerate(CONTACT_JOINTS) if joint in kept]
        if not any(name.endswith("leg") for name in changed_limbs(after)):
            np.testing.assert_array_equal(after.pelvis, before.pelvis)
            np.testing.assert_array_equal(after.contacts[:, touch], before.contacts[:, touch])


def test_the_same_generator_changes_alike(coverage: Coverage, body: Body) -> None:
    for seed in range(12):
        first, second = (
            coverage.change(np.random.default_rng(seed), acted(seed, body), lambda: acted(99, body))
            for _ in range(2)
        )
        assert first.name == second.name
        np.testing.assert_array_equal(first.rotations, second.rotations)
        np.testing.assert_array_equal(first.pelvis, second.pelvis)


def test_a_hand_reaches_its_place_and_only_shoulder_and_elbow_turn(
    coverage: Coverage, body: Body, rest: Floats
) -> None:
    reached: set[str] = set()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        pose = posed(acted(seed % 5, body).rotations, rest)
        arm = "left_arm" if seed % 2 else "right_arm"
        place = PLACES[seed // 2 % len(PLACES)]
        points = target_points(pose, target(rng, place, arm))
        weight = np.clip(np.linspace(0, 2, COUNT), 0, 1)
        after = reach(pose, arm, points, weight, coverage.limits)
        if after is None:
            continue
        shoulder, elbow, _, hand = LIMBS[arm]
        _, joints = forward_kinematics(after.rotations, rest)
        np.testing.assert_allclose(joints, after.joints, atol=1e-9)
        away = np.linalg.norm(joints[:, hand] - points, axis=1)
        assert away[weight == 1].max() < 0.03
        kept = [joint for joint in range(24) if joint not in (shoulder, elbow)]
        np.testing.assert_allclose(after.rotations[:, kept], pose.rotations[:, kept], atol=1e-9)
        np.testing.assert_allclose(after.rotations[0], pose.rotations[0], atol=1e-6)
        reached.add(place)
    assert reached >= {"face", "chest", "belly", "hip", "other shoulder"}


def test_no_arm_reaches_beyond_its_length(coverage: Coverage, body: Body, rest: Floats) -> None:
    pose = posed(acted(0, body).rotations, rest)
    far = pose.joints[:, JOINT_INDEX["left_shoulder"]] + np.array([0.8, 0.0, 0.0])
    assert not reachable(pose, "left_arm", far)
    assert reach(pose, "left_arm", far, np.ones(COUNT), coverage.limits) is None


def test_limits_hold_what_was_recorded_on_either_side_and_nothing_else() -> None:
    poses = gymnastics(1)
    limits = JointLimits(poses)
    joints = tuple(range(1, 24))
    recorded = quaternion_from_matrix(matrix_from_axis_angle(poses[:200, 1:]))
    assert limits.within(recorded, joints).all()
    elbow = JOINT_INDEX["left_elbow"]
    backwards = quaternion_from_matrix(matrix_from_axis_angle(np.array([[[0.0, 1.2, 0.0]]])))
    assert not limits.within(backwards, (elbow,)).any()
    assert limits.within(backwards, (JOINT_INDEX["right_elbow"],)).all()
    drawn = limits.draw(np.random.default_rng(0), joints, 50)
    assert limits.within(drawn, joints).all()


def test_a_hand_in_the_belly_is_not_apart(rest: Floats) -> None:
    clearance = Clearance(gymnastics(2, 2000), rest)
    _, joints = forward_kinematics(matrix_from_axis_angle(np.zeros((1, 24, 3))), rest)
    assert clearance.apart(joints, tuple(LIMBS)).all()
    inside = joints.copy()
    inside[:, JOINT_INDEX["left_hand"]] = (joints[:, 3] + joints[:, 6]) / 2
    assert not clearance.apart(inside, ("left_arm",)).any()
    assert clearance.apart(inside, ("right_leg",)).all()


def test_the_distance_of_segments_is_that_of_their_nearest_points() -> None:
    rng = np.random.default_rng(0)
    start, along, other, way = rng.normal(size=(4, 50, 3))
    share = np.linspace(0, 1, 201)
    points = start[:, None] + share[:, None] * along[:, None]
    others = other[:, None] + share[:, None] * way[:, None]
    slow = np.linalg.norm(points[:, :, None] - others[:, None], axis=-1).min(axis=(1, 2))
    # Points half a hundredth of a segment off the nearest ones.
    np.testing.assert_allclose(segment_distance(start, along, other, way), slow, atol=0.02)


def test_a_body_turned_over_lies_on_the_floor(coverage: Coverage, body: Body, rest: Floats) -> None:
    tilts = []
    for seed in range(30):
        before = acted(seed, body)
        after = coverage.grounded(turned_over(np.random.default_rng(seed), before))
        _, joints = forward_kinematics(after.rotations, rest)
        lowest = lowest_points(joints + after.pelvis[:, None]).min()
        assert lowest == pytest.approx(0.0, abs=1e-9)
        np.testing.assert_array_equal(after.rotations[:, 1:], before.rotations[:, 1:])
        tilts.append(after.rotations[0, 0, 2, 1])  # how far the body's up is up
    assert min(tilts) < -0.7
    assert max(tilts) > 0.5


def test_postures_stand_on_the_floor_and_stay_within_the_limits(
    coverage: Coverage, body: Body, rest: Floats
) -> None:
    legs = ("left_leg", "right_leg")
    joints = tuple(joint for limb in legs for joint in LIMBS[limb])
    taken: set[str] = set()
    for seed in range(40):
        before = acted(seed, body)
        after = coverage.in_posture(np.random.default_rng(seed), before)
        if after is before:
            continue
        taken.add(after.name.split("|")[-1])
        _, places = forward_kinematics(after.rotations, rest)
        lowest = lowest_points(places + after.pelvis[:, None])
        assert lowest.min() == pytest.approx(0.0, abs=1e-9)
        assert lowest.max() < 0.25
        quaternions = quaternion_from_matrix(after.rotations[:, joints])
        assert coverage.limits.within(quaternions, joints).all()
        assert coverage.clearance.apart(places, legs).all()
        np.testing.assert_array_equal(
            after.rotations[:, LIMBS["head"]], before.rotations[:, LIMBS["head"]]
        )
    assert len(taken) > 8
    assert taken <= set(POSTURE_NAMES)


def test_warped_time_passes_the_same_poses(body: Body) -> None:
    before = acted(3, body)
    after = warped(np.random.default_rng(1), before)
    assert (np.diff(after.seconds) > 0).all()
    assert np.ptp(np.diff(after.seconds)) < 1e-9  # frames stay evenly spaced
    for end in (0, -1):
        np.testing.assert_allclose(after.rotations[end], before.rotations[end], atol=1e-9)
        np.testing.assert_allclose(after.pelvis[end], before.pelvis[end], atol=1e-9)
    nearest = np.abs(after.pelvis[:, None, 0] - before.pelvis[None, :, 0]).min(axis=1)
    assert nearest.max() <= np.diff(before.pelvis[:, 0]).max() / 2 + 1e-9


def test_a_blend_goes_along_the_great_arc() -> None:
    turns = np.array([[0.2, 0.0, 0.0], [1.4, 0.0, 0.0]])
    first, second = quaternion_from_matrix(matrix_from_axis_angle(turns))[:, None, None]
    share = np.array([0.0, 0.25, 1.0])
    mixed = blended(np.repeat(first, 3, axis=0), -np.repeat(second, 3, axis=0), share)
    angle = 2 * np.arctan2(mixed[:, 0, 1], mixed[:, 0, 0])
    np.testing.assert_allclose(angle, [0.2, 0.5, 1.4], atol=1e-9)


def test_a_repertoire_changes_the_share_that_is_asked_for(rest: Floats) -> None:
    repertoire = Repertoire([swaying(seed) for seed in range(6)], rest)
    rng = np.random.default_rng(0)
    plain = [repertoire.draw(rng, 8, exchange=0.0).name for _ in range(40)]
    assert not any(mark in name for name in plain for mark in "=~>")
    mixed = [repertoire.draw(rng, 8, exchange=0.0, coverage=0.5).name for _ in range(120)]
    changed = np.mean(
        [any(mark in name for mark in ("=", "~", ">", "*", "over")) for name in mixed]
    )
    assert 0.3 < changed < 0.6
