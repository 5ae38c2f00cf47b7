"""Imports point one way: the table of the house, held by reading every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "fhmr_blender"
STANDARD = sys.stdlib_module_names
BLENDERS_OWN = frozenset(
    {"bpy", "mathutils", "bpy_extras", "bpy_types", "bl_ui", "gpu", "gpu_extras", "blf", "idprop"}
)
EVERYWHERE = frozenset({"errors", "jobs"})


@dataclass(frozen=True)
class Layer:
    """A folder, what its files may import from outside, and which parts of the package."""

    folder: str
    outside: frozenset[str]
    inside: frozenset[str]


# The longest folder that fits a file counts.
LAYERS = (
    Layer("fhmr_blender", frozenset(), frozenset({"core", "pipeline", "blender", "command_line"})),
    Layer(
        "fhmr_blender/command_line",
        frozenset(),
        frozenset({"core", "pipeline", "command_line", "blender_process"}),
    ),
    Layer("fhmr_blender/core", frozenset({"numpy"}), frozenset({"core"})),
    Layer("fhmr_blender/pipeline", frozenset({"numpy"}), frozenset({"core", "pipeline"})),
    Layer(
        "fhmr_blender/blender",
        frozenset({"numpy"}) | BLENDERS_OWN,
        frozenset({"core", "pipeline", "blender"}),
    ),
)

# The files of the package that may import each of these.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "onnxruntime": ("fhmr_blender/pipeline/runtime.py",),
    "av": ("fhmr_blender/pipeline/decoding.py", "fhmr_blender/pipeline/footage.py"),
}

# The stages in the order of the data: none knows the one after it.
STAGES = (
    ("runtime", "weights", "footage"),
    ("perception",),
    ("anchor",),
    ("completion",),
    ("alignment",),
    ("world",),
    ("overlay",),
    ("solve",),
    ("estimate", "resolve", "resample"),
)
RANK = {name: rank for rank, names in enumerate(STAGES) for name in names}

# Outside the package: folders, and what must not be imported there.
NOT_IN = {
    "build_steps": frozenset({"training", "fhmr_blender.blender", "bpy", "mathutils"}),
    "training": frozenset({"bpy", "mathutils", "fhmr_blender.blender"}),
}


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, and how many folders up it is looked for."""

    name: str
    level: int
    line: int


