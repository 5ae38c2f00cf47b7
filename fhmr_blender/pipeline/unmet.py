"""Which pins and contacts a limb does not reach, and by how much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Floats, Indices
from ..core.motion import Shot
from ..core.rotations import geodesic_angle, shortest_arc
from ..core.skeleton import JOINT_INDEX, JOINT_NAMES, LIMB_NAMES, forward_kinematics
from .bodies import body_of
from .contact_edits import contacts_of
from .holds import Hold, holds_of_contacts, holds_of_pins, sole_heights, stand_of
from .people import person_of
from .pins import Pin, check_pins, limb_of
from .reach import place_of

_MET = 0.02  # metres; nearer than that a hold counts as met
_SEEN = np.radians(5.0)  # the same for the face's direction


@dataclass(frozen=True)
class Unmet:
    """A pin or contact that the limb does not reach, in the frame where that is worst."""

    joint: str
    frame: int
    metres: float
    sentence: str


def unmet(
    rotations: Floats, rest_joints: Floats, holds: Sequence[Hold], frames: Indices
) -> tuple[Unmet, ...]:
    """The holds of full weight that a posture (n, 24, 3, 3) does not meet."""
    outer, joints = forward_kinematics(rotations, rest_joints)
    found: list[Unmet] = []
    for hold in holds:
        if hold.weight < 1.0 or not hold.rows.any():
            continue
        way = place_of(hold, joints) - joints[:, hold.joint]
        if hold.looks:
            head = outer[:, JOINT_INDEX["head"]]
            angle = geodesic_angle(np.eye(3), shortest_arc(head[..., 2], way))
            missing = 2.0 * np.linalg.norm(way, axis=-1) * np.sin(0.5 * angle)
            missing = np.where(angle > _SEEN, missing, 0.0)
        else:
            missing = np.linalg.norm((hold.onto @ way[..., None])[..., 0], axis=-1)
            missing = np.maximum(missing - hold.clearance, 0.0)
        row = int(np.argmax(np.where(hold.rows, missing, -1.0)))
        if missing[row] > _MET:
            found.append(_told(hold, int(frames[row]), float(missing[row])))
    return tuple(found)


def unmet_of(shot: Shot, person_id: int | None, pins: Sequence[Pin] = ()) -> tuple[Unmet, ...]:
    """The pins, and the contacts that are stored, which what is shown now does not meet.

    Raises:
        FhmrError: A pin cannot be, or what is stored is damaged.
    """
    person = person_of(shot, person_id)
    body, motion = body_of(shot, person), person.motion_cam
    frames = person.observations.frames
    check_pins(pins, LIMB_NAMES, frames)
    rest_joints = body.rest_joints(motion.betas)
    stand = stand_of(shot, person, rest_joints)
    everywhere = np.ones(len(frames), dtype=bool)
    heights = sole_heights(body, motion.betas)
    holds = (
        *holds_of_pins(pins, stand, everywhere),
        *holds_of_contacts(contacts_of(person), stand, everywhere, heights),
    )
    return unmet(motion.rotations, rest_joints, holds, frames)


def _told(hold: Hold, frame: int, metres: float) -> Unmet:
    name = JOINT_NAMES[hold.joint]
    limb = limb_of(hold.joint).replace("_", " ")
    if hold.looks:
        sentence = f"The head cannot turn as far as its pin asks in frame {frame}."
    else:
        sentence = (
            f"The {name.replace('_', ' ')} stays {100 * metres:.0f} cm from its {hold.name} in "
            f"frame {frame}: the {limb} does not reach it."
        )
    return Unmet(name, frame, metres, sentence)
