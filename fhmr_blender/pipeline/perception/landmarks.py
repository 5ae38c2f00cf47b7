"""The landmark network on one region of a picture, decoded to pixels and metres.

Source: Grishchenko et al., BlazePose GHUM Holistic: Real-time 3D Human Landmarks and Pose
Estimation, 2022.
"""

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Bools, Floats, Indices, check_shapes
from ...core.second_look import unmirrored, unmirrored_world
from ..runtime import Network
from .appearance import CLOTHING_SIZE, clothing
from .crops import Picture, crop_to_image, cut

SIZE = 256  # pixels of the landmark network's input
LANDMARKS = 33
_CENTRE, _EDGE = 33, 34  # auxiliary landmarks: mid-hip, and the point that sets the region's size
_HEATMAP_SIZE = 64
_HEATMAP_MIN = 0.5  # a weaker maximum refines nothing; BlazePose's own
_HEATMAP_REACH = 3  # 7 x 7 cells; BlazePose's own
_REGION_SCALE = 2 * 1.25  # side over the distance mid-hip to edge; BlazePose's own


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the landmark network says about one region."""

    region: Floats  # (4,) that was looked at: centre x y, side in pixels; clockwise roll
    keypoints: Floats  # (33, 5) x y z pixels, visibility and presence 0..1
    keypoints_world: Floats  # (33, 3) metres, hip-centred, picture axes
    image_feature: Floats  # (288,) what the network's heads read, averaged over its 2 x 2 cells
    mask: Bools  # (256, 256) pixels of the crop that show this person, without the neighbours
    next_region: Floats  # (4,) where it would look next
    clothing: Floats  # (128,) colours of trunk and thighs
    flag: float  # 0..1, small where there is nobody at all; says nothing about who or how turned
    cleared: Picture | None = None  # what was looked at instead: neighbours are painted over

    def __post_init__(self) -> None:
        check_shapes(
            self,
            region="4",
            keypoints="33 5",
            keypoints_world="33 3",
            image_feature="288",
            mask="256 256",
            next_region="4",
            clothing=str(CLOTHING_SIZE),
        )


def find_landmarks(
    image: Picture, region: Floats, landmarker: Network, *, mirrored: bool = False
) -> Landmarks:
    """Look at one region.

    Args:
        image: (H, W, 3) uint8 RGB.
        region: (4,) centre x y, side in pixels; clockwise roll in radians.
        landmarker: BlazePose's landmark network.
        mirrored: Show it the region's mirror image. The answer is turned back, all but the feature.
    """
    crop = cut(image, region, SIZE, replicate=True)  # black instead would spoil the answer
    shown = crop[:, ::-1] if mirrored else crop
    answer = landmarker({"image": shown[None] / np.float32(255.0)})
    raw = answer["landmarks"][0].astype(float).reshape(39, 5)
    raw[:, :2] = _refined(raw[:, :2], answer["heatmap"][0])
    world = answer["world"][0].astype(float).reshape(39, 3)[:LANDMARKS]
    mask = answer["seg_logits"][0, 0] > 0.0
    if mirrored:
        raw[:LANDMARKS] = unmirrored(raw[:LANDMARKS], SIZE)
        raw[LANDMARKS:, 0] = SIZE - raw[LANDMARKS:, 0]
        world, mask = unmirrored_world(world), mask[:, ::-1]
    pixels = crop_to_image(raw[:, :2], region, SIZE)
    depth = raw[:LANDMARKS, 2:3] * region[2] / SIZE
    confidences = _sigmoid(raw[:LANDMARKS, 3:])
    return Landmarks(
        region=region,
        keypoints=np.concatenate((pixels[:LANDMARKS], depth, confidences), axis=-1),
        keypoints_world=_turned_back(world, float(region[3])),
        image_feature=answer["feature"][0].reshape(-1, 288).mean(axis=0, dtype=float),
        mask=mask,
        next_region=region_from_points(pixels[_CENTRE], pixels[_EDGE]),
        clothing=clothing(crop, raw[:LANDMARKS, :2]),
        flag=float(answer["poseflag"][0, 0]),
    )


def region_from_points(centre: Floats, edge: Floats) -> Floats:
    """The region (4,) around mid-hip (2,) whose size and roll the point `edge` (2,) gives.

    Upright when `edge` lies above the hips.
    """
    x, y = edge - centre
    roll = np.arctan2(x, -y)  # clockwise from up
    return np.array([*centre, _REGION_SCALE * np.hypot(x, y), roll])


def _refined(points: Floats, heatmap: Floats) -> Floats:
    """Move points to the centroid of their heatmap's neighbourhood.

    Args:
        points: (39, 2) crop pixels.
        heatmap: (39, 64, 64) before the sigmoid.
    """
    scale = _HEATMAP_SIZE / SIZE
    cells = np.floor(points * scale).astype(int)  # column, row
    reach = np.arange(-_HEATMAP_REACH, _HEATMAP_REACH + 1)
    columns, rows = (cells[:, axis, None] + reach for axis in (0, 1))  # (39, 7)
    there = _in_heatmap(rows)[:, :, None] & _in_heatmap(columns)[:, None, :]
    window = heatmap[
        np.arange(len(points))[:, None, None],
        np.clip(rows, 0, _HEATMAP_SIZE - 1)[:, :, None],
        np.clip(columns, 0, _HEATMAP_SIZE - 1)[:, None, :],
    ]
    weights = np.where(there, _sigmoid(window.astype(float)), 0.0)  # (39, 7, 7)
    total = np.maximum(weights.sum(axis=(1, 2)), 1e-12)
    x = (weights.sum(axis=1) * columns).sum(axis=1) / total
    y = (weights.sum(axis=2) * rows).sum(axis=1) / total
    sure = _in_heatmap(cells).all(axis=1) & (weights.max(axis=(1, 2)) >= _HEATMAP_MIN)
    return np.where(sure[:, None], np.stack((x, y), axis=-1) / scale, points)


def _in_heatmap(cells: Indices) -> Bools:
    return (cells >= 0) & (cells < _HEATMAP_SIZE)


def _turned_back(points: Floats, roll: float) -> Floats:
    """World landmarks (33, 3) of the upright crop, in the picture's axes."""
    cos, sin = np.cos(roll), np.sin(roll)
    x, y, z = points.T
    return np.stack((cos * x - sin * y, sin * x + cos * y, z), axis=-1)


def _sigmoid(values: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -50.0, 50.0)))
