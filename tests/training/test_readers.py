"""Readers of 3DPW, EMDB and RICH on files of their layout that the tests write themselves."""

import json
import os
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.body import body_folder, load_body
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.footage import write_picture
from fhmr_blender.pipeline.perception.crops import Picture
from fhmr_blender.pipeline.perception.landmarks import Landmarks
from fhmr_blender.pipeline.weights import Networks
from tests.training import tiny
from tests.training.test_evaluation_page import tools
from tests.training.test_pairs import _blind, _landmarker
from training.evaluation.clips import true_joints, true_rotations
from training.readers import emdb, rich, threedpw
from training.readers.bodies import posed_joints, smplx_rest_joints
from training.readers.pickles import open_pickle
from training.readers.recorded import Look, Recorded, case_of, front_end
from training.readers.table import DATASETS, table_text

FRAMES = 4
SIZE = (96, 128)  # width, height
LENS = np.array([[150.0, 0, 48], [0, 150.0, 64], [0, 0, 1]])


@dataclass(frozen=True, eq=False)
class Scene:
    """One person before one camera, in a world of its own."""

    poses: Floats  # (T, 24, 3)
    trans: Floats  # (T, 3)
    betas: Floats  # (10,)
    extrinsics: Floats  # (T, 4, 4) cam from world


