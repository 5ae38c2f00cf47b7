"""`estimate`: pictures and movies in, shots out."""

import argparse
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .. import blender_process
from .messages import ProgressBar, say
from .options import add_draw_options, by_person, check_output, frame_range, metres

if TYPE_CHECKING:
    from ..core.motion import Shot


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    add = parser.add_argument
    add("source", type=Path, metavar="SOURCE", help="a picture or a movie")
    add("--out", type=Path, metavar="SHOT.npz", help="default: SOURCE's name, in this folder")
    add("--blend", type=Path, metavar="SHOT.blend", help="also write a Blender file")
    add("--overlay", type=Path, metavar="FILE", help="also draw the bodies over it: .png or .mp4")
    add("--frames", type=frame_range, metavar="A:B[:STEP]", help="from 0, the end lies outside")
    add("--people", type=int, metavar="N", help="at most; default: all")
    lens = parser.add_mutually_exclusive_group()
    lens.add_argument("--focal", type=float, metavar="PX", help="focal length in pixels")
    lens.add_argument("--fov", type=float, metavar="DEG", help="across the longer side")
    add("--camera", default="static", metavar="static|moving|FILE")
    add("--body", action="append", default=[], metavar="[ID=]neutral|male|female|FILE")
    add("--height", action="append", default=[], metavar="[ID=]M", help="metres")
    add("--hypotheses", type=int, default=8, metavar="N", help="answers drawn; default 8")
    add_draw_options(parser)
    add("--steps", type=int, default=4, metavar="K", help="in which limbs are drawn; default 4")
    add("--no-alignment", action="store_true", help="do not fit the bodies to the picture")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    started = time.monotonic()
    out: Path = options.out or Path(f"{options.source.stem}.npz")
    for path in (out, options.overlay, options.blend):
        check_output(path, options.source)
    blender = blender_process.find() if options.blend else None
    from ..core import shot_file
    from ..pipeline.estimate import EstimateSettings, check_settings, estimate
    from ..pipeline.footage import Footage
    from ..pipeline.overlay import check_overlay, write_overlay
    from ..pipeline.weights import load_networks

    if options.overlay:
        check_overlay(options.overlay)
    start, stop, step = options.frames or (None, None, None)
    body, bodies = by_person(options.body, str, "neutral")
    height, heights = by_person(options.height, metres, math.nan)
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
    with ProgressBar() as bar:
        shot = estimate(footage, load_networks(), settings, bar)
        shot_file.write(out, shot)
        if options.overlay:
            write_overlay(options.overlay, shot, footage, bar)
    if blender is not None:
        blender_process.write_blend(blender, out, options.source, options.blend)
    written = ", ".join(str(path) for path in (out, options.overlay, options.blend) if path)
    say(f"{people_and_frames(shot)}, {time.monotonic() - started:.1f} s: {written}\n")


def people_and_frames(shot: "Shot") -> str:
    people, frames = len(shot.people), len(shot.frames)
    return (
        f"{people} {'person' if people == 1 else 'people'}, "
        f"{frames} frame{'s' if frames > 1 else ''}"
    )
