"""`export`: a shot's motion for other programs."""

import argparse
from pathlib import Path

from .messages import say
from .options import check_output, chosen_person


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("shot", type=Path, metavar="SHOT.npz")
    parser.add_argument("--to", required=True, choices=("bvh", "amass", "csv"))
    parser.add_argument("--person", type=int, metavar="ID", help="default: the first")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: SHOT_personID")
    parser.add_argument(
        "--smoothing", type=float, default=0.3, metavar="S",
        help="0 none to 1; default 0.3, as Blender's panel",
    )  # fmt: skip
    parser.add_argument(
        "--feet", choices=("off", "auto", "grounded"), default="auto",
        help="auto: feet that stand do not slide; grounded: and stand on the floor",
    )  # fmt: skip
    parser.add_argument("--in-place", action="store_true", help="no way over the floor")
    parser.add_argument("--raw", action="store_true", help="as estimated, nothing cleaned up")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from ..core import interchange, shot_file
    from ..pipeline.atomic_file import atomic, unwritable
    from ..pipeline.bodies import body_of
    from ..pipeline.clean_up import CleanUpSettings, clean_up

    shot = shot_file.read(options.shot)
    person = chosen_person(shot, options.person)
    ending = "npz" if options.to == "amass" else options.to
    name = f"{options.shot.stem}_person{person.id}" + ("_amass" if options.to == "amass" else "")
    out: Path = options.out or options.shot.with_name(f"{name}.{ending}")
    check_output(out, options.shot)
    body = body_of(shot, person)
    rest_joints = body.rest_joints(person.motion_world.betas)
    if not options.raw:
        chosen = CleanUpSettings(
            smoothing=options.smoothing, feet=options.feet, in_place=options.in_place
        )
        motion = clean_up(person, shot, chosen, body)
        person = interchange.with_motion(shot, person, motion, rest_joints)
    if options.to == "bvh":
        content = interchange.bvh(shot, person, rest_joints).encode()
    elif options.to == "amass":
        content = interchange.amass(shot, person)
    else:
        content = interchange.table(shot, person).encode()
    with atomic(out) as partial, unwritable(out):
        partial.write_bytes(content)
    say(f"{out}\n")
