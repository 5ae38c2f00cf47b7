"""`resample`: the artist's hand on a shot: limbs drawn again, pinned, corrected, reset, kept."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FhmrError
from .messages import ProgressBar, say
from .options import add_draw_options, check_output, chosen_person, frame_range

if TYPE_CHECKING:
    from ..core.motion import Shot
    from ..pipeline.contact_edits import Contact
    from ..pipeline.resample_settings import ResampleSettings
    from ..pipeline.variations import Drawn

_EPILOGUE = """frames count from 0, the end of A:B lies outside; places are metres in the world.
What changes is done in this order: --keypoint and --swap, --contact, --reset, --favourite; then
the limbs are drawn, unless they were just reset or taken from a favourite."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.epilog = _EPILOGUE
    add = parser.add_argument
    add("shot", type=Path, metavar="SHOT.npz")
    add("--limbs", default="", metavar="LIMB[,LIMB...]",
        help="head, left_arm, right_arm, left_leg, right_leg")  # fmt: skip
    add("--person", type=int, metavar="ID", help="default: the first")
    add("--frames", type=frame_range, metavar="A:B", help="default: all")
    add("--variations", type=int, default=8, metavar="N", help="default 8")
    add("--show", type=int, metavar="K", help="variation to show, from 0; default 0, the best")
    add_draw_options(parser)
    add("--steps", type=int, default=4, metavar="K", help="in which limbs are drawn; default 4")
    add("--pin", action="append", default=[], metavar="JOINT=X,Y,Z[@FRAME][*WEIGHT]",
        help="hold a joint of a listed limb at a place; head>X,Y,Z turns the face to one; "
        "JOINT~PX,PY@FRAME holds it at a point of the picture, pixels")  # fmt: skip
    add("--keypoint", action="append", default=[], metavar="NAME=PX,PY@A[:B]",
        help="where a landmark is, or NAME=wrong@A[:B]: it counts as not seen")  # fmt: skip
    add("--swap", action="append", default=[], metavar="arms|legs|both@A:B",
        help="exchange left and right where they were mistaken; twice takes it back")  # fmt: skip
    add("--contact", action="append", default=[], metavar="JOINT=floor|off|JOINT|X,Y,Z@A:B",
        help="what a hand or foot touches in these frames")  # fmt: skip
    add("--reset", action="store_true", help="the limbs as they were estimated")
    add("--keep", metavar="NAME", help="keep what is shown as a favourite")
    add("--favourite", metavar="NAME", help="show a favourite again")
    add("--out", type=Path, metavar="FILE", help="default: SHOT_resampled.npz")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    out: Path = options.out or options.shot.with_name(f"{options.shot.stem}_resampled.npz")
    check_output(out, options.shot)
    settings, edits, contacts = _settings(options), _edits(options), _contacts(options)
    from ..core import shot_file
    from ..pipeline.favourites import keep_favourite
    from ..pipeline.weights import load_networks

    shot = shot_file.read(options.shot)
    chosen_person(shot, options.person)
    networks = load_networks()
    drawn = None
    with ProgressBar() as bar:
        shot = _corrected(shot, networks, options, edits, contacts, bar)
        if options.reset or options.favourite:
            shot = _taken_back(shot, networks, options, settings, bar)
        elif settings.limbs or not (edits or contacts or options.swap):
            shot, drawn = _drawn(shot, networks, settings, bar)
        if options.keep is not None:
            shot = keep_favourite(shot, options.person, options.keep)
        shot_file.write(out, shot)
    if drawn is not None:
        _list(drawn, settings.shown or 0)
    say(f"{out}\n")


def _drawn(
    shot: "Shot", networks: Any, settings: "ResampleSettings", bar: ProgressBar
) -> "tuple[Shot, Drawn]":
    from ..pipeline.limb_session import open_session
    from ..pipeline.resample_settings import check_settings
    from ..pipeline.variations import commit

    check_settings(settings)
    drawn = open_session(shot, networks, settings).draw(settings, bar)
    return commit(shot, drawn, settings.shown or 0), drawn


