"""Carries a recorded skeleton over to SMPL's joints.

A joint's rotation is the node's, behind a constant turn between SMPL's rest pose and the node
(the rest alignment), so that twist is kept. Limb bones then point exactly where the source's do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fhmr_blender.core.arrays import Floats, Indices
from fhmr_blender.core.rotations import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    nearest_rotation,
    rotation_about,
    shortest_arc,
)
from fhmr_blender.core.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS

from .motion_formats.recording import Placed, Recording, place
from .motion_formats.skeleton_maps import SkeletonMap

# The segments of the limbs: upper and lower, with the joint at the lower one's end.
_LIMB_CHAINS = (
    ("left_hip", "left_knee", "left_ankle"),
    ("right_hip", "right_knee", "right_ankle"),
    ("left_shoulder", "left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow", "right_wrist"),
)
# Upper x lower segment of a bent limb in SMPL's rest axes: knees bend backwards, elbows of the
# T-pose (palms down) forwards.
_HINGES = {
    "left_hip": np.array([1.0, 0.0, 0.0]),
    "right_hip": np.array([1.0, 0.0, 0.0]),
    "left_shoulder": np.array([0.0, -1.0, 0.0]),
    "right_shoulder": np.array([0.0, 1.0, 0.0]),
}
_FEET = ("left_ankle", "right_ankle", "left_foot", "right_foot")
_STEADY_HINGE = 0.6  # length of the mean of bending axes, weighted; below, the zero pose is asked
_BENT_ENOUGH = 0.02  # mean sine of the bend over a performer's frames
_HINGE_FRAMES_MIN = 200  # below, some poses speak for all bends
# Sources, and performers of one source, differ in where these are upright. Heads of CMU's bow by 15
# to 30 degrees in walking; as people do look down, only a part of that is taken back (a guess).
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_HEAD_TURN_MAX = np.deg2rad(20.0)
_TRUNK_ROUNDS = 5  # of bending the spine until the trunk points where the source's does
_STANDING_LEAN = np.deg2rad(20.0)
_STANDING_FRAMES_MIN, _STANDING_FRAMES_MAX = 30, 300
_SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True, eq=False)
class Retargeted:
    """SMPL rotations and what they are held against, `world` axes."""

    outer: Floats  # (T, 24, 3, 3) world from joint
    pelvis: Floats  # (T, 3) metres, for the rest skeleton's legs
    source_joints: Mapping[str, Floats]  # (T, 3) metres, unscaled
    scale: float  # the rest skeleton's legs over the source's


def retarget(
    recordings: Sequence[Recording], skeleton_map: SkeletonMap, rest_joints: Floats
) -> tuple[Retargeted, ...]:
    """Carry one performer's recordings, which share a skeleton, over to SMPL's joints.

    Args:
        recordings: All of one performer: limbs' hinges are found over all of them.
        skeleton_map: Of their source.
        rest_joints: (24, 3) metres, `body` frame.
    """
    needed = {node for nodes in skeleton_map.nodes.values() for node in nodes}
    needed |= set(skeleton_map.toes or ())
    placed = [place(recording, sorted(needed)) for recording in recordings]
    sources = [_SourcePose(skeleton_map, one) for one in placed]
    alignments = _alignments(sources, skeleton_map, rest_joints)
    return tuple(_carry(source, alignments, skeleton_map, rest_joints) for source in sources)


class _SourcePose:
    """A source's rotations and joints by the names of SMPL, outer axes, file units."""

    def __init__(self, skeleton_map: SkeletonMap, placed: Placed) -> None:
        self.rotations = {
            joint: nearest_rotation(np.sum([placed.rotations[node] for node in nodes], axis=0))
            if len(nodes) > 1
            else placed.rotations[nodes[0]]
            for joint, nodes in skeleton_map.nodes.items()
        }
        self.joints = {
            joint: placed.starts[nodes[0]]
            for joint, nodes in skeleton_map.nodes.items()
            if len(nodes) == 1
        }
        for (side, _), toe in zip(_SIDES, skeleton_map.toes or (), strict=False):
            self.joints[f"{side}_foot"] = placed.starts[toe]

    def direction(self, start: str, end: str) -> Floats:
        return _unit(self.joints[end] - self.joints[start])

    def middle(self, kind: str) -> Floats:
        return (self.joints[f"left_{kind}"] + self.joints[f"right_{kind}"]) / 2


