"""Pins and contacts through a draw: met within reach, said where not, stored, refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.skeleton import JOINT_INDEX, LIMBS
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.contact_edits import Contact, contact_of, contacts_of, with_contacts
from fhmr_blender.pipeline.limb_session import open_session
from fhmr_blender.pipeline.pins import Pin, parse_pin, pin_of
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.unmet import unmet_of
from fhmr_blender.pipeline.variations import Drawn, commit
from tests.unit.sitter import networks, neutral
from tests.unit.test_reach import ENDS, MIDDLES, WALK, limb_of

# -- pins


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
