"""What the chosen footage is: its size, frames and lens, and a thumbnail."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bpy
import bpy.utils.previews
import numpy as np

from ..errors import FhmrError
from .conversion import film_millimetres

if TYPE_CHECKING:
    from ..pipeline.footage import Footage
    from ..pipeline.pixels import Picture
    from .properties import FHMR_PG_footage

MOVIES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".gif"})
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".bmp", ".webp"})
_THUMBNAIL = 256  # pixels
_previews: "bpy.utils.previews.ImagePreviewCollection | None" = None


def on_file(settings: "FHMR_PG_footage", context: bpy.types.Context) -> None:
    """Another file was chosen: it is what it looks like, until the artist says otherwise."""
    if settings.sequence:
        settings.sequence = False  # looks at the file, too
    else:
        on_choice(settings, context)


def on_choice(settings: "FHMR_PG_footage", _context: bpy.types.Context) -> None:
    """Look at the file that was chosen; a problem is shown in the panel."""
    settings.problem = ""
    settings.probed = ""
    settings.boxes.clear()
    if not settings.filepath:
        return
    # The decoder is loaded when footage is first chosen, not when Blender starts.
    from ..pipeline.lens import choose_intrinsics

    try:
        footage = source_of(settings).open()
        lens = choose_intrinsics(footage)
    except FhmrError as error:
        settings.problem = str(error)
        return
    settings.size = footage.size
    settings.fps = footage.fps
    settings.frame_count = footage.frame_count
    path = path_of(settings)
    settings.numbered = path.suffix.lower() not in MOVIES and bool(re.search(r"[\d#]", path.stem))
    settings.lens_origin = lens.origin
    settings.start, settings.end, settings.step = 1, footage.frame_count, 1
    if not settings.use_focal_length:
        settings.focal_length = film_millimetres(footage.size) * float(lens.values[0])
    _make_thumbnail(settings.filepath, footage.frame(settings.start - 1))
    settings.probed = settings.filepath
    footage.close()


@dataclass(frozen=True)
class Source:
    """Which footage is chosen, as plain values for a worker."""

    path: Path
    sequence: bool
    fps: float  # of a sequence

    def open(self) -> "Footage":
        """Open it.

        Raises:
            FhmrError: It is missing or damaged.
        """
        from ..pipeline.footage import Footage

        sequence = self.sequence and self.path.suffix.lower() not in MOVIES
        return Footage(self.path, sequence=sequence, fps=self.fps)


def source_of(settings: "FHMR_PG_footage") -> Source:
    """What the panel says."""
    return Source(path_of(settings), settings.sequence, settings.sequence_fps)


def path_of(settings: "FHMR_PG_footage") -> Path:
    """The footage's place, relative names resolved."""
    return Path(bpy.path.abspath(settings.filepath))


def thumbnail(settings: "FHMR_PG_footage") -> int:
    """The icon of the footage's first frame, 0 if it was chosen in an earlier session."""
    if _previews is None or settings.probed not in _previews:
        return 0
    return _previews[settings.probed].icon_id


def _make_thumbnail(key: str, picture: "Picture") -> None:
    if _previews is None:
        return
    step = max(1, -(-max(picture.shape[:2]) // _THUMBNAIL))
    small = picture[::-step, ::step].astype(np.float32) / 255.0
    alpha = np.ones((*small.shape[:2], 1), dtype=np.float32)
    preview = _previews[key] if key in _previews else _previews.new(key)
    preview.image_size = small.shape[1::-1]
    cast("Any", preview.image_pixels_float).foreach_set(
        np.concatenate((small, alpha), axis=-1).ravel()
    )


def attach() -> None:
    """Make room for thumbnails."""
    global _previews
    _previews = bpy.utils.previews.new()


def detach() -> None:
    """Let go of the thumbnails."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
