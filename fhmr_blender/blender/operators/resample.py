"""Resample Limbs."""

import random
from typing import TYPE_CHECKING, ClassVar

import bpy

from ...core.motion import Person, Shot
from ...errors import FhmrError
from ...jobs import Report
from ...pipeline.resample_settings import ResampleSettings
from ...pipeline.variations import Drawn, commit
from .. import draws, job_timer, shown, takes
from ..properties import take_of
from .take_job import TakeJobOperator, Work

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...pipeline.weights import Networks


class FHMR_OT_resample(TakeJobOperator, bpy.types.Operator):
    """Draw the chosen limbs again. The torso, the other limbs and the other frames stay"""

    bl_idname = "fhmr.resample"
    bl_label = "Resample"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Resample"

    @classmethod
    def why_not_now(cls, rig: bpy.types.Object) -> str:
        return "" if any(take_of(rig).limbs) else draws.NO_LIMB

    def work(
        self, context: bpy.types.Context, rig: bpy.types.Object, shot: Shot, person: Person
    ) -> Work:
        return _draw(draws.read(rig, context.scene, shot, person), shot)

    def put(
        self, context: bpy.types.Context, rig: bpy.types.Object, result: tuple[Shot, Drawn]
    ) -> None:
        shown.put_drawn(rig, context.scene, *result)


class FHMR_OT_pin_apply(TakeJobOperator, bpy.types.Operator):
    """Draw the limbs that have pins again, so that they reach them"""

    bl_idname = "fhmr.pin_apply"
    bl_label = "Apply Pins"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Apply Pins"

    @classmethod
    def why_not_now(cls, rig: bpy.types.Object) -> str:
        return "" if draws.pinned_limbs(rig) else "Add a pin and drag it to its place"

    def work(
        self, context: bpy.types.Context, rig: bpy.types.Object, shot: Shot, person: Person
    ) -> Work:
        limbs = draws.pinned_limbs(rig)
        wish = draws.read(rig, context.scene, shot, person, limbs)
        if not wish.pins:
            raise FhmrError(
                "No pin lies in the frames of the scope.",
                "Go to the pin's frame, choose another scope, or tick All Frames at the pin.",
            )
        return _draw(wish, shot)

    def put(
        self, context: bpy.types.Context, rig: bpy.types.Object, result: tuple[Shot, Drawn]
    ) -> None:
        shown.put_drawn(rig, context.scene, *result)
        unmet = result[1].unmet[0]
        if unmet:
            self.report({"WARNING"}, unmet[0].sentence)


class FHMR_OT_roll_seed(bpy.types.Operator):
    """Take another seed, for other limbs"""

    bl_idname = "fhmr.roll_seed"
    bl_label = "Another Seed"
    bl_options: ClassVar = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = takes.why_not(takes.selected_rig(context))
        running = job_timer.running()
        if running is not None:
            reason = f"{running.title} is running. Wait, or cancel it"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        take_of(takes.the_rig(context)).seed = random.randrange(100_000)
        return {"FINISHED"}


def _draw(wish: ResampleSettings, shot: Shot) -> Work:
    def work(networks: "Networks", report: Report) -> tuple[Shot, Drawn]:
        from ...pipeline.limb_session import open_session  # loads onnxruntime: in the worker

        drawn = open_session(shot, networks, wish).draw(wish, report)
        return commit(shot, drawn), drawn

    return work


CLASSES = (FHMR_OT_resample, FHMR_OT_pin_apply, FHMR_OT_roll_seed)
