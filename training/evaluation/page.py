"""`models/EVALUATION.md`: what was measured, in tables and pictures."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .ablation import Row, Setting, doubt_by_fifths
from .aims import aims
from .measuring import LANDMARKS, MIRRORED, SHOWN, TWICE, Measured
from .tallies import NON_TORSO, TORSO

MM = 1000.0
_TITLE = """# Figures on held-out rendered pairs

Made by `{command}`, through the pipeline's own stages and the exported networks: {samples} samples,
{steps} steps, guidance 1. No performer or take of a split was trained on; `hdm05` is a source of
its own, never trained on. Settings of the pipeline were chosen while looking at these figures.

Everything in millimetres but where it says otherwise.

- **MPJPE**, **PA-MPJPE**: the 12 joints that landmarks share with SMPL (shoulders, elbows, wrists,
  hips, knees, ankles), the hips' middle in common, or after the best similarity of each frame.
- **PVE**: all vertices of the skin, pelvis in common. **Torso**, **non-torso**: joints near the
  trunk (pelvis, hips, spine, collars, shoulders, neck) and all others, pelvis in common.
- **Visible**, **hidden**: PA-MPJPE by true visibility of the joint in the picture. A limb (head,
  arms, legs) is hidden where less than half of its landmarks are truly visible.
- **2D %**: median distance of well seen knees, ankles, elbows and wrists to their projection, in
  percent of the person's height. **Accel**: error of acceleration, m/s^2. **Jitter**: 10 m/s^3.
- **Rare half**: the frames of a split whose pose lies farther than the median from the nearest
  pose trained on ({rarity}): root mean square distance of 24 joints, upright, on one body, without
  heading, both sides.

Peers: the landmark network's own 3D; the same averaged with what it says of the flipped picture; a
plain optimisation that fits an average body in its rest pose to the landmarks in the picture (our
own alignment with a weak prior); one network of stage 1's size that regresses all joints; one flow
that generates all of them, nothing anchored. *Nearest* is chosen with the truth in hand.
"""
_LOOKED_TWICE = (
    "Looked at a second time, in the mirror, as Estimate looks at pictures (where a flipped twin "
    "was rendered).\n"
)


@dataclass(frozen=True, eq=False)
class Run:
    """Everything that one run of the evaluation found."""

    command: str
    rarity: str  # what poses are compared with
    samples: int
    steps: int
    windows: Mapping[str, Measured]
    singles: Mapping[str, Measured]
    rows: Sequence[Row]
    guided: Sequence[Setting]
    stepped: Sequence[Setting]


def write_page(path: Path, run: Run, pictures: Sequence[Path]) -> None:
    """Write the page; pictures are linked from where they lie."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page_text(run, path.parent, pictures), encoding="utf-8")


def page_text(run: Run, folder: Path, pictures: Sequence[Path]) -> str:
    """The page; `folder` is where it will lie."""
    links = {
        picture.stem: f"![{picture.stem}]({Path(os.path.relpath(picture, folder)).as_posix()})\n"
        for picture in pictures
    }
    head = _TITLE.format(
        command=run.command, samples=run.samples, steps=run.steps, rarity=run.rarity
    )
    parts = [head]
    if run.windows:
        parts += ["## What is asked, what is reached\n", _aims_table(run)]
        parts += [links.get("methods", ""), "## Clips\n"]
        parts += [_method_table(split, measured) for split, measured in run.windows.items()]
        parts += [links.get("joints", "")]
        parts += ["## Rare poses and hidden limbs\n", "PA-MPJPE.\n"]
        parts += [_level_table(split, measured) for split, measured in run.windows.items()]
        parts += ["## The flipped picture\n", _mirror_table(run.windows)]
        parts += ["## In the world\n", _world_table(run.windows)]
        parts += ["## Samples\n", _hypotheses_table(run.windows, run.singles)]
        parts += [links.get("reliability", "")]
    if run.singles:
        parts += ["## Single pictures\n", _LOOKED_TWICE]
        parts += [_method_table(split, measured) for split, measured in run.singles.items()]
    if run.guided and run.stepped:
        parts += ["## Guidance and steps\n", _sampler_text(run), links.get("sampler", "")]
    if run.rows:
        parts += ["## What each part is worth\n", _ablation_table(run.rows)]
    if run.windows:
        parts += ["## How sure the anchor is\n", _doubt_text(run.windows)]
    return "\n".join(part for part in parts if part)


