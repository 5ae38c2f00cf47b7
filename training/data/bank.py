"""The bank: simulated observations = exact projection + what the front end really got wrong.

`simulate` puts any motion before any camera and lets the nearest rendered views say, as
*sequences*, what the front end makes of it: near are those with the limb and the trunk seen alike,
as much of them inside the picture, moving as fast. Half of the time each limb has its own record,
else all limbs have one: the front end often loses a whole body at once. Where record and motion
differ, the record's answer moves as far as the front end would follow (`following`).

Residuals live in the upright camera, where picture place, focal length and roll are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.body import Body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    rotation_about,
)
from fhmr_blender.core.skeleton import MAIN_LANDMARKS, forward_kinematics

from .cameras import random_camera_path
from .following import followed_shares
from .performances import Performance, scaled
from .perturbation import within_reach
from .records import (
    GROUP_LANDMARKS,
    GROUPS,
    Records,
    group_views,
    joined_records,
    measure_records,
    true_places,
    true_shape,
)
from .sample import PairClip
from .upright import UprightView, screen_turned, upright_view, wrapped

SEGMENT = 8  # frames that take their errors from one record
_FADE = 2  # frames over which one record's errors give way to the next one's
_CHOICE = 6  # of this many nearest records one is taken
_INEXACT = 0.5  # a near record may be this much farther than the nearest; ten times as fast
_EXACT = 0.005  # heights in the picture: what is better than this counts as good
# Rare poses find their nearest records among common ones, which the front end sees better; so of
# the near ones one is taken by its error to this power.
_SEVERITY = 0.5
_TOGETHER = 0.75  # of the segments take all limbs from one record,
_TOGETHER_AMONG = 64  # out of so many with the nearest trunk one of those with the nearest limbs


@dataclass(frozen=True, eq=False)
class Bank:
    """Records of rendered frames, to be found by how a group of landmarks is seen."""

    records: Records
    trees: tuple[cKDTree, ...]  # one a group, over all frames
    severity: Floats  # (G + 1, M) median 2D error of a group's landmarks; last: of the main ones


def joined_bank(parts: Sequence[Records]) -> Bank:
    """One bank of several clips' records."""
    records = joined_records(parts)
    error = np.linalg.norm(records.plane, axis=-1)
    judged = (*GROUP_LANDMARKS.values(), MAIN_LANDMARKS)
    return Bank(
        records=records,
        trees=tuple(cKDTree(view) for view in records.views),
        severity=_EXACT + np.stack([np.median(error[:, list(some)], axis=1) for some in judged]),
    )


def build_bank(clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration) -> Bank:
    """A bank of rendered clips."""
    return joined_bank([measure_records(clips, body, calibration)])


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
    records = _matched(bank, group_views(truth, size, performance.seconds), rng)
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
    records = _matched(bank, group_views(truth, clip.size, clip.seconds), rng)
    keypoints, world, region, visible = _observed(bank, records, truth)
    return replace(clip, keypoints=keypoints, keypoints_world=world, region=region, visible=visible)


def _matched(bank: Bank, views: Sequence[Floats], rng: np.random.Generator) -> Indices:
    """Records (T, G): for every frame and group the bank's frame that says what is seen."""
    count = len(views[0])
    starts = np.arange(0, count, SEGMENT)
    middles = np.minimum(starts + SEGMENT // 2, count - 1)
    together = rng.random(len(middles)) < _TOGETHER
    whole = _nearest_bodies(bank, [view[middles] for view in views], rng)
    found = np.empty((count, len(GROUPS)), dtype=int)
    segment = np.arange(count) // SEGMENT
    offset = np.arange(count) - middles[segment]
    clip = bank.records.clip
    for group, (tree, view) in enumerate(zip(bank.trees, views, strict=True)):
        choice = min(_CHOICE, tree.n)
        _, nearest = tree.query(view[middles], k=choice, eps=_INEXACT)
        nearest = np.asarray(nearest).reshape(len(middles), choice)
        centre = _harder(nearest, bank.severity[group], rng)
        centre = np.where(together, whole, centre)
        # Walk along the record's own clip; at its ends turn back, so that the sequence goes on.
        first = np.searchsorted(clip, clip[centre], side="left")
        last = np.searchsorted(clip, clip[centre], side="right") - 1
        wanted = centre[segment] + offset
        low, high = first[segment], last[segment]
        wanted = np.where(wanted < low, 2 * low - wanted, wanted)
        wanted = np.where(wanted > high, 2 * high - wanted, wanted)
        found[:, group] = np.clip(wanted, low, high)
    return found


def _nearest_bodies(bank: Bank, views: Sequence[Floats], rng: np.random.Generator) -> Indices:
    """For views (S, D) of every group one record (S,) that is near in all of them."""
    among = min(_TOGETHER_AMONG, bank.trees[0].n)
    _, near = bank.trees[0].query(views[0], k=among, eps=_INEXACT)
    near = np.asarray(near).reshape(len(views[0]), among)
    away = np.zeros(near.shape)
    for known, view in zip(bank.records.views, views, strict=True):
        away += np.sum((known[near] - view[:, None]) ** 2, axis=-1)
    choice = min(_CHOICE, among)
    best = np.argpartition(away, choice - 1, axis=1)[:, :choice]
    return _harder(np.take_along_axis(near, best, axis=1), bank.severity[-1], rng)


def _harder(near: Indices, severity: Floats, rng: np.random.Generator) -> Indices:
    """One of each row of records (S, K), rather a bad one than a good one: (S,)."""
    weight = severity[near] ** _SEVERITY
    below = np.cumsum(weight, axis=1) / np.sum(weight, axis=1, keepdims=True)
    place = np.sum(below < rng.random((len(near), 1)), axis=1)
    return near[np.arange(len(near)), np.minimum(place, near.shape[1] - 1)]


def _observed(
    bank: Bank, found: Indices, truth: UprightView
) -> tuple[Floats, Floats, Floats, Bools]:
    """Keypoints (T, 33, 5), world (T, 33, 3), region (T, 4) and visibility from matched records."""
    records = bank.records
    group_of = np.zeros(33, dtype=int)
    for group, name in enumerate(GROUPS):
        group_of[list(GROUP_LANDMARKS[name])] = group
    chosen = found[:, group_of], np.arange(33)  # (T, 33) each
    whole = found[:, 0]
    scale = truth.height[:, None]
    visible = records.visible[chosen]
    shares = followed_shares(records.plane[chosen], visible)

    def error(name: str, true: Floats, share: Floats) -> Floats:
        """The record's, less what the front end does not follow of the way from its truth."""
        missed = (1.0 - share) * (true - getattr(records, f"true_{name}")[chosen])
        return _faded(getattr(records, name)[chosen] - missed)

    plane = error("plane", true_places(truth), shares.plane)
    pixels = truth.pixels + screen_turned(plane, truth.roll) * scale[..., None]
    depth = truth.hints + error("depth", truth.hints / scale, shares.depth) * scale
    shape = true_shape(truth)
    shape = shape + error("world", shape, shares.world)
    # What is wrong with the whole body comes from one record: limbs that are each turned by
    # another's error would lie worse to each other than the front end ever says.
    rigid = _faded(records.rigid[whole].astype(float))
    turn = rotation_about(2, truth.roll) @ matrix_from_axis_angle(rigid[:, :3])
    world = np.einsum("tij,tnj->tni", turn * np.exp(rigid[:, 3:, None]), shape)
    confidence = _faded(records.confidence[chosen].astype(float))
    relative = _faded(records.region[whole].astype(float))
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
    return keypoints, world, region, visible


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
