"""Runs pytest inside an environment that holds bpy: pytest_in_blender.py ARGUMENTS."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    status = pytest.main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender may crash or hang while Python takes the module down; the report is written by now.
    os._exit(int(status))
