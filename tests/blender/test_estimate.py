"""The Estimate Pose button, with the pipeline's answer made in code."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import job_timer, saved_state, takes
from fhmr_blender.core.body import Body
from fhmr_blender.core.motion import Shot
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import Report
from fhmr_blender.pipeline import estimate as door
from fhmr_blender.pipeline.estimate import EstimateSettings
from fhmr_blender.pipeline.footage import Footage
from tests.blender.made_shots import made_shot

PICTURE = Path(__file__).parents[1] / "data" / "skimage_astronaut.jpg"
Answer = Callable[[EstimateSettings, Report], Shot]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Has the pipeline answer with a function."""

    def use(function: Answer) -> None:
        def estimate(
            footage: Footage, networks: object, settings: EstimateSettings, report: Report
        ) -> Shot:
            return function(settings, report)

        monkeypatch.setattr(door, "estimate", estimate)

    return use


def _objects() -> set[str]:
    return set(bpy.data.objects.keys()) | set(bpy.data.collections.keys())


def test_a_picture_becomes_camera_footage_rig_and_body(
    scene: bpy.types.Scene, body: Body, answer: Callable[[Answer], None]
) -> None:
    shot = made_shot(body, people=2)
    answer(lambda settings, report: shot)
    scene.fhmr.filepath = str(PICTURE)
    assert bpy.ops.fhmr.estimate() == {"FINISHED"}
    collection = bpy.data.collections["FHMR walk"]
    assert len(collection.objects) == 5
    camera = bpy.data.objects["walk_camera"]
    assert scene.camera == camera
    assert camera.data.show_background_images
    assert Path(camera.data.background_images[0].image.filepath) == PICTURE
    rig = bpy.context.object
    assert rig.name == "walk_person1"
    assert takes.is_rig(rig)
    assert rig.animation_data is None
    _, person = saved_state.load(rig)
    np.testing.assert_array_equal(person.chosen, shot.people[0].chosen)


def test_auto_keying_writes_the_pose_as_keys(
    scene: bpy.types.Scene, body: Body, answer: Callable[[Answer], None]
) -> None:
    answer(lambda settings, report: made_shot(body))
    scene.fhmr.filepath = str(PICTURE)
    scene.tool_settings.use_keyframe_insert_auto = True
    scene.frame_set(12)
    bpy.ops.fhmr.estimate()
    assert bpy.data.objects["walk_person1"].animation_data.action.frame_range[0] == 12


def test_a_second_run_makes_a_second_collection(
    scene: bpy.types.Scene, body: Body, answer: Callable[[Answer], None]
) -> None:
    answer(lambda settings, report: made_shot(body))
    scene.fhmr.filepath = str(PICTURE)
    bpy.ops.fhmr.estimate()
    bpy.ops.fhmr.estimate()
    assert {"FHMR walk", "FHMR walk.001"} <= _objects()


def test_the_panels_reach_the_pipeline(
    scene: bpy.types.Scene, body: Body, answer: Callable[[Answer], None]
) -> None:
    seen: list[EstimateSettings] = []

    def remember(settings: EstimateSettings, report: Report) -> Shot:
        seen.append(settings)
        return made_shot(body)

    answer(remember)
    settings = scene.fhmr
    settings.filepath = str(PICTURE)
    settings.use_focal_length, settings.focal_length = True, 50.0
    settings.use_height, settings.height = True, 1.95
    settings.use_people_limit, settings.people_limit = True, 3
    settings.body, settings.seed, settings.guidance = "male", 11, 2.0
    settings.use_alignment = False
    bpy.ops.fhmr.estimate()
    assert (seen[0].start, seen[0].stop, seen[0].step) == (0, 1, 1)
    assert seen[0].focal == pytest.approx(50.0 / 43.2666 * math.hypot(*settings.size), rel=1e-5)
    assert seen[0].height == pytest.approx(1.95)
    assert (seen[0].people, seen[0].body, seen[0].seed) == (3, "male", 11)
    assert seen[0].guidance == pytest.approx(2.0)
    assert not seen[0].alignment


