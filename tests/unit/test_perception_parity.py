"""The converted networks answer as the originals do in their own runtimes, on a real picture."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from build_steps import perception_models
from fhmr_blender.pipeline.footage import Footage
from fhmr_blender.pipeline.perception.crops import cut
from fhmr_blender.pipeline.weights import load_networks, model_files, models_folder

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
CACHE = ROOT / ".build" / "cache"
WARRIOR = np.array([494.0, 472.0, 644.0, 0.03])  # the man's region in tfjs_pose.jpg


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return Footage(DATA / "tfjs_pose.jpg").frame(0)


def original(name: str, image: np.ndarray) -> dict[str, np.ndarray]:
    """What TensorFlow Lite makes of an input (1, H, W, 3)."""
    path = perception_models.source_file(perception_models.POSE, name, CACHE)
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return {
        detail["name"]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_output_details()
    }


def test_the_landmark_network_keeps_pixels_metres_and_masks(picture: np.ndarray) -> None:
    image = cut(picture, WARRIOR, 256, replicate=True)[None] / np.float32(255)
    expected = original("pose_landmark_heavy.tflite", image)
    answer = load_networks(threads=1).landmarker({"image": image})
    landmarks, reference = answer["landmarks"], expected["Identity"]
    assert landmarks.reshape(39, 5)[0, 4] > 0  # it sees somebody: the comparison means something
    np.testing.assert_allclose(landmarks, reference, atol=0.02)  # crop pixels
    np.testing.assert_allclose(answer["world"], expected["Identity_4"], atol=1e-4)  # metres
    np.testing.assert_allclose(answer["poseflag"], expected["Identity_1"], atol=1e-4)
    heatmap = expected["Identity_3"].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(answer["heatmap"], heatmap, atol=0.02)  # before the sigmoid
    mask = expected["Identity_2"].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(answer["seg_logits"], mask, atol=0.05)  # before the sigmoid
    assert answer["feature"].shape == (1, 2, 2, 288)


def test_a_batch_answers_as_its_pictures_do_alone(picture: np.ndarray) -> None:
    landmarker = load_networks(threads=1).landmarker
    turned = WARRIOR + np.array([0, 0, 0, 0.5])
    crops = np.stack(
        [cut(picture, region, 256, replicate=True) / 255 for region in (WARRIOR, turned)]
    )
    both = landmarker({"image": crops})
    for index in range(2):
        alone = landmarker({"image": crops[index : index + 1]})
        for name, values in alone.items():
            np.testing.assert_allclose(both[name][index], values[0], atol=0.02, err_msg=name)


def test_the_pose_detector_keeps_its_boxes(picture: np.ndarray) -> None:
    square = np.array([500.0, 400.0, 800.0, 0.0])
    image = cut(picture, square, 224, replicate=False)[None] / np.float32(127.5) - np.float32(1)
    expected = original("pose_solution_packed_assets.data", image)
    answer = load_networks(threads=1).detector({"image": image})
    assert expected["Identity_1"].max() > 0  # it finds somebody
    np.testing.assert_allclose(answer["boxes"], expected["Identity"], atol=0.02)  # of 224 pixels
    np.testing.assert_allclose(answer["logits"], expected["Identity_1"], atol=1e-2)


def test_nanodet_answers_as_recorded_from_tensorflow_js() -> None:
    with np.load(DATA / "nanodet_tfjs.npz") as record:
        bgr = record["image"][..., ::-1].astype(np.float32)
        mean = np.array([103.53, 116.28, 123.675], np.float32)
        std = np.array([57.375, 57.12, 58.395], np.float32)
        image = ((bgr - mean) / std).transpose(2, 0, 1)[None]
        answer = load_networks(threads=1).person_detector({"input_1": image})
        assert max(record[f"scores_{stride}"][:, 0].max() for stride in (8, 16, 32)) > 0.5
        for stride in (8, 16, 32):
            cells = record[f"cells_{stride}"]
            for kind in ("scores", "distances"):
                name = f"{kind}_{stride}"
                np.testing.assert_allclose(answer[name][0, cells], record[name], atol=2e-4)


def test_the_conversion_gives_the_listed_bytes(tmp_path: Path) -> None:
    steps: list[float] = []
    perception_models.make(tmp_path, CACHE, lambda fraction, _: steps.append(fraction))
    listed = model_files(models_folder())
    for name in ("landmarker", "detector", "person_detector"):
        made = hashlib.sha256((tmp_path / f"{name}.onnx").read_bytes()).hexdigest()
        assert made == listed[name].sha256, name
    assert steps == sorted(steps) and steps[-1] == 1.0


def test_a_damaged_download_is_replaced_and_a_wrong_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"the file"

    def packed(package: perception_models.Package, folder: Path) -> Path:
        with tarfile.open(folder / "p.tgz", "w:gz") as archive:
            member = tarfile.TarInfo("package/a.bin")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return folder / "p.tgz"

    monkeypatch.setattr(perception_models, "_packed", packed)
    good = perception_models.Package("@a/b", "1", {"a.bin": hashlib.sha256(content).hexdigest()})
    path = perception_models.source_file(good, "a.bin", tmp_path)
    path.write_bytes(b"damaged")
    assert perception_models.source_file(good, "a.bin", tmp_path).read_bytes() == content
    wrong = perception_models.Package("@a/b", "2", {"a.bin": "0" * 64})
    with pytest.raises(RuntimeError, match="checksum"):
        perception_models.source_file(wrong, "a.bin", tmp_path)
    assert not (tmp_path / "npm" / wrong.folder / "a.bin").exists()
