"""Samples out of files: pictures at once, movies frame by frame; damage in the middle is survived.

With `footage`, the only place that knows the decoder.
"""

import contextlib
import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ..core.arrays import Floats
from ..core.exif import Exif
from ..errors import FhmrError
from .picture_headers import check_size, declared_size, ends_well, is_jpeg
from .pixels import Picture, from_linear, oriented, over_grey, turned

_MAX_SKIP = 60  # frames that are decoded on the way rather than sought over
_SEEKABLE = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "gif"})
_LENS_KEY = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
_SAME_ASPECT = 0.01  # guess: relative change of the aspect up to which a frame is only scaled


@dataclass(frozen=True, eq=False)
class _Index:
    """A movie's frames in the order of time."""

    stamps: NDArray[np.int64]  # (T,) presentation times, in ticks
    keys: NDArray[np.int64]  # indices of frames that decoding can start from


def decode_picture(content: bytes, exif: Exif, path: Path) -> Picture:
    """A picture file's content, upright.

    Raises:
        FhmrError: Damaged, truncated, or of a useless size.
    """
    declared = declared_size(content)
    if declared is not None:
        check_size(*declared, path)
    if is_jpeg(content) and not ends_well(content):
        raise FhmrError(f"{path.name} is truncated.", "Copy or export the picture again.")
    with _translated(path), _open(io.BytesIO(content)) as container:
        stream = _video_stream(container, path)
        context = stream.codec_context
        if context.width and context.height:  # some formats tell with the first frame only
            check_size(context.width, context.height, path)
        if is_jpeg(content):  # it alone would hand out what came before the damage
            context.options = {"err_detect": "explode"}
        for frame in container.decode(stream):
            check_size(frame.width, frame.height, path)
            if frame.is_corrupt:
                break
            return oriented(_rgb(frame), exif.orientation)
    raise FhmrError(f"{path.name} is damaged, or no picture.", "Copy or export the picture again.")


class MovieReader:
    """A movie's decoder and where it stands."""

    def __init__(self, path: Path) -> None:
        """Open a movie and note its frames' times.

        Raises:
            FhmrError: It holds no picture, or none that can be decoded.
        """
        self._path = path
        self._frames: Iterator[VideoFrame] | None = None
        self._held: VideoFrame | None = None  # decoded, but later than what was asked for
        self._next = -1  # number of the frame that the decoder gives next
        with _translated(path):
            self._open()
            context = self._stream.codec_context
            check_size(context.width, context.height, path)
            self._size = (context.width, context.height)  # of the first frame, as it is stored
            self._counts = self._container.format.name not in _SEEKABLE
            build = _counted if self._counts else _index
            self.index = build(self._container, self._stream)
        if not len(self.index.stamps):
            raise FhmrError(
                f"{path.name} holds no frame that can be decoded.", "Export the movie again."
            )
        self.fps = _fps(self._stream, self.index.stamps)
        self.exif = _movie_exif(self._container.metadata | self._stream.metadata)

    def read(self, number: int) -> Picture:
        """One frame, upright.

        Raises:
            FhmrError: It is damaged, or not shaped as the others.
        """
        try:
            with _translated(self._path):
                frame = self._count_to(number) if self._counts else self._seek_to(number)
                if frame is not None:
                    return turned(_rgb(self._fitted(frame, number)), frame.rotation)
        except FhmrError:
            self._frames = None
            raise
        raise FhmrError(
            f"Frame {number} of {self._path.name} cannot be decoded.",
            "Leave it out of the range, or export the movie again.",
        )

    def seconds(self, numbers: NDArray[np.int64]) -> Floats:
        """(N,) times of frames since the first one."""
        ticks = self.index.stamps[numbers] - self.index.stamps[0]
        return ticks * float(self._stream.time_base or Fraction(1))

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _open(self) -> None:
        self._container = _open(str(self._path.resolve()))
        self._stream = _video_stream(self._container, self._path)
        self._stream.thread_type = "AUTO"

    def _fitted(self, frame: VideoFrame, number: int) -> VideoFrame:
        """A frame at the size of the first one."""
        width, height = self._size
        if (frame.width, frame.height) == self._size:
            return frame
        change = frame.width * height / (frame.height * width)
        if abs(change - 1.0) > _SAME_ASPECT:
            raise FhmrError(
                f"Frame {number} of {self._path.name} is {frame.width} x {frame.height} pixels; "
                f"the movie began with {width} x {height}.",
                "Cut the movie in two where its shape changes.",
            )
        return frame.reformat(width=width, height=height)

    def _seek_to(self, number: int) -> VideoFrame | None:
        stamp = int(self.index.stamps[number])
        if self._frames is None or not self._next <= number <= self._next + _MAX_SKIP:
            keys = self.index.keys
            before = keys[keys <= number]
            start = int(self.index.stamps[before[-1] if len(before) else 0])
            self._container.seek(start, stream=self._stream, backward=True)
            self._frames, self._held = _decoded(self._container, self._stream), None
        while True:
            frame = next(self._frames, None) if self._held is None else self._held
            self._held = None
            if frame is None:
                self._frames = None
                return None
            if frame.pts is None or frame.pts < stamp:
                continue
            self._next = number + 1
            if frame.pts == stamp:
                return frame
            self._held = frame  # the one asked for is damaged
            return None

    def _count_to(self, number: int) -> VideoFrame | None:
        if self._frames is None or number < self._next:
            self._container.close()
            self._open()
            self._frames, self._next = _decoded(self._container, self._stream), 0
        for frame in self._frames:
            self._next += 1
            if self._next == number + 1:
                return frame
        self._frames = None
        return None


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Every frame that can be decoded; what is damaged is left out."""
    for packet in container.demux(stream):
        frames: list[VideoFrame] = []
        with contextlib.suppress(av.error.InvalidDataError):
            frames = packet.decode()
        yield from frames


@contextlib.contextmanager
def _translated(path: Path) -> Generator[None]:
    """Errors of the decoder in the artist's words."""
    try:
        yield
    except (av.error.FFmpegError, MemoryError) as error:
        raise FhmrError(
            f"{path.name} is damaged or truncated, or no picture or movie.",
            "Copy or export it again.",
        ) from error


