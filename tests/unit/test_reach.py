"""Pins and contacts: met within reach, said where not, the limb natural, the torso still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.rotations import (
    axis_angle_from_matrix,
    geodesic_angle,
    matrix_from_axis_angle,
)
from fhmr_blender.core.skeleton import JOINT_INDEX, LIMBS, forward_kinematics
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.contact_edits import Contact, contact_of, contacts_of, with_contacts
from fhmr_blender.pipeline.holds import Hold
from fhmr_blender.pipeline.limb_session import open_session
from fhmr_blender.pipeline.pins import Pin, parse_pin, pin_of
from fhmr_blender.pipeline.reach import reach, smoothstep
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.unmet import unmet, unmet_of
from fhmr_blender.pipeline.variations import Drawn, commit
from tests.unit.sitter import build, networks, neutral, posture, shot

WALK = shot(40, moving=True)
REST = build().rest_joints
ENDS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
MIDDLES = ("left_elbow", "right_elbow", "left_knee", "right_knee")


def limb_of(joint: str) -> str:
    return next(limb for limb, chain in LIMBS.items() if JOINT_INDEX[joint] in chain)


def hold(joint: str, places: np.ndarray, **more: object) -> Hold:
    count = len(places)
    told = {"onto": np.tile(np.eye(3), (count, 1, 1)), "rows": np.ones(count, bool), **more}
    return Hold(joint=JOINT_INDEX[joint], places=places, name="pin", **told)


def reached(rotations: np.ndarray, *holds: Hold) -> np.ndarray:
    seconds = np.arange(len(rotations)) / 30.0
    return reach(rotations[None], REST, holds, seconds, (None, None))[0]


def joints_of(rotations: np.ndarray) -> np.ndarray:
    return forward_kinematics(rotations, REST)[1]


def within_reach(rotations: np.ndarray, joint: str, seed: int) -> np.ndarray:
    """(n, 3) places that the limb can reach: where another bend of the same limb has the joint."""
    rng = np.random.default_rng(seed)
    other = rotations.copy()
    first, middle = LIMBS[limb_of(joint)][:2]
    other[:, first] = other[:, first] @ posture(len(rotations), seed + 50).rotations[:, 4]
    axis = 1 if "arm" in limb_of(joint) else 0
    sign = -1.0 if limb_of(joint) == "left_arm" else 1.0
    bend = np.zeros((len(rotations), 3))
    bend[:, axis] = sign * rng.uniform(0.3, 1.8, len(rotations))
    other[:, middle] = matrix_from_axis_angle(bend)
    return joints_of(other)[:, JOINT_INDEX[joint]]


# -- the solution in closed form


@pytest.mark.parametrize("joint", [*ENDS, "left_hand", "right_foot"])
def test_an_end_within_reach_is_reached(joint: str) -> None:
    rotations = posture(200, seed=3).rotations
    places = within_reach(rotations, joint, 3)
    found = joints_of(reached(rotations, hold(joint, places)))[:, JOINT_INDEX[joint]]
    np.testing.assert_allclose(found, places, atol=1e-6)


@pytest.mark.parametrize("joint", MIDDLES)
def test_an_elbow_or_knee_is_turned_to_its_place(joint: str) -> None:
    rotations = posture(50, seed=4).rotations
    places = within_reach(rotations, joint, 4)
    found = joints_of(reached(rotations, hold(joint, places)))[:, JOINT_INDEX[joint]]
    np.testing.assert_allclose(found, places, atol=1e-9)


@pytest.mark.parametrize(("middle", "end"), list(zip(MIDDLES, ENDS, strict=True)))
def test_elbow_and_wrist_are_held_together(middle: str, end: str) -> None:
    rotations = posture(80, seed=5).rotations
    rotations[:, LIMBS[limb_of(middle)][1]] = np.eye(3)
    truth = posture(80, seed=6).rotations
    truth[:, [0, 3, 6, 9, 13, 14]] = rotations[:, [0, 3, 6, 9, 13, 14]]
    axis = 1 if "arm" in limb_of(middle) else 0
    bend = np.zeros((80, 3))
    sign = -1.0 if limb_of(middle) == "left_arm" else 1.0
    bend[:, axis] = sign * np.linspace(0.2, 2.0, 80)
    truth[:, LIMBS[limb_of(middle)][1]] = matrix_from_axis_angle(bend)
    wanted = joints_of(truth)
    holds = [hold(joint, wanted[:, JOINT_INDEX[joint]]) for joint in (end, middle)]
    found = joints_of(reached(rotations, *holds))
    for joint in (middle, end):
        np.testing.assert_allclose(
            found[:, JOINT_INDEX[joint]], wanted[:, JOINT_INDEX[joint]], atol=1e-6
        )


@pytest.mark.parametrize("joint", ENDS)
def test_elbows_and_knees_never_bend_backwards(joint: str) -> None:
    rotations = posture(200, seed=7, bend=0.1).rotations
    places = within_reach(rotations, joint, 8)
    turned = reached(rotations, hold(joint, places))
    limb = limb_of(joint)
    middle = LIMBS[limb][1]
    axis = 1 if "arm" in limb else 0
    sign = -1.0 if limb == "left_arm" else 1.0
    bend = sign * axis_angle_from_matrix(turned[:, middle])[:, axis]
    assert bend.min() > np.radians(-20.0)  # the rest pose's own bend and the posture's twist


def test_only_the_held_limb_moves_and_only_in_its_frames() -> None:
    rotations = posture(6, seed=1).rotations
    rows = np.array([False, False, True, False, False, False])
    places = within_reach(rotations, "left_wrist", 1)
    seconds = np.arange(6.0)  # so slow that nothing else follows
    told = hold("left_wrist", places, rows=rows)
    turned = reach(rotations[None], REST, [told], seconds, (None, None))[0]
    arm = list(LIMBS["left_arm"])
    others = [joint for joint in range(24) if joint not in arm]
    np.testing.assert_array_equal(turned[:, others], rotations[:, others])
    np.testing.assert_array_equal(turned[~rows], rotations[~rows])
    assert not np.array_equal(turned[rows], rotations[rows])


def test_the_weight_says_how_much_of_the_way_a_limb_goes() -> None:
    rotations = posture(20, seed=2).rotations
    joints = joints_of(rotations)
    start = joints[:, JOINT_INDEX["left_wrist"]]
    places = start + 0.3 * (joints[:, JOINT_INDEX["left_shoulder"]] - start)
    half = joints_of(reached(rotations, hold("left_wrist", places, weight=0.5)))
    there = half[:, JOINT_INDEX["left_wrist"]]
    middle = 0.5 * (start + places)
    np.testing.assert_allclose(there, middle, atol=1e-6)


def test_frames_beside_a_held_one_follow_smoothly_and_fade() -> None:
    rotations = np.repeat(posture(1, seed=2).rotations, 41, axis=0)
    rows = np.arange(41) == 20
    place = joints_of(rotations)[:, JOINT_INDEX["right_wrist"]] + np.array([0.1, -0.1, 0.05])
    turned = reached(rotations, hold("right_wrist", place, rows=rows))
    way = np.linalg.norm(joints_of(turned) - joints_of(rotations), axis=-1)[:, 21]
    assert way[20] == way.max()
    assert np.all(np.diff(way[20:30]) <= 1e-9)
    np.testing.assert_array_equal(turned[:11], rotations[:11])  # more than 0.3 s away
    assert np.abs(np.diff(way, 2)).max() < 0.25 * way[20]


def test_two_held_frames_share_what_lies_between_them() -> None:
    rotations = np.repeat(posture(1, seed=2).rotations, 12, axis=0)
    rows = np.isin(np.arange(12), (3, 9))
    place = joints_of(rotations)[:, JOINT_INDEX["right_wrist"]] + np.array([0.08, -0.08, 0.05])
    turned = joints_of(reached(rotations, hold("right_wrist", place, rows=rows)))
    # Both ask for the same place, so the frames between them are there, too.
    np.testing.assert_allclose(turned[3:10, 21], place[3:10], atol=1e-6)


def test_the_fade_is_at_rest_at_both_ends() -> None:
    x = np.linspace(0.0, 1.0, 1001)
    y = smoothstep(x)
    assert (y[0], y[-1]) == (0.0, 1.0)
    for end in (y[:3], y[-3:]):
        assert abs(np.diff(end, 2)).max() < 1e-5


# -- the face


def test_the_face_turns_to_its_place() -> None:
    rotations = posture(60, seed=9).rotations
    outer, joints = forward_kinematics(rotations, REST)
    front = outer[:, 9, :, 2] + 0.5 * outer[:, 9, :, 0]
    places = joints[:, 15] + 2.0 * front
    turned = reached(rotations, hold("head", places, looks=True))
    outer, joints = forward_kinematics(turned, REST)
    way = places - joints[:, 15]
    cosine = np.sum(outer[:, 15, :, 2] * way, axis=-1) / np.linalg.norm(way, axis=-1)
    assert np.degrees(np.arccos(cosine)).max() < 5.0  # the head itself moves a little as it turns
    shares = [geodesic_angle(rotations[:, joint], turned[:, joint]) for joint in (12, 15)]
    assert shares[0].mean() > 0.3 * shares[1].mean()  # the neck takes part


def test_a_head_does_not_look_behind_itself_and_says_so() -> None:
    rotations = posture(3, seed=9).rotations
    outer, joints = forward_kinematics(rotations, REST)
    told = hold("head", joints[:, 15] - 2.0 * outer[:, 9, :, 2], looks=True)
    turned = reached(rotations, told)
    outer, _ = forward_kinematics(turned, REST)
    cosine = np.sum(outer[:, 15, :, 2] * outer[:, 9, :, 2], axis=-1)
    assert np.degrees(np.arccos(cosine)).max() < 96.0
    (said,) = unmet(turned, REST, [told], np.arange(3))
    assert "cannot turn" in said.sentence


# -- through a draw


def draw(pins: tuple[Pin, ...] = (), source: Shot = WALK, **more: object) -> Drawn:
    limbs = more.pop("limbs", None) or tuple(sorted({limb_of(pin.joint) for pin in pins}))
    wanted = ResampleSettings(limbs, start=10, stop=30, variations=4, pins=pins, **more)
    return open_session(source, networks(), wanted).draw(wanted)


def world_place(joint: str, frame: int, shift: tuple[float, float, float]) -> tuple[float, ...]:
    """A joint's place in the world, a little off."""
    camera = WALK.T_world_from_cam[0]
    there = WALK.people[0].joints_cam[frame, JOINT_INDEX[joint]]
    return tuple(float(x) for x in camera[:3, :3] @ there + camera[:3, 3] + np.array(shift))


