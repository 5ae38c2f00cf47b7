"""Figures on held-out pairs, by the real pipeline, beside its peers: one command, one page.

    python -m training.evaluate --state DIR --out models/EVALUATION.md [--motion DIR]
    python -m training.evaluate --dataset 3dpw|emdb1|emdb2|rich --data DIR [--bodies DIR]

The first measures rendered pairs and writes tables and pictures. Peers and trainings with one
thing taken away are read from the checkpoints in `STATE` (or `--peers`); what is missing is named
with the command that trains it. With `--ablations DIR` the whole table of what each part is worth
is made of the checkpoints there, both stages too: trained alike, they compare. The second prints
the paper's table for a dataset that its licence keeps from us (`training.readers`).
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fhmr_blender.core.arrays import Floats
from fhmr_blender.errors import FhmrError

from .data.motion_library import load_library
from .data.sample import load_shards, shard_paths
from .evaluation.ablation import Row, ablate, sweep
from .evaluation.clips import Case, load_cases, single_pictures, spread_out
from .evaluation.contestants import Tools, open_tools, read_reduced
from .evaluation.measuring import Measured, measure
from .evaluation.page import Run, page_text, write_page
from .evaluation.plots import draw_all
from .evaluation.rarity import (
    case_descriptors,
    rarity,
    recorded_descriptors,
    rendered_descriptors,
)
from .loop import say
from .readers.table import DATASETS, print_dataset

PICTURES = Path("docs/evaluation")
_BEAT = 20.0  # seconds between two signs of life


def main() -> None:
    """The command line."""
    arguments = _parser().parse_args()
    torch.set_num_threads(1)  # clips are answered side by side instead
    try:
        if arguments.dataset is not None:
            print_dataset(arguments)
        else:
            _measure_pairs(arguments)
    except FhmrError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the networks on held-out clips.")
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--settings", default="first", help="of the peers and the ablations")
    parser.add_argument("--motion", type=Path, help="motion archives, for how rare a pose is")
    parser.add_argument("--peers", type=Path, help="folder of the peers' checkpoints; else STATE")
    parser.add_argument(
        "--ablations", type=Path, help="both stages, peers and ablations of equal training"
    )
    parser.add_argument("--splits", default="val,test,hdm05")
    parser.add_argument("--shards", type=int, help="of each split, the first so many")
    parser.add_argument("--clips", type=int, default=60, help="of each split, at most")
    parser.add_argument("--single-every", type=int, default=8, help="frames, as single pictures")
    parser.add_argument("--compared", type=int, default=20, help="clips a split in the ablation")
    parser.add_argument("--swept", type=int, default=60, help="single pictures in the sweeps")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="page to write; without, it is printed")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder of the page's SVGs")
    parser.add_argument("--dataset", choices=tuple(DATASETS), help="instead of rendered pairs")
    parser.add_argument("--data", type=Path, help="the dataset's own folder")
    parser.add_argument("--bodies", type=Path, help="folder of SMPL and SMPL-X files")
    parser.add_argument("--frames", type=int, help="of each sequence, the first so many")
    return parser


def _measure_pairs(arguments: argparse.Namespace) -> None:
    tools = open_tools(
        arguments.peers or arguments.state,
        arguments.models,
        arguments.settings,
        arguments.samples,
        arguments.steps,
    )
    threads: int = arguments.threads
    chosen_splits = arguments.splits.split(",")
    if not any(shard_paths(arguments.state / "pairs", split) for split in chosen_splits):
        raise FhmrError(
            f"There are no held-out pairs in {arguments.state / 'pairs'}.",
            "Render them with `python -m training.data.pairs`, or name the folder with --state.",
        )
    rare, compared_with = _rarity(arguments, tools)
    windows: dict[str, Measured] = {}
    singles: dict[str, Measured] = {}
    some: list[Case] = []
    pictures: list[Case] = []
    for split in chosen_splits:
        pairs = arguments.state / "pairs"
        cases = load_cases(pairs, split, tools.body, arguments.shards, arguments.clips)
        if not cases:
            say(f"{split}: no pairs")
            continue
        beat = _beat(f"{split}, clips", len(cases))
        windows[split] = measure(cases, tools, rare, beat, threads)
        one = single_pictures(cases, arguments.single_every)
        beat = _beat(f"{split}, single pictures", len(one))
        singles[split] = measure(one, tools, rare, beat, threads)
        some += spread_out(cases, arguments.compared)
        pictures += one
    rows = _ablated(some, tools, arguments)
    chosen = spread_out(pictures, arguments.swept)
    guided, stepped = sweep(chosen, tools, lambda name: say(f"sweep: {name}"), threads)
    run = Run(
        command=command_line(sys.argv[1:]),
        rarity=compared_with,
        samples=arguments.samples,
        steps=arguments.steps,
        windows=windows,
        singles=singles,
        rows=rows,
        guided=guided,
        stepped=stepped,
    )
    if arguments.out is None:
        sys.stdout.write(page_text(run, Path(), ()))
        return
    write_page(arguments.out, run, draw_all(arguments.pictures, windows, guided, stepped))
    say(f"{arguments.out} is written, its pictures are in {arguments.pictures}")


def _ablated(cases: Sequence[Case], tools: Tools, arguments: argparse.Namespace) -> tuple[Row, ...]:
    told = "as exported (`MODELS.md`)"
    state: Path = arguments.ablations or arguments.peers or arguments.state
    if arguments.ablations is not None:
        whole = read_reduced(state, arguments.settings, None, tools.body)
        if whole.anchor is None or whole.completion is None:
            raise FhmrError(f"{state} holds no two stages: {whole.told}.", "Train them there.")
        told = whole.told
        tools = replace(
            open_tools(
                state,
                arguments.models,
                arguments.settings,
                arguments.samples,
                arguments.steps,
            ),
            anchor=whole.anchor,
            completion=whole.completion,
        )
    return ablate(
        cases,
        tools,
        state,
        arguments.settings,
        told,
        lambda name: say(f"ablation: {name}"),
        arguments.threads,
    )


def _rarity(arguments: argparse.Namespace, tools: Tools) -> tuple[Callable[[Case], Floats], str]:
    """How rare the poses of a case are, and what they are compared with."""
    rest_joints = tools.body.rest_joints(np.zeros(10))
    if arguments.motion is not None:
        library = load_library(arguments.motion, arguments.state)
        recordings = [clip for clip in library if clip.split == "train"]
        trained = recorded_descriptors(recordings, rest_joints)
        told = "every twelfth frame of the recorded motion of the train split"
    else:
        clips = load_shards(arguments.state / "pairs", "train")
        if not clips:
            raise FhmrError(
                "There is no motion to compare poses with.", "Name the archives with --motion."
            )
        trained = rendered_descriptors(clips, rest_joints)
        told = "the rendered clips of the train split"
    return lambda case: rarity(case_descriptors(case, rest_joints), trained), told


def _beat(title: str, count: int) -> Callable[[int], None]:
    """Says how far it is, at the start and then every now and then."""
    last = [0.0]

    def progress(number: int) -> None:
        if time.monotonic() - last[0] > _BEAT:
            last[0] = time.monotonic()
            say(f"{title}: {number} of {count}")

    return progress


def command_line(words: Sequence[str]) -> str:
    """This run's command, without where the state happens to lie."""
    named = list(words)
    for option in ("--state", "--motion", "--peers", "--ablations"):
        if option in named and named.index(option) + 1 < len(named):
            named[named.index(option) + 1] = "DIR"
    return " ".join(("python -m training.evaluate", *named))


if __name__ == "__main__":
    main()
