"""Biovision hierarchy (.bvh) files with any channel order.

Source: J. Lander, Working with Motion Capture File Formats, Game Developer, 1998.
"""

from dataclasses import dataclass, field

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import rotation_about

from .recording import MotionFileError, Recording, numbers

_CHANNELS = {
    f"{axis}{kind}": (kind, "XYZ".index(axis))
    for axis in "XYZ"
    for kind in ("position", "rotation")
}


@dataclass
class _Hierarchy:
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[Floats] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)


def parse_bvh(text: str, name: str) -> Recording:
    """Read a file; End Sites become nodes named `<parent>_end`.

    Position channels place the root; those of other nodes are ignored.
    """
    head, mark, tail = text.partition("MOTION")
    if not mark or "HIERARCHY" not in head:
        raise MotionFileError(name, "is no BVH file: HIERARCHY or MOTION is missing")
    hierarchy = _hierarchy(head.split(), name)
    table, step = _table(tail, sum(map(len, hierarchy.channels)), name)
    frames = len(table)
    rotations = np.broadcast_to(np.eye(3), (frames, len(hierarchy.names), 3, 3)).copy()
    root = np.broadcast_to(hierarchy.offsets[0], (frames, 3)).copy()
    column = 0
    for node, channels in enumerate(hierarchy.channels):
        for channel in channels:
            kind, axis = _CHANNELS[channel]
            if kind == "rotation":
                turn = rotation_about(axis, np.deg2rad(table[:, column]))
                rotations[:, node] = rotations[:, node] @ turn
            elif node == 0:
                root[:, axis] = table[:, column]
            column += 1
    return Recording(
        names=tuple(hierarchy.names),
        parents=tuple(hierarchy.parents),
        offsets=np.stack(hierarchy.offsets),
        rotations=rotations,
        root=root,
        seconds=np.arange(frames) * step,
    )


def _hierarchy(words: list[str], name: str) -> _Hierarchy:
    found = _Hierarchy()
    open_nodes: list[int] = []
    position = 0

    def begin(node_name: str) -> None:
        found.names.append(node_name)
        found.parents.append(open_nodes[-1] if open_nodes else -1)
        found.offsets.append(np.zeros(3))
        found.channels.append([])

    while position < len(words):
        word = words[position]
        following = words[position + 1 : position + 2]
        if word in ("ROOT", "JOINT", "End") and following:
            if word == "ROOT" and found.names:
                raise MotionFileError(name, "holds more than one root")
            end = f"{found.names[open_nodes[-1]]}_end" if word == "End" and open_nodes else ""
            begin(end or following[0])
            position += 2
        elif word == "{":
            open_nodes.append(len(found.names) - 1)
            position += 1
        elif word == "}" and open_nodes:
            open_nodes.pop()
            position += 1
        elif word == "OFFSET" and open_nodes:
            offset = numbers(words[position + 1 : position + 4], name, "an OFFSET")
            if offset.shape != (3,):
                raise MotionFileError(name, "breaks off in an OFFSET")
            found.offsets[open_nodes[-1]] = offset
            position += 4
        elif word == "CHANNELS" and open_nodes and following and following[0].isdigit():
            channels = words[position + 2 : position + 2 + int(following[0])]
            unknown = [channel for channel in channels if channel not in _CHANNELS]
            if unknown or len(channels) != int(following[0]):
                raise MotionFileError(name, f"has an unknown channel {(unknown or ['?'])[0]}")
            found.channels[open_nodes[-1]] = channels
            position += 2 + len(channels)
        elif word == "HIERARCHY":
            position += 1
        else:
            raise MotionFileError(name, f"has an unexpected word {word[:40]} in its hierarchy")
    if open_nodes or not found.names:
        raise MotionFileError(name, "breaks off in its hierarchy")
    return found


def _table(text: str, width: int, name: str) -> tuple[Floats, float]:
    """The values (T, width) and the seconds between frames."""
    words = text.split()
    try:
        frames = int(words[words.index("Frames:") + 1])
        at = words.index("Time:") + 1
        step = float(words[at])
    except (ValueError, IndexError) as error:
        raise MotionFileError(name, "says neither Frames: nor Frame Time:") from error
    values = numbers(words[at + 1 :], name, "its frames")
    if frames < 1 or values.size != frames * width:
        raise MotionFileError(
            name, f"announces {frames} frames of {width} values but holds {values.size} values"
        )
    if not step > 0:
        raise MotionFileError(name, "has a frame time that is not positive")
    return values.reshape(frames, width), step
