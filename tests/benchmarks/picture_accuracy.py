"""How right Estimate is on pictures whose truth is known: the product's own door, start to end.

python -m tests.benchmarks.picture_accuracy --motion DIR [--state DIR] [--pictures N] [--sheet FILE]

Renders N pictures (default 60) of each split that nothing was trained on, one a clip, with a seed
of their own, writes them as PNG and estimates them with the true lens and a drawn box that is off
by some percent, as a detector's are. So a picture is looked at four times, the surest look is taken
and aligned, as for an artist. The peer is the landmark network's own 3D after one look at the same
picture and box. PA-MPJPE and MPJPE of 12 joints, mm; medians stand beside the means, since a few
pictures in which hardly anything is seen weigh much. `--sheet` draws the first ones with their
estimates, to look at.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import load_body
from fhmr_blender.core.frames import rigid
from fhmr_blender.core.motion import Shot
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.camera_file import KnownCamera
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.footage import Footage, write_picture
from fhmr_blender.pipeline.overlay import draw_overlay
from fhmr_blender.pipeline.perception.crops import Picture, cut
from fhmr_blender.pipeline.weights import Networks, load_networks
from training import metrics
from training.data.motion_library import load_library
from training.data.pairs import SPLITS, Studio
from training.data.sample import PairClip
from training.evaluation.answers import main_joints, of_landmarks
from training.evaluation.clips import frames_of

ROOT = Path(__file__).resolve().parents[2]
SEED = 2026
_BOX_ERROR = 0.04  # of the box's sides, as the pairs' boxes are off
_THUMBNAIL = 256  # pixels
_COLUMNS = 8


@dataclass(frozen=True, eq=False)
class Estimated:
    """One picture and what was made of it."""

    image: Picture
    clip: PairClip
    shot: Shot


def estimated(
    split: str, count: int, studio: Studio, networks: Networks, folder: Path
) -> Iterator[Estimated]:
    """Render and estimate pictures in which the front end found somebody."""
    number = 0
    while count > 0:
        rng = np.random.default_rng((SEED, SPLITS.index(split), number))
        (clip, _), images = studio.filmed(split, rng, 2)
        clip = frames_of(clip, np.zeros(1, dtype=np.int64))
        number += 1
        if not clip.found[0]:
            continue
        count -= 1
        path = folder / f"{split}_{number}.png"
        write_picture(path, images[0])
        box = clip.bbox[0] + rng.normal(0, _BOX_ERROR, 4) * np.tile(
            clip.bbox[0, 2:] - clip.bbox[0, :2], 2
        )
        camera = KnownCamera(
            np.zeros(1, dtype=np.int64),
            rigid(clip.R_world_from_cam.astype(float), clip.camera_position.astype(float)),
            clip.intrinsics[None].astype(float),
        )
        x0, y0, x1, y1 = (float(side) for side in box)
        settings = EstimateSettings(boxes=((x0, y0, x1, y1),), camera="scene", scene_camera=camera)
        try:
            shot = estimate(Footage(path), networks, settings, silent)
        except FhmrError:
            continue  # said in the count
        yield Estimated(images[0], clip, shot)


def main() -> None:
    """Measure, and draw a sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--motion", type=Path, help="motion archives, as for training")
    parser.add_argument("--state", type=Path, default=ROOT / ".build" / "training")
    parser.add_argument("--pictures", type=int, default=60, help="of each split")
    parser.add_argument("--sheet", type=Path, help="PNG of the first estimates")
    options = parser.parse_args()
    if options.motion is None:
        print("Nothing was measured: name the motion archives with --motion.")
        return
    networks = load_networks(threads=2)
    studio = Studio(load_library(options.motion, options.state), load_body("neutral"), networks)
    shown: list[Picture] = []
    print("split    pictures   PA-MPJPE ours / landmark network   below   medians    MPJPE")
    for split in SPLITS[1:]:
        with tempfile.TemporaryDirectory() as folder:
            found = list(estimated(split, options.pictures, studio, networks, Path(folder)))
        ours = np.concatenate(
            [_errors(each, main_joints(each.shot.people[0].joints_cam)) for each in found], axis=1
        )
        peer = np.concatenate([_errors(each, _told(each)) for each in found], axis=1)
        (pa, far), (peer_pa, peer_far) = ours, peer
        print(
            f"{split:8} {len(found):4} of {options.pictures}   "
            f"{pa.mean():6.1f} / {peer_pa.mean():6.1f}   {1 - pa.mean() / peer_pa.mean():18.1%}   "
            f"{np.median(pa):6.1f} / {np.median(peer_pa):6.1f}   "
            f"{far.mean():6.1f} / {peer_far.mean():6.1f}",
            flush=True,
        )
        shown += [_thumbnail(each) for each in found[: 2 * _COLUMNS]]
    if options.sheet is not None:
        rows = [shown[start : start + _COLUMNS] for start in range(0, len(shown), _COLUMNS)]
        whole = [np.concatenate(row, axis=1) for row in rows if len(row) == _COLUMNS]
        write_picture(options.sheet, np.concatenate(whole, axis=0))
        print(f"Look at {options.sheet}: left orange, right blue.")


def _told(each: Estimated) -> Floats:
    """(1, 12, 3) the landmark network's own."""
    return of_landmarks(each.clip.keypoints_world.astype(float)).main


def _errors(each: Estimated, main: Floats) -> Floats:
    """(2, 1) PA-MPJPE and MPJPE, mm."""
    truth = main_joints(each.clip.joints_cam.astype(float))
    return 1000.0 * np.stack((metrics.pa_mpjpe(main, truth), metrics.mpjpe(main, truth)))


def _thumbnail(each: Estimated) -> Picture:
    """The estimate over its picture, cut out around the box."""
    drawn = draw_overlay(each.image, each.shot, {each.shot.people[0].id: load_body("neutral")}, 0)
    x0, y0, x1, y1 = each.clip.bbox[0]
    square = np.array([(x0 + x1) / 2, (y0 + y1) / 2, 1.3 * max(x1 - x0, y1 - y0), 0.0])
    return cut(drawn, square, _THUMBNAIL, replicate=False).astype(np.uint8)


if __name__ == "__main__":
    main()