def _aims_table(run: Run) -> str:
    found = aims(run.windows, run.singles)
    return _table(("aim", "found", "reached"), [aim.row() for aim in found])


def _method_table(title: str, measured: Measured) -> str:
    header = ("", "MPJPE", "PA-MPJPE", "PVE", "torso", "non-torso", "visible", "hidden")
    header += ("2D %", "accel", "jitter")
    rows: list[str] = []
    for name, tally in measured.tallies.items():
        if name == MIRRORED:
            continue  # not on all frames: it has a table of its own
        figures = [_mm(tally.mean(column)) for column in ("main", "aligned", "skin")]
        figures += [_mm(tally.mean("joints", None, part)) for part in (TORSO, NON_TORSO)]
        visible = measured.visible
        figures += [_mm(tally.where("aligned", chosen)) for chosen in (visible, ~visible)]
        figures.append(_number(100 * tally.median_misfit(), 1))
        figures.append(_number(tally.mean("acceleration"), 1))
        figures.append(_number(tally.mean("jitter"), 0))
        shown = f"**{name}**" if name == SHOWN else name
        rows.append(_row(shown, figures))
    return f"### {title}: {_counted(measured)}\n\n{_table(header, rows)}"


def _level_table(title: str, measured: Measured) -> str:
    frames = measured.frames
    hidden = frames.all("hidden_limbs")
    groups = {
        "rare half": frames.rare_half,
        "common half": ~frames.rare_half,
        "no limb hidden": hidden == 0,
        "one": hidden == 1,
        "two or more": hidden >= 2,
    }
    header = ("", *(f"{name} ({int(chosen.sum())})" for name, chosen in groups.items()))
    rows = [
        _row(name, [_mm(tally.mean("aligned", chosen)) for chosen in groups.values()])
        for name, tally in measured.tallies.items()
        if name != MIRRORED
    ]
    rarity = frames.all("rarity")
    text = (
        f"### {title}\n\nMedian distance to the nearest pose trained on: {_mm(np.median(rarity))}"
    )
    return f"{text} mm.\n\n{_table(header, rows)}"


def _mirror_table(windows: Mapping[str, Measured]) -> str:
    """The peers and the shown answer where the mirrored picture was seen as well."""
    rows: list[str] = []
    for split, measured in windows.items():
        chosen = measured.frames.all("mirrored")
        if not chosen.any():
            continue
        for name in (LANDMARKS, MIRRORED, SHOWN, TWICE):
            tally = measured.tallies[name]
            figures = [_mm(tally.mean(column, chosen)) for column in ("main", "aligned")]
            rows.append(_row(f"{split}: {name}", [str(int(chosen.sum())), *figures]))
    if not rows:
        return "No clip here has a flipped twin.\n"
    return _table(("", "frames", "MPJPE", "PA-MPJPE"), rows)


def _world_table(windows: Mapping[str, Measured]) -> str:
    rows: list[str] = []
    for split, measured in windows.items():
        for name, world in measured.worlds.items():
            figures = [_mm(_finite(values)) for values in (world.wa, world.w)]
            figures.append(_number(100 * _finite(world.way), 1))
            figures.append(_number(_finite(world.jitter), 0))
            figures.append(_number(MM * _finite(world.sliding), 1))
            rows.append(_row(f"{split}: {name}", [str(len(world.wa)), *figures]))
    if not rows:
        return "No camera moves in these clips.\n"
    header = ("", "clips", "WA-MPJPE", "W-MPJPE", "RTE %", "jitter", "foot sliding")
    text = (
        "Clips whose camera moves, before any smoothing or foot lock. Its true path is given, or "
        "its turn alone, and its walk is found as Estimate finds it. "
        "Segments are whole clips (at most 100 frames). RTE: of the root's way, where it goes "
        "30 cm or more. Foot sliding: mm a thirtieth of a second, on true contacts."
    )
    return f"{text}\n\n{_table(header, rows)}"


