"""A recorded sequence of one person with its truth, and the front end run on its pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats, Indices, check_shapes
from fhmr_blender.core.body import Body
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import axis_angle_from_matrix
from fhmr_blender.core.skeleton import CONTACT_JOINTS
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import Footage
from fhmr_blender.pipeline.perception.boxes import clipped
from fhmr_blender.pipeline.perception.crops import Picture
from fhmr_blender.pipeline.perception.landmarks import Landmarks
from fhmr_blender.pipeline.perception.regions import find_body, follow_body
from fhmr_blender.pipeline.perception.tracking import Track
from fhmr_blender.pipeline.weights import Networks

from ..data.sample import PairClip
from ..evaluation.clips import Case, frames_of

FPS = 30.0
_CONTACT_SPEED = 0.15  # m/s; slower counts as standing
_MARGIN = 0.12  # of a box round the joints: flesh lies outside them; a guess
_FOUND = 0.2  # overlap of pose and true box; the front end's own rule
_SMALLEST = 16.0  # pixels of a box, below which nobody looks


@dataclass(frozen=True, eq=False)
class Recorded:
    """T frames of one person; truth in the dataset's own world, whichever way is up there."""

    name: str
    dataset: str
    pictures: tuple[Path, ...]  # T
    size: tuple[int, int]  # width, height
    intrinsics: Floats  # (4,) fx fy cx cy
    T_cam_from_world: Floats  # (T, 4, 4)
    rotations: Floats  # (T, 24, 3, 3) the pelvis world from body
    joints: Floats  # (T, 24, 3) metres, world
    betas: Floats  # (10,) of `body`
    valid: Bools  # (T,) False where the dataset's makers do not trust their truth
    boxes: Floats | None  # (T, 4) of the dataset; None: round the joints
    body: Body | None  # None: no truth of the skin

    def __post_init__(self) -> None:
        check_shapes(
            self,
            intrinsics="4",
            T_cam_from_world="T 4 4",
            rotations="T 24 3 3",
            joints="T 24 3",
            betas="10",
            valid="T",
        )

    def first(self, count: int | None) -> "Recorded":
        """Its first frames."""
        frames = slice(0, count)
        return Recorded(
            name=self.name,
            dataset=self.dataset,
            pictures=self.pictures[frames],
            size=self.size,
            intrinsics=self.intrinsics,
            T_cam_from_world=self.T_cam_from_world[frames],
            rotations=self.rotations[frames],
            joints=self.joints[frames],
            betas=self.betas,
            valid=self.valid[frames],
            boxes=None if self.boxes is None else self.boxes[frames],
            body=self.body,
        )

    @property
    def joints_cam(self) -> Floats:
        """(T, 24, 3) metres."""
        R_cam_from_world = self.T_cam_from_world[:, :3, :3]
        turned = np.einsum("tij,tnj->tni", R_cam_from_world, self.joints)
        return turned + self.T_cam_from_world[:, None, :3, 3]


Look = Callable[[Iterator[Picture], Floats, Bools], Sequence[Landmarks | None]]
"""Pictures, boxes (T, 4), where to look (T,) -> what the front end found in each frame."""


def front_end(networks: Networks) -> Look:
    """The real front end; the person detector alone is replaced by the true boxes."""

    def look(
        pictures: Iterator[Picture], boxes: Floats, wanted: Bools
    ) -> Sequence[Landmarks | None]:
        track: Track | None = None
        found: list[Landmarks | None] = []
        for frame, image in enumerate(pictures):
            box = clipped(boxes[frame], image.shape[1], image.shape[0])
            if not wanted[frame] or (box[2:] - box[:2]).max() < _SMALLEST:
                track = None
                found.append(None)
                continue
            expected = None if track is None else track.expected_region(frame)
            fit = None
            if expected is not None:
                fit = follow_body(image, expected, box, networks.landmarker)
            if fit is None or fit.overlap < _FOUND:
                fit = find_body(image, box, networks.detector, networks.landmarker)
            if fit.overlap < _FOUND:
                track = None
                found.append(None)
                continue
            track = track or Track(box=box, frame=frame)
            track.see(box, fit.landmarks.next_region, frame)
            found.append(fit.landmarks)
        return found

    return look


