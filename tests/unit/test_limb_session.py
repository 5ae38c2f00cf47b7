"""Limbs drawn while a slider moves: the same as through the door, quick, and without a jump."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.skeleton import LIMB_NAMES, LIMBS
from fhmr_blender.jobs import Cancelled, silent
from fhmr_blender.pipeline.limb_session import open_session
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.seams import eased, own_acceleration, shares
from fhmr_blender.pipeline.variations import (
    Drawn,
    commit,
    drawn_limbs,
    show_variation,
    variations,
)
from fhmr_blender.pipeline.variety import choose, samples_for
from tests.unit.footage_networks import shipped
from tests.unit.sitter import completion_network, networks, shot

SHOT = shot(4, people=2)
WALK = shot(60, moving=True)
ARM = ResampleSettings(("left_arm",), start=20, stop=45, guidance=0.0, variations=4)


def poses(of: Shot) -> np.ndarray:
    return of.people[0].motion_cam.rotations


# -- the same as through the door


@pytest.mark.parametrize("guidance", [0.0, 0.7, 1.0, 2.5])
@pytest.mark.parametrize("limbs", [("head",), ("left_arm", "right_leg")])
def test_a_session_gives_what_the_door_gives(guidance: float, limbs: tuple[str, ...]) -> None:
    wanted = ResampleSettings(limbs, guidance=guidance, seed=3, start=1, stop=3)
    session = open_session(SHOT, networks(), wanted)
    # What was drawn before must not show.
    session.draw(replace(wanted, limbs=("left_leg",), guidance=0.2, variations=2))
    session.draw(replace(wanted, guidance=3.0))
    live = commit(SHOT, session.draw(wanted), 0)
    assert shot_file.encode(live) == shot_file.encode(resample(SHOT, networks(), wanted, silent))


def test_a_session_with_the_shipped_network_gives_what_the_door_gives() -> None:
    wanted = replace(ARM, guidance=0.5, start=3, stop=4)
    session = open_session(WALK, shipped(), wanted)
    session.draw(replace(wanted, guidance=1.7))
    live = commit(WALK, session.draw(wanted), 1)
    through = resample(WALK, shipped(), replace(wanted, shown=1), silent)
    assert shot_file.encode(live) == shot_file.encode(replace(through, settings=live.settings))


def test_dragging_asks_the_network_nothing_twice_about_the_same_noise() -> None:
    calls: list[float] = []

    def counting(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        calls.append(float(inputs["time"][0]))
        return completion_network(inputs)

    told = replace(networks(), completion=counting)
    wanted = replace(ARM, start=3, stop=4, guidance=0.5, variations=4)
    session = open_session(WALK, told, wanted)
    session.draw(wanted)
    assert calls.count(0.0) == 2  # without and with the picture
    session.draw(replace(wanted, guidance=0.6))
    assert calls.count(0.0) == 2
    session.draw(replace(wanted, seed=1))
    assert calls.count(0.0) == 4


def test_a_session_fits_only_its_shot_and_scope() -> None:
    session = open_session(SHOT, networks(), ResampleSettings(("head",), start=1, stop=3))
    assert session.frames.tolist() == [1, 2]
    assert session.fits(SHOT, ResampleSettings(("left_arm",), start=1, stop=3, seed=9))
    assert not session.fits(SHOT, ResampleSettings(("head",), start=1, stop=4))
    assert not session.fits(replace(SHOT), ResampleSettings(("head",), start=1, stop=3))
    with pytest.raises(ValueError, match="open for"):
        session.draw(ResampleSettings(("head",)))


def test_a_drawn_variation_carries_what_a_ghost_needs() -> None:
    drawn = open_session(SHOT, networks(), ResampleSettings(("head",))).draw(
        ResampleSettings(("head",), variations=5)
    )
    assert drawn.rotations.shape == (5, 4, 24, 3, 3)
    person = commit(SHOT, drawn, 2).people[0]
    np.testing.assert_allclose(drawn.joints_cam[2], person.joints_cam, atol=1e-5)  # float32
    camera = SHOT.T_world_from_cam[0]
    world = person.joints_cam @ camera[:3, :3].T + camera[:3, 3]
    np.testing.assert_allclose(drawn.joints_world[2], world, atol=1e-5)
    for said in (drawn.plausibility, drawn.agreement):
        assert np.all((said > 0.0) & (said <= 1.0))


def test_the_first_variation_comes_before_the_others_and_is_the_same_then() -> None:
    heard: list[Drawn] = []
    drawn = open_session(WALK, networks(), ARM).draw(ARM, silent, heard.append)
    assert len(heard) == 1
    assert len(heard[0].rotations) == 1
    np.testing.assert_array_equal(heard[0].rotations[0], drawn.rotations[0])


def test_a_draw_can_be_cancelled_between_two_steps() -> None:
    heard: list[float] = []

    def give_up(fraction: float, message: str) -> None:
        heard.append(fraction)
        if len(heard) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_session(WALK, networks(), ARM).draw(ARM, give_up)
    assert heard == sorted(heard)


# -- variations


def test_variations_do_not_change_when_more_are_asked_for() -> None:
    session = open_session(WALK, networks(), ARM)
    few, many = (session.draw(replace(ARM, variations=count)) for count in (3, 11))
    np.testing.assert_array_equal(few.rotations, many.rotations[:3])
    np.testing.assert_array_equal(few.drawn_ids, many.drawn_ids[:3])
    assert len(set(many.drawn_ids.tolist())) == 11


def test_about_twice_as_many_are_drawn_as_are_shown() -> None:
    assert [samples_for(count) for count in (1, 4, 5, 8, 32)] == [8, 8, 16, 16, 64]


def clouds(seed: int) -> np.ndarray:
    """(64, 1, 2, 3) samples: two of three alike, the others elsewhere."""
    rng = np.random.default_rng(seed)
    joints = rng.normal(0.0, 0.02, (64, 1, 2, 3))
    elsewhere = rng.random(64) < 0.33
    joints[elsewhere] += rng.normal(0.0, 0.4, (int(elsewhere.sum()), 1, 2, 3))
    return joints


def test_variations_are_farther_apart_than_samples_as_they_come() -> None:
    def nearest(some: np.ndarray) -> float:
        apart = np.linalg.norm((some[:, None] - some[None]).reshape(8, 8, -1), axis=-1)
        return float(np.mean(np.sort(apart, axis=1)[:, 1]))

    gains: list[float] = []
    for seed in range(20):
        joints = clouds(seed)
        scores = np.random.default_rng(seed).normal(size=64)
        chosen = choose(joints, scores, np.random.default_rng(seed + 1).normal(size=64), 8)
        assert chosen[0] == np.argmax(scores[:8])
        gains.append(nearest(joints[chosen]) / nearest(joints[:8]))
    assert np.median(gains) > 1.2


def test_a_sample_that_misses_the_picture_is_no_variation_however_different() -> None:
    joints, fit = clouds(1), np.zeros(64)
    odd = np.arange(0, 64, 5)
    fit[odd] = -10.0
    chosen = choose(joints, fit, fit, 32)
    assert not set(chosen.tolist()) & set(odd.tolist())
    assert len(set(chosen.tolist())) == 32


def test_stored_variations_are_listed_and_shown_again_without_a_network() -> None:
    drawn = open_session(WALK, networks(), ARM).draw(ARM)
    first, third = commit(WALK, drawn, 0), commit(WALK, drawn, 2)
    assert variations(WALK) == ()
    assert drawn_limbs(WALK) == LIMB_NAMES
    assert drawn_limbs(first) == ("left_arm",)
    listed = variations(first)
    assert [one.index for one in listed] == [0, 1, 2, 3]
    np.testing.assert_allclose([one.agreement for one in listed], drawn.agreement, atol=1e-3)
    shown = show_variation(first, None, 2)
    near = shown.people[0].joints_cam - third.people[0].joints_cam
    assert np.abs(near).max() < 1e-3  # float16
    assert shown.people[0].chosen[30].tolist() == third.people[0].chosen[30].tolist()
    others = [joint for joint in range(24) if joint not in LIMBS["left_arm"]]
    np.testing.assert_array_equal(poses(shown)[:, others], poses(WALK)[:, others])


# -- seams


def accelerations(joints: np.ndarray) -> np.ndarray:
    """(N - 2,) mean over joints, metres a frame^2; the first is that of frame 1."""
    return np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).mean(axis=-1)


@pytest.mark.parametrize(
    ("limb", "guidance"),
    [("head", 0.0), ("left_arm", 0.0), ("right_arm", 1.0), ("left_leg", 1.0), ("right_leg", 0.0)],
)
def test_a_range_joins_its_neighbours_without_a_jump(limb: str, guidance: float) -> None:
    wanted = replace(ARM, limbs=(limb,), guidance=guidance, start=15, stop=45, seed=1)
    drawn = open_session(WALK, shipped(), wanted).draw(wanted)
    moved = list(LIMBS[limb])[1:]
    own = accelerations(WALK.people[0].joints_cam[:, moved])
    for variation in range(4):
        joints = commit(WALK, drawn, variation).people[0].joints_cam[:, moved]
        assert np.abs(joints - WALK.people[0].joints_cam[:, moved]).max() > 0.02
        at_seams = accelerations(joints)[[13, 14, 43, 44]]  # around frames 14 | 15 and 44 | 45
        assert at_seams.max() <= 1.5 * own.max()


def test_a_whole_clip_and_a_single_frame_are_not_eased() -> None:
    rng = np.random.default_rng(0)
    for count, before in ((9, False), (1, True), (2, True)):
        drawn, stored = rng.normal(size=(2, count, 3, 3)), rng.normal(size=(count, 3, 3))
        np.testing.assert_array_equal(shares(drawn, stored, before, before, 0.01), 1.0)


def test_easing_takes_longer_where_the_difference_is_larger_and_at_most_half() -> None:
    stored = np.zeros((40, 3, 3))
    drawn = np.stack((stored + 0.02, stored + 0.1, stored + 9.0))
    share = shares(drawn, stored, True, True, 0.02)
    whole = (share == 1.0).sum(axis=1)
    assert whole[0] > whole[1] > whole[2] == 2
    np.testing.assert_allclose(share, share[:, ::-1])


def test_where_the_share_is_one_the_drawn_rotation_is_kept_to_the_bit() -> None:
    drawn, stored = poses(WALK)[None, :10], poses(WALK)[10:20]
    share = np.linspace(0.0, 1.0, 10)[None]
    mixed = eased(drawn, stored, share)
    np.testing.assert_array_equal(mixed[0, -1], drawn[0, -1])
    np.testing.assert_allclose(mixed[0, 0], stored[0], atol=1e-12)


def test_a_clip_at_rest_still_allows_some_easing() -> None:
    assert own_acceleration(np.zeros((30, 4, 3))) > 0.0
    assert own_acceleration(np.zeros((2, 4, 3))) > 0.0
