"""`resample`: limbs of a shot drawn again."""

import argparse
from pathlib import Path

from ..errors import FhmrError
from .messages import ProgressBar, say
from .options import add_draw_options, check_output, frame_range


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    add = parser.add_argument
    add("shot", type=Path, metavar="SHOT.npz")
    add("--limbs", required=True, metavar="LIMB[,LIMB...]",
        help="head, left_arm, right_arm, left_leg, right_leg")  # fmt: skip
    add("--person", type=int, metavar="ID", help="default: the first")
    add(
        "--frames",
        type=frame_range,
        metavar="A:B",
        help="from 0, the end lies outside; default: all",
    )
    add("--variations", type=int, default=8, metavar="N", help="default 8; the best is shown")
    add_draw_options(parser)
    add("--pin", action="append", default=[], metavar="JOINT=X,Y,Z[@FRAME]",
        help="hold a joint of a listed limb at a place in the world, metres")  # fmt: skip
    add("--out", type=Path, metavar="FILE", help="default: SHOT_resampled.npz")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    out: Path = options.out or options.shot.with_name(f"{options.shot.stem}_resampled.npz")
    check_output(out, options.shot)
    from ..core import shot_file
    from ..pipeline.pins import parse_pin
    from ..pipeline.resample import ResampleSettings, resample
    from ..pipeline.weights import load_networks

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
    with ProgressBar() as bar:
        changed = resample(shot, load_networks(), settings, bar)
    shot_file.write(out, changed)
    say(f"{out}\n")
