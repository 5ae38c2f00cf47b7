"""Resample Limbs."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import bpy

from ...core.motion import Shot
from ...core.skeleton import LIMB_NAMES
from ...errors import FhmrError
from ...jobs import Report
from .. import job_timer, models, preferences, saved_state, takes
from ..properties import take_of
from .take import show_change

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class FHMR_OT_resample(job_timer.JobOperator, bpy.types.Operator):
    """Draw the chosen limbs again. The torso, the other limbs and the other frames stay"""

    bl_idname = "fhmr.resample"
    bl_label = "Resample"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Resample"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not cls.idle():
            return False
        rig = takes.selected_rig(context)
        reason = takes.why_not(rig)
        if not reason and rig is not None and not any(take_of(rig).limbs):
            reason = "Choose a limb to draw again"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def prepare(self, context: bpy.types.Context) -> Callable[[Report], Shot]:
        rig = takes.the_rig(context)
        choices = preferences.choices(context)
        shot, person = saved_state.load(rig)
        take = take_of(rig)
        span = takes.span_of(take.scope, context.scene.frame_current, take.start, take.end)
        indices = takes.indices_within(shot, person, span)
        frames = person.observations.frames[indices]
        wish = _Wish(
            limbs=tuple(name for name, on in zip(LIMB_NAMES, take.limbs, strict=True) if on),
            start=int(frames[0]),
            stop=int(frames[-1]) + 1,
            guidance=take.guidance,
            variations=take.variations,
            steps=take.steps,
            seed=take.seed,
        )
        self._rig, self._indices = rig.name, indices
        return lambda report: _resample(shot, wish, choices, report)

    def finish(self, context: bpy.types.Context, shot: Shot) -> None:
        rig = bpy.data.objects.get(self._rig)
        if rig is None or not takes.is_rig(rig):
            raise FhmrError(
                f"{self._rig} is no longer there.", "Undo its deletion and resample again."
            )
        person = shot.people[0]
        show_change(context, rig, shot, person, self._indices)
        saved_state.change_person(rig, shot, person)


@dataclass(frozen=True)
class _Wish:
    """What the panel says, as plain values for the worker."""

    limbs: tuple[str, ...]
    start: int  # of the source, 0-based
    stop: int
    guidance: float
    variations: int
    steps: int
    seed: int


def _resample(shot: Shot, wish: _Wish, choices: preferences.Choices, report: Report) -> Shot:
    # The networks' library is loaded here, in the worker: the interface never waits for it.
    from ...pipeline.resample import ResampleSettings, resample

    settings = ResampleSettings(
        limbs=wish.limbs,
        start=wish.start,
        stop=wish.stop,
        guidance=wish.guidance,
        variations=wish.variations,
        steps=wish.steps,
        seed=wish.seed,
    )
    return resample(shot, models.networks(choices), settings, report)


class FHMR_OT_roll_seed(bpy.types.Operator):
    """Take another seed, for other limbs"""

    bl_idname = "fhmr.roll_seed"
    bl_label = "Another Seed"
    bl_options: ClassVar = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.selected_rig(context) is not None

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        take_of(takes.the_rig(context)).seed = random.randrange(100_000)
        return {"FINISHED"}


CLASSES = (FHMR_OT_resample, FHMR_OT_roll_seed)
