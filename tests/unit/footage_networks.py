"""The networks that ship, loaded once for all tests on real pictures."""

from __future__ import annotations

import functools

from fhmr_blender.pipeline.weights import Networks, load_networks


@functools.cache
def shipped() -> Networks:
    """All networks of the models folder."""
    return load_networks()