def _alignments(
    sources: Sequence[_SourcePose], skeleton_map: SkeletonMap, rest_joints: Floats
) -> dict[str, Floats]:
    """Node from SMPL joint, (3, 3), for every joint that has a node."""
    standing, upright = _standing_frames(sources, skeleton_map)
    if skeleton_map.zero_pose_is_a_body:
        found = _from_zero_pose(skeleton_map)
        if upright >= _STANDING_FRAMES_MIN:
            upright_body = _from_standing(sources, standing, _TRUNK, skeleton_map, rest_joints)
            found |= {
                joint: _towards(found[joint], alignment, _HEAD_TURN_MAX)
                if joint in ("neck", "head")
                else alignment
                for joint, alignment in upright_body.items()
            }
    else:
        found = _from_standing(
            sources, standing, tuple(skeleton_map.nodes), skeleton_map, rest_joints
        )
    for upper, lower, end in _LIMB_CHAINS:
        for segment, tip in pairwise((upper, lower, end)):
            rest = _rest_direction(rest_joints, segment, tip)
            bone = _unit(_mean_in_node(sources, segment, tip))
            hinge = _hinge(sources, segment, (upper, lower, end))
            straight = shortest_arc(found[segment] @ rest, bone)
            if hinge is None:
                found[segment] = straight @ found[segment]
            else:
                found[segment] = _frame(bone, hinge) @ _frame(rest, _HINGES[upper]).T
        wrist = f"{upper.split('_')[0]}_wrist"
        if end == wrist and wrist in found and skeleton_map.zero_pose_is_a_body:
            found[wrist] = straight @ found[wrist]
    return found


def _from_zero_pose(skeleton_map: SkeletonMap) -> dict[str, Floats]:
    found = dict.fromkeys(skeleton_map.nodes, skeleton_map.node_from_body)
    for side, sign in _SIDES:
        splay = rotation_about(2, np.deg2rad(sign * skeleton_map.leg_splay))
        for part in ("hip", "knee", "ankle", "foot"):
            if f"{side}_{part}" in found:
                found[f"{side}_{part}"] = skeleton_map.node_from_body @ splay
    return found


def _standing_frames(
    sources: Sequence[_SourcePose], skeleton_map: SkeletonMap
) -> tuple[Indices, int]:
    """Source and frame (K, 2) of the straightest bodies with hanging arms, K at least 1.

    Also how many frames over all have trunk and legs' middle upright; no other is taken, but for
    the best one where nobody ever stands.
    """
    up = skeleton_map.world_from_outer[2]
    rows, upright = [], 0
    for index, source in enumerate(sources):
        bones = [source.direction(a, b) @ -up for chain in _LIMB_CHAINS for a, b in pairwise(chain)]
        trunk = _unit(source.middle("shoulder") - source.middle("hip")) @ up
        legs = _unit(source.middle("knee") + source.middle("ankle") - 2 * source.middle("hip"))
        lean = np.minimum(trunk, legs @ -up) < np.cos(_STANDING_LEAN)
        upright += int(np.sum(~lean))
        cost = 4 * (1 - trunk) + sum(1 - bone for bone in bones) + 100 * lean
        rows.append(np.stack((np.full(len(cost), index), np.arange(len(cost)), cost), axis=1))
    found = np.concatenate(rows)
    found = found[np.argsort(found[:, 2], kind="stable")]
    found = found[: max(min(upright, _STANDING_FRAMES_MAX), 1)]
    typical = found[min(_STANDING_FRAMES_MIN, len(found)) - 1, 2]
    return found[found[:, 2] <= 2 * typical, :2].astype(int), upright


