"""Guidance and seed change the body while they are dragged, and undo takes it back at once."""

import time
from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import job_timer, live, models, saved_state
from fhmr_blender.core import shot_file
from fhmr_blender.core.body import Body
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from tests.blender.posed import LEFT_ARM, build, moved, pose, poses, use_made_networks
from tests.unit import sitter


@pytest.fixture(autouse=True)
def made_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_made_networks(monkeypatch)


def _wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blender's timer, as long as it wants to be called."""
    monkeypatch.setattr(live, "SETTLE", 0.0)
    end = time.monotonic() + 30.0
    while live.tick() is not None:
        assert time.monotonic() < end
        time.sleep(0.01)


def _rotations(rig: bpy.types.Object) -> np.ndarray:
    return saved_state.load(rig)[1].motion_world.rotations


def test_a_dragged_slider_poses_the_listed_limb_in_the_same_event(
    scene: bpy.types.Scene, body: Body
) -> None:
    shot = sitter.shot(1)
    rig = build(scene, shot, body)
    before = pose(rig)
    rig.fhmr_take.guidance = 2.5
    assert moved(before, pose(rig)) == LEFT_ARM
    settings = ResampleSettings(limbs=("left_arm",), seed=3, guidance=2.5)
    expected = resample(shot, sitter.networks(), settings, silent)
    np.testing.assert_array_equal(_rotations(rig), expected.people[0].motion_world.rotations)


