"""A body in SMPL's form: shape, joints and skin as functions of betas and rotations.

Source: Loper et al., SMPL: A Skinned Multi-Person Linear Model, 2015.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import FhmrError
from .arrays import Floats
from .body_file import BETA_COUNT, BodyArrays, read_body_file
from .model_folder import models_folder
from .skeleton import PARENTS, forward_kinematics

BODY_NAMES = ("neutral", "male", "female")
_FRAMES_AT_ONCE = 32  # bounds the memory of `vertices` to about 40 MB
_STATURE_ROUNDS = 5  # Newton steps; the highest and lowest vertex change at most once or twice
# Metres of joint error that one unit of beta must gain; without it betas reach 4 for nothing.
_JOINT_PRIOR = 0.01
_SURFACE_WEIGHT = 1.0  # mean vertex against mean joint, where both bodies have the same mesh


@dataclass(frozen=True, eq=False)
class Body(BodyArrays):
    """The arrays of a body file, and what SMPL computes from them."""

    @cached_property
    def joint_template(self) -> Floats:
        """(24, 3) rest joints at betas 0."""
        return self.J_regressor @ self.v_template.astype(float)

    @cached_property
    def joint_shapedirs(self) -> Floats:
        """(24, 3, 10) metres per beta."""
        return np.einsum("jv,vik->jik", self.J_regressor, self.shapedirs.astype(float))

    def rest_vertices(self, betas: Floats) -> Floats:
        """(10,) -> (V, 3) T-pose, before any pose corrective."""
        return self.v_template + self.shapedirs @ betas.astype(self.shapedirs.dtype)

    def rest_joints(self, betas: Floats) -> Floats:
        """(..., 10) -> (..., 24, 3) T-pose."""
        offsets = np.einsum("jik,...k->...ji", self.joint_shapedirs, betas)
        return self.joint_template + offsets

    def stature(self, betas: Floats) -> Floats:
        """(..., 10) -> (...) metres from sole to crown, barefoot, upright."""
        heights = self.v_template[:, 1] + betas @ self.shapedirs[:, 1].T.astype(betas.dtype)
        return heights.max(-1) - heights.min(-1)

    def outer_rotations(self, rotations: Floats) -> Floats:
        """Parent-relative (..., 24, 3, 3) -> every joint in the outer frame (..., 24, 3, 3)."""
        return forward_kinematics(rotations, self.joint_template)[0]

    def joints(self, rotations: Floats, betas: Floats, transl: Floats) -> Floats:
        """Posed joints.

        Args:
            rotations: (..., 24, 3, 3); the pelvis in the outer frame, the others parent-relative.
            betas: (10,) or (..., 10).
            transl: (..., 3) metres, SMPL's: the pelvis joint is `transl` + its rest place.

        Returns:
            (..., 24, 3) metres, outer frame.
        """
        rest = self.rest_joints(betas)
        _, relative = forward_kinematics(rotations, rest)
        return relative + (rest[..., 0, :] + transl)[..., None, :]

    def vertices(self, rotations: Floats, betas: Floats, transl: Floats) -> Floats:
        """Posed skin, in the precision of the body's arrays.

        Args:
            rotations: (T, 24, 3, 3) or (24, 3, 3), as for `joints`.
            betas: (10,), one shape for all frames.
            transl: (T, 3) or (3,) metres, SMPL's.

        Returns:
            (T, V, 3) or (V, 3) metres, outer frame.
        """
        if rotations.ndim == 3:
            return self.vertices(rotations[None], betas, transl[None])[0]
        rest = self.rest_joints(betas)
        outer, relative = forward_kinematics(rotations, rest)
        joints = relative + rest[0]
        shifts = joints - (outer @ rest[..., None])[..., 0]
        transforms = np.concatenate((outer, shifts[..., None]), -1)  # (T, 24, 3, 4)
        features = (rotations[:, 1:] - np.eye(3)).reshape(len(rotations), -1)  # (T, 207)
        shaped = self.rest_vertices(betas)
        posed = np.empty((len(rotations), *shaped.shape), shaped.dtype)
        for start in range(0, len(rotations), _FRAMES_AT_ONCE):
            frames = slice(start, start + _FRAMES_AT_ONCE)
            posed[frames] = self._skin(shaped, features[frames], transforms[frames])
        posed += transl[:, None].astype(posed.dtype)
        return posed

    def _skin(self, shaped: Floats, features: Floats, transforms: Floats) -> Floats:
        """Linear blend skinning of (V, 3) with (T, 207) correctives and (T, 24, 3, 4)."""
        kind = shaped.dtype
        directions = self.posedirs.reshape(-1, self.posedirs.shape[-1])
        offsets = features.astype(kind) @ directions.T
        bent = offsets.reshape(len(features), *shaped.shape) + shaped
        rows = transforms.astype(kind).reshape(len(features), len(PARENTS), 12)
        skinned = np.empty_like(bent)
        for frame, row in enumerate(rows):  # one at a time: it stays in the processor's cache
            blended = (self.weights @ row).reshape(-1, 3, 4)
            np.einsum("vij,vj->vi", blended[..., :3], bent[frame], out=skinned[frame])
            skinned[frame] += blended[..., 3]
        return skinned

    @cached_property
    def has_uv(self) -> bool:
        """Whether the file carries texture coordinates."""
        return len(self.uv_faces) == len(self.faces)


def carry_shape(betas: Floats, from_body: Body, to_body: Body) -> Floats:
    """The betas (10,) of another body that put its rest joints where this shape has them.

    Least squares on the 24 joints, relative to the pelvis. What joints cannot tell (bulk) follows
    the surface where both bodies have the same mesh, and stays average otherwise. Stature is kept
    to about 5 mm: follow with `betas_for_height` where it is known exactly.
    """
    if from_body.sha256 == to_body.sha256:
        return betas.astype(float)
    wanted = from_body.rest_joints(betas.astype(float))
    missing = (wanted - wanted[0]) - (to_body.joint_template - to_body.joint_template[0])
    directions = to_body.joint_shapedirs - to_body.joint_shapedirs[0]
    rows = [directions.reshape(-1, BETA_COUNT), _JOINT_PRIOR * np.eye(BETA_COUNT)]
    goals = [missing.ravel(), np.zeros(BETA_COUNT)]
    if np.array_equal(from_body.faces, to_body.faces):
        weight = _SURFACE_WEIGHT * np.sqrt(len(PARENTS) / len(to_body.v_template))
        surface = from_body.rest_vertices(betas) - wanted[0]
        surface = surface - (to_body.v_template - to_body.joint_template[0])
        directions = to_body.shapedirs - to_body.joint_shapedirs[0]
        rows.append(weight * directions.reshape(-1, BETA_COUNT))
        goals.append(weight * surface.ravel())
    return np.linalg.lstsq(np.concatenate(rows), np.concatenate(goals), rcond=None)[0]


def betas_for_height(body: Body, betas: Floats, height: float) -> Floats:
    """The shape (10,) changed as little as can be so that it stands `height` metres tall.

    In the bodies that ship beta 0 is stature and nothing else changes; in a user's file all
    betas take their share by least squares.
    """
    betas = np.array(betas, dtype=float)
    free = np.ones(BETA_COUNT)
    if body.beta_names[0] == "stature":
        free[1:] = 0.0
    for _ in range(_STATURE_ROUNDS):
        heights = body.v_template[:, 1] + body.shapedirs[:, 1] @ betas
        highest, lowest = int(np.argmax(heights)), int(np.argmin(heights))
        slope = free * (body.shapedirs[highest, 1] - body.shapedirs[lowest, 1])
        missing = height - (heights[highest] - heights[lowest])
        betas = betas + slope * missing / max(float(slope @ slope), 1e-12)
    return betas


def body_folder() -> Path:
    """Where the bodies that ship lie."""
    return models_folder() / "body"


def load_body(name_or_path: str | Path) -> Body:
    """Load one of the bodies that ship, by name, or a user's SMPL file, by path.

    Raises:
        FhmrError: The file is missing, damaged, no SMPL body, or asks to run code.
    """
    name = str(name_or_path)
    ships = name in BODY_NAMES
    path = body_folder() / f"{name}.npz" if ships else Path(name_or_path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        remedy = "Reinstall the FHMR extension." if ships else "Check its path."
        raise FhmrError(f"The body file {path} does not exist.", remedy) from None
    except OSError as error:
        raise FhmrError(
            f"The body file {path} cannot be read ({error.strerror}).", "Check its path."
        ) from error
    except ValueError:  # a name with a null character, as only a damaged file can hold
        raise FhmrError(f"No file can have the name {name!r}.", "Check its path.") from None
    arrays = read_body_file(content, name if ships else path.name, path.name)
    return Body(**{field.name: getattr(arrays, field.name) for field in fields(arrays)})
