"""A recorded skeleton in motion: what every format is read into."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from fhmr_blender.core.arrays import Floats, check_shapes
from fhmr_blender.core.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from fhmr_blender.errors import FhmrError


class MotionFileError(FhmrError):
    """A motion file that cannot be read."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The motion file {name} {reason}.", "Unpack or download it again.")


@dataclass(frozen=True, eq=False)
class Recording:
    """N nodes over T frames, in the source's own units and axes.

    With every rotation the identity, the offsets draw the source's zero pose.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root, which comes first; parents before children
    offsets: Floats  # (N, 3) a node's start in its parent's axes
    rotations: Floats  # (T, N, 3, 3) parent node from node
    root: Floats  # (T, 3) the root's start
    seconds: Floats  # (T,)

    def __post_init__(self) -> None:
        check_shapes(self, offsets="N 3", rotations="T N 3 3", root="T 3", seconds="T", parents="N")
        if len(set(self.names)) != len(self.names):
            raise ValueError("two nodes of a skeleton have the same name")

    def node(self, name: str) -> int:
        """The index of a node."""
        return self.names.index(name)


@dataclass(frozen=True, eq=False)
class Placed:
    """Some nodes of a recording after forward kinematics, in its outer axes and units."""

    rotations: dict[str, Floats]  # (T, 3, 3) outer from node
    starts: dict[str, Floats]  # (T, 3)


def place(recording: Recording, names: Iterable[str]) -> Placed:
    """Forward kinematics of the nodes asked for and of those above them.

    Raises:
        KeyError: A name is no node of this recording.
    """
    rotations: dict[int, Floats] = {0: recording.rotations[:, 0]}
    starts: dict[int, Floats] = {0: recording.root}

    def reach(node: int) -> None:
        if node in rotations:
            return
        parent = recording.parents[node]
        reach(parent)
        rotations[node] = rotations[parent] @ recording.rotations[:, node]
        starts[node] = starts[parent] + rotations[parent] @ recording.offsets[node]

    index = {name: node for node, name in enumerate(recording.names)}
    wanted = {name: index[name] for name in names}
    for node in wanted.values():
        reach(node)
    return Placed(
        rotations={name: rotations[node] for name, node in wanted.items()},
        starts={name: starts[node] for name, node in wanted.items()},
    )


def numbers(words: list[str], name: str, where: str) -> Floats:
    """Parse finite numbers, or name the file and the place."""
    try:
        values = np.array(words, dtype=float)
    except ValueError as error:
        raise MotionFileError(name, f"has something else than numbers in {where}") from error
    if not np.isfinite(values).all():
        raise MotionFileError(name, f"has numbers that are not finite in {where}")
    return values


def at_rate(recording: Recording, fps: float = 30.0) -> Recording:
    """The recording on an even grid: every nth frame where that fits, else interpolated."""
    seconds = recording.seconds
    if len(seconds) < 2:
        return recording
    steps = np.diff(seconds)
    stride = round(1.0 / (fps * float(np.median(steps))))
    even = np.ptp(steps) < 0.01 * steps.mean()
    if even and stride >= 1 and abs(steps.mean() * stride * fps - 1.0) < 0.01:
        rotations, root = recording.rotations[::stride], recording.root[::stride]
    else:
        times = np.arange(int((seconds[-1] - seconds[0]) * fps + 1e-6) + 1) / fps + seconds[0]
        after = np.clip(np.searchsorted(seconds, times, side="right"), 1, len(seconds) - 1)
        share = ((times - seconds[after - 1]) / (seconds[after] - seconds[after - 1]))[:, None]
        root = recording.root[after - 1] * (1 - share) + recording.root[after] * share
        before = recording.rotations[after - 1]
        turn = axis_angle_from_matrix(np.swapaxes(before, -1, -2) @ recording.rotations[after])
        rotations = before @ matrix_from_axis_angle(turn * share[..., None])
    return replace(
        recording,
        rotations=rotations,
        root=root,
        seconds=seconds[0] + np.arange(len(root)) / fps,
    )


def after_start(recording: Recording, frames: int) -> Recording:
    """Without its first frames."""
    return replace(
        recording,
        rotations=recording.rotations[frames:],
        root=recording.root[frames:],
        seconds=recording.seconds[frames:],
    )
