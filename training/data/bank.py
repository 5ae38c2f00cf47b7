"""The bank: simulated observations = exact projection + what the front end really got wrong.

`simulate` puts any motion before any camera and adds the residual *sequences* of the nearest
rendered views, limb by limb: near are those with the limb and the trunk seen alike, as much of
them inside the picture, moving as fast.

Residuals live in the upright camera, where picture place, focal length and roll are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from fhmr_blender.core.arrays import Bools, Floats, Indices, check_shapes
from fhmr_blender.core.body import Body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    nearest_rotation,
    rotation_about,
)
from fhmr_blender.core.skeleton import (
    LIMB_LANDMARKS,
    LIMBS,
    MAIN_LANDMARKS,
    forward_kinematics,
)

from .cameras import random_camera_path
from .performances import Performance, scaled
from .perturbation import within_reach
from .sample import PairClip
from .upright import UprightView, screen_turned, upright_view, wrapped

SEGMENT = 8  # frames that take their residuals from one record
_FADE = 2  # frames over which one record's residuals give way to the next one's
_CHOICE = 6  # of this many nearest records one is taken
_INEXACT = 0.5  # a near record may be this much farther than the nearest; ten times as fast
_INSIDE_WEIGHT = 0.3  # statures of a limb's places that all of it inside or outside weighs
_SPEED_WEIGHT = 0.1  # statures of its places that e times the speed weighs
_SCALES = (0.5, 2.0)  # of what is seen against what is true
TORSO_LANDMARKS = (11, 12, 23, 24)
GROUPS: tuple[str, ...] = ("torso", *LIMBS)  # in the order of `UprightView.descriptors`
GROUP_LANDMARKS: dict[str, tuple[int, ...]] = {"torso": TORSO_LANDMARKS, **LIMB_LANDMARKS}


@dataclass(frozen=True, eq=False)
class Bank:
    """Residuals of M rendered frames in their upright cameras.

    2D residuals and regions are in units of the body's height in the picture, world residuals in
    metres of a body of `REFERENCE_STATURE`.
    """

    clip: Indices  # (M,) number of the clip
    plane: Floats  # (M, 33, 2) seen - true, upright axes
    depth: Floats  # (M, 33) seen - true z, over the body's height in pixels
    world: Floats  # (M, 33, 3) seen, `rigid` undone - true hip-centred landmarks, upright axes
    rigid: Floats  # (M, 4) axis-angle and log scale that the seen world landmarks have in common
    confidence: Floats  # (M, 33, 2) visibility, presence
    visible: Bools  # (M, 33) true visibility
    region: Floats  # (M, 4) centre from the pelvis (2), log side, roll
    trees: tuple[cKDTree, ...]  # one a group, over all frames

    def __post_init__(self) -> None:
        check_shapes(
            self,
            clip="M",
            plane="M 33 2",
            depth="M 33",
            world="M 33 3",
            rigid="M 4",
            confidence="M 33 2",
            visible="M 33",
            region="M 4",
        )


@dataclass(frozen=True, eq=False)
class Residuals:
    """A bank's arrays for some clips, and where they stand in its trees."""

    clip: Indices  # (M,) number of the clip among these
    plane: Floats
    depth: Floats
    world: Floats
    rigid: Floats
    confidence: Floats
    visible: Bools
    region: Floats
    views: tuple[Floats, ...]  # one a group, (M, D)


