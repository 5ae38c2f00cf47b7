"""How long a drag of the guidance slider takes in Blender, from the event to pose and ghosts.

python -m tests.benchmarks.slider_event [SHOT.npz]... . Without shots: the test picture, and a
clip of 120 frames made from it. One frame, the left arm, 8 variations, 4 steps, in every Blender
that is there whose environment holds the networks' library. The smallest and the median of the
events after the first, which warms caches. The redraw is Blender's own and not counted.
The peer is the draw alone: the same samples, aligned and judged, nothing stored or shown.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from fhmr_blender.core import shot_file
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.footage import Footage
from fhmr_blender.pipeline.weights import load_networks

from .clip_speed import write_clip

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 120
CODE = """
import os, statistics, sys, time
from pathlib import Path
import bpy
import fhmr_blender
from fhmr_blender.blender import draws, ghosts, live, models, preferences, saved_state, shot_scene
from fhmr_blender.core import shot_file

bpy.ops.wm.read_factory_settings(use_empty=True)
fhmr_blender.register()
live.attended, live.QUICK = (lambda: True), 60.0
scene = bpy.context.scene
shot = shot_file.read(Path(sys.argv[1]))
rig = shot_scene.build(scene, shot, None, models.bodies_of(shot)).rigs[0]
bpy.context.view_layer.objects.active = rig
networks = models.networks(preferences.choices(bpy.context))
take = rig.fhmr_take
take.limbs, take.scope = (False, True, False, False, False), "FRAME"
scene.frame_set(int(shot.people[0].observations.frames[len(shot.frames) // 2]) + 1)
for name, first in (("guidance 1 to 4", 1.1), ("guidance 0 to 1", 0.1)):
    events, alone = [], []
    for step in range(12):
        started = time.perf_counter()
        take.guidance = first + 0.07 * step
        ghosts.shape_of(rig, scene.frame_current)
        events.append(1e3 * (time.perf_counter() - started))
        seat = live._seats["scope"]
        stored, person = saved_state.load(rig)
        wish = draws.read(rig, scene, stored, person)
        started = time.perf_counter()
        seat.session.draw(wish)
        alone.append(1e3 * (time.perf_counter() - started))
        assert not live.problem(rig), live.problem(rig)
    smallest, middle = min(events[1:]), statistics.median(events[1:])
    row = f"fhmr {bpy.app.version_string:12} {len(shot.frames):4} frames, {name}: smallest "
    row += f"{smallest:4.0f} ms, median {middle:4.0f}; peer, the draw alone "
    row += f"{statistics.median(alone[1:]):4.0f} ms ({middle / statistics.median(alone[1:]):.1f} x)"
    os.write(1, (row + chr(10)).encode())
os._exit(0)  # bpy does not always exit cleanly
"""


def made_shots(folder: Path) -> list[Path]:
    """The test picture and a clip of it, estimated."""
    networks = load_networks()
    write_clip(folder / "clip.mp4", 1, FRAMES)
    paths: list[Path] = []
    for source in (ROOT / "tests" / "data" / "tfjs_pose.jpg", folder / "clip.mp4"):
        path = folder / f"{source.stem}.npz"
        shot = estimate(Footage(source), networks, EstimateSettings(), silent)
        path.write_bytes(shot_file.encode(shot))
        paths.append(path)
    return paths


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the events of a dragged slider.")
    parser.add_argument("shots", type=Path, nargs="*")
    arguments = parser.parse_args()
    pythons = sorted((ROOT / ".build").glob("bpy-*/bin/python"))
    if not pythons:
        print("not measured: .build holds no bpy (`build.py test` makes it)")
        return
    with tempfile.TemporaryDirectory() as folder:
        shots = arguments.shots or made_shots(Path(folder))
        for python in pythons:
            for shot in shots:
                done = subprocess.run(
                    [str(python), "-c", CODE, str(shot.resolve())],
                    cwd=ROOT, capture_output=True, text=True, check=False,
                )  # fmt: skip
                rows = [line[5:] for line in done.stdout.splitlines() if line.startswith("fhmr ")]
                print("\n".join(rows) or f"{python.parents[1].name}: {done.stderr.strip()[-200:]}")


if __name__ == "__main__":
    main()
