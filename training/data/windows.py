"""Pair clips -> batches of windows, in the person camera, with everything that training withholds.

Frames of all clips lie end to end in one store, so that a batch is a gather and the person camera
is worked out for all of its frames at once. Real outputs are never mirrored: the landmark network
is biased between left and right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import PersonCamera
from fhmr_blender.core.latent import heading_frame
from fhmr_blender.core.person_view import NetworkInputs, network_inputs
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import LIMB_LANDMARKS, forward_kinematics

from ..configuration import AugmentationSettings
from ..networks.blocks import ObservationTensors
from ..networks.body_layer import Shaped
from .sample import PairClip

DROP_LONGEST = 30  # frames for which a whole limb vanishes
DROPS_MOST = 3
_LIMB_LANDMARKS = tuple(np.array(landmarks) for landmarks in LIMB_LANDMARKS.values())


@dataclass(frozen=True, eq=False)
class FrameStore:
    """Frames of many clips end to end, F frames in C clips. Truth is in `cam`."""

    starts: Indices  # (C,) first frame of each clip
    lengths: Indices  # (C,)
    seconds: Floats  # (F,)
    intrinsics: Floats  # (F, 4)
    region: Floats  # (F, 4)
    keypoints: Floats  # (F, 33, 5)
    keypoints_world: Floats  # (F, 33, 3)
    image_feature: Floats  # (F, 288) float16
    found: Bools  # (F,)
    visible: Bools  # (F, 33)
    R_world_from_cam: Floats  # (F, 3, 3)
    rotations: Floats  # (F, 24, 3, 3) the pelvis cam from body
    joints: Floats  # (F, 24, 3) metres, relative to the pelvis
    pelvis: Floats  # (F, 3) metres
    landmarks: Floats  # (F, 33, 3) metres
    betas: Floats  # (F, 10)
    velocity: Floats  # (F, 3) of the root, heading frame, m/s
    velocity_known: Bools  # (F,)
    contacts: Bools  # (F, 6)

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, eq=False)
class Truth:
    """What the losses compare with, in the person camera; B windows of T frames."""

    rotations: Tensor  # (B, T, 24, 3, 3) the pelvis person from body
    joints: Tensor  # (B, T, 24, 3) metres, relative to the pelvis
    landmarks: Tensor  # (B, T, 33, 3) metres
    translation: Tensor  # (B, T, 3) as the networks say it
    betas: Tensor  # (B, 10)
    gravity: Tensor  # (B, T, 3)
    velocity: Tensor  # (B, T, 3) heading frame, m/s
    velocity_known: Tensor  # (B, T)
    contacts: Tensor  # (B, T, 6)
    visible: Tensor  # (B, T, 33)
    half_size: Tensor  # (B, T) of the region, tangent units
    R_world_from_person: Tensor  # (B, T, 3, 3)
    keypoints_world: Tensor  # (B, T, 33, 3) the landmark network's own 3D, person camera
    found: Tensor  # (B, T)


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's windows."""

    observed: ObservationTensors
    truth: Truth


def store_clips(
    clips: Sequence[PairClip], body: Shaped, calibration: LandmarkCalibration
) -> FrameStore:
    """Work out the truth of every clip once.

    Raises:
        ValueError: There are no clips.
    """
    if not clips:
        raise ValueError("there are no clips to train on")
    columns: dict[str, list[Floats | Bools]] = {}
    for clip in clips:
        for name, value in _clip_frames(clip, body, calibration).items():
            columns.setdefault(name, []).append(value)
    lengths = np.array([len(clip) for clip in clips])
    frames = {name: np.concatenate(parts) for name, parts in columns.items()}
    return FrameStore(starts=np.cumsum(lengths) - lengths, lengths=lengths, **frames)


def _clip_frames(
    clip: PairClip, body: Shaped, calibration: LandmarkCalibration
) -> dict[str, Floats | Bools]:
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    outer, joints = forward_kinematics(rotations, body.rest_joints(clip.betas.astype(float)))
    pelvis = clip.joints_cam[:, 0].astype(float)
    stature = float(body.stature(clip.betas.astype(float)))
    velocity, known = _root_velocity(clip, rotations[:, 0])
    count = len(clip)
    single = np.float32
    return {
        "seconds": clip.seconds.astype(float),
        "intrinsics": np.broadcast_to(clip.intrinsics, (count, 4)).astype(single),
        "region": clip.region.astype(single),
        "keypoints": clip.keypoints.astype(single),
        "keypoints_world": clip.keypoints_world.astype(single),
        "image_feature": clip.image_feature,
        "found": clip.found,
        "visible": clip.visible,
        "R_world_from_cam": clip.R_world_from_cam.astype(single),
        "rotations": rotations.astype(single),
        "joints": joints.astype(single),
        "pelvis": pelvis.astype(single),
        "landmarks": calibration.landmarks(outer, joints + pelvis[:, None], stature).astype(single),
        "betas": np.broadcast_to(clip.betas, (count, 10)).astype(single),
        "velocity": velocity.astype(single),
        "velocity_known": known,
        "contacts": clip.contacts,
    }