def measure_residuals(
    clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration
) -> Residuals:
    """Take the residuals of every found frame of rendered clips."""
    parts: list[tuple[Floats, ...]] = []
    views: list[list[Floats]] = [[] for _ in GROUPS]
    for number, clip in enumerate(clips):
        rotations = matrix_from_axis_angle(clip.poses.astype(float))
        truth = upright_view(
            rotations, clip.joints_cam.astype(float), clip.betas, clip.intrinsics, body, calibration
        )
        seen = clip.found
        for group, view in zip(views, _views(truth, clip.size, clip.seconds), strict=True):
            group.append(view[seen].astype(np.float32))
        parts.append(
            (np.full(seen.sum(), number), *(part[seen] for part in _residuals(clip, truth)))
        )
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    clip_number, plane, depth, world, rigid, confidence, visible, region = columns
    return Residuals(
        clip=clip_number,
        plane=plane.astype(np.float32),
        depth=depth.astype(np.float32),
        world=world.astype(np.float32),
        rigid=rigid.astype(np.float32),
        confidence=confidence.astype(np.float32),
        visible=visible,
        region=region.astype(np.float32),
        views=tuple(np.concatenate(group) for group in views),
    )


def joined_bank(parts: Sequence[Residuals]) -> Bank:
    """One bank of several clips' residuals."""
    offsets = np.cumsum([0, *(part.clip.max(initial=-1) + 1 for part in parts)])
    numbers = [part.clip + offset for part, offset in zip(parts, offsets, strict=False)]
    names = ("plane", "depth", "world", "rigid", "confidence", "visible", "region")
    return Bank(
        clip=np.concatenate(numbers),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
        trees=tuple(
            cKDTree(np.concatenate([part.views[group] for part in parts]))
            for group in range(len(GROUPS))
        ),
    )


def build_bank(clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration) -> Bank:
    """A bank of rendered clips."""
    return joined_bank([measure_residuals(clips, body, calibration)])


def simulate(
    performance: Performance,
    bank: Bank,
    body: Body,
    calibration: LandmarkCalibration,
    rng: np.random.Generator,
    *,
    split: str = "train",
) -> PairClip:
    """Put a performance before a random camera and let the bank say what the front end sees."""
    betas = np.clip(rng.normal(0, 1, 10), -2.5, 2.5)
    stature = float(body.stature(betas))
    performance = scaled(performance, stature / float(body.stature(np.zeros(10))))
    path = random_camera_path(rng, performance.pelvis, stature, performance.seconds)
    rotations = performance.rotations.copy()
    rotations[:, 0] = np.swapaxes(path.R_world_from_cam, -1, -2) @ rotations[:, 0]
    pelvis = path.to_cam(performance.pelvis[:, None])
    rest = body.rest_joints(betas)
    _, relative = forward_kinematics(rotations, rest)
    truth = upright_view(rotations, pelvis + relative, betas, path.intrinsics, body, calibration)
    size = np.array(path.size)
    records = _matched(bank, _views(truth, size, performance.seconds), rng)
    keypoints, world, region, visible = _observed(bank, records, truth)
    inside = (truth.pixels >= 0).all(axis=-1) & (truth.pixels < size).all(axis=-1)
    bbox = np.concatenate((truth.pixels.min(axis=1), truth.pixels.max(axis=1)), axis=1)
    return PairClip(
        name=performance.name,
        source="bank",
        split=split,
        seconds=performance.seconds - performance.seconds[0],
        size=size,
        intrinsics=path.intrinsics,
        R_world_from_cam=path.R_world_from_cam,
        camera_position=path.position,
        poses=axis_angle_from_matrix(rotations),
        betas=betas,
        transl_cam=pelvis[:, 0] - rest[0],
        joints_cam=truth.joints,
        contacts=performance.contacts,
        visible=visible & inside,
        found=inside[:, [11, 12, 23, 24]].sum(axis=1) >= 1,
        region=region,
        bbox=np.clip(bbox, 0, np.tile(size, 2)),
        keypoints=keypoints,
        keypoints_world=world,
        image_feature=np.full((len(pelvis), 288), np.nan, dtype=np.float16),
    )


