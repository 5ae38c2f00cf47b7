"""A Blender with a window: Debian's newest in a folder of its own, drawn on a virtual display.

Blender as a Python module has no window, so what an artist sees and clicks is tested in a whole
Blender. It comes from Debian by debootstrap into `.build/window-<release>`, which programs enter by
chroot: nothing is mounted, nothing of the machine's own Debian (or other Linux) is changed.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from . import extension, places
from .progress import BuildError, require_space, run_logged, say

RELEASES = ("sid", "trixie")  # Debian's newest Blender first, then the stable one
MIRROR = "http://deb.debian.org/debian"
TOOLS = ("debootstrap", "debian-archive-keyring")  # on the machine itself
# Blender recommends none of the Python packages, but extensions need them; the rest is the
# virtual display with a software renderer, mouse and keyboard, and the camera.
PACKAGES = (
    *("blender", "python3-numpy", "python3-requests", "python3-cattr", "python3-zstandard"),
    *("xvfb", "xauth", "libegl1", "libgl1-mesa-dri", "xdotool", "imagemagick"),
)
STAMP = "fhmr-window.json"
SPACE = 3.0  # GB: 2.0 unpacked, and the packages while they are unpacked
# The release files of a mirror that is some weeks behind have run out; the signatures still count.
APT = ("apt-get", "-o", "Acquire::Check-Valid-Until=false", "-o", "Acquire::Retries=3")
INSTALL = ("install", "--yes", "--no-install-recommends")


@dataclass(frozen=True)
class Window:
    """A Debian in a folder, with a Blender that starts in it."""

    root: Path
    blender: tuple[int, int]
    python: tuple[int, int]


def ensure() -> Window:
    """Make one, or find the one that is there.

    Raises:
        BuildError: This machine cannot have one, or no release could be installed today.
    """
    _check_machine()
    problems: list[BuildError] = []
    for release in RELEASES:
        try:
            return _ensure(release)
        except BuildError as error:
            say(f"  Debian {release} cannot be had: {error}")
            problems.append(error)
    raise problems[0]


def package_for(window: Window, package: Path) -> Path:
    """The extension's zip with what only this Blender asks for.

    That is the wheels of its Python, and its own version as the oldest one where it is older than
    what we support. Everything else is the zip that artists get, byte for byte.

    Args:
        window: Where it is to be installed.
        package: The zip of this platform.
    """
    target = extension.this_platform()
    wheels = extension.fetch_wheels(target, (".".join(map(str, window.python)),))
    changed = places.BUILD / "package" / f"{window.root.name}.zip"
    changed.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(changed, "w") as new:
        held = set(old.namelist())
        added = [wheel for wheel in wheels if f"wheels/{wheel.name}" not in held]
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == extension.MANIFEST.name:
                names = [wheel.name for wheel in added]
                content = _for_blender(content.decode(), names, window.blender).encode()
            new.writestr(entry, content)
        for wheel in added:
            new.write(wheel, f"wheels/{wheel.name}")
    return changed


def _for_blender(manifest: str, wheels: list[str], blender: tuple[int, int]) -> str:
    """A manifest that names these wheels, too, and allows this version of Blender."""
    listed = "".join(f'  "./wheels/{name}",\n' for name in wheels)
    manifest = manifest.replace("wheels = [\n", f"wheels = [\n{listed}", 1)
    oldest = re.search(r'blender_version_min = "(\d+)\.(\d+)\.\d+"', manifest)
    if oldest is None:
        raise ValueError(f"{extension.MANIFEST.name} names no oldest version")
    if blender < (int(oldest[1]), int(oldest[2])):
        lowered = f'blender_version_min = "{blender[0]}.{blender[1]}.0"'
        manifest = manifest.replace(oldest[0], lowered)
    return manifest


def _check_machine() -> None:
    """See that there can be such a folder here, and that debootstrap is there to make it.

    Raises:
        BuildError: Another system, not root, or no debootstrap.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise BuildError(
            "The window of the tests is a Linux program for x64.", "Run them on such a machine."
        )
    if os.geteuid() != 0:
        raise BuildError(
            "Only root can enter the folder that holds Debian's Blender.",
            "Run the same command as root, or in a container: "
            "`sudo python3 build.py test --only gui`.",
        )
    if shutil.which("debootstrap"):
        return
    remedy = f"Debian and Ubuntu: apt-get install {' '.join(TOOLS)}."
    if not shutil.which("apt-get"):
        raise BuildError("debootstrap was not found.", remedy)
    try:
        run_logged("Asking for Debian's packages", ["apt-get", "update", "-qq"], "window-tools")
        command = ["apt-get", *INSTALL, "-qq", *TOOLS]
        run_logged("Installing debootstrap", command, "window-tools", _quiet())
    except BuildError as error:
        raise BuildError("debootstrap could not be installed.", remedy) from error


