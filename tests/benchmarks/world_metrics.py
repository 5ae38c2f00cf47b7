"""How steady the world is: rendered clips with moving cameras, against their truth.

python -m tests.benchmarks.world_metrics --state DIR [--render N --motion DIR]

Two sets: the held-out pairs of the training's state that run at 30 frames a second (10 to 16
frames each), and long clips of 4 s from `DIR/world`, which `--render` makes first. The camera's
turn is the true one (`tests/unit/test_camera.py` holds what is followed from pictures against it);
its way is told to nobody: cameras that walk farther than half a metre are solved as walking.

Rows: the root as the camera sees it and nothing else; ours without contacts (smoothing alone); ours
as the panel has it (smoothing 0.3, feet auto); ours with grounded feet. The truth's own sliding and
jitter stand beside them: recordings tremble, too. The last column is the median of sliding.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.motion import Motion, Shot
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.camera_motion import CameraMotion, camera_turns
from fhmr_blender.pipeline.clean_up import CleanUpSettings, clean_up
from fhmr_blender.pipeline.solve import SolveSettings, solve
from fhmr_blender.pipeline.weights import Networks, load_networks
from training import metrics
from training.data.sample import PairClip, load_shards
from training.evaluation import world_metrics
from training.evaluation.clips import frames_of, observations_of

ROOT = Path(__file__).resolve().parents[2]
LENGTH = 120  # frames of a long clip
SEED = 77
_WALKS = 0.5  # metres
_AT_LEAST = 8  # frames

Cleaned = Callable[[Shot, Body], Motion]


def _with(settings: CleanUpSettings) -> Cleaned:
    return lambda shot, body: clean_up(shot.people[0], shot, settings, body)


METHODS: dict[str, Cleaned] = {
    "root from camera space": lambda shot, _: shot.people[0].motion_world,
    "without contacts": _with(CleanUpSettings(feet="off")),
    "ours, feet auto": _with(CleanUpSettings()),
    "ours, grounded": _with(CleanUpSettings(feet="grounded")),
}
HEADINGS = ("WA mm", "W mm", "RTE %", "jitter", "sliding mm")


def figures(joints: np.ndarray, clip: PairClip, truth: np.ndarray) -> np.ndarray:
    """(5,) in the order of HEADINGS."""
    seconds = clip.seconds.astype(float)
    return np.array(
        [
            1000.0 * world_metrics.wa_mpjpe(joints, truth),
            1000.0 * world_metrics.w_mpjpe(joints, truth),
            100.0 * world_metrics.root_translation_error(joints[:, 0], truth[:, 0]),
            metrics.jitter(joints, seconds),
            1000.0 * world_metrics.foot_sliding(joints, clip.contacts, seconds),
        ]
    )


def measure(clip: PairClip, networks: Networks, body: Body) -> dict[str, np.ndarray]:
    """Every method's figures on one clip."""
    clip = frames_of(clip, np.flatnonzero(clip.found))
    turns = camera_turns(clip.R_world_from_cam.astype(float))
    walks = float(np.ptp(clip.camera_position, axis=0).max()) > _WALKS
    frames = np.arange(len(clip))
    seen = observations_of(clip)
    camera = CameraMotion(turns, walks=walks)
    solution = solve({1: seen}, frames, camera, networks, SolveSettings(), silent)
    shot = Shot(
        source=clip.name,
        source_sha256="",
        size=(int(clip.size[0]), int(clip.size[1])),
        fps=30.0,
        frames=frames,
        intrinsics=seen.intrinsics,
        T_world_from_cam=solution.T_world_from_cam,
        settings=dict(solution.recipe),
        people=solution.people,
    )
    R_world_from_cam = clip.R_world_from_cam.astype(float)
    truth = np.einsum("tij,tnj->tni", R_world_from_cam, clip.joints_cam.astype(float))
    truth = truth + clip.camera_position[:, None]
    answers = {"truth": figures(truth, clip, truth)}
    for name, method in METHODS.items():
        motion = method(shot, body)
        joints = body.joints(motion.rotations, motion.betas, motion.transl)
        answers[name] = figures(joints, clip, truth)
    return answers


def report(title: str, clips: Sequence[PairClip], networks: Networks, body: Body) -> None:
    """Measure a set and print its table."""
    kept = [clip for clip in clips if clip.found.sum() >= _AT_LEAST]
    moving = sum(_moves(clip) for clip in kept)
    frames = sum(int(clip.found.sum()) for clip in kept)
    print(f"\n{title}: {len(kept)} clips, {frames} frames, {moving} with a moving camera")
    answers = [measure(clip, networks, body) for clip in kept]
    turning = [answer for answer, clip in zip(answers, kept, strict=True) if _moves(clip)]
    for name, chosen in (("all", answers), ("moving cameras", turning)):
        if not chosen:
            continue
        print(f"\n{name:26}" + "".join(f"{heading:>12}" for heading in HEADINGS) + "   median")
        for method in chosen[0]:
            table = np.array([answer[method] for answer in chosen])
            known = [column[np.isfinite(column)] for column in table.T]
            means = [column.mean() if len(column) else np.nan for column in known]
            middle = np.median(known[-1]) if len(known[-1]) else np.nan
            print(f"{method:26}" + "".join(f"{value:12.1f}" for value in means) + f"{middle:9.1f}")
        sys.stdout.flush()


def _moves(clip: PairClip) -> bool:
    turn = np.abs(clip.R_world_from_cam - clip.R_world_from_cam[:1]).max()
    return bool(turn > 0.01 or np.ptp(clip.camera_position, axis=0).max() > 0.05)


def render(state: Path, motion: Path, count: int) -> None:
    """Make long clips, as the pairs are made, with other seeds."""
    from training.data.motion_library import load_library
    from training.data.pairs import ShardTask, Studio, make_shard

    tasks = [
        ShardTask("test", index, SEED, clips=1, length=LENGTH) for index in range((count + 1) // 2)
    ]
    missing = [task for task in tasks if not task.path(state / "world").exists()]
    if missing:
        studio = Studio(load_library(motion, state), load_body("neutral"), load_networks(threads=1))
        for task in missing:
            make_shard(task, studio, state / "world")


def main() -> None:
    """Measure, or say what is missing."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, default=ROOT / ".build" / "training")
    parser.add_argument("--render", type=int, default=0, metavar="N", help="long clips; the mirror")
    parser.add_argument("--motion", type=Path, help="the motion archives, for --render")
    parser.add_argument("--clips", type=int, default=24, help="of the short ones, at most")
    options = parser.parse_args()
    if options.render:
        if options.motion is None:
            parser.error("--render needs --motion")
        render(options.state, options.motion, options.render)
    short = [clip for clip in load_shards(options.state / "pairs", "test") if _even(clip)]
    long = [_thirty(clip) for clip in load_shards(options.state / "world" / "pairs", "test")]
    if not short and not long:
        print(f"Nothing was measured: there are no pairs in {options.state}.")
        print("`python3 build.py train` renders them, or name the training's state with --state.")
        return
    networks, body = load_networks(), load_body("neutral")
    if long:
        report("Long clips", long, networks, body)
    if short:
        report("Held-out pairs at 30 frames a second", short[: options.clips], networks, body)


def _even(clip: PairClip) -> bool:
    return len(clip) > 1 and float(np.diff(clip.seconds).max()) < 0.04


def _thirty(clip: PairClip) -> PairClip:
    """A long clip with its own times from 0."""
    return replace(clip, seconds=clip.seconds - clip.seconds[0])


if __name__ == "__main__":
    main()
