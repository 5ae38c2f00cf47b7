"""Finds the region of one person's body from the person's box, and checks what was found there.

The landmark network answers for whatever it is shown: its own flag is about 1 for turned,
swapped or neighbouring poses. So a pose is judged by how well it fills the person's box.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ...core.arrays import Floats
from ..runtime import Network
from ..side_by_side import side_by_side
from .boxes import areas, intersections, overlaps
from .crops import Picture, painted
from .detector import detect_bodies, search_squares
from .landmarks import Landmarks, find_landmarks, region_from_points

_DETECTOR_REACH = 1.5  # the pose detector looks into the box enlarged by this
_BOX_REACH = (
    1.25  # side of a region made from a box, over the box's longer side; BlazePose's margin
)
_PRESENT = 0.5  # landmarks with less presence are outside the picture or guessed
MIN_FIT = 0.2  # guess: a pose that fills less of the person's box is not that person's
ACCEPTED = 0.5  # guess: overlap of pose and person box from which nothing else is tried
_MOVED = 0.15  # guess: change of a region, in its sides or radians, that asks for a second pass
PRESENT_FLAG = 0.5  # BlazePose's own; only says that there is somebody
_AGREED = 0.7  # guess: overlap of two passes that makes up for a missing box
_ANOTHERS = 0.3  # guess: overlap with a known person's box that makes a pose his
_AGREED_BESIDE = 0.85  # the same beside known people: a somersault .87-.98, lamp post and hedge .75
_SAME_POSE = 0.08  # guess: mean distance of two heads and shoulders, over the smaller side
_LOST = 0.75  # guess: a second pass that overlaps less than this times the first has slid away
_CUT_ASPECT = 1.6  # guess: a box at the picture's lower edge that is less tall for its width is cut
_EDGE_SHARE = 0.02  # guess: of the picture's height that counts as touching the lower edge


class Posed(Protocol):
    """Somebody's landmarks, fresh or remembered."""

    @property
    def keypoints(self) -> Floats: ...  # (33, 5)

    @property
    def region(self) -> Floats: ...  # (4,)


@dataclass(frozen=True, eq=False)
class Fit:
    """Landmarks and how well they fill the person's box."""

    landmarks: Landmarks
    overlap: float  # 0..1


def find_body(image: Picture, box: Floats, detector: Network, landmarker: Network) -> Fit:
    """Find the landmarks of the person in a box, from scratch.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (4,) x0 y0 x1 y1 of the visible person, pixels.
        detector: BlazePose's pose detector.
        landmarker: BlazePose's landmark network.
    """
    best: Fit | None = None
    for region in _candidates(image, box, detector):
        fit = _two_passes(image, region, box, landmarker)
        if best is None or fit.overlap > best.overlap:
            best = fit
        # A cut body is squashed into what is visible and still fills most of it: try everything.
        if best.overlap >= ACCEPTED and not _is_cut_below(image, box):
            break
    if best is None:
        raise ValueError("a box always has candidates")
    return best


def find_bodies(
    image: Picture, boxes: Floats, detector: Network, landmarker: Network
) -> tuple[Fit, ...]:
    """Find everybody in a picture, (P, 4) boxes in, P fits out.

    Where two boxes lead to one pose, or a pose does not fill its box, a neighbour stood in the
    way: the neighbour is painted over and the person looked for again.
    """
    fits = side_by_side(lambda box: find_body(image, box, detector, landmarker), list(boxes))
    for index in sorted(range(len(fits)), key=lambda index: fits[index].overlap):
        fit, box = fits[index], boxes[index]
        rivals = [
            other
            for position, other in enumerate(fits)
            if position != index
            and other.overlap > fit.overlap
            and _in_the_way(other.landmarks, box, image)
        ]
        doubled = any(same_pose(fit.landmarks, rival.landmarks) for rival in rivals)
        if not rivals or not (doubled or fit.overlap < ACCEPTED):
            continue
        cleared = image
        for rival in rivals:
            cleared = painted(cleared, rival.landmarks.mask, rival.landmarks.region)
        again = find_body(cleared, box, detector, landmarker)
        # With somebody painted over, the network may see a person in the furniture.
        if again.overlap >= (ACCEPTED if doubled else fit.overlap):
            fits[index] = replace(again, landmarks=replace(again.landmarks, cleared=cleared))
    return tuple(fits)


def find_unboxed(
    image: Picture, known: Floats, detector: Network, landmarker: Network
) -> list[tuple[Floats, Fit]]:
    """Find bodies that no box was found for: upside down, or in a somersault.

    The pose detector looks at the whole picture, of a long one also at two square tiles; two passes
    must agree, since no box can tell.

    Args:
        image: (H, W, 3) uint8 RGB.
        known: (K, 4) boxes of people; nobody else is looked for in their places.
        detector: BlazePose's pose detector.
        landmarker: BlazePose's landmark network.

    Returns:
        The poses' own boxes (4,) and the fits; their overlap is that of the two passes.
    """
    height, width = image.shape[:2]
    found: list[tuple[Floats, Fit]] = []
    taken = np.asarray(known, dtype=float).reshape(-1, 4)
    for square in search_squares(image, tiles=True):
        for points in detect_bodies(image, square, detector).points:
            trunk = points[[0, 2]].mean(axis=0)
            if ((taken[:, :2] <= trunk) & (trunk <= taken[:, 2:])).all(axis=-1).any():
                continue
            first = find_landmarks(image, region_from_points(points[0], points[1]), landmarker)
            second = find_landmarks(image, first.next_region, landmarker)
            box = pose_box(second, width, height)
            overlap = pose_overlap(first, box, image)
            agreed = overlap >= (_AGREED_BESIDE if len(taken) else _AGREED)
            sure = agreed and min(first.flag, second.flag) >= PRESENT_FLAG
            if sure and not (overlaps(box[None], taken) >= _ANOTHERS).any():
                found.append((box, Fit(second, overlap)))
                taken = np.concatenate((taken, box[None]))
    return found


