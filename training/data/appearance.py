"""How a rendered person looks: skin, hair, clothing by region of the T-posed body, looseness.

Regions are cut in the template's own T-pose (`body` frame: y up, +x to its left, +z forward), so
hems and sleeves are sharp at any resolution: the fragment shader decides by the rest position.
"""

from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import JOINT_INDEX

SKIN_LIGHT = np.array([0.92, 0.74, 0.63])
TIGHT, LOOSE, WIDE = 0.006, 0.035, 0.065  # metres off the skin at most, where cloth hangs freely
SKIN_DARK = np.array([0.25, 0.15, 0.10])


@dataclass(frozen=True, eq=False)
class BodyMarks:
    """Where things are on the T-posed template, metres, `body` frame."""

    neck_y: float
    head_y: float  # the head joint
    top_y: float
    shoulder_x: float
    wrist_x: float
    waist_y: float
    crotch_y: float
    knee_y: float
    ankle_y: float
    nose: Floats  # (3,) tip
    eyes: Floats  # (2, 3) left, right
    mouth: Floats  # (3,)


def body_marks(rest_vertices: Floats, rest_joints: Floats) -> BodyMarks:
    """Read the marks off the mesh. Args: (V, 3) template and (24, 3) its joints."""
    joint = {name: rest_joints[index] for name, index in JOINT_INDEX.items()}
    head = rest_vertices[
        (rest_vertices[:, 1] > joint["neck"][1]) & (np.abs(rest_vertices[:, 0]) < 0.012)
    ]
    nose = head[np.argmax(head[:, 2])]
    top = float(rest_vertices[:, 1].max())
    unit = (top - joint["neck"][1]) / 0.27  # face sizes below are of an adult's head, 0.27 m
    front = rest_vertices[rest_vertices[:, 2] > nose[2] - 0.08 * unit]

    def on_face(x: float, y: float) -> Floats:
        wanted = nose[:2] + unit * np.array([x, y])
        near = np.linalg.norm(front[:, :2] - wanted, axis=1)
        return np.array([*wanted, front[np.argmin(near), 2]])

    return BodyMarks(
        neck_y=float(joint["neck"][1]),
        head_y=float(joint["head"][1]),
        top_y=top,
        shoulder_x=float(joint["left_shoulder"][0]),
        wrist_x=float(joint["left_wrist"][0]),
        waist_y=float(joint["spine1"][1]),
        crotch_y=float(joint["left_hip"][1] - 0.08),
        knee_y=float(joint["left_knee"][1]),
        ankle_y=float(joint["left_ankle"][1]),
        nose=nose,
        eyes=np.stack((on_face(0.032, 0.035), on_face(-0.032, 0.035))),
        mouth=on_face(0.0, -0.038),
    )


@dataclass(frozen=True, eq=False)
class Appearance:
    """One person's look; names ending in `_y`, `_x` are places on the template."""

    skin: Floats  # (3,) linear colours 0..1
    hair: Floats
    top: Floats  # (2, 3) the two colours of its pattern
    bottom: Floats  # (2, 3)
    shoes: Floats  # (3,)
    lips: Floats
    patterns: tuple[int, int]  # of top and bottom: 0 plain, 1 stripes, 2 upright stripes, 3 checks
    pattern_size: tuple[float, float]  # metres
    waist_y: float
    collar_y: float
    sleeve_x: float
    hem_y: float
    shoe_y: float
    hairline: tuple[float, float]  # y at the front and at the back of the head
    loose: tuple[float, float]  # metres off the skin, top and bottom
    folds: float  # 0..1 of the looseness that comes and goes over the cloth
    fold_phase: tuple[float, float, float]  # where the folds lie, radians
    hair_volume: float  # metres


