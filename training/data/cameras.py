"""Random cameras around a moving person: half of them ordinary, half of them everything else.

All chance comes in as a generator. `world` is z up; a camera's axes are OpenCV's.
"""

from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats, check_shapes
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about

ORDINARY_SHARE = 0.55
SIZES = ((320, 320), (384, 288), (288, 384), (480, 270), (270, 480), (448, 336), (512, 288))
PITCH_RANGE = (-60.0, 75.0)  # degrees; positive looks down
ROLL_MAX = 45.0  # degrees
DISTANCE_RANGE = (1.0, 15.0)  # metres
FIELD_OF_VIEW_RANGE = (25.0, 100.0)  # degrees, along the picture's longer side
PERSON_HEIGHT_RANGE = (60.0, 300.0)  # pixels of a person who stands straight
_NEAREST_BODY = 0.6  # metres between camera and pelvis at any time; a guess: an arm's length


@dataclass(frozen=True, eq=False)
class CameraPath:
    """A camera over T frames with one lens."""

    size: tuple[int, int]  # width, height, pixels
    intrinsics: Floats  # (4,) fx fy cx cy
    R_world_from_cam: Floats  # (T, 3, 3)
    position: Floats  # (T, 3) metres, `world`

    def __post_init__(self) -> None:
        check_shapes(self, intrinsics="4", R_world_from_cam="T 3 3", position="T 3")

    def to_cam(self, points_world: Floats) -> Floats:
        """(T, N, 3) world -> (T, N, 3) `cam`."""
        offset = points_world - self.position[:, None]
        return np.einsum("tji,tnj->tni", self.R_world_from_cam, offset)


def mirrored_path(path: CameraPath) -> CameraPath:
    """The camera that sees a world mirrored in x as `path` sees ours, its picture flipped."""
    flip = np.array([-1.0, 1.0, 1.0])
    intrinsics = path.intrinsics.copy()
    intrinsics[2] = path.size[0] - intrinsics[2]
    return CameraPath(
        size=path.size,
        intrinsics=intrinsics,
        R_world_from_cam=flip[:, None] * path.R_world_from_cam * flip,
        position=path.position * flip,
    )


@dataclass(frozen=True)
class _View:
    """What is drawn for a camera, angles in degrees."""

    pitch: float
    roll: float
    heading: float
    field_of_view: float
    person_pixels: float
    screen: tuple[float, float]  # where the body's middle falls, half sizes from the centre


def random_camera_path(
    rng: np.random.Generator, pelvis_world: Floats, stature: float, seconds: Floats
) -> CameraPath:
    """Draw a camera that sees a person.

    Args:
        rng: All chance.
        pelvis_world: (T, 3) metres.
        stature: Metres.
        seconds: (T,).
    """
    width, height = SIZES[rng.integers(len(SIZES))]
    for _ in range(50):
        view = _draw_view(rng, height)
        path = _place(rng, view, (width, height), pelvis_world, stature, seconds)
        if _sees_person(path, pelvis_world):
            return path
    still = np.broadcast_to(pelvis_world.mean(axis=0), pelvis_world.shape)
    plain = _View(0.0, 0.0, rng.uniform(0, 360), 50.0, 0.6 * height, (0.0, 0.0))
    return _place(rng, plain, (width, height), still, stature, seconds)


def _draw_view(rng: np.random.Generator, height: int) -> _View:
    """Half of the views are level and show the whole person."""
    ordinary = rng.random() < ORDINARY_SHARE
    heading = rng.uniform(0, 360)
    low, high = PERSON_HEIGHT_RANGE
    if ordinary:
        pixels = np.clip(rng.uniform(0.45, 0.88) * height, low, high)
        screen = (rng.normal(0, 0.18), rng.normal(0, 0.06))
        pitch, roll = rng.normal(4, 8), rng.normal(0, 2.5)
        return _View(pitch, roll, heading, rng.uniform(30, 80), float(pixels), screen)
    pitch = rng.uniform(*PITCH_RANGE)
    roll = rng.normal(0, 4) if rng.random() < 0.6 else rng.uniform(-ROLL_MAX, ROLL_MAX)
    roll = float(np.clip(roll, -ROLL_MAX, ROLL_MAX))
    pixels = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    truncated = rng.random() < 0.4
    if truncated:
        pixels = rng.uniform(0.8, 1.8) * height
    reach = 0.9 if truncated else 0.5
    screen = (rng.uniform(-reach, reach), rng.uniform(-reach, reach))
    return _View(pitch, roll, heading, rng.uniform(*FIELD_OF_VIEW_RANGE), pixels, screen)


