"""How near the posed bodies come to the landmarks in real footage, and sheets to look at.

python -m tests.benchmarks.footage_fit [FOLDER] [--sheets DIR] [--context N] [--people N]
    [--look-twice]

Every picture of a folder (default tests/data) and six frames of every movie, each frame with N
neighbours on either side (default 4). For every person: the median distance of projected limb
landmarks (elbows, wrists, fingers, knees, ankles, heels, toes) from the detected ones, on visible
ones, in % of the person's height in the picture; with alignment, and the peer without it. The
height is stature x focal length / depth; `height` compares it with the landmark network's own
circle around the body, so that a good figure is not bought with a giant (1 is equal).
Low figures say nothing of depth: tests.benchmarks.pairs_accuracy does.
Sheets: picture, aligned, not aligned; one column a frame.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import Person, Shot
from fhmr_blender.core.skeleton import LIMB_LANDMARKS, LIMB_NAMES, forward_kinematics
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.bodies import body_of
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.evidence import gather_evidence, landmark_calibration
from fhmr_blender.pipeline.footage import Footage, write_picture
from fhmr_blender.pipeline.overlay import draw_overlay
from fhmr_blender.pipeline.perception.crops import cut
from fhmr_blender.pipeline.runtime import Network
from fhmr_blender.pipeline.weights import Networks, load_networks

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 6  # of a movie
VISIBLE = 0.5  # calibrated probability, from which on a landmark counts as visible
REGION_PER_HEIGHT = 1.25  # the landmark network's region is its circle around a body, widened
TILE = 420  # pixels
LIMBS = np.array([mark for limb in LIMB_NAMES if limb != "head" for mark in LIMB_LANDMARKS[limb]])


@dataclass(frozen=True, eq=False)
class Fit:
    """One person in one frame."""

    distances: np.ndarray  # (n,) of the visible limb landmarks, share of the person's height
    seen: int  # of 18 limb landmarks
    height: float  # of the person in the picture, over the landmark network's


class _Remembered:
    """A network that answers the same question once, so that alignment on and off cost one pass."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._answers: dict[bytes, dict[str, np.ndarray]] = {}

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        digest = hashlib.sha256()
        for name in sorted(inputs):
            digest.update(np.ascontiguousarray(inputs[name]).tobytes())
        key = digest.digest()
        if key not in self._answers:
            # What nobody reads is large: the mask and the heatmaps are kept for this frame only.
            self._answers[key] = self._network(inputs)
        return self._answers[key]


def remembering(networks: Networks) -> Networks:
    """The same networks; to be made anew for every frame, since nothing is forgotten."""
    return replace(
        networks,
        landmarker=_Remembered(networks.landmarker),
        detector=_Remembered(networks.detector),
        person_detector=_Remembered(networks.person_detector),
    )


def fit_of(shot: Shot, person: Person, number: int, networks: Networks) -> Fit | None:
    """How a person fits in a frame; None where it is not seen in it."""
    rows = np.flatnonzero(person.observations.frames == number)
    if not len(rows):
        return None
    row = int(rows[0])
    body, motion, seen = body_of(shot, person), person.motion_cam, person.observations
    stature = float(body.stature(motion.betas))
    outer, joints = forward_kinematics(motion.rotations[row], body.rest_joints(motion.betas))
    joints = joints + person.joints_cam[row, 0]
    marks = landmark_calibration(networks.constants).landmarks(outer, joints, stature)
    pixels = project(marks, seen.intrinsics[row])
    height = stature * float(seen.intrinsics[row, 1]) / max(float(joints[0, 2]), 1e-3)
    # By the landmark network's own word: what two looks do not agree on counts here, too.
    once = replace(seen, agreement=np.full_like(seen.agreement, np.nan))
    visible = gather_evidence(once, networks.constants).visible[row] >= VISIBLE
    detected = seen.keypoints[row, :, :2]
    inside = ((detected >= 0) & (detected <= np.array(shot.size))).all(axis=-1)
    chosen = LIMBS[(visible & inside)[LIMBS]]
    distances = np.linalg.norm(pixels - detected, axis=-1)[chosen] / height
    own_height = float(seen.region[row, 2]) / REGION_PER_HEIGHT
    return Fit(distances, len(chosen), height / own_height)


def chosen_frames(footage: Footage) -> list[int]:
    """The one frame of a picture, six evenly spread ones of a movie."""
    count = footage.frame_count
    return [int(number) for number in (np.arange(FRAMES) + 0.5) * count / FRAMES][: min(count, 6)]


def footages(folder: Path) -> Iterator[Footage]:
    """Every picture and movie of a folder."""
    for path in sorted(folder.iterdir()):
        if path.is_file():
            try:
                yield Footage(path)
            except FhmrError:
                continue  # no footage, like a README


