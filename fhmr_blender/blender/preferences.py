"""The extension's preferences."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import FloatProperty, IntProperty, StringProperty

PACKAGE = (__package__ or "").rpartition(".")[0]
"""The name under which Blender knows the extension."""


@dataclass(frozen=True)
class Choices:
    """What the preferences say, as plain values."""

    models: Path | None = None  # None: those that came with the extension
    smpl_file: Path | None = None
    threads: int | None = None  # None: chosen for the computer
    cache_limit: int = 2_000_000_000  # bytes


class FHMR_Preferences(bpy.types.AddonPreferences):
    """Where models are, and how many cores to use."""

    bl_idname = PACKAGE

    if TYPE_CHECKING:
        models: str
        smpl_file: str
        threads: int
        cache_gigabytes: float
    else:
        models: StringProperty(
            name="Models",
            description="Folder with FHMR's models. Empty: those that came with the extension",
            subtype="DIR_PATH",
        )
        smpl_file: StringProperty(
            name="SMPL File",
            description="Your own SMPL model (.npz or .pkl), for the body Own File",
            subtype="FILE_PATH",
        )
        threads: IntProperty(
            name="Threads",
            description="Processor cores that the models may use; 0 chooses",
            default=0,
            min=0,
            soft_max=16,
        )
        cache_gigabytes: FloatProperty(
            name="Cache (GB)",
            description="How much space what was seen in footage may take, so that estimating it "
            "again is quick. The oldest goes first",
            default=2.0,
            min=0.0,
            soft_max=20.0,
            precision=1,
        )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        assert layout is not None
        layout.use_property_split = True
        layout.use_property_decorate = False
        row = layout.row(align=True)
        row.prop(self, "models", placeholder="Came with the extension")
        row.operator("fhmr.verify_models", text="Verify", icon="CHECKMARK")
        layout.prop(self, "smpl_file")
        layout.prop(self, "threads", text="Threads" if self.threads else "Threads (automatic)")
        row = layout.row(align=True)
        row.prop(self, "cache_gigabytes")
        row.operator("fhmr.clear_cache", text="Clear", icon="TRASH")


def choices(context: bpy.types.Context) -> Choices:
    """The preferences, or the defaults where the package runs without being an extension."""
    addon = context.preferences.addons.get(PACKAGE)
    stored = None if addon is None else addon.preferences
    if not isinstance(stored, FHMR_Preferences):
        return Choices()
    return Choices(
        models=_path(stored.models),
        smpl_file=_path(stored.smpl_file),
        threads=stored.threads or None,
        cache_limit=round(stored.cache_gigabytes * 1e9),
    )


def _path(text: str) -> Path | None:
    return Path(bpy.path.abspath(text)) if text else None


CLASSES = (FHMR_Preferences,)
