"""Long work while Blender stays usable: one job at a time, its progress, Esc and Cancel."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import bpy

from ..errors import FhmrError
from ..jobs import Cancelled, Job, Report

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

TICK = 0.1  # seconds between looks at the job
_WAIT_AT_EXIT = 2.0  # seconds that a disabled extension waits for its thread


@dataclass
class Running:
    """The job that runs and how far it is."""

    title: str
    fraction: float = 0.0
    message: str = ""
    started: float = field(default_factory=time.monotonic)
    result: Any = None
    error: BaseException | None = None
    job: "Job[Any] | None" = None

    def line(self) -> str:
        """What the progress bar says."""
        seconds = time.monotonic() - self.started
        text = self.message or self.title
        if self.fraction > 0.05 and seconds > 2.0:
            text += f", {seconds * (1 - self.fraction) / self.fraction:.0f} s left"
        return text


_running: Running | None = None


def running() -> Running | None:
    """The job that runs, if one does."""
    return _running


def cancel() -> None:
    """Ask the running job to stop."""
    if _running is not None and _running.job is not None:
        _running.job.cancel()


def begin(title: str, work: Callable[[Report], Any]) -> Running:
    """Start a job; nothing else runs.

    Returns:
        Its state: result or error stand there once `job.drain()` says that it has ended.
    """
    global _running
    state = Running(title)

    def on_done(result: Any) -> None:
        state.result = result

    def on_error(error: BaseException) -> None:
        state.error = error

    def on_progress(fraction: float, message: str) -> None:
        state.fraction, state.message = fraction, message

    state.job = Job(work, on_done, on_error, on_progress)
    _running = state
    return state


def forget(state: Running) -> None:
    """A job that somebody else than an operator drained has ended."""
    global _running
    if _running is state:
        _running = None


def stop() -> None:
    """Cancel and wait a little; for disabling the extension and quitting."""
    global _running
    if _running is not None and _running.job is not None:
        _running.job.cancel()
        _running.job.join(_WAIT_AT_EXIT)
    _running = None


if TYPE_CHECKING:
    _Operator = bpy.types.Operator
else:
    _Operator = object  # Blender registers only what inherits from its own class directly


class JobOperator(_Operator):
    """An operator whose work runs in a thread.

    `prepare` reads the context and returns the work, a function that never touches bpy;
    `finish` puts its result into the scene. Called by a script it waits for the end.
    """

    title = "Working"
    _timer: bpy.types.Timer | None = None

    def prepare(self, context: bpy.types.Context) -> Callable[[Report], Any]:
        raise NotImplementedError

    def finish(self, context: bpy.types.Context, result: Any) -> None:
        raise NotImplementedError

    @classmethod
    def idle(cls) -> bool:
        """Part of a poll: nothing else runs."""
        if _running is not None:
            cls.poll_message_set(f"{_running.title} is running. Press Esc to cancel it")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        if not self._start(context):
            return {"CANCELLED"}
        job = _running.job if _running else None
        while job is not None and not job.drain():
            job.join(TICK)
        return self._end(context)

    def invoke(
        self, context: bpy.types.Context, _event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if not self._start(context):
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(TICK, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(
        self, context: bpy.types.Context, event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        if _running is None or _running.job is None:
            self._leave(context)
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            _running.job.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        redraw(context)
        if not _running.job.drain():
            return {"PASS_THROUGH"}
        self._leave(context)
        return self._end(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator, for loading another file."""
        self._leave(context)
        stop()

    def _leave(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def _start(self, context: bpy.types.Context) -> bool:
        if _running is not None:
            self.report({"ERROR"}, f"{_running.title} is still running. Wait, or cancel it.")
            return False
        try:
            work = self.prepare(context)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return False
        begin(self.title, work)
        return True

    def _end(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        """The job has ended: put its result into the scene, or say what went wrong."""
        global _running
        state, _running = _running, None
        redraw(context)
        if state is None or isinstance(state.error, Cancelled):
            self.report({"INFO"}, "Cancelled; the scene is as it was")
            return {"CANCELLED"}
        try:
            if state.error is not None:
                raise state.error
            self.finish(context, state.result)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class FHMR_OT_cancel(bpy.types.Operator):
    """Stop what runs and leave the scene as it was"""

    bl_idname = "fhmr.cancel"
    bl_label = "Cancel"
    bl_options: ClassVar = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return _running is not None

    def execute(self, _context: bpy.types.Context) -> "set[OperatorReturnItems]":
        cancel()
        return {"FINISHED"}


def redraw(context: bpy.types.Context) -> None:
    """Have the sidebars drawn again; not the views, which cost time that the job could use."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


CLASSES = (FHMR_OT_cancel,)
