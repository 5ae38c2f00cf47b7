"""How long picture to rig, eight samples and each stage take, and the memory.

python -m tests.benchmarks.speed [PICTURE] [--runs N]; without a picture tests/data/tfjs_pose.jpg.
The peer is the bare landmark network on one crop, in the same run: ratios are against it.
Walls are the smallest of the runs (other programs only add); CPU is what the fastest run used on
all cores: where it is far below wall x threads, the machine was busy with something else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fhmr_blender.core import shot_file
from fhmr_blender.core.motion import Person, Shot
from fhmr_blender.core.skeleton import LIMB_JOINTS
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.alignment import Build, Freedom, Posture, align, angle_deviations
from fhmr_blender.pipeline.anchor import regress_anchor, view_of
from fhmr_blender.pipeline.bodies import body_named, body_of
from fhmr_blender.pipeline.completion import Draw, Subject, complete
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.evidence import gather_evidence, landmark_calibration
from fhmr_blender.pipeline.footage import Footage, MovieWriter
from fhmr_blender.pipeline.perception.front_end import observe
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from fhmr_blender.pipeline.runtime import default_threads
from fhmr_blender.pipeline.weights import Networks, load_networks

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "tests" / "data" / "tfjs_pose.jpg"
CLIP_FRAMES = 24
SAMPLES, STEPS = 8, 4


@dataclass(frozen=True)
class Timing:
    """The fastest of several runs."""

    wall: float  # s
    processor: float  # s, of all cores together
    peak: int | None = None  # bytes, of the child process


def timed(action: Callable[[], object], runs: int) -> Timing:
    """Run something several times in this process."""
    timings: list[Timing] = []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        action()
        timings.append(Timing(time.perf_counter() - wall, time.process_time() - processor))
    return min(timings, key=lambda timing: timing.wall)


def timed_command(arguments: list[str], runs: int) -> Timing:
    """Run the command line in fresh processes."""
    command = [sys.executable, "-m", "fhmr_blender", *arguments]
    return min((_run_once(command) for _ in range(runs)), key=lambda timing: timing.wall)


def _run_once(command: list[str]) -> Timing:
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said) as process,
    ):
        if not hasattr(os, "wait4"):  # Windows does not say what a child has used
            process.wait()
            usage = None
        else:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        if process.returncode:
            said.seek(0)
            sys.stderr.write(said.read())
            raise subprocess.CalledProcessError(process.returncode, command)
    if usage is None:
        return Timing(wall, float("nan"))
    unit = 1 if sys.platform == "darwin" else 1024
    return Timing(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def write_clip(path: Path, picture: Path) -> None:
    """A movie in which the picture drifts a little."""
    image = Footage(picture).frame(0)
    with MovieWriter(path, 25.0) as movie:
        for number in range(CLIP_FRAMES):
            movie.write(np.roll(image, number, axis=1))


@dataclass(frozen=True, eq=False)
class Stages:
    """One person's stored stages, each of which can be run again by itself."""

    shot: Shot
    person: Person
    footage: Footage
    networks: Networks

    def actions(self) -> dict[str, Callable[[], object]]:
        """Name -> one run over all frames of the person."""
        seen, anchor, networks = self.person.observations, self.person.anchor, self.networks
        neutral, body = body_named("neutral"), body_of(self.shot, self.person)
        motion = self.person.motion_cam
        view = view_of(seen, np.broadcast_to(np.eye(3), (len(seen.frames), 3, 3)))
        build = Build(
            body.rest_joints(motion.betas),
            float(body.stature(motion.betas)),
            landmark_calibration(networks.constants),
        )
        evidence = gather_evidence(seen, networks.constants)
        subject = Subject(view, seen.frames, anchor, neutral.rest_joints(anchor.betas))
        posture = Posture(motion.rotations, motion.transl + build.rest_joints[0])
        angle = angle_deviations(anchor.log_variance)
        depth = np.exp(0.5 * anchor.log_variance[:, 7])
        everything = Freedom(tuple(range(24)), angle, depth)
        limbs = Freedom(LIMB_JOINTS, angle, None)
        draw = Draw(0, 1, SAMPLES, 1.0, STEPS)
        frames = [int(number) for number in self.shot.frames]
        intrinsics = self.shot.intrinsics[0]
        return {
            "perception": lambda: observe(
                self.footage,
                frames,
                intrinsics,
                networks,
                silent,
                people=1,
                twice=len(frames) == 1,
            ),
            "anchor": lambda: regress_anchor(view, networks.anchor),
            "alignment of the anchor": lambda: align(posture, build, evidence, everything),
            f"completion, {SAMPLES} samples": lambda: complete(
                subject, networks.completion, networks.constants, draw
            ),
            "alignment of the limbs": lambda: align(posture, build, evidence, limbs),
            "write and read shot.npz": lambda: shot_file.stored(self.shot),
        }