def resimulated(
    clip: PairClip,
    bank: Bank,
    body: Body,
    calibration: LandmarkCalibration,
    rng: np.random.Generator,
) -> PairClip:
    """A rendered clip as the bank sees it: the same truth, other errors. To compare the two."""
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    truth = upright_view(
        rotations, clip.joints_cam.astype(float), clip.betas, clip.intrinsics, body, calibration
    )
    records = _matched(bank, _views(truth, clip.size, clip.seconds), rng)
    keypoints, world, region, visible = _observed(bank, records, truth)
    return replace(clip, keypoints=keypoints, keypoints_world=world, region=region, visible=visible)


def _residuals(clip: PairClip, truth: UprightView) -> tuple[Floats, ...]:
    """What the front end got wrong: the arrays of `Bank` after `clip`, for all frames."""
    scale = truth.height[:, None]
    plane = screen_turned(clip.keypoints[..., :2] - truth.pixels, -truth.roll) / scale[..., None]
    depth = (clip.keypoints[..., 2] - truth.hints) / scale
    flat = rotation_about(2, -truth.roll)
    seen = np.einsum("tij,tnj->tni", flat, clip.keypoints_world.astype(float))
    true = np.einsum("tij,tnj->tni", flat, truth.world)
    turn, scale_log = _common(seen, true)
    undone = np.einsum("tji,tnj->tni", turn, seen) * np.exp(-scale_log)[:, None, None]
    rigid = np.concatenate((axis_angle_from_matrix(turn), scale_log[:, None]), axis=1)
    world = undone - true
    centre = clip.region[:, None, :2] - project(truth.joints[:, :1], truth.intrinsics)
    region = np.concatenate(
        (
            screen_turned(centre, -truth.roll)[:, 0] / scale,
            np.log(clip.region[:, 2:3] / scale),
            wrapped(clip.region[:, 3:] - truth.roll[:, None]),
        ),
        axis=1,
    )
    return plane, depth, world, rigid, clip.keypoints[..., 3:], clip.visible, region


def _common(seen: Floats, true: Floats) -> tuple[Floats, Floats]:
    """The turn (T, 3, 3) and log scale (T,) that bring true points (T, 33, 3) nearest to seen ones.

    Source: Umeyama, 1991, without its translation: both are centred on the hips.
    """
    main = list(MAIN_LANDMARKS)
    covariance = np.einsum("tni,tnj->tij", seen[:, main], true[:, main])
    turn = nearest_rotation(covariance)
    size = np.sum(true[:, main] ** 2, axis=(1, 2))
    scale = np.einsum("tij,tij->t", turn, covariance) / np.maximum(size, 1e-9)
    return turn, np.log(np.clip(scale, *_SCALES))


def _views(truth: UprightView, size: Floats, seconds: Floats) -> list[Floats]:
    """What is matched, (T, D) a group: how it is seen, how much of it is inside, how it moves."""
    pixels = truth.pixels
    inside = ((pixels >= 0) & (pixels < size)).all(axis=-1)
    speed = np.zeros(inside.shape)
    if len(seconds) > 1:
        speed = np.linalg.norm(np.gradient(truth.upright, seconds, axis=0), axis=-1)
    trunk = inside[:, list(TORSO_LANDMARKS)].mean(axis=1)
    views: list[Floats] = []
    for landmarks, view in zip(GROUP_LANDMARKS.values(), truth.descriptors(), strict=True):
        columns = (
            _INSIDE_WEIGHT * inside[:, list(landmarks)].mean(axis=1),
            0.5 * _INSIDE_WEIGHT * trunk,
            _SPEED_WEIGHT * np.log1p(speed[:, list(landmarks)].mean(axis=1)),
        )
        views.append(np.concatenate((view, np.stack(columns, axis=1)), axis=1))
    return views


