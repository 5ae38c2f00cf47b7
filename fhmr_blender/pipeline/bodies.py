"""Bodies by the name that a shot gives them, the last few kept: reading one takes longer than
drawing eight samples."""

import functools
from pathlib import Path

from ..core.body import Body, body_folder, load_body
from ..core.motion import Person, Shot
from ..errors import FhmrError

_KEPT = 4  # some 40 MB each


def body_named(name: str) -> Body:
    """A body that ships, or a user's file by its path, read again when the file has changed.

    Raises:
        FhmrError: There is no such file, or it is no body.
    """
    shipped = body_folder() / f"{name}.npz"
    path = shipped if shipped.is_file() else Path(name)
    try:
        stamp = path.stat().st_mtime_ns
    except (OSError, ValueError):
        stamp = 0  # loading it will say what is wrong
    return _loaded(name, stamp)


def body_of(shot: Shot, person: Person) -> Body:
    """The body that a person is shown with.

    Raises:
        FhmrError: The settings name none, or its file is missing or another one now.
    """
    try:
        named = shot.settings["body"][str(person.id)]
        name, sha256 = str(named["name"]), str(named["sha256"])
    except (KeyError, TypeError, IndexError) as error:
        raise FhmrError(
            f"The shot does not say which body person {person.id} has.",
            "Estimate the footage again.",
        ) from error
    body = body_named(name)
    if body.sha256 != sha256:
        raise FhmrError(
            f"The body {name} is not the one that this shot was made with.",
            "Put the file back, or estimate the footage again.",
        )
    return body


@functools.lru_cache(maxsize=_KEPT)
def _loaded(name: str, stamp: int) -> Body:  # noqa: ARG001 - the stamp tells versions apart
    return load_body(name)
