"""Variations: stepped through, listed, kept; ghosts of the others; where to look next."""

import itertools
from pathlib import Path

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import ghosts, saved_state, triangles, uncertainty_view
from fhmr_blender.core.body import Body
from fhmr_blender.core.skeleton import LIMBS
from tests.blender.posed import LEFT_ARM, build, moved, pose, poses, use_made_networks
from tests.unit import sitter


@pytest.fixture(autouse=True)
def made_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_made_networks(monkeypatch)


def _resampled(scene: bpy.types.Scene, body: Body, frames: int = 1) -> bpy.types.Object:
    rig = build(scene, sitter.shot(frames), body)
    rig.fhmr_take.variations = 4
    assert bpy.ops.fhmr.resample() == {"FINISHED"}
    return rig


def _ghosts(rig: bpy.types.Object, scene: bpy.types.Scene) -> ghosts.Ghosts:
    bpy.context.view_layer.update()
    found = ghosts.of(rig, scene.frame_current)
    assert found is not None
    return found


def _arm(rig: bpy.types.Object) -> np.ndarray:
    """(4, 3) where the left arm's joints are posed, the rig's space."""
    bpy.context.view_layer.update()
    return np.array([rig.pose.bones[name].head for name in _chain()])


def _chain() -> tuple[str, ...]:
    return ("left_shoulder", "left_elbow", "left_wrist", "left_hand")