def _from_standing(
    sources: Sequence[_SourcePose],
    standing: Indices,
    wanted: Sequence[str],
    skeleton_map: SkeletonMap,
    rest_joints: Floats,
) -> dict[str, Floats]:
    """Somebody standing straight is SMPL's rest pose, but for the arms, turned to their heading."""
    up = skeleton_map.world_from_outer[2]
    rest_trunk = _unit((rest_joints[16] + rest_joints[17] - rest_joints[1] - rest_joints[2]) / 2)
    sums = {joint: np.zeros((3, 3)) for joint in wanted if joint in skeleton_map.nodes}
    for index, frame in standing:
        source = sources[index]
        left = source.direction("right_hip", "left_hip")[frame]
        trunk = _unit((source.middle("shoulder") - source.middle("hip"))[frame])
        body = _frame(trunk, left) @ _frame(rest_trunk, np.array([1.0, 0.0, 0.0])).T
        for joint in sums:
            outer, side = body, joint.split("_")[0]
            if joint in _FEET:
                rest = _rest_direction(rest_joints, f"{side}_ankle", f"{side}_foot")
                own = rotation_about(1, -np.arctan2(rest[0], rest[2]))
                outer = _heading(source.direction(f"{side}_ankle", f"{side}_foot")[frame], up) @ own
            elif joint.endswith(("shoulder", "elbow", "wrist")):
                outer = body @ rotation_about(2, np.pi / 2 * (-1.0 if side == "left" else 1.0))
            sums[joint] += source.rotations[joint][frame].T @ outer
    return {joint: nearest_rotation(total) for joint, total in sums.items()}


def _hinge(
    sources: Sequence[_SourcePose], segment: str, chain: tuple[str, str, str]
) -> Floats | None:
    """The limb's bending axis (3,) in a segment's node; None where it is not seen to bend."""
    upper, lower, end = chain
    inside = np.concatenate(
        [
            _turned_back(
                source.rotations[segment],
                np.cross(source.direction(upper, lower), source.direction(lower, end)),
            )
            for source in sources
        ]
    )
    bend = np.linalg.norm(inside, axis=-1)  # sine
    mean = np.sum(inside * bend[:, None], axis=0)
    steadiness = np.linalg.norm(mean) / max(float(np.sum(bend**2)), 1e-12)
    enough = len(bend) >= _HINGE_FRAMES_MIN and bend.mean() > _BENT_ENOUGH
    return mean if enough and steadiness > _STEADY_HINGE else None


def _carry(
    source: _SourcePose,
    alignments: dict[str, Floats],
    skeleton_map: SkeletonMap,
    rest_joints: Floats,
) -> Retargeted:
    world = skeleton_map.world_from_outer
    frames = len(source.rotations["pelvis"])
    outer = np.empty((frames, 24, 3, 3))
    for joint, name in enumerate(JOINT_NAMES):  # those without a node follow their parent
        if name in alignments:
            outer[:, joint] = world @ source.rotations[name] @ alignments[name]
        else:
            outer[:, joint] = outer[:, PARENTS[joint]]
    for name, (first, second, share) in skeleton_map.spread.items():
        start = outer[:, JOINT_INDEX[first]]
        turn = np.swapaxes(start, -1, -2) @ outer[:, JOINT_INDEX[second]]
        part = matrix_from_axis_angle(axis_angle_from_matrix(turn) * share)
        outer[:, JOINT_INDEX[name]] = start @ part
    joints = {name: points @ world.T * skeleton_map.metre for name, points in source.joints.items()}
    for upper, lower, end in _LIMB_CHAINS:
        for segment, tip in pairwise((upper, lower, end)):
            index = JOINT_INDEX[segment]
            pointed = outer[:, index] @ _rest_direction(rest_joints, segment, tip)
            wanted = _unit(joints[tip] - joints[segment])
            outer[:, index] = shortest_arc(pointed, wanted) @ outer[:, index]
    outer = _bend_spine(outer, joints, rest_joints)
    scale = _leg_length(rest_joints) / _leg_length_of(joints)
    hips = (rest_joints[1] + rest_joints[2]) / 2 - rest_joints[0]
    middle = (joints["left_hip"] + joints["right_hip"]) / 2
    return Retargeted(
        outer=outer,
        pelvis=middle * scale - outer[:, 0] @ hips,
        source_joints=joints,
        scale=scale,
    )


