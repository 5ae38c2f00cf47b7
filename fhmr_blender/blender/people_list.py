"""The people of a shot as the list shows them: portrait, where they are seen, who counts."""

import itertools
from pathlib import Path
from typing import Any, cast

import bpy
import bpy.utils.previews
import numpy as np

from ..core.body import Body
from ..core.motion import Person, Shot
from ..pipeline.pixels import Picture
from . import rig, takes
from .people_properties import PORTRAIT, PRESENCE_PARTS
from .properties import FHMR_PG_footage, settings_of, take_of

_BAR = 6  # pixels of the portrait that show where the person is seen
_SEEN, _UNSEEN = (255, 153, 51), (51, 51, 51)  # RGB
_previews: "bpy.utils.previews.ImagePreviewCollection | None" = None


def note(item: bpy.types.Object, shot: Shot, person: Person, body: Body) -> None:
    """Have a rig remember where in the footage its person is seen, its body and its height."""
    observed = person.observations
    present = np.isin(shot.frames, observed.frames[observed.track_confidence > 0.0])  # (T,)
    edges = np.linspace(0, len(present), PRESENCE_PARTS + 1)
    parts = [
        np.mean(present[int(start) : max(int(np.ceil(stop)), int(start) + 1)])
        for start, stop in itertools.pairwise(edges)
    ]
    seen = take_of(item).seen
    seen.presence = [float(part) for part in parts]
    typed = shot.settings.get("heights", {}).get(str(person.id)) is not None
    stature = float(body.stature(person.motion_world.betas))
    name = Path(body.name).stem.title()
    seen.summary = f"{name}  {stature:.2f} m{'' if typed else ' auto'}"


def note_portrait(item: bpy.types.Object, portrait: Picture) -> None:
    """Have a rig remember how its person looks."""
    take_of(item).seen.portrait = np.ascontiguousarray(portrait).tobytes()


def show(item: bpy.types.Object, visible: bool) -> None:
    """Show or hide a person, in the view and in renders."""
    for one in (item, rig.mesh_of(item)):
        if one is not None:
            one.hide_viewport = one.hide_render = not visible


def shown_home(context: bpy.types.Context) -> bpy.types.Collection | None:
    """The collection whose people are listed: that of the rig that is worked on, else the last."""
    item = takes.selected_rig(context)
    if item is None:
        item = context.object
    if item is not None:
        for home in item.users_collection:
            if people_in(home):
                return home
    homes = [home for home in context.scene.collection.children_recursive if people_in(home)]
    return homes[-1] if homes else None


def on_row(context: bpy.types.Context) -> None:
    """Another row is selected: its rig is selected in the view, too, outside of Pose Mode."""
    item = listed_rig(context)
    active = context.view_layer.objects.active
    if item is None or item == active or item.name not in context.view_layer.objects:
        return
    if active is not None and active.mode != "OBJECT":
        return
    for other in context.selected_objects:
        other.select_set(False)
    item.select_set(True)
    context.view_layer.objects.active = item


def people_in(home: bpy.types.Collection) -> list[bpy.types.Object]:
    """The rigs of people in a collection."""
    return [item for item in home.objects if takes.is_rig(item)]


def listed_rig(context: bpy.types.Context) -> bpy.types.Object | None:
    """The rig of the row that is selected, if the list is there."""
    home = shown_home(context)
    if home is None:
        return None
    row = settings_of(context.scene).person
    item = home.objects[row] if 0 <= row < len(home.objects) else None
    return item if takes.is_rig(item) else None


def select_row(settings: FHMR_PG_footage, home: bpy.types.Collection, name: str) -> None:
    """Select a rig's row."""
    settings.person = home.objects.find(name)


def icon(item: bpy.types.Object) -> int:
    """The icon of a rig's portrait with the bar below; 0 if there is none."""
    picture = portrait_with_bar(item)
    if _previews is None or picture is None:
        return 0
    key = f"{item.name} {hash(picture.tobytes())}"
    if key not in _previews:
        pixels = np.ones((PORTRAIT, PORTRAIT, 4), dtype=np.float32)
        pixels[..., :3] = picture[::-1].astype(np.float32) / 255.0
        preview = _previews.new(key)
        preview.image_size = (PORTRAIT, PORTRAIT)
        cast("Any", preview.image_pixels_float).foreach_set(pixels.ravel())
    return _previews[key].icon_id


def portrait_with_bar(item: bpy.types.Object) -> Picture | None:
    """How a rig's person looks; the lowest rows show where in the footage it is seen."""
    seen = take_of(item).seen
    if len(seen.portrait) != 3 * PORTRAIT * PORTRAIT:
        return None
    picture = np.frombuffer(seen.portrait, dtype=np.uint8).reshape(PORTRAIT, PORTRAIT, 3).copy()
    part = np.arange(PORTRAIT) * PRESENCE_PARTS // PORTRAIT
    share = np.array(seen.presence)[part][:, None]  # (PORTRAIT, 1)
    picture[-_BAR:] = np.array(_SEEN) * share + np.array(_UNSEEN) * (1.0 - share)
    return picture


def attach() -> None:
    """Make room for portraits."""
    global _previews
    _previews = bpy.utils.previews.new()


def detach() -> None:
    """Let go of the portraits."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
