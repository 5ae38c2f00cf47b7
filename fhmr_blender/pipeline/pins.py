"""Joints of a limb held at places in the world: told to stage 2, then met exactly by the limb.

Source: Buss, Introduction to Inverse Kinematics, 2004 (damped least squares).
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ..core.arrays import Bools, Floats, Indices
from ..core.frames import inverse, transform
from ..core.rotations import matrix_from_axis_angle
from ..core.skeleton import JOINT_INDEX, JOINT_NAMES, LIMBS, PARENTS, forward_kinematics
from ..errors import FhmrError

_ITERATIONS = 40
_DAMPING = 0.02  # metres; guess: small against a limb, large against rounding
_TURN_MAX = 0.5  # radians a step; further the chain is not straight any more

PINNABLE = tuple(joint for chain in LIMBS.values() for joint in chain[1:])
"""Joints that a limb can move; the first of each chain hangs on the torso."""


@dataclass(frozen=True)
class Pin:
    """One joint at one place."""

    joint: str  # SMPL name
    place: tuple[float, float, float]  # `world`, metres
    frame: int | None = None  # of the source, from 0; None: every listed frame


@dataclass(frozen=True, eq=False)
class Held:
    """Pins of one person in `cam`, n frames."""

    mask: Bools  # (n, 24) True where a joint is held
    places: Floats  # (n, 24, 3) metres from the pelvis, along `cam`


def parse_pin(text: str) -> Pin:
    """Read `left_wrist=X,Y,Z[@FRAME]`.

    Raises:
        FhmrError: It is not written so.
    """
    found = re.fullmatch(r"(\w+)=([^,@]+),([^,@]+),([^,@]+)(?:@(\d+))?", text)
    try:
        if found is None:
            raise ValueError(text)
        x, y, z = (float(found[group]) for group in (2, 3, 4))
    except ValueError:
        raise FhmrError(f"{text!r} is no pin.", "Write left_wrist=X,Y,Z or ...@FRAME.") from None
    return Pin(found[1], (x, y, z), None if found[5] is None else int(found[5]))


def check_pins(pins: Sequence[Pin], limbs: Sequence[str], frames: Indices) -> None:
    """Refuse pins that no listed limb can meet.

    Raises:
        FhmrError: Names the pin.
    """
    for pin in pins:
        joint = JOINT_INDEX.get(pin.joint)
        if joint is None or joint not in PINNABLE:
            names = ", ".join(JOINT_NAMES[joint] for joint in PINNABLE)
            raise FhmrError(f"{pin.joint} cannot be pinned.", f"Pin one of {names}.")
        limb = next(name for name, chain in LIMBS.items() if joint in chain)
        if limb not in limbs:
            raise FhmrError(f"{pin.joint} belongs to {limb}.", f"Draw {limb} again as well.")
        if not all(math.isfinite(value) for value in pin.place):
            raise FhmrError(f"The pin of {pin.joint} is nowhere.", "Give its place in metres.")
        if pin.frame is not None and pin.frame not in frames:
            raise FhmrError(
                f"Frame {pin.frame} of the pin is not drawn again.", "Choose another frame."
            )


def held_places(
    pins: Sequence[Pin], frames: Indices, inside: Bools, T_world_from_cam: Floats, pelvis: Floats
) -> Held:
    """Where pins lie from the pelvis.

    Args:
        pins: Checked.
        frames: (n,) frame numbers.
        inside: (n,) the scope.
        T_world_from_cam: (n, 4, 4).
        pelvis: (n, 3) metres, `cam`.
    """
    mask = np.zeros((len(frames), 24), dtype=bool)
    places = np.zeros((len(frames), 24, 3))
    for pin in pins:
        rows = inside if pin.frame is None else inside & (frames == pin.frame)
        joint = JOINT_INDEX[pin.joint]
        world = np.broadcast_to(np.array(pin.place), (len(frames), 1, 3))
        mask[rows, joint] = True
        places[rows, joint] = (transform(inverse(T_world_from_cam), world)[:, 0] - pelvis)[rows]
    return Held(mask, places)


def reach(rotations: Floats, rest_joints: Floats, held: Held) -> Floats:
    """Turn limbs until their held joints are in place, or as near as they reach.

    Args:
        rotations: (n, 24, 3, 3), the pelvis cam from body, others parent-relative.
        rest_joints: (24, 3) metres.
        held: n frames.

    Returns:
        Rotations, those of the torso and of limbs without a pin the same to the bit.
    """
    if not held.mask.any():
        return rotations
    wanted = np.flatnonzero(held.mask.any(axis=0))
    chains = {int(joint): _chain(int(joint)) for joint in wanted}
    moving = sorted({link for chain in chains.values() for link in chain})
    turned = rotations.copy()
    for _ in range(_ITERATIONS):
        outer, joints = forward_kinematics(turned, rest_joints)
        error = (held.places[:, wanted] - joints[:, wanted]) * held.mask[:, wanted, None]
        if np.abs(error).max() < 1e-6:
            break
        # Turning a joint about one of its own axes moves what hangs on it by axis x lever.
        axes = np.swapaxes(outer[:, moving], -1, -2)[:, None]  # (n, 1, M, 3 axes, 3)
        lever = joints[:, wanted, None] - joints[:, None, moving]  # (n, W, M, 3)
        motion = np.cross(axes, lever[:, :, :, None])  # (n, W, M, 3 axes, 3)
        carried = np.array([[link in chains[int(joint)] for link in moving] for joint in wanted])
        motion = motion * carried[None, :, :, None, None] * held.mask[:, wanted, None, None, None]
        jacobian = np.moveaxis(motion, -1, 2).reshape(len(motion), 3 * len(wanted), -1)
        transposed = jacobian.swapaxes(1, 2)
        # Less damping the nearer it is, so that the last millimetres go quickly.
        distance = np.linalg.norm(error, axis=(1, 2))
        ridge = (np.minimum(distance, _DAMPING) ** 2 + 1e-12)[:, None, None]
        square = jacobian @ transposed + ridge * np.eye(jacobian.shape[1])
        pull = cast("Floats", np.linalg.solve(square, error.reshape(len(error), -1, 1)))
        step = (transposed @ pull).reshape(len(error), len(moving), 3)
        size = np.linalg.norm(step, axis=-1, keepdims=True)
        turns = matrix_from_axis_angle(step * np.minimum(1.0, _TURN_MAX / np.maximum(size, 1e-9)))
        turned[:, moving] = turned[:, moving] @ turns
    rows: Bools = np.any(held.mask, axis=1)
    return np.where(rows[:, None, None, None], turned, rotations)


def _chain(joint: int) -> list[int]:
    """The limb's joints that carry a joint."""
    limb = next(chain for chain in LIMBS.values() if joint in chain)
    links: list[int] = []
    link = PARENTS[joint]
    while link in limb:
        links.append(link)
        link = PARENTS[link]
    return links
