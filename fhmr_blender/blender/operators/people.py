"""Who is who, mended by hand: merge, split, drop, and a box around somebody who was missed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import FloatVectorProperty, IntProperty

from ...core.motion import Shot
from ...errors import FhmrError
from ...jobs import Report
from .. import (
    footage_view,
    job_timer,
    models,
    people_list,
    preferences,
    saved_state,
    shot_people,
    takes,
)
from ..people_properties import PORTRAIT
from ..properties import settings_of, take_of
from ..scene_camera import MOVIE_START

if TYPE_CHECKING:
    from ...pipeline.weights import Networks

Work = Callable[[Shot, "Networks", Report], Shot]


class PeopleOperator(job_timer.JobOperator):
    """Work that makes another shot of a shot's people."""

    _home = ""
    _changed: Collection[int] = ()
    _revisions: Mapping[str, int] = MappingProxyType({})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not cls.idle():
            return False
        home = people_list.shown_home(context)
        reason = ""
        if home is None:
            reason = "Estimate the footage first"
        elif any(takes.why_not(item) for item in people_list.people_in(home)):
            reason = "These people are linked from another file. Work on them there"
        else:
            reason = cls.why_not_now(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    @classmethod
    def why_not_now(cls, context: bpy.types.Context) -> str:
        """A further reason why the button is disabled."""
        return "" if people_list.listed_rig(context) else "Select a person in the list"

    def work(self, context: bpy.types.Context) -> Work:
        """Read the panel; what is returned runs in the worker and never touches bpy."""
        raise NotImplementedError

    def prepare(self, context: bpy.types.Context) -> Callable[[Report], Shot]:
        home = people_list.shown_home(context)
        assert home is not None
        rigs = people_list.people_in(home)
        shot = shot_people.whole_shot(rigs)
        choices = preferences.choices(context)
        work = self.work(context)
        self._home = home.name
        self._revisions = {item.name: saved_state.revision(item) for item in rigs}
        return lambda report: work(shot, models.networks(choices), report)

    def finish(self, context: bpy.types.Context, shot: Shot) -> None:
        home = bpy.data.collections.get(self._home)
        now = (
            {}
            if home is None
            else {item.name: saved_state.revision(item) for item in people_list.people_in(home)}
        )
        if home is None or now != self._revisions:
            raise FhmrError(
                "The people were changed in the meantime.", "Press the button once more."
            )
        if context.object is not None and context.object.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        made = shot_people.put(context, home, shot, self._changed)
        rigs = made or people_list.people_in(home)
        if rigs:
            context.view_layer.objects.active = rigs[-1]
            rigs[-1].select_set(True)
            people_list.select_row(settings_of(context.scene), home, rigs[-1].name)


class FHMR_OT_merge_people(PeopleOperator, bpy.types.Operator):
    """Make one person of those that are selected in the view: the first stays.
    Limbs are estimated anew, their pins and favourites are gone"""

    bl_idname = "fhmr.merge_people"
    bl_label = "Merge People"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Merge People"

    @classmethod
    def why_not_now(cls, context: bpy.types.Context) -> str:
        return "" if len(_selected(context)) == 2 else "Select two people of the shot in the view"

    def work(self, context: bpy.types.Context) -> Work:
        first, second = sorted(take_of(item).person for item in _selected(context))
        self._changed = {first}

        def work(shot: Shot, networks: "Networks", report: Report) -> Shot:
            from ...pipeline.people_edits import merge  # loads onnxruntime: in the worker

            return merge(shot, first, second, networks, report)

        return work


class FHMR_OT_split_person(PeopleOperator, bpy.types.Operator):
    """Make two people of the selected one: from this frame on it is somebody else.
    Limbs are estimated anew, their pins and favourites are gone"""

    bl_idname = "fhmr.split_person"
    bl_label = "Split Person"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Split Person"

    def work(self, context: bpy.types.Context) -> Work:
        item = people_list.listed_rig(context)
        assert item is not None
        person, frame = take_of(item).person, context.scene.frame_current - MOVIE_START
        self._changed = {person}

        def work(shot: Shot, networks: "Networks", report: Report) -> Shot:
            from ...pipeline.people_edits import split

            return split(shot, person, frame, networks, report)

        return work


class FHMR_OT_drop_person(PeopleOperator, bpy.types.Operator):
    """Delete the selected person with its rig"""

    bl_idname = "fhmr.drop_person"
    bl_label = "Delete Person"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Delete Person"

    def work(self, context: bpy.types.Context) -> Work:
        item = people_list.listed_rig(context)
        assert item is not None
        person = take_of(item).person
        self._changed = ()

        def work(shot: Shot, _networks: "Networks", _report: Report) -> Shot:
            from ...pipeline.people_edits import drop

            return drop(shot, person)

        return work


class FHMR_OT_add_person(PeopleOperator, bpy.types.Operator):
    """Pose whom a box shows, and follow them through the footage"""

    bl_idname = "fhmr.add_person"
    bl_label = "Add Person"
    bl_options: ClassVar = {"REGISTER", "UNDO", "INTERNAL"}
    title = "Add Person"

    if TYPE_CHECKING:
        box: tuple[float, float, float, float]
        frame: int
    else:
        box: FloatVectorProperty(size=4, description="x0 y0 x1 y1 in the footage's pixels")
        frame: IntProperty(description="The scene's frame in which it was drawn")

    @classmethod
    def why_not_now(cls, _context: bpy.types.Context) -> str:
        return ""

    def work(self, context: bpy.types.Context) -> Work:
        box, scene_frame = tuple(self.box), self.frame
        chosen = footage_view.path_of(settings_of(context.scene))
        self._changed = ()

        def work(shot: Shot, networks: "Networks", report: Report) -> Shot:
            from ...pipeline.people_edits import add_boxed

            frame = int(shot.frames[0])
            if not takes.is_still(shot):
                frame = scene_frame - MOVIE_START
            footage = shot_people.open_footage(shot, Path(chosen))
            try:
                changed = add_boxed(shot, footage, frame, box, networks, report)
                self._portraits = _portraits(footage, changed, shot)
            finally:
                footage.close()
            return changed

        return work

    def finish(self, context: bpy.types.Context, shot: Shot) -> None:
        super().finish(context, shot)
        home = people_list.shown_home(context)
        for item in [] if home is None else people_list.people_in(home):
            portrait = self._portraits.get(take_of(item).person)
            if portrait is not None:
                people_list.note_portrait(item, portrait)


def _portraits(footage: "footage_view.Footage", shot: Shot, before: Shot) -> dict[int, "object"]:
    from ...pipeline.people_edits import portrait

    known = {person.id for person in before.people}
    return {
        person.id: portrait(footage, person, PORTRAIT)
        for person in shot.people
        if person.id not in known
    }


def _selected(context: bpy.types.Context) -> Sequence[bpy.types.Object]:
    home = people_list.shown_home(context)
    selected = set(context.selected_objects)
    return [] if home is None else [i for i in people_list.people_in(home) if i in selected]


CLASSES = (
    FHMR_OT_merge_people,
    FHMR_OT_split_person,
    FHMR_OT_drop_person,
    FHMR_OT_add_person,
)
