"""The first door: footage in, posed people in a world out."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..core import shot_file
from ..core.arrays import Floats, Indices
from ..core.motion import Observations, Shot
from ..errors import FhmrError
from ..jobs import Report
from .body_focal import focal_ratio
from .camera import MOVING, STATIC, find_camera, known_camera
from .camera_file import KnownCamera
from .camera_motion import CameraMotion, camera_turns, given_camera, through_lens
from .footage import Footage
from .lens import choose_intrinsics
from .perception.cache import DEFAULT_LIMIT, Cache
from .perception.front_end import Observed, observe
from .solve import SolveSettings, load_bodies, solve
from .surest_look import surest_look
from .weights import Networks

_OBSERVED = 0.70  # share of the time that perception takes; the bar only has to look even
_FOLLOWED = 0.10  # that the camera takes
_SEED_MAX = 2**31 - 1  # what the panel's field holds


@dataclass(frozen=True)
class EstimateSettings(SolveSettings):
    """What the artist may decide; frame numbers are 0-based, the end lies outside."""

    start: int = 0
    stop: int | None = None  # None: to the end
    step: int = 1
    people: int | None = None  # at most; None: all
    look_twice: bool = False  # at every frame of a clip; a single one always is
    boxes: tuple[tuple[float, float, float, float], ...] | None = None  # drawn by hand, pixels
    focal: float | None = None  # pixels
    fov: float | None = None  # degrees across the longer side
    camera: str = STATIC  # or moving, scene, or a camera file
    scene_camera: KnownCamera | None = None  # for "scene"
    cache: Path | None = None  # folder in which what was seen is kept; decides nothing
    cache_limit: int = DEFAULT_LIMIT  # bytes


def estimate(
    footage: Footage, networks: Networks, settings: EstimateSettings, report: Report
) -> Shot:
    """Pose everybody who is seen.

    Raises:
        FhmrError: A setting cannot be met, nobody is seen, or a model is missing.
        Cancelled: By `report`.
    """
    check_settings(settings)
    frames = _chosen_frames(footage, settings)
    load_bodies(settings)
    intrinsics = choose_intrinsics(footage, settings.focal, settings.fov)
    numbers = np.asarray(frames, dtype=np.int64)
    known = known_camera(settings.camera, settings.scene_camera, numbers)
    lens = np.tile(intrinsics.values, (len(frames), 1))
    if known is not None and known.intrinsics is not None and not intrinsics.given:
        lens, intrinsics = known.intrinsics, replace(intrinsics, origin="from the camera")
    twice = settings.look_twice or len(frames) == 1
    observed = observe(
        footage,
        frames,
        intrinsics.values,
        networks,
        lambda fraction, message: report(_OBSERVED * fraction, message),
        people=settings.people,
        boxes=None if settings.boxes is None else np.array(settings.boxes, dtype=float),
        twice=twice,
        cache=None if settings.cache is None else Cache(settings.cache, settings.cache_limit),
    )
    looks = [
        [_through(lens, numbers, look) for look in (person, *others)]
        for person, others in zip(observed.people, observed.others, strict=True)
    ]
    people = [first for first, *_ in looks]
    cuts = tuple(int(row) for row in np.searchsorted(numbers, observed.cuts))
    if known is not None:
        camera = given_camera(known.T_world_from_cam)
    else:
        camera = find_camera(
            footage,
            numbers,
            people,
            lens,
            cuts,
            moving=settings.camera == MOVING,
            on_frame=lambda share: report(_OBSERVED + _FOLLOWED * share, "Camera"),
        )
    ratio = None
    if intrinsics.assumed and not (known is not None and known.intrinsics is not None):
        ratio = focal_ratio(people, camera.R_first_from_cam, numbers, networks)
    if ratio is not None:
        lens = lens * np.array([ratio, ratio, 1.0, 1.0])
        intrinsics = replace(intrinsics, origin="from the bodies")
        looks = [[_through(lens, numbers, look) for look in person] for person in looks]
        camera = through_lens(camera, ratio)
    rows = [np.searchsorted(numbers, first.frames) for first, *_ in looks]
    people = [
        surest_look(person, camera_turns(camera.R_first_from_cam[row]), networks.anchor)
        for person, row in zip(looks, rows, strict=True)
    ]
    posing = _OBSERVED + _FOLLOWED
    solution = solve(
        dict(enumerate(people, start=1)),
        numbers,
        camera,
        networks,
        settings,
        lambda fraction, message: report(posing + (1.0 - posing) * fraction, message),
    )
    shot = Shot(
        source=str(footage.path),
        source_sha256=footage.sha256,
        size=footage.size,
        fps=footage.fps,
        frames=numbers,
        intrinsics=lens,
        T_world_from_cam=solution.T_world_from_cam,
        settings={
            **_recipe(settings, networks, intrinsics.origin, observed, camera, twice=twice),
            **solution.recipe,
        },
        people=solution.people,
    )
    # What is handed out is what a file would give back, so that both go on the same way.
    return shot_file.stored(shot)


def is_estimate_of(
    shot: Shot, footage: Footage, settings: EstimateSettings, networks: Networks
) -> bool:
    """Whether a shot is what these settings and networks give of this footage."""
    told = shot.settings
    return (
        told.get("request") == _request(settings)
        and told.get("models") == dict(networks.checksums)
        and shot.fps == footage.fps
        and shot.source_sha256 == footage.sha256
    )


def _request(settings: EstimateSettings) -> dict[str, Any]:
    """What was asked for, as JSON gives it back."""
    asked = {
        item.name: getattr(settings, item.name)
        for item in fields(settings)
        if item.name not in ("cache", "cache_limit", "scene_camera")
    }
    asked["scene_camera"] = settings.scene_camera is not None
    text = json.dumps(asked, default=dict, sort_keys=True)
    return cast("dict[str, Any]", json.loads(text))


def check_settings(settings: EstimateSettings) -> None:
    """Refuse what cannot be met, before any work.

    Raises:
        FhmrError: Names the setting.
    """
    if not 1 <= settings.hypotheses <= 64:
        raise FhmrError(f"{settings.hypotheses} hypotheses cannot be drawn.", "Choose 1 to 64.")
    if not 0.0 <= settings.guidance <= 10.0:
        raise FhmrError(f"A guidance of {settings.guidance:g} means nothing.", "Choose 0 to 10.")
    if not 1 <= settings.steps <= 200:
        raise FhmrError(f"Limbs cannot be drawn in {settings.steps} steps.", "Choose 1 to 200.")
    if not 0 <= settings.seed <= _SEED_MAX:
        raise FhmrError(f"{settings.seed} is no seed.", f"Choose 0 to {_SEED_MAX}.")
    if settings.people is not None and settings.people < 1:
        raise FhmrError(f"{settings.people} people cannot be posed.", "Choose 1 or more.")
    for height in (settings.height, *settings.heights.values()):
        if height is not None and not 0.8 <= height <= 2.6:
            raise FhmrError(
                f"A height of {height:g} m fits no adult body.", "Give the height in metres."
            )


def _recipe(
    settings: EstimateSettings,
    networks: Networks,
    lens: str,
    observed: Observed,
    camera: CameraMotion,
    *,
    twice: bool,
) -> dict[str, Any]:
    """What reproduces perception and the choice of frames."""
    return {
        "camera": settings.camera,
        "lens": lens,
        "start": settings.start,
        "stop": settings.stop,
        "step": settings.step,
        "people": settings.people,
        "boxes": settings.boxes,
        "look_twice": twice,
        "models": dict(networks.checksums),
        "request": _request(settings),
        "cuts": list(observed.cuts),
        "notes": list(observed.notes),
        "camera_notes": list(camera.notes),
    }


def _through(lens: Floats, numbers: Indices, person: Observations) -> Observations:
    """What was seen, with the lens (T, 4) of each frame."""
    return replace(person, intrinsics=lens[np.searchsorted(numbers, person.frames)])


def _chosen_frames(footage: Footage, settings: EstimateSettings) -> list[int]:
    """The frame numbers that are asked for.

    Raises:
        FhmrError: They are none, or lie outside the footage.
    """
    count = footage.frame_count
    stop = count if settings.stop is None else settings.stop
    if settings.step < 1:
        raise FhmrError(f"Every {settings.step}th frame is none.", "Choose a step of 1 or more.")
    if not 0 <= settings.start < stop:
        raise FhmrError(
            f"The frames {settings.start}:{stop} are none.", "Choose an end behind the start."
        )
    if stop > count:
        raise FhmrError(
            f"{footage.path.name} has {count} frame{'s' if count > 1 else ''}, numbered from 0; "
            f"{settings.start}:{stop} goes beyond.",
            f"Choose frames within 0:{count}.",
        )
    return list(range(settings.start, stop, settings.step))
