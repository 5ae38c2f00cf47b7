"""Pictures and movies, one frame at a time: the only place that decodes or encodes.

Every frame leaves as (H, W, 3) uint8 RGB, upright, at full size.
"""

import contextlib
import hashlib
import io
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import av.error
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ..core.arrays import Floats
from ..core.exif import Exif, read_exif
from ..errors import FhmrError
from .atomic_file import atomic, unwritable
from .picture_headers import (
    check_size,
    declared_size,
    ends_well,
    is_jpeg,
    is_picture,
    read_head,
)
from .pixels import Picture, from_linear, oriented, over_grey, turned

_MAX_SKIP = 60  # frames that are decoded on the way rather than sought over
_SEEKABLE = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "gif"})
_LENS_KEY = "com.apple.quicktime.camera.focal_length.35mm_equivalent"


@dataclass(frozen=True, eq=False)
class _Index:
    """A movie's frames in the order of time."""

    stamps: NDArray[np.int64]  # (T,) presentation times, in ticks
    keys: NDArray[np.int64]  # indices of frames that decoding can start from


class Footage:
    """A picture or a movie, opened once, decoded frame by frame on demand.

    Attributes:
        path: The file.
        is_picture: A single picture (one frame).
        size: Width and height in pixels, upright.
        fps: Frames a second; 1 for a picture.
        frame_count: Frames are numbered from 0.
        exif: What the file says about the camera, a movie's lens tag too.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file and look at its first frame.

        Raises:
            FhmrError: It is missing, empty, damaged, no picture or movie, or of a useless size.
        """
        self.path = Path(path)
        head = read_head(self.path)
        self.is_picture = is_picture(head)
        self.exif = Exif()
        self._lock = threading.RLock()
        self._reader: _MovieReader | None = None
        self._picture: Picture | None = None
        if self.is_picture:
            self._open_picture()
        else:
            self._open_movie()

    def _open_picture(self) -> None:
        content = self.path.read_bytes()
        self.exif = read_exif(content)
        self._picture = _decode_picture(content, self.exif, self.path)
        self.fps, self.frame_count = 1.0, 1
        self.size = (self._picture.shape[1], self._picture.shape[0])

    def _open_movie(self) -> None:
        self._reader = _MovieReader(self.path)
        first = self._reader.read(0)
        self.size = (first.shape[1], first.shape[0])
        self.fps, self.frame_count = self._reader.fps, len(self._reader.index.stamps)
        self.exif = self._reader.exif

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def frame(self, number: int) -> Picture:
        """One frame, (H, W, 3) uint8 RGB; not to be written to.

        Raises:
            FhmrError: There is no such frame, or it is damaged.
        """
        if not 0 <= number < self.frame_count:
            raise FhmrError(
                f"{self.path.name} has the frames 0 to {self.frame_count - 1}; "
                f"frame {number} lies outside.",
                "Choose another range.",
            )
        with self._lock:
            if self._picture is not None:
                return self._picture
            if self._reader is None:
                self._reader = _MovieReader(self.path)
            return self._reader.read(number)

    def frames(self, numbers: Iterable[int]) -> Iterator[Picture]:
        """Several frames, one at a time; increasing numbers are read in one go."""
        for number in numbers:
            yield self.frame(number)

    def seconds(self, numbers: Iterable[int]) -> Floats:
        """(N,) times of frames since the first one."""
        chosen = np.fromiter(numbers, dtype=np.int64)
        if self.is_picture:
            return np.zeros(len(chosen))
        with self._lock:
            if self._reader is None:
                self._reader = _MovieReader(self.path)
            return self._reader.seconds(chosen)

    def close(self) -> None:
        """Let go of the file; reading again opens it again."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None


class _MovieReader:
    """A movie's decoder and where it stands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frames: Iterator[VideoFrame] | None = None
        self._next = -1  # number of the frame that the decoder gives next
        with _translated(path):
            self._open()
            check_size(self._stream.codec_context.width, self._stream.codec_context.height, path)
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
        with _translated(self._path):
            frame = self._count_to(number) if self._counts else self._seek_to(number)
            if frame is not None:
                return turned(_rgb(frame), frame.rotation)
        self._frames = None
        raise FhmrError(
            f"Frame {number} of {self._path.name} cannot be decoded.",
            "Leave it out of the range, or export the movie again.",
        )

    def seconds(self, numbers: NDArray[np.int64]) -> Floats:
        ticks = self.index.stamps[numbers] - self.index.stamps[0]
        return ticks * float(self._stream.time_base or Fraction(1))

    def close(self) -> None:
        self._container.close()

    def _open(self) -> None:
        self._container = _open(str(self._path.resolve()))
        self._stream = _video_stream(self._container, self._path)
        self._stream.thread_type = "AUTO"

    def _seek_to(self, number: int) -> VideoFrame | None:
        if self._frames is None or not self._next <= number <= self._next + _MAX_SKIP:
            keys = self.index.keys
            before = keys[keys <= number]
            start = int(self.index.stamps[before[-1] if len(before) else 0])
            self._container.seek(start, stream=self._stream, backward=True)
            self._frames = self._container.decode(self._stream)
        stamp = self.index.stamps[number]
        for frame in self._frames:
            if frame.pts is not None and frame.pts >= stamp:
                self._next = number + 1
                return frame if frame.pts == stamp else None
        return None

    def _count_to(self, number: int) -> VideoFrame | None:
        if self._frames is None or number < self._next:
            self._container.close()
            self._open()
            self._frames, self._next = self._container.decode(self._stream), 0
        for frame in self._frames:
            self._next += 1
            if self._next == number + 1:
                return frame
        return None