def test_the_arrows_step_through_what_was_drawn_and_round_again(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = _resampled(scene, body)
    hand, seen = rig.fhmr_take.hand, [pose(rig)]
    assert (len(hand.variations), hand.shown) == (4, 0)
    for expected in (1, 2, 3, 0):
        assert bpy.ops.fhmr.variation_next() == {"FINISHED"}
        assert hand.shown == expected
        seen.append(pose(rig))
    for before, after in itertools.pairwise(seen):
        assert moved(before, after) == LEFT_ARM
    assert not _farther_than(seen[0], seen[4], 0.002)  # samples are kept as float16
    assert bpy.ops.fhmr.variation_previous() == {"FINISHED"}
    assert hand.shown == 3
    assert not moved(seen[3], pose(rig))


def _farther_than(before: dict[str, np.ndarray], after: dict[str, np.ndarray], by: float) -> set:
    return {name for name in before if np.abs(before[name] - after[name]).max() > by}


def test_choosing_a_row_of_the_list_shows_it(scene: bpy.types.Scene, body: Body) -> None:
    rig = _resampled(scene, body)
    rig.fhmr_take.hand.shown = 2
    by_list = pose(rig)
    rig.fhmr_take.hand.shown = 0
    bpy.ops.fhmr.variation_next()
    bpy.ops.fhmr.variation_next()
    assert not moved(by_list, pose(rig))
    rows = rig.fhmr_take.hand.variations
    assert all(0.0 <= row.plausibility <= 1.0 and 0.0 <= row.agreement <= 1.0 for row in rows)
    assert len({row.plausibility for row in rows}) > 1


def test_a_step_is_one_undo_and_rewrites_the_keys(scene: bpy.types.Scene, body: Body) -> None:
    rig = _resampled(scene, body, frames=3)
    name, before = rig.name, poses(scene, rig, 3)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.fhmr.variation_next("EXEC_DEFAULT", True)
    after = poses(scene, rig, 3)
    assert [moved(*pair) for pair in zip(before, after, strict=True)] == [LEFT_ARM] * 3
    bpy.ops.ed.undo()
    rig, scene = bpy.data.objects[name], bpy.context.scene
    assert not any(moved(*pair) for pair in zip(before, poses(scene, rig, 3), strict=True))
    assert rig.fhmr_take.hand.shown == 0


def test_before_a_resample_the_arrows_say_what_to_do(scene: bpy.types.Scene, body: Body) -> None:
    build(scene, sitter.shot(1), body)
    for operator in ("variation_next", "variation_previous", "keep_variation", "favourite"):
        with pytest.raises(RuntimeError, match="Press Resample first"):
            getattr(bpy.ops.fhmr, operator)()


def test_ghosts_are_the_other_variations(scene: bpy.types.Scene, body: Body) -> None:
    rig = _resampled(scene, body)
    places = [_arm(rig)]
    for _ in range(3):
        bpy.ops.fhmr.variation_next()
        places.append(_arm(rig))
    bpy.ops.fhmr.variation_next()
    found = _ghosts(rig, scene)
    starts = found.starts.reshape(4, 3, 3)  # joints of the arm, variations 2 to 4
    for index in range(3):
        np.testing.assert_allclose(starts[:, index], places[index + 1], atol=2e-3)  # float16
    assert np.all(found.colours[:, 0] > found.colours[:, 2])  # left is orange
    assert np.all(found.colours[:, 3] < 0.7)


def test_ghosts_hang_on_the_torso_as_it_is_posed(scene: bpy.types.Scene, body: Body) -> None:
    rig = _resampled(scene, body)
    before = _ghosts(rig, scene).starts
    rig.pose.bones["pelvis"].location.x += 0.5
    np.testing.assert_allclose(_ghosts(rig, scene).starts - before, [[0.5, 0, 0]] * 12, atol=1e-5)


def test_ghosts_go_when_one_is_kept_and_leave_nothing(scene: bpy.types.Scene, body: Body) -> None:
    rig = _resampled(scene, body)
    objects = set(bpy.data.objects.keys())
    bpy.ops.fhmr.variation_next()
    shown = pose(rig)
    assert bpy.ops.fhmr.keep_variation() == {"FINISHED"}
    assert ghosts.of(rig, scene.frame_current) is None
    assert not moved(shown, pose(rig))
    assert not len(rig.fhmr_take.hand.variations)
    assert set(bpy.data.objects.keys()) == objects


def test_ghosts_can_be_switched_off_and_end_with_the_drawn_frames(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(4), body)
    rig.fhmr_take.scope, rig.fhmr_take.start, rig.fhmr_take.end = "RANGE", 2, 3
    bpy.ops.fhmr.resample()
    assert ghosts.of(rig, 2) is not None
    assert ghosts.of(rig, 4) is None
    rig.fhmr_take.hand.ghosts = False
    assert ghosts.of(rig, 2) is None


def test_ghosts_are_there_again_after_undo_and_reopening(
    scene: bpy.types.Scene, body: Body, tmp_path: Path
) -> None:
    rig = _resampled(scene, body)
    name, before = rig.name, _ghosts(rig, scene).ends
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.fhmr.keep_variation("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    np.testing.assert_array_equal(_ghosts(bpy.data.objects[name], bpy.context.scene).ends, before)
    path = str(tmp_path / "walk.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    rig = bpy.data.objects[name]
    np.testing.assert_array_equal(_ghosts(rig, bpy.context.scene).ends, before)


def test_capsules_are_closed_and_lie_about_their_bones() -> None:
    start, end = np.array([[0.0, 0.0, 1.0]]), np.array([[0.3, 0.0, 1.0]])
    made = triangles.capsules(start, end, np.array([0.05]), np.array([[1.0, 0.5, 0.1, 0.2]]))
    along = np.clip(made.points[:, :1], 0.0, 0.3) * [1.0, 0.0, 0.0] + [0.0, 0.0, 1.0]
    distance = np.linalg.norm(made.points - along, axis=1)
    np.testing.assert_allclose(distance, 0.05, atol=1e-6)
    corners = made.points[made.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outwards = ((corners.mean(axis=1) - [0.15, 0.0, 1.0]) * normals).sum(axis=1)
    assert np.all(outwards >= -1e-9)
    np.testing.assert_allclose(made.colours[:, 3], 0.2)


def test_next_uncertain_goes_to_the_worst_frame_and_limb_and_on(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(40), body)
    spread = uncertainty_view.of(rig)
    frame, limb = np.unravel_index(np.argmax(spread.limbs), spread.limbs.shape)
    rig.fhmr_take.limbs = (False,) * 5
    scene.frame_set(1)
    assert bpy.ops.fhmr.next_uncertain() == {"FINISHED"}
    assert scene.frame_current == spread.frames[frame]
    assert [bool(on) for on in rig.fhmr_take.limbs].index(True) == limb
    first = (scene.frame_current, tuple(rig.fhmr_take.limbs))
    assert bpy.ops.fhmr.next_uncertain() == {"FINISHED"}
    assert (scene.frame_current, tuple(rig.fhmr_take.limbs)) != first


def test_the_strip_and_the_colours_follow_the_spread(scene: bpy.types.Scene, body: Body) -> None:
    rig = build(scene, sitter.shot(3), body)
    spread = uncertainty_view.of(rig)
    assert spread.limbs.shape == (3, 5)
    places, colours = uncertainty_view.strip(spread)
    assert len(places) == np.count_nonzero(spread.limbs > 0.05) > 0
    for (frame, limb), colour in zip(places, colours, strict=True):
        row = list(spread.frames).index(frame)
        np.testing.assert_allclose(colour[3] ** 2, spread.limbs[row, int(limb)])
    weights = np.zeros((2, 24))
    weights[0, LIMBS["left_arm"][2]], weights[1, 0] = 1.0, 1.0
    heat = uncertainty_view.heat(weights, np.where(np.arange(24) > 0, 0.5, 0.0))
    assert heat[0, 3] > 0.5
    assert heat[1, 3] == 0.0


def test_the_coloured_body_lies_on_the_body_and_leaves_nothing(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = build(scene, sitter.shot(1), body)
    mesh = next(child for child in rig.children if child.type == "MESH")
    attributes = set(mesh.data.attributes.keys())
    bpy.context.view_layer.update()
    made = uncertainty_view.coloured_body(rig, 1)
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    skin = np.array([vertex.co for vertex in evaluated.vertices])
    np.testing.assert_allclose(np.linalg.norm(made.points - skin, axis=1), 0.002, atol=1e-4)
    assert made.colours[:, 3].max() > 0.05
    assert set(mesh.data.attributes.keys()) == attributes


def test_a_limb_is_uncertain_until_one_of_its_variations_is_kept(
    scene: bpy.types.Scene, body: Body
) -> None:
    rig = _resampled(scene, body)
    waiting = uncertainty_view.of(rig).limbs[0]
    bpy.ops.fhmr.keep_variation()
    kept = uncertainty_view.of(rig).limbs[0]
    assert waiting[1] > 0.05
    assert kept[1] == 0.0
    np.testing.assert_array_equal(np.delete(kept, 1), np.delete(waiting, 1))


def test_uncertainty_is_asked_for_once_a_change(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = build(scene, sitter.shot(1), body)
    before = uncertainty_view.of(rig)
    loads: list[str] = []
    load = saved_state.load
    monkeypatch.setattr(saved_state, "load", lambda item: loads.append(item.name) or load(item))
    assert uncertainty_view.of(rig) is before
    assert not loads
    bpy.ops.fhmr.resample()
    assert uncertainty_view.of(rig) is not before
