"""What stands around a rendered person: floor, walls, clutter, and things in the way.

Everything is a textured box in `world` (z up, metres); surfaces are made of noise and patterns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import rotation_about

from .boxes import TEXTURE_COUNT, Boxes, joined_boxes, random_box
from .cameras import CameraPath
from .furniture import chair, railing, seat, seated, table

TEXTURE_SIZE = 128
OCCLUDER_SHARE = 0.32  # clips with something put in the way; a guess


@dataclass(frozen=True, eq=False)
class Scenery:
    """Boxes with their surfaces and the light of a clip."""

    boxes: Boxes
    textures: NDArray[np.uint8]  # (L, N, N, 3)
    floor_z: float
    light: Floats  # (3,) unit, towards the light, `world`
    light_colour: Floats  # (3,)
    ambient: Floats  # (2, 3) from above, from below
    shadow: float  # 0..1 under feet


def random_scenery(
    rng: np.random.Generator, path: CameraPath, joints_world: Floats, floor_z: float
) -> Scenery:
    """Draw what surrounds a person.

    Args:
        rng: All chance.
        path: The camera; the room is large enough for it.
        joints_world: (T, 24, 3) metres.
        floor_z: Lowest point of the person over the clip.
    """
    everything = np.concatenate((joints_world.reshape(-1, 3), path.position))
    below = path.position[:, 2].min() - 0.2
    floor_z = min(floor_z, below)
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = rng.uniform(0.6, 5.0) if rng.random() < 0.7 else 30.0
    low, high = low - margin, high + margin
    low[2], high[2] = floor_z, max(high[2], floor_z + 2.4)
    room = random_box((low + high) / 2, (high - low) / 2, np.eye(3), rng)
    parts = [room]
    middle = joints_world[len(joints_world) // 2]
    for _ in range(int(rng.integers(0, 9))):
        parts.append(_clutter(rng, middle, path, floor_z, low, high))
    if rng.random() < OCCLUDER_SHARE:
        parts.append(_occluder(rng, middle, path, floor_z))
    if seated(joints_world):
        parts.append(seat(rng, joints_world, floor_z))
    light = rng.normal(size=3)
    light[2] = abs(light[2]) + 0.3
    warmth = rng.normal(0, 0.08)
    return Scenery(
        boxes=joined_boxes(parts),
        textures=random_textures(rng),
        floor_z=floor_z,
        light=light / np.linalg.norm(light),
        light_colour=rng.uniform(0.2, 1.0) * np.array([1 + warmth, 1.0, 1 - warmth]),
        ambient=rng.uniform(0.25, 0.75) * rng.uniform(0.85, 1.1, (2, 3)) * np.array([[1.0], [0.6]]),
        shadow=float(rng.uniform(0.2, 0.7)),
    )


def random_textures(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(L, N, N, 3) uint8; the first is plain noise, which the clothing uses for folds."""
    return np.stack(
        [_texture(rng, kind=0 if index == 0 else None) for index in range(TEXTURE_COUNT)]
    )


