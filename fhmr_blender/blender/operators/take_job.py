"""Long work on one rig's take: what such operators share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bpy

from ...core.motion import Person, Shot
from ...errors import FhmrError
from ...jobs import Report
from .. import job_timer, models, preferences, reshape, saved_state, shown, takes

if TYPE_CHECKING:
    from ...pipeline.weights import Networks

Work = Callable[["Networks", Report], Any]


class TakeJobOperator(job_timer.JobOperator):
    """Work that makes something of a rig's shot, put back on the rig at the end."""

    _rig = ""
    _revision = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not cls.idle():
            return False
        rig = takes.selected_rig(context)
        reason = takes.why_not(rig)
        if not reason and rig is not None:
            reason = cls.why_not_now(rig)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    @classmethod
    def why_not_now(cls, _rig: bpy.types.Object) -> str:
        """A further reason why the button is disabled."""
        return ""

    def work(
        self, context: bpy.types.Context, rig: bpy.types.Object, shot: Shot, person: Person
    ) -> Work:
        """Read the panel; what is returned runs in the worker and never touches bpy."""
        raise NotImplementedError

    def prepare(self, context: bpy.types.Context) -> Callable[[Report], Any]:
        rig = takes.the_rig(context)
        choices = preferences.choices(context)
        shot, person = saved_state.load(rig)
        work = self.work(context, rig, shot, person)
        self._rig, self._revision = rig.name, saved_state.revision(rig)
        return lambda report: work(models.networks(choices), report)

    def finish(self, context: bpy.types.Context, result: Any) -> None:
        rig = bpy.data.objects.get(self._rig)
        if rig is None or not takes.is_rig(rig):
            raise FhmrError(f"{self._rig} is no longer there.", "Undo its deletion and try again.")
        if saved_state.revision(rig) != self._revision:
            raise FhmrError(
                f"{self._rig} was changed in the meantime.", "Press the button once more."
            )
        self.put(context, rig, result)

    def put(self, context: bpy.types.Context, rig: bpy.types.Object, result: Any) -> None:
        """Put the result on the rig; here a shot of its person alone."""
        reshape.fit(rig, result, result.people[0])
        shown.put(rig, context.scene, result, result.people[0])
        shown.close(rig)
