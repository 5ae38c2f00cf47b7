"""Favourites, bones, landmarks, contacts, sides, body and lens; and that all of it lasts."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import keypoints, landmarks_view, reports, saved_state, watch
from fhmr_blender.blender import rig as rigs
from fhmr_blender.core.body import Body
from fhmr_blender.core.skeleton import LANDMARK_NAMES
from tests.blender.posed import LEFT_ARM, build, moved, pose, use_made_networks
from tests.unit import sitter


@pytest.fixture(autouse=True)
def made_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_made_networks(monkeypatch)


def _reopened(name: str, tmp_path: Path) -> bpy.types.Object:
    path = str(tmp_path / "walk.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    rig = bpy.data.objects[name]
    bpy.context.view_layer.objects.active = rig
    return rig


def test_favourites_survive_saving_and_are_shown_exactly(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    rig = build(scene, sitter.shot(1), body)
    bpy.ops.fhmr.resample()
    bpy.ops.fhmr.variation_next()
    liked = pose(rig)
    assert bpy.ops.fhmr.favourite() == {"FINISHED"}
    rig.fhmr_take.seed = 77
    assert moved(liked, pose(rig)) == LEFT_ARM
    rig = _reopened(rig.name, tmp_path)
    assert bpy.ops.fhmr.favourite_show(index=0) == {"FINISHED"}
    assert not moved(liked, pose(rig))
    assert bpy.ops.fhmr.favourite_remove(index=0) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="no such favourite"):
        bpy.ops.fhmr.favourite_show(index=0)


def test_selecting_bones_in_pose_mode_chooses_their_limbs(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)

    def select(*names: str) -> tuple[bool, ...]:
        for bone in rig.data.bones:
            owner = rig.pose.bones[bone.name] if hasattr(rig.pose.bones[0], "select") else bone
            owner.select = bone.name in names
        watch.on_update()
        return tuple(rig.fhmr_take.limbs)

    assert select("right_knee") == (False, True, False, False, False)  # not in Pose Mode
    bpy.ops.object.mode_set(mode="POSE")
    assert select("right_knee") == (False, False, False, False, True)
    assert select("head", "left_wrist") == (True, True, False, False, False)
    assert select("spine2") == (True, True, False, False, False)
    rig.fhmr_take.limbs = (False, False, True, False, False)
    watch.on_update()
    assert tuple(rig.fhmr_take.limbs) == (False, False, True, False, False)


def test_a_corrected_landmark_waits_and_then_moves_the_limb(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    wrist = LANDMARK_NAMES.index("left_wrist")
    with pytest.raises(RuntimeError, match="Correct a landmark first"):
        bpy.ops.fhmr.re_estimate()
    _, person = saved_state.load(rig)
    x, y = person.observations.keypoints[0, wrist, :2]
    edits = keypoints.moved(keypoints.edits_of(rig, person), 0, wrist, (x + 20.0, y - 30.0))
    edits = keypoints.marked_wrong(edits, 0, LANDMARK_NAMES.index("nose"))
    keypoints.store(rig, edits)
    marks = landmarks_view.marks_of(rig, 1)
    np.testing.assert_allclose(marks.pixels[wrist], (x + 20.0, y - 30.0), atol=1e-3)
    assert list(np.flatnonzero(marks.wrong)) == [LANDMARK_NAMES.index("nose")]
    assert len(landmarks_view.colours_of(marks)) == 33


def test_marking_a_landmark_wrong_twice_takes_it_back() -> None:
    edits = keypoints.moved([], 3, 15, (10.0, 20.0))
    edits = keypoints.moved(edits, 3, 15, (11.0, 20.0))
    assert edits == [{"frame": 3, "landmark": "left_wrist", "x": 11.0, "y": 20.0}]
    wrong = keypoints.marked_wrong(edits, 4, 15)
    assert keypoints.marked_wrong(wrong, 4, 15) == edits
    swap = {"frame": 0, "end": 9, "swap": "arms"}
    assert keypoints.moved([swap], 3, 15, (1.0, 2.0))[0] == swap


def test_pixels_of_the_footage_and_places_in_the_view_are_inverse() -> None:
    corners = np.array([[100.0, 50.0], [500.0, 350.0]])  # a 4:3 frame
    pixels = np.array([[0.0, 0.0], [640.0, 0.0], [320.0, 240.0]])
    places = landmarks_view.to_region(pixels, (640, 480), 4 / 3, corners)
    np.testing.assert_allclose(places, [[100.0, 350.0], [500.0, 350.0], [300.0, 200.0]])
    np.testing.assert_allclose(
        landmarks_view.to_pixels(places, (640, 480), 4 / 3, corners), pixels, atol=1e-9
    )
    tall = landmarks_view.to_region(pixels, (480, 640), 4 / 3, corners)
    np.testing.assert_allclose(
        landmarks_view.to_pixels(tall, (480, 640), 4 / 3, corners), pixels, atol=1e-9
    )


def test_contacts_are_listed_stored_and_removed(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    rig = build(scene, sitter.shot(6), body)
    hand = rig.fhmr_take.hand
    hand.contact_joint, hand.contact_target = "left_ankle", "FLOOR"
    hand.contact_start, hand.contact_end = 2, 4
    assert bpy.ops.fhmr.contact_add() == {"FINISHED"}
    hand.contact_joint, hand.contact_target = "left_wrist", "OBJECT"
    with pytest.raises(RuntimeError, match="Choose the object that is touched"):
        bpy.ops.fhmr.contact_add()
    ball = bpy.data.objects.new("ball", None)
    scene.collection.objects.link(ball)
    ball.location = (0.4, 3.0, 1.2)
    hand.contact_object = ball
    assert bpy.ops.fhmr.contact_add() == {"FINISHED"}
    hand.contact_start, hand.contact_end = 5, 3
    with pytest.raises(RuntimeError, match="ends at frame 3, before it starts at 5"):
        bpy.ops.fhmr.contact_add()
    rig = _reopened(rig.name, tmp_path)
    edits = saved_state.load(rig)[1].edits["contact_edits"]
    assert [(edit["joint"], edit["start"], edit["end"]) for edit in edits] == [
        ("left_ankle", 1, 4),
        ("left_wrist", 1, 4),
    ]
    np.testing.assert_allclose(edits[1]["target"]["place"], (0.4, 3.0, 1.2), atol=1e-6)
    assert bpy.ops.fhmr.contact_remove(index=0) == {"FINISHED"}
    assert len(saved_state.load(rig)[1].edits["contact_edits"]) == 1
    with pytest.raises(RuntimeError, match="no such contact"):
        bpy.ops.fhmr.contact_remove(index=1)


def test_a_resample_meets_a_contact_with_an_object(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(1), body)
    bpy.context.view_layer.update()
    bones, hand = rig.pose.bones, rig.fhmr_take.hand
    ball = bpy.data.objects.new("ball", None)
    scene.collection.objects.link(ball)
    ball.location = bones["left_wrist"].head.lerp(bones["left_shoulder"].head, 0.4)
    hand.contact_joint, hand.contact_target, hand.contact_object = "left_wrist", "OBJECT", ball
    assert bpy.ops.fhmr.contact_add() == {"FINISHED"}
    bpy.ops.fhmr.resample()
    bpy.context.view_layer.update()
    assert (bones["left_wrist"].head - ball.location).length < 0.03


def test_reset_brings_a_frame_or_everything_back(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(4), body)
    estimated = saved_state.load(rig)[1].motion_world.rotations
    bpy.ops.fhmr.resample()
    scene.frame_set(2)
    assert bpy.ops.fhmr.reset(what="FRAME") == {"FINISHED"}
    rotations = saved_state.load(rig)[1].motion_world.rotations
    same = [np.array_equal(*pair) for pair in zip(rotations, estimated, strict=True)]
    assert same == [False, True, False, False]
    assert not len(rig.fhmr_take.hand.variations)
    assert bpy.ops.fhmr.reset(what="ALL") == {"FINISHED"}
    np.testing.assert_array_equal(saved_state.load(rig)[1].motion_world.rotations, estimated)
    with pytest.raises(RuntimeError, match="Nothing was changed since Estimate"):
        bpy.ops.fhmr.reset()


def test_undo_and_redo_in_any_order_bring_pose_panel_and_data_together(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(3), body)
    name = rig.name
    rig.fhmr_take.scope = "FRAME"
    rig.fhmr_take.variations = 3

    def state() -> tuple[dict[str, np.ndarray], tuple[object, ...]]:
        item = bpy.data.objects[name]
        take = item.fhmr_take
        rows = (len(take.hand.variations), take.hand.shown, take.hand.open, take.hand.pending)
        return pose(item), (take.data, take.seed, round(take.guidance, 3), *rows)

    def slide() -> None:
        bpy.data.objects[name].fhmr_take.guidance = 2.0

    steps = (
        slide,
        bpy.ops.fhmr.variation_next,
        bpy.ops.fhmr.favourite,
        bpy.ops.fhmr.roll_seed,
        bpy.ops.fhmr.keep_variation,
        bpy.ops.fhmr.bake,
        lambda: bpy.ops.fhmr.favourite_show(index=0),
        lambda: bpy.ops.fhmr.reset(what="ALL"),
    )
    bpy.ops.ed.undo_push(message="start")
    seen = [state()]
    for step in steps:
        step()
        bpy.ops.ed.undo_push(message="step")
        seen.append(state())
    at = len(steps)
    for way in (-1, -1, 1, -1, -1, -1, 1, 1, *[-1] * 5, *[1] * 7):
        (bpy.ops.ed.undo if way < 0 else bpy.ops.ed.redo)()
        at += way
        found = state()
        assert not moved(seen[at][0], found[0]), at
        assert found[1] == seen[at][1], at


def test_a_renamed_rig_and_a_duplicate_work_on_by_themselves(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    rig.name = "Anna"
    rig.select_set(True)
    bpy.ops.object.duplicate()
    double = bpy.context.object
    assert double != rig
    before = pose(rig)
    double.fhmr_take.guidance = 3.0
    assert moved(before, pose(double)) == LEFT_ARM
    assert not moved(before, pose(rig))
    assert not rig.fhmr_take.estimate
    bpy.context.view_layer.objects.active = rig
    rig.fhmr_take.guidance = 3.0
    assert not moved(pose(double), pose(rig))


def test_a_linked_rig_and_an_override_say_that_they_are_linked(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    name = build(scene, sitter.shot(1), body).name
    path = str(tmp_path / "walk.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.objects = [name]
    rig = bpy.data.objects[name]
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    operators = ("resample", "favourite", "pin_add", "contact_add", "swap_sides", "resolve")
    for operator in operators:
        with pytest.raises(RuntimeError, match="linked from another file"):
            getattr(bpy.ops.fhmr, operator)()
    override = rig.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = override
    for operator in operators:
        with pytest.raises(RuntimeError, match="linked from another file"):
            getattr(bpy.ops.fhmr, operator)()


def test_the_report_says_how_it_was_made_and_no_path(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(1), body)
    rig.fhmr_take.guidance = 2.0
    assert bpy.ops.fhmr.copy_report() == {"FINISHED"}
    said = reports.report(rig)
    for piece in ("Seed 3, guidance 2", "left arm", "Body neutral", bpy.app.version_string):
        assert piece in said
    assert "/" not in said.replace("1/", "")
    assert len(rigs.joint_bones(rig)) == 24