def case_of(recorded: Recorded, look: Look, landmark_joint: Indices) -> Case:
    """Run the front end and keep the frames in which the person was found.

    Args:
        recorded: With its pictures.
        look: The front end.
        landmark_joint: (33,) the joint that each landmark hangs on, for what is in the picture.

    Raises:
        FhmrError: A picture is missing, or the person is never found.
    """
    joints_cam = recorded.joints_cam
    pixels = project(joints_cam, recorded.intrinsics)
    boxes = _around(pixels) if recorded.boxes is None else recorded.boxes
    before = joints_cam[..., 2] > 0.0
    wanted = recorded.valid & before.any(axis=1)
    found = look(_pictures(recorded.pictures), boxes, wanted)
    kept = np.array([landmarks is not None for landmarks in found])
    if not kept.any():
        raise FhmrError(
            f"Nobody was found in {recorded.name}.", "Check that its pictures are the right ones."
        )
    inside = before & (pixels >= 0).all(axis=-1) & (pixels < np.array(recorded.size)).all(axis=-1)
    clip = _clip(recorded, found, boxes, inside[:, landmark_joint])
    return Case(frames_of(clip, np.flatnonzero(kept)), None, recorded.body)


def _clip(
    recorded: Recorded, found: Sequence[Landmarks | None], boxes: Floats, visible: Bools
) -> PairClip:
    """All frames; zeros where nothing was found."""
    count = len(found)
    R_cam_from_world = recorded.T_cam_from_world[:, :3, :3]
    R_world_from_cam = np.swapaxes(R_cam_from_world, -1, -2)
    position = -np.einsum("tij,tj->ti", R_world_from_cam, recorded.T_cam_from_world[:, :3, 3])
    rotations = recorded.rotations.copy()
    rotations[:, 0] = R_cam_from_world @ rotations[:, 0]
    joints_cam = recorded.joints_cam
    seconds = np.arange(count) / FPS
    rest = np.zeros(3) if recorded.body is None else recorded.body.rest_joints(recorded.betas)[0]

    def column(name: str, *shape: int) -> Floats:
        values = [np.zeros(shape) if one is None else getattr(one, name) for one in found]
        return np.stack(values).astype(np.float32)

    return PairClip(
        name=recorded.name,
        source=recorded.dataset,
        split=recorded.dataset,
        seconds=seconds,
        size=np.array(recorded.size, dtype=np.int32),
        intrinsics=recorded.intrinsics,
        R_world_from_cam=R_world_from_cam,
        camera_position=position,
        poses=axis_angle_from_matrix(rotations),
        betas=recorded.betas,
        transl_cam=joints_cam[:, 0] - rest,
        joints_cam=joints_cam,
        contacts=_contacts(recorded.joints),
        visible=visible,
        found=np.array([one is not None for one in found]),
        region=column("region", 4),
        bbox=boxes,
        keypoints=column("keypoints", 33, 5),
        keypoints_world=column("keypoints_world", 33, 3),
        image_feature=column("image_feature", 288),
    )


def _contacts(joints: Floats) -> Bools:
    """(T, 6) where ankles, toes and wrists hardly move, by the joints (T, 24, 3) in the world."""
    chosen = joints[:, list(CONTACT_JOINTS)]
    if len(chosen) < 2:
        return np.zeros(chosen.shape[:2], dtype=bool)
    speed = np.linalg.norm(np.diff(chosen, axis=0), axis=-1) * FPS
    return np.concatenate((speed[:1], speed)) < _CONTACT_SPEED


def _around(pixels: Floats) -> Floats:
    """(T, 4) boxes round joints (T, 24, 2)."""
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    margin = _MARGIN * (high - low).max(axis=1, keepdims=True)
    return np.concatenate((low - margin, high + margin), axis=1)


def _pictures(paths: Sequence[Path]) -> Iterator[Picture]:
    for path in paths:
        yield Footage(path).frame(0)
