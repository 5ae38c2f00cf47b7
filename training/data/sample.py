"""A clip of pairs: what the front end saw of a body, and the truth behind it.

Rendered clips and the bank's simulated ones have this one form. A shard is a file of some twenty
clips, their frames laid end to end, without pictures and without pickle.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats, check_shapes

FORMAT = "fhmr-pairs"
VERSION = 1
_TEXT = ("name", "source", "split")
_PER_CLIP = ("size", "intrinsics", "betas")


@dataclass(frozen=True, eq=False)
class PairClip:
    """T frames of one person, in time order; frame steps vary, `seconds` carries the time.

    Truth is in `cam` (OpenCV axes) of the neutral body. Where `found` is False nothing was seen:
    the region is the one that was searched, the observation is zero.
    """

    name: str
    source: str  # motion archive, or "bank"
    split: str  # "train", "val", "test" or "hdm05"
    seconds: Floats  # (T,)
    size: Floats  # (2,) width, height, pixels
    intrinsics: Floats  # (4,) fx fy cx cy, pixels
    R_world_from_cam: Floats  # (T, 3, 3)
    camera_position: Floats  # (T, 3) metres, `world`; with the above, the root's way in `world`
    poses: Floats  # (T, 24, 3) axis-angle, SMPL order, the pelvis cam from body
    betas: Floats  # (10,)
    transl_cam: Floats  # (T, 3) metres: pelvis = transl + rest pelvis of the shaped body
    joints_cam: Floats  # (T, 24, 3) metres
    contacts: Bools  # (T, 6) CONTACT_NAMES
    visible: Bools  # (T, 33) landmark in the picture and hidden by nothing (true visibility)
    found: Bools  # (T,) the front end found the person
    region: Floats  # (T, 4) centre x y and side in pixels, clockwise roll in radians
    bbox: Floats  # (T, 4) x0 y0 x1 y1 of the true silhouette inside the picture, pixels
    keypoints: Floats  # (T, 33, 5) x y z pixels, visibility, presence
    keypoints_world: Floats  # (T, 33, 3) metres, hip-centred, picture axes
    image_feature: Floats  # (T, 288) float16; NaN where there is none (simulated)

    def __post_init__(self) -> None:
        check_shapes(
            self,
            seconds="T",
            size="2",
            intrinsics="4",
            R_world_from_cam="T 3 3",
            camera_position="T 3",
            poses="T 24 3",
            betas="10",
            transl_cam="T 3",
            joints_cam="T 24 3",
            contacts="T 6",
            visible="T 33",
            found="T",
            region="T 4",
            bbox="T 4",
            keypoints="T 33 5",
            keypoints_world="T 33 3",
            image_feature="T 288",
        )

    def __len__(self) -> int:
        return len(self.seconds)


def save_shard(path: Path, clips: Sequence[PairClip]) -> None:
    """Write clips to one .npz, all of it or nothing; the same clips give the same bytes."""
    arrays: dict[str, Floats | Bools] = {}
    for item in fields(PairClip):
        values = [getattr(clip, item.name) for clip in clips]
        if item.name in _TEXT:
            continue
        arrays[item.name] = np.stack(values) if item.name in _PER_CLIP else np.concatenate(values)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "lengths": [len(clip) for clip in clips],
        **{key: [getattr(clip, key) for clip in clips] for key in _TEXT},
    }
    encoded = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as file:
        np.savez_compressed(file, header=encoded, **arrays)
    unfinished.replace(path)


def load_shard(path: Path) -> tuple[PairClip, ...]:
    """Read the clips of one shard.

    Raises:
        ValueError: The file is no shard of this version.
    """
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(bytes(arrays.pop("header")).decode())
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise ValueError(f"{path} is not a shard of pairs, version {VERSION}")
    ends = np.cumsum(header["lengths"])
    clips: list[PairClip] = []
    for index, (end, length) in enumerate(zip(ends, header["lengths"], strict=True)):
        values = {
            name: array[index] if name in _PER_CLIP else array[end - length : end]
            for name, array in arrays.items()
        }
        texts = {key: header[key][index] for key in _TEXT}
        clips.append(PairClip(**texts, **values))
    return tuple(clips)


def load_shards(folder: Path, split: str) -> tuple[PairClip, ...]:
    """All finished clips of one split under the training state's `pairs` folder."""
    return tuple(clip for path in shard_paths(folder, split) for clip in load_shard(path))


def shard_paths(folder: Path, split: str) -> tuple[Path, ...]:
    """Finished shards of one split, in order."""
    return tuple(sorted((folder / split).glob("pairs_*.npz")))
