"""Exponential maps as comma-separated text, one frame a line, with a skeleton in JSON.

A line holds the root's position, then one rotation vector r a node; the parent-relative rotation
(for column vectors) is exp(-[r]).

Source: Taylor, Hinton and Roweis, Modeling Human Motion Using Binary Latent Variables, 2006, and
the preprocessing that later work on motion prediction took over from it.
"""

import json

import numpy as np

from fhmr_blender.core.rotations import matrix_from_axis_angle

from .recording import MotionFileError, Recording, numbers

# Names of the nodes of the skeleton file, which has none: the converter's joints and their ends.
NODE_NAMES = (
    "Hips",
    *("LHipJoint", "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase", "LeftToeBase_end"),
    *("RHipJoint", "RightUpLeg", "RightLeg", "RightFoot", "RightToeBase", "RightToeBase_end"),
    *("LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head", "Head_end"),
    *("LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "LeftFingerBase", "LeftHandIndex1"),
    *("LeftHandIndex1_end", "LThumb", "LThumb_end"),
    *("RightShoulder", "RightArm", "RightForeArm", "RightHand", "RightFingerBase"),
    *("RightHandIndex1", "RightHandIndex1_end", "RThumb", "RThumb_end"),
)


def parse_expmap(text: str, skeleton_json: str, name: str, fps: float = 30.0) -> Recording:
    """Read a clip; offsets and positions stay in the skeleton file's units."""
    try:
        skeleton = json.loads(skeleton_json)
        parents = tuple(int(parent) for parent in skeleton["parent"])
        offsets = np.array(skeleton["offset_asf_units"], dtype=float)
    except (ValueError, KeyError, TypeError) as error:
        raise MotionFileError(name, "has no readable skeleton beside it") from error
    if len(parents) != len(NODE_NAMES) or offsets.shape != (len(NODE_NAMES), 3):
        raise MotionFileError(name, f"needs a skeleton of {len(NODE_NAMES)} nodes")
    lines = [line.split(",") for line in text.splitlines() if line.strip()]
    width = 3 + 3 * len(NODE_NAMES)
    wrong = [number for number, line in enumerate(lines, start=1) if len(line) != width]
    if wrong or not lines:
        where = f"line {wrong[0]}" if wrong else "it"
        raise MotionFileError(name, f"should have {width} values a line; {where} has not")
    table = numbers([word for line in lines for word in line], name, "its frames")
    table = table.reshape(len(lines), width)
    vectors = table[:, 3:].reshape(len(lines), len(NODE_NAMES), 3)
    return Recording(
        names=NODE_NAMES,
        parents=parents,
        offsets=offsets,
        rotations=matrix_from_axis_angle(-vectors),
        root=table[:, :3],
        seconds=np.arange(len(lines)) / fps,
    )
