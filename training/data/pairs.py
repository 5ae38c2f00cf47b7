"""Pairs: bodies rendered into pictures, the real front end run on them, truth kept beside it.

    python -m training.data.pairs --motion DIR --state DIR --frames 8000 --seed 0 [--workers N]

Writes shards of twenty clips, and of the same twenty in the mirror, under `STATE/pairs/<split>/`.
Every clip has its own seed, so a finished shard is skipped and any number of workers makes the
same files.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import axis_angle_from_matrix
from fhmr_blender.core.skeleton import MIRRORED_LANDMARKS
from fhmr_blender.pipeline.perception.crops import Picture as Pixels
from fhmr_blender.pipeline.weights import Networks, load_networks

from .calibration import THICKNESS, template_calibration
from .cameras import CameraPath, mirrored_path, random_camera_path
from .cast import Cast
from .degradation import degrade, random_degradation
from .motion_library import MotionClip, load_library
from .performances import Performance, mirrored, scaled
from .rendering import Figure, Renderer, seen
from .repertoire import Repertoire
from .sample import PairClip, save_shard
from .scenery import random_scenery
from .watching import Sighting, watch

LENGTH = 10  # frames a clip
CLIPS_PER_SHARD = 20  # and as many again, seen in the mirror
MIRRORED_PICTURE = "|mirrored picture"  # ends the name of a clip whose pictures were flipped
SPLITS = ("train", "val", "test", "hdm05")
# Shards in the order in which they are made: of ten, seven to train on, one of each other split.
_ROUND = ("train", "train", "val", "train", "train", "test", "train", "train", "hdm05", "train")
TRAINING_SHARES = (0.2, 0.35)  # of clips with others' limbs, and of those changed in every way
_COMPANION_SHARE = 0.11  # clips with other people
_COMPANIONS_MOST = 2
_BETAS_WIDE = 1.0  # standard deviation of every beta
_BETAS_MAX = 2.5


@dataclass(frozen=True)
class ShardTask:
    """One shard to be made."""

    split: str
    index: int
    seed: int
    clips: int = CLIPS_PER_SHARD
    length: int = LENGTH

    def path(self, state: Path) -> Path:
        return state / "pairs" / self.split / f"pairs_{self.seed}_{self.index:05d}.npz"


def plan(frames: int, seed: int) -> tuple[ShardTask, ...]:
    """The shards that hold at least `frames` frames to train on, and the others' share."""
    wanted = -(-frames // (LENGTH * CLIPS_PER_SHARD))
    tasks: list[ShardTask] = []
    made = dict.fromkeys(SPLITS, 0)
    while made["train"] < wanted:
        split = _ROUND[len(tasks) % len(_ROUND)]
        tasks.append(ShardTask(split=split, index=made[split], seed=seed))
        made[split] += 1
    return tuple(tasks)


class Studio:
    """Makes clips: body, motion, renderer and front end at hand.

    Args:
        recordings: All splits.
        body: The neutral one.
        networks: The front end's.
    """

    def __init__(self, recordings: Sequence[MotionClip], body: Body, networks: Networks) -> None:
        self._body = body
        self._networks = networks
        self._rest_joints = body.rest_joints(np.zeros(10))
        self._recordings = recordings
        self._repertoires: dict[str, Repertoire] = {}
        self._cast = Cast(body)
        self._renderer = Renderer(body.faces, len(body.v_template))
        self._template = template_calibration(body)

    def clips(
        self, split: str, rng: np.random.Generator, length: int = LENGTH
    ) -> tuple[PairClip, PairClip]:
        """One clip of a split, and what the front end makes of the same pictures flipped."""
        return self.filmed(split, rng, length)[0]

    def filmed(
        self, split: str, rng: np.random.Generator, length: int
    ) -> tuple[tuple[PairClip, PairClip], tuple[Pixels, ...]]:
        """The two clips and the first one's pictures, for looking at."""
        repertoire = self._repertoire(split)
        betas = np.clip(rng.normal(0, _BETAS_WIDE, 10), -_BETAS_MAX, _BETAS_MAX)
        scale = self._body.stature(betas) / self._body.stature(np.zeros(10))
        exchange, coverage = TRAINING_SHARES if split == "train" else (0.0, 0.0)
        performance = scaled(repertoire.draw(rng, length, exchange, coverage), scale)
        figures = [self._cast.figure(rng, performance, betas)]
        vertices, joints = figures[0].vertices, figures[0].joints
        path = random_camera_path(
            rng, performance.pelvis, self._body.stature(betas), performance.seconds
        )
        floor_z = float(vertices[..., 2].min())
        if rng.random() < _COMPANION_SHARE:
            for _ in range(int(rng.integers(1, _COMPANIONS_MOST + 1))):
                figures.append(self._companion(repertoire, rng, performance, floor_z))
        scenery = random_scenery(rng, path, joints, floor_z)
        pictures = self._renderer.render(figures, scenery, path)
        points = project(path.to_cam(vertices), path.intrinsics)
        boxes = _boxes(points, path.to_cam(vertices)[..., 2] > 0.05, path.size)
        faults = random_degradation(rng, float(np.median(boxes[:, 3] - boxes[:, 1])))
        images = tuple(degrade(picture.image, faults, rng) for picture in pictures)
        landmarks_cam = path.to_cam(self._landmarks(performance, joints, betas))
        pixels = project(landmarks_cam, path.intrinsics)
        cloth = max(figures[0].appearance.loose)
        thickness = THICKNESS * self._body.stature(betas) + cloth
        visible = np.stack(
            [
                seen(picture.depth, landmarks_cam[frame], pixels[frame], thickness)
                for frame, picture in enumerate(pictures)
            ]
        )
        sightings = watch(images, _shaken(boxes, rng), self._networks)
        clip = _pair_clip(
            split, performance, betas, self._body, path, joints, visible, boxes, sightings
        )
        return (clip, self._in_the_mirror(split, clip, performance, path, images, rng)), images

    def _in_the_mirror(
        self,
        split: str,
        clip: PairClip,
        performance: Performance,
        path: CameraPath,
        images: Sequence[Pixels],
        rng: np.random.Generator,
    ) -> PairClip:
        """The same clip flipped left to right: the landmark network answers it differently."""
        reflected = mirrored(performance)
        reflected = replace(reflected, name=performance.name + MIRRORED_PICTURE)
        transl = reflected.pelvis - self._body.rest_joints(clip.betas)[0]
        joints = self._body.joints(reflected.rotations, clip.betas, transl)
        width = path.size[0]
        boxes = clip.bbox.astype(float)
        boxes[:, [2, 0]] = width - boxes[:, [0, 2]]
        boxes[clip.bbox[:, 2] <= clip.bbox[:, 0]] = 0.0  # nothing to be seen
        flipped = [np.ascontiguousarray(image[:, ::-1]) for image in images]
        return _pair_clip(
            split,
            reflected,
            clip.betas,
            self._body,
            mirrored_path(path),
            joints,
            clip.visible[:, list(MIRRORED_LANDMARKS)],
            boxes,
            watch(flipped, _shaken(boxes, rng), self._networks),
        )

    def _repertoire(self, split: str) -> Repertoire:
        if split not in self._repertoires:
            chosen = [recording for recording in self._recordings if recording.split == split]
            self._repertoires[split] = Repertoire(chosen, self._rest_joints)
        return self._repertoires[split]

    def _landmarks(self, performance: Performance, joints: Floats, betas: Floats) -> Floats:
        """(T, 33, 3) `world`, by the template's places; near enough to ask what is hidden."""
        outer = self._body.outer_rotations(performance.rotations)
        return self._template.landmarks(outer, joints, self._body.stature(betas))

    def _companion(
        self,
        repertoire: Repertoire,
        rng: np.random.Generator,
        performance: Performance,
        floor_z: float,
    ) -> Figure:
        """A second person close by, on the same floor."""
        betas = np.clip(rng.normal(0, 1, 10), -_BETAS_MAX, _BETAS_MAX)
        other = repertoire.draw(rng, len(performance.seconds), 0.0)
        bearing = rng.uniform(0, 2 * np.pi)
        beside = rng.uniform(0.5, 1.6) * np.array([np.cos(bearing), np.sin(bearing), 0.0])
        pelvis = other.pelvis - other.pelvis[:1] + performance.pelvis[:1] + beside
        figure = self._cast.figure(rng, replace(other, pelvis=pelvis), betas)
        lift = np.array([0.0, 0.0, floor_z - figure.vertices[..., 2].min()])
        return replace(figure, vertices=figure.vertices + lift, joints=figure.joints + lift)


def make_shard(task: ShardTask, studio: Studio, state: Path) -> int:
    """Make one shard; returns its frames."""
    clips: list[PairClip] = []
    for number in range(task.clips):
        seed = (task.seed, SPLITS.index(task.split), task.index, number)
        clips.extend(studio.clips(task.split, np.random.default_rng(seed), task.length))
    save_shard(task.path(state), clips)
    return sum(len(clip) for clip in clips)


def _pair_clip(
    split: str,
    performance: Performance,
    betas: Floats,
    body: Body,
    path: CameraPath,
    joints_world: Floats,
    visible: Bools,
    boxes: Floats,
    sightings: Sequence[Sighting],
) -> PairClip:
    rotations = performance.rotations.copy()
    rotations[:, 0] = np.swapaxes(path.R_world_from_cam, -1, -2) @ rotations[:, 0]
    joints_cam = path.to_cam(joints_world)
    nothing = np.zeros((33, 5))
    landmarks = [sighting.landmarks for sighting in sightings]
    return PairClip(
        name=performance.name,
        source=performance.source,
        split=split,
        seconds=performance.seconds - performance.seconds[0],
        size=np.array(path.size, dtype=np.int32),
        intrinsics=path.intrinsics,
        R_world_from_cam=path.R_world_from_cam.astype(np.float32),
        camera_position=path.position.astype(np.float32),
        poses=axis_angle_from_matrix(rotations).astype(np.float32),
        betas=betas.astype(np.float32),
        transl_cam=(joints_cam[:, 0] - body.rest_joints(betas)[0]).astype(np.float32),
        joints_cam=joints_cam.astype(np.float32),
        contacts=performance.contacts,
        visible=visible,
        found=np.array([found is not None for found in landmarks]),
        region=np.stack([sighting.region for sighting in sightings]).astype(np.float32),
        bbox=boxes.astype(np.float32),
        keypoints=np.stack([nothing if x is None else x.keypoints for x in landmarks]).astype(
            np.float32
        ),
        keypoints_world=np.stack(
            [nothing[:, :3] if x is None else x.keypoints_world for x in landmarks]
        ).astype(np.float32),
        image_feature=np.stack(
            [np.full(288, np.nan) if x is None else x.image_feature for x in landmarks]
        ).astype(np.float16),
    )


def _boxes(points: Floats, before: Bools, size: tuple[int, int]) -> Floats:
    """Boxes (T, 4) of the part of projected vertices (T, V, 2) that falls into the picture."""
    boxes = np.zeros((len(points), 4))
    for frame, (pixels, usable) in enumerate(zip(points, before, strict=True)):
        inside = usable & (pixels >= 0).all(axis=1) & (pixels <= np.array(size)).all(axis=1)
        if inside.sum() < 20:
            continue
        chosen = pixels[inside]
        boxes[frame] = np.concatenate((chosen.min(axis=0), chosen.max(axis=0)))
    return boxes


def _shaken(boxes: Floats, rng: np.random.Generator) -> Floats:
    """A person detector's boxes (T, 4): each side off by some percent of the box."""
    extent = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + rng.normal(0, 0.04, boxes.shape) * extent


_studio: Studio | None = None  # one a worker process; networks and GL contexts do not travel


def _start(motion: Path, state: Path) -> None:
    global _studio
    os.nice(10)
    _studio = Studio(load_library(motion, state), load_body("neutral"), load_networks(threads=1))


def _work(task: ShardTask, state: Path) -> tuple[ShardTask, int]:
    assert _studio is not None
    return task, make_shard(task, _studio, state)


def missing_shards(tasks: Sequence[ShardTask], state: Path) -> tuple[ShardTask, ...]:
    """Those that are not on the disk yet."""
    return tuple(task for task in tasks if not task.path(state).exists())


def make_pairs(motion: Path, state: Path, tasks: Sequence[ShardTask], workers: int) -> None:
    """Make the shards that are missing, in their order, and say how far it is."""
    missing = missing_shards(tasks, state)
    started, done = time.monotonic(), 0
    sys.stderr.write(f"{len(tasks) - len(missing)} of {len(tasks)} shards are there\n")
    if not missing:
        return
    load_library(motion, state)  # once, so that workers find its cache
    with ProcessPoolExecutor(workers, initializer=_start, initargs=(motion, state)) as pool:
        for task, frames in pool.map(_work, missing, [state] * len(missing)):
            done += frames
            rate = done / (time.monotonic() - started)
            sys.stderr.write(f"{task.path(state).name} {task.split}: {done} frames, {rate:.2f}/s\n")
            sys.stderr.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Render pairs of observation and truth.")
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument(
        "--frames", type=int, default=8000, help="to train on, at least; the mirror doubles them"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    tasks = plan(arguments.frames, arguments.seed)
    make_pairs(arguments.motion, arguments.state, tasks, arguments.workers)


if __name__ == "__main__":
    main()