def _corrected(
    shot: "Shot",
    networks: Any,
    options: argparse.Namespace,
    edits: list[dict[str, Any]],
    contacts: "list[Contact]",
    bar: ProgressBar,
) -> "Shot":
    """Keypoints moved, sides exchanged, contacts stated."""
    from ..pipeline.contact_edits import contacts_of, with_contacts
    from ..pipeline.keypoint_edits import edits_of
    from ..pipeline.re_estimate import re_estimate, swap_sides

    person = chosen_person(shot, options.person)
    if edits:
        every = [*edits_of(person), *edits]
        shot = re_estimate(shot, networks, person.id, every, bar)
    for text in options.swap:
        sides, start, stop = _ranged(text)
        shot = swap_sides(shot, networks, person.id, sides, start, stop, bar)
    if contacts:
        shot = with_contacts(shot, person.id, (*contacts_of(person), *contacts))
    return shot


def _taken_back(
    shot: "Shot",
    networks: Any,
    options: argparse.Namespace,
    settings: "ResampleSettings",
    bar: ProgressBar,
) -> "Shot":
    """Limbs reset, or a favourite shown."""
    from ..core.skeleton import LIMB_NAMES
    from ..pipeline.favourites import apply_favourite, favourites
    from ..pipeline.re_estimate import reset

    if options.reset:
        limbs = settings.limbs or LIMB_NAMES
        person, start, stop = settings.scope
        shot = reset(shot, networks, person, limbs, start, stop, bar)
    if options.favourite:
        names = [kept.name for kept in favourites(chosen_person(shot, options.person))]
        if options.favourite not in names:
            raise FhmrError(
                f"There is no favourite {options.favourite!r}.",
                f"Choose among {', '.join(names)}." if names else "Keep one with --keep NAME.",
            )
        shot = apply_favourite(shot, options.person, names.index(options.favourite))
    return shot


def _list(drawn: "Drawn", shown: int) -> None:
    """The variations, and what of the pins could not be met."""
    for index, (usual, fits) in enumerate(zip(drawn.plausibility, drawn.agreement, strict=True)):
        mark = "*" if index == shown else " "
        say(f"{mark} {index:2}  plausible {100 * usual:3.0f} %  fits {100 * fits:3.0f} %\n")
    for missed in drawn.unmet[shown]:
        say(f"{missed.sentence}\n")


def _settings(options: argparse.Namespace) -> "ResampleSettings":
    from ..pipeline.pins import parse_pin
    from ..pipeline.resample_settings import ResampleSettings

    start, stop, step = options.frames or (None, None, None)
    if step is not None:
        raise FhmrError("Limbs are drawn in frames without a step.", "Give the frames as A:B.")
    return ResampleSettings(
        limbs=tuple(options.limbs.split(",")) if options.limbs else (),
        person=options.person,
        start=start,
        stop=stop,
        guidance=options.guidance,
        variations=options.variations,
        steps=options.steps,
        seed=options.seed,
        shown=options.show,
        pins=tuple(parse_pin(text) for text in options.pin),
    )


def _edits(options: argparse.Namespace) -> list[dict[str, Any]]:
    from ..pipeline.keypoint_edits import check_edits

    edits: list[dict[str, Any]] = []
    for text in options.keypoint:
        said, start, stop = _ranged(text)
        name, _, place = said.partition("=")
        edit: dict[str, Any] = {"frame": start, "end": stop, "landmark": name}
        if place == "wrong":
            edit["wrong"] = True
        else:
            edit["x"], edit["y"] = _numbers(place, 2, text)
        edits.append(edit)
    check_edits(edits)
    return edits


def _contacts(options: argparse.Namespace) -> "list[Contact]":
    from ..core.skeleton import JOINT_INDEX
    from ..pipeline.contact_edits import Contact, check_contacts

    contacts: list[Contact] = []
    for text in options.contact:
        said, start, stop = _ranged(text)
        joint, _, target = said.partition("=")
        if target in ("floor", "off"):
            contacts.append(Contact(joint, start, stop, target == "floor"))
        elif target in JOINT_INDEX:
            contacts.append(Contact(joint, start, stop, target=target))
        else:
            x, y, z = _numbers(target, 3, text)
            contacts.append(Contact(joint, start, stop, target=(x, y, z)))
    check_contacts(contacts)
    return contacts


def _ranged(text: str) -> tuple[str, int, int]:
    """SOMETHING@A or SOMETHING@A:B."""
    found = re.fullmatch(r"(.+)@(\d+)(?::(\d+))?", text)
    if found is None:
        raise FhmrError(f"{text!r} says no frames.", "End it with @A or @A:B.")
    start = int(found[2])
    return found[1], start, start + 1 if found[3] is None else int(found[3])


def _numbers(text: str, count: int, whole: str) -> list[float]:
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise FhmrError(f"{whole!r} is not understood.", f"Give {count} numbers, like 1.5,2,0.")
    return numbers
