"""`estimate`: pictures and movies in, shots out; one bad source stops no other."""

import argparse
import json
import math
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import blender_process
from ..errors import FhmrError
from ..jobs import Cancelled
from .messages import ProgressBar, say, tell
from .options import add_draw_options, by_person, frame_range, metres
from .sources import Outputs, Source, cache_folder, one_source, several_sources

if TYPE_CHECKING:
    from ..core.motion import Shot
    from ..pipeline.estimate import EstimateSettings
    from ..pipeline.footage import Footage
    from ..pipeline.weights import Networks

_EXIT_UNEXPECTED, _EXIT_MENDABLE = 1, 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    add = parser.add_argument
    add("sources", type=Path, nargs="+", metavar="SOURCE",
        help="a picture, a movie, a sequence (shot_####.png), or a folder of pictures and movies;"
        " with several, finished ones are skipped and results go into folders")  # fmt: skip
    add("--sequence", action="store_true",
        help="take any file of a numbered sequence, or its folder, as the whole of it")  # fmt: skip
    add("--fps", type=float, default=24.0, metavar="N", help="of a sequence; default 24")
    add("--out", type=Path, metavar="SHOT.npz", help="default: SOURCE's name, in this folder")
    add("--blend", type=Path, metavar="SHOT.blend", help="also write a Blender file")
    add("--overlay", type=Path, metavar="FILE", help="also draw the bodies over it: .png or .mp4")
    add("--frames", type=frame_range, metavar="A:B[:STEP]", help="from 0, the end lies outside")
    add("--look-twice", action="store_true",
        help="at every frame of a clip, in the mirror too, as at single pictures: more exact,"
        " takes twice as long")  # fmt: skip
    add("--people", type=int, metavar="N", help="at most; default: all")
    lens = parser.add_mutually_exclusive_group()
    lens.add_argument("--focal", type=float, metavar="PX", help="focal length in pixels")
    lens.add_argument("--fov", type=float, metavar="DEG", help="across the longer side")
    add("--camera", default="static", metavar="static|moving|FILE")
    add("--body", action="append", default=[], metavar="[ID=]neutral|male|female|FILE")
    add("--height", action="append", default=[], metavar="[ID=]M", help="metres")
    add("--hypotheses", type=int, default=8, metavar="N", help="answers drawn; default 8")
    add_draw_options(parser)
    add("--steps", type=int, default=4, metavar="K", help="in which limbs are drawn; default 4")
    add("--no-alignment", action="store_true", help="do not fit the bodies to the picture")
    cache = parser.add_mutually_exclusive_group()
    cache.add_argument("--cache", type=Path, metavar="DIR",
        help="where what was seen is kept for the next run; default: this system's cache folder",
    )  # fmt: skip
    cache.add_argument("--no-cache", action="store_true", help="keep nothing, use nothing kept")
    add("--force", action="store_true", help="also estimate what is finished")
    add("--json", action="store_true", help="say one line of JSON for every shot")
    parser.set_defaults(command=_run)


@dataclass(frozen=True, eq=False)
class _Run:
    """What is the same for every source."""

    settings: "EstimateSettings"
    networks: "Networks"
    blender: blender_process.Blender | None
    sequence: bool
    fps: float
    as_json: bool

    def open(self, source: Source) -> "Footage":
        from ..pipeline.footage import Footage

        return Footage(source.path, sequence=self.sequence, fps=self.fps)


def _run(options: argparse.Namespace) -> int:
    from ..pipeline.estimate import check_settings
    from ..pipeline.overlay import check_overlay
    from ..pipeline.weights import load_networks

    paths: Sequence[Path] = options.sources
    outputs = Outputs(options.out, options.overlay, options.blend)
    single = len(paths) == 1 and (options.sequence or not paths[0].is_dir())
    if single:
        sources = [one_source(paths[0], outputs)]
        if options.overlay:
            check_overlay(options.overlay)
    else:
        sources = several_sources(paths, outputs, sequence=options.sequence)
    blender = blender_process.find() if options.blend else None
    settings = _settings(options)
    check_settings(settings)
    run = _Run(settings, load_networks(), blender, options.sequence, options.fps, options.json)
    if not single:
        return _each(run, sources, force=options.force)
    try:
        with ProgressBar() as bar:
            _one(run, sources[0], bar)
    except FhmrError as error:
        if options.json:
            _say_failed(sources[0], error.sentence, error.remedy)
        raise
    return 0


