"""Limbs brought to where they are held: two bones and a hinge, solved in closed form.

The first joint of a limb swings by the smallest turn, elbow and knee bend about their own hinge
and never backwards; so a drawn limb keeps its own manner. The torso is never touched.
Source: Tolani, Goswami & Badler, Real-Time Inverse Kinematics Techniques for Anthropomorphic
Limbs, 2000.
"""

from collections.abc import Sequence

import numpy as np

from ..core.arrays import Bools, Floats
from ..core.rotations import axis_angle_from_matrix, matrix_from_axis_angle, shortest_arc
from ..core.skeleton import LIMBS, PARENTS, forward_kinematics
from .holds import Hold
from .pins import limb_of

_ORDER = ("left_leg", "right_leg", "head", "left_arm", "right_arm")  # hands may touch legs
_HINGE_AXIS = {"left_arm": 1, "right_arm": 1, "left_leg": 0, "right_leg": 0}  # of SMPL's T-pose
_BENDS = {"left_arm": -1.0, "right_arm": 1.0, "left_leg": 1.0, "right_leg": 1.0}  # sign of the bend
_BEND_MAX = np.radians(150.0)  # of elbow and knee; guess after anatomy's 145 to 155
_LOOK_MAX = np.radians(95.0)  # of the face from the chest's front; guess after the neck's 80 to 90
_FADE = 0.3  # seconds; guess: so long before and after a pinned frame the limb follows
_NECK, _HEAD, _CHEST = 12, 15, 9


def reach(
    rotations: Floats,
    rest_joints: Floats,
    holds: Sequence[Hold],
    seconds: Floats,
    neighbours: tuple[float | None, float | None],
) -> Floats:
    """Turn limbs until their held joints are in place, or as near as they reach.

    Args:
        rotations: (S, n, 24, 3, 3), the pelvis cam from body, others parent-relative.
        rest_joints: (24, 3) metres.
        holds: n frames.
        seconds: (n,) of the frames.
        neighbours: Times of the frames before and after that stay as they are, if there are any.

    Returns:
        Rotations. Frames near a held one follow it smoothly; torso and limbs without a hold are
        the same to the bit.
    """
    for limb in _ORDER:
        own = [hold for hold in holds if limb_of(hold.joint) == limb]
        if not own:
            continue
        # From the root outwards, so that a held elbow is in place before its wrist moves.
        own.sort(key=lambda hold: (hold.looks, LIMBS[limb_of(hold.joint)].index(hold.joint)))
        moved = rotations
        placed = np.zeros((4, len(seconds)), dtype=bool)  # joints of the chain that are in place
        for hold in own:
            moved = _met(moved, rest_joints, hold, placed)
            if not hold.looks:
                placed[LIMBS[limb].index(hold.joint)] |= hold.rows & (hold.weight == 1.0)
        rows = np.any([hold.rows for hold in own], axis=0)
        rotations = _followed(rotations, moved, list(LIMBS[limb]), rows, seconds, neighbours)
    return rotations


def _met(rotations: Floats, rest_joints: Floats, hold: Hold, placed: Bools) -> Floats:
    """One hold met in its frames; `placed` (4, n) says which joints of the chain must stay."""
    outer, joints = forward_kinematics(rotations, rest_joints)
    place = place_of(hold, joints)
    if hold.looks:
        turned = _looking(rotations, outer, joints, rest_joints, place, hold.weight)
    else:
        limb = limb_of(hold.joint)
        at = LIMBS[limb].index(hold.joint)
        if at == 1:
            turned = _swung(rotations, outer, joints, hold, place, LIMBS[limb][0])
        elif at == 3 and placed[2][hold.rows].any():
            turned = _swung(rotations, outer, joints, hold, place, LIMBS[limb][2])
        else:
            bones = _Bones(rotations, outer, joints, limb, hold.joint)
            turned = bones.towards(_goal(hold, joints, place, bones.root, bones.longest))
            if placed[1].any():
                twisted = bones.about_the_elbow(
                    _goal(hold, joints, place, bones.root, bones.longest)
                )
                turned = np.where(placed[1][:, None, None, None], twisted, turned)
    return np.where(hold.rows[:, None, None, None], turned, rotations)


def place_of(hold: Hold, joints: Floats) -> Floats:
    """(..., n, 3) where the joint shall be, from the pelvis."""
    return hold.places if hold.follows is None else joints[..., hold.follows, :]


