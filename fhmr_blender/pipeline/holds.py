"""Pins and contacts as what they hold in every frame, seen from the pelvis in `cam`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Bools, Floats, Indices, check_shapes
from ..core.body import Body
from ..core.camera import project, rays_cam
from ..core.frames import inverse, transform
from ..core.motion import Person, Shot
from ..core.skeleton import (
    JOINT_INDEX,
    LANDMARK_NAMES,
    LIMB_JOINTS,
    LIMBS,
    forward_kinematics,
)
from .contact_edits import Contact
from .pins import Pin, limb_of

_BETWEEN_JOINTS = 0.06  # metres between the middles of two joints whose skins touch; a guess
_PALM = 0.03  # metres from the middle of the wrist to what the hand lies on; a guess
_JOINT_OF_LANDMARK = {
    LANDMARK_NAMES.index(f"{side}_{part}"): JOINT_INDEX[f"{side}_{part}"]
    for side in ("left", "right")
    for part in ("elbow", "wrist", "knee", "ankle")
}


@dataclass(frozen=True, eq=False)
class Hold:
    """Where one joint shall be, n frames."""

    joint: int
    rows: Bools  # (n,) the frames in which it counts
    places: Floats  # (n, 3) metres from the pelvis, along `cam`
    onto: Floats  # (n, 3, 3) projector on what counts of the way there: 1 a point; a line; a plane
    weight: float = 1.0
    follows: int | None = None  # joint of the same body that is the place
    looks: bool = False  # the face turns to the place
    name: str = ""  # for messages

    def __post_init__(self) -> None:
        check_shapes(self, rows="n", places="n 3", onto="n 3 3")

    @property
    def clearance(self) -> float:
        """Metres that it stays away from the place."""
        return 0.0 if self.follows is None else _BETWEEN_JOINTS

    def within(self, frames: Bools | slice) -> "Hold":
        """Only some frames."""
        return replace(
            self, rows=self.rows[frames], places=self.places[frames], onto=self.onto[frames]
        )


@dataclass(frozen=True, eq=False)
class Stand:
    """Where a person is and how he is seen, n frames."""

    frames: Indices  # (n,) of the source
    pelvis: Floats  # (n, 3) metres, `cam`
    T_world_from_cam: Floats  # (n, 4, 4)
    intrinsics: Floats  # (n, 4) pixels

    def __post_init__(self) -> None:
        check_shapes(self, frames="n", pelvis="n 3", T_world_from_cam="n 4 4", intrinsics="n 4")

    def from_pelvis(self, place: tuple[float, float, float]) -> Floats:
        """A place in `world` as (n, 3) metres from the pelvis, along `cam`."""
        world = np.broadcast_to(np.array(place), (len(self.frames), 1, 3))
        return transform(inverse(self.T_world_from_cam), world)[:, 0] - self.pelvis


def stand_of(shot: Shot, person: Person, rest_joints: Floats) -> Stand:
    """Where a person is in all his frames."""
    seen = person.observations
    return Stand(
        frames=seen.frames,
        pelvis=person.motion_cam.transl + rest_joints[0],
        T_world_from_cam=shot.T_world_from_cam[np.searchsorted(shot.frames, seen.frames)],
        intrinsics=seen.intrinsics,
    )


def holds_of_keypoints(
    moved: Bools, pixels: Floats, joints: Floats, marks: Floats, stand: Stand, inside: Bools
) -> tuple[Hold, ...]:
    """What landmarks hold that the artist has moved: their joints lie under them.

    Args:
        moved: (n, 33).
        pixels: (n, 33, 2) where they were moved to.
        joints: (n, 24, 3) metres, `cam`, as they are: depth and the way from landmark to joint.
        marks: (n, 33, 3) metres, `cam`, the landmarks of the same posture.
        stand: n frames.
        inside: (n,) the scope.
    """
    holds: list[Hold] = []
    for landmark, joint in _JOINT_OF_LANDMARK.items():
        rows = moved[:, landmark] & inside
        if not rows.any():
            continue
        pair = np.stack((joints[:, joint], marks[:, landmark]), axis=1)
        projected = project(pair, stand.intrinsics)
        under = pixels[:, landmark] + projected[:, 0] - projected[:, 1]
        onto = _across(rays_cam(under[:, None], stand.intrinsics)[:, 0])
        holds.append(Hold(joint, rows, -stand.pelvis, onto, name="keypoint"))
    return tuple(holds)


def _across(rays: Floats) -> Floats:
    """(n, 3, 3) projectors on what lies across rays (n, 3)."""
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    return np.eye(3) - rays[:, :, None] * rays[:, None, :]


def sole_heights(body: Body, betas: Floats) -> Floats:
    """(24,) how high over the floor each joint's middle is when it touches it, metres."""
    rest_joints = body.rest_joints(betas)
    heights = np.full(24, _PALM)
    lowest = float(body.rest_vertices(betas)[:, 1].min())
    for side in ("left", "right"):
        for part in ("ankle", "foot"):
            joint = JOINT_INDEX[f"{side}_{part}"]
            heights[joint] = rest_joints[joint, 1] - lowest
    return heights


