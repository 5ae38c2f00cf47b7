"""Pictures, movies and numbered sequences, one frame at a time; and their writing.

Every frame leaves as (H, W, 3) uint8 RGB, upright, at full size.
"""

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.frame import VideoFrame

from ..core.arrays import Floats
from ..core.exif import Exif, read_exif
from ..errors import FhmrError
from .atomic_file import atomic, unwritable
from .decoding import MovieReader, decode_picture
from .picture_headers import is_picture, read_head
from .pixels import Picture
from .sequences import find_sequence, is_pattern

_TRIED = 100  # frames, of which one must be whole for a movie to be opened
SEQUENCE_FPS = 24.0  # a numbered sequence does not say its own; Blender's default, too


class Footage:
    """A picture, a movie or a numbered sequence, decoded frame by frame on demand.

    Attributes:
        path: The file; of a sequence its pattern, such as `shot_####.png`, which opens it again.
        is_picture: A single picture (one frame).
        files: Of a sequence, in order; else the one file.
        size: Width and height in pixels, upright.
        fps: Frames a second; 1 for a picture.
        frame_count: Frames are numbered from 0.
        exif: What the file says about the camera, a movie's lens tag too.
    """

    def __init__(
        self, path: str | Path, *, sequence: bool = False, fps: float = SEQUENCE_FPS
    ) -> None:
        """Open a file and look at its first frame.

        Args:
            path: A picture, a movie, or a sequence as a pattern with # for its digits.
            sequence: Take any file of a numbered sequence, or its folder, as the whole of it.
            fps: Of a sequence, frames a second.

        Raises:
            FhmrError: It is missing, empty, damaged, no picture or movie, or of a useless size; or
                numbers of the sequence are missing.
        """
        self.path = Path(path)
        self.exif = Exif()
        self.is_picture = False
        self._lock = threading.RLock()
        self._reader: MovieReader | None = None
        self._picture: Picture | None = None
        self._is_sequence = sequence or is_pattern(self.path)
        self.files: tuple[Path, ...] = (self.path,)
        if self._is_sequence:
            self._open_sequence(fps)
            return
        self.is_picture = is_picture(read_head(self.path))
        if self.is_picture:
            self._open_picture()
        else:
            self._open_movie()

    def _open_sequence(self, fps: float) -> None:
        if not 0.0 < fps <= 1000.0:  # nan falls through here, too
            raise FhmrError(f"{fps:g} frames a second are none.", "Choose more than 0, up to 1000.")
        found = find_sequence(self.path)
        self.path, self.files = found.pattern, found.files
        content = self.files[0].read_bytes()
        self.exif = read_exif(content)
        first = decode_picture(content, self.exif, self.files[0])
        self.fps, self.frame_count = float(fps), len(self.files)
        self.size = (first.shape[1], first.shape[0])

    def _open_picture(self) -> None:
        content = self.path.read_bytes()
        self.exif = read_exif(content)
        self._picture = decode_picture(content, self.exif, self.path)
        self.fps, self.frame_count = 1.0, 1
        self.size = (self._picture.shape[1], self._picture.shape[0])

    def _open_movie(self) -> None:
        self._reader = MovieReader(self.path)
        first = self._first_frame(self._reader)
        self.size = (first.shape[1], first.shape[0])
        self.fps, self.frame_count = self._reader.fps, len(self._reader.index.stamps)
        self.exif = self._reader.exif

    @staticmethod
    def _first_frame(reader: MovieReader) -> Picture:
        """The first frame that can be decoded."""
        count = len(reader.index.stamps)
        for number in range(min(count, _TRIED) - 1):
            with contextlib.suppress(FhmrError):
                return reader.read(number)
        return reader.read(min(count, _TRIED) - 1)

    @cached_property
    def sha256(self) -> str:
        """Of the file; of a sequence that of its files' checksums."""
        if not self._is_sequence:
            return _checksum(self.path).hex()
        return hashlib.sha256(b"".join(_checksum(file) for file in self.files)).hexdigest()

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
        if self._is_sequence:
            return self._of_sequence(self.files[number])
        with self._lock:
            if self._picture is not None:
                return self._picture
            if self._reader is None:
                self._reader = MovieReader(self.path)
            return self._reader.read(number)

    def _of_sequence(self, file: Path) -> Picture:
        read_head(file)  # says what is wrong with it
        content = file.read_bytes()
        image = decode_picture(content, read_exif(content), file)
        if image.shape[1::-1] != self.size:
            raise FhmrError(
                f"{file.name} is {image.shape[1]} x {image.shape[0]} pixels; the sequence began "
                f"with {self.size[0]} x {self.size[1]}.",
                "Give every picture of the sequence the same size.",
            )
        return image

    def frames(self, numbers: Iterable[int]) -> Iterator[Picture]:
        """Several frames, one at a time; increasing numbers are read in one go."""
        for number in numbers:
            yield self.frame(number)

    def seconds(self, numbers: Iterable[int]) -> Floats:
        """(N,) times of frames since the first one."""
        chosen = np.fromiter(numbers, dtype=np.int64)
        if self.is_picture:
            return np.zeros(len(chosen))
        if self._is_sequence:
            return chosen / self.fps
        with self._lock:
            if self._reader is None:
                self._reader = MovieReader(self.path)
            return self._reader.seconds(chosen)

    def close(self) -> None:
        """Let go of the file; reading again opens it again."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None


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


def _checksum(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _encoder() -> str:
    """The best encoder that this build of the library has."""
    for name in ("libx264", "h264", "mpeg4"):
        with contextlib.suppress(UnknownCodecError):
            av.Codec(name, "w")
            return name
    raise FhmrError("No encoder for movies was found.", "Write a .png instead.")
