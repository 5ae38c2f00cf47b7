"""A performance while its limbs are changed: its joints follow without working out all of it."""

from dataclasses import dataclass, replace

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_quaternion, quaternion_from_matrix
from fhmr_blender.core.skeleton import CONTACT_JOINTS, LIMBS, PARENTS, forward_kinematics

from .motion_cleaning import contacts_at, lowest_points
from .performances import Performance


@dataclass(frozen=True, eq=False)
class Posed:
    """T frames; relative to the pelvis, along the axes of `world`."""

    rotations: Floats  # (T, 24, 3, 3) the pelvis world from body, others parent-relative
    quaternions: Floats  # (T, 24, 4) of the same
    outer: Floats  # (T, 24, 3, 3) world from joint
    joints: Floats  # (T, 24, 3) metres
    rest_joints: Floats  # (24, 3)

    def limb_turned(self, limb: str, quaternions: Floats) -> "Posed":
        """The same with other turns (T, J, 4) of one limb's joints."""
        chain = LIMBS[limb]
        changed = self.quaternions.copy()
        changed[:, chain] = quaternions
        rotations = self.rotations.copy()
        rotations[:, chain] = matrix_from_quaternion(quaternions)
        outer, joints = self.outer.copy(), self.joints.copy()
        for joint in chain:
            parent = PARENTS[joint]
            bone = self.rest_joints[joint] - self.rest_joints[parent]
            outer[:, joint] = outer[:, parent] @ rotations[:, joint]
            joints[:, joint] = joints[:, parent] + outer[:, parent] @ bone
        return replace(self, rotations=rotations, quaternions=changed, outer=outer, joints=joints)


def posed(rotations: Floats, rest_joints: Floats) -> Posed:
    """Rotations (T, 24, 3, 3) with all that follows from them."""
    outer, joints = forward_kinematics(rotations, rest_joints)
    return Posed(rotations, quaternion_from_matrix(rotations), outer, joints, rest_joints)


def performed(
    before: Performance, pose: Posed, name: str, changed: tuple[str, ...], lift: bool
) -> Performance:
    """A performance whose limbs `changed` are posed anew; what they touch is asked again.

    With `lift` all of it rises or sinks until its lowest point is on the floor, and what the
    others touch is asked again, too.
    """
    points = pose.joints + before.pelvis[:, None]
    rise = np.zeros(3)
    if lift:
        rise[2] = -float(lowest_points(points).min())
    touching = contacts_at(points + rise, before.seconds)
    moved = [joint for limb in changed for joint in LIMBS[limb]]
    asked = np.array([lift or joint in moved for joint in CONTACT_JOINTS])
    return replace(
        before,
        name=name,
        rotations=pose.rotations,
        pelvis=before.pelvis + rise,
        contacts=np.where(asked, touching, before.contacts),
    )