def imports_of(source: str) -> Iterator[Import]:
    """Every import of a file, those inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, 0, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module and node.level == 0:
                yield Import(module, 0, node.lineno)
            else:
                # `from . import camera` and `from ..core import camera` name modules or their
                # contents: with both, the part of the package is known.
                for alias in node.names:
                    name = ".".join(word for word in (module, alias.name) if word)
                    yield Import(name, node.level, node.lineno)


def violations(path: str, source: str) -> list[str]:
    """What a file imports against the table.

    Args:
        path: From the repository's root, with slashes.
        source: Its text.
    """
    found = []
    for each in imports_of(source):
        if path.startswith(f"{PACKAGE}/"):
            problem = _problem_inside(path, each)
        else:
            problem = _problem_outside(path, each)
        if problem:
            found.append(f"{path}:{each.line}: {problem}")
    return found


def _problem_inside(path: str, each: Import) -> str:
    layer = max((x for x in LAYERS if path.startswith(f"{x.folder}/")), key=lambda x: len(x.folder))
    top = each.name.split(".")[0]
    if each.level == 0:
        if top == PACKAGE:
            return f"imports {each.name} by its full name: Blender renames the package"
        if top in STANDARD or top in layer.outside or path in ONLY_IN.get(top, ()):
            return ""
        return f"imports {top}"
    target = (*path.split("/")[:-1][: len(path.split("/")) - each.level], *each.name.split("."))
    if len(target) < 2 or target[0] != PACKAGE:
        return f"imports {each.name} from outside the package"
    part = target[1]
    if part not in layer.inside | EVERYWHERE:
        return "" if len(path.split("/")) == 2 and len(target) == 2 else f"imports {part}"
    return _problem_of_order(path, target)


def _problem_of_order(path: str, target: tuple[str, ...]) -> str:
    """A stage of the pipeline that imports a later one."""
    here = path.removesuffix(".py").split("/")
    if here[1] != "pipeline" or target[1] != "pipeline" or len(target) < 3:
        return ""
    mine, other = RANK.get(here[2]), RANK.get(target[2])
    if mine is None or other is None or other <= mine:
        return ""
    return f"{here[2]} imports {target[2]}, a later stage"


def _problem_outside(path: str, each: Import) -> str:
    forbidden = NOT_IN.get(path.split("/")[0], frozenset())
    hit = any(each.name == name or each.name.startswith(f"{name}.") for name in forbidden)
    return f"imports {each.name}" if hit and each.level == 0 else ""


def python_files(folder: str) -> list[str]:
    return sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", [PACKAGE, "build_steps", "training"])
def test_imports_point_one_way(folder: str) -> None:
    files = python_files(folder)
    assert files
    found = [
        problem
        for path in files
        for problem in violations(path, (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_torch_stays_in_training_and_in_the_making_of_the_body() -> None:
    found = [
        path
        for folder in (PACKAGE, "build_steps")
        for path in python_files(folder)
        if not path.startswith("build_steps/body")
        for each in imports_of((ROOT / path).read_text(encoding="utf-8"))
        if each.name.split(".")[0] == "torch"
    ]
    assert not found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("fhmr_blender/core/camera.py", "import bpy"),
        ("fhmr_blender/core/camera.py", "import scipy.linalg"),
        ("fhmr_blender/core/camera.py", "from ..pipeline import world"),
        ("fhmr_blender/core/camera.py", "from ..pipeline.world import lift"),
        ("fhmr_blender/core/camera.py", "def late() -> None:\n    import torch"),
        ("fhmr_blender/core/camera.py", "from fhmr_blender.core import frames"),
        ("fhmr_blender/pipeline/world.py", "import onnxruntime"),
        ("fhmr_blender/pipeline/overlay.py", "import av"),
        ("fhmr_blender/pipeline/world.py", "from mathutils import Matrix"),
        ("fhmr_blender/pipeline/perception/tracking.py", "from ...blender import rig"),
        ("fhmr_blender/pipeline/anchor.py", "from .completion import sample"),
        ("fhmr_blender/pipeline/perception/front_end.py", "from .. import anchor"),
        ("fhmr_blender/blender/rig.py", "import torch"),
        ("fhmr_blender/blender/rig.py", "from training import losses"),
        ("fhmr_blender/__main__.py", "import numpy"),
        ("fhmr_blender/__init__.py", "import bpy"),
        ("build_steps/extension.py", "import training.export"),
        ("training/losses.py", "import bpy"),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str) -> None:
    assert violations(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("fhmr_blender/core/camera.py", "import math\nimport numpy as np\nfrom . import frames"),
        ("fhmr_blender/core/camera.py", "from ..errors import FhmrError"),
        ("fhmr_blender/pipeline/runtime.py", "import onnxruntime"),
        ("fhmr_blender/pipeline/footage.py", "import av"),
        ("fhmr_blender/pipeline/perception/front_end.py", "from ...core.camera import project"),
        ("fhmr_blender/pipeline/perception/front_end.py", "from ..footage import Footage"),
        ("fhmr_blender/pipeline/estimate.py", "from . import anchor, completion, world"),
        ("fhmr_blender/blender/operators/bake.py", "import bpy\nfrom ...core import motion"),
        ("fhmr_blender/__main__.py", "from .pipeline.estimate import estimate"),
        ("fhmr_blender/__main__.py", "from . import errors"),
        ("training/losses.py", "import torch\nfrom fhmr_blender.core import skeleton"),
    ],
)
def test_a_right_import_is_let_through(path: str, source: str) -> None:
    assert not violations(path, source)


def test_importing_the_package_loads_no_bpy() -> None:
    question = (
        "import sys, fhmr_blender; heavy = ('bpy', 'mathutils', 'torch', 'onnxruntime', 'av'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
