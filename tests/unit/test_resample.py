"""Limbs drawn again; nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.shot_layout import arrays_of
from fhmr_blender.core.skeleton import JOINT_INDEX, LIMB_JOINTS, LIMB_NAMES, LIMBS
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import Cancelled, silent
from fhmr_blender.pipeline.pins import Pin, parse_pin
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from tests.unit.sitter import hidden_from, networks, neutral, shot

SHOT = shot(4, people=2)
CHANGES = {
    "poses", "poses_world", "joints_cam", "contacts", "seed", "sample_count", "chosen",
    "sample_rotations6d", "sample_frames", "sample_scores", "limb_joint_spread",
}  # fmt: skip


def again(source: Shot = SHOT, limbs: str = "left_arm", **wanted: object) -> Shot:
    settings = ResampleSettings(limbs=tuple(limbs.split(",")), **wanted)
    return resample(source, networks(), settings, silent)


def poses(of: Shot, index: int = 0) -> np.ndarray:
    """(N, 24, 3) axis-angle as in the file."""
    return arrays_of(of)[f"person{index + 1}/poses"].reshape(-1, 24, 3)


def others(limb: str) -> list[int]:
    return [joint for joint in range(24) if joint not in LIMBS[limb]]


@pytest.mark.parametrize("limb", LIMB_NAMES)
@pytest.mark.parametrize("guidance", [0.0, 0.6, 1.0, 3.0])
def test_only_the_listed_limb_moves(limb: str, guidance: float) -> None:
    changed = again(limbs=limb, guidance=guidance, seed=5)
    before, after = poses(SHOT), poses(changed)
    np.testing.assert_array_equal(after[:, others(limb)], before[:, others(limb)])
    assert np.abs(after[:, LIMBS[limb]] - before[:, LIMBS[limb]]).max() > 0.01


def test_everything_but_the_draw_is_the_same_to_the_bit() -> None:
    before, after = arrays_of(SHOT), arrays_of(again(seed=5))
    assert set(after) - set(before) == {"person1/limb_joint_spread"}
    for name, array in before.items():
        if name != "settings" and name.removeprefix("person1/") not in CHANGES:
            np.testing.assert_array_equal(array, after[name], err_msg=name)


def test_the_anchor_is_the_same_for_every_seed_guidance_and_number_of_samples() -> None:
    names = ("anchor_rotations", "anchor_transl", "anchor_betas", "betas", "transl_cam")
    before = arrays_of(SHOT)
    for seed, guidance, variations in ((0, 0.0, 1), (1, 1.0, 3), (2, 4.0, 9)):
        changed = again(
            limbs=",".join(LIMB_NAMES), seed=seed, guidance=guidance, variations=variations
        )
        after = arrays_of(changed)
        for name in names:
            np.testing.assert_array_equal(after[f"person1/{name}"], before[f"person1/{name}"])
        torso = [joint for joint in range(24) if joint not in LIMB_JOINTS]
        np.testing.assert_array_equal(poses(changed)[:, torso], poses(SHOT)[:, torso])


def test_the_same_seed_gives_the_same_file() -> None:
    assert shot_file.encode(again(seed=7)) == shot_file.encode(again(seed=7))


def test_another_seed_gives_another_limb() -> None:
    assert not np.array_equal(poses(again(seed=7)), poses(again(seed=8)))


def test_a_variation_is_the_same_however_many_are_drawn() -> None:
    few, many = (again(seed=7, variations=count, shown=1) for count in (2, 9))
    np.testing.assert_array_equal(poses(few), poses(many))


def test_only_listed_frames_change() -> None:
    changed = again(start=1, stop=3, seed=2)
    moved = np.any(poses(changed) != poses(SHOT), axis=(1, 2))
    assert moved.tolist() == [False, True, True, False]
    person = changed.people[0]
    assert person.samples.frames.tolist() == [1, 2]
    arm = LIMB_NAMES.index("left_arm")
    assert person.sample_count[:, arm].tolist() == [3, 8, 8, 3]
    assert (person.chosen[:, arm] >= 0).tolist() == [False, True, True, False]
    assert np.all(np.delete(person.chosen, arm, axis=1) == -1)


def test_only_the_chosen_person_changes() -> None:
    changed = again(person=2, seed=2)
    np.testing.assert_array_equal(poses(changed), poses(SHOT))
    assert not np.array_equal(poses(changed, 1), poses(SHOT, 1))


def test_without_guidance_the_picture_changes_no_limb() -> None:
    other = replace(SHOT, people=(hidden_from(SHOT.people[0]),))
    free = [again(source, guidance=0.0, limbs="left_arm,head") for source in (SHOT, other)]
    np.testing.assert_array_equal(poses(free[0]), poses(free[1]))
    led = [again(source, guidance=1.0, limbs="left_arm,head") for source in (SHOT, other)]
    assert not np.array_equal(poses(led[0]), poses(led[1]))


def test_body_world_and_joints_stay_of_one_piece() -> None:
    person = again(seed=4).people[0]
    motion = person.motion_cam
    joints = neutral().joints(motion.rotations, motion.betas, motion.transl)
    np.testing.assert_allclose(person.joints_cam, joints, atol=1e-5)  # float32 in the file
    turned = person.motion_world.rotations[:, 1:]
    np.testing.assert_allclose(turned, motion.rotations[:, 1:], atol=1e-5)


def test_a_draw_is_written_into_the_recipe_once() -> None:
    twice = again(again(seed=4), seed=9)
    steps = twice.settings["resampled"]
    assert [step["seed"] for step in steps] == [9]
    assert [step["seed"] for step in again(twice, limbs="head").settings["resampled"]] == [9, 0]


def test_cancelling_leaves_the_shot_as_it_was() -> None:
    before = shot_file.encode(SHOT)

    def give_up(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        resample(SHOT, networks(), ResampleSettings(limbs=("head",)), give_up)
    assert shot_file.encode(SHOT) == before


# -- pins


def test_a_pinned_wrist_is_where_it_is_pinned_and_the_torso_stays() -> None:
    joint = JOINT_INDEX["left_wrist"]
    before = SHOT.people[0]
    T_world_from_cam = SHOT.T_world_from_cam[0]
    shoulder, wrist = before.joints_cam[2, [JOINT_INDEX["left_shoulder"], joint]]
    nearer = wrist + 0.2 * (shoulder - wrist) + np.array([0.03, -0.02, 0.04])  # within reach
    place = T_world_from_cam[:3, :3] @ nearer + T_world_from_cam[:3, 3]
    pin = Pin("left_wrist", tuple(float(value) for value in place), frame=2)
    person = again(seed=1, pins=(pin,)).people[0]
    there = T_world_from_cam[:3, :3] @ person.joints_cam[2, joint] + T_world_from_cam[:3, 3]
    np.testing.assert_allclose(there, place, atol=1e-4)  # metres; float32 in the file
    torso = others("left_arm")
    np.testing.assert_array_equal(person.joints_cam[:, torso], before.joints_cam[:, torso])


def test_a_pin_out_of_reach_stretches_the_limb_towards_it() -> None:
    person = again(seed=1, pins=(Pin("left_wrist", (3.0, 3.5, 1.2)),)).people[0]
    shoulder, elbow, wrist = (
        person.joints_cam[0, JOINT_INDEX[name]]
        for name in ("left_shoulder", "left_elbow", "left_wrist")
    )
    bones = np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow)
    assert np.linalg.norm(wrist - shoulder) > 0.97 * bones


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("left_wrist=1,2", "is no pin"),
        ("left_wrist=1,2,x", "is no pin"),
        ("left_wrist", "is no pin"),
    ],
)
def test_pins_that_are_not_written_so_are_refused(text: str, said: str) -> None:
    with pytest.raises(FhmrError, match=said):
        parse_pin(text)


@pytest.mark.parametrize(
    ("pin", "said"),
    [
        (Pin("nose", (0, 0, 0)), "cannot be pinned"),
        (Pin("left_shoulder", (0, 0, 0)), "cannot be pinned"),
        (Pin("left_knee", (0, 0, 0)), "belongs to left_leg"),
        (Pin("left_wrist", (0, float("nan"), 0)), "nowhere"),
        (Pin("left_wrist", (0, 0, 0), frame=99), "not drawn again"),
    ],
)
def test_pins_that_no_listed_limb_can_meet_are_refused(pin: Pin, said: str) -> None:
    with pytest.raises(FhmrError, match=said):
        again(pins=(pin,))


# -- what cannot be


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"limbs": "tail"}, "no limb 'tail'"),
        ({"person": 7}, "no person 7"),
        ({"start": 50}, "not seen in the chosen frames"),
        ({"guidance": float("nan")}, "means nothing"),
        ({"guidance": -1.0}, "means nothing"),
        ({"variations": 0}, "cannot be drawn"),
        ({"steps": 0}, "steps"),
        ({"seed": -1}, "no seed"),
        ({"shown": 8}, "no variation 8"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wanted: dict[str, object], said: str) -> None:
    with pytest.raises(FhmrError, match=said):
        again(**wanted)


def test_a_body_that_has_become_another_is_refused() -> None:
    body = {"1": {"name": "neutral", "sha256": "f" * 64}}
    with pytest.raises(FhmrError, match="not the one"):
        again(replace(SHOT, settings={"body": body}))
    with pytest.raises(FhmrError, match="does not say which body"):
        again(replace(SHOT, settings={}))