def nearer(joint: str, frame: int) -> tuple[float, ...]:
    """A place in the world a quarter of the way from a joint to the torso."""
    joints = WALK.people[0].joints_cam[frame]
    bone = joints[JOINT_INDEX[joint]] - joints[LIMBS[limb_of(joint)][0]]
    return world_place(joint, frame, tuple(WALK.T_world_from_cam[0, :3, :3] @ (-0.25 * bone)))


@pytest.mark.parametrize("joint", [*ENDS, *MIDDLES])
def test_every_variation_meets_its_pin_within_2_cm(joint: str) -> None:
    shoulder = LIMBS[limb_of(joint)][0]
    bone = (
        WALK.people[0].joints_cam[20, JOINT_INDEX[joint]] - WALK.people[0].joints_cam[20, shoulder]
    )
    if joint in MIDDLES:  # on the sphere that it moves on
        camera = WALK.T_world_from_cam[0]
        turned = np.linalg.norm(bone) * (bone + 0.1) / np.linalg.norm(bone + 0.1)
        there = camera[:3, :3] @ (WALK.people[0].joints_cam[20, shoulder] + turned) + camera[:3, 3]
        place = tuple(float(x) for x in there)
    else:
        place = nearer(joint, 20)
    drawn = draw((Pin(joint, place, frame=20),))
    found = drawn.joints_world[:, 10, JOINT_INDEX[joint]]
    assert np.linalg.norm(found - np.array(place), axis=-1).max() < 0.02
    assert drawn.unmet == ((), (), (), ())
    others = [other for other in range(24) if other not in LIMBS[limb_of(joint)]]
    before = WALK.people[0].motion_cam.rotations[10:30][:, others]
    np.testing.assert_array_equal(drawn.rotations[:, :, others], np.stack([before] * 4))


