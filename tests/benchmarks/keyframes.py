"""How long baking and retargeting 1000 frames of 24 bones take in every Blender that is there.

python -m tests.benchmarks.keyframes. The smallest of several runs: other programs only add;
where the wall is far above the CPU, the machine was busy with something else.
`again` bakes over our own keys; `fewer` to 1 degree; the mean number of keys a curve follows.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import os, time
import bpy
import numpy as np
import fhmr_blender
from fhmr_blender.blender import baking, rig
from fhmr_blender.core.body import load_body
from fhmr_blender.core.motion import Motion
from fhmr_blender.core.rotations import matrix_from_axis_angle

bpy.ops.wm.read_factory_settings(use_empty=True)
fhmr_blender.register()
item = rig.create("p", load_body("neutral"), np.zeros(10), bpy.context.scene.collection, 1.0)
frames = np.arange(1, 1001)
pace = np.random.default_rng(0).uniform(0.01, 0.12, (24, 3))
rotations = matrix_from_axis_angle(0.6 * np.sin(frames[:, None, None] * pace))
place = np.stack((0.03 * frames, 0.0 * frames, 1.0 + 0.02 * np.sin(0.3 * frames)), axis=-1)
motion = Motion(rotations, place, np.zeros(10))
wishes = {
    "every frame": baking.Keying(),
    "again": baking.Keying(),
    "Euler": baking.Keying(rotation_mode="XYZ"),
    "fewer Euler": baking.Keying(tolerance=np.radians(1.0)),
    "fewer": baking.Keying(tolerance=np.radians(1.0), rotation_mode="QUATERNION"),
}
for name, keying in wishes.items():
    walls, spent = [], []
    for _ in range(7):
        if name != "again":
            item.animation_data_clear()
        started, used = time.perf_counter(), time.process_time()
        baking.bake(item, motion, frames - 1.0, frames, keying)
        walls.append(1e3 * (time.perf_counter() - started))
        spent.append(1e3 * (time.process_time() - used))
    animation = item.animation_data
    bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
    keys = np.mean([len(curve.keyframe_points) for curve in bag.fcurves])
    row = f"fhmr {bpy.app.version_string:12} {name:12} {min(walls):6.1f} ms, "
    row += f"CPU {min(spent):6.1f} ms, {keys:5.0f} keys"
    os.write(1, (row + chr(10)).encode())
os._exit(0)  # bpy does not always exit cleanly
"""


def main() -> None:
    """Measure and print."""
    pythons = sorted((ROOT / ".build").glob("bpy-*/bin/python"))
    for python in pythons:
        done = subprocess.run(
            [str(python), "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False
        )
        rows = [line[5:] for line in done.stdout.splitlines() if line.startswith("fhmr ")]
        print("\n".join(rows) or f"{python.parents[1].name}: {done.stderr.strip()[-300:]}")
    if not pythons:
        print("not measured: .build holds no bpy (`build.py test` makes it)")


if __name__ == "__main__":
    main()
