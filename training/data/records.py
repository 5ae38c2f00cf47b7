"""Records: what the front end really got wrong in rendered frames, and on what truth.

They live in the upright camera, where picture place, focal length and roll are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

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
from fhmr_blender.core.skeleton import LIMB_LANDMARKS, LIMBS, MAIN_LANDMARKS

from .sample import PairClip
from .upright import UprightView, screen_turned, upright_view, wrapped

_INSIDE_WEIGHT = 0.3  # statures of a limb's places that all of it inside or outside weighs
_SPEED_WEIGHT = 0.1  # statures of its places that e times the speed weighs
_SCALES = (0.5, 2.0)  # of what is seen against what is true
TORSO_LANDMARKS = (11, 12, 23, 24)
GROUPS: tuple[str, ...] = ("torso", *LIMBS)  # in the order of `UprightView.descriptors`
GROUP_LANDMARKS: dict[str, tuple[int, ...]] = {"torso": TORSO_LANDMARKS, **LIMB_LANDMARKS}


@dataclass(frozen=True, eq=False)
class Records:
    """M rendered frames in their upright cameras; all float32.

    What lies in the picture is in units of the body's height there, world landmarks in metres of a
    body of `REFERENCE_STATURE`.
    """

    clip: Indices  # (M,) number of the clip
    plane: Floats  # (M, 33, 2) seen - true
    depth: Floats  # (M, 33) seen - true z
    world: Floats  # (M, 33, 3) seen, `rigid` undone - true hip-centred landmarks
    rigid: Floats  # (M, 4) axis-angle and log scale that the seen world landmarks have in common
    true_plane: Floats  # (M, 33, 2) from the pelvis
    true_depth: Floats  # (M, 33)
    true_world: Floats  # (M, 33, 3)
    confidence: Floats  # (M, 33, 2) visibility, presence
    visible: Bools  # (M, 33) true visibility
    region: Floats  # (M, 4) centre from the pelvis (2), log side, roll
    views: tuple[Floats, ...]  # one a group, (M, D): near if seen alike

    def __post_init__(self) -> None:
        check_shapes(
            self,
            clip="M",
            plane="M 33 2",
            depth="M 33",
            world="M 33 3",
            rigid="M 4",
            true_plane="M 33 2",
            true_depth="M 33",
            true_world="M 33 3",
            confidence="M 33 2",
            visible="M 33",
            region="M 4",
        )


def measure_records(
    clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration
) -> Records:
    """Every found frame of rendered clips.

    Raises:
        ValueError: There are no clips.
    """
    return joined_records([_records(clip, body, calibration) for clip in clips])


def joined_records(parts: Sequence[Records]) -> Records:
    """Several clips' records as one, their clips numbered on.

    Raises:
        ValueError: There are none.
    """
    offsets = np.cumsum([0, *(part.clip.max(initial=-1) + 1 for part in parts)])
    columns = {
        item.name: np.concatenate([getattr(part, item.name) for part in parts])
        for item in fields(Records)
        if item.name not in ("clip", "views")
    }
    return Records(
        clip=np.concatenate(
            [part.clip + offset for part, offset in zip(parts, offsets, strict=False)]
        ),
        views=tuple(
            np.concatenate([part.views[group] for part in parts]) for group in range(len(GROUPS))
        ),
        **columns,
    )


def _records(clip: PairClip, body: Body, calibration: LandmarkCalibration) -> Records:
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    truth = upright_view(
        rotations, clip.joints_cam.astype(float), clip.betas, clip.intrinsics, body, calibration
    )
    scale = truth.height[:, None]
    true_plane = true_places(truth)
    pelvis = project(truth.joints[:, :1], truth.intrinsics)
    seen_plane = screen_turned(clip.keypoints[..., :2] - pelvis, -truth.roll) / scale[..., None]
    true_depth = truth.hints / scale
    flat = rotation_about(2, -truth.roll)
    seen_world = np.einsum("tij,tnj->tni", flat, clip.keypoints_world.astype(float))
    true_world = true_shape(truth)
    turn, scale_log = _common(seen_world, true_world)
    undone = np.einsum("tji,tnj->tni", turn, seen_world) * np.exp(-scale_log)[:, None, None]
    centre = clip.region[:, None, :2] - pelvis
    region = np.concatenate(
        (
            screen_turned(centre, -truth.roll)[:, 0] / scale,
            np.log(clip.region[:, 2:3] / scale),
            wrapped(clip.region[:, 3:] - truth.roll[:, None]),
        ),
        axis=1,
    )
    seen = clip.found

    def kept(values: Floats) -> Floats:
        return values[seen].astype(np.float32)

    return Records(
        clip=np.zeros(seen.sum(), dtype=int),
        plane=kept(seen_plane - true_plane),
        depth=kept(clip.keypoints[..., 2] / scale - true_depth),
        world=kept(undone - true_world),
        rigid=kept(np.concatenate((axis_angle_from_matrix(turn), scale_log[:, None]), axis=1)),
        true_plane=kept(true_plane),
        true_depth=kept(true_depth),
        true_world=kept(true_world),
        confidence=kept(clip.keypoints[..., 3:]),
        visible=clip.visible[seen],
        region=kept(region),
        views=tuple(kept(view) for view in group_views(truth, clip.size, clip.seconds)),
    )


def true_places(truth: UprightView) -> Floats:
    """(T, 33, 2) where the landmarks are in the picture: from the pelvis, upright, in heights."""
    pelvis = project(truth.joints[:, :1], truth.intrinsics)
    turned = screen_turned(truth.pixels - pelvis, -truth.roll)
    return turned / truth.height[:, None, None]


def true_shape(truth: UprightView) -> Floats:
    """(T, 33, 3) the world landmarks that the front end should give, upright, metres."""
    return np.einsum("tij,tnj->tni", rotation_about(2, -truth.roll), truth.world)


def group_views(truth: UprightView, size: Floats, seconds: Floats) -> list[Floats]:
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
