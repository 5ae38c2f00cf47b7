"""Furniture of boxes: what people sit on, and what stands before them."""

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX

from .boxes import Boxes, joined_boxes, random_box
from .pose_kinds import pose_kinds

_SITTING_FRAMES = 0.8  # of a clip, for a seat to stand there
_FLESH = 0.085  # metres between a hip joint and the seat; a guess
_LEG = 0.02  # metres, half of a table leg's thickness
_HIPS = (JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"])


def seated(joints_world: Floats) -> bool:
    """Whether somebody with joints (T, 24, 3) sits as on a chair most of the time, in one place."""
    stays = np.ptp(joints_world[:, 0], axis=0).max() < 0.3
    return bool(stays and pose_kinds(joints_world)["sitting on a chair"].mean() > _SITTING_FRAMES)


def seat(rng: np.random.Generator, joints_world: Floats, floor_z: float) -> Boxes:
    """A box, stool or chair under somebody who sits, sometimes a table before them."""
    hips = joints_world[:, _HIPS].mean(axis=0)  # (2, 3)
    left = hips[0] - hips[1]
    facing = np.arctan2(-left[0], left[1])
    turn = rotation_about(2, facing + rng.normal(0, 0.1))
    top = joints_world[:, _HIPS, 2].min() - _FLESH
    height = max(top - floor_z, 0.1)
    size = rng.uniform(0.18, 0.28, 2)
    middle = np.array([*joints_world[:, 0, :2].mean(axis=0), floor_z])
    middle = middle + turn @ np.array([rng.uniform(0.0, 0.08), 0.0, 0.0])
    parts: list[Boxes] = []
    if rng.random() < 0.4:  # a box
        half = np.array([*size, height / 2])
        parts.append(random_box(middle + np.array([0, 0, height / 2]), half, turn, rng))
    else:
        parts.append(_on_legs(rng, middle, size, height, turn))
    if rng.random() < 0.5:
        back = rng.uniform(0.15, 0.35)
        place = middle + turn @ np.array([-size[0] - 0.03, 0.0, height + back])
        parts.append(random_box(place, np.array([0.02, size[1], back]), turn, rng))
    if rng.random() < 0.25:
        gap = np.array([rng.uniform(0.55, 0.9), rng.uniform(-0.2, 0.2), 0.0])
        parts.append(
            _on_legs(rng, middle + turn @ gap, rng.uniform(0.25, 0.5, 2), height + 0.26, turn)
        )
    return joined_boxes(parts)


def table(rng: np.random.Generator, place: Floats, scale: float, floor_z: float) -> Boxes:
    """A table whose top goes through `place` (3,)."""
    size = scale * rng.uniform(0.25, 0.7, 2)
    turn = rotation_about(2, rng.uniform(0, np.pi))
    return _on_legs(rng, np.array([*place[:2], floor_z]), size, max(place[2] - floor_z, 0.15), turn)


def chair(rng: np.random.Generator, place: Floats, scale: float, floor_z: float) -> Boxes:
    """An empty chair whose back reaches up to `place` (3,)."""
    turn = rotation_about(2, rng.uniform(0, 2 * np.pi))
    height = max(place[2] - floor_z, 0.2)
    size = scale * rng.uniform(0.18, 0.26, 2)
    foot = np.array([*place[:2], floor_z])
    back = 0.27 * height
    behind = foot + turn @ np.array([-size[0], 0.0, height - back])
    return joined_boxes(
        [
            _on_legs(rng, foot, size, 0.5 * height, turn),
            random_box(behind, np.array([0.02 * scale, size[1], back]), turn, rng),
        ]
    )


def railing(
    rng: np.random.Generator, place: Floats, scale: float, floor_z: float, heading: float
) -> Boxes:
    """Posts under a rail through `place` (3,), along `heading` about the vertical."""
    turn = rotation_about(2, heading)
    height = max(place[2] - floor_z, 0.2)
    count = int(rng.integers(4, 9))
    gap = scale * rng.uniform(0.15, 0.4)
    rail = np.array([count * gap / 2, _LEG * scale, 0.03 * scale])
    parts = [random_box(np.array([*place[:2], place[2]]), rail, turn, rng)]
    surface = parts[0]
    for number in range(count):
        along = (number - (count - 1) / 2) * gap
        post = np.array([*place[:2], floor_z + height / 2]) + turn @ np.array([along, 0.0, 0.0])
        half = np.array([_LEG * scale, _LEG * scale, height / 2])
        parts.append(_alike(random_box(post, half, turn, rng), surface))
    return joined_boxes(parts)


def _on_legs(
    rng: np.random.Generator, foot: Floats, size: Floats, height: float, turn: Floats
) -> Boxes:
    """A board (half edges `size` (2,)) on four legs; `foot` (3,) is below its middle."""
    thick = min(0.03, height / 4)
    board = foot + np.array([0.0, 0.0, height - thick / 2])
    parts = [random_box(board, np.array([*size, thick / 2]), turn, rng)]
    for x in (-1, 1):
        for y in (-1, 1):
            corner = np.array([x * (size[0] - _LEG), y * (size[1] - _LEG), (height - thick) / 2])
            half = np.array([_LEG, _LEG, (height - thick) / 2])
            parts.append(_alike(random_box(foot + turn @ corner, half, turn, rng), parts[0]))
    return joined_boxes(parts)


def _alike(box: Boxes, other: Boxes) -> Boxes:
    """A box with another one's surface."""
    return Boxes(box.centre, box.half, box.turn, other.texture, other.tint, other.tiles)