def _hypotheses_table(windows: Mapping[str, Measured], singles: Mapping[str, Measured]) -> str:
    text = (
        "Knees, ankles, elbows and wrists in the pelvis' own frame, visible / hidden. Slope: true "
        "error of the samples' mean over their spread, least squares through zero; 1 is ideal. "
        "Nearest: best whole sample on the hidden joints; by limb: each limb's own best. Clips as "
        "stage 2 draws them; single pictures with their limbs aligned, as an artist is offered "
        "them."
    )
    rows: list[str] = []
    sets = [(f"{split}, clips", each.hypotheses) for split, each in windows.items()]
    sets += [(f"{split}, pictures", each.offered) for split, each in singles.items()]
    for split, found in sets:
        figures = [
            _both(*(MM * found.mean(name, visible) for visible in (True, False)))
            for name in ("spread", "error", "one", "nearest", "nearest_limbs")
        ]
        figures.append(_both(found.slope(True), found.slope(False), 2))
        figures.append(f"{found.ratio:.2f}")
        figures.append(_number(100 * found.mean("misfit", True), 1))
        rows.append(_row(split, figures))
    header = ("", "spread", "error of the mean", "one sample", "nearest", "nearest by limb")
    header += ("slope", "spread ratio / error ratio", "2D % of samples")
    return f"{text}\n\n{_table(header, rows)}"


def _sampler_text(run: Run) -> str:
    """Two tables, and how far few steps are from fifty."""
    text = "Single pictures; mean of samples unaligned. Limb joints as above, visible / hidden.\n\n"
    tables = []
    for title, settings in (("guidance", run.guided), ("steps", run.stepped)):
        rows = [_setting_row(setting) for setting in settings]
        header = (title, "PA-MPJPE", "error of the mean", "one sample", "nearest", "spread")
        tables.append(_table(header, rows))
    few = [setting for setting in run.stepped if setting.value <= 4][-1]
    many = run.stepped[-1]
    error = few.tally.mean("aligned") / many.tally.mean("aligned") - 1.0
    spread = few.hypotheses.mean("spread", False) / many.hypotheses.mean("spread", False) - 1.0
    close = (
        f"{few.value:g} steps against {many.value:g}: PA-MPJPE {error:+.1%}, "
        f"spread of hidden joints {spread:+.1%} (aim: within 1 %).\n"
    )
    return text + "\n".join((*tables, close))


def _setting_row(setting: Setting) -> str:
    figures = [_number(MM * setting.tally.mean("aligned"), 1)]
    figures += [
        _both(*(MM * setting.hypotheses.mean(name, visible) for visible in (True, False)))
        for name in ("error", "one", "nearest", "spread")
    ]
    return _row(f"{setting.value:g}", figures)


def _ablation_table(rows: Sequence[Row]) -> str:
    text = "A part of the clips of all splits together, alignment included.\n\n"
    lines: list[str] = []
    for row in rows:
        if row.tally is None:
            lines.append(_row(row.name, ["-"] * 7 + [row.told]))
            continue
        hidden = ~row.frames.all("visible")
        figures = [str(row.frames.count)]
        figures += [_number(MM * row.tally.mean(name), 1) for name in ("aligned", "main", "skin")]
        figures += [
            _number(MM * row.tally.mean("joints", None, part), 1) for part in (TORSO, NON_TORSO)
        ]
        figures.append(_number(MM * row.tally.where("aligned", hidden), 1))
        lines.append(_row(row.name, [*figures, row.told]))
    header = ("", "frames", "PA-MPJPE", "MPJPE", "PVE", "torso", "non-torso", "hidden", "trained")
    return text + _table(header, lines)


def _doubt_text(windows: Mapping[str, Measured]) -> str:
    """Whether stage 1 knows where it is wrong: what adaptive factorization could build on."""
    doubt = np.concatenate([np.concatenate(each.torso_doubt) for each in windows.values()])
    errors = np.concatenate(
        [each.tallies[SHOWN].all("joints")[:, TORSO].mean(axis=1) for each in windows.values()]
    )
    rows = [
        _row(f"{np.degrees(angle):.0f}", [_mm(error)])
        for angle, error in doubt_by_fifths(doubt, errors)
    ]
    text = (
        "Fifths of all frames by the deviation that stage 1 gives its own root orientation, and "
        "the torso's true error there. What a perfect torso would give stands in the table above.\n"
    )
    return f"{text}\n{_table(('deviation, degrees', 'torso error'), rows)}"


def _counted(measured: Measured) -> str:
    return f"{measured.frames.count} frames of {len(measured.frames.rarity)}"


def _both(visible: float, hidden: float, digits: int = 0) -> str:
    return f"{_number(visible, digits)} / {_number(hidden, digits)}"


def _finite(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _mm(metres: float) -> str:
    return _number(MM * metres, 0)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def _row(name: str, figures: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(figures) + " |"


def _table(header: Sequence[str], rows: Sequence[str]) -> str:
    lines = ("| " + " | ".join(header) + " |", "|" + "---|" * len(header), *rows)
    return "\n".join(lines) + "\n"
