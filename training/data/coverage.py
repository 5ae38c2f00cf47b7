"""Performances that nobody recorded: limbs exchanged, blended, sent about at random, hands brought
to places, the body turned as a whole, time warped; nothing beyond what joints and flesh allow.

For training only: the other splits measure on motion as it was recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import (
    matrix_from_axis_angle,
    matrix_from_quaternion,
    quaternion_from_matrix,
)
from fhmr_blender.core.skeleton import LIMBS

from .limits import Clearance, JointLimits
from .motion_cleaning import JOINT_RADII
from .performances import Performance
from .posed import Posed, performed, posed
from .postures import POSTURES, Posture, posture_poses, taken
from .reach import PLACES, SWIVELS, reach, reachable, target, target_points
from .splines import spline_weights

# Of the performances that are changed at all; guesses, wide of what the corpus lacks.
POSTURE_SHARE = 0.3  # take one of `POSTURES`, in the place of recorded trunk and legs
POSTURE_TRIES = 3
POSTURE_LIMBS_SHARE = 0.4  # of these have arms or a head that come from elsewhere
LIMBS_SHARE = 0.85  # have limbs that come from elsewhere
LIMB_COUNT_SHARES = (0.3, 0.35, 0.2, 0.1, 0.05)  # one to five of them
LIMB_KINDS = ("exchanged", "blended", "wandering")
LIMB_KIND_SHARES = (0.3, 0.3, 0.4)
REACH_SHARE = 0.3  # have hands that are brought to a place
BOTH_HANDS_SHARE = 0.35  # of these
TURN_SHARE = 0.12  # are turned as a whole
WARP_SHARE = 0.3  # pass slower or faster
COMMON_PLACES = ("face", "chest", "belly", "hip")  # are always near: they are wanted less often
TRIES = 3  # for a limb, an arm, before it stays as it was

_KNOT_SECONDS = (0.4, 1.5)  # between the turns that a wandering joint passes
_RAMP_SHARES = (0.2, 0.8)  # of the window, over which a blend goes from nothing to all
_WARP = 0.5  # how uneven time may run, log
_SPEED = 0.45  # how much slower or faster, log
_DAMPED = 0.3  # of its way that a turned body goes on
FLOOR_TOLERANCE = -0.02  # metres that a changed arm's joints may go below the floor
_ARMS = ("left_arm", "right_arm")
_LEGS = ("left_leg", "right_leg")
_NOT_ARMS = np.array(
    [joint for joint in range(24) if joint not in (*LIMBS["left_arm"], *LIMBS["right_arm"])]
)
_STIFF = (10, 11, 22, 23)  # toes and hands hardly turn in recordings


class Coverage:
    """Changes performances within what recorded poses show to be possible.

    Args:
        poses: (M, 24, 3) recorded axis-angle; with `POSTURES` they say how far joints turn.
        rest_joints: (24, 3) of the body that the performances move.
    """

    def __init__(self, poses: Floats, rest_joints: Floats) -> None:
        self.limits = JointLimits(np.concatenate((poses, posture_poses())))
        self.clearance = Clearance(poses, rest_joints)
        self._rest_joints = rest_joints

    def change(
        self,
        rng: np.random.Generator,
        body: Performance,
        another: Callable[[], Performance],
    ) -> Performance:
        """Change a performance; `another` gives one of equal length to take limbs from."""
        settled = rng.random() < POSTURE_SHARE
        if settled:
            body = self.in_posture(rng, body)
        parts = self._changing(body)
        if rng.random() < (POSTURE_LIMBS_SHARE if settled else LIMBS_SHARE):
            limbs = ("head", *_ARMS) if settled else tuple(LIMBS)
            parts = self._with_other_limbs(rng, body, parts, another, limbs)
        if rng.random() < REACH_SHARE:
            parts = self._reaching(rng, body, parts)
        changed = parts.performed(body)
        if not settled and rng.random() < TURN_SHARE:
            changed = self.grounded(turned_over(rng, changed))
        if rng.random() < WARP_SHARE:
            changed = warped(rng, changed)
        return changed

    def exchanged(
        self, rng: np.random.Generator, body: Performance, donor: Performance
    ) -> Performance:
        """One or two limbs of another performance, those that fit."""
        parts = self._changing(body)
        for limb in _some_limbs(rng, int(rng.integers(1, 3)), tuple(LIMBS)):
            turns = quaternion_from_matrix(donor.rotations[:, LIMBS[limb]])
            parts.take(limb, parts.pose.limb_turned(limb, turns), f"{limb}={donor.name}")
        return parts.performed(body)

    def grounded(self, performance: Performance) -> Performance:
        """Lifted or sunk as a whole until its lowest point touches the floor; all contacts anew."""
        pose = posed(performance.rotations, self._rest_joints)
        return performed(performance, pose, performance.name, (), lift=True)

    def in_posture(self, rng: np.random.Generator, body: Performance) -> Performance:
        """Trunk and legs in one of `POSTURES`, on the floor; as it was if it does not succeed."""
        posture = POSTURES[rng.integers(len(POSTURES))]
        for _ in range(POSTURE_TRIES):
            rotations = taken(rng, posture, body.rotations, body.seconds)
            pose = posed(rotations, self._rest_joints)
            if not all(self._possible(pose, limb) for limb in _LEGS):
                continue
            height = pose.joints[..., 2] - JOINT_RADII
            supports = np.arange(24) if posture.arms == "overhead" else _NOT_ARMS
            pelvis = body.pelvis[:1] + _DAMPED * (body.pelvis - body.pelvis[:1])
            pelvis[:, 2] = -height[:, supports].min(axis=1)
            name = f"{body.name}|{posture.name}"
            placed = replace(body, name=name, rotations=rotations, pelvis=pelvis)
            parts = _Changing(self, pose, pelvis, [name], [])
            if not all(self._settles(rng, placed, parts, posture, arm) for arm in _ARMS):
                continue
            if all(self.clearance.apart(parts.pose.joints, (limb,)).all() for limb in _LEGS):
                return performed(placed, parts.pose, name, (), lift=True)
        return body

    def _settles(
        self,
        rng: np.random.Generator,
        body: Performance,
        parts: "_Changing",
        posture: Posture,
        arm: str,
    ) -> bool:
        """Bring an arm to the floor if the posture asks for it, else only if it does not fit."""
        if posture.arms == "overhead" or (
            posture.arms == "free" and self.accepted(parts.pose, arm, parts.pelvis)
        ):
            return True
        weight = np.ones(len(body.seconds))
        for _ in range(2 * TRIES):
            points = self._floor_points(rng, body, parts.pose, arm)
            if posture.arms == "free" and rng.random() < 0.7:
                goal = target(rng, str(rng.choice(PLACES)), arm)
                points = target_points(parts.pose, goal)
            if not reachable(parts.pose, arm, points):
                continue
            swivels = rng.permutation(SWIVELS)
            pose = reach(parts.pose, arm, points, weight, self.limits, swivels)
            if pose is not None and parts.take(arm, pose, ""):
                return True
        return False

    def accepted(self, pose: Posed, limb: str, pelvis: Floats) -> bool:
        """Whether the turns of a limb are possible and it goes into nothing.

        A leg that goes into the floor is no reason: the body is lifted.
        """
        return (
            self._possible(pose, limb)
            and (limb not in _ARMS or _above_floor(pose, limb, pelvis))
            and bool(self.clearance.apart(pose.joints, (limb,)).all())
        )

    def _possible(self, pose: Posed, limb: str) -> bool:
        chain = LIMBS[limb]
        return bool(self.limits.within(pose.quaternions[:, chain], chain).all())

    def _changing(self, body: Performance) -> "_Changing":
        return _Changing(
            self, posed(body.rotations, self._rest_joints), body.pelvis, [body.name], []
        )

    def _with_other_limbs(
        self,
        rng: np.random.Generator,
        body: Performance,
        parts: "_Changing",
        another: Callable[[], Performance],
        limbs: tuple[str, ...],
    ) -> "_Changing":
        count = 1 + int(rng.choice(len(LIMB_COUNT_SHARES), p=LIMB_COUNT_SHARES))
        donor: Performance | None = None
        for limb in _some_limbs(rng, min(count, len(limbs)), limbs):
            for _ in range(TRIES):
                kind = str(rng.choice(LIMB_KINDS, p=LIMB_KIND_SHARES))
                before = parts.pose.quaternions[:, LIMBS[limb]]
                if kind == "wandering":
                    turns, name = self._wandering(rng, body, before, limb), f"{limb}~"
                else:
                    donor = another() if donor is None or rng.random() < 0.5 else donor
                    turns = quaternion_from_matrix(donor.rotations[:, LIMBS[limb]])
                    name = f"{limb}={donor.name}"
                if kind == "blended" or (kind == "wandering" and rng.random() < 0.5):
                    turns = blended(before, turns, ramp(rng, len(body.seconds)))
                if parts.take(limb, parts.pose.limb_turned(limb, turns), name):
                    break
        return parts

    def _wandering(
        self, rng: np.random.Generator, body: Performance, before: Floats, limb: str
    ) -> Floats:
        """Turns (T, J, 4) of a limb that pass drawn ones, near a middle one or far from it."""
        joints = LIMBS[limb]
        gap = rng.uniform(*_KNOT_SECONDS)
        weights = spline_weights((body.seconds - body.seconds[0]) / gap)  # (T, K)
        knots = self.limits.draw(rng, joints, weights.shape[1])
        middle = self.limits.draw(rng, joints, 1)
        knots = middle + rng.uniform(0.1, 0.9) * (_towards(knots, middle) - middle)
        turns = np.tensordot(weights, knots / _length(knots), axes=1)  # (T, J, 4)
        stiff = [place for place, joint in enumerate(joints) if joint in _STIFF]
        turns[:, stiff] = before[:, stiff]
        return turns / _length(turns)

    def _reaching(
        self, rng: np.random.Generator, body: Performance, parts: "_Changing"
    ) -> "_Changing":
        arms = list(_ARMS)
        rng.shuffle(arms)
        count = 2 if rng.random() < BOTH_HANDS_SHARE else 1
        for arm in arms[:count]:
            whole = rng.random() < 0.4
            weight = np.ones(len(body.seconds)) if whole else ramp(rng, len(body.seconds))
            goals = {place: target(rng, place, arm) for place in PLACES}
            points = {place: target_points(parts.pose, goal) for place, goal in goals.items()}
            points["floor"] = self._floor_points(rng, body, parts.pose, arm)
            near = [place for place in points if reachable(parts.pose, arm, points[place])]
            for _ in range(min(2 * TRIES, len(near))):
                chances = np.array([0.3 if place in COMMON_PLACES else 1.0 for place in near])
                place = near.pop(int(rng.choice(len(near), p=chances / chances.sum())))
                swivels = rng.permutation(SWIVELS)
                pose = reach(parts.pose, arm, points[place], weight, self.limits, swivels)
                if pose is not None and parts.take(arm, pose, f"{arm}>{place}"):
                    break
        return parts

    def _floor_points(
        self, rng: np.random.Generator, body: Performance, pose: Posed, arm: str
    ) -> Floats:
        """(T, 3) relative to the pelvis: a resting place on the floor under the shoulder."""
        shoulder = pose.joints[:, LIMBS[arm][0]] + body.pelvis
        spot = shoulder[len(shoulder) // 2] + np.array([*rng.normal(0, 0.12, 2), 0.0])
        spot[2] = 0.03  # the hand's thickness
        return spot - body.pelvis


@dataclass
class _Changing:
    """A body whose limbs are changed one after another."""

    coverage: Coverage
    pose: Posed
    pelvis: Floats  # (T, 3)
    names: list[str]
    limbs: list[str]

    def take(self, limb: str, pose: Posed, name: str) -> bool:
        """Take a pose with one limb changed, if it is accepted."""
        if not self.coverage.accepted(pose, limb, self.pelvis):
            return False
        self.pose = pose
        self.names.append(name)
        self.limbs.append(limb)
        return True

    def performed(self, body: Performance) -> Performance:
        """The performance that came of it; legs that were changed stand on the floor."""
        if not self.limbs:
            return body
        legs = any(limb.endswith("leg") for limb in self.limbs)
        return performed(body, self.pose, "|".join(self.names), tuple(self.limbs), lift=legs)


def turned_over(rng: np.random.Generator, performance: Performance) -> Performance:
    """The body turned about a level axis: on its head, its side, its back, or leaning."""
    kind = rng.choice(3, p=(0.35, 0.45, 0.2))
    side = float(rng.choice((-1, 1)))
    angles = rng.normal((np.pi, side * np.pi / 2, 0.0), (0.3, 0.25, 0.5))
    angle = float(angles[kind])
    heading = rng.uniform(0, 2 * np.pi)
    turn = matrix_from_axis_angle(angle * np.array([np.cos(heading), np.sin(heading), 0.0]))
    rotations = performance.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    start = performance.pelvis[:1]
    pelvis = start + _DAMPED * (performance.pelvis - start) @ turn.T
    name = f"{performance.name}|over{np.rad2deg(angle):.0f}"
    return replace(performance, name=name, rotations=rotations, pelvis=pelvis)


def warped(rng: np.random.Generator, performance: Performance) -> Performance:
    """The same way in more or less time, and unevenly."""
    count = len(performance.seconds)
    time = np.linspace(0, 1, count)
    wave = np.sin(2 * np.pi * (rng.uniform(0.5, 1.5) * time + rng.random()))
    pace = np.exp(rng.uniform(0, _WARP) * wave)
    place = np.concatenate(([0.0], np.cumsum((pace[1:] + pace[:-1]) / 2)))
    place = place / place[-1] * (count - 1)
    before = np.minimum(place.astype(int), count - 2)
    share = place - before
    quaternions = quaternion_from_matrix(performance.rotations)
    start, end = quaternions[before], quaternions[before + 1]
    mixed = start + share[:, None, None] * (_towards(end, start) - start)
    here, there = performance.pelvis[before], performance.pelvis[before + 1]
    first = performance.seconds[0]
    slower = np.exp(rng.uniform(-_SPEED, _SPEED))
    return replace(
        performance,
        name=f"{performance.name}|time*{slower:.2f}",
        seconds=first + slower * (performance.seconds - first),
        rotations=matrix_from_quaternion(mixed),
        pelvis=here + share[:, None] * (there - here),
        contacts=performance.contacts[np.round(place).astype(int)],
    )


def blended(first: Floats, second: Floats, share: Floats) -> Floats:
    """Turns (T, J, 4) that pass from `first` over to `second` by `share` (T,), as great arcs."""
    end = _towards(second, first)
    angle = np.arccos(np.clip(np.sum(first * end, axis=-1, keepdims=True), 0.0, 1.0))
    part = share[:, None, None]
    sine = np.sin(angle)
    near = sine < 1e-4
    safe = np.where(near, 1.0, sine)
    from_first = np.where(near, 1.0 - part, np.sin((1.0 - part) * angle) / safe)
    from_second = np.where(near, part, np.sin(part * angle) / safe)
    mixed = from_first * first + from_second * end
    return mixed / _length(mixed)


def ramp(rng: np.random.Generator, count: int) -> Floats:
    """Weights (count,) that go smoothly from 0 to 1, in half of the cases back to 0."""
    time = np.linspace(0, 1, count)
    width = rng.uniform(*_RAMP_SHARES)
    start = rng.uniform(-width / 2, 1 - width)
    weight = _smooth((time - start) / width)
    if rng.random() < 0.5:
        end = rng.uniform(start + width, start + width + 1.0)
        weight = weight * _smooth(1.0 - (time - end) / rng.uniform(*_RAMP_SHARES))
    return weight


def _smooth(share: Floats) -> Floats:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _some_limbs(rng: np.random.Generator, count: int, limbs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(limb) for limb in rng.choice(limbs, size=count, replace=False))


def _above_floor(pose: Posed, limb: str, pelvis: Floats) -> bool:
    heights = pose.joints[:, LIMBS[limb], 2] + pelvis[:, 2:]
    return bool(heights.min() > FLOOR_TOLERANCE)


def _towards(quaternions: Floats, others: Floats) -> Floats:
    """The same turns with the signs that are nearer to `others`."""
    return np.where(np.sum(quaternions * others, axis=-1, keepdims=True) < 0, -1, 1) * quaternions


def _length(quaternions: Floats) -> Floats:
    return np.maximum(np.linalg.norm(quaternions, axis=-1, keepdims=True), 1e-9)
