"""A .blend from a shot, without a window."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import bpy

from ..core import shot_file
from ..core.motion import Shot
from ..errors import FhmrError
from ..pipeline.sequences import is_pattern
from . import models, registration, shot_scene
from .properties import settings_of


def write_blend(shot: Shot, source_path: Path | None, blend_path: Path) -> None:
    """Write a .blend that holds a shot as Estimate in Blender would leave it.

    Whatever is open in this Blender is lost: the scene starts from the factory's settings.

    Args:
        shot: What to show.
        source_path: The footage, or None where it is no longer there.
        blend_path: Written whole or not at all.

    Raises:
        FhmrError: The file cannot be written, or a body is missing.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with _registered():
        scene = bpy.context.scene
        scene.render.resolution_x, scene.render.resolution_y = shot.size
        if len(shot.frames) > 1:
            _match_time(scene, shot)
        if is_pattern(Path(shot.source)):
            source_path = Path(shot.source)  # a sequence, whichever of its files was named
        made = shot_scene.build(scene, shot, source_path, models.bodies_of(shot))
        scene.camera = made.camera
        if len(shot.frames) > 1:
            settings_of(scene).sequence_fps = shot.fps
        settings_of(scene).filepath = "" if source_path is None else str(source_path.resolve())
        _save(blend_path)


def main(shot_path: str, source_path: str, blend_path: str) -> int:
    """Entry for a Blender that is started for this; an empty source means none.

    Returns:
        The exit code of the process.
    """
    try:
        shot = shot_file.read(Path(shot_path))
        write_blend(shot, Path(source_path) if source_path else None, Path(blend_path))
    except FhmrError as error:
        os.write(2, f"{error}\n".encode())
        return 2
    return 0


@contextlib.contextmanager
def _registered() -> Iterator[None]:
    """The properties on scenes and objects, for as long as they are needed."""
    if hasattr(bpy.types.Scene, "fhmr"):
        yield
        return
    registration.register()
    try:
        yield
    finally:
        registration.unregister()


def _match_time(scene: bpy.types.Scene, shot: Shot) -> None:
    scene.render.fps = max(1, round(shot.fps))
    scene.render.fps_base = scene.render.fps / shot.fps
    scene.frame_start = int(shot.frames[0]) + 1
    scene.frame_end = int(shot.frames[-1]) + 1
    scene.frame_set(scene.frame_start)


def _save(path: Path) -> None:
    partial = path.with_name(f".{path.stem}.part.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(partial.resolve()), copy=True, compress=True)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise FhmrError(f"{path} cannot be written.", "Choose another folder or name.") from error
