"""Guidance, seed and pins at work while they are dragged.

One frame is drawn in the very event, so that Blender's own undo step of the slider holds the pose;
the keys of a whole clip follow when the slider rests, and until then the take says `unwritten`.
A longer scope shows its present frame at once, and is drawn in a worker when the slider rests;
its result makes an undo step of its own, and what lies before it says `pending`: there the panel
goes back to what was drawn. The latest value wins.
"""

import time
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ..core.motion import Motion, Shot
from ..errors import FhmrError
from ..jobs import Cancelled, Report
from ..pipeline.resample_settings import ResampleSettings, frames_of
from ..pipeline.variations import Drawn, commit
from . import clean_up, draws, job_timer, models, preferences, saved_state, shot_scene, shown, takes
from .properties import take_of
from .take_properties import quietly

if TYPE_CHECKING:
    from ..pipeline.limb_session import LimbSession

TICK = 0.05  # seconds between looks at the worker
SETTLE = 0.25  # seconds without a change after which a long scope is drawn
QUICK = 0.2  # seconds that an event may take; slower draws go to the worker
TITLE = "Resample"


@dataclass(eq=False)
class _Seat:
    """A take at rest under a moving slider: what is drawn again starts from the same state."""

    rig: str
    revision: int  # of the take as this seat left it
    scope: tuple[Any, ...]  # limbs and frames
    shot: Shot
    session: "LimbSession"
    seconds: float | None = None  # that the last event took
    shown: Motion | None = None  # of a clip before the first draw, cleaned up

    def note(self, seconds: float) -> None:
        """The first event of a seat also warms caches: it says little."""
        self.seconds = 0.0 if self.seconds is None else seconds


@dataclass(eq=False)
class _Wanted:
    """What is to be drawn, or whose keys are to be written, when the slider rests."""

    rig: str
    scene: str
    since: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class _Work:
    """What the worker draws. Names, not references: undo invalidates those."""

    rig: str
    scene: str
    revision: int
    state: job_timer.Running
    first: "SimpleQueue[Shot]"


_seats: dict[str, _Seat] = {}  # at most two: of the scope and of the frame that is shown
_wanted: _Wanted | None = None
_unwritten: _Wanted | None = None
_work: _Work | None = None
_problems: dict[str, str] = {}


def on_change(rig: bpy.types.Object) -> None:
    """Called where the artist sets guidance, seed or a pin; scripts press Resample."""
    if attended():
        request(rig, bpy.context.scene)


def attended() -> bool:
    """Whether somebody looks on."""
    return not bpy.app.background


def problem(rig: bpy.types.Object) -> str:
    """Why nothing is drawn while the slider moves; empty if there is no reason."""
    return _problems.get(rig.name, "")


