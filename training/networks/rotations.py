"""6D rotations in torch; the same conventions as `fhmr_blender.core.rotations`.

Source: Zhou et al., On the Continuity of Rotation Representations, 2019.
"""

import torch
from torch import Tensor

_TINY = 1e-8


def matrix_from_sixd(sixd: Tensor) -> Tensor:
    """(..., 6) -> (..., 3, 3) proper rotations by Gram-Schmidt."""
    first = _unit(sixd[..., :3])
    second = sixd[..., 3:]
    second = _unit(second - (first * second).sum(-1, keepdim=True) * first)
    return torch.stack((first, second, _cross(first, second)), dim=-1)


def sixd_from_matrix(matrix: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 6): first column, then second."""
    return torch.cat((matrix[..., :, 0], matrix[..., :, 1]), dim=-1)


def geodesic_angle(first: Tensor, second: Tensor) -> Tensor:
    """Angle in radians (...,) between rotations (..., 3, 3). No gradient at zero and at pi."""
    chord = (first - second).flatten(-2).norm(dim=-1)
    return 2.0 * torch.asin((chord / 8.0**0.5).clamp(max=1.0))


def _unit(vector: Tensor) -> Tensor:
    return vector / (vector.square().sum(-1, keepdim=True) + _TINY).sqrt()


def _cross(a: Tensor, b: Tensor) -> Tensor:
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return torch.stack((x, y, z), dim=-1)
