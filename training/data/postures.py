"""Postures that recordings hardly hold: sitting, kneeling, on all fours, lying, yoga.

Each is a table of angles for trunk and legs, shaken and moved a little; arms and head come from a
recorded performance. Angles are guesses at how people do it; joint limits have the last word.
"""

from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.frames import BODY_TO_WORLD
from fhmr_blender.core.rotations import axis_angle_from_matrix, rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX, LIMBS

from .splines import spline_weights

KNOT_SECONDS = (0.5, 2.5)
_STANDING_SHAKE = 1.0  # of `_SHAKES`, once for a window
_MOVING_SHAKE = (0.0, 0.8)  # of `_SHAKES`, for each knot of its motion
_SHOWN = 8  # times as many windows of as many frames of each posture say what is possible
_RAISED = 82.0  # degrees of an arm overhead from the T-pose
ARMS = ("free", "floor", "overhead")


@dataclass(frozen=True)
class Leg:
    """Degrees; a standing leg is all zero."""

    flexion: float = 0.0  # of the hip, forwards
    spread: float = 0.0  # of the flexed thigh, outwards about the trunk's axis
    sideways: float = 0.0  # of the straight leg, outwards
    turn: float = 0.0  # about the thigh, toes outwards
    knee: float = 0.0
    ankle: float = 0.0  # toes downwards


@dataclass(frozen=True)
class Posture:
    """Degrees; an upright trunk is all zero."""

    name: str
    left: Leg
    right: Leg | None = None  # None: as the left one
    pitch: float = 0.0  # of the pelvis, forwards
    roll: float = 0.0  # of the pelvis, to its left
    spine: float = 0.0  # forwards, over three joints
    arms: str = "free"  # one of ARMS: "floor" are brought there


POSTURES = (
    Posture("chair", Leg(85, 8, knee=85), pitch=-3),
    Posture("chair, leaning", Leg(100, 10, knee=95, ankle=-10), pitch=22, spine=20),
    Posture("chair, ankle on knee", Leg(85, 5, knee=88), Leg(85, 42, turn=60, knee=95)),
    Posture("chair, knee over knee", Leg(85, -2, knee=88), Leg(102, -12, knee=75, ankle=15)),
    Posture("floor, legs ahead", Leg(85, 10, knee=8), pitch=-6, spine=10),
    Posture("floor, legs apart", Leg(85, 35, knee=6), pitch=5, spine=15),
    Posture("floor, knees up", Leg(118, 8, knee=115, ankle=5), pitch=-12, spine=15),
    Posture("floor, one knee up", Leg(118, 5, knee=115), Leg(80, 25, knee=20), pitch=-8, spine=10),
    Posture("cross-legged", Leg(100, 45, turn=95, knee=135), Leg(100, 45, turn=95, knee=116)),
    Posture("one foot under", Leg(100, 45, turn=95, knee=132), Leg(85, 12, knee=25), spine=8),
    Posture("kneeling", Leg(0, 0, 6, knee=92, ankle=35)),
    Posture("kneeling, sitting on heels", Leg(66, 8, knee=146, ankle=50), pitch=8, spine=3),
    Posture("on one knee", Leg(104, 8, knee=102), Leg(-3, 0, 4, knee=86, ankle=45), pitch=5),
    Posture("lunge", Leg(88, 6, knee=85), Leg(-22, 0, 4, knee=15, ankle=-20), pitch=8),
    Posture("warrior", Leg(75, 30, turn=30, knee=75), Leg(0, 0, 35, 15, 5), pitch=3),
    Posture("deep squat", Leg(122, 18, turn=10, knee=130, ankle=-25), pitch=25, spine=15),
    Posture("half squat", Leg(75, 15, 5, 10, 80, -22), pitch=22, spine=8),
    Posture("horse", Leg(65, 38, 10, 25, 75, -15), pitch=5),
    Posture("all fours", Leg(92, 5, knee=92, ankle=35), pitch=87, spine=5, arms="floor"),
    Posture("crawling", Leg(105, 5, knee=85, ankle=30), Leg(70, 5, knee=90), 88, arms="floor"),
    Posture("bear", Leg(115, 8, knee=75, ankle=-15), pitch=95, spine=10, arms="floor"),
    Posture("plank", Leg(0, 0, 4, knee=4, ankle=-20), pitch=73, arms="floor"),
    Posture("downward dog", Leg(92, 3, 4, knee=10, ankle=-15), pitch=128, arms="floor"),
    Posture("cobra", Leg(-15, 0, 5, knee=4, ankle=35), pitch=68, spine=-38, arms="floor"),
    Posture("child", Leg(125, 12, knee=142, ankle=40), pitch=62, spine=30, arms="floor"),
    Posture("bridge", Leg(-10, 4, knee=95, ankle=5), pitch=-106, spine=-5),
    Posture("on the back", Leg(5, 0, 8, 10, 8, 25), pitch=-90),
    Posture("on the back, knees up", Leg(52, 5, knee=90), pitch=-90),
    Posture("on the back, knees at chest", Leg(115, 12, knee=110), pitch=-95, spine=10),
    Posture("on the belly", Leg(-3, 0, 8, 5, 6, 40), pitch=90),
    Posture("on the side", Leg(65, 0, knee=75), Leg(45, 0, knee=60), roll=85, spine=20),
    Posture("boat", Leg(98, 3, knee=15, ankle=20), pitch=-42, spine=10),
    Posture("shoulder stand", Leg(5, 0, 3, knee=5, ankle=25), pitch=-150, spine=25),
    Posture("plough", Leg(100, 3, knee=5), pitch=-150, spine=30),
    Posture("handstand", Leg(2, 0, 6, knee=6, ankle=30), pitch=178, arms="overhead"),
    Posture("headstand", Leg(5, 0, 6, knee=8, ankle=25), pitch=178, arms="floor"),
    Posture("tree", Leg(), Leg(45, 55, turn=55, knee=118, ankle=20)),
    Posture("standing on one leg, knee up", Leg(), Leg(92, 8, knee=85)),
    Posture("flying", Leg(68, 0, knee=8, ankle=5), Leg(-5, knee=8, ankle=30), pitch=72),
    Posture("forward fold", Leg(94, 4, knee=8), pitch=90, spine=10),
    Posture("straddle fold", Leg(84, 12, 24, knee=4), pitch=80, spine=10),
)  # fmt: skip

