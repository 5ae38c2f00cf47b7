"""The verbs of build.py.

Each does what it needs first, is safe to repeat and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from . import demonstration, environments, extension, model_list, places, suites
from .progress import BuildError, require_space, run_logged, run_shown, say

EXIT_FAILED, EXIT_MENDABLE, EXIT_CANCELLED = 1, 2, 130
TEST_SPACE = 8.0  # GB: .venv with torch, four Blender modules, downloads
SHIPPED = {"train_anchor": "anchor.onnx", "train_completion": "completion.onnx"}
FUZZ_CASES = "100000"  # for bench; the gate's number is in tests/fuzzing.py

# What `train` runs, in order, and the options that each takes; each resumes from --state by itself.
TRAINING_STEPS = {
    "data.compact": ("state",),  # with --warm alone
    "data.pairs": ("motion", "state", "frames", "workers"),
    "data.calibration": ("state",),
    "train_anchor": ("motion", "state", "settings", "minutes"),
    "train_completion": ("motion", "state", "settings", "minutes"),
    "export": ("state", "settings"),
    "evaluate": ("state", "settings"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one verb.

    Returns:
        0 done, 1 something failed, 2 the person can mend it, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    os.environ.setdefault("PYTHONUTF8", "1")  # the children's output, on any console
    try:
        verb: Callable[[argparse.Namespace], int] = options.run
        return verb(options)
    except BuildError as error:
        say(f"{error.sentence}\n{error.remedy}")
        return EXIT_MENDABLE
    except KeyboardInterrupt:
        say("\nInterrupted. The same command goes on from here.")
        return EXIT_CANCELLED


def setup(_options: argparse.Namespace) -> int:
    """Make `.venv` and the perception networks."""
    prepare()
    say("Ready: try `python3 build.py demo`.")
    return 0


def prepare() -> Path:
    """Make `.venv` for running the program, and the perception networks.

    Returns:
        Its Python.
    """
    python = environments.ensure_main(environments.SETUP)
    if model_list.unsound_perception():
        require_space(0.5, "Making the perception networks")
        run_logged(
            "Making the perception networks",
            [python, "-m", "build_steps.perception_models"],
            "perception",
            {"PATH": f"{os.environ.get('PATH', '')}{os.pathsep}{python.parent}"},
        )
        different = model_list.unsound_perception()
        if different:
            raise BuildError(
                f"Other networks than models.toml lists came out: {', '.join(different)}.",
                "If the conversion was changed on purpose, write the new checksums into the list.",
            )
    return python


def demo(options: argparse.Namespace) -> int:
    """Turn a real picture into a rigged body: out/demo.npz, .png, .blend."""
    prepare()
    return demonstration.run(options.picture)


def test(options: argparse.Namespace) -> int:
    """Run the gate; its last line sums up all suites."""
    parts: list[str] = options.only or list(suites.PARTS)
    to_run: list[suites.Suite] = []
    missing: list[suites.Outcome] = []
    if "blender" in parts or "training" in parts:
        require_space(_space_still_needed(), "The tests")
    prepare()
    # The long ones first, so that none is left over for one core alone.
    to_run += [suites.in_main(part) for part in ("unit", "training") if part in parts]
    if "blender" in parts or "gui" in parts:
        package = _package(missing)
        if "gui" in parts:
            to_run += _window_suite(package, missing)
        if "blender" in parts:
            to_run += _blender_suites(options.blender, package, missing)
    if "lint" in parts:
        to_run += suites.lint()
    return suites.close([*suites.run_all(to_run, options.lanes), *missing])


def _package(missing: list[suites.Outcome]) -> Path | None:
    """Build the zip; if it cannot be had, that joins `missing`."""
    try:
        return extension.build(extension.this_platform())
    except BuildError as error:
        missing.append(suites.not_run("the extension's zip", error))
        return None


def _window_suite(package: Path | None, missing: list[suites.Outcome]) -> list[suites.Suite]:
    """Make a Blender with a window; if it cannot be had, that joins `missing`."""
    try:
        if package is None:
            raise BuildError("There is no zip to install in it.", "Build it: see above.")
        return [suites.in_window(package)]
    except BuildError as error:
        missing.append(suites.not_run("Blender with a window", error))
        return []


def _blender_suites(
    versions: list[str] | None, package: Path | None, missing: list[suites.Outcome]
) -> list[suites.Suite]:
    """Make every version's environment; what cannot be had joins `missing`."""
    to_run: list[suites.Suite] = []
    for blender in environments.BLENDERS:
        if not versions or blender.version in versions:
            try:
                to_run += suites.in_blender(blender, package)
            except BuildError as error:
                missing.append(suites.not_run(f"Blender {blender.version}", error))
    return to_run


def lint(_options: argparse.Namespace) -> int:
    """Run ruff and pyright."""
    return suites.close(suites.run_all(suites.lint(), lanes=1))


def package(options: argparse.Namespace) -> int:
    """Build the extension's zip into dist/."""
    prepare()
    names: list[str] = options.platform or [extension.this_platform().name]
    for name in names:
        extension.build(extension.named(name))
    return 0