def same_pose(a: Posed, b: Posed) -> bool:
    """Whether two poses are one person's: their heads and shoulders coincide."""
    distance = np.linalg.norm(a.keypoints[:13, :2] - b.keypoints[:13, :2], axis=-1).mean()
    return bool(distance < _SAME_POSE * min(a.region[2], b.region[2]))


def without_doubles(fits: Sequence[Fit]) -> list[int]:
    """Indices, in order, of poses that fill their box; of those that coincide only the best."""
    kept: list[int] = []
    for index in sorted(range(len(fits)), key=lambda index: -fits[index].overlap):
        fit = fits[index]
        if fit.overlap >= MIN_FIT and not any(
            same_pose(fit.landmarks, fits[other].landmarks) for other in kept
        ):
            kept.append(index)
    return sorted(kept)


def _in_the_way(landmarks: Landmarks, box: Floats, image: Picture) -> bool:
    """Whether a pose lies over a box."""
    height, width = image.shape[:2]
    pose = pose_box(landmarks, width, height)
    return bool(intersections(pose[None], box[None])[0, 0] > 0.1 * areas(pose))


def follow_body(image: Picture, region: Floats, box: Floats, landmarker: Network) -> Fit:
    """Look where a body was expected from the last frame: one pass, a second if it has moved on.

    Args:
        image: (H, W, 3) uint8 RGB.
        region: (4,) expected.
        box: (4,) of the person in this frame, or where it was expected.
        landmarker: BlazePose's landmark network.
    """
    chosen = find_landmarks(image, region, landmarker)
    if _region_change(chosen.next_region, region) > _MOVED:
        second = find_landmarks(image, chosen.next_region, landmarker)
        chosen = _better(chosen, second, image, box)
    return Fit(chosen, pose_overlap(chosen, box, image))


def pose_box(landmarks: Landmarks, width: int, height: int) -> Floats:
    """The box (4,) of the present landmarks, in the picture, with room for head and feet."""
    points = landmarks.keypoints
    present = points[:, 4] >= _PRESENT
    chosen = points[present, :2] if present.sum() >= 3 else points[:, :2]
    low, high = chosen.min(axis=0), chosen.max(axis=0)
    margin = 0.05 * landmarks.region[2]  # guess: skull above the eyes, soles, hands
    return np.concatenate(
        (
            np.clip(low - margin, 0.0, (width, height)),
            np.clip(high + margin, 0.0, (width, height)),
        )
    )


def pose_overlap(landmarks: Landmarks, box: Floats, image: Picture) -> float:
    """Intersection over union of the pose and the person's box."""
    height, width = image.shape[:2]
    return float(overlaps(pose_box(landmarks, width, height)[None], box[None])[0, 0])


def _candidates(image: Picture, box: Floats, detector: Network) -> Iterator[Floats]:
    """Regions to try, the likelier first."""
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    square = np.array([*centre, _DETECTOR_REACH * size.max(), 0.0])
    for points in detect_bodies(image, square, detector).points:
        mid_hip, edge, mid_shoulder, _ = points
        # By the shoulders: of a body that the picture cuts at the chest the hips lie outside.
        if (box[:2] <= mid_shoulder).all() and (mid_shoulder <= box[2:]).all():
            yield region_from_points(mid_hip, edge)
            break
    if _is_cut_below(image, box):
        yield np.array([centre[0], box[3], _BOX_REACH * max(size[0], 2 * size[1]), 0.0])
    else:
        yield np.array([*centre, _BOX_REACH * size.max(), 0.0])


def _is_cut_below(image: Picture, box: Floats) -> bool:
    """Whether the picture's lower edge cuts the body, by the box's place and proportions."""
    width, height = box[2:] - box[:2]
    return bool(box[3] >= image.shape[0] * (1 - _EDGE_SHARE) and height < _CUT_ASPECT * width)


def _two_passes(image: Picture, region: Floats, box: Floats, landmarker: Network) -> Fit:
    first = find_landmarks(image, region, landmarker)
    second = find_landmarks(image, first.next_region, landmarker)
    chosen = _better(first, second, image, box)
    return Fit(chosen, pose_overlap(chosen, box, image))


def _better(first: Landmarks, second: Landmarks, image: Picture, box: Floats) -> Landmarks:
    """The second pass, unless it slid off the person."""
    kept = pose_overlap(second, box, image) >= _LOST * pose_overlap(first, box, image)
    return second if kept else first


def _region_change(a: Floats, b: Floats) -> float:
    """The largest of shift, change of size (both over the size) and turn (radians)."""
    turn = np.abs((a[3] - b[3] + np.pi) % (2 * np.pi) - np.pi)
    shift = np.hypot(*(a[:2] - b[:2])) / b[2]
    return float(max(shift, np.abs(a[2] / b[2] - 1.0), turn))