def test_a_pin_out_of_reach_says_by_how_much() -> None:
    drawn = draw((Pin("left_wrist", (3.0, 3.5, 1.2), frame=20),))
    (said,) = drawn.unmet[0]
    assert (said.joint, said.frame) == ("left_wrist", 20)
    there = drawn.joints_world[0, 10, JOINT_INDEX["left_wrist"]]
    missing = np.linalg.norm(there - np.array([3.0, 3.5, 1.2]))
    assert said.metres == pytest.approx(missing, abs=1e-6)
    assert f"{100 * missing:.0f} cm" in said.sentence
    stored = commit(WALK, drawn, 0)
    assert unmet_of(stored, None, (Pin("left_wrist", (3.0, 3.5, 1.2), frame=20),)) == (
        replace(said, metres=pytest.approx(said.metres, abs=1e-4)),
    )


def test_a_pin_in_the_picture_is_under_its_pixel() -> None:
    seen = WALK.people[0]
    start = project(seen.joints_cam[20, [20]], seen.observations.intrinsics[20])[0]
    x, y = start + np.array([-14.0, 18.0])
    drawn = draw((Pin("left_wrist", (x, y, 0.0), frame=20, kind="pixel"),))
    for joints in drawn.joints_cam[:, 10]:
        found = project(joints[[20]], seen.observations.intrinsics[20])[0]
        # 2 cm at the person's distance are 5 pixels.
        assert np.linalg.norm(found - [x, y]) < 5.0


