"""What each part is worth: the paper's table, and sweeps of guidance and of steps."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import TORSO_JOINTS
from fhmr_blender.pipeline.alignment import ANCHOR_STRENGTH, Posture, align, anchor_freedom
from fhmr_blender.pipeline.runtime import Network

from ..reductions import checkpoint_name
from .answers import Answer, averaged, of_body, unmirrored_posture
from .clips import Case, true_rotations
from .contestants import Tools, lacking, read_reduced, trained, without_feature
from .hypotheses import Hypotheses
from .methods import (
    Drawn,
    Seen,
    Start,
    align_limbs,
    draw,
    flow_mean,
    flow_samples,
    look,
    look_at,
    regress,
)
from .tallies import Frames, Tally

GUIDANCE = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
STEPS = (1, 2, 3, 4, 6, 10, 20, 50)
Answering = Callable[[Case, Seen], Answer]


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the ablation table."""

    name: str
    told: str  # how long it was trained, or what is missing
    tally: Tally | None  # None: not trained
    frames: Frames


@dataclass(frozen=True, eq=False)
class _Trial:
    """A row that is still to be measured."""

    name: str
    told: str
    answering: Answering | None  # None: not trained
    cases: Sequence[Case]


def ablate(
    cases: Sequence[Case],
    tools: Tools,
    state: Path,
    settings: str,
    told: str,
    progress: Callable[[str], None] = lambda _: None,
    threads: int = 1,
) -> tuple[Row, ...]:
    """The paper's table on some clips, alignment included.

    Args:
        cases: Windows.
        tools: Both stages and the peers.
        state: Where checkpoints of peers and of trainings with one thing taken away lie.
        settings: Of these trainings.
        told: How long both stages of `tools` were trained.
        progress: Told the name of each row.
        threads: Clips answered at a time.
    """
    trials = [
        _Trial("stage 1 alone", told, partial(_first_guess, tools), cases),
        *(_Trial(*peer, cases) for peer in _peers(tools, state)),
        _Trial("factorized", told, _both(tools, tools.anchor, tools.completion), cases),
        *(_Trial(*less, cases) for less in _reductions(tools, state, settings)),
        *_variants(tools, cases),
    ]
    rows: list[Row] = []
    for trial in trials:
        progress(trial.name)
        tally, frames = Tally(), Frames()
        if trial.answering is not None:
            looked = [look_at(case, tools) for case in trial.cases]
            with ThreadPoolExecutor(threads) as pool:
                answers = list(pool.map(trial.answering, trial.cases, looked))
            for case, seen, answer in zip(trial.cases, looked, answers, strict=True):
                frames.add(case, np.zeros(len(case)))
                tally.add(answer, case, seen, tools.body)
        measured = None if trial.answering is None else tally
        rows.append(Row(trial.name, trial.told, measured, frames))
    return tuple(rows)


def _peers(tools: Tools, state: Path) -> Iterator[tuple[str, str, Answering | None]]:
    """Both one-stage peers: name, how long they were trained, answer."""
    for name, command, answering in (
        ("regression", "train_anchor --peer regression", regression_answer(tools)),
        ("flow", "train_flow", flow_answer(tools)),
    ):
        path = state / checkpoint_name(name)
        missing = f"{lacking(path)}; `python -m training.{command}`"
        yield f"one-stage {name}", missing if answering is None else trained(path), answering


def _reductions(
    tools: Tools, state: Path, settings: str
) -> Iterator[tuple[str, str, Answering | None]]:
    """Trainings with one thing taken away: name, how long they were trained, answer."""
    for without, title in TITLES.items():
        less = read_reduced(state, settings, without, tools.body)
        answering = None
        if less.anchor is not None and less.completion is not None:
            answering = _both(tools, less.anchor, less.completion)
        yield f"minus {title}", less.told, answering


def _variants(tools: Tools, cases: Sequence[Case]) -> Iterator[_Trial]:
    """What can be tried on the same weights."""
    same = "as factorized"
    blind = _both(tools, without_feature(tools.anchor), without_feature(tools.completion))
    yield _Trial("the same, image feature withheld", same, blind, cases)
    flipped = [case for case in cases if case.mirrored is not None and case.mirror_found.all()]
    if flipped:
        once = _both(tools, tools.anchor, tools.completion)
        yield _Trial("clips with a mirrored picture: one pass", same, once, flipped)
        twice = partial(_two_passes, tools)
        yield _Trial("the same, plus a mirrored pass", same, twice, flipped)
    freed = partial(_torso_freed, tools)
    yield _Trial("the torso freed after the limbs", same, freed, cases)
    ceiling = partial(_around_the_truth, tools)
    yield _Trial("around the true torso (a ceiling)", same, ceiling, cases)


def _both(tools: Tools, anchor: Network, completion: Network) -> Answering:
    """What Estimate shows, by these two stages."""
    return lambda _, seen: mean_of_samples(seen, tools, anchor, completion)


TITLES = {
    "composite": "composite target",
    "geometry": "geometry losses",
    "bank": "bank",
    "feature": "image feature",
}


