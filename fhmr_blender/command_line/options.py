"""Options that several commands share, and how their values are read."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..errors import FhmrError

if TYPE_CHECKING:
    from ..core.motion import Person, Shot

Value = TypeVar("Value")


def add_draw_options(parser: argparse.ArgumentParser) -> None:
    """How limbs are drawn."""
    parser.add_argument(
        "--guidance", type=float, default=1.0, metavar="W",
        help="0 imagines limbs freely, 1 as the model believes, 4 clings to the picture",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")


def frame_range(text: str) -> tuple[int | None, int | None, int | None]:
    """A:B[:STEP], either end may be missing."""
    if not re.fullmatch(r"\d*:\d*(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not A:B or A:B:STEP")
    parts = [int(part) if part else None for part in text.split(":")]
    return parts[0], parts[1], parts[2] if len(parts) > 2 else None


def metres(text: str) -> float:
    """A length.

    Raises:
        FhmrError: It is none.
    """
    if not re.fullmatch(r"\d*\.?\d+", text):
        raise FhmrError(f"{text!r} is no height.", "Give it in metres, like 1.75.")
    return float(text)


def by_person(
    texts: Sequence[str], read: Callable[[str], Value], default: Value
) -> tuple[Value, dict[int, Value]]:
    """Values given as VALUE for all, or ID=VALUE for one."""
    single: dict[int, Value] = {}
    for text in texts:
        named = re.match(r"(\d+)=(.+)", text)
        if named:
            single[int(named[1])] = read(named[2])
        else:
            default = read(text)
    return default, single


def check_output(path: Path | None, source: Path) -> None:
    """Refuse what cannot be written, before any work."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise FhmrError(f"There is no folder {path.parent}.", "Make it, or choose another.")
    if path.is_dir():
        raise FhmrError(f"{path} is a folder.", "Name a file.")
    if path.exists() and source.exists() and path.samefile(source):
        raise FhmrError(f"{path} would overwrite what is read.", "Choose another name.")


def chosen_person(shot: "Shot", wanted: int | None) -> "Person":
    """The person of that id, or the first.

    Raises:
        FhmrError: There is none.
    """
    for person in shot.people:
        if wanted in (None, person.id):
            return person
    ids = ", ".join(str(person.id) for person in shot.people)
    if not ids:
        raise FhmrError("The shot holds no person.", "Estimate the footage again.")
    raise FhmrError(f"There is no person {wanted}.", f"Choose among {ids}.")
