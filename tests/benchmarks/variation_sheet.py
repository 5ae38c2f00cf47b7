"""A sheet of limb variations on real pictures whose limbs are hidden, to look at.

python -m tests.benchmarks.variation_sheet [FOLDER] [--out docs/variations.png]

One row a case whose footage lies in the folder (default tests/data): the picture, what Estimate
shows, then the variations in their order. The bodies are drawn beyond the picture's edges, too,
where its hidden limbs lie. Left orange, right blue.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import Person, Shot
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.bodies import body_of
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.footage import Footage, write_picture
from fhmr_blender.pipeline.limb_session import open_session
from fhmr_blender.pipeline.overlay import draw_overlay
from fhmr_blender.pipeline.perception.crops import Picture, cut
from fhmr_blender.pipeline.resample_settings import ResampleSettings
from fhmr_blender.pipeline.variations import commit
from fhmr_blender.pipeline.weights import Networks, load_networks

ROOT = Path(__file__).resolve().parents[2]
TILE = 256  # pixels
VARIATIONS = 6
_MARGIN = 0.15  # of the body's extent, round about a tile


@dataclass(frozen=True)
class Case:
    """A limb that a picture does not show."""

    source: str  # without its ending
    limbs: tuple[str, ...]
    frame: int = 0


CASES = (
    Case("tfjs_three_people", ("right_arm", "left_leg", "right_leg")),
    Case("caliscope_seated_board", ("right_arm",), frame=8),
    Case("tfjs_pose_1", ("left_leg", "right_leg"), frame=30),
    Case("skimage_astronaut", ("left_leg", "right_leg")),
)


def variation_row(case: Case, path: Path, networks: Networks) -> Picture:
    """(TILE, (2 + VARIATIONS) TILE, 3)."""
    footage = Footage(path)
    chosen = EstimateSettings(start=case.frame, stop=case.frame + 1)
    shot = estimate(footage, networks, chosen, silent)
    person = shot.people[0]
    settings = ResampleSettings(limbs=case.limbs, person=person.id, variations=VARIATIONS)
    drawn = open_session(shot, networks, settings).draw(settings)
    said = ", ".join(
        f"{natural:.2f}/{agreeing:.2f}"
        for natural, agreeing in zip(drawn.plausibility, drawn.agreement, strict=True)
    )
    spread = np.linalg.norm(drawn.joints_world - drawn.joints_world.mean(axis=0), axis=-1)
    sys.stdout.write(
        f"{case.source} {'+'.join(case.limbs)}: natural/picture {said}; farthest joint "
        f"{100 * spread.max():.0f} cm from the middle\n"
    )
    region = _region(shot, person, drawn.joints_world)
    image = footage.frame(case.frame)
    tiles = [cut(image, region, TILE, replicate=False)]
    for one in (shot, *(commit(shot, drawn, index) for index in range(VARIATIONS))):
        tiles.append(_tile(image, one, person.id, case.frame, region))
    return np.concatenate(tiles, axis=1).round().astype(np.uint8)


def _region(shot: Shot, person: Person, joints_world: Floats) -> Floats:
    """(4,) a square that holds the person in every variation."""
    T = shot.T_world_from_cam[0]
    points = (joints_world[:, 0].reshape(-1, 3) - T[:3, 3]) @ T[:3, :3]
    pixels = project(np.concatenate((points, person.joints_cam[0])), shot.intrinsics[0])
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    side = float((high - low).max()) * (1.0 + 2.0 * _MARGIN)
    return np.array([*(low + high) / 2.0, side, 0.0])


def _tile(image: Picture, shot: Shot, person: int, frame: int, region: Floats) -> Floats:
    """The body over the picture, which goes on in black where the region leaves it."""
    (alone,) = (each for each in shot.people if each.id == person)
    left, top = np.floor(region[:2] - region[2] / 2.0).astype(int)
    right, bottom = np.ceil(region[:2] + region[2] / 2.0).astype(int)
    height, width = image.shape[:2]
    before = np.maximum([-top, -left], 0)
    after = np.maximum([bottom - height, right - width], 0)
    wide = np.pad(image, (*zip(before, after, strict=True), (0, 0)))
    moved = np.array([0.0, 0.0, before[1], before[0]])
    keypoints = alone.observations.keypoints.copy()
    keypoints[..., :2] += moved[2:]
    seen = replace(alone.observations, keypoints=keypoints)
    there = replace(
        shot,
        people=(replace(alone, observations=seen),),
        intrinsics=shot.intrinsics + moved,
    )
    drawn = draw_overlay(wide, there, {person: body_of(shot, alone)}, frame)
    return cut(drawn, region + np.array([before[1], before[0], 0.0, 0.0]), TILE, replicate=False)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draw variations of hidden limbs.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "tests" / "data")
    parser.add_argument("--out", type=Path, default=Path("out/variations.png"))
    arguments = parser.parse_args()
    networks = load_networks()
    rows: list[Picture] = []
    for case in CASES:
        found = sorted(arguments.folder.glob(f"{case.source}.*"))
        if found:
            rows.append(variation_row(case, found[0], networks))
        else:
            sys.stdout.write(f"{case.source}: not in {arguments.folder}\n")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_picture(arguments.out, np.concatenate(rows))


if __name__ == "__main__":
    main()
