#!/usr/bin/env python3
"""The one door: python3 build.py setup|demo|test|lint|package|bench|body|train|clean.

Standard library only; the work is done in build_steps/.
"""

import sys
from pathlib import Path

# An older Python must be able to read this file and say so.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "FHMR needs Python 3.11 or newer. This is " + sys.version.split()[0] + ". "
        "Install one (python.org, or your system's package manager) and call it by name: "
        "python3.11 build.py\n"
    )
    sys.exit(2)

sys.path.insert(0, str(Path(__file__).resolve().parent))

from build_steps import verbs

if __name__ == "__main__":
    sys.exit(verbs.main(sys.argv[1:]))
