"""Figures gathered clip by clip and laid out as tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.skeleton import JOINT_INDEX, MAIN_JOINTS

from . import metrics

MM = 1000.0
_MAIN = list(MAIN_JOINTS)
_HIPS = (JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"])
# The paper's regions: near the trunk, and everything that hangs on it.
_TRUNK = [0, 1, 2, 3, 6, 9, 12, 13, 14, 16, 17]
_DISTAL = [4, 5, 7, 8, 10, 11, 15, 18, 19, 20, 21, 22, 23]
HEADER = (
    "| | MPJPE | PA-MPJPE | trunk | distal | PA seen | PA hidden | 2D % | accel | jitter |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def main_joints(joints: Floats) -> Floats:
    """(..., 24, 3) -> the 12 main joints (..., 12, 3) from the hips' middle."""
    return metrics.hip_centred(joints, *_HIPS)[..., _MAIN, :]


@dataclass
class Tally:
    """Figures of one method, gathered clip by clip; joints (T, 24, 3) from the pelvis, metres."""

    main: list[Floats] = field(default_factory=list)  # (T,) MPJPE of the main joints
    aligned: list[Floats] = field(default_factory=list)  # (T,) PA-MPJPE
    trunk: list[Floats] = field(default_factory=list)
    distal: list[Floats] = field(default_factory=list)
    seen: list[Floats] = field(default_factory=list)  # main joints that are truly visible
    hidden: list[Floats] = field(default_factory=list)
    reprojection: list[Floats] = field(default_factory=list)  # share of the person's height
    jitter: list[float] = field(default_factory=list)
    acceleration: list[float] = field(default_factory=list)

    def addmain_joints(self, joints: Floats, true_joints: Floats, visible: Bools) -> None:
        """Main joints (T, 12, 3), hips' middle in common; `visible` (T, 12)."""
        self.main.append(metrics.mpjpe(joints, true_joints))
        self.aligned.append(metrics.pa_mpjpe(joints, true_joints))
        errors = metrics.joint_errors(metrics.aligned(joints, true_joints), true_joints)
        self.seen.append(errors[visible])
        self.hidden.append(errors[~visible])

    def add(self, joints: Floats, true_joints: Floats, visible: Bools, seconds: Floats) -> None:
        """All joints (T, 24, 3) from the pelvis."""
        self.addmain_joints(main_joints(joints), main_joints(true_joints), visible)
        errors = metrics.joint_errors(joints, true_joints)
        self.trunk.append(errors[:, _TRUNK].mean(axis=1))
        self.distal.append(errors[:, _DISTAL].mean(axis=1))
        self.jitter.append(metrics.jitter(joints, seconds))
        self.acceleration.append(metrics.acceleration_error(joints, true_joints, seconds))

    def row(self, name: str) -> str:
        """One row of the table."""

        def mean(values: Sequence[Floats]) -> str:
            joined = np.concatenate(values) if values else np.zeros(0)
            return f"{MM * joined.mean():.0f}" if joined.size else "-"

        figures = [mean(self.main), mean(self.aligned), mean(self.trunk), mean(self.distal)]
        figures += [mean(self.seen), mean(self.hidden)]
        image = np.concatenate(self.reprojection) if self.reprojection else np.zeros(0)
        figures.append(f"{100 * float(np.median(image)):.1f}" if image.size else "-")
        figures += [f"{_mean(self.acceleration):.1f}", f"{_mean(self.jitter):.0f}"]
        return f"| {name} | " + " | ".join(figures) + " |"


@dataclass
class Hypotheses:
    """How samples lie about the truth; entries are joints of limbs."""

    spread_seen: list[Floats] = field(default_factory=list)
    spread_hidden: list[Floats] = field(default_factory=list)
    spread: list[Floats] = field(default_factory=list)
    error: list[Floats] = field(default_factory=list)

    def add(self, samples: Floats, true_joints: Floats, visible: Bools) -> None:
        """Samples (S, T, 24, 3) in the pelvis' frame; `visible` (T, 12) of the main joints."""
        main = samples[..., _MAIN, :]
        spread = metrics.spread(main)  # (T, 12)
        error = metrics.joint_errors(main.mean(axis=0), true_joints[..., _MAIN, :])
        # Hips and shoulders hang on the torso: no sample moves them.
        limb = np.array([joint not in _TRUNK for joint in MAIN_JOINTS])
        self.spread_seen.append(spread[visible & limb])
        self.spread_hidden.append(spread[~visible & limb])
        self.spread.append(spread[:, limb].reshape(-1))
        self.error.append(error[:, limb].reshape(-1))

    def text(self) -> str:
        """Sentences for the report."""
        spread, error = np.concatenate(self.spread), np.concatenate(self.error)
        seen, hidden = np.concatenate(self.spread_seen), np.concatenate(self.spread_hidden)
        curve = MM * metrics.reliability(spread, error, bins=5)
        steps = ", ".join(f"{here:.0f}: {there:.0f}" for here, there in curve)
        return (
            f"Spread of samples: visible {MM * seen.mean():.0f} mm, hidden "
            f"{MM * hidden.mean():.0f} mm. True error over spread: slope "
            f"{metrics.calibration_slope(spread, error):.2f}; by fifths of the spread, "
            f"spread: error in mm: {steps}."
        )


@dataclass(frozen=True, eq=False)
class Report:
    """All figures of one split."""

    tallies: dict[str, Tally]
    hypotheses: Hypotheses
    frames: int

    def text(self, title: str) -> str:
        rows = [tally.row(name) for name, tally in self.tallies.items() if tally.main]
        table = "\n".join((HEADER, *rows))
        return f"### {title}: {self.frames} frames\n\n{table}\n\n{self.hypotheses.text()}\n"


def _mean(values: Sequence[float]) -> float:
    """Of those that are numbers."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
