"""The clips that are measured: found frames, and the same pictures in the mirror."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.body import Body
from fhmr_blender.core.motion import Observations
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import LIMB_LANDMARKS, MAIN_LANDMARKS

from ..data.pairs import MIRRORED_PICTURE
from ..data.sample import PairClip, load_shard, shard_paths
from ..data.second_looks import both_looks

_PER_CLIP = ("name", "source", "split", "size", "intrinsics", "betas")
_CAMERA_RESTS = (1e-3, 1e-3)  # metres and radians over a clip below which a camera stands still


@dataclass(frozen=True, eq=False)
class Case:
    """One clip to be answered; everybody in it was found."""

    clip: PairClip
    mirrored: PairClip | None  # the same frames flipped left to right; None: never looked at
    body: Body | None  # whose shape the true betas are; None: no truth of the skin
    twice: bool = False  # the mirrored pictures count as a second look, where they are there

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def visible(self) -> Bools:
        """(T, 12) true visibility of the main joints."""
        return self.clip.visible[:, list(MAIN_LANDMARKS)]

    @property
    def hidden_limbs(self) -> Indices:
        """(T,) how many of the five limbs show less than half of their landmarks."""
        shares = [
            self.clip.visible[:, list(marks)].mean(axis=1) for marks in LIMB_LANDMARKS.values()
        ]
        return (np.stack(shares, axis=1) < 0.5).sum(axis=1)

    @property
    def mirror_found(self) -> Bools:
        """(T,) where the person was found in the mirrored picture too."""
        if self.mirrored is None:
            return np.zeros(len(self), dtype=bool)
        return self.mirrored.found

    @property
    def camera_moves(self) -> bool:
        """Whether the camera turns or travels."""
        travel = np.ptp(self.clip.camera_position, axis=0).max()
        turn = np.abs(self.clip.R_world_from_cam - self.clip.R_world_from_cam[:1]).max()
        return bool(travel > _CAMERA_RESTS[0] or turn > _CAMERA_RESTS[1])


def paired(clips: Sequence[PairClip], body: Body | None) -> tuple[Case, ...]:
    """Clips and their mirror images, which follow them, as cases of found frames."""
    cases: list[Case] = []
    for index, clip in enumerate(clips):
        if clip.name.endswith(MIRRORED_PICTURE) or not clip.found.any():
            continue
        frames = np.flatnonzero(clip.found)
        after = clips[index + 1] if index + 1 < len(clips) else None
        flipped = after is not None and after.name == clip.name + MIRRORED_PICTURE
        mirrored = frames_of(after, frames) if after is not None and flipped else None
        cases.append(Case(frames_of(clip, frames), mirrored, body))
    return tuple(cases)


def load_cases(
    folder: Path, split: str, body: Body, shards: int | None, most: int
) -> tuple[Case, ...]:
    """At most `most` cases of one split, spread evenly over its first `shards` shards."""
    clips = [clip for path in shard_paths(folder, split)[:shards] for clip in load_shard(path)]
    return spread_out(paired(clips, body), most)


def spread_out(cases: Sequence[Case], most: int) -> tuple[Case, ...]:
    """At most so many, evenly over all of them."""
    if len(cases) <= most:
        return tuple(cases)
    chosen = np.linspace(0, len(cases) - 1, most).round().astype(int)
    return tuple(cases[index] for index in chosen)


def single_pictures(cases: Sequence[Case], every: int) -> tuple[Case, ...]:
    """Every so-manieth frame of each case as a case of its own, looked at twice as pictures are."""
    return tuple(
        replace(case_of_frames(case, np.array([frame])), twice=True)
        for case in cases
        for frame in range(0, len(case), every)
    )


def case_of_frames(case: Case, frames: Indices) -> Case:
    """Some frames of a case."""
    mirrored = None if case.mirrored is None else frames_of(case.mirrored, frames)
    return replace(case, clip=frames_of(case.clip, frames), mirrored=mirrored)


def frames_of(clip: PairClip, frames: Indices) -> PairClip:
    """Some frames of a clip."""
    names = [item.name for item in fields(clip) if item.name not in _PER_CLIP]
    return replace(clip, **{name: getattr(clip, name)[frames] for name in names})


def observations_of(
    clip: PairClip, mirrored: PairClip | None = None, *, turned: bool = False
) -> Observations:
    """What perception would hand to the pipeline; with the mirrored pictures, after two looks.

    The first look is completed by the second where both agree, or, `turned`, the other way round.
    """
    count = len(clip)
    keypoints, world = clip.keypoints.astype(float), clip.keypoints_world.astype(float)
    agreement = np.full((count, 33), np.nan)
    if mirrored is not None:
        both = mirrored.found[:, None]
        twice, twice_world, agreed = both_looks(clip, mirrored, turned=turned)
        keypoints = np.where(both[..., None], twice, keypoints)
        world = np.where(both[..., None], twice_world, world)
        agreement = np.where(both, agreed, np.nan)
    return Observations(
        frames=np.arange(count),
        seconds=clip.seconds.astype(float),
        intrinsics=np.tile(clip.intrinsics.astype(float), (count, 1)),
        bbox=clip.bbox.astype(float),
        region=clip.region.astype(float),
        track_confidence=np.ones(count),
        keypoints=keypoints,
        keypoints_world=world,
        agreement=agreement,
        image_feature=clip.image_feature.astype(np.float32),
    )


def true_rotations(case: Case) -> Floats:
    """(T, 24, 3, 3) the pelvis cam from body, others parent-relative."""
    return matrix_from_axis_angle(case.clip.poses.astype(float))


def true_joints(case: Case) -> Floats:
    """(T, 24, 3) metres from the pelvis, `cam`."""
    joints = case.clip.joints_cam.astype(float)
    return joints - joints[:, :1]
