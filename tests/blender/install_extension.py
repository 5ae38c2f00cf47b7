"""Installs the extension's zip into an empty Blender and reports what came and what stayed.

A process of its own, because Blender reads BLENDER_USER_RESOURCES once, when bpy is imported:
    BLENDER_USER_RESOURCES=EMPTY python install_extension.py ZIP REPORT.json
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

MODULE = "bl_ext.user_default.fhmr"
WHEELS = ("onnxruntime", "av")
CYCLES = 2
REGISTRABLE = (
    bpy.types.Panel,
    bpy.types.Operator,
    bpy.types.PropertyGroup,
    bpy.types.AddonPreferences,
    bpy.types.Menu,
    bpy.types.Header,
    bpy.types.UIList,
    bpy.types.Gizmo,
    bpy.types.GizmoGroup,
    bpy.types.FileHandler,
)


def traces() -> dict[str, list[str]]:
    """Everything of an add-on that Blender may hold; equal before and after, if it left cleanly."""
    return {
        "types": sorted(name for name in dir(bpy.types) if "fhmr" in name.lower()),
        "classes": sorted(_registered_classes()),
        "operators": sorted(dir(bpy.ops.fhmr)),
        "handlers": sorted(_handlers()),
        "properties": sorted(_properties()),
        "menu entries": sorted(_menu_entries()),
        "timers": sorted(_timers()),
        "key maps": sorted(_key_maps()),
    }


def _registered_classes() -> list[str]:
    return [
        str(each)
        for base in REGISTRABLE
        for each in _all_subclasses(base)
        if each.__module__.startswith(MODULE) and getattr(each, "is_registered", False)
    ]


def _all_subclasses(base: type) -> list[type]:
    found: list[type] = []
    for each in type.__subclasses__(base):
        found += [each, *_all_subclasses(each)]
    return found


def _handlers() -> list[str]:
    """Every handler of every list; Blender's own are there before and after."""
    return [
        f"{name}: {getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
        for name in dir(bpy.app.handlers)
        for function in _as_list(getattr(bpy.app.handlers, name))
    ]


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _properties() -> list[str]:
    """The properties of every type that may carry an add-on's."""
    return [
        f"{name}.{key}"
        for name in ("Scene", "Object", "Armature", "Camera", "Mesh", "WindowManager", "Collection")
        for key in getattr(bpy.types, name).bl_rna.properties.keys()  # noqa: SIM118
    ]


def _menu_entries() -> list[str]:
    """Draw functions that were appended or prepended to Blender's menus, panels and headers."""
    return [
        f"{name}: {function.__module__}.{function.__qualname__}"
        for name in dir(bpy.types)
        for function in getattr(getattr(getattr(bpy.types, name), "draw", None), "_draw_funcs", ())
        # The menu's own function joins the list with the first addition, and stays.
        if not function.__module__.startswith("bl_ui.")
    ]


def _timers() -> list[str]:
    """Functions of the add-on's modules that still wait for a timer."""
    return [
        f"{name}.{key}"
        for name, module in list(sys.modules.items())
        if name.startswith(MODULE)
        for key, value in vars(module).items()
        if inspect.isfunction(value) and bpy.app.timers.is_registered(value)
    ]


def _key_maps() -> list[str]:
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:
        return []
    return [
        f"{key_map.name}: {item.idname}"
        for key_map in configuration.keymaps
        for item in key_map.keymap_items
    ]


class OnlyTheZip(importlib.abc.MetaPathFinder):
    """Hides this environment's own copies of the zip's wheels: an artist's Blender has none."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Look for the wheels where Blender unpacks them, and nowhere else."""
        if name not in WHEELS:
            return None
        unpacked = [
            folder for folder in sys.path if folder.startswith(bpy.utils.resource_path("USER"))
        ]
        found = importlib.machinery.PathFinder.find_spec(name, unpacked, target)
        if found is None:
            raise ModuleNotFoundError(f"The zip brought no {name}.", name=name)
        return found


def main(package: Path) -> dict[str, Any]:
    """Install, then disable and enable `CYCLES` times."""
    import addon_utils  # bpy puts it on the path, so it can only be imported after it

    sys.meta_path.insert(0, OnlyTheZip())
    before = traces()
    installed = bpy.ops.extensions.package_install_files(
        filepath=str(package), repo="user_default", enable_on_install=True
    )
    report: dict[str, Any] = {
        "version": bpy.app.version_string,
        "installed": sorted(installed),
        "enabled": MODULE in bpy.context.preferences.addons,
        "before": before,
        "enabled_traces": [],
        "disabled_traces": [],
        "wheels": {},
    }
    if not report["enabled"]:
        return report
    for name in WHEELS:
        wheel = importlib.import_module(name)
        report["wheels"][name] = {"version": wheel.__version__, "file": wheel.__file__}
    for _ in range(CYCLES):
        report["enabled_traces"].append(traces())
        addon_utils.disable(MODULE, default_set=True)
        report["disabled_traces"].append(traces())
        addon_utils.enable(MODULE, default_set=True)
        report["enabled"] = report["enabled"] and all(addon_utils.check(MODULE))
    addon_utils.disable(MODULE, default_set=True)
    report["disabled_traces"].append(traces())
    return report


if __name__ == "__main__":
    outcome = 1
    try:
        Path(sys.argv[2]).write_text(json.dumps(main(Path(sys.argv[1]))), encoding="utf-8")
        outcome = 0
    except Exception:  # noqa: BLE001  (any mistake must reach the report of the test)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(outcome)  # a crash while Blender is taken down would hide the answer