def _ensure(release: str) -> Window:
    """Make the folder of one release; each of its two parts is kept once it is whole."""
    root = places.BUILD / f"window-{release}"
    wanted = {"base": release, "packages": list(PACKAGES)}
    held = _read_stamp(root)
    if held != wanted:
        require_space(SPACE, f"Debian {release} with Blender")
        if held.get("base") != release:
            _make_base(release, root)
            _write_stamp(root, {"base": release})
        _install(release, root)
        _write_stamp(root, wanted)
    return _look(root)


def _make_base(release: str, root: Path) -> None:
    if root.exists():
        say(f"  {places.shown(root)} is unfinished: making it anew")
        shutil.rmtree(root)
    downloads = places.CACHE / "debian"
    downloads.mkdir(parents=True, exist_ok=True)
    run_logged(
        f"Making {places.shown(root)} with debootstrap",
        [
            *("debootstrap", "--variant=minbase", f"--cache-dir={downloads}"),
            *(release, root, MIRROR),
        ],
        f"{root.name}-base",
    )


def _install(release: str, root: Path) -> None:
    """Install Blender; apt goes on where an earlier try stopped."""
    names = Path("/etc/resolv.conf")
    if names.is_file():
        shutil.copyfile(names, root / "etc" / "resolv.conf")
    enter = ("chroot", root)
    log = f"{root.name}-packages"
    run_logged(f"Asking for Debian {release}'s packages", [*enter, *APT, "update"], log)
    command = [*enter, *APT, *INSTALL]
    try:
        run_logged(f"Installing Debian {release}'s Blender", [*command, *PACKAGES], log, _quiet())
    except BuildError:
        # What a broken-off or half-migrated installation left is mended first.
        run_logged("Mending the installation", [*command, "--fix-broken"], log, _quiet())
        run_logged(f"Installing Debian {release}'s Blender", [*command, *PACKAGES], log, _quiet())
    run_logged("Deleting the downloads", [*enter, "apt-get", "clean"], log)


def _look(root: Path) -> Window:
    """Start Blender and its Python once and read their versions.

    Raises:
        BuildError: One of them does not start.
    """
    blender = _answer(root, "blender", "--version")
    python = _answer(root, "python3", "--version")
    return Window(root, _version(blender), _version(python))


def _answer(root: Path, *command: str) -> str:
    done = subprocess.run(
        ["chroot", str(root), *command], capture_output=True, text=True, check=False
    )
    if done.returncode or not re.search(r"\d+\.\d+", done.stdout):
        words = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise BuildError(
            f"{command[0]} does not start in {places.shown(root)}: {words}.",
            f"Delete {places.shown(root)} and run the same command again.",
        )
    return done.stdout


def _version(text: str) -> tuple[int, int]:
    found = re.search(r"(\d+)\.(\d+)", text)
    assert found is not None
    return int(found[1]), int(found[2])


def _quiet() -> dict[str, str]:
    """Packages ask nothing while they are installed."""
    return {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def _read_stamp(root: Path) -> dict[str, object]:
    try:
        return dict(json.loads((root / STAMP).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _write_stamp(root: Path, held: dict[str, object]) -> None:
    (root / STAMP).write_text(json.dumps(held), encoding="utf-8")
