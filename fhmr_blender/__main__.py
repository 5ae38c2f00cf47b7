"""The command line: estimate, resample, export, info.

Exit codes: 0 done, 1 unexpected, 2 something that you can mend, 130 cancelled.
"""

import argparse
import sys
from collections.abc import Sequence

from .command_line import estimate, export, info, resample
from .command_line.messages import tell
from .errors import FhmrError
from .jobs import Cancelled

EXIT_DONE, EXIT_UNEXPECTED, EXIT_MENDABLE, EXIT_CANCELLED = 0, 1, 2, 130
_COMMANDS = (
    ("estimate", "pose the people of pictures and movies", estimate.add_options),
    ("resample", "draw limbs of a shot again", resample.add_options),
    ("export", "write a shot's motion for other programs", export.add_options),
    ("info", "say what a shot holds", info.add_options),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code. What is no error of the artist's comes with a traceback.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int | None = options.command(options)
    except FhmrError as error:
        tell(f"{error.sentence}\n{error.remedy}\n")
        return EXIT_MENDABLE
    except (Cancelled, KeyboardInterrupt):
        tell("Cancelled.\n")
        return EXIT_CANCELLED
    except BrokenPipeError:  # the reader of our output has had enough
        return EXIT_DONE
    return code or EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fhmr_blender",
        description="FHMR: from pictures and movies of people to posed bodies.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, purpose, add_options in _COMMANDS:
        add_options(commands.add_parser(name, help=purpose))
    return parser


if __name__ == "__main__":
    sys.exit(main())
