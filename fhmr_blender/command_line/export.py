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
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from ..core import interchange, shot_file
    from ..pipeline.atomic_file import atomic, unwritable
    from ..pipeline.bodies import body_of

    shot = shot_file.read(options.shot)
    person = chosen_person(shot, options.person)
    ending = "npz" if options.to == "amass" else options.to
    name = f"{options.shot.stem}_person{person.id}" + (
        "_amass" if options.to == "amass" else ""
    )
    out: Path = options.out or options.shot.with_name(f"{name}.{ending}")
    check_output(out, options.shot)
    if options.to == "bvh":
        rest_joints = body_of(shot, person).rest_joints(person.motion_world.betas)
        content = interchange.bvh(shot, person, rest_joints).encode()
    elif options.to == "amass":
        content = interchange.amass(shot, person)
    else:
        content = interchange.table(shot, person).encode()
    with atomic(out) as partial, unwritable(out):
        partial.write_bytes(content)
    say(f"{out}\n")
