"""Which node of each source's skeleton carries which of SMPL's joints."""

from dataclasses import dataclass, field

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.frames import BODY_TO_WORLD

CMU_METRE = 0.0254 / 0.45  # metres per unit of CMU's and HDM05's skeletons: inches scaled by .45


@dataclass(frozen=True, eq=False)
class SkeletonMap:
    """How a source's nodes carry SMPL's joints.

    A joint without a node follows its SMPL parent, unless it is spread between two others.
    """

    nodes: dict[str, tuple[str, ...]]  # SMPL joint -> node, or two whose mean turn it takes
    metre: float  # metres per unit
    node_from_body: Floats  # (3, 3) SMPL's axes in a node's, in the zero pose
    # joint -> two SMPL joints with nodes, and its share of the turn from the first to the second
    spread: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    world_from_outer: Floats = field(default_factory=BODY_TO_WORLD.copy)  # (3, 3)
    leg_splay: float = 0.0  # degrees by which legs and feet stand apart in the zero pose
    toes: tuple[str, str] | None = None  # nodes that start where the left and right toes do
    zero_pose_is_a_body: bool = True  # otherwise frames of somebody standing calibrate the trunk


def _both_sides(
    left: dict[str, tuple[str, ...]], other: dict[str, str]
) -> dict[str, tuple[str, ...]]:
    """A map of the left side's joints, and the same for the right by replacing node prefixes."""
    right = {}
    for joint, nodes in left.items():
        right[joint.replace("left", "right")] = tuple(_renamed(node, other) for node in nodes)
    return left | right


def _renamed(node: str, other: dict[str, str]) -> str:
    for left, right in other.items():
        if left in node:
            return node.replace(left, right)
    return node