def write_picture(path: str | Path, image: Picture) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: Of the file.
        image: (H, W, 3) uint8 RGB.

    Raises:
        FhmrError: It cannot be written there.
    """
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    context = cast("Any", av.CodecContext.create("png", "w"))
    context.width, context.height = frame.width, frame.height
    context.pix_fmt, context.time_base = "rgb24", Fraction(1)
    frame.pts = 0
    content = b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
    with atomic(Path(path)) as partial, unwritable(Path(path)):
        partial.write_bytes(content)


class MovieWriter:
    """Writes a movie frame by frame; the file appears once the block has ended well."""

    def __init__(self, path: str | Path, fps: float) -> None:
        """Choose where and how fast.

        Args:
            path: Ends in .mp4, .mov or .mkv.
            fps: Frames a second.
        """
        self._path = Path(path)
        self._fps = Fraction(fps).limit_denominator(1001)
        self._stack = contextlib.ExitStack()
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Self:
        partial = self._stack.enter_context(atomic(self._path))
        try:
            with unwritable(self._path):
                self._container = av.open(str(partial), "w")
                self._stream = self._container.add_stream(_encoder(), rate=self._fps)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        self._stream.pix_fmt = "yuv420p"
        if self._stream.codec_context.name == "mpeg4":
            self._stream.bit_rate = 8_000_000  # its default is unwatchable
        return self

    def write(self, image: Picture) -> None:
        """Append a frame (H, W, 3) uint8 RGB; odd sizes grow by repeating the edge."""
        even = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), "edge")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        with unwritable(self._path):
            if not self._stream.codec_context.is_open:
                self._stream.width, self._stream.height = frame.width, frame.height
            self._container.mux(self._stream.encode(frame))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with unwritable(self._path):
                if error is None:
                    self._container.mux(self._stream.encode(None))
                self._container.close()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)


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


def _decode_picture(content: bytes, exif: Exif, path: Path) -> Picture:
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


def _open(source: str | io.BytesIO) -> InputContainer:
    # Playlists must not lead to the network.
    return av.open(source, "r", container_options={"protocol_whitelist": "file"})


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    # Text with any ending is "video" to the decoder's typewriter.
    if not container.streams.video or container.format.name == "tty":
        raise FhmrError(f"{path.name} holds no picture.", "Choose a picture or a movie.")
    return container.streams.video[0]


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
        stamps.extend(frame.pts for frame in container.decode(stream))
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


def _encoder() -> str:
    """The best encoder that this build of the library has."""
    for name in ("libx264", "h264", "mpeg4"):
        with contextlib.suppress(UnknownCodecError):
            av.Codec(name, "w")
            return name
    raise FhmrError("No encoder for movies was found.", "Write a .png instead.")