def _settings(options: argparse.Namespace) -> "EstimateSettings":
    from ..pipeline.estimate import EstimateSettings

    start, stop, step = options.frames or (None, None, None)
    body, bodies = by_person(options.body, str, "neutral")
    height, heights = by_person(options.height, metres, math.nan)
    return EstimateSettings(
        start=start or 0,
        stop=stop,
        step=1 if step is None else step,
        people=options.people,
        look_twice=options.look_twice,
        focal=options.focal,
        fov=options.fov,
        camera=options.camera,
        body=body,
        bodies=bodies,
        height=None if math.isnan(height) else height,
        heights=heights,
        hypotheses=options.hypotheses,
        guidance=options.guidance,
        steps=options.steps,
        seed=options.seed,
        alignment=not options.no_alignment,
        cache=None if options.no_cache else options.cache or cache_folder(),
    )


def _each(run: _Run, sources: Sequence[Source], *, force: bool) -> int:
    """All sources; what went wrong is told again at the end.

    Returns:
        The exit code: 1 if something unexpected happened, 2 if something can be mended.
    """
    failed: list[str] = []
    code = 0
    for number, source in enumerate(sources, 1):
        try:
            if not force and _is_finished(run, source):
                _say_done(run, source, None, 0.0)
                continue
            with ProgressBar(f"{number}/{len(sources)} {source.path.name}: ") as bar:
                _one(run, source, bar)
        except (Cancelled, KeyboardInterrupt, BrokenPipeError):
            raise
        except FhmrError as error:
            failed.append(f"{source.path}: {error.sentence} {error.remedy}")
            code = code or _EXIT_MENDABLE
            if run.as_json:
                _say_failed(source, error.sentence, error.remedy)
        except Exception as error:  # noqa: BLE001 - the sources behind it are still to be done
            traceback.print_exc()
            failed.append(f"{source.path}: unexpectedly, {type(error).__name__}: {error}")
            code = _EXIT_UNEXPECTED
            if run.as_json:
                _say_failed(source, f"{type(error).__name__}: {error}", "")
    if failed:
        tell(f"{len(failed)} of {len(sources)} failed:\n" + "\n".join(failed) + "\n")
    return code


def _one(run: _Run, source: Source, bar: ProgressBar) -> None:
    """Estimate one source and write what was asked for."""
    from ..core import shot_file
    from ..pipeline.estimate import estimate
    from ..pipeline.overlay import write_overlay

    started = time.monotonic()
    footage = run.open(source)
    try:
        shot = estimate(footage, run.networks, run.settings, bar)
        shot_file.write(source.shot, shot)
        if source.overlay:
            write_overlay(source.overlay, shot, footage, bar)
    finally:
        footage.close()
    if run.blender is not None and source.blend is not None:
        blender_process.write_blend(run.blender, source.shot, footage.path, source.blend)
    bar.clear()
    _say_done(run, source, shot, time.monotonic() - started)


def _is_finished(run: _Run, source: Source) -> bool:
    """Whether the same source was estimated with the same settings and networks."""
    from ..core import shot_file
    from ..pipeline.estimate import is_estimate_of

    if not all(path.is_file() for path in source.written):
        return False
    try:
        shot = shot_file.read(source.shot)
    except FhmrError:
        return False  # damaged, or something else: it is written anew
    return is_estimate_of(shot, run.open(source), run.settings, run.networks)


def _say_done(run: _Run, source: Source, shot: "Shot | None", seconds: float) -> None:
    """One line for people, or one of JSON; without a shot it was finished before."""
    from ..core.shot_notes import notes_of

    written = [str(path) for path in source.written]
    notes = [] if shot is None else list(notes_of(shot))
    if run.as_json:
        line: dict[str, Any] = {
            "source": str(source.path),
            "status": "skipped" if shot is None else "done",
            "written": written,
        }
        if shot is not None:
            line["people"], line["frames"] = len(shot.people), len(shot.frames)
            line["seconds"], line["notes"] = round(seconds, 2), notes
        say(json.dumps(line) + "\n")
        return
    if shot is None:
        say(f"{source.path}: finished before: {', '.join(written)}\n")
        return
    say(f"{people_and_frames(shot)}, {seconds:.1f} s: {', '.join(written)}\n")
    for note in notes:
        say(f"  {note}\n")


def _say_failed(source: Source, sentence: str, remedy: str) -> None:
    told = {"source": str(source.path), "status": "failed", "error": sentence, "remedy": remedy}
    say(json.dumps(told) + "\n")
    sys.stdout.flush()


def people_and_frames(shot: "Shot") -> str:
    people, frames = len(shot.people), len(shot.frames)
    return (
        f"{people} {'person' if people == 1 else 'people'}, "
        f"{frames} frame{'s' if frames > 1 else ''}"
    )
