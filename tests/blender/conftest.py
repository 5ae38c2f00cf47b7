"""A clean Blender with the extension's classes registered."""

from collections.abc import Iterator

import bpy
import pytest

import fhmr_blender
from fhmr_blender.core.body import Body, load_body


@pytest.fixture(scope="session")
def body() -> Body:
    """The body that ships."""
    return load_body("neutral")


@pytest.fixture
def scene() -> Iterator[bpy.types.Scene]:
    """An empty scene; the extension is registered."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    fhmr_blender.register()
    yield bpy.context.scene
    fhmr_blender.unregister()
