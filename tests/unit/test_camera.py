"""The camera of a clip: followed by its background, watched for moving, or read from a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.camera import rays_cam
from fhmr_blender.core.rotations import geodesic_angle, rotation_about
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.camera import find_camera, known_camera
from fhmr_blender.pipeline.camera_file import BLENDER_FROM_CAM, KnownCamera, read_camera
from fhmr_blender.pipeline.camera_turns import Turns, follow_turns, small_grey
from tests.unit.sitter import observations, posture

SIZE = (320, 180)
LENS = np.array([280.0, 280.0, 160.0, 90.0])
NOBODY = np.zeros((0, 4))


def panorama(seed: int = 0) -> np.ndarray:
    """(360, 720) grey of the whole sphere, smooth and full of corners."""
    rng = np.random.default_rng(seed)
    total = np.zeros((360, 720))
    for cells in (16, 36, 72):
        coarse = rng.random((cells, 2 * cells))
        rows = np.arange(360) * cells / 360
        columns = np.arange(720) * cells / 360
        total += coarse[rows.astype(int)[:, None], columns.astype(int)[None] % (2 * cells)]
    kernel = np.array([0.25, 0.5, 0.25])
    for axis in (0, 1):
        total = np.apply_along_axis(lambda line: np.convolve(line, kernel, "same"), axis, total)
    return 255.0 * (total - total.min()) / np.ptp(total)


def looked_at(sphere: np.ndarray, R_world_from_cam: np.ndarray) -> np.ndarray:
    """(H, W) what a camera sees that stands in the middle."""
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
    pixels = np.stack((columns.ravel(), rows.ravel()), axis=-1)
    rays = rays_cam(pixels, LENS) @ R_world_from_cam.T
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    x = (np.arctan2(rays[:, 0], rays[:, 2]) / (2 * np.pi) + 0.5) * 720
    y = (np.arcsin(np.clip(rays[:, 1], -1, 1)) / np.pi + 0.5) * 360
    column, row = np.floor(x).astype(int), np.clip(np.floor(y).astype(int), 0, 358)
    right, down = x - column, y - row
    above = sphere[row, column % 720] * (1 - right) + sphere[row, (column + 1) % 720] * right
    below = (
        sphere[row + 1, column % 720] * (1 - right) + sphere[row + 1, (column + 1) % 720] * right
    )
    return (above * (1 - down) + below * down).reshape(SIZE[1], SIZE[0])


def followed(pictures: Sequence[np.ndarray], boxes: np.ndarray = NOBODY) -> Turns:
    count = len(pictures)
    return follow_turns(pictures, [boxes] * count, [LENS] * count, SIZE[0])


def error(turns: Turns, true: np.ndarray) -> np.ndarray:
    """Degrees (T,) of turns against the truth."""
    relative = np.swapaxes(true[:1], -1, -2) @ true
    return np.degrees(geodesic_angle(turns.R_first_from_cam, relative))


def pan(count: int, degrees: float) -> np.ndarray:
    """(T, 3, 3) about the vertical, with a nod and a roll."""
    angle = np.radians(degrees) * np.linspace(0.0, 1.0, count)
    return (
        rotation_about(1, angle)
        @ rotation_about(0, 0.05 * np.sin(3 * angle))
        @ rotation_about(2, 0.04 * np.sin(5 * angle))
    )


def test_a_pan_is_followed_from_picture_to_picture() -> None:
    true = pan(16, 75.0)  # more than the picture is wide: the key must change
    turns = followed([looked_at(panorama(), turn) for turn in true])
    assert error(turns, true).max() < 0.1
    assert turns.reliable.all()


def test_a_resting_camera_does_not_turn_however_noisy_it_is() -> None:
    rng = np.random.default_rng(0)
    picture = looked_at(panorama(), np.eye(3))
    turns = followed([picture + rng.normal(0.0, 6.0, picture.shape) for _ in range(6)])
    assert error(turns, np.tile(np.eye(3), (6, 1, 1))).max() < 0.03


def test_somebody_who_walks_through_the_picture_does_not_turn_the_camera() -> None:
    true = pan(8, 20.0)
    person = np.random.default_rng(1).uniform(0, 255, (150, 90))
    boxes, pictures = [], []
    for frame, turn in enumerate(true):
        picture = looked_at(panorama(), turn)
        left = 20 + 25 * frame
        picture[20:170, left : left + 90] = person[:, : picture.shape[1] - left]
        pictures.append(picture)
        boxes.append(np.array([[left, 20.0, left + 90, 170.0]]))
    turns = follow_turns(pictures, boxes, [LENS] * 8, SIZE[0])
    assert error(turns, true).max() < 0.1
    assert turns.reliable.all()


def test_a_change_of_brightness_is_no_turn() -> None:
    true = pan(6, 10.0)
    pictures = [
        looked_at(panorama(), turn) * (1.0 - 0.05 * frame) + 3.0 * frame
        for frame, turn in enumerate(true)
    ]
    assert error(followed(pictures), true).max() < 0.1


def test_where_nothing_is_to_be_seen_the_turn_is_not_relied_on() -> None:
    blank = [np.full((SIZE[1], SIZE[0]), 128.0)] * 4
    turns = followed(blank)
    assert not turns.reliable[1:].any()
    np.testing.assert_array_equal(turns.R_first_from_cam, np.tile(np.eye(3), (4, 1, 1)))


def test_a_background_of_two_depths_behind_a_walking_camera_contradicts_a_turn() -> None:
    far, near = looked_at(panorama(), np.eye(3)), looked_at(panorama(1), np.eye(3))
    pictures = []
    for frame in range(8):
        picture = np.roll(far, -2 * frame, axis=1)
        stripes = np.roll(near, -12 * frame, axis=1)
        rows = np.arange(SIZE[1]) // 30 % 2 == 0
        picture[rows] = stripes[rows]
        pictures.append(picture)
    assert np.median(followed(pictures).agreement) < 0.8


def test_a_picture_becomes_small_by_the_mean_of_blocks() -> None:
    image = np.zeros((1080, 1920, 3), dtype=np.uint8)
    image[:4, :4, 1] = 200
    small = small_grey(image)
    assert small.shape == (270, 480)
    assert small[0, 0] == pytest.approx(200.0)
    assert small[1:].max() == 0.0


# -- clips


class Film:
    """Pictures in place of a movie."""

    fps = 10.0
    size = SIZE

    def __init__(self, turns: np.ndarray) -> None:
        self._pictures = [looked_at(panorama(), turn) for turn in turns]
        self.frame_count = len(turns)

    def frame(self, number: int) -> np.ndarray:
        if number == 3:
            raise FhmrError("Frame 3 is damaged.", "Leave it out.")
        grey = np.clip(self._pictures[number], 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)


def found(turns: np.ndarray, *, moving: bool, cuts: tuple[int, ...] = ()) -> object:
    count = len(turns)
    person = observations(posture(count))
    told: list[float] = []
    camera = find_camera(
        Film(turns),  # type: ignore[arg-type]
        np.arange(count),
        [person.__class__(**{**vars(person), "bbox": np.tile([0.0, 0, 40, 90], (count, 1))})],
        np.tile(LENS, (count, 1)),
        cuts,
        moving=moving,
        on_frame=told.append,
    )
    assert not moving or len(told) == count
    return camera


def test_a_moving_camera_is_followed_past_a_damaged_frame_and_begins_anew_at_a_cut() -> None:
    true = np.concatenate((pan(8, 20.0), pan(6, -15.0) @ rotation_about(1, 2.0)))
    camera = found(true, moving=True, cuts=(8,))
    first, second = camera.R_first_from_cam[:8], camera.R_first_from_cam[8:]
    for turns, part in ((first, true[:8]), (second, true[8:])):
        wanted = np.swapaxes(part[:1], -1, -2) @ part
        off = np.degrees(geodesic_angle(turns, wanted))
        off[3] = 0.0  # damaged
        assert off.max() < 0.2
    assert not camera.walks


def test_a_camera_that_should_rest_and_moves_is_told_of() -> None:
    moving = found(pan(20, 30.0), moving=False)
    resting = found(np.tile(np.eye(3), (20, 1, 1)), moving=False)
    assert "seems to move" in moving.notes[0]
    assert resting.notes == ()
    for camera in (moving, resting):  # what was asked for is done
        np.testing.assert_array_equal(camera.R_first_from_cam, np.tile(np.eye(3), (20, 1, 1)))


# -- files

MATRICES = np.stack([np.eye(4) for _ in range(3)])
MATRICES[:, :3, :3] = rotation_about(2, np.array([0.0, 0.4, 0.8]))
MATRICES[:, :3, 3] = [[0, 0, 1.5], [1, 0, 1.5], [2, 0, 1.5]]


def written(folder: Path, kind: str, axes: str) -> Path:
    """The three matrices as a file, in OpenCV's axes or Blender's."""
    path = folder / f"camera.{kind}"
    matrices = MATRICES if axes == "T_world_from_cam" else MATRICES @ BLENDER_FROM_CAM
    lens = np.tile([500.0, 500, 320, 240], (3, 1))
    if kind == "npz":
        np.savez(path, frames=np.arange(3), intrinsics=lens, **{axes: matrices})
    elif kind == "json":
        rows = [
            {"frame": frame, axes: matrix.tolist(), "intrinsics": lens[0].tolist()}
            for frame, matrix in enumerate(matrices)
        ]
        path.write_text(json.dumps({"frames": rows}))
    else:
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            names = [f"{axes}_{row}{column}" for row in range(4) for column in range(4)]
            table.writerow(["frame", *names, "fx", "fy", "cx", "cy"])
            for frame, matrix in enumerate(matrices):
                table.writerow([frame, *matrix.ravel(), *lens[0]])
    return path


@pytest.mark.parametrize("kind", ["json", "csv", "npz"])
@pytest.mark.parametrize("axes", ["T_world_from_cam", "matrix_world"])
def test_a_camera_file_says_the_same_in_every_form(tmp_path: Path, kind: str, axes: str) -> None:
    camera = read_camera(written(tmp_path, kind, axes))
    np.testing.assert_allclose(camera.T_world_from_cam, MATRICES, atol=1e-12)
    np.testing.assert_array_equal(camera.frames, np.arange(3))
    assert camera.intrinsics is not None
    np.testing.assert_allclose(camera.intrinsics[:, 0], 500.0)
    some = camera.over(np.array([0, 2]))
    np.testing.assert_allclose(some.T_world_from_cam, MATRICES[[0, 2]])


def test_one_matrix_is_a_camera_at_rest() -> None:
    camera = KnownCamera(np.array([7]), MATRICES[1:2]).over(np.arange(100, 104))
    np.testing.assert_array_equal(camera.T_world_from_cam, np.tile(MATRICES[1], (4, 1, 1)))


def test_a_scaled_camera_object_sees_the_same(tmp_path: Path) -> None:
    scaled = MATRICES.copy()
    scaled[:, :3, :3] *= 2.5
    np.savez(tmp_path / "camera.npz", T_world_from_cam=scaled)
    found_back = read_camera(tmp_path / "camera.npz").T_world_from_cam
    np.testing.assert_allclose(found_back, MATRICES, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("camera.json", "{", "cannot be read"),
        ("camera.json", '{"frames": []}', "neither"),
        ("camera.json", '{"frames": [{"T_world_from_cam": [[1]]}]}', "arranged"),
        ("camera.csv", "frame\nx\n", "cannot be read|arranged|neither"),
        ("camera.npz", "no zip", "cannot be read"),
        ("camera.txt", "", "is no camera"),
        (None, "", "does not exist"),
    ],
)
def test_what_is_no_camera_file_is_refused(
    tmp_path: Path, name: str | None, content: str, said: str
) -> None:
    path = tmp_path / (name or "nowhere.json")
    if name:
        path.write_text(content)
    with pytest.raises(FhmrError, match=said):
        read_camera(path)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.diag([1.0, 1.0, -1.0]), np.ones((3, 3))])
def test_matrices_that_are_no_rotations_are_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    matrices = MATRICES.copy()
    matrices[:, :3, :3] = wrong
    np.savez(tmp_path / "camera.npz", T_world_from_cam=matrices)
    with pytest.raises(FhmrError, match="is no camera"):
        read_camera(tmp_path / "camera.npz")


def test_a_camera_that_does_not_tell_of_all_frames_is_refused() -> None:
    with pytest.raises(FhmrError, match="not known in frame 3"):
        KnownCamera(np.arange(3), MATRICES).over(np.arange(5))


def test_the_scenes_camera_needs_a_scene() -> None:
    with pytest.raises(FhmrError, match="in Blender alone"):
        known_camera("scene", None, np.arange(3))
    given = known_camera("scene", KnownCamera(np.arange(3), MATRICES), np.arange(2))
    assert given is not None
    np.testing.assert_array_equal(given.T_world_from_cam, MATRICES[:2])
    assert known_camera("static", None, np.arange(3)) is None