def _matched(bank: Bank, views: Sequence[Floats], rng: np.random.Generator) -> Indices:
    """Records (T, G): for every frame and group the bank's frame whose residual it takes."""
    count = len(views[0])
    starts = np.arange(0, count, SEGMENT)
    middles = np.minimum(starts + SEGMENT // 2, count - 1)
    records = np.empty((count, len(GROUPS)), dtype=int)
    segment = np.arange(count) // SEGMENT
    offset = np.arange(count) - middles[segment]
    for group, (tree, view) in enumerate(zip(bank.trees, views, strict=True)):
        choice = min(_CHOICE, tree.n)
        _, nearest = tree.query(view[middles], k=choice, eps=_INEXACT)
        nearest = np.asarray(nearest).reshape(len(middles), choice)
        centre = nearest[np.arange(len(middles)), rng.integers(choice, size=len(middles))]
        # Walk along the record's own clip; at its ends turn back, so that the sequence goes on.
        first = np.searchsorted(bank.clip, bank.clip[centre], side="left")
        last = np.searchsorted(bank.clip, bank.clip[centre], side="right") - 1
        wanted = centre[segment] + offset
        low, high = first[segment], last[segment]
        wanted = np.where(wanted < low, 2 * low - wanted, wanted)
        wanted = np.where(wanted > high, 2 * high - wanted, wanted)
        records[:, group] = np.clip(wanted, low, high)
    return records


def _observed(
    bank: Bank, records: Indices, truth: UprightView
) -> tuple[Floats, Floats, Floats, Bools]:
    """Keypoints (T, 33, 5), world (T, 33, 3), region (T, 4) and visibility from matched records."""
    group_of = np.zeros(33, dtype=int)
    for group, name in enumerate(GROUPS):
        group_of[list(GROUP_LANDMARKS[name])] = group
    chosen = records[:, group_of]  # (T, 33)
    landmark = np.arange(33)
    scale = truth.height[:, None]
    plane = _faded(bank.plane[chosen, landmark].astype(float))
    pixels = truth.pixels + screen_turned(plane, truth.roll) * scale[..., None]
    depth = truth.hints + _faded(bank.depth[chosen, landmark].astype(float)) * scale
    flat = rotation_about(2, truth.roll)
    residual = _faded(bank.world[chosen, landmark].astype(float))
    true = np.einsum("tji,tnj->tni", flat, truth.world)
    # What is wrong with the whole body comes from one record: limbs that are each turned by
    # another's error would lie worse to each other than the front end ever says.
    rigid = _faded(bank.rigid[records[:, 0]].astype(float))
    turn = flat @ matrix_from_axis_angle(rigid[:, :3]) * np.exp(rigid[:, 3:, None])
    world = np.einsum("tij,tnj->tni", turn, true + residual)
    confidence = _faded(bank.confidence[chosen, landmark].astype(float))
    relative = _faded(bank.region[records[:, 0]].astype(float))
    centre = project(truth.joints[:, :1], truth.intrinsics)
    centre = centre + screen_turned(relative[:, None, :2], truth.roll) * scale[..., None]
    region = np.concatenate(
        (
            centre[:, 0],
            np.exp(relative[:, 2:3]) * scale,
            wrapped(relative[:, 3:] + truth.roll[:, None]),
        ),
        axis=1,
    )
    pixels = within_reach(pixels, region)
    keypoints = np.concatenate((pixels, depth[..., None], confidence), axis=-1)
    return keypoints, world, region, bank.visible[chosen, landmark]


def _faded(values: Floats) -> Floats:
    """Values (T, ...) with the seams between segments smoothed over a few frames."""
    if len(values) <= SEGMENT:
        return values
    out = values.copy()
    for seam in range(SEGMENT, len(values), SEGMENT):
        low, high = max(seam - _FADE, 0), min(seam + _FADE, len(values))
        share = (np.arange(low, high) - low + 0.5) / (high - low)
        share = share.reshape(-1, *(1,) * (values.ndim - 1))
        jump = values[seam] - values[seam - 1]
        after = np.arange(low, high).reshape(share.shape) >= seam
        out[low:high] = values[low:high] + jump * np.where(after, share - 1.0, share)
    return out
