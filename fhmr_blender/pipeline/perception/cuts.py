"""Where a movie changes to another camera angle."""

import numpy as np

from ...core.arrays import Floats
from .crops import Picture

_WIDTH, _HEIGHT = 64, 36  # samples of a frame
_ALIKE = 0.5  # correlation; in six clips neighbours have .76 and more, other scenes .26 and less
_RECOLOURED = 0.15  # share of samples that change their colour cell; other scenes .24 and more


class CutFinder:
    """Compares every frame with the one before."""

    def __init__(self, last: Floats | None = None) -> None:
        self.last = last  # (h, w, 3) samples of the last frame; what a later run goes on from

    def is_cut(self, image: Picture) -> bool:
        """Whether a new angle begins with this frame (H, W, 3)."""
        before, self.last = self.last, _samples(image)
        if before is None or before.shape != self.last.shape:
            return False
        # A flash or flare changes the colours, a fast turn the places: only a cut changes both.
        return (
            _correlation(before, self.last) < _ALIKE
            and _recoloured(before, self.last) > _RECOLOURED
        )


def _samples(image: Picture) -> Floats:
    height, width = image.shape[:2]
    rows = np.arange(_HEIGHT) * height // _HEIGHT
    columns = np.arange(_WIDTH) * width // _WIDTH
    return image[rows[:, None], columns].astype(np.float32)


def _correlation(a: Floats, b: Floats) -> float:
    """Of two frames' brightness, -1..1; flat frames are like anything."""
    a, b = (image.mean(axis=-1) - image.mean() for image in (a, b))
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 1.0 else 1.0


def _recoloured(a: Floats, b: Floats) -> float:
    """Share of samples that are in other cells of the colour cube, wherever they lie."""
    counts = [
        np.bincount((image // 64).astype(np.int64).reshape(-1, 3) @ [16, 4, 1], minlength=64)
        for image in (a, b)
    ]
    return float(np.abs(counts[0] - counts[1]).sum()) / (2 * counts[0].sum())
