"""The extension's zip: staged, built and validated with Blender's own script."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import environments, model_list, places
from .progress import BuildError, run_logged, say

MANIFEST = places.ROOT / "blender_manifest.toml"
WHEELS_LINE = "# wheels = []"
PYTHONS = ("3.11", "3.13")  # Blender 4.5 and 5.0; 5.1 and 5.2


@dataclass(frozen=True)
class Platform:
    """A platform by Blender's name and the tags of the wheels that run on it."""

    name: str
    tags: tuple[str, ...]


PLATFORMS = (
    Platform("linux-x64", ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64")),
    Platform("windows-x64", ("win_amd64",)),
    Platform("macos-arm64", ("macosx_14_0_arm64", "macosx_11_0_arm64")),
)


def this_platform() -> Platform:
    """The platform that we run on.

    Raises:
        BuildError: Blender has no extension platform of ours for it.
    """
    machine = platform.machine().lower()
    names = {
        ("linux", "x86_64"): "linux-x64",
        ("win32", "amd64"): "windows-x64",
        ("darwin", "arm64"): "macos-arm64",
    }
    name = names.get((sys.platform, machine))
    if name is None:
        raise BuildError(
            f"There is no FHMR package for {sys.platform} on {machine}.",
            f"Name a platform: {', '.join(each.name for each in PLATFORMS)}.",
        )
    return named(name)


def named(name: str) -> Platform:
    """The platform of this name."""
    return next(each for each in PLATFORMS if each.name == name)


def build(target: Platform) -> Path:
    """Stage, build and validate the zip of one platform; needs the models to be there.

    Returns:
        The zip in `dist/`.
    """
    unsound = model_list.unsound(places.MODELS)
    if unsound:
        raise BuildError(
            f"These model files are missing or damaged: {', '.join(unsound)}.",
            "`python3 build.py setup` makes models/perception; restore others from the repository.",
        )
    python = _any_blender()
    stage = places.BUILD / "package" / target.name
    shutil.rmtree(stage, ignore_errors=True)
    wheels = fetch_wheels(target)
    stage_files(stage, target, wheels)
    script = blender_extension_script(python)
    places.DIST.mkdir(exist_ok=True)
    zipped = places.DIST / f"{_zip_name(target)}.zip"
    zipped.unlink(missing_ok=True)
    run_logged(
        f"Building {zipped.name}",
        [
            python,
            script,
            "build",
            "--source-dir",
            stage,
            "--output-dir",
            places.DIST,
            "--split-platforms",
        ],
        f"package-{target.name}",
    )
    run_logged(f"Validating {zipped.name}", [python, script, "validate", zipped], "validate")
    say(f"  {places.shown(zipped)}: {zipped.stat().st_size / 1e6:.0f} MB")
    return zipped


def fetch_wheels(target: Platform, pythons: tuple[str, ...] = PYTHONS) -> list[Path]:
    """Download the pinned and hashed wheels of one platform, for each of Blender's Pythons."""
    python = environments.ensure_main(environments.RUNTIME)
    folder = places.CACHE / "wheels" / "-".join((target.name, *pythons))
    wanted = places.REQUIREMENTS / "wheels.txt"
    stamp = folder / environments.STAMP
    held = stamp.read_text(encoding="utf-8") if stamp.is_file() else ""
    fingerprint = wanted.read_text(encoding="utf-8")
    if held != fingerprint:
        shutil.rmtree(folder, ignore_errors=True)
        for version in pythons:
            run_logged(
                f"Fetching the wheels of {target.name} for Python {version}",
                [
                    *(python, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"),
                    *("--require-hashes", "--only-binary", ":all:", "--dest", folder),
                    *("--implementation", "cp", "--python-version", version),
                    *(word for tag in target.tags for word in ("--platform", tag)),
                    *("--requirement", wanted),
                ],
                f"wheels-{target.name}-{version}",
            )
        stamp.write_text(fingerprint, encoding="utf-8")
    return sorted(folder.glob("*.whl"))


def stage_files(stage: Path, target: Platform, wheels: list[Path]) -> None:
    """Lay out what the zip holds: the package's contents, manifest, licence, models, wheels."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.part")
    shutil.copytree(places.ROOT / "fhmr_blender", stage, ignore=ignored)
    shutil.copytree(places.MODELS, stage / "models", ignore=ignored)
    shutil.copyfile(places.ROOT / "LICENSE", stage / "LICENSE")
    (stage / "wheels").mkdir()
    for wheel in wheels:
        _link_or_copy(wheel, stage / "wheels" / wheel.name)
    manifest = filled_manifest(
        MANIFEST.read_text(encoding="utf-8"), target.name, [wheel.name for wheel in wheels]
    )
    (stage / MANIFEST.name).write_text(manifest, encoding="utf-8")


def filled_manifest(text: str, platform_name: str, wheels: list[str]) -> str:
    """The manifest of one platform's zip: its platform and wheels named.

    Args:
        text: The manifest of the repository.
        platform_name: Blender's name.
        wheels: File names.
    """
    if text.count(WHEELS_LINE) != 1:
        raise ValueError(f"{MANIFEST.name} must have one line {WHEELS_LINE!r}")
    listed = "".join(f'  "./wheels/{name}",\n' for name in wheels)
    return text.replace(WHEELS_LINE, f'platforms = ["{platform_name}"]\nwheels = [\n{listed}]')


def blender_extension_script(python: Path) -> Path:
    """Blender's own script for building and validating extensions, beside a bpy module."""
    question = "import importlib.util as u; print(u.find_spec('bpy').submodule_search_locations[0])"
    done = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=True)
    pattern = "*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
    return next(Path(done.stdout.strip()).glob(pattern))


def _any_blender() -> Path:
    """A bpy environment: one that is ready, else the first that can be made here."""
    order = sorted(
        environments.BLENDERS,
        key=lambda each: not environments.is_current(each.folder, f"bpy-{each.version}"),
    )
    problem: BuildError | None = None
    for blender in order:
        try:
            return environments.ensure_blender(blender)
        except BuildError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _zip_name(target: Platform) -> str:
    """The name that Blender's script gives, from the manifest."""
    manifest: dict[str, Any] = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    return f"{manifest['id']}-{manifest['version']}-{target.name.replace('-', '_')}"


def _link_or_copy(source: Path, target: Path) -> None:
    """A hard link where the disk allows one: the wheels are large."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