def test_pins_are_remembered_with_the_shot() -> None:
    pin = Pin("left_wrist", world_place("left_wrist", 20, (0.0, 0.05, 0.0)), 20, weight=0.5)
    stored = commit(WALK, draw((pin,)), 0).people[0].edits["pins"]
    assert [pin_of(document) for document in stored] == [pin]
    assert "pins" not in commit(WALK, draw(limbs=("left_arm",)), 0).people[0].edits


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("left_wrist=1,2,-.5", Pin("left_wrist", (1.0, 2.0, -0.5))),
        ("left_wrist=1,2,3@7*0.25", Pin("left_wrist", (1.0, 2.0, 3.0), 7, weight=0.25)),
        ("head>0,-3,1.5", Pin("head", (0.0, -3.0, 1.5), kind="look")),
        ("left_knee~320,200.5@4", Pin("left_knee", (320.0, 200.5, 0.0), 4, kind="pixel")),
    ],
)
def test_pins_are_read_as_they_are_written(text: str, pin: Pin) -> None:
    assert parse_pin(text) == pin
    assert pin_of(pin.document()) == pin


@pytest.mark.parametrize(
    ("pin", "said"),
    [
        (Pin("left_wrist", (0, 0, 0), kind="look"), "cannot look"),
        (Pin("left_wrist", (0, 0, 0), kind="pixel"), "in no frame"),
        (Pin("left_wrist", (0, 0, 0), weight=1.5), "cannot weigh"),
        (Pin("left_wrist", (0, 0, 0), weight=float("nan")), "cannot weigh"),
    ],
)
def test_pins_that_mean_nothing_are_refused(pin: Pin, said: str) -> None:
    with pytest.raises(FhmrError, match=said):
        draw((pin,))


@pytest.mark.parametrize(
    "document", [{}, {"joint": "head"}, {"joint": "head", "place": [1, 2]}, {"place": "xyz"}]
)
def test_damaged_pins_and_contacts_are_said(document: dict[str, object]) -> None:
    for read in (pin_of, contact_of):
        with pytest.raises(FhmrError, match="damaged"):
            read(document)


# -- contacts


def touching(*contacts: Contact) -> Shot:
    return with_contacts(WALK, None, contacts)