def _sided(left: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return _both_sides({joint: (node,) for joint, node in left.items()}, other)


def _middle(**nodes: str | tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {joint: (node,) if isinstance(node, str) else node for joint, node in nodes.items()}


_ASF_LEFT = {
    "left_hip": "lfemur",
    "left_knee": "ltibia",
    "left_ankle": "lfoot",
    "left_foot": "ltoes",
    "left_collar": "lclavicle",
    "left_shoulder": "lhumerus",
    "left_elbow": "lradius",
    "left_wrist": "lhand",
}
ASF = SkeletonMap(
    nodes=_middle(
        pelvis="root",
        spine1="lowerback",
        spine2="upperback",
        spine3="thorax",
        neck=("lowerneck", "upperneck"),
        head="head",
    )
    | {joint: (node,) for joint, node in _ASF_LEFT.items()}
    | {joint.replace("left", "right"): ("r" + node[1:],) for joint, node in _ASF_LEFT.items()},
    metre=CMU_METRE,
    node_from_body=np.eye(3),
    leg_splay=20.0,
    toes=("ltoes", "rtoes"),
)
_LEFT_RIGHT = {"Left": "Right"}
_CGSPEED_LIMBS = {
    "left_hip": "LeftUpLeg",
    "left_knee": "LeftLeg",
    "left_ankle": "LeftFoot",
    "left_foot": "LeftToeBase",
    "left_collar": "LeftShoulder",
    "left_shoulder": "LeftArm",
    "left_elbow": "LeftForeArm",
    "left_wrist": "LeftHand",
}
CGSPEED = SkeletonMap(
    nodes=_middle(
        pelvis="Hips",
        spine1="LowerBack",
        spine2="Spine",
        spine3="Spine1",
        neck=("Neck", "Neck1"),
        head="Head",
    )
    | _sided(_CGSPEED_LIMBS, _LEFT_RIGHT),
    metre=CMU_METRE,
    node_from_body=np.eye(3),
    leg_splay=20.0,
    toes=("LeftToeBase", "RightToeBase"),
)
_DAZ_LEFT = {
    "left_hip": "lThigh",
    "left_knee": "lShin",
    "left_ankle": "lFoot",
    "left_collar": "lCollar",
    "left_shoulder": "lShldr",
    "left_elbow": "lForeArm",
    "left_wrist": "lHand",
}
DAZ = SkeletonMap(
    nodes=_middle(
        pelvis="hip",
        spine1="abdomen",
        spine2=("abdomen", "chest"),
        spine3="chest",
        neck="neck",
        head="head",
    )
    | {joint: (node,) for joint, node in _DAZ_LEFT.items()}
    | {joint.replace("left", "right"): ("r" + node[1:],) for joint, node in _DAZ_LEFT.items()},
    metre=0.01,
    node_from_body=np.eye(3),
    toes=("lFoot_end", "rFoot_end"),
)
ACCAD = SkeletonMap(
    nodes=_middle(pelvis="Hips", spine2="Spine", spine3="Spine1", neck="Neck", head="Head")
    | _sided(_CGSPEED_LIMBS, _LEFT_RIGHT),
    metre=0.01,
    node_from_body=np.eye(3),
    spread={"spine1": ("pelvis", "spine2", 0.5)},  # ToSpine never turns
    toes=("LeftToeBase", "RightToeBase"),
    zero_pose_is_a_body=False,
)
_SPINE_IN_THIRDS = {
    "spine1": ("pelvis", "spine3", 1 / 3),
    "spine2": ("pelvis", "spine3", 2 / 3),
}
_SNU_LIMBS = {joint: f"Character1_{node}" for joint, node in _CGSPEED_LIMBS.items()}
SNU = SkeletonMap(
    nodes=_middle(
        pelvis="Character1_Hips",
        spine3="Character1_Spine1",
        neck="Character1_Neck",
        head="Character1_Head",
    )
    | _sided(_SNU_LIMBS, _LEFT_RIGHT),
    metre=0.01,
    node_from_body=np.eye(3),
    spread=_SPINE_IN_THIRDS,  # Character1_Spine never turns
    toes=("Character1_LeftToeBase", "Character1_RightToeBase"),
)
DEEPMIMIC = SkeletonMap(
    nodes=_middle(pelvis="root", spine3="chest", head="neck")
    | _sided(
        {
            "left_hip": "left_hip",
            "left_knee": "left_knee",
            "left_ankle": "left_ankle",
            "left_shoulder": "left_shoulder",
            "left_elbow": "left_elbow",
            "left_wrist": "left_wrist",
        },
        {"left": "right"},
    ),
    metre=1.0,
    # x forward, y up, z right: SMPL's left, up, forward are -z, y, x.
    spread=_SPINE_IN_THIRDS | {"neck": ("spine3", "head", 0.5)},
    node_from_body=np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]),
)
_MAKEHUMAN_LIMBS = {
    "left_hip": "upperleg01.L",
    "left_knee": "lowerleg01.L",
    "left_ankle": "foot.L",
    "left_collar": "shoulder01.L",
    "left_shoulder": "upperarm01.L",
    "left_elbow": "lowerarm01.L",
    "left_wrist": "wrist.L",
}
MAKEHUMAN = SkeletonMap(
    nodes=_middle(
        pelvis="root",
        spine1="spine03",
        spine2="spine02",
        spine3="spine01",
        neck="neck02",
        head="head",
    )
    | _sided(_MAKEHUMAN_LIMBS, {".L": ".R"}),
    metre=0.1,
    node_from_body=BODY_TO_WORLD,
    world_from_outer=np.eye(3),
    toes=("toe1-1.L", "toe1-1.R"),
)
MAKEHUMAN_LOOPS = SkeletonMap(
    nodes=_middle(
        pelvis="Hips", spine1="Spine1", spine2="Spine2", spine3="Spine3", neck="Neck", head="Head"
    )
    | _sided(
        {
            "left_hip": "UpLeg_L",
            "left_knee": "LoLeg_L",
            "left_ankle": "Foot_L",
            "left_foot": "Toe_L",
            "left_collar": "Clavicle_L",
            "left_shoulder": "UpArm_L",
            "left_elbow": "LoArm_L",
            "left_wrist": "Hand_L",
        },
        {"_L": "_R"},
    ),
    metre=0.1,
    node_from_body=BODY_TO_WORLD,
    world_from_outer=np.eye(3),
    toes=("Toe_L", "Toe_R"),
)
