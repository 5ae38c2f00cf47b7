"""How fast a clip becomes a shot, stage by stage, how much memory it takes, and what seams cost.

python -m tests.benchmarks.clip_speed [MOVIE] [--frames N] [--minutes M] [--look-twice]; without a
movie it makes one of 1080p from tests/data: one person, and two side by side, who sway a little.
The peer is the bare landmark network in the same run, on the same threads: the rates are against
it. CPU is what all threads together used; where wall is far above CPU over threads, the machine was
busy with something else, and the ratio of CPU times says more.
Memory: a fresh process looks at the first frames of the clip and takes what it saw, to and fro for
M minutes (default 10) at 30 fps, through both stages: what the product holds, and nothing else.
Seams: the acceleration of joints where windows of the temporal networks meet, and in the same
frames inside a window.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from fhmr_blender.core.motion import Observations, Shot
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.footage import Footage, MovieWriter
from fhmr_blender.pipeline.lens import choose_intrinsics
from fhmr_blender.pipeline.perception.front_end import observe
from fhmr_blender.pipeline.runtime import SMALL, default_threads
from fhmr_blender.pipeline.solve import SolveSettings, solve_one
from fhmr_blender.pipeline.weights import Networks, load_networks
from fhmr_blender.pipeline.windows import cut

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "tests" / "data" / "tfjs_pose.jpg"
SIZE = (1920, 1080)
FPS = 30.0
LOOKED_AT = 60  # frames that the measurement of memory sees itself


class Clock:
    """Wall and CPU seconds by name; nested names are taken out of the outer one."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        wall, processor = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            total = self.times.setdefault(name, [0.0, 0.0, 0.0])
            total[0] += time.perf_counter() - wall
            total[1] += time.process_time() - processor
            total[2] += 1

    def watched(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        """The same function, its time taken."""

        def run(*arguments: object) -> object:
            with self.running(name):
                return function(*arguments)

        return run


def write_clip(path: Path, people: int, count: int) -> None:
    """A picture of a person on a 1080p background, once or twice, swaying."""
    person = Footage(PICTURE).frame(0)[150:]
    height, width = person.shape[:2]
    with MovieWriter(path, FPS) as movie:
        for number in range(count):
            image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
            image[:] = person[:8].mean(axis=(0, 1))
            shift = round(20 * np.sin(number / 8))
            for place in range(people):
                left = (60 if people == 2 else 420) + place * 900 + shift
                shown = person[:, : min(width, SIZE[0] - left)]
                image[400 : 400 + height, left : left + shown.shape[1]] = shown
            movie.write(image)


def bare_rate(networks: Networks, runs: int = 12) -> tuple[float, float]:
    """Wall and CPU seconds of one call of the landmark network; the smallest of several."""
    crop = {"image": np.zeros((1, 256, 256, 3), np.float32)}
    networks.landmarker(crop)
    times: list[tuple[float, float]] = []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        networks.landmarker(crop)
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return min(wall for wall, _ in times), min(processor for _, processor in times)


def measure(
    movie: Path, people: int | None, count: int | None, goal: float | None, *, twice: bool = False
) -> Shot:
    """One clip end to end, its stages, and the rate against the bare network's."""
    networks = load_networks()
    footage = Footage(movie)
    count = min(count or footage.frame_count, footage.frame_count)
    settings = EstimateSettings(stop=count, people=people, look_twice=twice)
    few = min(SMALL + 1, count)  # enough for the network that draws many frames to be loaded
    estimate(footage, networks, replace(settings, stop=few), silent)
    before = bare_rate(networks)
    clock = Clock()
    watched = replace(
        networks,
        landmarker=clock.watched("  landmark network", networks.landmarker),
        detector=clock.watched("  pose detector", networks.detector),
        person_detector=clock.watched("  person detector", networks.person_detector),
        anchor=clock.watched("  stage 1's network", networks.anchor),
        completion=clock.watched("  stage 2's network", networks.completion),
    )
    with clock.running("end to end"):
        shot = estimate(footage, watched, settings, silent)
    with clock.running("decoding alone"):
        for _ in footage.frames(range(count)):
            pass
    with clock.running("perception alone"):
        observe(footage, range(count), choose_intrinsics(footage).values, networks, silent)
    after = bare_rate(networks)
    bare = [min(pair) for pair in zip(before, after, strict=True)]
    print(f"\n{movie.name}: {footage.size[0]} x {footage.size[1]}, {count} frames, "
          f"{len(shot.people)} people, {default_threads()} threads")  # fmt: skip
    print(
        f"  bare landmark network     {1e3 * bare[0]:7.1f} ms, CPU {1e3 * bare[1]:7.1f} ms a call"
    )
    for name, (wall, processor, calls) in clock.times.items():
        each = f"{1e3 * wall / count:7.1f} ms, CPU {1e3 * processor / count:7.1f} ms a frame"
        print(f"  {name:25s} {each}; {calls / count:.2f} calls a frame")
    wall, processor, _ = clock.times["end to end"]
    wanted = "" if goal is None else f" (wanted: {goal})"
    print(
        f"  rate against the bare network: {bare[0] * count / wall:.2f}{wanted}; "
        f"by CPU {bare[1] * count / processor:.2f}",
        flush=True,
    )
    return shot


def long_observations(seen: Observations, count: int) -> Observations:
    """A clip to and fro, as long as is wanted."""
    length = len(seen.frames)
    period = np.concatenate((np.arange(length), np.arange(length - 2, 0, -1)))
    rows = np.resize(period, count)
    arrays = {name: array[rows] for name, array in vars(seen).items()}
    arrays["frames"], arrays["seconds"] = np.arange(count), np.arange(count) / FPS
    return Observations(**arrays)


def measure_memory(movie: Path, minutes: float) -> None:
    """Both stages over a long clip of one person, in a process of its own."""
    child = multiprocessing.get_context("spawn").Process(target=_long_clip, args=(movie, minutes))
    child.start()
    child.join()


def _long_clip(movie: Path, minutes: float) -> None:
    """What the product does with a long clip, the pictures of most of it left out."""
    count = round(60 * FPS * minutes)
    networks, footage = load_networks(), Footage(movie)
    settings = EstimateSettings(stop=min(LOOKED_AT, footage.frame_count), people=1)
    shot = estimate(footage, networks, settings, silent)
    before = _peak()
    seen = long_observations(shot.people[0].observations, count)
    T_world_from_cam = np.tile(shot.T_world_from_cam[0], (count, 1, 1))
    started = time.perf_counter()
    solve_one(1, seen, seen.frames, T_world_from_cam, networks, SolveSettings(), silent)
    print(f"\n{minutes:g} minutes of one person ({count} frames) through both stages")
    print(f"  peak of a fresh process: {_peak() / 1e6:.0f} MB, {before / 1e6:.0f} MB once it has "
          f"seen {settings.stop} frames; {1e3 * (time.perf_counter() - started) / count:.1f} ms "
          "a frame", flush=True)  # fmt: skip


def measure_seams(shot: Shot, count: int = 900) -> None:
    """The same frames where windows meet, and in the middle of a window of a later start."""
    networks, settings = load_networks(), SolveSettings(hypotheses=1)
    seen = long_observations(shot.people[0].observations, count)
    windows = cut(count)
    shift = (windows[1].start + windows[1].shared - windows[0].start) // 2
    accelerations: list[np.ndarray] = []
    for start in (0, shift):
        part = Observations(**{name: array[start:] for name, array in vars(seen).items()})
        T_world_from_cam = np.tile(shot.T_world_from_cam[0], (len(part.frames), 1, 1))
        person = solve_one(1, part, part.frames, T_world_from_cam, networks, settings, silent)
        second = np.diff(person.joints_cam, n=2, axis=0)
        accelerations.append(np.linalg.norm(second, axis=-1).mean(axis=-1))
    seams = np.array([window.start + window.shared for window in windows[1:]])
    near = np.unique(seams[:, None] + np.arange(-2, 1))
    near = near[(near >= shift) & (near < len(accelerations[0]))]
    at_seams, inside = accelerations[0][near], accelerations[1][near - shift]
    print(f"\nseams: acceleration of joints over {count} frames, mm a frame^2")
    print(f"  where {len(seams)} pairs of windows meet {1e3 * at_seams.mean():.2f}, in the same "
          f"frames inside a window {1e3 * inside.mean():.2f}, everywhere "
          f"{1e3 * np.mean(accelerations[0]):.2f}")  # fmt: skip


def _peak() -> float:
    """Bytes, of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts its parent's memory into a process's own ru_maxrss
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024.0 * float(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movie", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--look-twice", action="store_true")
    options = parser.parse_args()
    twice = options.look_twice
    with tempfile.TemporaryDirectory() as folder:
        if options.movie is not None:
            movie: Path = options.movie
            shot = measure(movie, None, options.frames, None, twice=twice)
        else:
            for people, goal in ((2, 0.35), (1, 0.6)):
                movie = Path(folder) / f"people{people}.mp4"
                write_clip(movie, people, options.frames)
                shot = measure(movie, people, options.frames, goal, twice=twice)
        measure_seams(shot)
        if options.minutes > 0:
            measure_memory(movie, options.minutes)


if __name__ == "__main__":
    main()