def scene(seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    extrinsics = np.tile(np.eye(4), (FRAMES, 1, 1))
    extrinsics[:, :3, :3] = matrix_from_axis_angle(np.array([np.pi, 0.1, 0.0]))
    extrinsics[:, :3, 3] = np.array([0.0, 0.2, 3.5]) + 0.02 * np.arange(FRAMES)[:, None]
    return Scene(
        poses=rng.normal(0, 0.2, (1, 24, 3)) + rng.normal(0, 0.02, (FRAMES, 24, 3)),
        trans=np.tile([0.1, 0.2, 0.0], (FRAMES, 1)) + 0.02 * np.arange(FRAMES)[:, None],
        betas=rng.normal(0, 0.5, 10),
        extrinsics=extrinsics,
    )


def in_the_world(here: Scene, gender: str) -> Floats:
    """(T, 24, 3) by the body that the files name."""
    body = load_body(gender)
    return body.joints(matrix_from_axis_angle(here.poses), here.betas, here.trans)


def in_the_camera(here: Scene, joints: Floats) -> Floats:
    turned = np.einsum("tij,tnj->tni", here.extrinsics[:, :3, :3], joints)
    return turned + here.extrinsics[:, None, :3, 3]


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    write_picture(path.with_suffix(".png"), image)
    path.with_suffix(".png").rename(path)


def bodies(folder: Path) -> Path:
    """Our own bodies under the names of the licensed ones."""
    folder.mkdir(exist_ok=True)
    for gender in ("male", "female", "neutral"):
        shutil.copy(body_folder() / f"{gender}.npz", folder / f"SMPL_{gender.upper()}.npz")
    return folder


def dump(path: Path, held: Any, protocol: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(held, protocol=protocol))


def write_3dpw(root: Path, **changes: Any) -> Path:
    first, second = scene(0), scene(1)
    held = {
        "sequence": "walk",
        "betas": [first.betas, second.betas],
        "poses": [one.poses.reshape(FRAMES, 72) for one in (first, second)],
        "trans": [first.trans, second.trans],
        "genders": ["m", "f"],
        "jointPositions": [
            in_the_world(one, gender).reshape(FRAMES, 72)
            for one, gender in ((first, "male"), (second, "female"))
        ],
        "campose_valid": [np.array([1, 1, 0, 1]), np.ones(FRAMES, dtype=int)],
        "cam_poses": first.extrinsics,
        "cam_intrinsics": LENS,
        "img_frame_ids": np.arange(FRAMES),
    }
    dump(root / "sequenceFiles" / "test" / "walk.pkl", held | changes)
    for frame in range(FRAMES):
        picture(root / "imageFiles" / "walk" / f"image_{frame:05d}.jpg")
    return root


def write_emdb(root: Path) -> Path:
    here = scene(2)
    held = {
        "gender": "female",
        "name": "P0_00_walk",
        "emdb1": np.bool_(True),
        "emdb2": False,
        "n_frames": FRAMES,
        "good_frames_mask": np.array([True, True, True, False]),
        "camera": {
            "intrinsics": LENS,
            "extrinsics": here.extrinsics,
            "width": np.int64(SIZE[0]),
            "height": SIZE[1],
        },
        "smpl": {
            "poses_root": here.poses[:, 0],
            "poses_body": here.poses[:, 1:].reshape(FRAMES, 69),
            "trans": here.trans,
            "betas": here.betas,
        },
        "bboxes": {"bboxes": np.tile([10.0, 10.0, 80.0, 120.0], (FRAMES, 1))},
    }
    folder = root / "P0" / "00_walk"
    dump(folder / "P0_00_walk_data.pkl", held, protocol=4)
    for frame in range(FRAMES):
        picture(folder / "images" / f"{frame:05d}.jpg")
    return root


def write_smplx(folder: Path) -> Path:
    """A model of SMPL-X's form, its 55 joints drawn at random from 60 vertices."""
    rng = np.random.default_rng(5)
    regressor = rng.random((55, 60))
    np.savez(
        folder / "SMPLX_FEMALE.npz",
        v_template=rng.normal(0, 0.5, (60, 3)),
        shapedirs=rng.normal(0, 0.02, (60, 3, 400)),
        J_regressor=regressor / regressor.sum(axis=1, keepdims=True),
        joint2num=np.array({"pelvis": 0}, dtype=object),  # what numpy would have to unpickle
    )
    return folder


def write_rich(root: Path) -> Path:
    here = scene(3)
    name = "Hall_003_lunge"
    for frame in range(FRAMES):
        held = {
            "transl": here.trans[frame : frame + 1].astype(np.float32),
            "global_orient": here.poses[frame, :1].astype(np.float32),
            "body_pose": here.poses[frame, 1:22].reshape(1, 63).astype(np.float32),
            "betas": here.betas[None].astype(np.float32),
            "left_hand_pose": np.zeros((1, 12), dtype=np.float32),
        }
        dump(root / "test_body" / name / f"{frame:05d}" / "003.pkl", held, protocol=4)
        picture(root / "test" / name / "cam_02" / f"{frame:05d}_02.jpeg")
    path = root / "scan_calibration" / "Hall" / "calibration" / "002.xml"
    path.parent.mkdir(parents=True)

    def matrix(key: str, values: Floats) -> str:
        rows, columns = values.shape
        numbers = " ".join(str(float(value)) for value in values.ravel())
        return (
            f'<{key} type_id="opencv-matrix"><rows>{rows}</rows><cols>{columns}</cols>'
            f"<dt>d</dt><data>{numbers}</data></{key}>"
        )

    path.write_text(
        '<?xml version="1.0"?><opencv_storage>'
        + matrix("CameraMatrix", here.extrinsics[0, :3])
        + matrix("Intrinsics", LENS)
        + "</opencv_storage>"
    )
    (root / "resource").mkdir()
    (root / "resource" / "gender.json").write_text(json.dumps({"003": "female"}))
    return root


def exact(pictures: Iterator[Picture], boxes: Floats, wanted: Bools) -> list[Landmarks | None]:
    """A front end that says the same of every picture; it reads each of them."""
    blank = Landmarks(
        region=np.array([48.0, 64.0, 100.0, 0.0]),
        keypoints=np.column_stack((np.full((33, 2), 50.0), np.zeros((33, 1)), np.ones((33, 2)))),
        keypoints_world=np.random.default_rng(0).normal(0, 0.3, (33, 3)),
        image_feature=np.zeros(288),
        mask=np.zeros((256, 256), dtype=bool),
        next_region=np.array([48.0, 64.0, 100.0, 0.0]),
        clothing=np.zeros(128),
        flag=1.0,
    )
    seen = [image.shape == (SIZE[1], SIZE[0], 3) for image in pictures]
    return [blank if there and look else None for there, look in zip(seen, wanted, strict=True)]


def check_truth(recorded: Recorded, here: Scene, joints: Floats, look: Look = exact) -> None:
    """The clip holds the truth in the camera's frame."""
    case = case_of(recorded, look, tiny.calibration().joint)
    kept = recorded.valid
    expected = in_the_camera(here, joints)[kept]
    np.testing.assert_allclose(case.clip.joints_cam, expected, atol=1e-5)
    rotations = matrix_from_axis_angle(here.poses)[kept]
    np.testing.assert_allclose(true_rotations(case)[:, 1:22], rotations[:, 1:22], atol=1e-6)
    turned = here.extrinsics[kept, :3, :3] @ rotations[:, 0]
    np.testing.assert_allclose(true_rotations(case)[:, 0], turned, atol=1e-6)
    world = np.einsum("tij,tnj->tni", case.clip.R_world_from_cam, case.clip.joints_cam)
    world = world + case.clip.camera_position[:, None]
    np.testing.assert_allclose(world, joints[kept], atol=1e-5)
    pixels = project(expected, case.clip.intrinsics)
    boxes = case.clip.bbox
    inside = (pixels >= boxes[:, None, :2]) & (pixels <= boxes[:, None, 2:])
    if recorded.boxes is None:
        assert inside.all()


def test_3dpw_gives_every_person_in_the_camera_and_drops_frames_without_a_camera(
    tmp_path: Path,
) -> None:
    first, second = threedpw.sequences(write_3dpw(tmp_path / "3dpw"), bodies(tmp_path / "smpl"))
    assert (first.name, second.name) == ("walk/0", "walk/1")
    assert first.size == SIZE
    camera = scene(0)
    for recorded, here, gender in ((first, scene(0), "male"), (second, scene(1), "female")):
        seen = Scene(here.poses, here.trans, here.betas, camera.extrinsics)
        check_truth(recorded, seen, in_the_world(here, gender))
    np.testing.assert_array_equal(first.valid, [True, True, False, True])


def test_3dpw_needs_no_body_for_its_joints_but_for_its_skin(tmp_path: Path) -> None:
    (recorded, _) = threedpw.sequences(write_3dpw(tmp_path), None)
    assert recorded.body is None
    text = table_text("3dpw", [case_of(recorded, exact, tiny.calibration().joint)], tools(2))
    row = next(line for line in text.splitlines() if line.startswith("| FHMR"))
    assert row.split("|")[4].strip() == "-"  # PVE
    assert float(row.split("|")[3]) > 0.0


def test_emdb_gives_joints_by_smpl_and_its_own_boxes(tmp_path: Path) -> None:
    root, smpl = write_emdb(tmp_path / "emdb"), bodies(tmp_path / "smpl")
    (recorded,) = emdb.sequences(root, smpl)
    check_truth(recorded, scene(2), in_the_world(scene(2), "female"))
    np.testing.assert_array_equal(recorded.boxes, np.tile([10.0, 10.0, 80.0, 120.0], (FRAMES, 1)))
    assert recorded.size == SIZE
    assert list(emdb.sequences(root, smpl, "emdb2")) == []


def test_rich_gives_smplx_joints_before_each_camera(tmp_path: Path) -> None:
    models = write_smplx(tmp_path)
    (recorded,) = rich.sequences(write_rich(tmp_path / "rich"), models)
    here = scene(3)
    here.poses[:, 22:] = 0.0
    here.extrinsics[:] = here.extrinsics[0]
    rest = smplx_rest_joints(models, "female", here.betas.astype(np.float32).astype(float))
    joints = posed_joints(rest, matrix_from_axis_angle(here.poses), here.trans)
    check_truth(recorded, here, joints)
    assert recorded.name == "Hall_003_lunge/003/cam_02"


def test_the_real_front_end_is_asked_with_the_true_boxes(tmp_path: Path) -> None:
    (recorded, _) = threedpw.sequences(write_3dpw(tmp_path), None)
    networks = Networks(_landmarker, _blind, _blind, _blind, _blind, {}, {})
    boxes: list[Floats] = []

    def look(pictures: Iterator[Picture], asked: Floats, wanted: Bools) -> Any:
        boxes.append(asked)
        return front_end(networks)(pictures, asked, wanted)

    case = case_of(recorded.first(2), look, tiny.calibration().joint)
    assert len(case) == 2
    assert np.abs(case.clip.keypoints).max() > 0.0
    assert boxes[0].shape == (2, 4)


def test_the_papers_table_has_a_line_for_each_stage(tmp_path: Path) -> None:
    recorded = threedpw.sequences(write_3dpw(tmp_path / "3dpw"), bodies(tmp_path / "smpl"))
    cases = [case_of(one, exact, tiny.calibration().joint) for one in recorded]
    text = table_text("3dpw", cases, tools(2))
    assert "PA-MPJPE | MPJPE | PVE" in text and "3dpw: 7 frames" in text
    for name in ("stage 1 alone, aligned", "FHMR"):
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert all(float(figure) > 0.0 for figure in row.split("|")[2:9]), row
    assert np.isfinite(true_joints(cases[0])).all()


@pytest.mark.parametrize("name", DATASETS)
def test_another_folder_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match="There is no sequence in") as caught:
        list(DATASETS[name](tmp_path, tmp_path))
    assert "Name the folder" in caught.value.remedy


