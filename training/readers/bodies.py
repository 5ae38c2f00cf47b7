"""The licensed bodies that the truth of a dataset is told on, for those who hold them."""

from functools import cache
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.skeleton import forward_kinematics
from fhmr_blender.core.smpl_pickle import as_array
from fhmr_blender.errors import FhmrError

from .pickles import open_pickle

_GENDERS = {"m": "male", "f": "female", "n": "neutral"}
_OLD_NAMES = {
    "male": "basicmodel_m_lbs_10_207_0_v1.0.0.pkl",
    "female": "basicmodel_f_lbs_10_207_0_v1.0.0.pkl",
    "neutral": "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
}
# SMPL-X's joints for SMPL's 24: its first 22, and the middle fingers' roots for the hands.
_SMPLX_JOINTS = (*range(22), 28, 43)


def smpl_body(folder: Path | None, gender: str) -> Body | None:
    """SMPL of one gender out of a folder; None where no folder is named.

    Raises:
        FhmrError: The folder does not hold it.
    """
    if folder is None:
        return None
    kind = _gender(gender)
    names = (f"SMPL_{kind.upper()}.pkl", f"SMPL_{kind.upper()}.npz", _OLD_NAMES[kind])
    return _loaded(_first(folder, names, "SMPL"))


def smplx_rest_joints(folder: Path, gender: str, betas: Floats) -> Floats:
    """(24, 3) rest joints of SMPL-X's shape where SMPL has its own, metres.

    Raises:
        FhmrError: The folder does not hold the model.
    """
    kind = _gender(gender).upper()
    template, directions, regressor = _smplx(
        _first(folder, (f"SMPLX_{kind}.npz", f"SMPLX_{kind}.pkl"), "SMPL-X")
    )
    shaped = template + directions[..., : len(betas)] @ betas
    return (regressor @ shaped)[list(_SMPLX_JOINTS)]


def posed_joints(rest_joints: Floats, rotations: Floats, transl: Floats) -> Floats:
    """(T, 24, 3) joints in the frame of the pelvis' rotations (T, 24, 3, 3)."""
    return forward_kinematics(rotations, rest_joints)[1] + (rest_joints[0] + transl)[:, None]


@cache
def _loaded(path: Path) -> Body:
    return load_body(path)


@cache
def _smplx(path: Path) -> tuple[Floats, Floats, Floats]:
    """Template (V, 3), shape directions (V, 3, n), joint regressor (J, V)."""
    names = ("v_template", "shapedirs", "J_regressor")
    if path.suffix == ".pkl":
        entries = open_pickle(path)
        held = [np.asarray(as_array(entries.value(name)), dtype=float) for name in names]
    else:
        with np.load(path, allow_pickle=False) as archive:
            held = [archive[name].astype(float) for name in names]
    template, directions, regressor = held
    if regressor.ndim != 2 or len(regressor) <= max(_SMPLX_JOINTS):
        raise FhmrError(f"{path} is no SMPL-X model.", "Choose SMPLX_NEUTRAL.npz or its like.")
    return template, directions, regressor


def _first(folder: Path, names: tuple[str, ...], kind: str) -> Path:
    for place in (folder, folder / kind.lower().replace("-", "")):
        for name in names:
            if (place / name).is_file():
                return place / name
    raise FhmrError(
        f"{folder} holds none of {', '.join(names)}.",
        f"Put the {kind} model there as its makers distribute it, or name its folder by --bodies.",
    )


def _gender(word: str) -> str:
    return _GENDERS.get(word[:1].lower(), "neutral")
