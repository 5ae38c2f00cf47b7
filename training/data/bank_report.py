"""How like the truth the bank's simulated errors are: figures and one picture, side by side.

    python -m training.data.bank_report --state DIR --out FILE.png

Every fifth rendered clip is held out; a bank of the others sees the held-out clips again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import MAIN_JOINTS, MAIN_LANDMARKS

from ..metrics import pa_mpjpe
from .bank import Bank, build_bank, resimulated
from .calibration import FILE_NAME, load_calibration, template_calibration
from .records import GROUP_LANDMARKS
from .sample import PairClip, load_shards
from .upright import UprightView, screen_turned, upright_view

HELD_OUT_EVERY = 5  # clips; those and their mirror images
CLIPS_MOST = 3000  # the newest ones
LAGS = 8  # frames
SHARE_RECORDS = 12_000
SHARE_ERRORS = (0.0, 0.02, 0.05, 0.15, np.inf)  # 2D, heights in the picture
_VIEWS = 8  # sectors of the direction that the trunk faces
_SPEEDS = np.array([0.0, 0.2, 0.5, 1.0, 2.0, np.inf])  # statures a second


@dataclass(frozen=True, eq=False)
class Errors:
    """What the front end, or the bank, got wrong in M found frames; shares of the height."""

    plane: Floats  # (M, 33, 2) right and down in the upright camera
    depth: Floats  # (M, 33)
    world: Floats  # (M, 33) metres
    pa_mpjpe: Floats  # (M,) metres, of the 3D that is given, 12 joints
    visible: Bools  # (M, 33)
    facing: Floats  # (M,) radians, 0 towards the camera, pi / 2 to the picture's left
    speed: Floats  # (M, 33) statures a second
    autocorrelation: Floats  # (LAGS,) of the errors in the plane

    @property
    def distance(self) -> Floats:
        """(M, 33)."""
        return np.linalg.norm(self.plane, axis=-1)


def split_clips(
    clips: Sequence[PairClip],
) -> tuple[tuple[PairClip, ...], tuple[PairClip, ...]]:
    """Clips for the bank, and those that are held out, with their mirror images beside them."""
    numbers = np.arange(len(clips)) // 2 % HELD_OUT_EVERY
    out = numbers == HELD_OUT_EVERY - 1
    return (
        tuple(clip for clip, held in zip(clips, out, strict=True) if not held),
        tuple(clip for clip, held in zip(clips, out, strict=True) if held and clip.found.any()),
    )


def measure_errors(
    clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration
) -> Errors:
    """Hold clips' observations against their truth."""
    rows: list[list[Floats | Bools]] = []
    products, powers = np.zeros(LAGS), np.zeros(LAGS)
    for clip in clips:
        truth = upright_view(
            matrix_from_axis_angle(clip.poses.astype(float)),
            clip.joints_cam.astype(float),
            clip.betas,
            clip.intrinsics,
            body,
            calibration,
        )
        plane = screen_turned(clip.keypoints[..., :2] - truth.pixels, -truth.roll)
        plane = plane / truth.height[:, None, None]
        speed = np.zeros(plane.shape[:2])
        if len(clip) > 1:
            speed = np.linalg.norm(np.gradient(truth.upright, clip.seconds, axis=0), axis=-1)
        seen = clip.found
        row = [plane, (clip.keypoints[..., 2] - truth.hints) / truth.height[:, None]]
        row += [np.linalg.norm(clip.keypoints_world - truth.world, axis=-1), clip.visible]
        row += [_facing(truth), speed, _pa(clip)]
        rows.append([values[seen] for values in row])
        # Errors beyond a tenth of the height are jumps, not what lasts.
        small = np.clip(plane, -0.1, 0.1)
        for lag in range(min(LAGS, len(clip))):
            both = seen[lag:] & seen[: len(clip) - lag]
            first, second = small[lag:][both], small[: len(clip) - lag][both]
            products[lag] += np.sum(first * second)
            powers[lag] += (np.sum(first**2) + np.sum(second**2)) / 2
    plane, depth, world, visible, facing, speed, pa = (
        np.concatenate(column) for column in zip(*rows, strict=True)
    )
    course = products / np.maximum(powers, 1e-12)
    return Errors(plane, depth, world, pa, visible, facing, speed, course)