def test_a_dataset_that_needs_a_body_says_so(tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match="SMPL") as caught:
        list(emdb.sequences(write_emdb(tmp_path / "emdb"), None))
    assert "--bodies" in caught.value.remedy
    with pytest.raises(FhmrError, match="SMPL_FEMALE"):
        list(emdb.sequences(tmp_path / "emdb", tmp_path))
    with pytest.raises(FhmrError, match="SMPL-X"):
        list(rich.sequences(write_rich(tmp_path / "rich"), None))


class _Runs:
    """Asks to run something when it is unpickled."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return os.system, (self._command,)


def test_a_pickle_that_asks_to_run_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    root = write_3dpw(tmp_path / "3dpw", extra=_Runs(f"touch {marker}"))
    with pytest.raises(FhmrError, match=r"asks to run .*system") as caught:
        list(threedpw.sequences(root, None))
    assert "body file" not in caught.value.sentence
    assert not marker.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"poses": [np.zeros((FRAMES, 71))]},
        {"cam_intrinsics": np.full((3, 3), np.nan)},
        {"poses": np.zeros((FRAMES, 72))},
    ],
    ids=["short", "not finite", "no list"],
)
def test_wrong_contents_are_named(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match="is not what this dataset holds there"):
        list(threedpw.sequences(write_3dpw(tmp_path, **changes), None))


def test_a_damaged_or_missing_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.pkl"
    path.write_bytes(b"\x80\x04nonsense")
    with pytest.raises(FhmrError, match="is damaged"):
        open_pickle(path)
    with pytest.raises(FhmrError, match="cannot be read"):
        open_pickle(tmp_path / "missing.pkl")
    dump(path, [1, 2])
    with pytest.raises(FhmrError, match="holds no table"):
        open_pickle(path)
    dump(path, {"here": 1.0})
    with pytest.raises(FhmrError, match='holds no "there"'):
        open_pickle(path).array("there", 3)