def test_every_value_starts_from_the_state_before_the_drag(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    rig.fhmr_take.guidance = 3.0
    at_once = _rotations(rig)
    for value in (0.2, 1.7, 4.0, 3.0):
        rig.fhmr_take.guidance = value
    np.testing.assert_array_equal(_rotations(rig), at_once)


def test_letting_go_makes_one_undo_step(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(1), body)
    name, before, data = rig.name, pose(rig), rig.fhmr_take.data
    bpy.ops.ed.undo_push(message="before")
    for value in (1.5, 2.0, 2.5):
        rig.fhmr_take.guidance = value
    bpy.ops.ed.undo_push(message="Guidance")  # as Blender does when a slider is let go
    after = pose(rig)
    bpy.ops.ed.undo()
    rig = bpy.data.objects[name]
    assert not moved(before, pose(rig))
    assert (rig.fhmr_take.data, rig.fhmr_take.guidance) == (data, 1.0)
    assert not len(rig.fhmr_take.hand.variations)
    bpy.ops.ed.redo()
    rig = bpy.data.objects[name]
    assert not moved(after, pose(rig))
    assert rig.fhmr_take.guidance == 2.5
    rig.fhmr_take.seed = 9  # and on from there
    assert moved(after, pose(rig)) == LEFT_ARM


def test_the_dice_draws_at_once(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(1), body)
    before = pose(rig)
    assert bpy.ops.fhmr.roll_seed() == {"FINISHED"}
    assert moved(before, pose(rig)) == LEFT_ARM


@pytest.mark.parametrize("rests", [lambda _: live.tick(), live.on_save, live.on_undo])
def test_one_frame_of_a_clip_follows_the_slider_and_its_keys_when_that_rests(
    rests: Callable[[bpy.types.Scene], object],
    scene: bpy.types.Scene,
    body: Body,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "SETTLE", 0.0)
    rig = build(scene, sitter.shot(6), body)
    rig.fhmr_take.scope = "FRAME"
    before = poses(scene, rig, 6)
    scene.frame_set(4)
    rig.fhmr_take.guidance = 0.0
    drawn = pose(rig)
    assert moved(before[3], drawn) == LEFT_ARM
    assert rig.fhmr_take.hand.unwritten
    rests(scene)
    assert not rig.fhmr_take.hand.unwritten
    assert not moved(drawn, poses(scene, rig, 6)[3])
    changed = [moved(old, new) for old, new in zip(before, poses(scene, rig, 6), strict=True)]
    assert changed == [set(), set(), set(), LEFT_ARM, set(), set()]


def test_a_long_scope_previews_its_frame_and_is_drawn_when_the_slider_rests(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = sitter.shot(6)
    rig = build(scene, shot, body)
    scene.frame_set(3)
    at_rest, data = poses(scene, rig, 6), rig.fhmr_take.data
    rig.fhmr_take.guidance = 2.0
    assert moved(at_rest[2], pose(rig)) == LEFT_ARM
    assert rig.fhmr_take.data == data
    _wait(monkeypatch)
    settings = ResampleSettings(limbs=("left_arm",), seed=3, guidance=2.0, start=0, stop=6)
    expected = resample(shot, sitter.networks(), settings, silent)
    np.testing.assert_array_equal(_rotations(rig), expected.people[0].motion_world.rotations)
    changed = [moved(old, new) for old, new in zip(at_rest, poses(scene, rig, 6), strict=True)]
    assert changed == [LEFT_ARM] * 6
    assert job_timer.running() is None
    assert not rig.fhmr_take.hand.pending


def test_undo_of_a_long_scope_brings_panel_pose_and_keys_back(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = build(scene, sitter.shot(6), body)
    name, data = rig.name, rig.fhmr_take.data
    before = pose(rig)
    bpy.ops.ed.undo_push(message="before")
    rig.fhmr_take.guidance = 2.0
    bpy.ops.ed.undo_push(message="Guidance")  # let go while the worker has not begun
    _wait(monkeypatch)
    after, drawn = pose(rig), rig.fhmr_take.data
    assert moved(before, after) == LEFT_ARM
    bpy.ops.ed.undo()
    rig = bpy.data.objects[name]
    assert (rig.fhmr_take.data, rig.fhmr_take.guidance) == (data, 1.0)
    assert not moved(before, pose(rig))
    bpy.ops.ed.redo()
    rig = bpy.data.objects[name]
    assert (rig.fhmr_take.data, rig.fhmr_take.guidance) == (drawn, 2.0)
    assert not moved(after, pose(rig))


def test_the_latest_value_wins(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = sitter.shot(6)
    rig = build(scene, shot, body)
    monkeypatch.setattr(live, "SETTLE", 0.0)
    rig.fhmr_take.guidance = 2.0
    live.tick()
    assert job_timer.running() is not None
    rig.fhmr_take.guidance = 0.5
    _wait(monkeypatch)
    settings = ResampleSettings(limbs=("left_arm",), seed=3, guidance=0.5, start=0, stop=6)
    expected = resample(shot, sitter.networks(), settings, silent)
    np.testing.assert_array_equal(_rotations(rig), expected.people[0].motion_world.rotations)


def test_cancelling_puts_panel_and_pose_back(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = build(scene, sitter.shot(6), body)
    before, data = pose(rig), rig.fhmr_take.data
    monkeypatch.setattr(live, "SETTLE", 0.0)
    rig.fhmr_take.guidance = 2.0
    live.tick()
    bpy.ops.fhmr.cancel()
    _wait(monkeypatch)
    assert not moved(before, pose(rig))
    assert (rig.fhmr_take.data, rig.fhmr_take.guidance) == (data, 1.0)


def test_what_was_undone_while_the_worker_drew_stays_undone(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = build(scene, sitter.shot(6), body)
    name = rig.name
    bpy.ops.ed.undo_push(message="before")
    monkeypatch.setattr(live, "SETTLE", 0.0)
    rig.fhmr_take.guidance = 2.0
    live.tick()
    bpy.data.objects[name].fhmr_take.revision += 1  # as undoing another change would
    data = rig.fhmr_take.data
    _wait(monkeypatch)
    assert bpy.data.objects[name].fhmr_take.data == data


def test_networks_are_loaded_by_the_worker(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = build(scene, sitter.shot(1), body)
    before = pose(rig)
    monkeypatch.setattr(models, "ready", lambda choices: False)
    rig.fhmr_take.guidance = 2.0
    assert not moved(before, pose(rig))
    _wait(monkeypatch)
    assert moved(before, pose(rig)) == LEFT_ARM


def test_with_live_switched_off_or_no_limb_chosen_nothing_moves(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    before = pose(rig)
    rig.fhmr_take.hand.live = False
    rig.fhmr_take.guidance = 2.0
    rig.fhmr_take.hand.live = True
    rig.fhmr_take.limbs = (False,) * 5
    rig.fhmr_take.guidance = 3.0
    assert not moved(before, pose(rig))
    assert rig.fhmr_take.guidance == 3.0
    assert not live.problem(rig)


def test_what_the_panel_says_stays_when_something_else_is_stored(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    rig.fhmr_take.guidance = 2.0
    rig.fhmr_take.hand.live = False
    rig.fhmr_take.guidance, rig.fhmr_take.seed = 3.0, 12
    bpy.ops.fhmr.favourite()
    assert (rig.fhmr_take.guidance, rig.fhmr_take.seed) == (3.0, 12)
    bpy.ops.fhmr.reset(what="ALL")
    assert (rig.fhmr_take.guidance, rig.fhmr_take.seed) == (1.0, 3)


def test_what_cannot_be_drawn_is_said_and_nothing_moves(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(4), body)
    take = rig.fhmr_take
    take.scope, take.start, take.end = "RANGE", 3, 2
    before, data = pose(rig), take.data
    take.guidance = 2.0
    assert "ends at frame 2, before it starts at 3" in live.problem(rig)
    assert not moved(before, pose(rig))
    assert (take.data, take.guidance) == (data, 1.0)
    take.end = 4
    take.guidance = 2.0
    assert not live.problem(rig)


def test_a_missing_model_is_said_and_nothing_moves(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(choices: object) -> None:
        raise FhmrError("The model completion.onnx is missing.", "Install the extension again.")

    monkeypatch.setattr(models, "networks", missing)
    monkeypatch.setattr(models, "ready", lambda choices: False)
    rig = build(scene, sitter.shot(1), body)
    before, data = pose(rig), rig.fhmr_take.data
    rig.fhmr_take.guidance = 2.0
    _wait(monkeypatch)
    assert "completion.onnx is missing" in live.problem(rig)
    assert not moved(before, pose(rig))
    assert (rig.fhmr_take.data, rig.fhmr_take.guidance) == (data, 1.0)


def test_numbers_that_are_none_are_refused(scene: bpy.types.Scene, body: Body) -> None:
    shot = sitter.shot(1)
    rig = build(scene, shot, body)
    person = shot.people[0]
    broken = person.motion_world.rotations.copy()
    broken[0, 5] = np.nan
    motion = replace(person.motion_world, rotations=broken)
    rig.fhmr_take.data = shot_file.encode(
        replace(shot, people=(replace(person, motion_world=motion),))
    )
    before = pose(rig)
    rig.fhmr_take.guidance = 2.0
    assert "damaged" in live.problem(rig)
    assert not moved(before, pose(rig))


def test_a_missing_bone_is_said_and_nothing_is_stored(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(1), body)
    data = rig.fhmr_take.data
    rig.data.bones["left_knee"].name = "knee"
    rig.fhmr_take.guidance = 2.0
    assert "The bone left_knee" in live.problem(rig)
    assert rig.fhmr_take.data == data
