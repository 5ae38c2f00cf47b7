"""Ten shape directions: stature, bulk at that stature, and the eight largest of what is left."""

from dataclasses import dataclass, replace

import numpy as np

from fhmr_blender.core.arrays import Floats

from .surface import Surface

PRINCIPAL = 8


@dataclass(frozen=True, eq=False)
class ShapeSpace:
    """SMPL's linear shape space; every beta has variance 1 over the population."""

    v_template: Floats  # (V, 3) metres
    shapedirs: Floats  # (V, 3, 10) metres per beta
    beta_names: tuple[str, ...]  # 10
    explained: float  # share of the population's variance

    def symmetric(self, surface: Surface) -> "ShapeSpace":
        """The same space with the last bits of rounding made alike on both sides."""
        template = 0.5 * (self.v_template + surface.mirror(self.v_template))
        directions = np.moveaxis(self.shapedirs, -1, 0)  # (10, V, 3)
        directions = 0.5 * (directions + surface.mirror(directions))
        shapedirs = np.moveaxis(directions, 0, -1)
        return replace(self, v_template=template, shapedirs=shapedirs)

    def nearest(self, vertices: Floats) -> Floats:
        """The bodies (S, V, 3) of the space that come closest to given ones."""
        directions = self.shapedirs.reshape(-1, self.shapedirs.shape[-1])
        flat = (vertices - self.v_template).reshape(len(vertices), -1)
        gram = directions.T @ directions
        betas = np.linalg.solve(gram, directions.T @ flat.T).T
        return (betas @ directions.T).reshape(vertices.shape) + self.v_template


def fit_shape_space(vertices: Floats, stature: Floats, volume: Floats) -> ShapeSpace:
    """Fit to T-posed people (S, V, 3) with stature (S,) m and volume (S,) m^3."""
    template = vertices.mean(0, dtype=np.float64)
    rest = vertices.reshape(len(vertices), -1) - template.ravel().astype(np.float32)
    total = float(np.sum(rest.astype(np.float64) ** 2))
    tall = _standardised(stature)
    log_volume = np.log(volume) - np.log(volume).mean()
    bulky = _standardised(log_volume - (log_volume @ tall) / len(tall) * tall)
    directions: list[Floats] = []
    for score in (tall, bulky):
        direction = score.astype(np.float32) @ rest / np.float32(len(score))
        rest = rest - score[:, None].astype(np.float32) * direction
        directions.append(direction.astype(np.float64))

    # Eigenvectors of the small S x S matrix: the same components as of the covariance.
    values, vectors = np.linalg.eigh((rest @ rest.T).astype(np.float64))
    for component in range(1, PRINCIPAL + 1):
        score = vectors[:, -component] * np.sqrt(len(rest))
        direction = (score.astype(np.float32) @ rest).astype(np.float64) / len(rest)
        directions.append(direction * np.sign(direction[np.argmax(np.abs(direction))]))
    left = float(values[:-PRINCIPAL].sum())
    return ShapeSpace(
        v_template=template,
        shapedirs=np.stack(directions, -1).reshape(*template.shape, -1),
        beta_names=("stature", "bulk", *(f"shape {n}" for n in range(1, PRINCIPAL + 1))),
        explained=1.0 - left / total,
    )


def _standardised(values: Floats) -> Floats:
    centred = values - values.mean()
    return centred / np.sqrt(np.mean(centred**2))