def _place(
    rng: np.random.Generator,
    view: _View,
    size: tuple[int, int],
    pelvis_world: Floats,
    stature: float,
    seconds: Floats,
) -> CameraPath:
    """Stand the camera where the view asks, then move it."""
    width, height = size
    focal = max(size) / 2 / np.tan(np.radians(view.field_of_view) / 2)
    distance = float(np.clip(focal * stature / view.person_pixels, *DISTANCE_RANGE))
    intrinsics = np.array([focal, focal, width / 2, height / 2])
    if rng.random() < 0.15:  # a cropped picture: the principal point is not the centre
        intrinsics[2:] += rng.uniform(-0.12, 0.12, 2) * np.array(size)
    time = seconds - seconds[0]
    target = pelvis_world[len(pelvis_world) // 2] + rng.normal(0, 0.03, 3)
    targets = np.broadcast_to(target, pelvis_world.shape).copy()
    heading = np.full(len(time), np.radians(view.heading))
    pitch = np.full(len(time), np.radians(view.pitch))
    distances = np.full(len(time), distance)
    kind = rng.choice(5, p=(0.55, 0.15, 0.12, 0.08, 0.10))  # static pan orbit dolly hand-held
    if kind == 1 or (kind > 1 and rng.random() < 0.5):
        targets += _lagged(pelvis_world - target, time, lag=rng.uniform(0.1, 0.6))
    if kind == 2:
        heading += np.radians(rng.uniform(-60, 60)) * time
        pitch += np.radians(rng.uniform(-8, 8)) * time
    if kind == 3:
        distances *= np.exp(rng.uniform(-0.35, 0.35) * time)
    R_world_from_cam = _looking(heading, pitch) @ rotation_about(2, np.radians(view.roll))
    shake = _noise(rng, time, 3) * np.radians(rng.uniform(0.3, 2.0)) if kind >= 3 else None
    position = targets - _looking(heading, pitch)[:, :, 2] * distances[:, None]
    if shake is not None:
        R_world_from_cam = R_world_from_cam @ matrix_from_axis_angle(shake)
        position = position + _noise(rng, time, 3) * rng.uniform(0.01, 0.05)
    aim = _aim(view.screen, size, intrinsics)
    return CameraPath(
        size=size,
        intrinsics=intrinsics,
        R_world_from_cam=R_world_from_cam @ aim,
        position=position,
    )


def _looking(heading: Floats, pitch: Floats) -> Floats:
    """Level-horizon camera axes (T, 3, 3): at heading and pitch 0 it looks along world +y."""
    level = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    return rotation_about(2, heading) @ level @ rotation_about(0, -pitch)


def _aim(screen: tuple[float, float], size: tuple[int, int], intrinsics: Floats) -> Floats:
    """Turn (3, 3) so that what stood on the axis falls on `screen`."""
    pixel = np.array(size) / 2 * (1.0 + np.array(screen))
    right, down = (pixel - intrinsics[2:]) / intrinsics[:2]
    return rotation_about(0, np.arctan(down)) @ rotation_about(1, -np.arctan(right))


def _lagged(offsets: Floats, time: Floats, lag: float) -> Floats:
    """A hand follows the person a little late: exponential average of (T, 3)."""
    followed = offsets.copy()
    followed[0] = offsets[0]
    for index in range(1, len(time)):
        keep = np.exp(-(time[index] - time[index - 1]) / lag)
        followed[index] = keep * followed[index - 1] + (1 - keep) * offsets[index]
    return followed


def _noise(rng: np.random.Generator, time: Floats, channels: int) -> Floats:
    """Smooth noise of unit size (T, channels): a few sines of 0.2 to 3 Hz."""
    frequency = rng.uniform(0.2, 3.0, (5, channels))
    phase = rng.uniform(0, 2 * np.pi, (5, channels))
    waves = np.sin(2 * np.pi * frequency * time[:, None, None] + phase) / (0.5 + frequency)
    return waves.sum(axis=1)


def _sees_person(path: CameraPath, pelvis_world: Floats) -> bool:
    """Whether the pelvis is before the camera throughout and near the picture mostly."""
    pelvis = path.to_cam(pelvis_world[:, None])[:, 0]
    if pelvis[:, 2].min() < _NEAREST_BODY:
        return False
    pixels = pelvis[:, :2] / pelvis[:, 2:] * path.intrinsics[:2] + path.intrinsics[2:]
    beyond = np.abs(pixels / np.array(path.size) - 0.5).max(axis=1)
    return bool((beyond < 0.55).mean() > 0.7)