def _goal(hold: Hold, joints: Floats, place: Floats, root: Floats, longest: Floats) -> Floats:
    """The point nearest to the joint that meets the hold, within reach if there is one there."""
    start = joints[..., hold.joint, :]
    point = start + (hold.onto @ (place - start)[..., None])[..., 0]
    if np.any(hold.onto != np.eye(3)):
        # A line or a plane: alternate between it and the ball that the limb reaches.
        for _ in range(12):
            away = point - root
            far = np.linalg.norm(away, axis=-1, keepdims=True)
            point = root + away * np.minimum(1.0, longest[..., None] / np.maximum(far, 1e-9))
            point = point + (hold.onto @ (place - point)[..., None])[..., 0]
    if hold.clearance:
        point = place + hold.clearance * _unit(start - place)
    return start + hold.weight * (point - start)


def _swung(
    rotations: Floats, outer: Floats, joints: Floats, hold: Hold, place: Floats, pivot: int
) -> Floats:
    """The joint at a fixed distance from its pivot: the pivot turns by the smallest arc."""
    centre, joint = joints[..., pivot, :], joints[..., hold.joint, :]
    length = np.linalg.norm(joint - centre, axis=-1)
    goal = _goal(hold, joints, place, centre, length)
    return _turned(rotations, outer, pivot, shortest_arc(joint - centre, goal - centre))


def _turned(rotations: Floats, outer: Floats, joint: int, turn: Floats) -> Floats:
    """A joint and what hangs on it turned by (..., 3, 3) in the outer frame."""
    parent = np.swapaxes(outer[..., PARENTS[joint], :, :], -1, -2)
    changed = rotations.copy()
    changed[..., joint, :, :] = parent @ turn @ outer[..., joint, :, :]
    return changed


class _Bones:
    """Two bones and the hinge between them, up to the held joint; in the first bone's frame."""

    def __init__(
        self, rotations: Floats, outer: Floats, joints: Floats, limb: str, end: int
    ) -> None:
        self._first, self._middle = LIMBS[limb][:2]
        self._end = end
        self._rotations = rotations
        self._outer = outer
        self._bends = _BENDS[limb]
        self.root = joints[..., self._first, :]
        into = np.swapaxes(outer[..., self._first, :, :], -1, -2)
        self._upper = _apply(into, joints[..., self._middle, :] - self.root)
        self._lower = _apply(into, joints[..., end, :] - joints[..., self._middle, :])
        self._axis = np.zeros(3)
        self._axis[_HINGE_AXIS[limb]] = 1.0
        # upper . lower turned by phi = rest + span cos(phi - straight)
        rest = (self._upper @ self._axis) * (self._lower @ self._axis)
        cosine = np.sum(self._upper * self._lower, axis=-1) - rest
        sine = np.sum(self._upper * np.cross(self._axis, self._lower), axis=-1)
        self._rest, self._span = rest, np.hypot(cosine, sine)
        self._straight = np.arctan2(sine, cosine)
        lengths = np.sum(self._upper**2, axis=-1) + np.sum(self._lower**2, axis=-1)
        self._lengths = lengths
        self._product = np.linalg.norm(self._upper, axis=-1) * np.linalg.norm(self._lower, axis=-1)
        self.longest = np.sqrt(lengths + 2.0 * self._product)

    def towards(self, goal: Floats) -> Floats:
        """Bend for the distance, then swing the whole limb."""
        away = goal - self.root
        wanted = 0.5 * (np.sum(away**2, axis=-1) - self._lengths)
        hinge = self._bent(wanted)
        lower = _apply(hinge, self._lower)
        along = _apply(self._outer[..., self._first, :, :], self._upper + lower)
        turned = _turned(self._rotations, self._outer, self._first, shortest_arc(along, away))
        turned[..., self._middle, :, :] = hinge @ self._rotations[..., self._middle, :, :]
        return turned

    def about_the_elbow(self, goal: Floats) -> Floats:
        """Elbow or knee stays: twist the first bone about itself, and bend."""
        into = np.swapaxes(self._outer[..., self._first, :, :], -1, -2)
        away = _unit(_apply(into, goal - self.root) - self._upper)
        reach = np.linalg.norm(self._lower, axis=-1)
        hinge = self._bent(np.sum(self._upper * away, axis=-1) * reach)
        lower, bone = _apply(hinge, self._lower), _unit(self._upper)
        now = lower - np.sum(lower * bone, axis=-1, keepdims=True) * bone
        then = away - np.sum(away * bone, axis=-1, keepdims=True) * bone
        sine = np.sum(np.cross(now, then) * bone, axis=-1)
        twist = matrix_from_axis_angle(
            bone * np.arctan2(sine, np.sum(now * then, axis=-1))[..., None]
        )
        turned = self._rotations.copy()
        turned[..., self._first, :, :] = turned[..., self._first, :, :] @ twist
        turned[..., self._middle, :, :] = hinge @ turned[..., self._middle, :, :]
        return turned

    def _bent(self, wanted: Floats) -> Floats:
        """The turn (..., 3, 3) of the lower bone that brings `upper . lower` to `wanted`."""
        share = np.clip((wanted - self._rest) / np.maximum(self._span, 1e-12), -1.0, 1.0)
        bend = np.minimum(np.arccos(share), _BEND_MAX)
        angle = self._straight + self._bends * bend
        hinge = matrix_from_axis_angle(self._axis * angle[..., None])
        # What is drawn a little off the hinge cannot stretch by the hinge alone: the rest of the
        # way to straight goes about whatever axis is needed.
        lower = _apply(hinge, self._lower)
        now, then = (
            np.arccos(np.clip(product / self._product, -1.0, 1.0))
            for product in (np.sum(self._upper * lower, axis=-1), wanted)
        )
        axis = _unit(np.cross(lower, self._upper))
        missing = np.where(share == 1.0, np.maximum(now - then, 0.0), 0.0)
        return matrix_from_axis_angle(axis * missing[..., None]) @ hinge


