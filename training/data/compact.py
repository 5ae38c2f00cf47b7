"""Pairs in a few megabytes, tracked beside the code: training goes on from them on any machine.

    python -m training.data.compact --state DIR            unpacks them into `STATE/pairs/train`
    python -m training.data.compact --state DIR --pack 7.5 packs what lies there, so many megabytes

Numbers are rounded to far less than the front end's own jitter and kept as changes from frame to
frame. The image feature is left out, as it is in the bank's simulations.
"""

import argparse
import io
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from fhmr_blender.core.skeleton import forward_kinematics

from ..loop import say
from .sample import PairClip, load_shard, save_shard, shard_paths

FILE = Path(__file__).parents[1] / "pairs.npz.xz"
SPLIT = "train"  # nothing that is measured on, and nothing of a share-alike source
_FORMAT = "fhmr-compact-pairs-1"
_CLIPS_PER_SHARD = 40
# What a column is rounded to. Jitter of the front end: 2D .3 % of the region's side, world 4 mm.
_STEPS = {
    "seconds": 1e-4,
    "size": 1.0,
    "intrinsics": 0.01,
    "betas": 0.01,
    "camera_turn": 5e-4,  # radians
    "camera_position": 2e-3,  # metres
    "poses": 2e-3,  # radians
    "transl_cam": 2e-3,
    "region": 0.05,  # pixels; roll in radians below
    "roll": 2e-3,
    "bbox": 1.0,
    "places": 1e-3,  # sides of the region
    "hints": 2e-3,
    "confidence": 5e-3,
    "keypoints_world": 3e-3,
}
_FLAGS = ("contacts", "visible", "found")
_TEXTS = ("name", "source")


def pack_clips(clips: Sequence[PairClip]) -> bytes:
    """Clips of the train split as one compressed archive without pickle."""
    columns = [_columns(clip) for clip in clips]
    arrays = {
        name: _planes([column[name] for column in columns], step) for name, step in _STEPS.items()
    }
    for name in _FLAGS:
        flags = np.concatenate([getattr(clip, name).reshape(len(clip), -1) for clip in clips])
        arrays[name] = np.packbits(flags, axis=0)
    header = {"format": _FORMAT, "lengths": [len(clip) for clip in clips]}
    header |= {name: [getattr(clip, name) for clip in clips] for name in _TEXTS}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return lzma.compress(file.getvalue(), preset=9)