def _root_velocity(clip: PairClip, R_cam_from_body: Floats) -> tuple[Floats, Bools]:
    """The root's velocity (T, 3) in the heading frame, m/s, and where it is known.

    Backward differences; the first frame takes the second's. A single frame has none.
    """
    R_world_from_cam = clip.R_world_from_cam.astype(float)
    pelvis = np.einsum("tij,tj->ti", R_world_from_cam, clip.joints_cam[:, 0].astype(float))
    pelvis = pelvis + clip.camera_position
    world = np.zeros((len(clip), 3))
    if len(clip) > 1:
        step = np.maximum(np.diff(clip.seconds), 1e-3)[:, None]
        world[1:] = np.diff(pelvis, axis=0) / step
        world[0] = world[1]
    up = np.array([0.0, 0.0, 1.0])
    heading = heading_frame(R_world_from_cam @ R_cam_from_body, up)
    known = np.full(len(clip), len(clip) > 1)
    return np.einsum("tji,tj->ti", heading, world), known


def joined(stores: Sequence[FrameStore]) -> FrameStore:
    """Several stores as one."""
    offsets = np.cumsum([0, *(len(store.seconds) for store in stores)])
    values = {
        item.name: np.concatenate([getattr(store, item.name) for store in stores])
        for item in fields(FrameStore)
    }
    values["starts"] = np.concatenate(
        [store.starts + offset for store, offset in zip(stores, offsets, strict=False)]
    )
    return FrameStore(**values)


