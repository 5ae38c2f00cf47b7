"""The command line: estimate, resample, export, info.

Exit codes: 0 done, 1 unexpected, 2 something that you can mend, 130 cancelled.
"""

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import blender_process
from .errors import FhmrError
from .jobs import Cancelled

if TYPE_CHECKING:
    from .core.motion import Person, Shot

EXIT_DONE, EXIT_UNEXPECTED, EXIT_MENDABLE, EXIT_CANCELLED = 0, 1, 2, 130
Value = TypeVar("Value")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code. What is no error of the artist's comes with a traceback.
    """
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except FhmrError as error:
        _tell(f"{error.sentence}\n{error.remedy}\n")
        return EXIT_MENDABLE
    except (Cancelled, KeyboardInterrupt):
        _tell("Cancelled.\n")
        return EXIT_CANCELLED
    except BrokenPipeError:  # the reader of our output has had enough
        return EXIT_DONE
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fhmr_blender",
        description="FHMR: from pictures and movies of people to posed bodies.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_estimate(commands.add_parser("estimate", help="pose the people of a picture or movie"))
    _add_resample(commands.add_parser("resample", help="draw limbs of a shot again"))
    export = commands.add_parser("export", help="write a shot's motion for other programs")
    export.add_argument("shot", type=Path, metavar="SHOT.npz")
    export.add_argument("--to", required=True, choices=("bvh", "amass", "csv"))
    export.add_argument("--person", type=int, metavar="ID", help="default: the first")
    export.add_argument("--out", type=Path, metavar="FILE", help="default: SHOT_personID")
    export.set_defaults(command=_export)
    info = commands.add_parser("info", help="say what a shot holds")
    info.add_argument("shot", type=Path, metavar="SHOT.npz")
    info.add_argument("--json", action="store_true", help="for programs")
    info.set_defaults(command=_info)
    return parser


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", type=Path, metavar="SOURCE", help="a picture or a movie")
    add("--out", type=Path, metavar="SHOT.npz", help="default: SOURCE's name, in this folder")
    add("--blend", type=Path, metavar="SHOT.blend", help="also write a Blender file")
    add("--overlay", type=Path, metavar="FILE", help="also draw the bodies over it: .png or .mp4")
    add("--frames", type=_frames, metavar="A:B[:STEP]", help="from 0, the end lies outside")
    add("--people", type=int, metavar="N", help="at most; default: all")
    lens = parser.add_mutually_exclusive_group()
    lens.add_argument("--focal", type=float, metavar="PX", help="focal length in pixels")
    lens.add_argument("--fov", type=float, metavar="DEG", help="across the longer side")
    add("--camera", default="static", metavar="static|moving|FILE")
    add("--body", action="append", default=[], metavar="[ID=]neutral|male|female|FILE")
    add("--height", action="append", default=[], metavar="[ID=]M", help="metres")
    add("--hypotheses", type=int, default=8, metavar="N", help="answers drawn; default 8")
    _add_draw(parser)
    add("--steps", type=int, default=4, metavar="K", help="in which limbs are drawn; default 4")
    add("--no-alignment", action="store_true", help="do not fit the bodies to the picture")
    parser.set_defaults(command=_estimate)


def _add_resample(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("shot", type=Path, metavar="SHOT.npz")
    add("--limbs", required=True, metavar="LIMB[,LIMB...]",
        help="head, left_arm, right_arm, left_leg, right_leg")  # fmt: skip
    add("--person", type=int, metavar="ID", help="default: the first")
    add("--frames", type=_frames, metavar="A:B", help="from 0, the end lies outside; default: all")
    add("--variations", type=int, default=8, metavar="N", help="default 8; the best is shown")
    _add_draw(parser)
    add("--pin", action="append", default=[], metavar="JOINT=X,Y,Z[@FRAME]",
        help="hold a joint of a listed limb at a place in the world, metres")  # fmt: skip
    add("--out", type=Path, metavar="FILE", help="default: SHOT_resampled.npz")
    parser.set_defaults(command=_resample)


def _add_draw(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--guidance", type=float, default=1.0, metavar="W",
        help="0 imagines limbs freely, 1 as the model believes, 4 clings to the picture",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")


def _estimate(options: argparse.Namespace) -> None:
    started = time.monotonic()
    out: Path = options.out or Path(f"{options.source.stem}.npz")
    for path in (out, options.overlay, options.blend):
        _check_output(path, options.source)
    blender = blender_process.find() if options.blend else None
    from .core import shot_file
    from .pipeline.estimate import EstimateSettings, check_settings, estimate
    from .pipeline.footage import Footage
    from .pipeline.overlay import check_overlay, write_overlay
    from .pipeline.weights import load_networks

    if options.overlay:
        check_overlay(options.overlay)
    start, stop, step = options.frames or (None, None, None)
    body, bodies = _by_person(options.body, str, "neutral")
    height, heights = _by_person(options.height, _metres, math.nan)
    settings = EstimateSettings(
        start=start or 0,
        stop=stop,
        step=1 if step is None else step,
        people=options.people,
        focal=options.focal,
        fov=options.fov,
        camera=options.camera,
        body=body,
        bodies=bodies,
        height=None if math.isnan(height) else height,
        heights=heights,
        hypotheses=options.hypotheses,
        guidance=options.guidance,
        steps=options.steps,
        seed=options.seed,
        alignment=not options.no_alignment,
    )
    check_settings(settings)
    footage = Footage(options.source)
    with _ProgressBar() as bar:
        shot = estimate(footage, load_networks(), settings, bar)
        shot_file.write(out, shot)
        if options.overlay:
            write_overlay(options.overlay, shot, footage, bar)
    if blender is not None:
        blender_process.write_blend(blender, out, options.source, options.blend)
    written = ", ".join(str(path) for path in (out, options.overlay, options.blend) if path)
    _say(f"{_count(shot)}, {time.monotonic() - started:.1f} s: {written}\n")


def _resample(options: argparse.Namespace) -> None:
    out: Path = options.out or options.shot.with_name(f"{options.shot.stem}_resampled.npz")
    _check_output(out, options.shot)
    from .core import shot_file
    from .pipeline.pins import parse_pin
    from .pipeline.resample import ResampleSettings, resample
    from .pipeline.weights import load_networks

    start, stop, step = options.frames or (None, None, None)
    if step is not None:
        raise FhmrError("Limbs are drawn in frames without a step.", "Give the frames as A:B.")
    settings = ResampleSettings(
        limbs=tuple(options.limbs.split(",")),
        person=options.person,
        start=start,
        stop=stop,
        guidance=options.guidance,
        variations=options.variations,
        seed=options.seed,
        pins=tuple(parse_pin(text) for text in options.pin),
    )
    shot = shot_file.read(options.shot)
    with _ProgressBar() as bar:
        changed = resample(shot, load_networks(), settings, bar)
    shot_file.write(out, changed)
    _say(f"{out}\n")


def _export(options: argparse.Namespace) -> None:
    from .core import interchange, shot_file
    from .pipeline.atomic_file import atomic, unwritable
    from .pipeline.bodies import body_of

    shot = shot_file.read(options.shot)
    person = _person(shot, options.person)
    ending = "npz" if options.to == "amass" else options.to
    name = f"{options.shot.stem}_person{person.id}" + ("_amass" if options.to == "amass" else "")
    out: Path = options.out or options.shot.with_name(f"{name}.{ending}")
    _check_output(out, options.shot)
    if options.to == "bvh":
        rest_joints = body_of(shot, person).rest_joints(person.motion_world.betas)
        content = interchange.bvh(shot, person, rest_joints).encode()
    elif options.to == "amass":
        content = interchange.amass(shot, person)
    else:
        content = interchange.table(shot, person).encode()
    with atomic(out) as partial, unwritable(out):
        partial.write_bytes(content)
    _say(f"{out}\n")


def _info(options: argparse.Namespace) -> None:
    from .core import shot_file

    summary = _summary(shot_file.read(options.shot))
    if options.json:
        _say(json.dumps(summary, indent=2) + "\n")
        return
    for key, value in summary.items():
        if key != "people":
            _say(f"{key.replace('_', ' '):14} {_plain(value)}\n")
    for person in summary["people"]:
        _say(f"person {person.pop('id')}\n")
        for key, value in person.items():
            _say(f"  {key.replace('_', ' '):12} {_plain(value)}\n")


def _summary(shot: "Shot") -> dict[str, Any]:
    from .core.skeleton import LIMB_NAMES

    def of(person: "Person") -> dict[str, Any]:
        frames = person.observations.frames
        body = shot.settings.get("body", {}).get(str(person.id), {})
        trust = person.anchor.limb_trust.mean(axis=0)
        return {
            "id": person.id,
            "frames": f"{frames[0]}:{frames[-1] + 1}",
            "frame_count": len(frames),
            "body": body.get("name", "unknown"),
            "seed": person.seed,
            "samples": len(person.samples.rotations6d),
            "limb_trust": {
                limb: round(float(value), 3) for limb, value in zip(LIMB_NAMES, trust, strict=True)
            },
        }

    fx, fy, cx, cy = (round(float(value), 2) for value in shot.intrinsics[0])
    return {
        "source": shot.source,
        "source_sha256": shot.source_sha256,
        "size": list(shot.size),
        "fps": shot.fps,
        "frames": f"{shot.frames[0]}:{shot.frames[-1] + 1}",
        "frame_count": len(shot.frames),
        "focal_length": [fx, fy],
        "centre": [cx, cy],
        "camera_height": round(float(shot.T_world_from_cam[0, 2, 3]), 3),
        "settings": dict(shot.settings),
        "people": [of(person) for person in shot.people],
    }


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _person(shot: "Shot", wanted: int | None) -> "Person":
    for person in shot.people:
        if wanted in (None, person.id):
            return person
    ids = ", ".join(str(person.id) for person in shot.people)
    if not ids:
        raise FhmrError("The shot holds no person.", "Estimate the footage again.")
    raise FhmrError(f"There is no person {wanted}.", f"Choose among {ids}.")


def _count(shot: "Shot") -> str:
    people, frames = len(shot.people), len(shot.frames)
    return (
        f"{people} {'person' if people == 1 else 'people'}, "
        f"{frames} frame{'s' if frames > 1 else ''}"
    )


def _frames(text: str) -> tuple[int | None, int | None, int | None]:
    """A:B[:STEP], either end may be missing."""
    if not re.fullmatch(r"\d*:\d*(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not A:B or A:B:STEP")
    parts = [int(part) if part else None for part in text.split(":")]
    return parts[0], parts[1], parts[2] if len(parts) > 2 else None


def _metres(text: str) -> float:
    if not re.fullmatch(r"\d*\.?\d+", text):
        raise FhmrError(f"{text!r} is no height.", "Give it in metres, like 1.75.")
    return float(text)


def _by_person(
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


def _check_output(path: Path | None, source: Path) -> None:
    """Refuse what cannot be written, before any work."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise FhmrError(f"There is no folder {path.parent}.", "Make it, or choose another.")
    if path.is_dir():
        raise FhmrError(f"{path} is a folder.", "Name a file.")
    if path.exists() and source.exists() and path.samefile(source):
        raise FhmrError(f"{path} would overwrite what is read.", "Choose another name.")


class _ProgressBar:
    """`Report` on stderr: a bar where somebody watches, else a line now and then."""

    _WIDTH = 24

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()
        self._started = time.monotonic()
        self._shown = -1.0

    def __enter__(self) -> "_ProgressBar":
        return self

    def __exit__(self, *problem: object) -> None:
        if self._watched and self._shown >= 0:
            _tell("\r" + " " * 79 + "\r")

    def __call__(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        if self._watched and now - self._shown > 0.1:
            self._shown = now
            done = round(self._WIDTH * fraction)
            left = (now - self._started) * (1.0 - fraction) / max(fraction, 1e-3)
            bar = "=" * done + "-" * (self._WIDTH - done)
            eta = f", {left:.0f} s left" if fraction > 0.05 else ""
            _tell(f"\r|{bar}| {message}{eta}"[:78].ljust(79))
        elif not self._watched and now - self._shown > 5.0:
            self._shown = now
            _tell(f"{100 * fraction:3.0f} % {message}\n")


def _tell(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
