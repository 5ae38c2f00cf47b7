"""The list of people: shown, hidden, merged, split, dropped, added by a box."""

from collections.abc import Iterator
from dataclasses import replace

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import (
    models,
    people_list,
    rig,
    saved_state,
    shot_people,
    shot_scene,
)
from fhmr_blender.blender.operators import draw_box
from fhmr_blender.core.body import Body
from fhmr_blender.core.motion import Shot
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline import people_edits
from tests.blender.made_shots import made_shot

FRAMES = 4


@pytest.fixture(autouse=True)
def _no_networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(models, "networks", lambda _choices: None)
    yield


def _build(
    scene: bpy.types.Scene, body: Body, people: int = 3
) -> tuple[Shot, bpy.types.Collection, list[bpy.types.Object]]:
    shot = made_shot(body, frames=FRAMES, people=people)
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    bpy.context.view_layer.objects.active = made.rigs[0]
    for item in made.rigs:
        item.select_set(False)
    return shot, made.collection, list(made.rigs)


def _ids(home: bpy.types.Collection) -> list[int]:
    return sorted(item.fhmr_take.person for item in people_list.people_in(home))


def _select(scene: bpy.types.Scene, home: bpy.types.Collection, item: bpy.types.Object) -> None:
    people_list.select_row(scene.fhmr, home, item.name)


def test_the_list_says_body_height_and_where_somebody_is_seen(
    scene: bpy.types.Scene, body: Body
) -> None:
    shot, _, rigs = _build(scene, body, people=1)
    seen = rigs[0].fhmr_take.seen
    stature = float(body.stature(shot.people[0].motion_world.betas))
    assert seen.summary == f"Neutral  {stature:.2f} m auto"
    assert set(seen.presence) == {1.0}
    observed = shot.people[0].observations
    late = replace(observed, track_confidence=np.array([0.0, 0.0, 1.0, 1.0]))
    person = replace(shot.people[0], observations=late)
    people_list.note(rigs[0], replace(shot, people=(person,)), person, body)
    assert list(seen.presence) == [0.0] * 12 + [1.0] * 12


def test_unticked_people_are_hidden_and_come_back(scene: bpy.types.Scene, body: Body) -> None:
    _, _, rigs = _build(scene, body)
    item = rigs[1]
    item.fhmr_take.seen.included = False
    both = (item, rig.mesh_of(item))
    assert all(one.hide_viewport and one.hide_render for one in both)
    assert not rigs[0].hide_render
    for one in rigs:
        one.animation_data_clear()
    rigs[0].fhmr_take.bake.people = "SHOT"
    assert bpy.ops.fhmr.bake() == {"FINISHED"}
    assert [one.animation_data is not None for one in rigs] == [True, False, True]
    item.fhmr_take.seen.included = True
    assert not any(one.hide_viewport or one.hide_render for one in both)


def test_a_row_selects_its_rig_in_the_view(scene: bpy.types.Scene, body: Body) -> None:
    _, home, rigs = _build(scene, body)
    _select(scene, home, rigs[2])
    assert bpy.context.object == rigs[2]
    assert bpy.context.selected_objects == [rigs[2]]


def test_dropping_somebody_leaves_the_others_untouched(scene: bpy.types.Scene, body: Body) -> None:
    _, home, rigs = _build(scene, body)
    kept, data = rigs[0], rigs[0].fhmr_take.data
    with pytest.raises(RuntimeError, match="Select a person in the list"):
        bpy.ops.fhmr.drop_person()
    _select(scene, home, rigs[1])
    assert bpy.ops.fhmr.drop_person() == {"FINISHED"}
    assert _ids(home) == [1, 3]
    assert "walk_person2_body" not in bpy.data.objects
    assert home.objects["walk_person1"] == kept
    assert kept.fhmr_take.data == data
    assert "walk_camera" in home.objects


