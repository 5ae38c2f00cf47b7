"""Settings for every suite, in any environment that has pytest and hypothesis."""

from __future__ import annotations

import os
import tempfile

import hypothesis

# The gate draws the same examples on every machine; a slow machine is no failure.
hypothesis.settings.register_profile(
    "gate", derandomize=True, deadline=None, database=None, print_blob=True
)
hypothesis.settings.load_profile("gate")

# What the command line keeps for its next run belongs to this run of the tests alone.
_CACHE = tempfile.TemporaryDirectory(prefix="fhmr-cache-")
os.environ["XDG_CACHE_HOME"] = os.environ["LOCALAPPDATA"] = _CACHE.name