RIG_CODE = """
import os, sys, time
from pathlib import Path
import bpy
from fhmr_blender.blender.scene_file import write_blend
from fhmr_blender.core import shot_file
shot, source, blend, runs = sys.argv[1:]
for _ in range(int(runs)):
    wall, processor = time.perf_counter(), time.process_time()
    write_blend(shot_file.read(Path(shot)), Path(source), Path(blend))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    os.write(1, f"fhmr {bpy.app.version_string} {wall} {processor}\\n".encode())
os._exit(0)  # bpy does not always exit cleanly
"""


def time_rigs(shot: Path, source: Path, folder: Path, landmarks: Timing) -> None:
    """The rig of a shot in a Blender that runs already: the first and the best later time."""
    pythons = sorted((ROOT / ".build").glob("bpy-*/bin/python"))
    for python in pythons:
        words = [python, "-c", RIG_CODE, shot, source, folder / "shot.blend", "4"]
        done = subprocess.run(
            [str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        rows = [line.split() for line in done.stdout.splitlines() if line.startswith("fhmr ")]
        if not rows:
            print(f"  {python.parents[1].name}: no figure. {done.stderr.strip()[-200:]}")
            continue
        timings = [Timing(float(row[-2]), float(row[-1])) for row in rows]
        _print_row(f"rig, .blend saved, {rows[0][1]}: first", timings[0], landmarks)
        best = min(timings[1:], key=lambda timing: timing.wall)
        _print_row(f"rig, .blend saved, {rows[0][1]}: again", best, landmarks)
    if not pythons:
        print("  the rig in Blender: not measured, .build holds no bpy (`build.py test` makes it)")


def bare_landmarks(networks: Networks, runs: int) -> Timing:
    """The peer: the landmark network on one crop."""
    crop = {"image": np.zeros((1, 256, 256, 3), dtype=np.float32)}
    networks.landmarker(crop)
    return timed(lambda: networks.landmarker(crop), 3 * runs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, nargs="?", default=PICTURE)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    picture: Path = options.picture.resolve()
    with tempfile.TemporaryDirectory() as folder:
        measure(picture, Path(folder), options.runs)


def measure(picture: Path, folder: Path, runs: int) -> None:
    """All tables."""
    print(f"{picture.name}, {default_threads()} threads, smallest of {runs} runs")
    clip_path = folder / "clip.mp4"
    write_clip(clip_path, picture)
    networks = load_networks()
    landmarks = bare_landmarks(networks, runs)
    print(f"bare landmark network, one crop: {_said(landmarks)}; below, ratios are against it\n")

    print("picture to rig")
    out = str(folder / "shot.npz")
    _print_row("cold: a fresh `estimate`", timed_command(_command(picture, out), runs), landmarks)
    time_rigs(Path(out), picture, folder, landmarks)
    cold_clip = timed_command(_command(clip_path, out), 1)
    _print_row(f"cold: {CLIP_FRAMES} frames of it as a movie", cold_clip, landmarks)

    shots: list[Shot] = []
    for source in (picture, clip_path):
        footage = Footage(source)
        settings = EstimateSettings(people=1)
        shots.append(estimate(footage, networks, settings, silent))
        again = timed(
            lambda footage=footage: estimate(footage, networks, EstimateSettings(), silent), runs
        )
        count = len(shots[-1].frames)
        name = "warm: again, same process" if count == 1 else f"warm: {count} frames"
        _print_row(name, again, landmarks)

    print(f"\n{SAMPLES} samples of left_arm for one frame, {STEPS} steps, guidance 1")
    for shot, name in zip(shots, ("of a picture", f"of {CLIP_FRAMES} frames"), strict=True):
        frame = int(shot.frames[len(shot.frames) // 2])
        draw = ResampleSettings(("left_arm",), start=frame, stop=frame + 1, variations=SAMPLES)
        resample(shot, networks, draw, silent)
        again = timed(lambda shot=shot, draw=draw: resample(shot, networks, draw, silent), 3 * runs)
        _print_row(name, again, landmarks)

    for source, shot in zip((picture, clip_path), shots, strict=True):
        count = len(shot.frames)
        print(f"\nstages, ms a frame, {count} frame{'s' if count > 1 else ''}, one person")
        stages = Stages(shot, shot.people[0], Footage(source), networks)
        for name, action in stages.actions().items():
            took = timed(action, runs)
            each = Timing(took.wall / count, took.processor / count)
            _print_row(name, each, landmarks)


def _command(source: Path, out: str) -> list[str]:
    return ["estimate", str(source), "--out", out]


def _print_row(name: str, timing: Timing, landmarks: Timing) -> None:
    wall, processor = timing.wall / landmarks.wall, timing.processor / landmarks.processor
    print(f"  {name:38s} {_said(timing)}; {wall:6.2f} x, CPU {processor:6.2f} x", flush=True)


def _said(timing: Timing) -> str:
    peak = "" if timing.peak is None else f", peak {timing.peak / 1e6:5.0f} MB"
    return f"{1e3 * timing.wall:8.1f} ms, CPU {1e3 * timing.processor:8.1f} ms{peak}"


if __name__ == "__main__":
    main()
