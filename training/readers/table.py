"""The paper's table on a dataset: `python -m training.evaluate --dataset 3dpw --data DIR`.

Metres and frames as papers have them: 24 joints, pelvis in common; the true boxes stand for the
person detector, everything else is the real front end.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.weights import load_networks

from .. import metrics
from ..evaluation.answers import Figure
from ..evaluation.clips import Case, true_joints
from ..evaluation.contestants import Tools, open_tools
from ..evaluation.measuring import WorldTally
from ..evaluation.methods import guess_aligned, look, regress
from ..evaluation.tallies import NON_TORSO, TORSO, nan_mean, vertex_errors
from ..loop import say
from . import emdb, rich, threedpw
from .recorded import Look, Recorded, case_of, front_end

Reader = Callable[[Path, Path | None], Iterator[Recorded]]
DATASETS: dict[str, Reader] = {
    "3dpw": threedpw.sequences,
    "emdb1": lambda data, bodies: emdb.sequences(data, bodies, "emdb1"),
    "emdb2": lambda data, bodies: emdb.sequences(data, bodies, "emdb2"),
    "rich": rich.sequences,
}
MM = 1000.0
_HEADER = (
    "| | PA-MPJPE | MPJPE | PVE | torso | non-torso | accel | WA-MPJPE | W-MPJPE | RTE % | "
    "jitter | foot sliding |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass
class Line:
    """One method's figures over all sequences; lists of arrays, one a sequence."""

    aligned: list[Floats] = field(default_factory=list)  # (T,)
    joints: list[Floats] = field(default_factory=list)  # (T, 24)
    skin: list[Floats] = field(default_factory=list)  # (T,)
    acceleration: list[float] = field(default_factory=list)
    world: WorldTally = field(default_factory=WorldTally)

    def add(self, figure: Figure, case: Case, neutral: Body) -> None:
        """Note one sequence."""
        joints, truth = figure.joints, true_joints(case)
        seconds = case.clip.seconds.astype(float)
        self.aligned.append(metrics.pa_mpjpe(joints, truth))
        self.joints.append(metrics.joint_errors(joints, truth))
        self.acceleration.append(metrics.acceleration_error(joints, truth, seconds))
        self.world.add(figure, case)
        if case.body is not None:
            self.skin.append(vertex_errors(figure, case, neutral, case.body))

    def row(self, name: str) -> str:
        """Of the table."""
        joints = np.concatenate(self.joints)
        skin = np.concatenate(self.skin) if self.skin else np.full(1, np.nan)
        metres = [np.concatenate(self.aligned), joints, skin]
        metres += [joints[:, TORSO], joints[:, NON_TORSO]]
        figures = [_number(MM * nan_mean(values)) for values in metres]
        figures.append(_number(nan_mean(np.array(self.acceleration))))
        world = self.world
        figures += [_number(MM * nan_mean(np.array(values))) for values in (world.wa, world.w)]
        figures.append(_number(100 * nan_mean(np.array(world.way))))
        figures.append(_number(nan_mean(np.array(world.jitter))))
        figures.append(_number(MM * nan_mean(np.array(world.sliding))))
        return f"| {name} | " + " | ".join(figures) + " |"


def print_dataset(arguments: argparse.Namespace) -> None:
    """Measure a dataset and print its table.

    Raises:
        FhmrError: Its folder is not named, or does not hold what it should.
    """
    if arguments.data is None:
        raise FhmrError("The dataset's folder is missing.", "Name it with --data.")
    tools = open_tools(
        arguments.state, arguments.models, arguments.settings, arguments.samples, arguments.steps
    )
    recorded = DATASETS[arguments.dataset](arguments.data, arguments.bodies)
    looking = front_end(load_networks(arguments.models, arguments.threads))
    cases = _cases(recorded, arguments.frames, looking, tools)
    text = table_text(arguments.dataset, cases, tools)
    sys.stdout.write(text)
    if arguments.out is not None:
        arguments.out.write_text(text, encoding="utf-8")


def _cases(
    recorded: Iterator[Recorded], frames: int | None, looking: Look, tools: Tools
) -> Iterator[Case]:
    for sequence in recorded:
        chosen = sequence.first(frames)
        case = case_of(chosen, looking, tools.constants["landmark_joint"].astype(int))
        say(f"{chosen.name}: found in {len(case)} of {int(chosen.valid.sum())} frames")
        yield case


def table_text(title: str, cases: Iterator[Case] | Sequence[Case], tools: Tools) -> str:
    """The paper's table, one line a method."""
    lines: dict[str, Line] = {"stage 1 alone, aligned": Line(), "FHMR": Line()}
    count = 0
    for case in cases:
        count += len(case)
        seen = look(case.clip, tools.constants)
        start = regress(seen, tools.anchor, tools)
        shown = guess_aligned(seen, start)
        for line, posture in zip(lines.values(), (start.aligned, shown), strict=True):
            line.add(Figure(posture, start.build, start.said.betas), case, tools.body)
    rows = (line.row(name) for name, line in lines.items())
    told = "World: the camera's true path given. Not found frames are not counted."
    return "\n".join((f"### {title}: {count} frames\n", _HEADER, *rows, f"\n{told}\n"))


def _number(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "-"
