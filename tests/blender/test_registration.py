"""What the extension registers it takes away again."""

import subprocess
import sys
from pathlib import Path

import bpy

import fhmr_blender

ROOT = Path(fhmr_blender.__file__).parents[1]


def _traces() -> set[str]:
    """Everything in Blender that bears our name."""
    names = {name for name in dir(bpy.types) if "FHMR" in name or "fhmr" in name}
    names |= {f"Scene.{key}" for key in dir(bpy.types.Scene) if key.startswith("fhmr")}
    names |= {f"Object.{key}" for key in dir(bpy.types.Object) if key.startswith("fhmr")}
    names |= {f"ops.{name}" for name in dir(bpy.ops.fhmr)}
    for kind in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, kind)
        if isinstance(handlers, list):
            modules = (getattr(item, "__module__", "") or "" for item in handlers)
            names |= {f"{kind}.{name}" for name in modules if name.startswith("fhmr_blender")}
    return names


def test_registering_twice_leaves_nothing_behind() -> None:
    for _ in range(2):
        fhmr_blender.register()
        assert {"FHMR_PT_footage", "FHMR_OT_estimate"} <= _traces()
        fhmr_blender.unregister()
        assert _traces() == set()


def test_importing_the_package_loads_no_bpy() -> None:
    code = "import sys, fhmr_blender; sys.exit('bpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_registering_loads_no_networks_and_no_decoder() -> None:
    code = (
        "import os, sys, bpy, fhmr_blender; fhmr_blender.register(); fhmr_blender.unregister();"
        "print('onnxruntime' in sys.modules or 'av' in sys.modules, flush=True); os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == "False"