def test_one_undo_takes_an_estimate_back(
    scene: bpy.types.Scene, body: Body, answer: Callable[[Answer], None]
) -> None:
    answer(lambda settings, report: made_shot(body))
    scene.fhmr.filepath = str(PICTURE)
    bpy.ops.ed.undo_push(message="before")
    before = _objects()
    bpy.ops.fhmr.estimate("EXEC_DEFAULT", True)
    assert "walk_person1" in _objects()
    bpy.ops.ed.undo()
    assert _objects() == before
    bpy.ops.ed.redo()
    saved_state.load(bpy.data.objects["walk_person1"])


def test_cancelling_leaves_the_scene_as_it_was(
    scene: bpy.types.Scene, body: Body, answer: Callable[[Answer], None]
) -> None:
    def cancelled(settings: EstimateSettings, report: Report) -> Shot:
        assert job_timer.running() is not None
        job_timer.cancel()
        for _ in range(100):
            time.sleep(0.01)
            report(0.5, "Landmarks")
        raise AssertionError("the report did not stop the work")

    answer(cancelled)
    scene.fhmr.filepath = str(PICTURE)
    before = _objects()
    assert bpy.ops.fhmr.estimate() == {"CANCELLED"}
    assert _objects() == before
    assert job_timer.running() is None


def test_what_went_wrong_is_said_in_the_pipelines_words(
    scene: bpy.types.Scene, answer: Callable[[Answer], None]
) -> None:
    def nobody(settings: EstimateSettings, report: Report) -> Shot:
        raise FhmrError("No person was found in frame 1.", "Choose another frame.")

    answer(nobody)
    scene.fhmr.filepath = str(PICTURE)
    before = _objects()
    with pytest.raises(RuntimeError, match=r"No person was found in frame 1\. Choose another"):
        bpy.ops.fhmr.estimate()
    assert _objects() == before
    assert job_timer.running() is None


def test_a_programmers_mistake_is_not_swallowed(
    scene: bpy.types.Scene, answer: Callable[[Answer], None]
) -> None:
    def broken(settings: EstimateSettings, report: Report) -> Shot:
        raise ValueError("a mistake")

    answer(broken)
    scene.fhmr.filepath = str(PICTURE)
    with pytest.raises(RuntimeError, match="ValueError: a mistake"):
        bpy.ops.fhmr.estimate()
    assert job_timer.running() is None


def test_without_footage_the_button_says_so(scene: bpy.types.Scene) -> None:
    with pytest.raises(RuntimeError, match="Choose a picture or a movie under Footage"):
        bpy.ops.fhmr.estimate()


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xd8\xff\xe0 cut", None])
def test_a_file_that_is_no_picture_is_refused_at_once(
    scene: bpy.types.Scene, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "photo.jpg"
    if content is not None:
        path.write_bytes(content)
    scene.fhmr.filepath = str(path)
    assert scene.fhmr.problem
    assert not scene.fhmr.probed
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.fhmr.estimate()


def test_a_file_that_went_away_since_is_named(scene: bpy.types.Scene, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PICTURE.read_bytes())
    scene.fhmr.filepath = str(path)
    path.unlink()
    with pytest.raises(RuntimeError, match=r"photo\.jpg"):
        bpy.ops.fhmr.estimate()


def test_an_own_body_file_that_is_missing_is_named(scene: bpy.types.Scene) -> None:
    scene.fhmr.filepath = str(PICTURE)
    scene.fhmr.body = "file"
    with pytest.raises(RuntimeError, match="No SMPL file is chosen"):
        bpy.ops.fhmr.estimate()
    scene.fhmr.body_file = "/nowhere/SMPL_NEUTRAL.pkl"
    with pytest.raises(RuntimeError, match=r"SMPL_NEUTRAL\.pkl"):
        bpy.ops.fhmr.estimate()


def test_a_range_outside_the_footage_is_refused(scene: bpy.types.Scene) -> None:
    scene.fhmr.filepath = str(PICTURE)
    scene.fhmr.end = 5
    with pytest.raises(RuntimeError, match="The footage has 1 frames; End is 5"):
        bpy.ops.fhmr.estimate()
