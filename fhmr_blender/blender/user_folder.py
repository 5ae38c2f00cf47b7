"""The extension's own folder, which updates leave alone."""

from pathlib import Path

import bpy

from .preferences import PACKAGE


def user_folder(name: str) -> Path:
    """A folder in it; not made yet."""
    try:
        return Path(bpy.utils.extension_path_user(PACKAGE, path=name))
    except ValueError:  # the package runs without being an extension
        return Path(bpy.utils.user_resource("CONFIG")) / "fhmr" / name
