"""A motion carried over to another skeleton: bone directions kept, proportions respected.

All rests are in body axes (x left, y up, z forward). A bone of the target follows its joint's
rotation in the world; what its rest pose differs from SMPL's T-pose (arms hanging, legs apart) is
made up for by the directions of the limbs. The way over the floor grows with the length of the
legs, and the height is such that the lower sole is where the source's is.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Indices, check_shapes
from .motion import Motion
from .rotations import rotation_about, shortest_arc
from .skeleton import JOINT_INDEX, JOINT_NAMES, forward_kinematics

LEG_JOINTS = tuple(
    f"{side}_{part}" for part in ("hip", "knee", "ankle") for side in ("left", "right")
)
NEEDED_JOINTS = ("pelvis", *LEG_JOINTS)
"""Without these there is nothing to stand on."""
RETARGETED = tuple(name for name in JOINT_NAMES if "_hand" not in name)

HEEL, TIP = 0.45, 0.65
"""How far a foot reaches behind the ankle and beyond the ball, in lengths from ankle to ball:
of the three bodies that ship."""

_LIMB_CHAINS = tuple(
    chain
    for side in ("left", "right")
    for chain in (
        (f"{side}_hip", f"{side}_knee", f"{side}_ankle"),
        (f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"),
    )
)
_FEET = (("left_ankle", "left_foot"), ("right_ankle", "right_foot"))


@dataclass(frozen=True, eq=False)
class Rest:
    """A skeleton at rest, in metres and body axes; B bones, each of one of SMPL's joints."""

    joints: tuple[str, ...]
    rotations: Floats  # (B, 3, 3) body from bone
    heads: Floats  # (B, 3)
    floor: float  # y of what its soles stand on

    def __post_init__(self) -> None:
        check_shapes(self, rotations="B 3 3", heads="B 3")

    def head(self, joint: str) -> Floats:
        return self.heads[self.joints.index(joint)]

    @property
    def hip_centre(self) -> Floats:
        """(3,) between the hips, which every skeleton has, wherever its root bone may lie."""
        return 0.5 * (self.head("left_hip") + self.head("right_hip"))

    @property
    def leg_length(self) -> float:
        """From the hip over knee and ankle to the sole, of both legs' mean."""
        lengths = [
            np.linalg.norm(self.head(f"{side}_hip") - self.head(f"{side}_knee"))
            + np.linalg.norm(self.head(f"{side}_knee") - self.head(f"{side}_ankle"))
            + self.head(f"{side}_ankle")[1]
            - self.floor
            for side in ("left", "right")
        ]
        return float(np.mean(lengths))


@dataclass(frozen=True, eq=False)
class Carried:
    """What the target's bones do, in `world`, metres; N frames."""

    rotations: Floats  # (N, B, 3, 3) world from bone
    root: Floats  # (N, 3) head of the pelvis bone


def source_rest(rest_joints: Floats, floor: float) -> Rest:
    """SMPL's own skeleton (24, 3), standing on a floor at y, metres."""
    return Rest(JOINT_NAMES, np.broadcast_to(np.eye(3), (24, 3, 3)), rest_joints, floor)


def carry(motion_world: Motion, source: Rest, target: Rest, scaled: bool = True) -> Carried:
    """Move a target as the source moves.

    Args:
        motion_world: N frames.
        source: Of `source_rest`, the shaped body's.
        target: With all of `NEEDED_JOINTS`.
        scaled: The way over the floor grows with the legs, so that feet do not slide; else
            distances stay as they are.
    """
    outer, joints = forward_kinematics(motion_world.rotations, source.heads)
    joints = joints + (motion_world.transl + source.heads[0])[:, None]  # (N, 24, 3)
    order = [JOINT_INDEX[name] for name in target.joints]
    turns = outer[:, order] @ rest_turns(source, target)  # (N, B, 3, 3) world from target's body
    growth = target.leg_length / source.leg_length
    centre = 0.5 * (joints[:, JOINT_INDEX["left_hip"]] + joints[:, JOINT_INDEX["right_hip"]])
    way = growth if scaled else 1.0
    moved = centre.copy()  # (N, 3)
    moved[:, :2] = centre[0, :2] + way * (centre[:, :2] - centre[0, :2])
    source_turns = outer[:, [JOINT_INDEX[name] for name in source.joints]]
    low = _lowest_sole(centre, source, source_turns)
    moved[:, 2] += growth * low - _lowest_sole(moved, target, turns)
    pelvis = target.joints.index("pelvis")
    offset = target.heads[pelvis] - target.hip_centre
    return Carried(
        rotations=turns @ target.rotations,
        root=moved + (turns[:, pelvis] @ offset[:, None])[..., 0],
    )


