"""Limbs brought under the landmarks that the artist has moved: his word weighs more than a fit."""

from collections.abc import Sequence

import numpy as np

from ..core.motion import Person, Shot
from ..core.skeleton import LIMB_NAMES
from .bodies import body_of
from .evidence import landmark_calibration
from .holds import holds_of_keypoints, stand_of
from .keypoint_edits import Edit, edited, moved
from .reach import reach
from .variations import posed
from .weights import Networks


def under_keypoints(
    shot: Shot, person: Person, edits: Sequence[Edit], networks: Networks
) -> Person:
    """The person with wrists, elbows, knees and ankles under their moved landmarks.

    Args:
        shot: Whose camera and body count.
        person: As solved; its observations may have these edits already or not.
        edits: Checked.
        networks: Whose constants say where landmarks lie on the body.
    """
    put = moved(person.observations, edits)
    if not put.any():
        return person
    pixels = edited(person.observations, edits).keypoints[..., :2]
    motion, body = person.motion_cam, body_of(shot, person)
    rest_joints = body.rest_joints(motion.betas)
    marks = landmark_calibration(networks.constants).landmarks(
        body.outer_rotations(motion.rotations), person.joints_cam, float(body.stature(motion.betas))
    )
    stand = stand_of(shot, person, rest_joints)
    everywhere = np.ones(len(stand.frames), dtype=bool)
    holds = holds_of_keypoints(put, pixels, person.joints_cam, marks, stand, everywhere)
    seconds = person.observations.seconds
    rotations = reach(motion.rotations[None], rest_joints, holds, seconds, (None, None))[0]
    return posed(shot, person, np.arange(len(rotations)), LIMB_NAMES, rotations)