def _texture(rng: np.random.Generator, kind: int | None) -> NDArray[np.uint8]:
    """One surface (N, N, 3): 0 cloud noise, 1 stripes, 2 checks, 3 bricks, 4 grain, 5 patches."""
    kind = int(rng.integers(6)) if kind is None else kind
    size = TEXTURE_SIZE
    noise = _cloud(rng)
    row, column = np.mgrid[0:size, 0:size]
    count = 2 ** int(rng.integers(1, 5))
    cell = size // count
    if kind == 1:
        base = ((column // cell) % 2).astype(float)
    elif kind == 2:
        base = ((column // cell + row // cell) % 2).astype(float)
    elif kind == 3:
        shifted = column + (row // cell % 2) * cell
        base = 1.0 - ((row % cell < 2) | (shifted % (2 * cell) < 2))
    elif kind == 4:
        base = _cloud(rng)[:, :1] + 0.2 * rng.random((size, size))
    elif kind == 5:
        base = np.kron(rng.random((count, count)), np.ones((cell, cell)))
    else:
        base = noise
    contrast = rng.uniform(0.05, 0.6)
    value = 1.0 - contrast * np.clip(0.7 * base + 0.3 * noise, 0, 1)
    colours = 1.0 + rng.normal(0, 0.12, 3) * (base[..., None] - 0.5)
    return (np.clip(value[..., None] * colours, 0, 1) * 255).astype(np.uint8)


def _cloud(rng: np.random.Generator) -> Floats:
    """Noise of five octaves (N, N) in 0..1 that wraps around."""
    total = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE))
    for octave in range(2, 7):
        coarse = rng.random((2**octave, 2**octave))
        factor = TEXTURE_SIZE // 2**octave
        total += zoom(coarse, factor, order=1, mode="grid-wrap", grid_mode=True) / octave
    return (total - total.min()) / np.ptp(total)


def _standing(rng: np.random.Generator) -> Floats:
    """Half edges (3,) of a piece of furniture, a post or a wall's edge."""
    kind = rng.integers(3)
    if kind == 0:
        return np.array([rng.uniform(0.03, 0.15), rng.uniform(0.03, 0.15), rng.uniform(0.8, 2.0)])
    if kind == 1:
        return rng.uniform(0.15, 0.7, 3)
    return np.array([rng.uniform(0.3, 1.0), rng.uniform(0.02, 0.2), rng.uniform(0.2, 1.1)])


def _clutter(
    rng: np.random.Generator,
    joints: Floats,
    path: CameraPath,
    floor_z: float,
    low: Floats,
    high: Floats,
) -> Boxes:
    """Something in the room that leaves the way from camera to person free, if it can."""
    half = _standing(rng)
    pelvis, camera = joints[0], path.position[len(path.position) // 2]
    centre = pelvis.copy()
    for _ in range(20):
        reach = np.minimum(high - low, 12.0)[:2]
        centre = np.array([*(pelvis[:2] + rng.uniform(-0.5, 0.5, 2) * reach), floor_z + half[2]])
        along = np.clip(
            np.dot(centre - camera, pelvis - camera) / np.dot(pelvis - camera, pelvis - camera),
            0,
            1,
        )
        gap = np.linalg.norm((camera + along * (pelvis - camera) - centre)[:2])
        if gap > 1.0 + half[:2].max():
            break
    if rng.random() < 0.2:
        centre[2] += rng.uniform(0.3, 1.5)  # on a wall, a lamp, a bar
    return random_box(centre, half, rotation_about(2, rng.uniform(0, 2 * np.pi)), rng)


def _occluder(rng: np.random.Generator, joints: Floats, path: CameraPath, floor_z: float) -> Boxes:
    """Something between the camera and a joint: a post, furniture, a bag, a table, a railing."""
    target = joints[rng.integers(24)]
    camera = path.position[len(path.position) // 2]
    share = rng.uniform(0.55, 0.9)
    centre = camera + share * (target - camera)
    heading = rotation_about(2, rng.uniform(0, 2 * np.pi))
    kind = rng.integers(6)
    # Sizes are as seen at the person, who is some 0.45 m wide: nearer things are smaller.
    if kind == 0:  # a post
        half = share * np.array([*np.full(2, rng.uniform(0.02, 0.09)), 2.0])
    elif kind == 1:  # a solid piece, from the floor up to the joint
        half = share * np.array([rng.uniform(0.1, 0.4), 0.1, 0.0])
        half[2] = max((centre[2] - floor_z) / 2, 0.1)
        centre[2] = floor_z + half[2]
    elif kind == 2:  # something in the air: a bag, a branch, somebody's ball
        half = share * rng.uniform(0.05, 0.22, 3)
    elif kind == 3:
        return table(rng, centre, share, floor_z)
    elif kind == 4:
        return chair(rng, centre, share, floor_z)
    else:
        across = np.arctan2(*(target - camera)[[0, 1]] * np.array([-1.0, 1.0]))
        return railing(rng, centre, share, floor_z, float(across))
    return random_box(centre, half, heading, rng)