def test_merged_people_are_one_rig_with_the_first_ones_name(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    def merge(shot: Shot, first: int, second: int, _networks: None, _report: object) -> Shot:
        assert (first, second) == (1, 3)
        people = {person.id: person for person in shot.people}
        return replace(shot, people=(replace(people[3], id=1), people[2]))

    monkeypatch.setattr(people_edits, "merge", merge)
    shot, home, rigs = _build(scene, body)
    with pytest.raises(RuntimeError, match="Select two people"):
        bpy.ops.fhmr.merge_people()
    rigs[0].select_set(True)
    rigs[2].select_set(True)
    assert bpy.ops.fhmr.merge_people() == {"FINISHED"}
    assert _ids(home) == [1, 2]
    _, person = saved_state.load(bpy.data.objects["walk_person1"])
    np.testing.assert_allclose(
        person.motion_world.transl, shot.people[2].motion_world.transl, atol=1e-6
    )
    assert bpy.data.objects["walk_person1"].animation_data.action.name == "walk_person1"
    assert not any("before" in item.name for item in bpy.data.objects)


def test_a_split_person_becomes_two(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    def split(shot: Shot, person: int, frame: int, _networks: None, _report: object) -> Shot:
        assert (person, frame) == (2, 1)  # the source's numbers, from 0
        settings = {**shot.settings, "body": {**shot.settings["body"], "4": _body(shot)}}
        new = replace(shot.people[1], id=4)
        return replace(shot, people=(*shot.people, new), settings=settings)

    def _body(shot: Shot) -> dict[str, str]:
        return shot.settings["body"]["2"]

    monkeypatch.setattr(people_edits, "split", split)
    _, home, rigs = _build(scene, body)
    _select(scene, home, rigs[1])
    scene.frame_set(2)
    assert bpy.ops.fhmr.split_person() == {"FINISHED"}
    assert _ids(home) == [1, 2, 3, 4]
    whole = shot_people.whole_shot(people_list.people_in(home))
    assert [person.id for person in whole.people] == [1, 2, 3, 4]
    assert set(whole.settings["body"]) == {"1", "2", "3", "4"}


def test_a_box_adds_somebody_with_a_portrait(
    scene: bpy.types.Scene, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        def close(self) -> None:
            pass

    def add_boxed(shot: Shot, _footage: Closed, frame: int, box: object, *_rest: object) -> Shot:
        assert frame == 2
        np.testing.assert_allclose(np.array(box), [10, 20, 110, 220])
        body_of = {**shot.settings["body"], "2": shot.settings["body"]["1"]}
        new = replace(shot.people[0], id=2)
        return replace(shot, people=(*shot.people, new), settings={"body": body_of})

    size = people_list.PORTRAIT
    monkeypatch.setattr(people_edits, "add_boxed", add_boxed)
    monkeypatch.setattr(
        people_edits, "portrait", lambda *_: np.full((size, size, 3), 7, dtype=np.uint8)
    )
    monkeypatch.setattr(shot_people, "open_footage", lambda *_: Closed())
    _, home, rigs = _build(scene, body, people=1)
    scene.frame_set(3)
    draw_box.take_box(bpy.context, (10.0, 20.0, 110.0, 220.0))
    assert _ids(home) == [1, 2]
    assert bpy.data.objects["walk_person2"].fhmr_take.seen.portrait == bytes([7]) * 3 * size**2
    assert rigs[0].fhmr_take.seen.portrait == b""


def test_before_estimate_boxes_wait_for_it(scene: bpy.types.Scene) -> None:
    scene.frame_set(5)
    scene.fhmr.frame_count = 9
    draw_box.take_box(bpy.context, (1.0, 2.0, 30.0, 40.0))
    draw_box.take_box(bpy.context, (5.0, 2.0, 60.0, 40.0))
    assert [tuple(box.corners) for box in scene.fhmr.boxes] == [(1, 2, 30, 40), (5, 2, 60, 40)]
    assert scene.fhmr.start == 5
    scene.frame_set(6)
    draw_box.take_box(bpy.context, (5.0, 2.0, 60.0, 40.0))
    assert len(scene.fhmr.boxes) == 1
    assert bpy.ops.fhmr.clear_boxes() == {"FINISHED"}
    assert len(scene.fhmr.boxes) == 0


def test_people_of_other_footage_are_not_mixed(scene: bpy.types.Scene, body: Body) -> None:
    _, home, rigs = _build(scene, body, people=2)
    shot, person = saved_state.load(rigs[1])
    saved_state.store_person(rigs[1], replace(shot, source_sha256="1" * 64), person)
    with pytest.raises(FhmrError, match="other footage"):
        shot_people.whole_shot(people_list.people_in(home))


def test_the_portrait_has_a_bar_of_where_somebody_is_seen(
    scene: bpy.types.Scene, body: Body
) -> None:
    _, _, rigs = _build(scene, body, people=1)
    assert people_list.portrait_with_bar(rigs[0]) is None
    size = people_list.PORTRAIT
    people_list.note_portrait(rigs[0], np.full((size, size, 3), 9, dtype=np.uint8))
    rigs[0].fhmr_take.seen.presence = [0.0] * 12 + [1.0] * 12
    picture = people_list.portrait_with_bar(rigs[0])
    assert picture is not None
    assert set(picture[0].ravel()) == {9}
    assert picture[-1, 0].tolist() == [51, 51, 51]
    assert picture[-1, -1].tolist() == [255, 153, 51]
    people_list.icon(rigs[0])
