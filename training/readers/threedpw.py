"""3DPW: `sequenceFiles/<split>/NAME.pkl` and `imageFiles/NAME/image_00000.jpg`.

Source: von Marcard et al., Recovering Accurate 3D Human Pose in The Wild Using IMUs and a Moving
Camera, 2018; the test split is what papers report.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import Footage

from .bodies import smpl_body
from .pickles import Entries, open_pickle
from .recorded import Recorded

NAME = "3DPW"


def sequences(data: Path, bodies: Path | None, split: str = "test") -> Iterator[Recorded]:
    """Every person of every sequence of one split.

    Args:
        data: The dataset's folder.
        bodies: SMPL of both genders for PVE; None leaves it out.
        split: "train", "validation" or "test".

    Raises:
        FhmrError: The layout is another one, or a file is damaged.
    """
    paths = sorted((data / "sequenceFiles" / split).glob("*.pkl"))
    if not paths:
        raise FhmrError(
            f"There is no sequence in {data / 'sequenceFiles' / split}.",
            "Name the folder that holds sequenceFiles and imageFiles.",
        )
    for path in paths:
        entries = open_pickle(path)
        for person in range(len(entries.arrays("poses", -1, 72))):
            yield _person(entries, person, path, data, bodies)


def _person(entries: Entries, person: int, path: Path, data: Path, bodies: Path | None) -> Recorded:
    poses = entries.arrays("poses", -1, 72)[person]
    count = len(poses)
    camera = entries.array("cam_intrinsics", 3, 3)
    joints = entries.arrays("jointPositions", -1, 72)[person].reshape(-1, 24, 3)
    betas = entries.arrays("betas", -1)[person][:10]
    valid = entries.arrays("campose_valid", -1)[person] > 0.5
    pictures = tuple(
        data / "imageFiles" / path.stem / f"image_{frame:05d}.jpg" for frame in range(count)
    )
    return Recorded(
        name=f"{path.stem}/{person}",
        dataset=NAME,
        pictures=pictures,
        size=Footage(pictures[0]).size,
        intrinsics=np.array([camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2]]),
        T_cam_from_world=entries.array("cam_poses", -1, 4, 4)[:count],
        rotations=matrix_from_axis_angle(poses.reshape(-1, 24, 3)),
        joints=joints[:count],
        betas=betas,
        valid=valid[:count],
        boxes=None,
        body=smpl_body(bodies, entries.texts("genders")[person]),
    )
