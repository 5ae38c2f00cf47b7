"""How long the artist waits for limbs: one frame while a slider moves, and 120 frames.

python -m tests.benchmarks.live_resample [PICTURE] [--runs N] [--threads N]; without a picture
tests/data/tfjs_pose.jpg, drifting over 120 frames. The peer, in the same run, is the whole
`resample` door: what a click without an open session costs. Walls are the smallest of the runs;
CPU is what the fastest run used on all cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from fhmr_blender.core.motion import Shot
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.footage import Footage, MovieWriter
from fhmr_blender.pipeline.limb_session import open_session
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.runtime import default_threads
from fhmr_blender.pipeline.variations import Drawn, commit, show_variation
from fhmr_blender.pipeline.weights import Networks, load_networks
from tests.benchmarks.speed import PICTURE, Timing, timed

FRAMES = 120


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, nargs="?", default=PICTURE)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=default_threads())
    options = parser.parse_args()
    networks = load_networks(threads=options.threads)
    print(f"{options.picture.name}, {options.threads} threads, smallest of {options.runs} runs")
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_drift(clip, options.picture)
        settings = EstimateSettings(people=1)
        still, moving = (
            estimate(Footage(source), networks, settings, silent)
            for source in (options.picture, clip)
        )
    frame = int(moving.frames[FRAMES // 2])
    one = ResampleSettings(("left_arm",), variations=8)
    measure("one frame, one limb, 8 variations: of a picture", still, networks, one, options.runs)
    inside = replace(one, start=frame, stop=frame + 1)
    measure("the same inside a clip", moving, networks, inside, options.runs)
    long = ResampleSettings(("left_arm",), variations=4)
    measure(f"{FRAMES} frames, 4 variations", moving, networks, long, max(options.runs // 3, 1))


def write_drift(path: Path, picture: Path) -> None:
    """A movie of FRAMES frames in which the picture drifts a little."""
    image = Footage(picture).frame(0)
    with MovieWriter(path, 30.0) as movie:
        for number in range(FRAMES):
            movie.write(np.roll(image, number // 4, axis=1))


def measure(name: str, shot: Shot, networks: Networks, wanted: ResampleSettings, runs: int) -> None:
    """The door, then the same from an open session."""
    print(f"\n{name}, 4 steps")
    resample(shot, networks, wanted, silent)
    for guidance in (1.0, 0.5):
        asked = replace(wanted, guidance=guidance)
        door = timed(lambda asked=asked: resample(shot, networks, asked, silent), runs)
        _print_row(f"peer: the whole door, guidance {guidance:g}", door, door)
        session = open_session(shot, networks, asked)
        sliding = iter(range(1, 1000))

        def another_seed(asked: ResampleSettings = asked) -> Drawn:
            return session.draw(replace(asked, seed=next(sliding)))  # noqa: B023

        def another_guidance(asked: ResampleSettings = asked) -> Drawn:
            return session.draw(replace(asked, guidance=0.5 + 1e-3 * next(sliding)))  # noqa: B023

        _print_row("seed dragged", timed(another_seed, runs), door)
        if guidance != 1.0:
            _print_row("guidance dragged", timed(another_guidance, runs), door)
        print(f"  first variation after               {_first(shot, networks, asked):8.1f} ms")
    drawn = open_session(shot, networks, wanted).draw(wanted)
    kept = commit(shot, drawn, 0)
    _print_row("one kept", timed(lambda: commit(shot, drawn, 1), runs), door)
    _print_row("another shown", timed(lambda: show_variation(kept, None, 1), runs), door)


def _first(shot: Shot, networks: Networks, wanted: ResampleSettings) -> float:
    """Milliseconds until there is something to look at."""
    session = open_session(shot, networks, wanted)
    heard: list[float] = []
    started = time.perf_counter()
    session.draw(wanted, silent, lambda _: heard.append(time.perf_counter()))
    heard.append(time.perf_counter())
    return 1e3 * (heard[0] - started)


def _print_row(name: str, timing: Timing, peer: Timing) -> None:
    wall, processor = 1e3 * timing.wall, 1e3 * timing.processor
    ratio = timing.wall / peer.wall
    print(f"  {name:34s} {wall:8.1f} ms, CPU {processor:8.1f} ms; {ratio:5.2f} x", flush=True)


if __name__ == "__main__":
    main()