def random_appearance(rng: np.random.Generator, marks: BodyMarks) -> Appearance:
    """Draw a look."""
    tone = rng.random()
    skin = SKIN_LIGHT * (1 - tone) + SKIN_DARK * tone
    skin = np.clip(skin * rng.normal(1, 0.05, 3), 0.05, 1)
    grey = rng.uniform(0.02, 0.7)
    hair_tints = ((0.05, 0.04, 0.03), (0.25, 0.14, 0.07), (0.6, 0.45, 0.2), (grey, grey, grey))
    hair = np.array(hair_tints[rng.choice(4, p=(0.45, 0.3, 0.13, 0.12))]) * rng.uniform(0.7, 1.2)
    top, bottom = _cloth(rng), _cloth(rng)
    if rng.random() < 0.12:
        bottom = top
    sleeve = rng.choice((0.0, 0.3, 0.45, 0.97), p=(0.08, 0.3, 0.17, 0.45)) + rng.normal(0, 0.02)
    leg = rng.choice((0.15, 0.45, 0.7, 0.97), p=(0.07, 0.22, 0.1, 0.61)) + rng.normal(0, 0.02)
    loose_fit = rng.choice((LOOSE, WIDE, TIGHT), p=(0.35, 0.25, 0.4))
    bare_feet = rng.random() < 0.15
    short = rng.random()
    back = marks.nose[1] - 0.02 if short < 0.55 else marks.neck_y + 0.01
    front = marks.nose[1] + rng.uniform(0.07, 0.10)
    if short < 0.08:  # bald
        front = back = marks.top_y + 1.0
    return Appearance(
        skin=skin,
        hair=np.clip(hair, 0, 1),
        top=top,
        bottom=bottom,
        shoes=_colour(rng) * rng.choice((0.2, 0.6, 1.0)),
        lips=np.clip(skin * np.array([0.85, 0.5, 0.5]), 0, 1),
        patterns=(
            int(rng.choice(4, p=(0.55, 0.2, 0.1, 0.15))),
            int(rng.choice(4, p=(0.85, 0.03, 0.06, 0.06))),
        ),
        pattern_size=(float(rng.uniform(0.02, 0.12)), float(rng.uniform(0.02, 0.1))),
        waist_y=marks.waist_y + rng.uniform(-0.14, -0.02),
        collar_y=marks.neck_y + rng.uniform(-0.05, 0.02),
        sleeve_x=marks.shoulder_x + float(sleeve) * (marks.wrist_x - marks.shoulder_x),
        hem_y=marks.crotch_y + float(leg) * (marks.ankle_y - marks.crotch_y),
        shoe_y=-10.0 if bare_feet else marks.ankle_y + rng.uniform(-0.03, 0.06),
        hairline=(float(front), float(back)),
        loose=(float(rng.uniform(0, loose_fit)), float(rng.uniform(0, loose_fit))),
        folds=float(rng.uniform(0.0, 0.7)),
        fold_phase=tuple(rng.uniform(0, 2 * np.pi, 3).tolist()),
        hair_volume=float(rng.uniform(0.003, 0.03)),
    )


def shell_offsets(appearance: Appearance, marks: BodyMarks, rest_vertices: Floats) -> Floats:
    """How far (V,) each vertex is pushed out along its normal by cloth, hair and soles, metres."""
    x, y = np.abs(rest_vertices[:, 0]), rest_vertices[:, 1]
    on_trunk = x < marks.shoulder_x
    # Looseness grows from the shoulders down and along the sleeve, as cloth hangs.
    hang = np.clip((marks.neck_y - y) / (marks.neck_y - marks.waist_y), 0.15, 1.0)
    along_sleeve = np.clip((x - marks.shoulder_x) / (marks.wrist_x - marks.shoulder_x), 0, 1)
    top = (y > appearance.waist_y) & (x < appearance.sleeve_x)
    top &= (y < appearance.collar_y + np.maximum(x - 0.07, 0.0)) | ~on_trunk
    bottom = (y <= appearance.waist_y) & (y > appearance.hem_y) & (x < marks.wrist_x * 0.7)
    offset = np.where(top, appearance.loose[0] * np.where(on_trunk, hang, 0.4 + along_sleeve), 0.0)
    leg = np.clip((appearance.waist_y - y) / (appearance.waist_y - marks.ankle_y), 0, 1)
    offset = np.where(bottom, appearance.loose[1] * (0.3 + 0.7 * leg), offset)
    offset = offset * (1.0 - appearance.folds * _folds(rest_vertices, appearance.fold_phase))
    offset = np.where((top | bottom) & (offset < 0.002), 0.002, offset)
    offset = np.where(is_hair(appearance, marks, rest_vertices), appearance.hair_volume, offset)
    return np.where(y < appearance.shoe_y, 0.004, offset)


def _folds(points: Floats, phase: tuple[float, float, float]) -> Floats:
    """0..1 (V,) over rest positions (V, 3): bulges a hand's breadth wide, longer upright."""
    waves = np.sin(points * np.array([38.0, 15.0, 31.0]) + np.array(phase))
    return 0.5 + 0.5 * waves[:, 0] * waves[:, 2] * (0.6 + 0.4 * waves[:, 1])


def is_hair(appearance: Appearance, marks: BodyMarks, points: Floats) -> Floats:
    """(N,) True where hair grows on rest positions (N, 3)."""
    front, back = appearance.hairline
    depth = np.clip((marks.nose[2] - points[:, 2] - 0.03) / 0.09, 0, 1)  # 0 at the forehead
    line = front + (back - front) * depth
    return (points[:, 1] > line) & (np.abs(points[:, 0]) < marks.shoulder_x * 0.8)


def _colour(rng: np.random.Generator) -> Floats:
    """A colour of daily life: often dull or dark, sometimes loud."""
    value = rng.beta(1.2, 1.4)
    strength = rng.beta(1.0, 1.8)
    hue = rng.random(3)
    hue = hue / max(hue.max(), 1e-3)
    return np.clip(value * ((1 - strength) + strength * hue), 0.01, 1.0)


def _cloth(rng: np.random.Generator) -> Floats:
    first = _colour(rng)
    second = np.clip(first * rng.uniform(0.4, 1.6), 0, 1) if rng.random() < 0.5 else _colour(rng)
    return np.stack((first, second))
