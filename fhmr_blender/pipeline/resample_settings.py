"""What is drawn again: settings, what of them can be met, and how they are written down."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..core.arrays import Bools
from ..core.motion import Person, Shot
from ..core.skeleton import LIMB_NAMES, LIMBS
from ..errors import FhmrError
from .pins import Pin

_SEED_MAX = 2**31 - 1  # what the panel's field holds


@dataclass(frozen=True)
class ResampleSettings:
    """What is drawn again; frame numbers are the source's, 0-based, the end lies outside."""

    limbs: tuple[str, ...]
    person: int | None = None  # track id; None: the first
    start: int | None = None  # None: from the person's first frame
    stop: int | None = None  # None: to its last
    guidance: float = 1.0
    variations: int = 8
    steps: int = 4
    seed: int = 0
    shown: int | None = None  # which variation, from 0; None: the first, which is the best
    pins: tuple[Pin, ...] = ()

    @property
    def scope(self) -> tuple[int | None, int | None, int | None]:
        """What a session is opened for: person, start, stop."""
        return self.person, self.start, self.stop

    @property
    def joints(self) -> list[int]:
        """The listed limbs' joints, in the order of limbs."""
        return [joint for limb in LIMB_NAMES if limb in self.limbs for joint in LIMBS[limb]]

    @property
    def columns(self) -> list[int]:
        """The listed limbs as indices into LIMB_NAMES."""
        return [column for column, limb in enumerate(LIMB_NAMES) if limb in self.limbs]


def check_settings(settings: ResampleSettings) -> None:
    """Refuse what cannot be met.

    Raises:
        FhmrError: Names the setting.
    """
    unknown = [limb for limb in settings.limbs if limb not in LIMB_NAMES]
    if unknown or not settings.limbs:
        raise FhmrError(
            f"There is no limb {unknown[0]!r}." if unknown else "No limb is named.",
            f"Choose among {', '.join(LIMB_NAMES)}.",
        )
    if not 1 <= settings.variations <= 64:
        raise FhmrError(f"{settings.variations} variations cannot be drawn.", "Choose 1 to 64.")
    if not 0.0 <= settings.guidance <= 10.0:
        raise FhmrError(f"A guidance of {settings.guidance:g} means nothing.", "Choose 0 to 10.")
    if not 1 <= settings.steps <= 200:
        raise FhmrError(f"Limbs cannot be drawn in {settings.steps} steps.", "Choose 1 to 200.")
    if not 0 <= settings.seed <= _SEED_MAX:
        raise FhmrError(f"{settings.seed} is no seed.", f"Choose 0 to {_SEED_MAX}.")
    if settings.shown is not None and not 0 <= settings.shown < settings.variations:
        raise FhmrError(
            f"There is no variation {settings.shown} among {settings.variations}.",
            "Choose one that is drawn.",
        )


def frames_of(person: Person, start: int | None, stop: int | None) -> Bools:
    """(N,) the listed frames among the person's.

    Raises:
        FhmrError: He is seen in none of them.
    """
    frames = person.observations.frames
    inside = np.ones(len(frames), dtype=bool)
    if start is not None:
        inside &= frames >= start
    if stop is not None:
        inside &= frames < stop
    if not inside.any():
        raise FhmrError(
            f"Person {person.id} is not seen in the chosen frames.",
            f"Choose frames within {frames[0]}:{frames[-1] + 1}.",
        )
    return inside


def recipe_with(
    shot: Shot, person: int, settings: ResampleSettings, outcome: dict[str, Any]
) -> dict[str, Any]:
    """The shot's settings with this draw as the last, in place of an earlier one of its scope."""
    step = {
        "person": person,
        "limbs": [limb for limb in LIMB_NAMES if limb in settings.limbs],
        "start": settings.start,
        "stop": settings.stop,
    }
    draw = {
        "guidance": settings.guidance,
        "variations": settings.variations,
        "steps": settings.steps,
        "seed": settings.seed,
        "pins": [pin.document() for pin in settings.pins],
    }
    before = [old for old in draws_of(shot) if not step.items() <= old.items()]
    return {**shot.settings, "resampled": [*before, {**step, **draw, **outcome}]}


def draws_of(shot: Shot, person: int | None = None) -> list[dict[str, Any]]:
    """The draws that a shot has written down, the last one last; of one person or of all.

    What cannot be read as a draw is left out; what an older version left unsaid is filled in.
    """
    kept = shot.settings.get("resampled")
    draws = [_draw(one) for one in cast("list[Any]", kept)] if isinstance(kept, list) else []
    return [draw for draw in draws if draw is not None and person in (None, draw.get("person"))]


def _draw(stored: Any) -> dict[str, Any] | None:
    try:
        limbs = [limb for limb in LIMB_NAMES if limb in list(stored["limbs"])]
        samples: Any = stored.get("samples", ())
        read = {
            "limbs": limbs,
            "guidance": float(stored["guidance"]),
            "steps": int(stored["steps"]),
            "seed": int(stored["seed"]),
            "shown": int(stored.get("shown") or 0),
            "samples": [int(sample) for sample in samples],
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return {**stored, **read} if limbs else None