def holds_of_pins(pins: Sequence[Pin], stand: Stand, inside: Bools) -> tuple[Hold, ...]:
    """What checked pins hold; `inside` (n,) is the scope."""
    return tuple(_hold_of_pin(pin, stand, inside) for pin in pins if pin.weight > 0.0)


def _hold_of_pin(pin: Pin, stand: Stand, inside: Bools) -> Hold:
    count = len(stand.frames)
    onto = np.tile(np.eye(3), (count, 1, 1))
    if pin.kind == "pixel":
        pixels = np.broadcast_to(np.array(pin.place[:2]), (count, 1, 2))
        onto = _across(rays_cam(pixels, stand.intrinsics)[:, 0])
        places = -stand.pelvis  # the camera itself: every ray goes through it
    else:
        places = stand.from_pelvis(pin.place)
    return Hold(
        joint=JOINT_INDEX[pin.joint],
        rows=inside if pin.frame is None else inside & (stand.frames == pin.frame),
        places=places,
        onto=onto,
        weight=pin.weight,
        looks=pin.kind == "look",
        name="pin",
    )


def holds_of_contacts(
    contacts: Sequence[Contact], stand: Stand, inside: Bools, heights: Floats
) -> tuple[Hold, ...]:
    """What contacts hold while they last.

    Args:
        contacts: Checked; those that say "not touching" hold nothing.
        stand: n frames.
        inside: (n,) the scope.
        heights: From `sole_heights`.
    """
    holds: list[Hold] = []
    for contact in contacts:
        rows = inside & (stand.frames >= contact.start) & (stand.frames < contact.end)
        if not contact.state or not rows.any():
            continue
        joint, target = contact.smpl_joint, contact.target
        onto = np.tile(np.eye(3), (len(rows), 1, 1))
        follows = None
        if target is None:
            up = stand.T_world_from_cam[:, 2, :3]  # the world's z axis along `cam`
            onto = up[:, :, None] * up[:, None, :]
            places = stand.from_pelvis((0.0, 0.0, float(heights[joint])))
        elif isinstance(target, str):
            follows = JOINT_INDEX[target]
            places = np.zeros((len(rows), 3))
        else:
            places = stand.from_pelvis(target)
        holds.append(Hold(joint, rows, places, onto, follows=follows, name="contact"))
    return tuple(holds)


def of_limbs(holds: Sequence[Hold], limbs: Sequence[str]) -> tuple[Hold, ...]:
    """Those of some limbs."""
    return tuple(hold for hold in holds if limb_of(hold.joint) in limbs)


def told(
    holds: Sequence[Hold], rotations: Floats, rest_joints: Floats, limbs: Sequence[str]
) -> tuple[Floats, Floats]:
    """Holds as stage 2 is told of them.

    Args:
        holds: n frames.
        rotations: (n, 24, 3, 3) the posture as it is, for joints that are followed.
        rest_joints: (24, 3) metres.
        limbs: Those that are drawn; a joint of theirs is not known yet.

    Returns:
        `pull` (n, 18, 3, 3) and `places` (n, 18, 3) of `completion.Known`.
    """
    pull, places = np.zeros((len(rotations), 18, 3, 3)), np.zeros((len(rotations), 18, 3))
    _, joints = forward_kinematics(rotations, rest_joints)
    drawn = {joint for limb in limbs for joint in LIMBS[limb]}
    for hold in holds:
        if hold.looks or hold.follows in drawn:
            continue
        column = LIMB_JOINTS.index(hold.joint)
        where = hold.places if hold.follows is None else joints[:, hold.follows]
        pull[hold.rows, column] = hold.weight * hold.onto[hold.rows]
        places[hold.rows, column] = where[hold.rows]
    return pull, places
