"""Every panel draws, whatever is selected: its properties and operators exist."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import pytest

from fhmr_blender.blender import panels, people_list, shot_scene
from fhmr_blender.core.body import Body
from tests.blender.made_shots import made_shot

PICTURE = Path(__file__).parents[1] / "data" / "skimage_astronaut.jpg"


class Layout:
    """Takes what a panel draws, and holds it against what Blender knows."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., "Layout"]:
        known = {"row", "column", "box", "split", "label", "separator", "progress"}
        known |= {"template_icon", "prop_search", "column_flow", "grid_flow", "menu", "popover"}
        if name not in known:
            raise AttributeError(name)

        def draw(*_args: Any, text: str = "", **_options: Any) -> "Layout":
            self.drawn.append(text)
            return self

        return draw

    def prop(self, data: Any, name: str, *, index: int = -1, **options: Any) -> None:
        assert name in data.bl_rna.properties, f"{data.bl_rna.identifier}.{name}"
        self.drawn.append(options.get("text", name))

    def operator(self, name: str, *_args: str, **_options: Any) -> Any:
        group, _, verb = name.partition(".")
        assert verb in dir(getattr(bpy.ops, group)), name
        self.drawn.append(name)
        return Properties()

    operator_menu_enum = operator

    def template_list(
        self, kind: str, _id: str, data: Any, name: str, active: Any, index: str, **_: Any
    ) -> None:
        assert hasattr(bpy.types, kind), kind
        assert name in data.bl_rna.properties
        assert index in active.bl_rna.properties
        self.drawn.append(kind)


class Properties:
    """What a button's operator is told."""


class Context:
    """Blender's context with a sidebar in it."""

    region = type("Region", (), {"width": 300})()

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context, name)


class Drawn:
    """A panel that is being drawn."""

    def __init__(self, kind: type) -> None:
        self.layout, self._kind = Layout(), kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)


def _draw_all() -> dict[str, list[str]]:
    """What each panel draws that does not hide itself."""
    drawn: dict[str, list[str]] = {}
    for kind in panels.CLASSES:
        if issubclass(kind, bpy.types.Panel):
            context = Context()
            if not hasattr(kind, "poll") or kind.poll(context):
                panel = Drawn(kind)
                kind.draw(panel, context)
                drawn[kind.__name__] = panel.layout.drawn
    return drawn


def test_panels_draw_in_an_empty_scene(scene: bpy.types.Scene) -> None:
    drawn = _draw_all()
    assert "FHMR_PT_footage" in drawn
    assert any("Select a rig" in text for text in drawn["FHMR_PT_clean_up"])


@pytest.mark.parametrize("frames", [1, 4])
def test_panels_draw_with_people(scene: bpy.types.Scene, body: Body, frames: int) -> None:
    shot = made_shot(body, frames=frames, people=2)
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    scene.fhmr.filepath = str(PICTURE)
    rig = made.rigs[0]
    bpy.context.view_layer.objects.active = rig
    people_list.select_row(scene.fhmr, made.collection, rig.name)
    rig.fhmr_take.retarget.target = made.rigs[1]
    for camera in ("static", "scene"):
        scene.fhmr.camera = camera
        drawn = _draw_all()
        assert "fhmr.bake" in drawn["FHMR_PT_keyframes"]
        assert "FHMR_UL_people" in drawn["FHMR_PT_people"]
        assert "FHMR_UL_mapped_bones" in drawn["FHMR_PT_retarget"]
    assert ("smoothing" in drawn["FHMR_PT_clean_up"]) == (frames > 1)


def test_list_rows_draw(scene: bpy.types.Scene, body: Body) -> None:
    shot = made_shot(body, frames=2, people=2)
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    settings = made.rigs[0].fhmr_take.retarget
    settings.target = made.rigs[1]
    rows: dict[str, tuple[Any, Any]] = {
        "FHMR_UL_people": (made.collection, made.rigs[0]),
        "FHMR_UL_mapped_bones": (settings, settings.rows[0]),
    }
    for kind in panels.CLASSES:
        if kind.__name__ in rows:
            layout, (data, item) = Layout(), rows.pop(kind.__name__)
            kind.draw_item(None, None, layout, data, item, 0, None, "")
            assert layout.drawn
    assert not rows
