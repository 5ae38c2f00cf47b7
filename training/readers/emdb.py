"""EMDB: `P<n>/<sequence>/P<n>_<sequence>_data.pkl` with `images/00000.jpg` beside it.

Source: Kaufmann et al., EMDB: The Electromagnetic Database of Global 3D Human Pose and Shape in
the Wild, 2023. EMDB-1 is measured in the camera's space, EMDB-2 in the world.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.errors import FhmrError

from .bodies import posed_joints, smpl_body
from .pickles import open_pickle
from .recorded import Recorded

NAME = "EMDB"


def sequences(data: Path, bodies: Path | None, part: str = "emdb1") -> Iterator[Recorded]:
    """Every sequence of one part.

    Args:
        data: The dataset's folder.
        bodies: SMPL of both genders; the joints need it.
        part: "emdb1" or "emdb2".

    Raises:
        FhmrError: The layout is another one, a file is damaged, or SMPL is missing.
    """
    paths = sorted(data.glob("P*/*/*_data.pkl"))
    if not paths:
        raise FhmrError(
            f"There is no sequence in {data}.", "Name the folder that holds P0, P1 and so on."
        )
    if bodies is None:
        raise FhmrError(
            "EMDB's joints come out of SMPL.", "Name the folder with SMPL's files by --bodies."
        )
    for path in paths:
        if open_pickle(path).number(part):
            yield _sequence(path, bodies)


def _sequence(path: Path, bodies: Path) -> Recorded:
    entries = open_pickle(path)
    smpl, camera = entries.table("smpl"), entries.table("camera")
    root = smpl.array("poses_root", -1, 3)
    poses = np.concatenate((root, smpl.array("poses_body", -1, 69)), axis=1)
    betas = smpl.array("betas", 10)
    rotations = matrix_from_axis_angle(poses.reshape(-1, 24, 3))
    body = smpl_body(bodies, str(entries.value("gender")))
    if body is None:
        raise ValueError("a folder of bodies was named and none was read")
    lens = camera.array("intrinsics", 3, 3)
    boxes = entries.table("bboxes").array("bboxes", -1, 4)
    folder = path.parent / "images"
    return Recorded(
        name=path.stem.removesuffix("_data"),
        dataset=NAME,
        pictures=tuple(folder / f"{frame:05d}.jpg" for frame in range(len(poses))),
        size=(int(camera.number("width")), int(camera.number("height"))),
        intrinsics=np.array([lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]]),
        T_cam_from_world=camera.array("extrinsics", -1, 4, 4),
        rotations=rotations,
        joints=posed_joints(body.rest_joints(betas), rotations, smpl.array("trans", -1, 3)),
        betas=betas,
        valid=entries.array("good_frames_mask", -1) > 0.5,
        boxes=boxes,
        body=body,
    )