def _open(source: str | io.BytesIO) -> InputContainer:
    # Playlists must not lead to the network.
    return av.open(source, "r", container_options={"protocol_whitelist": "file"})


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    moving = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic  # the cover of a piece of music
    ]
    # Text with any ending is "video" to the decoder's typewriter.
    if not moving or container.format.name == "tty":
        raise FhmrError(f"{path.name} holds no picture.", "Choose a picture or a movie.")
    if moving[0].codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise FhmrError(
            f"{path.name} is coded in a way that cannot be read.", "Export it as H.264 (.mp4)."
        )
    return moving[0]


def _rgb(frame: VideoFrame) -> Picture:
    """Any sample format as 8-bit RGB: float is linear light, transparency lies on grey."""
    name = frame.format.name
    if "f32" in name or "f16" in name:
        return from_linear(cast("Floats", frame.to_ndarray(format="gbrpf32le")))
    if any(component.is_alpha for component in frame.format.components) or name == "pal8":
        return over_grey(cast("Picture", frame.to_ndarray(format="rgba")))
    return cast("Picture", frame.to_ndarray(format="rgb24"))


def _index(container: InputContainer, stream: VideoStream) -> _Index:
    """Read the packets' times without decoding them."""
    stamps: list[int] = []
    keys: list[int] = []
    with contextlib.suppress(av.error.FFmpegError):  # a truncated movie ends where it ends
        for packet in container.demux(stream):
            if packet.pts is None or packet.is_discard:
                continue
            stamps.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    order = np.unique(np.array(stamps, dtype=np.int64))
    return _Index(order, np.searchsorted(order, np.unique(np.array(keys, dtype=np.int64))))


def _counted(container: InputContainer, stream: VideoStream) -> _Index:
    """Decode everything once: for containers whose times and seeking cannot be relied on."""
    stamps: list[int | None] = []
    with contextlib.suppress(av.error.FFmpegError):
        stamps.extend(frame.pts for frame in _decoded(container, stream))
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    step = max(round(1 / (rate * (stream.time_base or Fraction(1, 1000)))), 1)
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < len(stamps) or known != sorted(set(known)):
        known = [step * number for number in range(len(stamps))]
    return _Index(np.array(known, dtype=np.int64), np.zeros(0, dtype=np.int64))


def _fps(stream: VideoStream, stamps: NDArray[np.int64]) -> float:
    rate = stream.average_rate or stream.guessed_rate
    if rate:
        return float(rate)
    ticks = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
    return 1.0 / (ticks * float(stream.time_base or 1)) if ticks else 25.0


def _movie_exif(metadata: dict[str, str]) -> Exif:
    """The lens that phones note in a movie."""
    try:
        lens = float(metadata.get(_LENS_KEY, ""))
    except ValueError:
        return Exif()
    return Exif(focal_length_35mm=lens) if lens > 0 else Exif()