def compare(
    clips: Sequence[PairClip], body: Body, calibration: LandmarkCalibration, seed: int = 0
) -> tuple[Errors, Errors]:
    """Measured and simulated errors on the same held-out clips."""
    kept, held = split_clips(clips)
    bank = build_bank(kept, body, calibration)
    rng = np.random.default_rng(seed)
    again = [resimulated(clip, bank, body, calibration, rng) for clip in held]
    return measure_errors(held, body, calibration), measure_errors(again, body, calibration)


def measure_shares(bank: Bank, seed: int = 0) -> dict[str, Floats]:
    """How far the front end's answers on near records of other clips differ, over their truths.

    What `following` knows. Regression over pairs of records whose 2D errors are alike.

    Returns:
        "plane", "depth", "across" and "along" (world landmarks in the picture's plane and along
        the axis), each (2, B): main landmarks in sight and hidden, by their 2D error; "error"
        (2, B) the median one, heights in the picture.
    """
    records = bank.records
    rng = np.random.default_rng(seed)
    first = rng.choice(len(records.clip), min(SHARE_RECORDS, len(records.clip)), replace=False)
    error = np.linalg.norm(records.plane, axis=-1)
    kinds = {
        "plane": (records.plane, records.true_plane),
        "depth": (records.depth[..., None], records.true_depth[..., None]),
        "across": (records.world[..., :2], records.true_world[..., :2]),
        "along": (records.world[..., 2:], records.true_world[..., 2:]),
    }
    sums = {name: np.zeros((2, len(SHARE_ERRORS) - 1, 2)) for name in kinds}
    middle = np.full((2, len(SHARE_ERRORS) - 1), np.nan)
    for group, landmarks in enumerate(GROUP_LANDMARKS.values()):
        main = np.intersect1d(landmarks, MAIN_LANDMARKS)
        near = bank.trees[group].query(records.views[group][first], k=30, eps=0.5)[1][:, 12::6]
        one, other = np.repeat(first, near.shape[1]), near.reshape(-1)
        apart = records.clip[one] != records.clip[other]
        one, other = one[apart][:, None], other[apart][:, None]
        for row, sight in enumerate((records.visible, ~records.visible)):
            for column, (low, high) in enumerate(pairwise(SHARE_ERRORS)):
                chosen = sight[one, main] & sight[other, main]
                for some in (one, other):
                    chosen &= (error[some, main] >= low) & (error[some, main] < high)
                if not chosen.any():
                    continue
                middle[row, column] = np.median(error[one, main][chosen])
                for name, (residual, true) in kinds.items():
                    change = (true[one, main] - true[other, main])[chosen]
                    missed = (residual[one, main] - residual[other, main])[chosen]
                    sums[name][row, column] += (np.sum(missed * change), np.sum(change**2))
    with np.errstate(invalid="ignore"):
        shares = {name: 1.0 + part[..., 0] / part[..., 1] for name, part in sums.items()}
    return shares | {"error": middle}


def table(measured: Errors, simulated: Errors) -> str:
    """Headline figures, one line each."""
    lines = [f"{'':34}{'measured':>10}{'simulated':>10}"]

    def line(name: str, unit: float, value: float, other: float) -> None:
        lines.append(f"{name:34}{unit * value:10.2f}{unit * other:10.2f}")

    for name, pick in (
        ("2D, median, % of the height", lambda e: e.distance),
        ("... of visible landmarks", lambda e: e.distance[e.visible]),
        ("... of hidden landmarks", lambda e: e.distance[~e.visible]),
        ("z, median, % of the height", lambda e: np.abs(e.depth)),
    ):
        line(name, 1.0, _median(pick(measured)), _median(pick(simulated)))
    for name, pick in (
        ("world landmarks, median, mm", lambda e: float(np.median(e.world))),
        ("PA-MPJPE of its 3D, mean, mm", lambda e: float(e.pa_mpjpe.mean())),
        ("PA-MPJPE of its 3D, median, mm", lambda e: float(np.median(e.pa_mpjpe))),
    ):
        line(name, 1000.0, pick(measured), pick(simulated))
    shares = [float(one.visible.mean()) for one in (measured, simulated)]
    line("visible, % of landmarks", 100.0, *shares)
    return "\n".join(lines) + "\n"


