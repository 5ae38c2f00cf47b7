"""Limbs drawn around a fixed anchor, and one answer chosen from many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.motion import Person, assemble
from fhmr_blender.core.rotations import (
    geodesic_angle,
    matrix_from_axis_angle,
    matrix_from_sixd,
)
from fhmr_blender.core.skeleton import (
    LIMB_JOINTS,
    LIMB_NAMES,
    LIMB_OF_LIMB_JOINT,
    forward_kinematics,
)
from fhmr_blender.pipeline.anchor import regress_anchor, view_of
from fhmr_blender.pipeline.completion import Completion, Draw, Known, Subject, complete
from fhmr_blender.pipeline.selection import (
    best_samples,
    mean_rotations,
    pick_limbs,
    score_samples,
)
from fhmr_blender.pipeline.windows import LONGEST, OVERLAP, cut, fades
from tests.unit.sitter import (
    build,
    completion_network,
    constants,
    evidence,
    hidden_from,
    neutral,
    person,
    posture,
)

LEFT_ARM = LIMB_NAMES.index("left_arm")
ARM = LIMB_OF_LIMB_JOINT == LEFT_ARM


def subject(one: Person) -> Subject:
    turns = np.broadcast_to(np.eye(3), (len(one.observations.frames), 3, 3))
    return Subject(
        view=view_of(one.observations, turns),
        frames=one.observations.frames,
        anchor=one.anchor,
        rest_joints=neutral().rest_joints(one.anchor.betas),
    )


def drawn(
    one: Person,
    *,
    seed: int = 0,
    samples: int = 3,
    guidance: float = 1.0,
    known: Known | None = None,
) -> Completion:
    draw = Draw(seed=seed, person=one.id, samples=samples, guidance=guidance, steps=4)
    return complete(subject(one), completion_network, constants(), draw, known)


def only_left_arm(one: Person) -> Known:
    """Everything is known but the left arm."""
    limbs = np.ones((len(one.observations.frames), 5), dtype=bool)
    limbs[:, LEFT_ARM] = False
    count = len(limbs)
    rotations = one.motion_cam.rotations[:, LIMB_JOINTS]
    return Known(limbs, rotations, np.zeros((count, 18, 3, 3)), np.zeros((count, 18, 3)))


# -- drawing


def test_the_same_seed_gives_the_same_bits() -> None:
    one = person(3)
    np.testing.assert_array_equal(drawn(one).rotations, drawn(one).rotations)


def test_another_seed_gives_other_limbs() -> None:
    one = person(3)
    turned = geodesic_angle(drawn(one).rotations, drawn(one, seed=1).rotations)
    assert turned.mean() > 0.05


@pytest.mark.parametrize("samples", [1, 5, 8, 11])
def test_a_sample_is_the_same_however_many_are_drawn(samples: int) -> None:
    one = person(2)
    many = drawn(one, samples=12).rotations
    np.testing.assert_array_equal(drawn(one, samples=samples).rotations, many[:samples])


def test_known_limbs_come_back_and_the_others_are_drawn() -> None:
    one = person(3)
    found = drawn(one, known=only_left_arm(one)).rotations
    stored = one.motion_cam.rotations[:, LIMB_JOINTS]
    for sample in found:
        np.testing.assert_allclose(sample[:, ~ARM], stored[:, ~ARM], atol=1e-6)  # float32
    assert geodesic_angle(found[:, :, ARM], stored[:, ARM]).mean() > 0.05


def test_a_limb_is_drawn_from_the_same_noise_whatever_else_is_drawn() -> None:
    states: list[np.ndarray] = []

    def listening(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if inputs["time"][0] == 0.0:
            states.append(inputs["latent"])
        return completion_network(inputs)

    one = person(3)
    for known in (None, only_left_arm(one)):
        draw = Draw(seed=4, person=1, samples=2, guidance=1.0, steps=2)
        complete(subject(one), listening, constants(), draw, known)
    arm = np.concatenate((np.repeat(ARM, 6), np.repeat(ARM, 3), np.zeros(6, bool)))
    np.testing.assert_array_equal(states[0][..., arm], states[1][..., arm])
    assert not np.array_equal(states[0], states[1])


def test_without_guidance_the_picture_reaches_no_limb() -> None:
    one = person(3)
    other = hidden_from(one)
    assert not np.array_equal(drawn(one).rotations, drawn(other).rotations)
    np.testing.assert_array_equal(
        drawn(one, guidance=0.0).rotations, drawn(other, guidance=0.0).rotations
    )


def test_without_guidance_nothing_of_the_picture_is_even_handed_over() -> None:
    seen: list[Mapping[str, np.ndarray]] = []

    def listening(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        seen.append(inputs)
        return completion_network(inputs)

    draw = Draw(seed=0, person=1, samples=2, guidance=0.0, steps=3)
    complete(subject(person(2)), listening, constants(), draw)
    assert len(seen) == 3  # the anchor alone, once a step
    for inputs in seen:
        assert not inputs["given"][..., :4].any()
        assert not inputs["guess_given"].any()
        for name in ("landmarks", "landmarks_world", "image_feature", "anchor_log_variance"):
            assert not inputs[name].any()


def test_above_one_guidance_pulls_only_where_the_limb_is_seen() -> None:
    one = person(2)
    trust = np.ones((2, 5))
    trust[:, LEFT_ARM] = 0.0
    one = replace(one, anchor=replace(one.anchor, limb_trust=trust))
    # The network's own mixing of limbs is nil, so limbs differ by their own guidance only.
    plain, strong = (drawn(one, guidance=w).rotations for w in (1.0, 3.0))
    np.testing.assert_allclose(plain[..., ARM, :, :], strong[..., ARM, :, :], atol=1e-6)
    assert geodesic_angle(plain[..., ~ARM, :, :], strong[..., ~ARM, :, :]).mean() > 0.02


def test_a_pinned_joint_is_told_to_the_network_where_it_is() -> None:
    told: list[Mapping[str, np.ndarray]] = []

    def listening(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        told.append(inputs)
        return completion_network(inputs)

    one = person(2)
    known = only_left_arm(one)
    place = np.array([0.4, -0.2, 0.1])
    pull, places = known.pull.copy(), known.places.copy()
    wrist = LIMB_JOINTS.index(20)
    pull[1, wrist], places[1, wrist] = np.eye(3), place
    draw = Draw(seed=0, person=1, samples=1, guidance=1.0, steps=1)
    found = complete(
        subject(one), listening, constants(), draw, replace(known, pull=pull, places=places)
    )
    np.testing.assert_allclose(found.positions[0, 1, wrist], place, atol=1e-6)  # float32
    coordinates = slice(108 + 3 * wrist, 111 + 3 * wrist)
    np.testing.assert_array_equal(told[0]["known"][0, :, coordinates], [[0] * 3, [1] * 3])


def test_a_joint_pulled_onto_a_line_lies_on_it_and_is_free_along_it() -> None:
    one = person(2)
    known = only_left_arm(one)
    along, place = np.array([0.6, 0.0, 0.8]), np.array([0.3, -0.2, 0.1])
    pull, places = known.pull.copy(), known.places.copy()
    wrist = LIMB_JOINTS.index(20)
    pull[:, wrist], places[:, wrist] = np.eye(3) - np.outer(along, along), place
    free = drawn(one, known=known).positions[:, :, wrist]
    led = drawn(one, known=replace(known, pull=pull, places=places)).positions[:, :, wrist]
    off = (led - place) - ((led - place) @ along)[..., None] * along
    np.testing.assert_allclose(off, 0.0, atol=1e-6)  # float32
    assert np.ptp(led @ along) > 0.01
    assert not np.allclose(free, led)


def test_noise_of_neighbouring_frames_is_alike_and_everywhere_of_unit_variance() -> None:
    states: list[np.ndarray] = []

    def listening(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        states.append(inputs["latent"])
        return completion_network(inputs)

    draw = Draw(seed=0, person=1, samples=8, guidance=1.0, steps=1)
    complete(subject(person(40)), listening, constants(), draw)
    noise = states[0]
    np.testing.assert_allclose(noise.std(axis=(0, 2)), 1.0, atol=0.12)  # 1344 numbers a frame
    step = np.diff(noise, axis=1).std()
    assert step < 0.25
    assert abs(np.mean(noise[:, 0] * noise[:, 16])) < 0.12  # far apart they know nothing


# -- long clips


@pytest.mark.parametrize("count", [1, LONGEST, LONGEST + 1, 3 * LONGEST + 7])
def test_windows_cover_every_frame_and_their_says_add_up_to_one(count: int) -> None:
    windows = cut(count)
    total = np.zeros(count)
    for window, say in zip(windows, fades(windows), strict=True):
        assert window.stop - window.start <= LONGEST
        total[window.frames] += say
    np.testing.assert_allclose(total, 1.0)


def test_windows_of_a_long_clip_agree_on_the_frames_they_share() -> None:
    count = LONGEST + 40
    one = person(count)
    seen: list[np.ndarray] = []

    def listening(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        seen.append(inputs["latent"])
        return completion_network(inputs)

    draw = Draw(seed=0, person=1, samples=2, guidance=1.0, steps=1)
    found = complete(subject(one), listening, constants(), draw)
    assert found.rotations.shape == (2, count, 18, 3, 3)
    values = constants()
    # What the second window is told of the shared frames is what the first one drew there.
    shared = seen[1][0, :OVERLAP, :6] * values["latent_std"][:6] + values["latent_mean"][:6]
    start = LONGEST - OVERLAP
    first_joint = found.rotations[0, start:LONGEST, 0]
    np.testing.assert_allclose(matrix_from_sixd(shared), first_joint, atol=1e-6)


def test_an_anchor_that_drifts_between_windows_is_blended_without_a_jump() -> None:
    count = 2 * LONGEST
    calls = iter(range(10))

    def network(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        frames = inputs["seconds"].shape[1]
        angle = 0.3 * next(calls)
        turn = matrix_from_axis_angle(np.array([0.0, angle, 0.0]))
        return {
            "rotations": np.broadcast_to(turn, (1, frames, 6, 3, 3)),
            "translation": np.broadcast_to([0.0, 0.0, 0.5], (1, frames, 3)),
            "betas": np.zeros((1, 10)),
            "log_variance": np.zeros((1, frames, 8)),
            "first_guess": np.broadcast_to(np.eye(3), (1, frames, 18, 3, 3)),
        }

    one = person(count)
    turns = np.broadcast_to(np.eye(3), (count, 3, 3))
    said = regress_anchor(view_of(one.observations, turns), network)
    steps = geodesic_angle(said.rotations[1:, 1], said.rotations[:-1, 1])
    assert steps.max() < 2 * 0.3 / OVERLAP
    np.testing.assert_allclose(
        said.rotations @ np.swapaxes(said.rotations, -1, -2),
        np.broadcast_to(np.eye(3), said.rotations.shape),
        atol=1e-9,
    )


# -- choosing


def samples_about(pose_seed: int, wrong: int) -> tuple[Completion, np.ndarray, np.ndarray]:
    """Four samples of two frames, all true but one arm of one sample."""
    truth = posture(2, seed=pose_seed)
    limbs = np.broadcast_to(truth.rotations[:, LIMB_JOINTS], (4, 2, 18, 3, 3)).copy()
    limbs[wrong][:, ARM] = limbs[wrong][:, ARM] @ matrix_from_axis_angle(np.array([0.0, 0.0, 0.8]))
    anchor = truth.rotations[:, (0, 3, 6, 9, 13, 14)]
    joints = forward_kinematics(assemble(anchor, limbs), build().rest_joints)[1]
    nothing = np.zeros((4, 2, 3))
    found = Completion(limbs, joints[..., LIMB_JOINTS, :], nothing, np.zeros((4, 2, 6)), nothing)
    return found, anchor, truth.pelvis


def test_a_sample_that_misses_the_picture_scores_less_for_that_limb_only() -> None:
    found, anchor, pelvis = samples_about(0, wrong=2)
    # The mean leans towards the wrong one; only the picture tells how much.
    scores = score_samples(found, anchor, pelvis, build(), evidence(posture(2)), 1.0)
    assert scores.shape == (4, 2, 5)
    assert np.all(scores[2, :, LEFT_ARM] < scores[[0, 1, 3]][..., LEFT_ARM].min() - 1.0)
    others = np.delete(scores, LEFT_ARM, axis=-1)
    np.testing.assert_allclose(others, np.broadcast_to(others[0], others.shape), atol=1e-9)
    assert best_samples(scores)[LEFT_ARM] != 2


def test_branches_that_disagree_score_less() -> None:
    found, anchor, pelvis = samples_about(0, wrong=0)
    agreeing = replace(found, rotations=np.broadcast_to(found.rotations[1], found.rotations.shape))
    positions = np.broadcast_to(found.positions[1], found.positions.shape).copy()
    positions[3, :, ARM] += 0.1
    odd = replace(agreeing, positions=positions)
    scores = score_samples(odd, anchor, pelvis, build(), evidence(posture(2)), 1.0)
    assert np.all(scores[3, :, LEFT_ARM] < scores[0, :, LEFT_ARM])


def test_without_guidance_the_choice_does_not_look_at_the_picture() -> None:
    found, anchor, pelvis = samples_about(0, wrong=2)
    first, second = (
        score_samples(found, anchor, pelvis, build(), evidence(posture(2, seed=seed)), 0.0)
        for seed in (0, 9)
    )
    np.testing.assert_array_equal(first, second)


def test_each_limb_can_come_from_its_own_sample() -> None:
    rotations = np.random.default_rng(0).normal(size=(3, 2, 18, 3, 3))
    picked = pick_limbs(rotations, np.array([2, 0, 1, 1, 0]))
    for joint in range(18):
        sample = [2, 0, 1, 1, 0][LIMB_OF_LIMB_JOINT[joint]]
        np.testing.assert_array_equal(picked[:, joint], rotations[sample, :, joint])


def test_the_mean_of_samples_is_the_rotation_in_their_middle() -> None:
    middle = matrix_from_axis_angle(np.array([0.3, -0.8, 0.1]))
    aside = [matrix_from_axis_angle(np.array([0.0, 0.0, angle])) for angle in (-0.6, 0.0, 0.6)]
    mean = mean_rotations(np.stack([middle @ turn for turn in aside]))
    np.testing.assert_allclose(mean, middle, atol=1e-12)