def _bend_spine(outer: Floats, source_joints: Mapping[str, Floats], rest_joints: Floats) -> Floats:
    """Turn the spine, half of it at its first joint, until hips to shoulders point as the source's.

    SMPL bends higher above the hips than most sources do. Head and limbs keep their turns.
    """
    bent = outer.copy()
    spine = [JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3")]
    upper = [*spine[1:], JOINT_INDEX["left_collar"], JOINT_INDEX["right_collar"]]
    wanted = _unit(
        source_joints["left_shoulder"]
        + source_joints["right_shoulder"]
        - source_joints["left_hip"]
        - source_joints["right_hip"]
    )
    for _ in range(_TRUNK_ROUNDS):
        trunk = np.zeros((len(outer), 3))
        for side, _ in _SIDES:
            chain = ("pelvis", "spine1", "spine2", "spine3", f"{side}_collar", f"{side}_shoulder")
            for parent, child in pairwise(map(JOINT_INDEX.__getitem__, chain)):
                trunk += bent[:, parent] @ (rest_joints[child] - rest_joints[parent])
            trunk -= bent[:, 0] @ (rest_joints[JOINT_INDEX[f"{side}_hip"]] - rest_joints[0])
        turn = shortest_arc(_unit(trunk), wanted)
        half = nearest_rotation(turn + np.eye(3))
        bent[:, spine[0]] = half @ bent[:, spine[0]]
        bent[:, upper] = turn[:, None] @ bent[:, upper]
    return bent


def _towards(start: Floats, end: Floats, most: float) -> Floats:
    """The turn (3, 3) from `start` towards `end`, at most `most` radians of it."""
    turn = axis_angle_from_matrix(end @ start.T)
    share = min(1.0, most / max(float(np.linalg.norm(turn)), 1e-9))
    return matrix_from_axis_angle(turn * share) @ start


def _leg_length(rest_joints: Floats) -> float:
    return float(
        sum(
            np.linalg.norm(rest_joints[child] - rest_joints[PARENTS[child]])
            for child in (4, 5, 7, 8)
        )
        / 2
    )


def _leg_length_of(joints: Mapping[str, Floats]) -> float:
    lengths = [
        np.median(np.linalg.norm(joints[f"{side}_{tip}"] - joints[f"{side}_{start}"], axis=-1))
        for side, _ in _SIDES
        for start, tip in (("hip", "knee"), ("knee", "ankle"))
    ]
    return float(sum(lengths) / 2)


def _rest_direction(rest_joints: Floats, start: str, end: str) -> Floats:
    return _unit(rest_joints[JOINT_INDEX[end]] - rest_joints[JOINT_INDEX[start]])


def _mean_in_node(sources: Sequence[_SourcePose], segment: str, tip: str) -> Floats:
    """The mean direction (3,) from a segment's start to its tip in the segment's node."""
    return np.mean(
        [
            _turned_back(source.rotations[segment], source.direction(segment, tip)).mean(axis=0)
            for source in sources
        ],
        axis=0,
    )


def _turned_back(rotations: Floats, directions: Floats) -> Floats:
    return np.einsum("tji,tj->ti", rotations, directions)


def _heading(forward: Floats, up: Floats) -> Floats:
    """SMPL's axes as columns for a body upright along `up` that faces `forward`."""
    level = _unit(forward - up * (forward @ up))
    return np.stack((np.cross(up, level), up, level), axis=-1)


def _frame(bone: Floats, hinge: Floats) -> Floats:
    """Right-handed axes as columns: along the bone, the hinge made square to it, their product."""
    square = _unit(hinge - bone * (bone @ hinge))
    return np.stack((bone, square, np.cross(bone, square)), axis=-1)


def _unit(vector: Floats) -> Floats:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12)
