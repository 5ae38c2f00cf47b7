"""How a take was made, in words: for the tooltip of its result and for bug reports."""

import json
import platform
from typing import Any

import bpy

from ..core.motion import Shot
from ..core.shot_notes import notes_of
from ..errors import FhmrError
from ..pipeline.resample_settings import draws_of
from . import saved_state
from .properties import take_of
from .scene_camera import MOVIE_START


def recipe(rig: bpy.types.Object) -> str:
    """Seed, guidance and models of what is shown, a line each."""
    try:
        shot, person = saved_state.load(rig)
    except FhmrError as error:
        return str(error)
    draw = last_draw(shot)
    told = {**shot.settings, **draw}
    lines = [
        f"Seed {person.seed}, guidance {_number(told.get('guidance'))}, "
        f"{_number(told.get('steps'))} steps"
    ]
    if draw:
        limbs = ", ".join(str(limb).replace("_", " ") for limb in draw.get("limbs", ()))
        lines.append(f"Last drawn: {limbs}, variation {_number(draw.get('shown', 0) + 1)}")
    body = shot.settings.get("body", {}).get(str(person.id), {}).get("name", "unknown")
    lines.append(f"Body {body}")
    lines += notes_of(shot, MOVIE_START)
    lines += [f"{name}: {checksum[:12]}" for name, checksum in sorted(models_of(shot).items())]
    return "\n".join(lines)


def report(rig: bpy.types.Object) -> str:
    """The recipe with everything that repeats it; no path of the artist's is in it."""
    lines = [
        f"FHMR, Blender {bpy.app.version_string}, {platform.system()} {platform.machine()}",
        recipe(rig),
        f"Schema {take_of(rig).schema}, {len(take_of(rig).data)} bytes",
    ]
    try:
        shot, person = saved_state.load(rig)
    except FhmrError:
        return "\n".join(lines)
    width, height = shot.size
    lines.append(
        f"Footage {width} x {height}, {len(shot.frames)} frames, {shot.fps:g} fps; "
        f"person {person.id} in {len(person.observations.frames)}"
    )
    settings = {name: value for name, value in shot.settings.items() if name != "body"}
    lines.append(json.dumps(settings, sort_keys=True, default=str))
    return "\n".join(lines)


def last_draw(shot: Shot) -> dict[str, Any]:
    """How the limbs that were drawn last were drawn; empty before the first time."""
    draws = draws_of(shot)
    return draws[-1] if draws else {}


def models_of(shot: Shot) -> dict[str, str]:
    """Checksums of the networks that a shot names."""
    found = shot.settings.get("models")
    if not isinstance(found, dict):
        return {}
    return {str(name): str(checksum) for name, checksum in found.items()}


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else "unknown"