def draw_windows(
    store: FrameStore, settings: AugmentationSettings, frames: int, rng: np.random.Generator
) -> Indices:
    """Frame numbers (B, T) of a batch of about `frames` frames; all windows equally long.

    Windows skip 0, 1 or 2 frames of their clip between frames, so that time steps vary.
    """
    longest = int(min(settings.longest, store.lengths.max()))
    length = 1
    if longest > 1 and rng.random() >= settings.single_frames:
        length = int(rng.integers(2, longest + 1))
    step = int(rng.integers(1, 4))
    while (length - 1) * step + 1 > store.lengths.max():
        step -= 1
    extent = (length - 1) * step + 1
    possible = np.flatnonzero(store.lengths >= extent)
    chosen = rng.choice(possible, size=max(frames // length, 1))
    first = store.starts[chosen] + rng.integers(0, store.lengths[chosen] - extent + 1)
    return first[:, None] + step * np.arange(length)


def whole_clips(store: FrameStore, length: int) -> Indices:
    """The first `length` frames of every clip that has them, (B, T)."""
    starts = store.starts[store.lengths >= length]
    return starts[:, None] + np.arange(length)


def plain_batch(store: FrameStore, windows: Indices) -> Batch:
    """Windows as they were seen, nothing withheld."""
    return _batch(store, windows, store.region[windows].astype(float), store.keypoints[windows])


def training_batch(
    store: FrameStore, windows: Indices, settings: AugmentationSettings, rng: np.random.Generator
) -> Batch:
    """Windows with shaken regions, a little noise, and groups and landmarks withheld.

    The observation as a whole is not withheld here: stage 2 does that after stage 1 has seen it.
    """
    region = _shaken(store.region[windows].astype(float), settings.region, rng)
    keypoints = store.keypoints[windows].copy()
    noise = rng.normal(0, settings.noise, (*windows.shape, 33, 2))
    keypoints[..., :2] += noise * region[..., None, 2:3] / 2
    batch = _batch(store, windows, region, keypoints)
    return replace(batch, observed=_withheld(batch.observed, settings, rng))


def _shaken(region: Floats, size: float, rng: np.random.Generator) -> Floats:
    """Regions (B, T, 4) moved: most of it for the window, some of it for each frame."""
    windows, frames, _ = region.shape
    common = rng.normal(0, size, (windows, 1, 4))
    shake = common * rng.random((windows, 1, 1)) + rng.normal(0, 0.2 * size, (windows, frames, 4))
    side = region[..., 2:3]
    return np.concatenate(
        (
            region[..., :2] + shake[..., :2] * side,
            side * np.exp(shake[..., 2:3]),
            region[..., 3:] + shake[..., 3:],
        ),
        axis=-1,
    )


def _batch(store: FrameStore, windows: Indices, region: Floats, keypoints: Floats) -> Batch:
    """Everything in the person camera of `region` (B, T, 4)."""
    shape = windows.shape
    flat = windows.reshape(-1)
    R_world_from_cam = store.R_world_from_cam[flat]
    inputs, camera = network_inputs(
        seconds=store.seconds[flat],
        intrinsics=store.intrinsics[flat],
        region=region.reshape(-1, 4),
        keypoints=keypoints.reshape(-1, 33, 5),
        keypoints_world=store.keypoints_world[flat],
        image_feature=store.image_feature[flat].astype(np.float32),
        R_world_from_cam=R_world_from_cam,
    )
    given = inputs.given.copy()
    given[:, 0] = store.found[flat]
    given, motion = given.reshape(*shape, 5), inputs.camera_motion.reshape(*shape, 6).copy()
    given[:, 0, 4] = 0.0  # the flat array runs on from one window into the next
    motion[:, 0] = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    inputs = replace(inputs, given=given.reshape(-1, 5), camera_motion=motion.reshape(-1, 6))
    observed = ObservationTensors(
        **{item.name: _tensor(getattr(inputs, item.name), shape) for item in fields(NetworkInputs)}
    )
    truth = _truth(store, flat, camera, inputs.landmarks_world)
    return Batch(
        observed=observed,
        truth=Truth(
            betas=_tensor(store.betas[windows[:, 0]], (len(windows),)),
            **{name: _tensor(value, shape) for name, value in truth.items()},
        ),
    )


def _truth(
    store: FrameStore, flat: Indices, camera: PersonCamera, keypoints_world: Floats
) -> dict[str, Floats | Bools]:
    """The truth of frames in their person cameras, without the betas."""
    R_cam_from_person = camera.R_cam_from_person
    R_person_from_cam = np.swapaxes(R_cam_from_person, -1, -2)
    rotations = store.rotations[flat].copy()
    rotations[:, 0] = R_person_from_cam @ rotations[:, 0]
    pelvis = np.einsum("tij,tj->ti", R_person_from_cam, store.pelvis[flat])
    depth = np.maximum(pelvis[:, 2:], 1e-3)
    size = camera.half_size[:, None]
    R_world_from_person = store.R_world_from_cam[flat] @ R_cam_from_person
    return {
        "rotations": rotations,
        "joints": np.einsum("tij,tnj->tni", R_person_from_cam, store.joints[flat]),
        "landmarks": np.einsum("tij,tnj->tni", R_person_from_cam, store.landmarks[flat]),
        "translation": np.concatenate((pelvis[:, :2] / depth / size, np.log(depth * size)), axis=1),
        "gravity": -R_world_from_person[:, 2],
        "velocity": store.velocity[flat],
        "velocity_known": store.velocity_known[flat],
        "contacts": store.contacts[flat],
        "visible": store.visible[flat],
        "half_size": camera.half_size,
        "R_world_from_person": R_world_from_person,
        "keypoints_world": keypoints_world,
        "found": store.found[flat],
    }


def _withheld(
    observed: ObservationTensors, settings: AugmentationSettings, rng: np.random.Generator
) -> ObservationTensors:
    windows, frames = observed.seconds.shape
    landmark_given = rng.random((windows, frames, 33)) >= settings.landmark
    # Half of the withheld landmarks flicker, the other half stay away for the whole window.
    landmark_given &= rng.random((windows, 1, 33)) >= settings.landmark
    for window in np.flatnonzero(rng.random(windows) < settings.limb_clips):
        for _ in range(rng.integers(1, DROPS_MOST + 1)):
            limb = _LIMB_LANDMARKS[rng.integers(len(_LIMB_LANDMARKS))]
            length = int(rng.integers(1, DROP_LONGEST + 1))
            first = int(rng.integers(1 - length, frames))
            landmark_given[window, max(first, 0) : first + length, limb] = False
    kept = np.ones((windows, frames, 5), dtype=bool)
    kept[..., 0] = rng.random((windows, frames)) >= settings.frame * (frames > 1)
    shares = (settings.depth, settings.world, settings.feature, settings.motion)
    for column, share in enumerate(shares, start=1):
        kept[..., column] = rng.random((windows, 1)) >= share
    return replace(
        observed,
        landmark_given=observed.landmark_given * _tensor(landmark_given, (windows, frames)),
        given=observed.given * _tensor(kept, (windows, frames)),
    )


def _tensor(values: Floats | Bools, leading: tuple[int, ...]) -> Tensor:
    """(prod(leading), ...) or (*leading, ...) -> (*leading, ...) float32."""
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.shape[: len(leading)] != leading:
        array = array.reshape(*leading, *array.shape[1:])
    return torch.from_numpy(array)