def _looking(
    rotations: Floats,
    outer: Floats,
    joints: Floats,
    rest_joints: Floats,
    place: Floats,
    weight: float,
) -> Floats:
    """Neck and head share the turn that brings the face towards the place."""
    face = outer[..., _HEAD, :, 2]
    wish = _limited(outer[..., _CHEST, :, 2], place - joints[..., _HEAD, :])
    way = weight * axis_angle_from_matrix(shortest_arc(face, wish))
    wish = _apply(matrix_from_axis_angle(way), face)
    half = _turned(rotations, outer, _NECK, matrix_from_axis_angle(0.5 * way))
    outer, _ = forward_kinematics(half, rest_joints)
    return _turned(half, outer, _HEAD, shortest_arc(outer[..., _HEAD, :, 2], wish))


def _limited(front: Floats, wish: Floats) -> Floats:
    """A direction no further from the chest's front than a head turns."""
    arc = axis_angle_from_matrix(shortest_arc(front, wish))
    angle = np.linalg.norm(arc, axis=-1, keepdims=True)
    return _apply(
        matrix_from_axis_angle(arc * np.minimum(1.0, _LOOK_MAX / np.maximum(angle, 1e-9))), front
    )


def _followed(
    rotations: Floats,
    moved: Floats,
    chain: list[int],
    rows: Bools,
    seconds: Floats,
    neighbours: tuple[float | None, float | None],
) -> Floats:
    """What held frames changed, fading into the frames around them."""
    share = _shares(rows, seconds, neighbours)  # (n, h): of each held frame in every other
    held = np.flatnonzero(rows)
    near = np.flatnonzero(share.any(axis=1) & ~rows)
    result = rotations.copy()
    result[:, rows] = moved[:, rows]
    if not len(near):
        return result
    before = np.swapaxes(rotations[:, held][:, :, chain], -1, -2)
    change = axis_angle_from_matrix(before @ moved[:, held][:, :, chain])  # (S, h, K, 3)
    way = np.einsum("nh,shkc->snkc", share[near], change)
    place = np.ix_(np.arange(len(rotations)), near, np.array(chain))
    result[place] = rotations[place] @ matrix_from_axis_angle(way)
    return result


def _shares(rows: Bools, seconds: Floats, neighbours: tuple[float | None, float | None]) -> Floats:
    """(n, h) how much of the change of each of h held frames every frame takes over."""
    held = seconds[rows]
    share = np.zeros((len(seconds), len(held)))
    edges = np.array([edge for edge in neighbours if edge is not None])
    for column, time in enumerate(held):
        for side in (-1.0, 1.0):
            others = np.concatenate((held, edges))
            gaps = side * (others - time)
            nearest = float(np.min(gaps[gaps > 0.0], initial=_FADE))
            away = side * (seconds - time)
            inside = (away > 0.0) & (away < nearest)
            share[inside, column] = 1.0 - smoothstep(away[inside] / nearest)
    return share


def smoothstep(x: Floats) -> Floats:
    """From 0 at 0 to 1 at 1, at rest and unaccelerated at both. Source: Perlin, 2002."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (x * (6.0 * x - 15.0) + 10.0)


def _apply(matrix: Floats, vector: Floats) -> Floats:
    return (matrix @ vector[..., None])[..., 0]


def _unit(vector: Floats) -> Floats:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