def test_a_foot_on_the_floor_is_at_the_height_of_its_sole() -> None:
    person, ankle = WALK.people[0], JOINT_INDEX["left_ankle"]
    betas = person.motion_cam.betas
    lowest = neutral().rest_vertices(betas)[:, 1].min()
    sole = neutral().rest_joints(betas)[ankle, 1] - lowest
    # A world whose floor lies just above where the soles are, so that the leg can meet it.
    world = WALK.T_world_from_cam.copy()
    heights = person.joints_cam[:, ankle] @ world[0, 2, :3] + world[0, 2, 3]
    world[:, 2, 3] -= heights.max() - sole + 0.03
    source = replace(touching(Contact("left_ankle", 12, 25)), T_world_from_cam=world)
    drawn = draw(source=source, limbs=("left_leg",), guidance=1.0)
    assert drawn.unmet == ((), (), (), ())
    stood = drawn.joints_world[:, 2:15, ankle, 2]
    np.testing.assert_allclose(stood, sole, atol=1e-3)
    free = draw(source=replace(WALK, T_world_from_cam=world), limbs=("left_leg",), guidance=1.0)
    assert np.abs(free.joints_world[:, 2:15, ankle, 2] - sole).max() > 0.02
    higher = replace(
        source, T_world_from_cam=world + np.array([0, 0, 0, 1.0]) * [[0], [0], [1], [0]]
    )
    (said,) = draw(source=higher, limbs=("left_leg",)).unmet[0]
    assert "from its contact" in said.sentence


def test_a_hand_touches_a_place_and_another_joint() -> None:
    place = nearer("left_wrist", 20)
    drawn = draw(source=touching(Contact("left_wrist", 18, 22, target=place)), limbs=("left_arm",))
    there = drawn.joints_world[:, 8:12, JOINT_INDEX["left_wrist"]]
    assert np.linalg.norm(there - np.array(place), axis=-1).max() < 0.02
    touch = Contact("left_wrist", 15, 22, target="right_shoulder")
    drawn = draw(source=touching(touch), limbs=("left_arm",))
    assert drawn.unmet == ((), (), (), ())
    apart = np.linalg.norm(
        drawn.joints_cam[:, 5:12, JOINT_INDEX["left_wrist"]]
        - drawn.joints_cam[:, 5:12, JOINT_INDEX["right_shoulder"]],
        axis=-1,
    )
    assert apart.max() < 0.09  # two joints whose skins touch


def test_what_does_not_touch_and_limbs_that_are_not_drawn_are_left_alone() -> None:
    plain = draw(limbs=("right_leg",))
    for contact in (Contact("right_ankle", 0, 40, state=False), Contact("left_ankle", 0, 40)):
        other = draw(source=touching(contact), limbs=("right_leg",))
        np.testing.assert_array_equal(other.rotations, plain.rotations)


def test_contacts_are_stored_and_nothing_moves_by_itself() -> None:
    contacts = (Contact("left_toe", 3, 9), Contact("right_wrist", 1, 2, True, "left_knee"))
    stored = with_contacts(WALK, None, contacts).people[0]
    assert contacts_of(stored) == contacts
    np.testing.assert_array_equal(stored.joints_cam, WALK.people[0].joints_cam)
    np.testing.assert_array_equal(stored.contacts, WALK.people[0].contacts)


@pytest.mark.parametrize(
    ("contact", "said"),
    [
        (Contact("nose", 0, 1), "cannot touch anything"),
        (Contact("left_wrist", 5, 5), "before it starts"),
        (Contact("left_wrist", 0, 1, target="tail"), "no joint 'tail'"),
        (Contact("left_wrist", 0, 1, target="left_wrist"), "itself"),
        (Contact("left_wrist", 0, 1, target=(0.0, float("inf"), 0.0)), "nowhere"),
    ],
)
def test_contacts_that_cannot_be_are_refused(contact: Contact, said: str) -> None:
    with pytest.raises(FhmrError, match=said):
        with_contacts(WALK, None, (contact,))


def test_resampling_honours_a_stored_contact_through_the_door() -> None:
    place = nearer("left_wrist", 20)
    source = touching(Contact("left_wrist", 18, 22, target=place))
    wanted = ResampleSettings(("left_arm",), start=10, stop=30)
    person = resample(source, networks(), wanted, silent).people[0]
    camera = WALK.T_world_from_cam[0]
    there = person.joints_cam[18:22, 20] @ camera[:3, :3].T + camera[:3, 3]
    assert np.linalg.norm(there - np.array(place), axis=-1).max() < 0.02