def request(rig: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Have the limbs of a rig drawn again as the panel says now."""
    take = take_of(rig)
    _problems.pop(rig.name, None)
    if not (takes.is_rig(rig) and take.hand.live and any(take.limbs)) or takes.why_not(rig):
        return
    running = job_timer.running()
    if running is not None and (_work is None or _work.state is not running):
        return  # the panel shows what runs
    _cancel_work()  # it draws an older value
    with quietly():
        take.hand.pending = True
    try:
        if not models.ready(preferences.choices(bpy.context)):
            _want(rig, scene)
        elif not _draw_at_once(rig, scene):
            _preview(rig, scene)
            _want(rig, scene)
    except FhmrError as error:
        _problems[rig.name] = str(error)
        give_up(rig, scene)


def on_shown(rig: bpy.types.Object) -> None:
    """Called where the artist chose another variation."""
    take = take_of(rig)
    try:
        shown.show_one(rig, bpy.context.scene, take.hand.shown)
    except FhmrError as error:
        _problems[rig.name] = str(error)


def give_up(rig: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """What the panel says was not drawn: it says again what was, and so does the pose."""
    take = take_of(rig)
    if not take.hand.pending:
        return
    with quietly():
        take.hand.pending = False
        take.guidance, take.seed = take.hand.drawn_guidance, take.hand.drawn_seed
    try:
        shot, person = saved_state.load(rig)
        shot_scene.show(rig, shot, person, scene)
    except FhmrError as error:
        _problems[rig.name] = str(error)


def tick() -> float | None:
    """Called by Blender's timer; returns when it wants to be called again."""
    global _wanted, _unwritten
    if _unwritten is not None and time.monotonic() - _unwritten.since >= SETTLE:
        rig = bpy.data.objects.get(_unwritten.rig)
        scene, _unwritten = bpy.data.scenes.get(_unwritten.scene), None
        if rig is not None and scene is not None:
            write_keys(rig, scene)
    if _work is not None:
        _look_at_work()
    elif _wanted is not None and time.monotonic() - _wanted.since >= SETTLE:
        wanted, _wanted = _wanted, None
        _start(wanted)
    return TICK if _work is not None or _wanted is not None or _unwritten is not None else None


def write_keys(rig: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Write the keys of what was drawn while a slider moved, if that is still to be done."""
    if not takes.is_rig(rig) or not take_of(rig).hand.unwritten or takes.why_not(rig):
        return
    try:
        shot, person = saved_state.load(rig)
        shown.refresh(rig, scene, shot, person)
    except FhmrError as error:
        _problems[rig.name] = str(error)


def stop() -> None:
    """Forget everything; what runs is cancelled."""
    global _work, _unwritten
    _cancel_work()
    if _work is not None:
        job_timer.forget(_work.state)
    _work = _unwritten = None
    _seats.clear()
    _problems.clear()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


@bpy.app.handlers.persistent
def on_leave_file(*_: object) -> None:
    """Called by Blender before another file is loaded."""
    stop()


@bpy.app.handlers.persistent
def on_save(*_: object) -> None:
    """Called by Blender before a file is saved: what it holds is complete."""
    for scene in bpy.data.scenes:
        for item in scene.objects:
            write_keys(item, scene)


@bpy.app.handlers.persistent
def on_undo(scene: bpy.types.Scene, *_: object) -> None:
    """Called by Blender after undo and redo: what was never drawn is taken back in the panel."""
    for item in scene.objects:
        if takes.is_rig(item) and take_of(item).hand.pending and not takes.why_not(item):
            give_up(item, scene)
        write_keys(item, scene)


def _draw_at_once(rig: bpy.types.Object, scene: bpy.types.Scene) -> bool:
    """Draw in the event if the scope is one frame and that is quick."""
    seat = _seats.get("scope")
    shot = seat.shot if seat is not None and _is_at(seat, rig) else saved_state.load(rig)[0]
    person = shot.people[0]
    wish = draws.read(rig, scene, shot, person)
    if np.count_nonzero(frames_of(person, wish.start, wish.stop)) > 1:
        return False
    seat = _sit(rig, "scope", (wish.limbs, wish.start, wish.stop), shot, wish)
    if (seat.seconds or 0.0) > QUICK:
        return False
    start = time.perf_counter()
    drawn = seat.session.draw(wish)
    changed = commit(seat.shot, drawn)
    if takes.is_still(shot):
        shown.put_drawn(rig, scene, changed, drawn)
    else:
        shown.put_drawn(rig, scene, changed, drawn, _glance(rig, seat, changed, drawn))
        _write_later(rig, scene)
    seat.note(time.perf_counter() - start)
    seat.revision = take_of(rig).revision
    return True


def _glance(rig: bpy.types.Object, seat: _Seat, changed: Shot, drawn: Drawn) -> Motion:
    """A clip as it was before the first draw, with the limbs of the scope as they are drawn."""
    if seat.shown is None:
        seat.shown = clean_up.shown_motion(rig, seat.shot, seat.shot.people[0])
    person = changed.people[0]
    rows = np.searchsorted(person.observations.frames, drawn.frames)
    place = np.ix_(rows, np.array(drawn.settings.joints))
    rotations = seat.shown.rotations.copy()
    rotations[place] = person.motion_world.rotations[place]
    return replace(seat.shown, rotations=rotations)


def _write_later(rig: bpy.types.Object, scene: bpy.types.Scene) -> None:
    global _unwritten
    _unwritten = _Wanted(rig.name, scene.name)
    _wake()


def _preview(rig: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Pose the frame that is shown as it would be drawn alone; nothing is stored."""
    shot, person = saved_state.load(rig)
    wish = draws.read(rig, scene, shot, person)
    index = takes.nearest_index(shot, person, scene.frame_current)
    frame = int(person.observations.frames[index])
    if frame not in person.observations.frames[frames_of(person, wish.start, wish.stop)]:
        return
    pins = tuple(pin for pin in wish.pins if pin.frame in (None, frame))
    alone = replace(wish, start=frame, stop=frame + 1, pins=pins)
    seat = _sit(rig, "preview", (wish.limbs, frame), shot, alone)
    if (seat.seconds or 0.0) > QUICK:
        return
    start = time.perf_counter()
    changed = commit(seat.shot, seat.session.draw(alone))
    shot_scene.show(rig, changed, changed.people[0], scene)
    seat.note(time.perf_counter() - start)


def _sit(
    rig: bpy.types.Object,
    kind: str,
    scope: tuple[Any, ...],
    shot: Shot,
    settings: ResampleSettings,
) -> _Seat:
    """The seat for a scope, with its session open.

    While nobody else changed the take, what is drawn starts from the state before the first draw:
    the session stays open, and only the listed limbs differ anyway.
    """
    from ..pipeline.limb_session import open_session

    seat, revision = _seats.get(kind), take_of(rig).revision
    if (
        seat is not None
        and (seat.rig, seat.scope) == (rig.name, scope)
        and (seat.revision == revision or seat.session.fits(shot, settings))
    ):
        return seat
    networks = models.networks(preferences.choices(bpy.context))
    seat = _Seat(rig.name, revision, scope, shot, open_session(shot, networks, settings))
    _seats[kind] = seat
    return seat


def _is_at(seat: _Seat, rig: bpy.types.Object) -> bool:
    """Whether nobody else has changed the take since the seat drew."""
    return (seat.rig, seat.revision) == (rig.name, take_of(rig).revision)


def _want(rig: bpy.types.Object, scene: bpy.types.Scene) -> None:
    global _wanted
    _wanted = _Wanted(rig.name, scene.name)
    _wake()


def _wake() -> None:
    """Have Blender's timer call."""
    if attended() and not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=TICK, persistent=True)


def _cancel_work() -> None:
    global _wanted
    _wanted = None
    if _work is not None and _work.state.job is not None:
        _work.state.job.cancel()


def _start(wanted: _Wanted) -> None:
    """Hand the scope to the worker."""
    global _work
    rig, scene = bpy.data.objects.get(wanted.rig), bpy.data.scenes.get(wanted.scene)
    if rig is None or scene is None or not takes.is_rig(rig) or job_timer.running() is not None:
        return
    choices = preferences.choices(bpy.context)
    try:
        shot, person = saved_state.load(rig)
        wish = draws.read(rig, scene, shot, person)
    except FhmrError as error:
        _problems[rig.name] = str(error)
        give_up(rig, scene)
        return
    first: SimpleQueue[Shot] = SimpleQueue()

    def work(report: Report) -> tuple[Shot, Drawn]:
        report(0.0, "Limbs")
        networks = models.networks(choices)
        from ..pipeline.limb_session import open_session

        session = open_session(shot, networks, wish)
        drawn = session.draw(wish, report, lambda some: first.put(commit(shot, some)))
        return commit(shot, drawn), drawn

    state = job_timer.begin(TITLE, work)
    _work = _Work(rig.name, scene.name, take_of(rig).revision, state, first)


def _look_at_work() -> None:
    """Show what the worker has, and put its result on the rig."""
    global _work
    assert _work is not None
    work, job = _work, _work.state.job
    assert job is not None
    job_timer.redraw(bpy.context)
    rig, scene = bpy.data.objects.get(work.rig), bpy.data.scenes.get(work.scene)
    there = rig is not None and takes.is_rig(rig) and take_of(rig).revision == work.revision
    if not job.drain():
        if rig is not None and scene is not None and there and _wanted is None:
            _show_first(rig, scene, work)
        return
    _work = None
    job_timer.forget(work.state)
    if rig is None or scene is None or not there or _wanted is not None:
        return  # undone, deleted, or the slider has moved on
    _end(rig, scene, work.state)


def _show_first(rig: bpy.types.Object, scene: bpy.types.Scene, work: _Work) -> None:
    try:
        shot = work.first.get_nowait()
        shot_scene.show(rig, shot, shot.people[0], scene)
    except Empty:
        return
    except FhmrError as error:
        _problems[rig.name] = str(error)


def _end(rig: bpy.types.Object, scene: bpy.types.Scene, state: job_timer.Running) -> None:
    if isinstance(state.error, Cancelled):
        give_up(rig, scene)
        return
    try:
        if state.error is not None:
            raise state.error
        shown.put_drawn(rig, scene, *state.result)
    except FhmrError as error:
        _problems[rig.name] = str(error)
        give_up(rig, scene)
        return
    if not something_moves():
        bpy.ops.ed.undo_push(message="Resample Limbs")


def something_moves() -> bool:
    """Whether something is being moved: its own undo step will hold what we did."""
    return any(
        operator.bl_idname.startswith("TRANSFORM_OT_")
        for window in bpy.context.window_manager.windows
        for operator in window.modal_operators
    )
