"""Smoothing, a steady root and feet that hold, always from the stored result."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Motion, Shot
from fhmr_blender.core.skeleton import (
    CONTACT_JOINTS,
    CONTACT_NAMES,
    JOINT_INDEX,
    LIMBS,
    forward_kinematics,
)
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.clean_up import CleanUpSettings, clean_up, contact_states
from fhmr_blender.pipeline.stance import edited_contacts
from tests.unit.sitter import neutral
from tests.unit.walker import Walk, walk, walked

FEET = CONTACT_JOINTS[:4]
NOTHING = CleanUpSettings(smoothing=0.0, feet="off")


def cleaned(shot: Shot, **wanted: object) -> Motion:
    settings = CleanUpSettings(**wanted)  # type: ignore[arg-type]
    return clean_up(shot.people[0], shot, settings, neutral())


def joints(motion: Motion) -> np.ndarray:
    return neutral().joints(motion.rotations, motion.betas, motion.transl)


def sliding(motion: Motion, walked_as: Walk) -> float:
    """Millimetres a frame that feet move while they truly stand."""
    steps = np.linalg.norm(np.diff(joints(motion)[:, FEET], axis=0), axis=-1)
    both = walked_as.contacts[1:, :4] & walked_as.contacts[:-1, :4]
    return 1000.0 * float(steps[both].mean())


def jitter(motion: Motion) -> float:
    """10 m/s^3 at 30 frames a second."""
    third = np.diff(joints(motion), n=3, axis=0)
    return float(np.linalg.norm(third, axis=-1).mean()) * 30.0**3 / 10.0


WALK = walk(6.0)
TREMBLING = walked(WALK, tremble=0.03, depth=0.04)


def test_nothing_asked_for_gives_the_stored_motion_itself() -> None:
    person = TREMBLING.people[0]
    assert clean_up(person, TREMBLING, NOTHING, neutral()) is person.motion_world


@pytest.mark.parametrize("feet", ["off", "auto", "grounded"])
def test_the_stored_result_is_never_written_to(feet: str) -> None:
    before = shot_file.encode(TREMBLING)
    cleaned(TREMBLING, feet=feet, hands=True)
    assert shot_file.encode(TREMBLING) == before


def test_feet_that_stand_do_not_slide() -> None:
    assert sliding(TREMBLING.people[0].motion_world, WALK) > 15.0
    assert sliding(cleaned(TREMBLING), WALK) < 3.5
    assert sliding(cleaned(TREMBLING, feet="off"), WALK) > 5.0


def test_trembling_goes() -> None:
    before = jitter(TREMBLING.people[0].motion_world)
    assert before > 200.0
    assert jitter(cleaned(TREMBLING)) < min(15.0, 0.06 * before)  # the walk itself has 5


def test_a_walk_keeps_its_length() -> None:
    motion = cleaned(TREMBLING)
    assert np.linalg.norm(motion.transl[-1] - motion.transl[0]) == pytest.approx(6.0, rel=0.03)


def test_standing_for_long_does_not_drift() -> None:
    motion = walk(1.0, still=20.0)
    shot = walked(motion, tremble=0.02, depth=0.05)
    pelvis = cleaned(shot).transl[60:]
    assert np.linalg.norm(pelvis - pelvis.mean(axis=0), axis=-1).max() < 0.05
    assert np.linalg.norm(pelvis[-1] - pelvis[0]) < 0.03


@pytest.mark.parametrize("feet", ["auto", "grounded"])
def test_a_jump_leaves_the_ground(feet: str) -> None:
    standing = walk(0.05, still=3.0)
    time = standing.seconds
    air = np.clip((time - 1.5) / 0.55, 0.0, 1.0)
    height = 4.0 * 0.37 * air * (1.0 - air)  # half a second in the air
    up = height[:, None] * np.array([0.0, 0.0, 1.0])
    jumped = replace(
        standing,
        pelvis=standing.pelvis + up,
        contacts=standing.contacts & (height == 0.0)[:, None],
    )
    motion = cleaned(walked(jumped, tremble=0.01, depth=0.02), feet=feet)
    toes = joints(motion)[:, [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]], 2]
    top = int(np.argmax(height))
    assert toes[top].min() > toes[:30].mean() + 0.25
    assert abs(toes[-20:].mean() - toes[:30].mean()) < 0.02


def test_grounded_feet_stand_on_the_floor_and_sink_nowhere() -> None:
    person = TREMBLING.people[0]
    sunk = person.motion_world
    sunk = replace(sunk, transl=sunk.transl - np.array([0.0, 0.0, 0.06]))
    shot = replace(TREMBLING, people=(replace(person, motion_world=sunk),))
    motion = cleaned(shot, feet="grounded")
    skin = neutral().vertices(motion.rotations[::5], motion.betas, motion.transl[::5])
    lowest = skin[..., 2].min(axis=1)
    assert lowest.min() > -0.04
    assert abs(np.median(lowest)) < 0.02
    assert joints(cleaned(shot))[:, FEET, 2].mean() < joints(motion)[:, FEET, 2].mean() - 0.03


def test_half_a_strength_goes_half_the_way() -> None:
    slides = [sliding(cleaned(TREMBLING, foot_strength=value), WALK) for value in (0.0, 0.5, 1.0)]
    assert slides[0] > slides[1] > slides[2]


def test_feet_alone_leave_the_upper_body_as_it_is() -> None:
    stored = TREMBLING.people[0].motion_world.rotations
    found = cleaned(TREMBLING, smoothing=0.0).rotations
    legs = [*LIMBS["left_leg"], *LIMBS["right_leg"]]
    others = [joint for joint in range(24) if joint not in legs]
    np.testing.assert_array_equal(found[:, others], stored[:, others])
    assert not np.allclose(found[:, legs], stored[:, legs])


def test_only_the_asked_region_is_smoothed() -> None:
    stored = TREMBLING.people[0].motion_world.rotations
    found = cleaned(TREMBLING, smoothing=0.0, regions={"arms": 0.5}, feet="off").rotations
    arms = [*LIMBS["left_arm"], *LIMBS["right_arm"]]
    others = [joint for joint in range(24) if joint not in arms]
    np.testing.assert_array_equal(found[:, others], stored[:, others])
    assert not np.allclose(found[:, arms], stored[:, arms])


def test_the_artists_contacts_overrule_what_was_detected() -> None:
    person = TREMBLING.people[0]
    edits = [
        {"joint": "left_ankle", "start": 10, "end": 24, "state": True},
        {"joint": "left_toe", "start": 10, "end": 24, "state": True},
        {"joint": "right_ankle", "start": 0, "end": 400, "state": False},
        {"joint": "right_toe", "start": 0, "end": 400, "state": False},
    ]
    told = replace(person, edits={"contact_edits": json.loads(json.dumps(edits))})
    shot = replace(TREMBLING, people=(told,))
    states = contact_states(told, shot, neutral())
    left, right = CONTACT_NAMES.index("left_ankle"), CONTACT_NAMES.index("right_ankle")
    assert states[10:24, left].all()
    assert not states[:, right].any()
    held, free = (
        joints(cleaned(one))[12:24, JOINT_INDEX["left_ankle"], 0] for one in (shot, TREMBLING)
    )
    assert np.ptp(free) > 0.1  # it has begun to swing
    assert np.ptp(held) < 0.5 * np.ptp(free)  # as far as the leg reaches
    # The other foot is free to slide now.
    assert sliding(cleaned(shot), WALK) > 1.5 * sliding(cleaned(TREMBLING), WALK)


def test_contact_edits_count_by_source_frame_and_the_last_one_wins() -> None:
    frames = np.array([10, 12, 14, 16])
    edits = [
        {"joint": "left_toe", "start": 10, "end": 16, "state": True},
        {"joint": "left_toe", "start": 14, "end": 15, "state": False},
        {"joint": "nose", "start": 0, "end": 99, "state": True},
        {"joint": "left_toe"},
    ]
    told = edited_contacts(edits, frames)
    np.testing.assert_array_equal(told[:, CONTACT_NAMES.index("left_toe")], [1, 1, 0, np.nan])
    assert np.isnan(told[:, CONTACT_NAMES.index("right_toe")]).all()
    assert np.isnan(edited_contacts(None, frames)).all()


def test_in_place_nobody_walks() -> None:
    motion = cleaned(TREMBLING, in_place=True)
    np.testing.assert_allclose(np.ptp(motion.transl[:, :2], axis=0), 0.0, atol=1e-9)
    assert np.ptp(motion.transl[:, 2]) > 0.0


def test_a_hand_that_holds_is_held_where_that_is_asked_for() -> None:
    person = TREMBLING.people[0]
    edits = [{"joint": "left_wrist", "start": 30, "end": 60, "state": True}]
    told = replace(person, edits={"contact_edits": edits})
    shot = replace(TREMBLING, people=(told,))
    wrist = JOINT_INDEX["left_wrist"]
    held, free = (joints(cleaned(shot, hands=hands))[30:60, wrist] for hands in (True, False))
    assert np.ptp(held, axis=0).max() < 0.6 * np.ptp(free, axis=0).max()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_frames_do_no_harm(count: int) -> None:
    short = walked(
        replace(
            WALK,
            **{
                name: getattr(WALK, name)[:count]
                for name in ("seconds", "rotations", "pelvis", "velocity", "contacts")
            },
        )
    )
    motion = cleaned(short, feet="grounded")
    assert np.isfinite(motion.transl).all()
    outer, _ = forward_kinematics(motion.rotations, neutral().rest_joints(np.zeros(10)))
    np.testing.assert_allclose(np.linalg.det(outer), 1.0, atol=1e-6)


def test_times_that_do_not_increase_give_way_to_the_frame_rate() -> None:
    person = TREMBLING.people[0]
    still = replace(person.observations, seconds=np.zeros(len(person.observations.frames)))
    shot = replace(TREMBLING, people=(replace(person, observations=still),))
    np.testing.assert_allclose(cleaned(shot).transl, cleaned(TREMBLING).transl, atol=1e-6)


@pytest.mark.parametrize(
    "wanted",
    [
        {"smoothing": 1.5},
        {"foot_strength": float("nan")},
        {"feet": "sometimes"},
        {"regions": {"tail": 0.5}},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(wanted: dict[str, object]) -> None:
    with pytest.raises(FhmrError):
        CleanUpSettings(**wanted)  # type: ignore[arg-type]