def mean_of_samples(seen: Seen, tools: Tools, anchor: Network, completion: Network) -> Answer:
    """The mean of stage 2's samples, aligned."""
    start = regress(seen, anchor, tools)
    posture = align_limbs(draw(seen, start, completion, tools).mean, seen, start)
    return of_body(posture, start.build, start.said.betas)


def regression_answer(tools: Tools) -> Answering | None:
    """The one-stage regression, aligned; None where it was not trained."""
    network = tools.regression
    if network is None:
        return None

    def answer(_: Case, seen: Seen) -> Answer:
        peer = regress(seen, network, tools)
        return of_body(peer.aligned, peer.build, peer.said.betas)

    return answer


def flow_answer(tools: Tools) -> Answering | None:
    """The mean of the one-stage flow's samples, aligned; None where it was not trained."""
    network = tools.flow
    if network is None:
        return None

    def answer(_: Case, seen: Seen) -> Answer:
        samples = flow_samples(seen, network, tools)
        _, aligned, build, betas = flow_mean(samples, seen, tools)
        return of_body(aligned, build, betas)

    return answer


def _first_guess(tools: Tools, _: Case, seen: Seen) -> Answer:
    start = regress(seen, tools.anchor, tools)
    return of_body(start.aligned, start.build, start.said.betas)


def _two_passes(tools: Tools, case: Case, seen: Seen) -> Answer:
    """The mean over the picture and the flipped one of the samples' means."""
    here = mean_of_samples(seen, tools, tools.anchor, tools.completion).figure
    assert case.mirrored is not None and here is not None
    mirrored = look(case.mirrored, tools.constants)
    there = mean_of_samples(mirrored, tools, tools.anchor, tools.completion).figure
    assert there is not None
    posture = averaged([here.posture, unmirrored_posture(there.posture)])
    return of_body(posture, here.build, here.betas)


def _torso_freed(tools: Tools, _: Case, seen: Seen) -> Answer:
    """Limbs may pull the anchor along, as far as stage 1 doubts it: adaptive factorization."""
    start = regress(seen, tools.anchor, tools)
    drawn = draw(seen, start, tools.completion, tools)
    freedom = anchor_freedom(start.said.log_variance)
    posture = align(drawn.mean, start.build, seen.evidence, freedom, ANCHOR_STRENGTH)
    return of_body(posture, start.build, start.said.betas)


def _around_the_truth(tools: Tools, case: Case, seen: Seen) -> Answer:
    """Stage 2 around the true torso: what a perfect anchor would give."""
    start = regress(seen, tools.anchor, tools)
    torso = true_torso(case, start)
    drawn = draw(seen, start, tools.completion, tools, torso=torso)
    posture = align_limbs(drawn.mean, seen, start)
    return of_body(posture, start.build, start.said.betas)


def true_torso(case: Case, start: Start) -> Posture:
    """The aligned anchor with the truth's torso; as far away as its stature asks."""
    rotations = start.aligned.rotations.copy()
    rotations[:, list(TORSO_JOINTS)] = true_rotations(case)[:, list(TORSO_JOINTS)]
    if case.body is None:
        return replace(start.aligned, rotations=rotations)
    scale = start.build.stature / float(case.body.stature(case.clip.betas.astype(float)))
    return Posture(rotations, scale * case.clip.joints_cam[:, 0].astype(float))


@dataclass(frozen=True, eq=False)
class Setting:
    """What one setting of the sampler gives on single pictures."""

    value: float
    tally: Tally  # of the mean of samples, unaligned
    hypotheses: Hypotheses


def sweep(
    cases: Sequence[Case],
    tools: Tools,
    progress: Callable[[str], None] = lambda _: None,
    threads: int = 1,
) -> tuple[tuple[Setting, ...], tuple[Setting, ...]]:
    """Guidance 0 to 4, and 1 to 50 steps, on the same pictures around the same anchors."""
    looked = [look_at(case, tools) for case in cases]
    starts = [regress(seen, tools.anchor, tools) for seen in looked]

    def setting(value: float, guidance: float, steps: int) -> Setting:
        tally, hypotheses = Tally(), Hypotheses()

        def drawn_for(seen: Seen, start: Start) -> Drawn:
            return draw(seen, start, tools.completion, tools, guidance=guidance, steps=steps)

        with ThreadPoolExecutor(threads) as pool:
            draws = list(pool.map(drawn_for, looked, starts))
        for case, seen, start, drawn in zip(cases, looked, starts, draws, strict=True):
            answer = of_body(drawn.mean, start.build, start.said.betas)
            tally.add(answer, case, seen, None)
            hypotheses.add(drawn, case, seen)
        return Setting(value, tally, hypotheses)

    progress("guidance")
    guided = tuple(setting(weight, weight, tools.steps) for weight in GUIDANCE)
    progress("steps")
    stepped = tuple(setting(steps, 1.0, steps) for steps in STEPS)
    return guided, stepped


def doubt_by_fifths(doubt: Floats, errors: Floats) -> Floats:
    """(5, 2) stage 1's own deviation of the root, and the torso's error, by rising deviation."""
    order = np.array_split(np.argsort(doubt), 5)
    return np.array([(doubt[part].mean(), errors[part].mean()) for part in order])
