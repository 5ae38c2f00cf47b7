"""The pictures of the page: left orange, right blue, torso grey."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import JOINT_NAMES

from .ablation import Setting
from .hypotheses import Hypotheses
from .measuring import FIT, FLOW, LANDMARKS, REGRESSION, SHOWN, STAGE1, Measured

MM = 1000.0
LEFT, RIGHT, TORSO = "#e8862e", "#2f72b8", "#8a8a8a"
SEEN, HIDDEN = "#2b8a5b", "#a23b72"  # joints that the picture shows, and that it does not
_METHOD_COLOURS = {
    LANDMARKS: "#c9c9c9",
    FIT: "#a9a9a9",
    REGRESSION: "#c8b273",
    FLOW: "#b08d57",
    STAGE1: "#7fa98f",
    SHOWN: "#1f5f43",
}
# The same bytes on every run; letters stay letters, so that the files are small.
_STYLE = {
    "svg.hashsalt": "fhmr",
    "svg.fonttype": "none",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_all(
    folder: Path,
    windows: Mapping[str, Measured],
    guided: Sequence[Setting],
    stepped: Sequence[Setting],
) -> tuple[Path, ...]:
    """Write every picture as an SVG; returns the files in the order of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with matplotlib.rc_context(_STYLE):
        for name, sheet in (
            ("methods", _methods(windows)),
            ("joints", _joints(windows)),
            ("reliability", _reliability(windows)),
            ("sampler", _sampler(guided, stepped)),
        ):
            path = folder / f"{name}.svg"
            sheet.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
            written.append(path)
    return tuple(written)


def _methods(windows: Mapping[str, Measured]) -> Sheet:
    """PA-MPJPE of each method, all frames and the rare half, a group a split."""
    sheet = Sheet(figsize=(7.2, 2.8))
    axes = sheet.subplots()
    names = [name for name in _METHOD_COLOURS if any(name in m.tallies for m in windows.values())]
    width = 0.86 / len(names)
    for place, name in enumerate(names):
        for group, measured in enumerate(windows.values()):
            if name not in measured.tallies:
                continue
            tally, at = measured.tallies[name], group - 0.43 + (place + 0.5) * width
            label = name if group == 0 else None
            every = MM * tally.mean("aligned")
            axes.bar(at, every, 0.9 * width, color=_METHOD_COLOURS[name], label=label)
            rare = MM * tally.mean("aligned", measured.frames.rare_half)
            axes.plot([at - 0.4 * width, at + 0.4 * width], [rare, rare], color="black", lw=1.4)
    axes.plot([], [], color="black", lw=1.4, label="rare half")
    axes.set_xticks(range(len(windows)), list(windows))
    axes.set_ylabel("PA-MPJPE, mm")
    axes.legend(fontsize=7.5, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return sheet


def _joints(windows: Mapping[str, Measured]) -> Sheet:
    """The shown answer's error of every joint, all splits together."""
    errors = np.concatenate([each.tallies[SHOWN].all("joints") for each in windows.values()])
    mean = MM * errors.mean(axis=0)
    order = [joint for joint in np.argsort(mean) if joint != 0]
    sheet = Sheet(figsize=(7.2, 2.9))
    axes = sheet.subplots()
    axes.bar(range(len(order)), mean[order], color=[_side(joint) for joint in order])
    names = [JOINT_NAMES[joint].replace("_", " ") for joint in order]
    axes.set_xticks(range(len(order)), names, rotation=60, ha="right", fontsize=7.5)
    axes.set_ylabel("error, pelvis in common, mm")
    for colour, label in ((LEFT, "left"), (RIGHT, "right"), (TORSO, "middle")):
        axes.bar([0], [0], color=colour, label=label)
    axes.legend(frameon=False, fontsize=7.5, loc="upper left")
    return sheet


def _side(joint: int) -> str:
    name = JOINT_NAMES[joint]
    return LEFT if name.startswith("left") else RIGHT if name.startswith("right") else TORSO


def _reliability(windows: Mapping[str, Measured]) -> Sheet:
    """Spread of samples against their true error, by rising spread, a panel a split."""
    sheet = Sheet(figsize=(7.2, 2.6))
    panels: Floats = sheet.subplots(1, len(windows), squeeze=False, sharey=True)[0]
    for axes, (split, measured) in zip(panels, windows.items(), strict=True):
        most = 0.0
        for visible, colour, label in ((True, SEEN, "visible"), (False, HIDDEN, "hidden")):
            curve = MM * measured.hypotheses.curve(visible)
            axes.plot(curve[:, 0], curve[:, 1], "o-", color=colour, ms=3, lw=1.2, label=label)
            most = max(most, float(curve[:, 0].max()))
        axes.plot([0, most], [0, most], color="black", lw=0.7, ls=":", label="ideal")
        axes.set_title(split, fontsize=9)
        axes.set_xlabel("spread, mm")
    panels[0].set_ylabel("true error, mm")
    panels[0].legend(frameon=False, fontsize=7.5)
    return sheet


def _sampler(guided: Sequence[Setting], stepped: Sequence[Setting]) -> Sheet:
    """Error, spread and the nearest sample over guidance and over steps."""
    sheet = Sheet(figsize=(7.2, 2.8))
    panels: Floats = sheet.subplots(1, 2, sharey=True)
    for axes, settings, title in ((panels[0], guided, "guidance"), (panels[1], stepped, "steps")):
        _curves(axes, [setting.value for setting in settings], [x.hypotheses for x in settings])
        axes.set_xlabel(title)
    panels[1].set_xscale("log")
    panels[1].set_xticks([setting.value for setting in stepped])
    panels[1].set_xticklabels([f"{setting.value:g}" for setting in stepped])
    panels[1].minorticks_off()
    panels[0].set_ylabel("mm")
    panels[1].legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return sheet


def _curves(axes: Axes, values: Sequence[float], found: Sequence[Hypotheses]) -> None:
    for visible, colour, label in ((True, SEEN, "visible"), (False, HIDDEN, "hidden")):
        for name, line, title in (
            ("one", ":", "one sample"),
            ("error", "-", "mean of samples"),
            ("nearest", "-.", "nearest sample"),
            ("spread", "--", "spread"),
        ):
            height = [MM * each.mean(name, visible) for each in found]
            axes.plot(values, height, line, color=colour, lw=1.2, label=f"{title}, {label}")
