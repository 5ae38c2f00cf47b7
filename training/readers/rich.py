"""RICH: `<split>_body/SEQUENCE/FRAME/SUBJECT.pkl` (SMPL-X), `scan_calibration/SCENE/calibration/
CAMERA.xml` and `<split>/SEQUENCE/cam_<CAMERA>/FRAME_<CAMERA>.jpeg`.

The joints are SMPL-X's own: its first 22 are SMPL's, the middle fingers' roots stand for the
hands. Papers carry SMPL-X's skin to SMPL first, which moves joints by some millimetres, and there
is no PVE here. Lens distortion is left out.
Source: Huang et al., Capturing and Inferring Dense Full-Body Human-Scene Contact, 2022.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import Footage

from .bodies import posed_joints, smplx_rest_joints
from .pickles import Entries, open_pickle
from .recorded import Recorded

NAME = "RICH"
_ENDINGS = (".jpeg", ".jpg", ".png", ".bmp")


def sequences(data: Path, bodies: Path | None, split: str = "test") -> Iterator[Recorded]:
    """Every person of every sequence, seen by every camera that has pictures.

    Args:
        data: The dataset's folder.
        bodies: SMPL-X of each gender.
        split: "train", "val" or "test".

    Raises:
        FhmrError: The layout is another one, a file is damaged, or SMPL-X is missing.
    """
    folders = sorted(path for path in (data / f"{split}_body").glob("*") if path.is_dir())
    if not folders:
        raise FhmrError(
            f"There is no sequence in {data / f'{split}_body'}.",
            "Name the folder that holds test_body, test and scan_calibration.",
        )
    if bodies is None:
        raise FhmrError(
            "RICH's joints come out of SMPL-X.", "Name the folder with SMPL-X's files by --bodies."
        )
    genders = _genders(data)
    for folder in folders:
        for subject in sorted({path.stem for path in folder.glob("*/*.pkl")}):
            for camera in sorted((data / split / folder.name).glob("cam_*")):
                gender = genders.get(str(int(subject)), "neutral")
                yield _sequence(folder, subject, camera, data, bodies, gender)


def _sequence(
    folder: Path, subject: str, camera: Path, data: Path, bodies: Path, gender: str
) -> Recorded:
    files = sorted(folder.glob(f"*/{subject}.pkl"))
    frames = [open_pickle(path) for path in files]
    number = camera.name.removeprefix("cam_")
    pictures = tuple(_picture(camera, path.parent.name, number) for path in files)
    rotations = matrix_from_axis_angle(np.stack([_pose(entries) for entries in frames]))
    transl = np.stack([entries.array("transl", 1, 3)[0] for entries in frames])
    betas = np.mean([entries.array("betas", 1, -1)[0, :10] for entries in frames], axis=0)
    rest_joints = smplx_rest_joints(bodies, gender, betas)
    scene = folder.name.split("_")[0]
    path = data / "scan_calibration" / scene / "calibration" / f"{int(number):03d}.xml"
    intrinsics, T_cam_from_world = _calibration(path)
    return Recorded(
        name=f"{folder.name}/{subject}/{camera.name}",
        dataset=NAME,
        pictures=pictures,
        size=Footage(pictures[0]).size,
        intrinsics=intrinsics,
        T_cam_from_world=np.tile(T_cam_from_world, (len(frames), 1, 1)),
        rotations=rotations,
        joints=posed_joints(rest_joints, rotations, transl),
        betas=betas,
        valid=np.ones(len(frames), dtype=bool),
        boxes=None,
        body=None,
    )


def _pose(entries: Entries) -> Floats:
    """(24, 3) axis-angle of SMPL's joints; the hands follow the wrists."""
    root = entries.array("global_orient", 1, 3)
    body = entries.array("body_pose", 1, 63).reshape(21, 3)
    return np.concatenate((root, body, np.zeros((2, 3))))


def _picture(camera: Path, frame: str, number: str) -> Path:
    for ending in _ENDINGS:
        path = camera / f"{frame}_{number}{ending}"
        if path.is_file():
            return path
    raise FhmrError(
        f"The picture {camera / f'{frame}_{number}.jpeg'} is missing.",
        "Unpack the pictures of this sequence.",
    )


def _calibration(path: Path) -> tuple[Floats, Floats]:
    """Intrinsics (4,) and `T_cam_from_world` (4, 4) out of OpenCV's XML."""
    try:
        root = ElementTree.parse(path).getroot()
        lens = _matrix(root, "Intrinsics", 3, 3)
        T_cam_from_world = np.eye(4)
        T_cam_from_world[:3] = _matrix(root, "CameraMatrix", 3, 4)
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise FhmrError(
            f"The camera file {path} cannot be read.", "Unpack scan_calibration as it comes."
        ) from error
    return np.array([lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]]), T_cam_from_world


def _matrix(root: ElementTree.Element, name: str, rows: int, columns: int) -> Floats:
    text = root.findtext(f"{name}/data")
    if text is None:
        raise ValueError(f"no {name}")
    return np.array([float(word) for word in text.split()]).reshape(rows, columns)


def _genders(data: Path) -> dict[str, str]:
    """By subject; everybody is neutral where the dataset's table is missing."""
    path = data / "resource" / "gender.json"
    if not path.is_file():
        return {}
    table = json.loads(path.read_text(encoding="utf-8"))
    return {str(int(subject)): str(gender) for subject, gender in table.items()}
