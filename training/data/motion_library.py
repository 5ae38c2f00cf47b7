"""The library of recorded motion as SMPL rotations at 30 frames a second, cached.

python -m training.data.motion_library --motion DIR --state DIR [--sheet FOLDER]
"""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats, check_shapes
from fhmr_blender.core.body import load_body
from fhmr_blender.core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from fhmr_blender.core.skeleton import JOINT_INDEX, PARENTS, forward_kinematics
from fhmr_blender.jobs import Report, silent

from . import motion_cleaning as cleaning
from .motion_formats.recording import after_start, at_rate
from .motion_sources import (
    Parsed,
    Source,
    Split,
    Take,
    archive_path,
    parse_take,
    present_sources,
    read_bad_frames,
    read_takes,
)
from .retarget import Retargeted, retarget

_VERSION = 6  # of what the cache holds; raise it when the results change
_STILL_FRAMES = 31  # a pose without motion is held for a second
_WORKERS = 2


@dataclass(frozen=True, eq=False)
class MotionClip:
    """One performer's take, for the neutral body's legs."""

    name: str  # source/file
    source: str
    performer: str
    split: Split
    fps: float  # 30
    poses: Floats  # (T, 24, 3) float32 axis-angle; the pelvis world from body
    transl: Floats  # (T, 3) float32 metres, `world`, z = 0 is the floor
    contacts: Bools  # (T, 6) in the order of CONTACT_NAMES
    valid: Bools  # (T,) False where the recording jumps
    bone_errors: Floats  # (T, 5) float32 degrees between the body's and the source's directions
    flipped: int  # wrists and ankles for which a neighbouring frame's stands in

    def __post_init__(self) -> None:
        check_shapes(
            self, poses="T 24 3", transl="T 3", contacts="T 6", valid="T", bone_errors="T 5"
        )


BONE_GROUPS = ("arms", "legs", "feet", "trunk", "shoulder and hip lines")


def load_library(folder: Path, cache: Path, report: Report = silent) -> tuple[MotionClip, ...]:
    """Every clip of the archives in `folder`, parsed once and kept in `cache`/motion.

    Raises:
        FhmrError: `folder` holds no archive, or one that cannot be read.
    """
    rest_joints = load_body("neutral").rest_joints(np.zeros(10))
    sources = present_sources(folder)
    path = cache / "motion" / f"library_{_fingerprint(folder, sources, rest_joints)}.npz"
    if path.exists():
        try:
            return _load(path)
        except (BadZipFile, KeyError, ValueError, EOFError, OSError):
            report(0.0, f"{path.name} is damaged and is made again")
    clips = make_library(folder, sources, rest_joints, report)
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(path, clips)
    return clips


def make_library(
    folder: Path, sources: Sequence[Source], rest_joints: Floats, report: Report
) -> tuple[MotionClip, ...]:
    """Parse archives and carry their takes over to SMPL, one process a performer at a time."""
    bad_frames = read_bad_frames(folder)
    tasks: list[tuple[Take, ...]] = []
    for source in sources:
        takes = sorted(read_takes(folder, source), key=lambda take: (take.performer, take.name))
        for _, group in groupby(takes, key=lambda take: take.performer):
            tasks.append(tuple(group))
    clips: list[MotionClip] = []
    work = partial(_clips_of, rest_joints=rest_joints, bad_frames=bad_frames)
    with ProcessPoolExecutor(_WORKERS) as pool:
        for done, made in enumerate(pool.map(work, tasks), start=1):
            clips.extend(made)
            report(done / len(tasks), f"{made[0].source}: {len(made)} clips of {made[0].performer}")
    return tuple(clips)


def _clips_of(
    takes: Sequence[Take],
    rest_joints: Floats,
    bad_frames: dict[tuple[str, str], tuple[int, ...]],
) -> list[MotionClip]:
    """One performer's clips. Takes with different skeletons are aligned apart."""
    groups: dict[bytes, list[Parsed]] = {}
    for take in takes:
        parsed = parse_take(take)
        bones = np.round(parsed.recording.offsets[1:], 4).tobytes()
        groups.setdefault(bones, []).append(parsed)
    made: list[tuple[Parsed, Floats, Retargeted]] = []
    for group in groups.values():
        even = [at_rate(after_start(one.recording, one.take.first_frame)) for one in group]
        retargeted = retarget(even, group[0].skeleton_map, rest_joints)
        made += [
            (one, recording.seconds, carried)
            for one, recording, carried in zip(group, even, retargeted, strict=True)
        ]
    rotations, joints, flips = [], [], []
    for _, _, carried in made:
        local, ankles = cleaning.mend_ankles(parent_relative(carried.outer))
        local, wrists = cleaning.share_forearm_twist(local, rest_joints)
        rotations.append(local)
        joints.append(forward_kinematics(local, rest_joints)[1] + carried.pelvis[:, None])
        flips.append(ankles + wrists)
    groundings = [id(one.skeleton_map) for one, _, _ in made]
    lowest = [cleaning.lowest_points(points) for points in joints]
    floor = np.zeros(len(made))
    for grounding in set(groundings):
        same = [index for index, other in enumerate(groundings) if other == grounding]
        floor[same] = cleaning.floors([lowest[index] for index in same])
    clips: list[MotionClip] = []
    for index, (one, seconds, carried) in enumerate(made):
        above = np.array([0.0, 0.0, floor[index]])
        points = joints[index] - above
        bad = bad_frames.get((one.take.archive, one.take.file), ())
        valid = (
            cleaning.believable(rotations[index], points)
            & cleaning.possible(rotations[index], rest_joints)
            & cleaning.outside_bad_frames(seconds, one.recording.seconds, bad)
        )
        hold = np.arange(len(seconds)) if len(seconds) > 1 else np.zeros(_STILL_FRAMES, dtype=int)
        clips.append(
            MotionClip(
                name=one.take.name,
                source=one.take.source,
                performer=one.take.performer,
                split=one.take.split,
                fps=cleaning.FPS,
                poses=axis_angle_from_matrix(rotations[index]).astype(np.float32)[hold],
                transl=(carried.pelvis - above - rest_joints[0]).astype(np.float32)[hold],
                contacts=cleaning.contacts(points[hold]),
                valid=valid[hold],
                bone_errors=bone_errors(carried, points).astype(np.float32)[hold],
                flipped=flips[index],
            )
        )
    return clips


