"""A sheet of rendered pairs to look at: pictures, what the front end saw, what is true.

    python -m training.data.pair_sheet --motion DIR --state DIR --out FILE.png [--split train]

Observed limbs left orange, right blue; true landmarks green where visible, red where hidden.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import forward_kinematics
from fhmr_blender.pipeline.weights import load_networks

from .calibration import template_calibration
from .motion_library import load_library
from .pairs import LENGTH, SPLITS, Studio
from .sample import PairClip

_LEFT = ((11, 13), (13, 15), (11, 23), (23, 25), (25, 27), (27, 31), (0, 2))
_RIGHT = ((12, 14), (14, 16), (12, 24), (24, 26), (26, 28), (28, 32), (0, 5))
_MIDDLE = ((11, 12), (23, 24))
_COLOURS = (("orange", _LEFT), ("dodgerblue", _RIGHT), ("lightgrey", _MIDDLE))
CLIPS_A_ROW = 3  # of four panels each


def true_landmarks(clip: PairClip, body: Body, calibration: LandmarkCalibration) -> Floats:
    """(T, 33, 2) pixels."""
    rotations = matrix_from_axis_angle(clip.poses.astype(float))
    outer, _ = forward_kinematics(rotations, body.rest_joints(clip.betas))
    points = calibration.landmarks(
        outer, clip.joints_cam.astype(float), float(body.stature(clip.betas))
    )
    return project(points, clip.intrinsics)


def draw_sheet(
    path: Path,
    filmed: Sequence[tuple[PairClip, Sequence[NDArray[np.uint8]]]],
    body: Body,
    calibration: LandmarkCalibration,
) -> None:
    """Write the first and the middle frame of every clip, without and with what was seen."""
    rows, columns = -(-len(filmed) // CLIPS_A_ROW), 4 * CLIPS_A_ROW
    figure = Figure(figsize=(2.2 * columns, 2.2 * rows))
    FigureCanvasAgg(figure)
    axes = iter(figure.subplots(rows, columns, squeeze=False).ravel())
    for clip, images in filmed:
        truth = true_landmarks(clip, body, calibration)
        for frame in (0, len(clip) // 2):
            _picture(next(axes), images[frame], clip.name[:34])
            panel = next(axes)
            _picture(panel, images[frame], f"frame {frame}, {clip.size[0]} x {clip.size[1]}")
            _observation(panel, clip, frame, truth[frame])
    for panel in axes:
        panel.axis("off")
    figure.subplots_adjust(0, 0, 1, 0.98, 0.02, 0.1)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def _picture(axes: Axes, image: NDArray[np.uint8], title: str) -> None:
    axes.imshow(image)
    axes.set_xlim(0, image.shape[1])
    axes.set_ylim(image.shape[0], 0)
    axes.set_title(title, fontsize=5)
    axes.axis("off")


def _observation(axes: Axes, clip: PairClip, frame: int, truth: Floats) -> None:
    seen = clip.keypoints[frame]
    if clip.found[frame]:
        for colour, bones in _COLOURS:
            for start, end in bones:
                axes.plot(*seen[[start, end], :2].T, color=colour, linewidth=0.9)
    colours = np.where(clip.visible[frame], "lime", "red")
    axes.scatter(*truth.T, s=2, c=colours, linewidths=0)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draw rendered pairs with what was seen in them.")
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    body = load_body("neutral")
    library = load_library(arguments.motion, arguments.state)
    studio = Studio(library, body, load_networks(threads=1))
    split = arguments.split
    filmed: list[tuple[PairClip, Sequence[NDArray[np.uint8]]]] = []
    for number in range(arguments.clips):
        rng = np.random.default_rng((arguments.seed, number))
        (clip, reflected), images = studio.filmed(split, rng, LENGTH)
        filmed += [(clip, images), (reflected, [image[:, ::-1] for image in images])]
    draw_sheet(arguments.out, filmed, body, template_calibration(body))


if __name__ == "__main__":
    main()
