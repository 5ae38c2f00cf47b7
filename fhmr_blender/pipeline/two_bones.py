"""A limb of two bones brought to a place in closed form: the hinge bends, the root swings."""

import numpy as np

from ..core.arrays import Floats
from ..core.rotations import matrix_from_axis_angle, shortest_arc
from ..core.skeleton import JOINT_INDEX, PARENTS, forward_kinematics

# The axis of the hinge about which it folds, along the bone that carries it, in the rest pose.
_HINGE_AXES = {
    JOINT_INDEX["left_ankle"]: np.array([1.0, 0.0, 0.0]),
    JOINT_INDEX["right_ankle"]: np.array([1.0, 0.0, 0.0]),
    JOINT_INDEX["left_wrist"]: np.array([0.0, -1.0, 0.0]),
    JOINT_INDEX["right_wrist"]: np.array([0.0, 1.0, 0.0]),
}
_STRETCH = 0.995  # of both bones' length: beyond, the hinge would snap straight; a guess


def bring(rotations: Floats, rest_joints: Floats, end: int, places: Floats) -> Floats:
    """Put the end of a limb in its place, its own orientation in the outer frame kept.

    Args:
        rotations: (T, 24, 3, 3), the pelvis in the outer frame, others parent-relative.
        rest_joints: (24, 3) metres.
        end: A wrist or an ankle; its parent is the hinge, the parent's parent swings.
        places: (T, 3) metres from the pelvis, along the outer frame.

    Returns:
        Rotations with those three joints changed. What lies out of reach is approached as far as
        the limb goes without being quite straight, or stays as straight as it was.
    """
    hinge = PARENTS[end]
    root = PARENTS[hinge]
    outer, joints = forward_kinematics(rotations, rest_joints)
    upper = joints[:, hinge] - joints[:, root]
    lower = joints[:, end] - joints[:, hinge]
    now = joints[:, end] - joints[:, root]
    wanted = places - joints[:, root]
    long, short = (float(np.linalg.norm(bone[0])) for bone in (upper, lower))
    distance = np.linalg.norm(now, axis=-1)
    farthest = np.maximum(distance, _STRETCH * (long + short))
    nearest = np.minimum(distance, abs(long - short) + 0.05 * min(long, short))
    goal = np.clip(np.linalg.norm(wanted, axis=-1), nearest, farthest)

    bend = _inner_angle(long, short, goal) - _inner_angle(long, short, distance)
    axis = _hinge_axis(upper, lower, outer[:, root] @ _HINGE_AXES[end])
    folded = matrix_from_axis_angle(axis * -bend[:, None])  # opening is turning back
    now = upper + (folded @ lower[..., None])[..., 0]
    swing = shortest_arc(now, wanted)

    new_root = swing @ outer[:, root]
    new_hinge = swing @ folded @ outer[:, hinge]
    changed = rotations.copy()
    changed[:, root] = np.swapaxes(outer[:, PARENTS[root]], -1, -2) @ new_root
    changed[:, hinge] = np.swapaxes(new_root, -1, -2) @ new_hinge
    changed[:, end] = np.swapaxes(new_hinge, -1, -2) @ outer[:, end]
    return changed


def _inner_angle(long: float, short: float, distance: Floats) -> Floats:
    """Radians (T,) between the bones at the hinge; pi is straight. The law of cosines."""
    cosine = (long**2 + short**2 - distance**2) / (2.0 * long * short)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _hinge_axis(upper: Floats, lower: Floats, own: Floats) -> Floats:
    """(T, 3) unit, about which the lower bone turns to fold; steady where the limb is straight."""
    cross = np.cross(upper, lower)
    length = np.linalg.norm(cross, axis=-1, keepdims=True)
    size = np.linalg.norm(upper, axis=-1, keepdims=True) * np.linalg.norm(
        lower, axis=-1, keepdims=True
    )
    # Nearly straight, the plane is noise: then the joint's own axis has its say.
    along = upper / np.linalg.norm(upper, axis=-1, keepdims=True)
    own = own - np.sum(own * along, axis=-1, keepdims=True) * along
    own = own / np.maximum(np.linalg.norm(own, axis=-1, keepdims=True), 1e-9)
    bent = np.clip(length / size / 0.1, 0.0, 1.0)  # a sine of 0.1: six degrees
    mixed = bent * cross / np.maximum(length, 1e-12) + (1.0 - bent) * own
    return mixed / np.maximum(np.linalg.norm(mixed, axis=-1, keepdims=True), 1e-9)
