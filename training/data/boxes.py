"""Textured boxes: all that stands around a person, the room too, is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats, Indices, check_shapes

TEXTURE_COUNT = 8


@dataclass(frozen=True, eq=False)
class Boxes:
    """B textured boxes; a room is a box seen from inside."""

    centre: Floats  # (B, 3) metres, `world`
    half: Floats  # (B, 3) half edges, metres
    turn: Floats  # (B, 3, 3) world from box
    texture: Indices  # (B, 6) of the faces -x +x -y +y -z +z
    tint: Floats  # (B, 6, 3) linear
    tiles: Floats  # (B,) metres a repeat

    def __post_init__(self) -> None:
        check_shapes(
            self,
            centre="B 3",
            half="B 3",
            turn="B 3 3",
            texture="B 6",
            tint="B 6 3",
            tiles="B",
        )


def joined_boxes(parts: Sequence[Boxes]) -> Boxes:
    """Several boxes as one array of them."""
    names = Boxes.__annotations__
    return Boxes(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def random_colour(rng: np.random.Generator) -> Floats:
    """(3,) linear."""
    return np.clip(rng.uniform(0.1, 0.95) * rng.normal(1, 0.15, 3), 0.02, 1)


def random_box(centre: Floats, half: Floats, turn: Floats, rng: np.random.Generator) -> Boxes:
    """One box of a place with drawn surfaces."""
    tint = np.stack([random_colour(rng) for _ in range(6)])
    if rng.random() < 0.6:
        tint[:4] = tint[0]
    texture = rng.integers(TEXTURE_COUNT, size=6)
    return Boxes(
        centre=centre[None],
        half=half[None],
        turn=turn[None],
        texture=texture[None],
        tint=tint[None],
        tiles=np.exp(rng.uniform(np.log(0.4), np.log(4.0), 1)),
    )


def box_triangles(boxes: Boxes) -> Floats:
    """Corners of triangles (B * 36, 12): position, normal, texture place and layer, tint."""
    rows: list[Floats] = []
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]], dtype=float)
    for face in range(6):
        axis, sign = face // 2, 2 * (face % 2) - 1
        others = [a for a in range(3) if a != axis]
        unit = np.zeros((6, 3))
        unit[:, axis] = sign
        unit[:, others] = corner
        local = unit[None] * boxes.half[:, None]  # (B, 6, 3)
        position = np.einsum("bij,bnj->bni", boxes.turn, local) + boxes.centre[:, None]
        normal = np.zeros(3)
        normal[axis] = sign
        turned = boxes.turn @ normal  # (B, 3)
        count = len(boxes.centre)
        rows.append(
            np.concatenate(
                (
                    position,
                    np.broadcast_to(turned[:, None], (count, 6, 3)),
                    local[..., others] / boxes.tiles[:, None, None],
                    np.broadcast_to(boxes.texture[:, face, None, None], (count, 6, 1)),
                    np.broadcast_to(boxes.tint[:, face, None], (count, 6, 3)),
                ),
                axis=-1,
            )
        )
    return np.concatenate(rows, axis=1).reshape(-1, 12).astype(np.float32)