_SPINE = tuple(JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3"))
_SHOULDERS = (JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"])
_ELBOWS = (JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"])
# Standard deviations, degrees: pitch, roll, spine forwards, sideways and twisted, raised arms; the
# six angles of a leg.
_TRUNK_SHAKES = np.array([6.0, 4.0, 8.0, 6.0, 8.0, 6.0])
_LEG_SHAKES = np.array([7.0, 5.0, 3.0, 6.0, 9.0, 7.0])


def taken(rng: np.random.Generator, posture: Posture, rotations: Floats, seconds: Floats) -> Floats:
    """Take a posture.

    Args:
        rng: All chance; left and right change places by it.
        posture: The table's.
        rotations: (T, 24, 3, 3) whose arms and head stay.
        seconds: (T,).

    Returns:
        Rotations (T, 24, 3, 3), the pelvis world from body, facing -y.
    """
    left, right = posture.left, posture.right or posture.left
    roll = posture.roll
    if rng.random() < 0.5:
        left, right, roll = right, left, -roll
    trunk = (posture.pitch, roll, posture.spine, 0.0, 0.0, _RAISED)
    means = np.array([*trunk, *_angles(left), *_angles(right)])
    shakes = np.concatenate((_TRUNK_SHAKES, _LEG_SHAKES, _LEG_SHAKES))
    weights = spline_weights((seconds - seconds[0]) / rng.uniform(*KNOT_SECONDS))  # (T, K)
    steady = rng.normal(0, _STANDING_SHAKE, len(means))
    moving = rng.uniform(*_MOVING_SHAKE) * rng.normal(size=(weights.shape[1], len(means)))
    angles = np.deg2rad(means + shakes * (steady + weights @ moving))  # (T, 18)
    angles[:, [10, 16]] = np.maximum(angles[:, [10, 16]], 0.0)  # knees
    changed = rotations.copy()
    lean = rotation_about(2, -angles[:, 1]) @ rotation_about(0, angles[:, 0])
    changed[:, 0] = BODY_TO_WORLD @ lean
    bend = rotation_about(0, angles[:, 2] / 3) @ rotation_about(2, angles[:, 3] / 3)
    changed[:, _SPINE] = (bend @ rotation_about(1, angles[:, 4] / 3))[:, None]
    if posture.arms == "overhead":
        for joint, side in zip(_SHOULDERS, (1, -1), strict=True):
            changed[:, joint] = rotation_about(2, side * angles[:, 5])
        changed[:, _ELBOWS] = np.eye(3)
    for limb, first, side in (("left_leg", 6, 1), ("right_leg", 12, -1)):
        hip, knee, ankle, foot = LIMBS[limb]
        flexion, spread, sideways, turn, bent, toes = angles[:, first : first + 6].T
        outwards = rotation_about(1, side * spread) @ rotation_about(2, side * sideways)
        changed[:, hip] = outwards @ rotation_about(0, -flexion) @ rotation_about(1, side * turn)
        changed[:, knee] = rotation_about(0, bent)
        changed[:, ankle] = rotation_about(0, toes)
        changed[:, foot] = np.eye(3)
    return changed


def posture_poses() -> Floats:
    """Axis-angle (M, 24, 3) of all postures, shaken: how far people's joints turn in them."""
    rng = np.random.default_rng(0)
    still = np.broadcast_to(np.eye(3), (_SHOWN, 24, 3, 3))
    seconds = np.arange(_SHOWN) * KNOT_SECONDS[1]
    poses = [taken(rng, posture, still, seconds) for posture in POSTURES for _ in range(_SHOWN)]
    return axis_angle_from_matrix(np.concatenate(poses))


def _angles(leg: Leg) -> tuple[float, ...]:
    return leg.flexion, leg.spread, leg.sideways, leg.turn, leg.knee, leg.ankle
