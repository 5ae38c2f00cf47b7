"""What the weights should reach, beside what they reach: the first table of the page."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .measuring import LANDMARKS, REGRESSION, SHOWN, Measured
from .tallies import TORSO

_HALF, _RARE = 0.50, 0.40  # shares by which the landmark network should be beaten
_NEAREST = 0.35  # share by which the nearest sample should beat regression on hidden limbs
_TORSO_WORSE = 0.02
_SLOPE = (0.8, 1.25)
_STAYS = 1.25  # a sample's distance to the picture over the shown answer's
_WITHIN = 0.2


@dataclass(frozen=True)
class Aim:
    """One line: what is asked, what was found, whether that is enough."""

    asked: str
    found: str
    met: bool

    def row(self) -> str:
        """Of a Markdown table."""
        return f"| {self.asked} | {self.found} | {'yes' if self.met else '**no**'} |"


def aims(windows: Mapping[str, Measured], singles: Mapping[str, Measured]) -> tuple[Aim, ...]:
    """Every aim that the measured methods allow to judge; clips and pictures of each split."""
    found = [
        _below("MPJPE", "main", _HALF, windows, False),
        _below("PA-MPJPE", "aligned", _HALF, windows, False),
        _below("PA-MPJPE, rare half", "aligned", _RARE, windows, True),
    ]
    if all(REGRESSION in measured.tallies for measured in windows.values()):
        found += [
            _nearest(windows),
            _against_regression(windows),
            _torso(windows),
        ]
    if singles:
        found.append(_picture(singles))
    return (*found, *_calibrated(windows))


def _below(
    figure: str, column: str, share: float, windows: Mapping[str, Measured], rare: bool
) -> Aim:
    """How far the shown answer lies below the landmark network's own 3D."""
    gains: dict[str, float] = {}
    for split, measured in windows.items():
        frames = measured.frames.rare_half if rare else None
        shown = measured.tallies[SHOWN].mean(column, frames)
        gains[split] = 1.0 - shown / measured.tallies[LANDMARKS].mean(column, frames)
    return Aim(
        f"{figure} at least {share:.0%} below the landmark network",
        _each({split: f"{gain:.0%}" for split, gain in gains.items()}),
        all(gain >= share for gain in gains.values()),
    )


def _hidden(measured: Measured, method: str) -> float:
    """Metres, hidden limb joints in the pelvis' own frame."""
    return measured.tallies[method].where("limbs", ~measured.hypotheses.all("visible"))


def _nearest(windows: Mapping[str, Measured]) -> Aim:
    gains = {
        split: 1.0 - measured.hypotheses.mean("nearest", False) / _hidden(measured, REGRESSION)
        for split, measured in windows.items()
    }
    return Aim(
        f"nearest sample, hidden non-torso joints, at least {_NEAREST:.0%} below regression",
        _each({split: f"{gain:.0%}" for split, gain in gains.items()}),
        all(gain >= _NEAREST for gain in gains.values()),
    )


def _against_regression(windows: Mapping[str, Measured]) -> Aim:
    pairs = {
        split: (_hidden(measured, SHOWN), _hidden(measured, REGRESSION))
        for split, measured in windows.items()
    }
    return Aim(
        "shown answer better than regression, hidden non-torso joints, mm",
        _each({split: f"{1e3 * a:.0f} / {1e3 * b:.0f}" for split, (a, b) in pairs.items()}),
        all(here < there for here, there in pairs.values()),
    )


def _torso(windows: Mapping[str, Measured]) -> Aim:
    ratios: dict[str, float] = {}
    for split, measured in windows.items():
        here, there = (
            measured.tallies[name].mean("joints", None, TORSO) for name in (SHOWN, REGRESSION)
        )
        ratios[split] = here / there - 1.0
    return Aim(
        f"torso no more than {_TORSO_WORSE:.0%} worse than regression",
        _each({split: f"{ratio:+.1%}" for split, ratio in ratios.items()}),
        all(ratio <= _TORSO_WORSE for ratio in ratios.values()),
    )


def _picture(singles: Mapping[str, Measured]) -> Aim:
    """Mean distance to the picture on limb joints that are truly visible; all of it aligned."""
    ratios: dict[str, float] = {}
    for split, measured in singles.items():
        offered = measured.offered
        shown = measured.tallies[SHOWN].where("misfit", offered.all("visible"))
        ratios[split] = offered.mean("misfit", True) / shown
    return Aim(
        f"pictures: offered samples' 2D error on visible joints at most {_STAYS:g} times the shown "
        "answer's",
        _each({split: _number(ratio) for split, ratio in ratios.items()}),
        all(ratio <= _STAYS for ratio in ratios.values()),
    )


def _calibrated(windows: Mapping[str, Measured]) -> tuple[Aim, ...]:
    found: list[Aim] = []
    for visible, title in ((True, "visible"), (False, "hidden")):
        slopes = {split: each.hypotheses.slope(visible) for split, each in windows.items()}
        found.append(
            Aim(
                f"calibration slope on {title} joints {_SLOPE[0]:g} to {_SLOPE[1]:g}",
                _each({split: f"{slope:.2f}" for split, slope in slopes.items()}),
                all(_SLOPE[0] <= slope <= _SLOPE[1] for slope in slopes.values()),
            )
        )
    ratios = {split: each.hypotheses.ratio for split, each in windows.items()}
    found.append(
        Aim(
            f"hidden / visible spread within {_WITHIN:.0%} of hidden / visible error",
            _each({split: f"{ratio - 1:+.0%}" for split, ratio in ratios.items()}),
            all(abs(ratio - 1.0) <= _WITHIN for ratio in ratios.values()),
        )
    )
    return tuple(found)


def _number(value: float) -> str:
    """A dash where nothing was well seen."""
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _each(texts: Mapping[str, str]) -> str:
    return ", ".join(f"{split} {text}" for split, text in texts.items())
