"""The camera of a clip: at rest (and watched for moving), followed by its background, or given."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..core.arrays import Floats, Indices
from ..core.motion import Observations
from ..errors import FhmrError
from .camera_file import KnownCamera, read_camera
from .camera_motion import CameraMotion, resting_camera
from .camera_turns import Grey, Turns, follow_turns, small_grey, turn_between
from .footage import Footage

STATIC, MOVING, SCENE = "static", "moving", "scene"
_LOOKS = 6  # moments at which a static camera is looked at
_APART = 0.5  # s between the two pictures of a look
_TURNED = 0.3  # degrees in that time, from which on a camera is taken to move; a guess
_OFTEN = 2  # looks that must have seen it
_WALKS = 0.8  # median agreement below which the camera is taken to walk; measured: hand-held
# cameras that stay in place .89 and more, tracking and orbiting ones .72 and less


def known_camera(wanted: str, scene: KnownCamera | None, frames: Indices) -> KnownCamera | None:
    """The camera that was given, over these frames; None where it is to be found.

    Raises:
        FhmrError: The file is no camera, or does not tell of all frames.
    """
    if wanted in (STATIC, MOVING):
        return None
    if wanted == SCENE:
        if scene is None:
            raise FhmrError(
                "The scene's camera is known in Blender alone.",
                "Choose static, moving, or a camera file.",
            )
        return scene.over(frames)
    return read_camera(Path(wanted)).over(frames)


def find_camera(
    footage: Footage,
    frames: Indices,
    people: Sequence[Observations],
    intrinsics: Floats,
    cuts: tuple[int, ...],
    *,
    moving: bool,
    on_frame: Callable[[float], None],
) -> CameraMotion:
    """Follow a camera's turn, or look whether one that should rest does.

    Args:
        footage: Read again.
        frames: (T,) numbers.
        people: Whose boxes are no background.
        intrinsics: (T, 4) pixels.
        cuts: Rows of frames with which another camera begins.
        moving: Whether to follow it.
        on_frame: Told the share that is done; may raise `Cancelled`.
    """
    watch = _Watch(footage, frames, people, intrinsics)
    if not moving:
        resting = resting_camera(len(frames))
        notes = _looked_at(watch, cuts) if len(frames) > 1 else ()
        return CameraMotion(resting.R_first_from_cam, cuts=cuts, notes=notes)
    parts: list[Turns] = []
    for start, stop in pairwise((0, *cuts, len(frames))):
        rows = range(start, stop)
        parts.append(
            follow_turns(
                watch.pictures(rows, on_frame),
                (watch.boxes(row) for row in rows),
                (intrinsics[row] for row in rows),
                footage.size[0],
            )
        )
    agreement = np.concatenate([part.agreement for part in parts])
    walks = float(np.median(agreement)) < _WALKS
    return CameraMotion(
        np.concatenate([part.R_first_from_cam for part in parts]),
        walks=walks,
        cuts=cuts,
        notes=_followed_words(parts, walks),
    )


class _Watch:
    """The footage as those see it who look at the background."""

    def __init__(
        self,
        footage: Footage,
        frames: Indices,
        people: Sequence[Observations],
        intrinsics: Floats,
    ) -> None:
        self._footage = footage
        self.frames = frames
        self.intrinsics = intrinsics
        self.width, self.rate = footage.size[0], footage.fps
        self._boxes: dict[int, list[Floats]] = {}
        for person in people:
            for number, box in zip(person.frames, person.bbox, strict=True):
                self._boxes.setdefault(int(number), []).append(box)

    def boxes(self, row: int) -> Floats:
        """(P, 4) of those who are seen in a frame."""
        return np.array(self._boxes.get(int(self.frames[row]), [])).reshape(-1, 4)

    def picture(self, row: int) -> Grey | None:
        """None where the frame cannot be read."""
        try:
            return small_grey(self._footage.frame(int(self.frames[row])))
        except FhmrError:
            return None

    def pictures(self, rows: range, on_frame: Callable[[float], None]) -> Iterator[Grey]:
        """All of them; the one before stands for a frame that cannot be read."""
        last: Grey | None = None
        for row in rows:
            on_frame(row / len(self.frames))
            picture = self.picture(row)
            if picture is None:
                picture = last
            if picture is None:
                width, height = self._footage.size
                picture = small_grey(np.zeros((height, width, 3), dtype=np.uint8))
            last = picture
            yield picture


def _looked_at(watch: _Watch, cuts: tuple[int, ...]) -> tuple[str, ...]:
    """What to say of a camera that should rest."""
    seconds = watch.frames / watch.rate
    seen = 0
    for row in np.linspace(0, len(watch.frames) - 1, _LOOKS + 1).astype(int)[:-1]:
        other = int(np.searchsorted(seconds, seconds[row] + _APART))
        other = min(max(other, int(row) + 1), len(seconds) - 1)
        if other <= row or any(row < cut <= other for cut in cuts):
            continue
        first, second = watch.picture(int(row)), watch.picture(other)
        if first is None or second is None:
            continue
        angle = turn_between(
            (first, second),
            (watch.boxes(int(row)), watch.boxes(other)),
            (watch.intrinsics[row], watch.intrinsics[other]),
            watch.width,
        )
        seen += angle is not None and np.degrees(angle) > _TURNED
    if seen < _OFTEN:
        return ()
    return ("The camera seems to move, but was taken to rest: choose a moving camera.",)


def _followed_words(parts: Sequence[Turns], walks: bool) -> tuple[str, ...]:
    """What to say of a turn that was followed."""
    reliable = np.concatenate([part.reliable for part in parts])
    lost = int((~reliable).sum())
    notes: list[str] = []
    if walks:
        notes.append(
            "The background does not move as behind a camera that only turns: its turn and its way "
            "are uncertain. Give the camera by a file or from the scene if you can."
        )
    elif lost:
        frames = "1 frame" if lost == 1 else f"{lost} frames"
        notes.append(f"The camera's turn is uncertain in {frames}: too little background is seen.")
    return tuple(notes)
