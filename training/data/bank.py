"""The bank: simulated observations = exact projection + what the front end really got wrong.

Two uses. `perturb` takes a rendered record, turns its limbs a little and moves its observation by
the exact projected change. `simulate` puts any motion before any camera and adds the residual
*sequences* of the nearest rendered views, limb by limb. Both give `PairClip`s without a feature.

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
    rotation_about,
)
from fhmr_blender.core.skeleton import LIMB_LANDMARKS, LIMBS, forward_kinematics

from .cameras import random_camera_path
from .performances import Performance, scaled
from .sample import PairClip
from .upright import UprightView, screen_turned, upright_view, wrapped

SEGMENT = 8  # frames that take their residuals from one record
_FADE = 2  # frames over which one record's residuals give way to the next one's
_CHOICE = 6  # of this many nearest records one is taken
REACH = 1.5  # sides of the region from its centre, within which the landmark network answers
TORSO_LANDMARKS = (11, 12, 23, 24)
GROUPS: tuple[str, ...] = ("torso", *LIMBS)  # in the order of `UprightView.descriptors`
GROUP_LANDMARKS: dict[str, tuple[int, ...]] = {"torso": TORSO_LANDMARKS, **LIMB_LANDMARKS}

# Limb turns of a perturbation, radians (standard deviation about each axis), and of the trunk.
LIMB_TURN = 0.16
TRUNK_TURN = 0.05
ROOT_TURN = 0.06
BETAS_CHANGE = 0.35
# Toes and hands hardly turn in the recordings: turned, they would only teach what never happens.
_STIFF = (10, 11, 22, 23)
_MOVABLE = tuple(joint for joints in LIMBS.values() for joint in joints if joint not in _STIFF)
# The nearest landmark towards the trunk: a hidden landmark moves as that one does, because the
# front end guesses it from there.
_TOWARDS_TRUNK = {
    13: 11, 14: 12, 15: 13, 16: 14, 17: 15, 18: 16, 19: 15, 20: 16, 21: 15, 22: 16,
    25: 23, 26: 24, 27: 25, 28: 26, 29: 27, 30: 28, 31: 27, 32: 28,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Bank:
    """Residuals of M rendered frames in their upright cameras.

    2D residuals and regions are in units of the body's height in the picture, world residuals in
    metres of a body of `REFERENCE_STATURE`.
    """

    clip: Indices  # (M,) number of the clip
    plane: Floats  # (M, 33, 2) seen - true, upright axes
    depth: Floats  # (M, 33) seen - true z, over the body's height in pixels
    world: Floats  # (M, 33, 3) seen - true hip-centred landmarks, upright axes
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
            confidence="M 33 2",
            visible="M 33",
            region="M 4",
        )


def build_bank(clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration) -> Bank:
    """Take the residuals of every found frame of rendered clips."""
    parts: list[tuple[Floats, ...]] = []
    views: list[list[Floats]] = [[] for _ in GROUPS]
    for number, clip in enumerate(clips):
        if not clip.found.any():
            continue
        rotations = matrix_from_axis_angle(clip.poses.astype(float))
        truth = upright_view(
            rotations, clip.joints_cam.astype(float), clip.betas, clip.intrinsics, body, calibration
        )
        seen = clip.found
        for group, view in zip(views, truth.descriptors(), strict=True):
            group.append(view[seen])
        parts.append(
            (np.full(seen.sum(), number), *(part[seen] for part in _residuals(clip, truth)))
        )
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    clip_number, plane, depth, world, confidence, visible, region = columns
    return Bank(
        clip=clip_number,
        plane=plane.astype(np.float32),
        depth=depth.astype(np.float32),
        world=world.astype(np.float32),
        confidence=confidence.astype(np.float32),
        visible=visible,
        region=region.astype(np.float32),
        trees=tuple(cKDTree(np.concatenate(group)) for group in views),
    )


def perturb(
    clip: PairClip, body: Body, calibration: LandmarkCalibration, rng: np.random.Generator
) -> PairClip:
    """A record whose body is turned a little, its observation moved by the projected change.

    Limbs, trunk, root and shape change, by an amount that drifts slowly over the clip. What was
    hidden moves as the nearest seen landmark towards the trunk does. The feature stays: it speaks
    of almost the same picture.
    """
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    count = len(rotations)
    sizes = np.zeros(24)
    sizes[list(_MOVABLE)] = LIMB_TURN * rng.uniform(0.3, 1.7)
    sizes[[3, 6, 9, 13, 14]] = TRUNK_TURN
    sizes[0] = ROOT_TURN
    turns = _drift(rng, clip.seconds, 24 * 3).reshape(count, 24, 3) * sizes[:, None]
    changed = rotations @ matrix_from_axis_angle(turns)
    betas = clip.betas + rng.normal(0, BETAS_CHANGE, 10)
    _, relative = forward_kinematics(changed, body.rest_joints(betas))
    pelvis = clip.joints_cam[:, :1].astype(float)
    before = upright_view(
        rotations, clip.joints_cam.astype(float), clip.betas, clip.intrinsics, body, calibration
    )
    after = upright_view(changed, pelvis + relative, betas, clip.intrinsics, body, calibration)
    followed = _followed(clip.visible)  # (T, 33) index of the landmark whose move is taken

    def moved(difference: Floats) -> Floats:
        index = followed.reshape(count, 33, *(1,) * (difference.ndim - 2))
        move = np.take_along_axis(difference, index, axis=1)
        return np.where(clip.found.reshape(-1, *(1,) * (difference.ndim - 1)), move, 0.0)

    keypoints = clip.keypoints.astype(float)
    keypoints[..., :2] += moved(after.pixels - before.pixels)
    keypoints[clip.found, :, :2] = _within_reach(
        keypoints[clip.found, :, :2], clip.region[clip.found].astype(float)
    )
    keypoints[..., 2] += moved(after.hints - before.hints)
    return replace(
        clip,
        poses=axis_angle_from_matrix(changed).astype(np.float32),
        betas=betas.astype(np.float32),
        transl_cam=(pelvis[:, 0] - body.rest_joints(betas)[0]).astype(np.float32),
        joints_cam=after.joints.astype(np.float32),
        keypoints=keypoints.astype(np.float32),
        keypoints_world=(clip.keypoints_world + moved(after.world - before.world)).astype(
            np.float32
        ),
    )


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
    records = _matched(bank, truth, rng)
    keypoints, world, region, visible = _observed(bank, records, truth)
    size = np.array(path.size)
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


def _residuals(clip: PairClip, truth: UprightView) -> tuple[Floats, ...]:
    """What the front end got wrong: the arrays of `Bank` after `clip`, for all frames."""
    scale = truth.height[:, None]
    plane = screen_turned(clip.keypoints[..., :2] - truth.pixels, -truth.roll) / scale[..., None]
    depth = (clip.keypoints[..., 2] - truth.hints) / scale
    flat = rotation_about(2, -truth.roll)
    world = np.einsum("tij,tnj->tni", flat, clip.keypoints_world - truth.world)
    centre = clip.region[:, None, :2] - project(truth.joints[:, :1], truth.intrinsics)
    region = np.concatenate(
        (
            screen_turned(centre, -truth.roll)[:, 0] / scale,
            np.log(clip.region[:, 2:3] / scale),
            wrapped(clip.region[:, 3:] - truth.roll[:, None]),
        ),
        axis=1,
    )
    return plane, depth, world, clip.keypoints[..., 3:], clip.visible, region


def _matched(bank: Bank, truth: UprightView, rng: np.random.Generator) -> Indices:
    """Records (T, G): for every frame and group the bank's frame whose residual it takes."""
    count = len(truth.joints)
    starts = np.arange(0, count, SEGMENT)
    middles = np.minimum(starts + SEGMENT // 2, count - 1)
    records = np.empty((count, len(GROUPS)), dtype=int)
    segment = np.arange(count) // SEGMENT
    offset = np.arange(count) - middles[segment]
    for group, (tree, view) in enumerate(zip(bank.trees, truth.descriptors(), strict=True)):
        choice = min(_CHOICE, tree.n)
        _, nearest = tree.query(view[middles], k=choice)
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
    world = truth.world + np.einsum("tij,tnj->tni", flat, residual)
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
    pixels = _within_reach(pixels, region)
    keypoints = np.concatenate((pixels, depth[..., None], confidence), axis=-1)
    return keypoints, world, region, bank.visible[chosen, landmark]


def _within_reach(pixels: Floats, region: Floats) -> Floats:
    """Pixels (T, 33, 2) at most `REACH` sides from the region's centre.

    The landmark network never says more; projections of what is next to the lens do.
    """
    away = pixels - region[:, None, :2]
    length = np.linalg.norm(away, axis=-1, keepdims=True)
    return region[:, None, :2] + away * np.minimum(
        1.0, REACH * region[:, None, 2:3] / np.maximum(length, 1e-9)
    )


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


def _followed(visible: Bools) -> Indices:
    """(T, 33) for every landmark itself if it is seen, else the nearest seen one trunkwards."""
    followed = np.broadcast_to(np.arange(33), visible.shape).copy()
    for landmark, inner in _TOWARDS_TRUNK.items():  # from the trunk outwards
        hidden = ~visible[:, landmark]
        followed[hidden, landmark] = followed[hidden, inner]
    return followed


def _drift(rng: np.random.Generator, seconds: Floats, channels: int) -> Floats:
    """Slow noise (T, channels) of unit deviation: a constant and a sine of up to 1 Hz."""
    constant = rng.normal(0, 0.85, channels)
    wave = rng.normal(0, 0.75, channels)
    frequency = rng.uniform(0.1, 1.0, channels)
    phase = rng.uniform(0, 2 * np.pi, channels)
    return constant + wave * np.sin(2 * np.pi * frequency * seconds[:, None] + phase)
