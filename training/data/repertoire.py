"""Recordings from which windows are drawn: rare poses often, mirrored, turned, changed."""

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.cluster.vq import kmeans2

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import forward_kinematics

from .coverage import Coverage
from .performances import Performance, mirrored, turned

STEP_MAX = 6  # source frames between frames of a performance
RARITY_POWER = (
    0.4  # a cluster of n frames is drawn n^0.4 often: 1 as recorded, 0 all alike; a guess
)
CLUSTERS = 256
_DESCRIBED_EVERY = 12  # source frames
_LIMITS_EVERY = 2  # source frames that say how far joints turn
_CLUSTER_SIZE = 40  # described frames on average, at least


class Recording(Protocol):
    """What is used of a motion clip; see `motion_library.MotionClip`."""

    name: str
    source: str
    fps: float
    poses: Floats
    transl: Floats
    contacts: Bools
    valid: Bools


class Repertoire:
    """Recordings from which windows are drawn, rare poses more often than they were recorded.

    Args:
        recordings: Of one split.
        rest_joints: (24, 3) of the body whose pelvis their translation moves.
    """

    def __init__(self, recordings: Sequence[Recording], rest_joints: Floats) -> None:
        self._recordings = tuple(recordings)
        self._rest_joints = rest_joints
        origins: list[Indices] = []
        poses: list[Floats] = []
        for index, recording in enumerate(self._recordings):
            frames = np.flatnonzero(recording.valid)[::_DESCRIBED_EVERY]
            origins.append(np.stack((np.full(len(frames), index), frames), axis=1))
            poses.append(recording.poses[frames])
        self._origins = np.concatenate(origins)  # (M, 2) recording, frame
        self._chances = _chances(_descriptors(np.concatenate(poses), rest_joints))

    @cached_property
    def coverage(self) -> Coverage:
        """What makes performances that nobody recorded, within these recordings' limits."""
        poses = [
            recording.poses[recording.valid][::_LIMITS_EVERY] for recording in self._recordings
        ]
        return Coverage(np.concatenate(poses), self._rest_joints)

    def draw(
        self, rng: np.random.Generator, length: int, exchange: float = 0.35, coverage: float = 0.0
    ) -> Performance:
        """Draw a window.

        Args:
            rng: All chance.
            length: Frames.
            exchange: Share of windows with one or two limbs of another window.
            coverage: Share of windows that are changed in every way that `Coverage` knows.
        """
        step = int(rng.integers(1, STEP_MAX + 1))
        chosen = self._window(rng, length, step)
        kind = rng.random()
        if kind < coverage:
            chosen = self.coverage.change(rng, chosen, lambda: self._window(rng, length, step))
        elif kind < coverage + exchange:
            chosen = self.coverage.exchanged(rng, chosen, self._window(rng, length, step))
        if rng.random() < 0.5:
            chosen = mirrored(chosen)
        return turned(chosen, rng.uniform(0, 2 * np.pi))

    def _window(self, rng: np.random.Generator, length: int, step: int) -> Performance:
        for _ in range(200):
            index, frame = self._origins[rng.choice(len(self._origins), p=self._chances)]
            recording = self._recordings[index]
            longest = (len(recording.poses) - 1) // (length - 1)
            if longest < 1:
                continue
            stride = min(step, longest)
            reach = stride * (length - 1)
            start = frame - int(rng.integers(0, reach + 1))
            start = int(np.clip(start, 0, len(recording.poses) - 1 - reach))
            if recording.valid[start : start + reach + 1].all():
                return self._cut(recording, start, stride, length)
        raise ValueError(f"no recording has {length} valid frames in a row")

    def _cut(self, recording: Recording, start: int, stride: int, length: int) -> Performance:
        frames = start + stride * np.arange(length)
        return Performance(
            name=f"{recording.name}@{start}+{stride}",
            source=recording.source,
            seconds=frames / recording.fps,
            rotations=matrix_from_axis_angle(recording.poses[frames].astype(float)),
            pelvis=recording.transl[frames].astype(float) + self._rest_joints[0],
            contacts=recording.contacts[frames],
        )


def _descriptors(poses: Floats, rest_joints: Floats) -> Floats:
    """Joints (M, 72) relative to the pelvis, upright, without the heading."""
    rotations = matrix_from_axis_angle(poses.astype(float))
    outer, joints = forward_kinematics(rotations, rest_joints)
    forward = outer[:, 0, :, 2] + 0.3 * outer[:, 0, :, 1]  # lying, the head's side decides
    heading = np.arctan2(forward[:, 1], forward[:, 0])
    level = np.einsum("mij,mnj->mni", rotation_about(2, -heading), joints)
    return level.reshape(len(poses), 72)


def _chances(descriptors: Floats) -> Floats:
    """How often each described frame is drawn, (M,), sum 1."""
    count = min(CLUSTERS, max(1, len(descriptors) // _CLUSTER_SIZE))
    _, labels = kmeans2(descriptors, _spread(descriptors, count), iter=10, minit="matrix")
    sizes = np.bincount(labels, minlength=count)
    chances = sizes[labels] ** (RARITY_POWER - 1.0)
    return chances / chances.sum()


def _spread(points: Floats, count: int) -> Floats:
    """`count` of (M, D) points far apart: each drawn by its squared distance to those before it.

    Source: Arthur & Vassilvitskii, k-means++, 2007.
    """
    rng = np.random.default_rng(0)
    chosen = [int(rng.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
        chosen.append(int(rng.choice(len(points), p=distance / distance.sum())))
    return points[chosen]