def rest_turns(source: Rest, target: Rest) -> Floats:
    """(B, 3, 3) what turns each bone of the resting target as SMPL's T-pose holds it.

    Limbs are swung into the T-pose's directions, joint by joint and without twisting; feet are
    turned about the vertical only, for both rests stand on flat soles; hands go with the forearm.
    Torso and head, upright in every rest, stay.
    """
    turns: dict[str, Floats] = {name: np.eye(3) for name in target.joints}
    for chain in _LIMB_CHAINS:
        before: Floats = np.eye(3)
        for joint, following in itertools.pairwise(chain):
            if joint in turns and following in turns:
                own = before @ (target.head(following) - target.head(joint))
                wanted = source.head(following) - source.head(joint)
                before = shortest_arc(own, wanted) @ before
                turns[joint] = before
        if chain[-1] in turns and "wrist" in chain[-1]:
            turns[chain[-1]] = before
    for ankle, toes in _FEET:
        if toes in turns and ankle in turns:
            own = _heading(target.head(toes) - target.head(ankle))
            wanted = _heading(source.head(toes) - source.head(ankle))
            turns[ankle] = turns[toes] = rotation_about(1, wanted - own)
    return np.stack([turns[name] for name in target.joints])


def local_rotations(rotations: Floats, parents: Indices, between: Floats) -> Floats:
    """Rotations of bones in one space -> those from where their parents put them.

    Args:
        rotations: (N, B, 3, 3).
        parents: (B,) index of the bone that each follows; -1 for none.
        between: (B, 3, 3) parent bone (or the space) from this bone's own zero.
    """
    local = np.empty_like(rotations)
    for bone, parent in enumerate(parents):
        zero = between[bone] if parent < 0 else rotations[:, parent] @ between[bone]
        local[:, bone] = np.swapaxes(zero, -1, -2) @ rotations[:, bone]
    return local


def _lowest_sole(centre: Floats, rest: Rest, turns: Floats) -> Floats:
    """(N,) height of the lowest of heels, balls and tips of the feet.

    Args:
        centre: (N, 3) between the hips, `world`.
        rest: Whose legs.
        turns: (N, B, 3, 3) world from the resting body.
    """
    heights: list[Floats] = []
    for side in ("left", "right"):
        place, before, way = centre, "pelvis", rest.hip_centre
        for joint in (f"{side}_hip", f"{side}_knee", f"{side}_ankle", f"{side}_foot"):
            if joint not in rest.joints:
                break
            turn = turns[:, rest.joints.index(before)]
            place = place + (turn @ (rest.head(joint) - way)[:, None])[..., 0]
            before, way = joint, rest.head(joint)
            own = turns[:, rest.joints.index(joint)]
            heights += [
                place[:, 2] + (own @ point[:, None])[:, 2, 0] for point in _sole(rest, joint)
            ]
    return np.min(heights, axis=0)


def _sole(rest: Rest, joint: str) -> list[Floats]:
    """Points of the sole (3,) that go with a joint of the foot, from there, at rest."""
    side, _, part = joint.partition("_")
    if part not in ("ankle", "foot"):
        return []
    down = np.array([0.0, rest.floor - rest.head(joint)[1], 0.0])
    if f"{side}_foot" not in rest.joints:
        return [down]
    along = rest.head(f"{side}_foot") - rest.head(f"{side}_ankle")
    along[1] = 0.0
    return [down, down + (TIP * along if part == "foot" else -HEEL * along)]


def _heading(direction: Floats) -> float:
    """About the vertical, 0 forward, towards the left."""
    return float(np.arctan2(direction[0], direction[2]))
