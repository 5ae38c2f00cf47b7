"""Networks and bodies, kept between clicks."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.body import Body
from ..core.motion import Shot
from ..pipeline.bodies import body_named
from .preferences import Choices

if TYPE_CHECKING:
    from ..pipeline.weights import Networks

_lock = threading.Lock()
_networks: "dict[tuple[Path | None, int | None], Networks]" = {}


def networks(choices: Choices) -> "Networks":
    """The networks that the preferences name; any thread may ask.

    Raises:
        FhmrError: Models are missing.
    """
    from ..pipeline.weights import load_networks  # loads onnxruntime: not when Blender starts

    key = (choices.models, choices.threads)
    with _lock:
        if key not in _networks:
            _networks[key] = load_networks(choices.models, choices.threads)
        return _networks[key]


def ready(choices: Choices) -> bool:
    """Whether the networks are in memory: asking for them costs nothing then."""
    with _lock:
        return (choices.models, choices.threads) in _networks


def bodies_of(shot: Shot) -> dict[int, Body]:
    """The bodies of a shot's people, by their ids.

    Raises:
        FhmrError: A body's file is missing.
    """
    names = {id_: entry["name"] for id_, entry in shot.settings["body"].items()}
    return {person.id: body_named(names[str(person.id)]) for person in shot.people}


def forget() -> None:
    """Free the memory."""
    with _lock:
        _networks.clear()
