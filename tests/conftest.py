"""Settings for every suite, in any environment that has pytest and hypothesis."""

from __future__ import annotations

import hypothesis

# The gate draws the same examples on every machine; a slow machine is no failure.
hypothesis.settings.register_profile(
    "gate", derandomize=True, deadline=None, database=None, print_blob=True
)
hypothesis.settings.load_profile("gate")