def draw(measured: Errors, simulated: Errors, path: Path) -> None:
    """One picture: by landmark group, axis, visibility, view and speed, and over time."""
    figure = Figure(figsize=(13, 7.5))
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3)
    both = (measured, simulated)
    groups = list(GROUP_LANDMARKS)
    _bars(
        panels[0, 0],
        "2D by part, median, % of the height",
        [name.replace("_", " ") for name in groups],
        [[_median(e.distance[:, list(GROUP_LANDMARKS[name])]) for name in groups] for e in both],
    )
    _bars(
        panels[0, 1],
        "by axis, half of 16..84 %, % of the height",
        ["right", "down", "z"],
        [[_width(e.plane[..., 0]), _width(e.plane[..., 1]), _width(e.depth)] for e in both],
    )
    _bars(
        panels[0, 2],
        "2D by visibility, median, % of the height",
        ["visible", "hidden"],
        [[_median(e.distance[e.visible]), _median(e.distance[~e.visible])] for e in both],
    )
    sector = 2 * np.pi / _VIEWS
    names = [f"{np.rad2deg(sector * number):.0f}" for number in range(_VIEWS)]
    _bars(
        panels[1, 0],
        "2D by view, degrees from facing the camera",
        names,
        [
            [
                _median(e.distance[np.round(e.facing / sector).astype(int) % _VIEWS == number])
                for number in range(_VIEWS)
            ]
            for e in both
        ],
    )
    _bars(
        panels[1, 1],
        "2D by speed, statures a second",
        [f"{low:g}..{high:g}" for low, high in pairwise(_SPEEDS)],
        [
            [
                _median(e.distance[(e.speed >= low) & (e.speed < high)])
                for low, high in pairwise(_SPEEDS)
            ]
            for e in both
        ],
    )
    last = panels[1, 2]
    for e, colour in zip(both, _COLOURS, strict=True):
        last.plot(np.arange(LAGS), e.autocorrelation, "o-", color=colour)
    last.set_title("2D errors that last: autocorrelation over frames", fontsize=9)
    last.set_ylim(0, 1.05)
    panels[0, 0].legend(["measured", "simulated"], fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


_COLOURS = ("#2a6fdb", "#e8811a")


def _bars(axes: Axes, title: str, names: Sequence[str], values: Sequence[Sequence[float]]) -> None:
    place = np.arange(len(names))
    for number, (row, colour) in enumerate(zip(values, _COLOURS, strict=True)):
        axes.bar(place + 0.4 * (number - 0.5), row, 0.4, color=colour)
    axes.set_xticks(place, names, fontsize=8)
    axes.set_title(title, fontsize=9)


def _median(values: Floats) -> float:
    return 100.0 * float(np.median(values)) if values.size else float("nan")


def _width(values: Floats) -> float:
    low, high = np.percentile(values, (16, 84))
    return 100.0 * float(high - low) / 2


def _facing(truth: UprightView) -> Floats:
    """(T,) where the trunk faces: the level angle of hips and shoulders in the upright camera."""
    points = truth.upright
    left = points[:, [11, 23]].mean(axis=1) - points[:, [12, 24]].mean(axis=1)
    return np.arctan2(left[:, 2], left[:, 0]) % (2 * np.pi)


def _pa(clip: PairClip) -> Floats:
    """(T,) metres."""
    given = clip.keypoints_world[:, list(MAIN_LANDMARKS)].astype(float)
    return pa_mpjpe(given, clip.joints_cam[:, list(MAIN_JOINTS)].astype(float))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare simulated errors with measured ones.")
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    body = load_body("neutral")
    path = arguments.state / FILE_NAME
    calibration = load_calibration(path) if path.exists() else template_calibration(body)
    clips = load_shards(arguments.state / "pairs", "train")[-CLIPS_MOST:]
    measured, simulated = compare(clips, body, calibration)
    sys.stdout.write(table(measured, simulated))
    shares = measure_shares(build_bank(clips, body, calibration))
    with np.printoptions(precision=2, suppress=True):
        for name, (seen, hidden) in shares.items():
            sys.stdout.write(f"share followed, {name:6}: in sight {seen}, hidden {hidden}\n")
    draw(measured, simulated, arguments.out)


if __name__ == "__main__":
    main()
