"""Which array of `shot.npz` holds what: a shot as named arrays and back."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats, Indices
from .motion import Anchor, LimbSamples, Motion, Observations, Person, Shot
from .rotations import matrix_from_axis_angle

FORMAT = "fhmr-shot"
VERSION = 1

Array = NDArray[Any]

_EDITS = ("pins", "keypoint_edits", "contact_edits", "favourites")
_PEOPLE_MAX = 10_000
_NEAR_HALF_TURN = math.pi - 1e-6
_KEPT_FROM_HALF_TURN = math.pi - 2e-6


class InvalidShotError(ValueError):
    """Arrays that are no shot; says which and why."""


def arrays_of(shot: Shot) -> dict[str, Array]:
    """A shot as the arrays of version 1."""
    arrays: dict[str, Array] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "source": np.array(shot.source),
        "source_sha256": np.array(shot.source_sha256),
        "size": np.array(shot.size, dtype=np.int64),
        "fps": np.array(shot.fps, dtype=np.float64),
        "frames": shot.frames.astype(np.int64),
        "intrinsics": shot.intrinsics.astype(np.float64),
        "T_world_from_cam": shot.T_world_from_cam.astype(np.float64),
        "settings": np.array(json.dumps(dict(shot.settings), sort_keys=True)),
        "people": np.array([person.id for person in shot.people], dtype=np.int64),
        **shot.extra,
    }
    for person in shot.people:
        for name, array in _person_arrays(person).items():
            arrays[f"person{person.id}/{name}"] = array
    return arrays


def shot_of(arrays: Mapping[str, Array]) -> Shot:
    """The inverse of `arrays_of`.

    Raises:
        InvalidShotError: An array is missing, has another shape, or holds what cannot be.
    """
    read = _Fields(arrays, "")
    frames = read.whole("frames", ())
    count = len(frames)
    ids = [int(person) for person in read.whole("people", ())]
    if len(ids) > _PEOPLE_MAX or len(set(ids)) != len(ids) or any(person < 1 for person in ids):
        raise InvalidShotError('"people" holds no track ids')
    _check_increasing(frames, "frames")
    width, height = (int(side) for side in read.whole("size", (2,), leading=False))
    fps = float(read.numbers("fps", (), leading=False))
    if min(width, height) < 1 or max(width, height) > 2**20 or not 0.0 < fps < 1e6:
        raise InvalidShotError('"size" or "fps" cannot be')
    shot = Shot(
        source=read.text("source"),
        source_sha256=read.text("source_sha256"),
        size=(width, height),
        fps=fps,
        frames=frames,
        intrinsics=read.numbers("intrinsics", (4,), count=count),
        T_world_from_cam=read.numbers("T_world_from_cam", (4, 4), count=count),
        settings=read.document("settings"),
        people=tuple(_person(arrays, person, frames, fps) for person in ids),
        extra=read.others({"format", "version"}, tuple(f"person{person}/" for person in ids)),
    )
    if np.any(shot.intrinsics[:, :2] <= 0.0):
        raise InvalidShotError('"intrinsics" cannot be')
    return shot


def stored_observations(seen: Observations) -> Observations:
    """Observations as a file would give them back: what is drawn now can be drawn again."""
    single = {
        name: getattr(seen, name).astype(np.float32).astype(np.float64)
        for name in (
            "bbox",
            "region",
            "track_confidence",
            "keypoints",
            "keypoints_world",
            "agreement",
        )
    }
    feature = seen.image_feature.astype(np.float16).astype(np.float64)
    return replace(seen, image_feature=feature, **single)


def stored_anchor(anchor: Anchor) -> Anchor:
    """An anchor as a file would give it back."""
    return Anchor(
        **{
            item.name: getattr(anchor, item.name).astype(np.float32).astype(np.float64)
            for item in fields(Anchor)
        }
    )


def _person_arrays(person: Person) -> dict[str, Array]:
    seen, anchor, samples = person.observations, person.anchor, person.samples
    singles = {
        "bbox": seen.bbox,
        "region": seen.region,
        "track_confidence": seen.track_confidence,
        "keypoints": seen.keypoints,
        "keypoints_world": seen.keypoints_world,
        "agreement": seen.agreement,
        "anchor_rotations": anchor.rotations,
        "anchor_transl": anchor.transl,
        "anchor_betas": anchor.betas,
        "anchor_log_variance": anchor.log_variance,
        "limb_trust": anchor.limb_trust,
        "first_guess": anchor.first_guess,
        "sample_scores": samples.scores,
        "poses": _stable(person.motion_cam.poses),
        "betas": person.motion_cam.betas,
        "transl_cam": person.motion_cam.transl,
        "joints_cam": person.joints_cam,
        "poses_world": _stable(person.motion_world.poses),
        "transl_world": person.motion_world.transl,
        "contacts": person.contacts,
    }
    return {
        "frames": seen.frames.astype(np.int64),
        "seconds": seen.seconds.astype(np.float64),
        **{name: array.astype(np.float32) for name, array in singles.items()},
        "image_feature": seen.image_feature.astype(np.float16),
        "seed": np.array(person.seed, dtype=np.int64),
        "sample_count": person.sample_count.astype(np.int32),
        "chosen": person.chosen.astype(np.int32),
        "sample_rotations6d": samples.rotations6d.astype(np.float16),
        "sample_frames": samples.frames.astype(np.int64),
        **{
            name: np.array(json.dumps(person.edits[name], sort_keys=True))
            for name in _EDITS
            if name in person.edits
        },
        **person.extra,
    }


def _stable(poses: Floats) -> Floats:
    """Axis-angle (N, 72) kept a hair from the half turn, where sign and axis may flip.

    An upright body that faces the camera is half a turn away from it: read and written again, its
    root must not change to the equal rotation about the opposite axis.
    """
    vectors = poses.reshape(len(poses), 24, 3)
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    shrink = np.where(angle > _NEAR_HALF_TURN, _KEPT_FROM_HALF_TURN / np.maximum(angle, 1.0), 1.0)
    return (vectors * shrink).reshape(len(poses), 72)


def _person(arrays: Mapping[str, Array], person: int, shot_frames: Indices, fps: float) -> Person:
    read = _Fields(arrays, f"person{person}/")
    frames = read.whole("frames", ())
    count = len(frames)
    _check_increasing(frames, f"person{person}/frames")
    if not np.all(np.isin(frames, shot_frames)):
        raise InvalidShotError(f'"person{person}/frames" leaves the shot')
    place = np.searchsorted(shot_frames, frames)
    betas = read.numbers("betas", (10,), leading=False)
    sample_frames = read.whole("sample_frames", ())
    rotations6d = read.numbers("sample_rotations6d", (len(sample_frames), 18, 6))
    poses_cam = read.numbers("poses", (72,), count=count)
    poses_world = read.numbers("poses_world", (72,), count=count)
    sample_count = read.whole("sample_count", (5,), count=count)
    chosen = read.whole("chosen", (5,), count=count)
    if np.any(chosen < -2) or np.any(chosen >= np.maximum(sample_count, 1)):
        raise InvalidShotError(f'"person{person}/chosen" names samples that there are not')
    seconds = frames / fps
    if "seconds" in read:
        seconds = read.numbers("seconds", (), count=count)
    agreement = np.full((count, 33), np.nan)
    if "agreement" in read:  # older files have none
        agreement = read.numbers("agreement", (33,), count=count, finite=False)
        agreement = np.where(np.isfinite(agreement), np.clip(agreement, 0.0, 1.0), np.nan)
    return Person(
        id=person,
        observations=Observations(
            frames=frames,
            seconds=seconds,
            intrinsics=cast("Floats", arrays["intrinsics"]).astype(np.float64)[place],
            bbox=read.numbers("bbox", (4,), count=count),
            region=read.numbers("region", (4,), count=count),
            track_confidence=read.numbers("track_confidence", (), count=count),
            keypoints=read.numbers("keypoints", (33, 5), count=count),
            keypoints_world=read.numbers("keypoints_world", (33, 3), count=count),
            agreement=agreement,
            image_feature=read.numbers("image_feature", (288,), count=count, finite=False),
        ),
        anchor=Anchor(
            rotations=read.numbers("anchor_rotations", (6, 3, 3), count=count),
            transl=read.numbers("anchor_transl", (3,), count=count),
            betas=read.numbers("anchor_betas", (10,), leading=False)
            if "anchor_betas" in read
            else betas,
            log_variance=read.numbers("anchor_log_variance", (8,), count=count),
            limb_trust=read.numbers("limb_trust", (5,), count=count),
            first_guess=read.numbers("first_guess", (18, 3, 3), count=count),
        ),
        samples=LimbSamples(
            frames=sample_frames,
            rotations6d=rotations6d,
            scores=read.numbers("sample_scores", (len(sample_frames), 5), count=len(rotations6d)),
        ),
        seed=read.integer("seed"),
        sample_count=sample_count,
        chosen=chosen,
        motion_cam=Motion(
            rotations=_matrices(poses_cam),
            transl=read.numbers("transl_cam", (3,), count=count),
            betas=betas,
        ),
        joints_cam=read.numbers("joints_cam", (24, 3), count=count),
        motion_world=Motion(
            rotations=_matrices(poses_world),
            transl=read.numbers("transl_world", (3,), count=count),
            betas=betas,
        ),
        contacts=read.numbers("contacts", (6,), count=count),
        edits={name: read.json(name) for name in _EDITS if name in read},
        extra=read.others(set(), ()),
    )


def _matrices(poses: Floats) -> Floats:
    return matrix_from_axis_angle(poses.reshape(len(poses), 24, 3))


def _check_increasing(frames: Indices, name: str) -> None:
    if not len(frames) or frames[0] < 0 or np.any(np.diff(frames) <= 0) or frames[-1] > 2**31:
        raise InvalidShotError(f'"{name}" are no frame numbers in order')


class _Fields:
    """Arrays under one prefix, read with their shapes; remembers what was asked for."""

    def __init__(self, arrays: Mapping[str, Array], prefix: str) -> None:
        self._arrays = arrays
        self._prefix = prefix
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._arrays

    def numbers(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        leading: bool = True,
        count: int | None = None,
        finite: bool = True,
    ) -> Floats:
        """Floats (count, *shape), or of just `shape` without a leading axis."""
        array = self._get(name, "f", shape, leading, count)
        if finite and not np.all(np.isfinite(array)):
            raise InvalidShotError(f'"{self._prefix}{name}" holds numbers that are none')
        return array.astype(np.float64)

    def whole(
        self, name: str, shape: tuple[int, ...], *, leading: bool = True, count: int | None = None
    ) -> Indices:
        """Whole numbers, shaped as for `numbers`."""
        array = self._get(name, "iu", shape, leading, count)
        if array.dtype.kind == "u" and array.size and array.max() > 2**62:
            raise InvalidShotError(f'"{self._prefix}{name}" holds numbers beyond all bounds')
        return array.astype(np.int64)

    def integer(self, name: str) -> int:
        return int(self.whole(name, (), leading=False))

    def text(self, name: str) -> str:
        array = self._get(name, "U", (), False, None)
        try:
            text = str(array)
            text.encode()  # a surrogate is no text
        except (UnicodeError, ValueError) as error:
            raise InvalidShotError(f'"{self._prefix}{name}" is no text') from error
        return text

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.text(name))
        except (ValueError, RecursionError) as error:
            raise InvalidShotError(f'"{self._prefix}{name}" is no JSON') from error

    def document(self, name: str) -> dict[str, Any]:
        value = self.json(name)
        if not isinstance(value, dict):
            raise InvalidShotError(f'"{self._prefix}{name}" is no JSON object')
        return cast("dict[str, Any]", value)

    def others(self, known: set[str], foreign: tuple[str, ...]) -> dict[str, Array]:
        """What nobody asked for under this prefix, to be kept."""
        own = {
            name.removeprefix(self._prefix): array
            for name, array in self._arrays.items()
            if name.startswith(self._prefix) and not name.startswith(foreign or ("\0",))
        }
        return {name: array for name, array in own.items() if name not in self._asked | known}

    def _get(
        self, name: str, kinds: str, shape: tuple[int, ...], leading: bool, count: int | None
    ) -> Array:
        self._asked.add(name)
        array = self._arrays.get(self._prefix + name)
        if array is None:
            raise InvalidShotError(f'"{self._prefix}{name}" is missing')
        own = array.shape[1:] if leading and array.ndim else array.shape
        fits = own == shape and (array.ndim == len(shape) + leading)
        if not fits or array.dtype.kind not in kinds or (count is not None and len(array) != count):
            raise InvalidShotError(f'"{self._prefix}{name}" is not shaped as it should be')
        return array