def parent_relative(outer: Floats) -> Floats:
    local = outer.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        local[:, joint] = np.swapaxes(outer[:, parent], -1, -2) @ outer[:, joint]
    return local


_MEASURED: tuple[tuple[tuple[str, str], ...], ...] = (  # in the order of BONE_GROUPS
    (
        ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"),
    ),
    (
        ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"),
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
    ),
    (("left_ankle", "left_foot"), ("right_ankle", "right_foot")),
    (("hip", "shoulder"),),
    (("right_hip", "left_hip"), ("right_shoulder", "left_shoulder")),
)


def bone_errors(carried: Retargeted, joints: Floats) -> Floats:
    """Degrees (T, 5) by group, the mean over its bones; not a number where the source has none."""

    def ours(name: str) -> Floats:
        if name in ("hip", "shoulder"):
            return (ours(f"left_{name}") + ours(f"right_{name}")) / 2
        return joints[:, JOINT_INDEX[name]]

    def theirs(name: str) -> Floats:
        if name in ("hip", "shoulder"):
            return (theirs(f"left_{name}") + theirs(f"right_{name}")) / 2
        return carried.source_joints.get(name, np.full((len(joints), 3), np.nan))

    columns = []
    for bones in _MEASURED:
        angles = []
        for start, end in bones:
            first, second = ours(end) - ours(start), theirs(end) - theirs(start)
            cross = np.linalg.norm(np.cross(first, second), axis=-1)
            angles.append(np.arctan2(cross, np.sum(first * second, axis=-1)))
        columns.append(np.rad2deg(np.mean(angles, axis=0)))
    return np.stack(columns, axis=-1)


def world_joints(clip: MotionClip, rest_joints: Floats, frames: slice | list[int]) -> Floats:
    """Joints (T, 24, 3) of some frames in `world`, metres."""
    rotations = matrix_from_axis_angle(clip.poses[frames].astype(float))
    pelvis = clip.transl[frames].astype(float) + rest_joints[0]
    return forward_kinematics(rotations, rest_joints)[1] + pelvis[:, None]


def _fingerprint(folder: Path, sources: Iterable[Source], rest_joints: Floats) -> str:
    """Changes with the archives, the body's joints and the version."""
    digest = hashlib.sha256(f"{_VERSION}".encode() + np.round(rest_joints, 5).tobytes())
    for source in sources:
        digest.update(f"{source.name} {archive_path(folder, source).stat().st_size}".encode())
    return digest.hexdigest()[:12]


_TEXTS = ("name", "source", "performer", "split")
_ARRAYS = ("poses", "transl", "contacts", "valid", "bone_errors")


def _save(path: Path, clips: Sequence[MotionClip]) -> None:
    arrays = {key: np.array([getattr(clip, key) for clip in clips]) for key in _TEXTS}
    arrays |= {key: np.concatenate([getattr(clip, key) for clip in clips]) for key in _ARRAYS}
    arrays["frames"] = np.array([len(clip.valid) for clip in clips])
    arrays["flipped"] = np.array([clip.flipped for clip in clips])
    scratch = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(scratch, allow_pickle=False, **arrays)
    scratch.replace(path)


def _load(path: Path) -> tuple[MotionClip, ...]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    ends = np.cumsum(arrays["frames"])
    clips: list[MotionClip] = []
    for index, end in enumerate(ends):
        cut = slice(end - arrays["frames"][index], end)
        clips.append(
            MotionClip(
                **{key: str(arrays[key][index]) for key in _TEXTS},
                **{key: arrays[key][cut] for key in _ARRAYS},
                fps=cleaning.FPS,
                flipped=int(arrays["flipped"][index]),
            )
        )
    return tuple(clips)


def main() -> None:
    """The command line."""
    from .motion_report import table, write_sheets

    parser = argparse.ArgumentParser(description="Make the library of recorded motion.")
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--sheet", type=Path, help="folder for a contact sheet of every source")
    arguments = parser.parse_args()
    started = time.monotonic()

    def report(fraction: float, message: str) -> None:
        sys.stderr.write(f"{fraction:4.0%} {time.monotonic() - started:4.0f} s  {message}\n")

    clips = load_library(arguments.motion, arguments.state, report)
    sys.stdout.write(table(clips))
    if arguments.sheet:
        write_sheets(clips, load_body("neutral").rest_joints(np.zeros(10)), arguments.sheet)


if __name__ == "__main__":
    main()
