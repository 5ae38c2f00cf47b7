"""Reference motions of the DeepMimic humanoid (JSON).

A frame holds its duration, the root's position, then w x y z quaternions for joints of three
degrees of freedom and one angle (radians about the joint's +z) for knees and elbows.

Source: Peng et al., DeepMimic, 2018.
"""

import json

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_quaternion, rotation_about

from .recording import MotionFileError, Recording, numbers

_WIDTH = 44
# name, parent, offset in metres (x forward, y up, z right), first column; ends have no column
_NODES: tuple[tuple[str, str, tuple[float, float, float], int | None], ...] = (
    ("root", "", (0.0, 0.0, 0.0), 4),
    ("chest", "root", (0.0, 0.236, 0.0), 8),
    ("neck", "chest", (0.0, 0.224, 0.0), 12),
    ("right_hip", "root", (0.0, 0.0, 0.085), 16),
    ("right_knee", "right_hip", (0.0, -0.4215, 0.0), 20),
    ("right_ankle", "right_knee", (0.0, -0.4099, 0.0), 21),
    ("right_shoulder", "chest", (-0.024, 0.2435, 0.183), 25),
    ("right_elbow", "right_shoulder", (0.0, -0.2748, 0.0), 29),
    ("right_wrist", "right_elbow", (0.0, -0.2589, 0.0), None),
    ("left_hip", "root", (0.0, 0.0, -0.085), 30),
    ("left_knee", "left_hip", (0.0, -0.4215, 0.0), 34),
    ("left_ankle", "left_knee", (0.0, -0.4099, 0.0), 35),
    ("left_shoulder", "chest", (-0.024, 0.2435, -0.183), 39),
    ("left_elbow", "left_shoulder", (0.0, -0.2748, 0.0), 43),
    ("left_wrist", "left_elbow", (0.0, -0.2589, 0.0), None),
)
_HINGES = ("right_knee", "right_elbow", "left_knee", "left_elbow")


def parse_deepmimic(text: str, name: str) -> Recording:
    """Read a clip; its frames may have any duration."""
    try:
        frames = json.loads(text)["Frames"]
        widths = {len(frame) for frame in frames}
    except (ValueError, KeyError, TypeError) as error:
        raise MotionFileError(name, "is no JSON with a list of Frames") from error
    if widths != {_WIDTH}:
        raise MotionFileError(name, f"should have {_WIDTH} values a frame")
    table = numbers([value for frame in frames for value in frame], name, "its frames")
    table = table.reshape(len(frames), _WIDTH)
    names = tuple(node[0] for node in _NODES)
    rotations = np.broadcast_to(np.eye(3), (len(table), len(names), 3, 3)).copy()
    for node, (node_name, _, _, column) in enumerate(_NODES):
        if column is None:
            continue
        if node_name in _HINGES:
            rotations[:, node] = rotation_about(2, table[:, column])
        else:
            rotations[:, node] = matrix_from_quaternion(_nonzero(table[:, column : column + 4]))
    durations = table[:-1, 0]
    if np.any(durations <= 0):
        raise MotionFileError(name, "has a frame that lasts no time")
    return Recording(
        names=names,
        parents=tuple(names.index(node[1]) if node[1] else -1 for node in _NODES),
        offsets=np.array([node[2] for node in _NODES]),
        rotations=rotations,
        root=table[:, 1:4],
        seconds=np.concatenate(([0.0], np.cumsum(durations))),
    )


def _nonzero(quaternions: Floats) -> Floats:
    """Quaternions (T, 4) of no length stand for no rotation."""
    lengths = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    return np.where(lengths < 1e-6, np.array([1.0, 0.0, 0.0, 0.0]), quaternions)