def unpack_clips(packed: bytes, body: Body) -> tuple[PairClip, ...]:
    """The clips again.

    Raises:
        ValueError: These are no clips of this form.
    """
    with np.load(io.BytesIO(lzma.decompress(packed)), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(bytes(arrays["header"]).decode())
    if header.get("format") != _FORMAT:
        raise ValueError("these are no compact pairs of this version")
    lengths: list[int] = header["lengths"]
    columns = {name: _values(arrays[name], step, lengths) for name, step in _STEPS.items()}
    for name in _FLAGS:
        flags = np.unpackbits(arrays[name], axis=0, count=sum(lengths)).astype(bool)
        columns[name] = np.split(flags, np.cumsum(lengths)[:-1])
    return tuple(
        _clip(
            {name: column[number] for name, column in columns.items()},
            {name: header[name][number] for name in _TEXTS},
            body,
        )
        for number in range(len(lengths))
    )


def _columns(clip: PairClip) -> dict[str, Floats]:
    """Everything that is rounded, (T, ...) or (1, ...)."""
    region = clip.region.astype(float)
    side = region[:, None, 2:3]
    places = (clip.keypoints[..., :2] - region[:, None, :2]) / side
    seen = clip.found[:, None, None]
    return {
        "seconds": clip.seconds[:, None],
        "size": clip.size[None],
        "intrinsics": clip.intrinsics[None],
        "betas": clip.betas[None],
        "camera_turn": axis_angle_from_matrix(clip.R_world_from_cam.astype(float)),
        "camera_position": clip.camera_position,
        "poses": clip.poses.reshape(len(clip), 72),
        "transl_cam": clip.transl_cam,
        "region": region[:, :3],
        "roll": region[:, 3:],
        "bbox": clip.bbox,
        "places": np.where(seen, places, 0.0).reshape(len(clip), 66),
        "hints": np.where(seen[..., 0], clip.keypoints[..., 2] / side[..., 0], 0.0),
        "confidence": clip.keypoints[..., 3:].reshape(len(clip), 66),
        "keypoints_world": clip.keypoints_world.reshape(len(clip), 99),
    }


def _clip(values: dict[str, Floats | Bools], texts: dict[str, str], body: Body) -> PairClip:
    count = len(values["seconds"])
    poses = values["poses"].reshape(count, 24, 3)
    betas = values["betas"][0]
    rest = body.rest_joints(betas)
    _, relative = forward_kinematics(matrix_from_axis_angle(poses), rest)
    found = values["found"][:, 0]
    region = np.concatenate((values["region"], values["roll"]), axis=1)
    side = region[:, None, 2:3]
    places = region[:, None, :2] + values["places"].reshape(count, 33, 2) * side
    hints = values["hints"][..., None] * side
    confidence = values["confidence"].reshape(count, 33, 2)
    keypoints = np.concatenate((places, hints, confidence), axis=-1) * found[:, None, None]
    single = np.float32
    return PairClip(
        name=texts["name"],
        source=texts["source"],
        split=SPLIT,
        seconds=values["seconds"][:, 0],
        size=values["size"][0].astype(np.int32),
        intrinsics=values["intrinsics"][0],
        R_world_from_cam=matrix_from_axis_angle(values["camera_turn"]).astype(single),
        camera_position=values["camera_position"].astype(single),
        poses=poses.astype(single),
        betas=betas.astype(single),
        transl_cam=values["transl_cam"].astype(single),
        joints_cam=(relative + (values["transl_cam"] + rest[0])[:, None]).astype(single),
        contacts=values["contacts"].astype(bool),
        visible=values["visible"].astype(bool),
        found=found.astype(bool),
        region=region.astype(single),
        bbox=values["bbox"].astype(single),
        keypoints=keypoints.astype(single),
        keypoints_world=values["keypoints_world"].reshape(count, 33, 3).astype(single),
        image_feature=np.full((count, 288), np.nan, dtype=np.float16),
    )


def _planes(parts: Sequence[Floats], step: float) -> Floats:
    """Changes from frame to frame in steps, as planes of bytes (4, C, F): low bytes together."""
    changes = [
        np.diff(np.round(np.asarray(part, float) / step).astype(np.int32), axis=0, prepend=0)
        for part in parts
    ]
    flat = np.ascontiguousarray(np.concatenate(changes).T.astype("<i4"))
    # Small negative numbers shall have empty high bytes, too.
    folded = ((flat << 1) ^ (flat >> 31)).astype("<u4")
    return np.ascontiguousarray(np.moveaxis(folded[..., None].view(np.uint8), -1, 0))


def _values(planes: Floats, step: float, lengths: Sequence[int]) -> list[Floats]:
    """A column of every clip again, (T, C) or (1, C)."""
    folded = np.ascontiguousarray(np.moveaxis(planes, 0, -1)).view("<u4")[..., 0].T.astype(np.int64)
    changes = (folded >> 1) ^ -(folded & 1)
    each = lengths if len(changes) == sum(lengths) else [1] * len(lengths)
    return [step * part.cumsum(axis=0) for part in np.split(changes, np.cumsum(each)[:-1])]


def fitting(paths: Sequence[Path], megabytes: float) -> bytes:
    """As many shards as fit, spread over all of them; how many that is, is tried out.

    Raises:
        ValueError: Not even one fits.
    """
    count = len(paths)
    while count > 0:
        chosen = [paths[place] for place in np.linspace(0, len(paths) - 1, count).astype(int)]
        packed = pack_clips([clip for path in chosen for clip in load_shard(path)])
        if len(packed) <= megabytes * 1e6:
            return packed
        count = min(int(count * megabytes * 1e6 / len(packed)), count - 1)
    raise ValueError(f"not one shard of pairs fits into {megabytes} MB")


def unpack_into(state: Path) -> int:
    """Write the tracked pairs as shards of the train split, if it has none: they may be the same.

    Returns:
        The number of shards that are there then.
    """
    folder = state / "pairs"
    if not shard_paths(folder, SPLIT):
        clips = unpack_clips(FILE.read_bytes(), load_body("neutral"))
        for number, start in enumerate(range(0, len(clips), _CLIPS_PER_SHARD)):
            path = folder / SPLIT / f"pairs_tracked_{number:05d}.npz"
            save_shard(path, clips[start : start + _CLIPS_PER_SHARD])
    return len(shard_paths(folder, SPLIT))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Unpack the tracked pairs, or pack others.")
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--pack", type=float, metavar="MB", help="pack the train split instead")
    arguments = parser.parse_args()
    if arguments.pack is None:
        say(f"{unpack_into(arguments.state)} shards to train on are in {arguments.state}")
        return
    FILE.write_bytes(fitting(shard_paths(arguments.state / "pairs", SPLIT), arguments.pack))
    say(f"{FILE}: {FILE.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
