"""The first door: footage in, posed people in a world out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import shot_file
from ..core.motion import Shot
from ..errors import FhmrError
from ..jobs import Report
from .footage import Footage
from .lens import choose_intrinsics
from .perception.front_end import observe
from .solve import SolveSettings, load_bodies, solve
from .weights import Networks

_OBSERVED = 0.80  # share of the time that perception takes; the bar only has to look even
_SEED_MAX = 2**31 - 1  # what the panel's field holds


@dataclass(frozen=True)
class EstimateSettings(SolveSettings):
    """What the artist may decide; frame numbers are 0-based, the end lies outside."""

    start: int = 0
    stop: int | None = None  # None: to the end
    step: int = 1
    people: int | None = None  # at most; None: all
    boxes: tuple[tuple[float, float, float, float], ...] | None = None  # drawn by hand, pixels
    focal: float | None = None  # pixels
    fov: float | None = None  # degrees across the longer side
    camera: str = "static"


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
    observed = observe(
        footage,
        frames,
        intrinsics.values,
        networks,
        lambda fraction, message: report(_OBSERVED * fraction, message),
        people=settings.people,
        boxes=None if settings.boxes is None else np.array(settings.boxes, dtype=float),
    )
    solution = solve(
        dict(enumerate(observed, start=1)),
        len(frames),
        networks,
        settings,
        lambda fraction, message: report(_OBSERVED + (1.0 - _OBSERVED) * fraction, message),
    )
    shot = Shot(
        source=str(footage.path),
        source_sha256=footage.sha256,
        size=footage.size,
        fps=footage.fps,
        frames=np.asarray(frames, dtype=np.int64),
        intrinsics=np.tile(intrinsics.values, (len(frames), 1)),
        T_world_from_cam=solution.T_world_from_cam,
        settings={**_recipe(settings, networks, intrinsics.origin), **solution.recipe},
        people=solution.people,
    )
    # What is handed out is what a file would give back, so that both go on the same way.
    return shot_file.stored(shot)


def check_settings(settings: EstimateSettings) -> None:
    """Refuse what cannot be met, before any work.

    Raises:
        FhmrError: Names the setting.
    """
    if settings.camera != "static":
        raise FhmrError(
            "A moving camera cannot be estimated yet.",
            "Use a static camera, or frames where it rests.",
        )
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


def _recipe(settings: EstimateSettings, networks: Networks, lens: str) -> dict[str, Any]:
    """What reproduces perception and the choice of frames."""
    return {
        "camera": settings.camera,
        "lens": lens,
        "start": settings.start,
        "stop": settings.stop,
        "step": settings.step,
        "people": settings.people,
        "boxes": settings.boxes,
        "models": dict(networks.checksums),
    }


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