def bench(options: argparse.Namespace) -> int:
    """Measure: every module of tests/benchmarks, and the fuzzing with ten times the cases."""
    prepare()
    python = environments.ensure_main(environments.TESTS)
    wanted: list[str] = options.names
    folder = places.ROOT / "tests" / "benchmarks"
    names = sorted(file.stem for file in folder.glob("*.py") if file.stem != "__init__")
    unknown = [name for name in wanted if name not in [*names, "fuzz"]]
    if unknown:
        raise BuildError(
            f"There is no benchmark {', '.join(unknown)}.",
            f"There are: {', '.join([*names, 'fuzz'])}.",
        )
    failed: list[str] = []
    for name in names:
        if not wanted or name in wanted:
            say(f"\n== {name}")
            if run_shown([python, "-m", f"tests.benchmarks.{name}"]):
                failed.append(name)
    if not wanted or "fuzz" in wanted:
        say("\n== fuzz")
        command = [python, "-m", "pytest", "-q", "-m", "fuzz", "tests/unit"]
        if run_shown(command, {"FHMR_FUZZ_CASES": FUZZ_CASES}):
            failed.append("fuzz")
    if failed:
        say(f"These did not finish: {', '.join(failed)}")
    return EXIT_FAILED if failed else 0


def body(options: argparse.Namespace) -> int:
    """Make models/body anew from its source."""
    python = environments.ensure_main(environments.BODY)
    return run_shown([python, "-m", "build_steps.body", *options.rest])


def train(options: argparse.Namespace) -> int:
    """Render pairs, train both networks, export them to models/ and measure them."""
    prepare()
    python = environments.ensure_main(environments.TRAINING)
    for step, names in TRAINING_STEPS.items():
        if options.only and step not in options.only:
            continue
        if step == "data.compact" and not options.warm:
            continue
        say(f"\n== {step}")
        command = [python, "-m", f"training.{step}"]
        for name in names:
            value = getattr(options, name)
            command += [] if value is None else [f"--{name}", str(value)]
        if options.warm and step in SHIPPED:
            command += ["--warm", str(places.MODELS / SHIPPED[step])]
        if run_shown(command):
            say(f"{step} stopped. The same command goes on from here.")
            return EXIT_FAILED
    return 0


def clean(options: argparse.Namespace) -> int:
    """Delete what build.py has made; trained states and .venv only with --all."""
    doomed = [places.OUT, places.DIST, places.MODELS / "perception"]
    doomed += [places.ROOT / name for name in (".pytest_cache", ".ruff_cache", ".hypothesis")]
    if options.all:
        doomed += [places.BUILD, places.VENV]
    elif places.BUILD.is_dir():
        doomed += [each for each in places.BUILD.iterdir() if each != places.TRAINING_STATE]
    for path in doomed:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            continue
        say(f"  deleted {places.shown(path)}")
    return 0


def _space_still_needed() -> float:
    """GB that a whole test run still has to write: nothing where everything is there."""
    missing = [
        blender
        for blender in environments.BLENDERS
        if not environments.is_current(blender.folder, f"bpy-{blender.version}")
    ]
    return TEST_SPACE * len(missing) / len(environments.BLENDERS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description="Builds and tests FHMR.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        words = (run.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(run.__name__, help=words, description=words)
        verb.set_defaults(run=run)
        return verb

    add(setup)
    add(demo).add_argument("picture", nargs="?", type=Path, default=places.DEMO_PICTURE)
    gate = add(test)
    gate.add_argument("--only", action="append", choices=suites.PARTS, help="repeatable")
    versions = [blender.version for blender in environments.BLENDERS]
    gate.add_argument(
        "--lanes", type=int, default=min(os.cpu_count() or 1, 4), help="suites at a time"
    )
    gate.add_argument("--blender", action="append", choices=versions, help="repeatable")
    add(lint)
    names = [each.name for each in extension.PLATFORMS]
    add(package).add_argument(
        "--platform", action="append", choices=names, help="repeatable; default: this one"
    )
    add(bench).add_argument("names", nargs="*", help="benchmarks to run; default: all")
    add(body).add_argument("rest", nargs=argparse.REMAINDER, help="passed on")
    trainer = add(train)
    trainer.add_argument("--motion", required=True, type=Path, help="folder of motion archives")
    trainer.add_argument(
        "--state", type=Path, default=places.TRAINING_STATE, help="pairs and checkpoints"
    )
    trainer.add_argument("--settings", help="name in training/settings, or a path")
    trainer.add_argument("--frames", type=int, help="to render, at least")
    trainer.add_argument("--workers", type=int, help="processes that render")
    trainer.add_argument("--minutes", type=float, help="of training, for each network")
    trainer.add_argument(
        "--warm", action="store_true", help="go on from the pairs and networks that are tracked"
    )
    trainer.add_argument("--only", action="append", choices=TRAINING_STEPS, help="repeatable")
    add(clean).add_argument("--all", action="store_true", help="also .venv and trained states")
    return parser
