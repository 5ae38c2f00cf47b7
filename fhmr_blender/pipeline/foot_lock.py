"""Feet and hands that rest are held where they rest, by their limbs alone.

Over a span of rest a joint is pinned to the middle of where it was; what it takes to bring the foot
there is a displacement, smooth in time, that fades between spans; two-bone limbs follow it and the
foot keeps its orientation. A toe that stays while the heel lifts carries the foot about itself.
Source: Kovar, Schreiner & Gleicher, Footskate Cleanup for Motion Capture Editing, 2002.
"""

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Bools, Floats
from ..core.rotations import axis_angle_from_matrix, matrix_from_axis_angle, shortest_arc
from ..core.skeleton import CONTACT_NAMES, JOINT_INDEX, forward_kinematics
from .paths import Track, find_paths
from .two_bones import bring

_HELD = 0.001  # m: how exactly a pin holds
_FREE = 0.25  # m: what a displacement may be where nothing rests, before it is drawn back
_AGILITY = 4.0  # m^2 / s^3, of the displacement; a guess: it comes and goes in about a sixth second
_FARTHEST = 0.3  # m: a pin farther from where the foot was is a mistake
_TOE_TURN = 0.35  # radians, that a flat foot is turned at most to put its toe down


@dataclass(frozen=True, eq=False)
class Ground:
    """What a flat floor asks of feet; heights of the joints over it."""

    ankle: float  # m, of one who stands flat
    toe: float  # m


@dataclass(frozen=True)
class _End:
    """A wrist or ankle with the columns of its contacts."""

    joint: int
    tip: int | None  # the toe joint
    contact: int
    tip_contact: int | None


_FEET = tuple(
    _End(
        joint=JOINT_INDEX[f"{side}_ankle"],
        tip=JOINT_INDEX[f"{side}_foot"],
        contact=CONTACT_NAMES.index(f"{side}_ankle"),
        tip_contact=CONTACT_NAMES.index(f"{side}_toe"),
    )
    for side in ("left", "right")
)
_HANDS = tuple(
    _End(JOINT_INDEX[f"{side}_wrist"], None, CONTACT_NAMES.index(f"{side}_wrist"), None)
    for side in ("left", "right")
)


def lock(
    rotations: Floats,
    rest_joints: Floats,
    pelvis: Floats,
    rests: Bools,
    seconds: Floats,
    *,
    strength: float,
    hands: bool,
    ground: Ground | None,
) -> Floats:
    """Hold what rests.

    Args:
        rotations: (T, 24, 3, 3), the pelvis world from body, others parent-relative.
        rest_joints: (24, 3) metres.
        pelvis: (T, 3) metres, `world`.
        rests: (T, 6) CONTACT_NAMES.
        seconds: (T,).
        strength: 0..1 of the displacement.
        hands: Whether wrists are held, too.
        ground: The floor at z = 0 that feet stand on; None lets them stand at any height.

    Returns:
        Rotations with the legs (and arms) changed.
    """
    for end in (*_FEET, *(_HANDS if hands else ())):
        outer, joints = forward_kinematics(rotations, rest_joints)
        places = joints + pelvis[:, None]
        wanted = _wanted(end, places, rests, seconds, None if end.tip is None else ground)
        moved = places[:, end.joint] + strength * wanted.shift
        changed = bring(rotations, rest_joints, end.joint, moved - pelvis)
        if end.tip is not None:
            changed = _tipped(changed, outer[:, end.joint], end, rest_joints, strength * wanted.tip)
        rotations = changed
    return rotations


@dataclass(frozen=True, eq=False)
class _Wanted:
    """What brings an end to where it rests."""

    shift: Floats  # (T, 3) metres, of ankle or wrist
    tip: Floats  # (T, 3) metres, of the toe besides


def _wanted(
    end: _End, places: Floats, rests: Bools, seconds: Floats, ground: Ground | None
) -> _Wanted:
    ankle, free = places[:, end.joint], np.zeros((len(places), 3))
    holds = rests[:, end.contact]
    pins = _pins(ankle, holds, None if ground is None else ground.ankle)
    if end.tip is None or end.tip_contact is None:
        return _Wanted(_faded(pins - ankle, holds, seconds), free)
    tip, tip_holds = places[:, end.tip], rests[:, end.tip_contact]
    tip_pins = _pins(tip, tip_holds, None if ground is None else ground.toe)
    # Where both rest the ankle leads; where the heel has lifted the toe carries the foot.
    shift = np.where(holds[:, None], pins - ankle, tip_pins - tip)
    shift = _faded(shift, holds | tip_holds, seconds)
    if ground is not None:
        sinks = np.maximum(ground.ankle * 0.5 - (ankle + shift)[:, 2], 0.0)
        sinks = np.maximum(sinks, ground.toe - (tip + shift)[:, 2])
        shift = shift + sinks[:, None] * np.array([0.0, 0.0, 1.0])
    left = np.where((holds & tip_holds)[:, None], tip_pins - tip - shift, 0.0)
    return _Wanted(shift, _faded(left, tip_holds, seconds))


def _pins(places: Floats, holds: Bools, height: float | None) -> Floats:
    """(T, 3) for each span of rest the middle of its places; elsewhere the places themselves."""
    pins = places.copy()
    for start, stop in spans(holds):
        pin = np.median(places[start:stop], axis=0)
        if height is not None:
            pin[2] = height
        pins[start:stop] = pin
    away = pins - places
    length = np.linalg.norm(away, axis=-1, keepdims=True)
    return places + away * np.minimum(1.0, _FARTHEST / np.maximum(length, 1e-9))


def spans(holds: Bools) -> list[tuple[int, int]]:
    """First frame and the one after the last of every span of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], holds, [False])).astype(int)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _faded(shift: Floats, holds: Bools, seconds: Floats) -> Floats:
    """Exact where something holds, elsewhere smoothly on its way to the next hold or to nothing."""
    if not holds.any():
        return np.zeros_like(shift)
    weight = np.where(holds, 1.0 / _HELD**2, 1.0 / _FREE**2)
    still = np.zeros((len(shift) - 1, 3))
    track = Track(
        places=np.where(holds[:, None], shift, 0.0),
        information=weight[:, None, None] * np.eye(3),
        displacement=still,
        certainty=still,
        agility=_AGILITY,
    )
    return find_paths((track,), seconds)[0][0]


def _tipped(
    rotations: Floats, R_world_from_ankle: Floats, end: _End, rest_joints: Floats, shift: Floats
) -> Floats:
    """Turn the foot about the ankle so that the toe moves by `shift` (T, 3), as far as it goes."""
    assert end.tip is not None
    foot = (R_world_from_ankle @ (rest_joints[end.tip] - rest_joints[end.joint])[:, None])[..., 0]
    turn = axis_angle_from_matrix(shortest_arc(foot, foot + shift))
    angle = np.linalg.norm(turn, axis=-1, keepdims=True)
    turn = turn * np.minimum(1.0, _TOE_TURN / np.maximum(angle, 1e-9))
    changed = rotations.copy()
    in_ankle = np.swapaxes(R_world_from_ankle, -1, -2) @ turn[..., None]
    changed[:, end.joint] = changed[:, end.joint] @ matrix_from_axis_angle(in_ankle[..., 0])
    return changed