def shots_of(
    footage: Footage, number: int, networks: Networks, options: argparse.Namespace
) -> tuple[Shot, Shot]:
    """A frame among its neighbours, with and without alignment.

    Raises:
        FhmrError: Nobody is seen.
    """
    settings = EstimateSettings(
        start=max(number - options.context, 0),
        stop=min(number + options.context + 1, footage.frame_count),
        people=options.people,
        look_twice=options.look_twice,
    )
    once = remembering(networks)
    aligned = estimate(footage, once, settings, silent)
    return aligned, estimate(footage, once, replace(settings, alignment=False), silent)


def tiles(image: np.ndarray, shots: tuple[Shot, Shot], number: int) -> np.ndarray:
    """(3 TILE, TILE, 3): the picture, aligned, not aligned, cut to the people."""
    boxes = [
        person.observations.bbox[person.observations.frames == number] for person in shots[0].people
    ]
    corners = np.concatenate(boxes) if boxes else np.zeros((0, 4))
    if not len(corners):
        corners = np.array([[0.0, 0.0, image.shape[1], image.shape[0]]])
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    region = np.array([*(low + high) / 2, 1.25 * float((high - low).max()), 0.0])
    drawn = [image]
    for shot in shots:
        bodies = {person.id: body_of(shot, person) for person in shot.people}
        drawn.append(draw_overlay(image, shot, bodies, number))
    return np.concatenate([_tile(one, region) for one in drawn])


def _tile(image: np.ndarray, region: np.ndarray) -> np.ndarray:
    return np.rint(cut(image, region, TILE, replicate=False)).astype(np.uint8)


def median_percent(fits: list[Fit]) -> float:
    """Over all visible limb landmarks of all fits."""
    distances = np.concatenate([fit.distances for fit in fits] or [np.zeros(0)])
    return 100.0 * float(np.median(distances)) if len(distances) else float("nan")


def measure(
    footage: Footage, networks: Networks, options: argparse.Namespace
) -> tuple[list[Fit], list[Fit]]:
    """Fits of one file, aligned and not; prints a line a frame and writes the sheet."""
    fits: tuple[list[Fit], list[Fit]] = ([], [])
    columns: list[np.ndarray] = []
    for number in chosen_frames(footage):
        try:
            shots = shots_of(footage, number, networks, options)
        except FhmrError as error:
            print(f"  frame {number}: {error.sentence}")
            continue
        columns.append(tiles(footage.frame(number), shots, number))
        for on, off in zip(shots[0].people, shots[1].people, strict=True):
            pair = [fit_of(s, p, number, networks) for s, p in zip(shots, (on, off), strict=True)]
            aligned, plain = pair
            if aligned is None or plain is None:
                continue
            fits[0].append(aligned)
            fits[1].append(plain)
            depth = float(on.motion_cam.transl[on.observations.frames == number][0, 2])
            print(
                f"  frame {number} person {on.id}: {median_percent([aligned]):5.1f} %, without "
                f"alignment {median_percent([plain]):5.1f} %; {aligned.seen} of {len(LIMBS)} limb "
                f"landmarks visible, {depth:.1f} m away, height {aligned.height:.2f}",
                flush=True,
            )
    if columns:
        options.sheets.mkdir(parents=True, exist_ok=True)
        sheet = options.sheets / f"{footage.path.stem}.png"
        write_picture(sheet, np.concatenate(columns, axis=1))
    return fits


def main() -> None:
    """Measure and print one block a file, then the whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "tests" / "data")
    parser.add_argument("--sheets", type=Path, default=ROOT / "out" / "footage_fit")
    parser.add_argument("--context", type=int, default=4, help="neighbours on either side")
    parser.add_argument("--people", type=int, help="at most, in a frame; default: all")
    parser.add_argument("--look-twice", action="store_true", help="with neighbours, too")
    options = parser.parse_args()
    networks = load_networks()
    everything: tuple[list[Fit], list[Fit]] = ([], [])
    summary: list[str] = []
    for footage in footages(options.folder):
        print(footage.path.name)
        fits = measure(footage, networks, options)
        footage.close()
        for total, part in zip(everything, fits, strict=True):
            total.extend(part)
        summary.append(_line(footage.path.name, *fits))
    print("\nmedian distance of visible limb landmarks, % of the person's height")
    print("\n".join([*summary, _line("all", *everything)]))
    print(f"sheets: {options.sheets}")


def _line(name: str, aligned: list[Fit], plain: list[Fit]) -> str:
    on, off = median_percent(aligned), median_percent(plain)
    heights = [fit.height for fit in aligned]
    height = float(np.median(heights)) if heights else float("nan")
    return (
        f"{name:30s} {len(aligned):3d} people: {on:5.1f} aligned, {off:5.1f} not aligned, "
        f"ratio {on / off:4.2f}, height {height:4.2f}"
    )


if __name__ == "__main__":
    main()
