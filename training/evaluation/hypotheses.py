"""How far samples can be believed: their spread against their error, the nearest of them.

Everything of the eight joints that limbs move (knees, ankles, elbows, wrists), in the pelvis' own
frame. Spread is the unbiased root mean square distance of samples from their mean.
"""

from dataclasses import dataclass, field

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.skeleton import MAIN_JOINTS

from .. import metrics
from .answers import Figure
from .clips import Case
from .methods import Drawn, Seen
from .tallies import MOVED, in_pelvis, limb_errors, misfit, nan_mean, true_in_pelvis

_LIMB_OF_MOVED = np.array([2, 3, 2, 3, 0, 1, 0, 1])  # knees, ankles, elbows, wrists: four limbs
BINS = 8


@dataclass
class Hypotheses:
    """Lists of arrays, one a clip."""

    visible: list[Bools] = field(default_factory=list)  # (T, 8)
    spread: list[Floats] = field(default_factory=list)  # (T, 8)
    error: list[Floats] = field(default_factory=list)  # (T, 8) of the mean place of all samples
    one: list[Floats] = field(default_factory=list)  # (T, 8) of the first sample
    nearest: list[Floats] = field(default_factory=list)  # (T, 8) of the best whole sample
    nearest_limbs: list[Floats] = field(default_factory=list)  # (T, 8) each limb's own best
    misfit: list[Floats] = field(default_factory=list)  # (T, 8) of samples, share of the height

    def add(self, drawn: Drawn, case: Case, seen: Seen) -> None:
        """Note the samples of one clip."""
        first = Figure(drawn.one, drawn.build, drawn.anchor.betas)
        samples, truth = in_pelvis(drawn.joints, first), true_in_pelvis(case)
        count = len(samples)
        errors = limb_errors(samples, truth)  # (S, T, 8)
        visible = case.visible[:, MOVED]
        moved = [MAIN_JOINTS[place] for place in MOVED]
        unbiased = np.sqrt(count / max(count - 1, 1))
        self.visible.append(visible)
        self.spread.append(unbiased * metrics.spread(samples[..., moved, :]))
        self.error.append(limb_errors(samples.mean(axis=0), truth))
        self.one.append(errors[0])
        self.nearest.append(nearest_samples(errors, ~visible))
        self.nearest_limbs.append(nearest_by_limb(errors, ~visible))
        figures = [Figure(posture, drawn.build, first.betas) for posture in drawn.postures]
        self.misfit.append(np.mean([misfit(figure, seen) for figure in figures], axis=0))

    def all(self, name: str) -> Floats:
        """One column over all clips."""
        return np.concatenate(getattr(self, name))

    def mean(self, name: str, visible: bool) -> float:
        """Mean over visible or over hidden joints."""
        return nan_mean(self.all(name)[self.all("visible") == visible])

    def slope(self, visible: bool) -> float:
        """True error over spread; 1 is ideal."""
        chosen = self.all("visible") == visible
        return metrics.calibration_slope(self.all("spread")[chosen], self.all("error")[chosen])

    def curve(self, visible: bool) -> Floats:
        """(BINS, 2) spread and error by rising spread."""
        chosen = self.all("visible") == visible
        return metrics.reliability(self.all("spread")[chosen], self.all("error")[chosen], BINS)

    @property
    def ratio(self) -> float:
        """Hidden over visible spread, against hidden over visible error; 1 is ideal."""
        spread = self.mean("spread", False) / self.mean("spread", True)
        return spread / (self.mean("error", False) / self.mean("error", True))


def nearest_samples(errors: Floats, hidden: Bools) -> Floats:
    """(T, 8) errors of the whole sample that is best on hidden joints, from (S, T, 8).

    Where nothing is hidden: of the best on all joints.
    """
    asked = np.where(hidden.any(axis=1, keepdims=True), hidden, True)
    total = (errors * asked).sum(axis=-1)  # (S, T)
    return errors[np.argmin(total, axis=0), np.arange(errors.shape[1])]


def nearest_by_limb(errors: Floats, hidden: Bools) -> Floats:
    """(T, 8) as `nearest_samples`, each limb from its own best sample."""
    best = np.empty(errors.shape[1:])
    for limb in range(4):
        joints = limb == _LIMB_OF_MOVED
        best[:, joints] = nearest_samples(errors[..., joints], hidden[:, joints])
    return best
