"""Body, height and focal length changed afterwards, and footage that has moved."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import bpy
from bpy.props import StringProperty

from ...core.motion import Person, Shot
from ...errors import FhmrError
from ...jobs import Report
from .. import (
    conversion,
    datablocks,
    landmarks_view,
    models,
    people_list,
    reshape,
    saved_state,
    scene_camera,
    shown,
    takes,
)
from ..properties import settings_of, take_of
from .take_job import TakeJobOperator, Work

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...pipeline.weights import Networks

_SAME = 1e-3  # relative; fields hold rounded numbers


class FHMR_OT_resolve(TakeJobOperator, bpy.types.Operator):
    """Estimate again with this body, height and focal length, without looking at the footage.
    Limbs that were resampled are estimated anew"""

    bl_idname = "fhmr.resolve"
    bl_label = "Apply Body and Lens"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Apply Body and Lens"

    def work(
        self, _context: bpy.types.Context, rig: bpy.types.Object, shot: Shot, person: Person
    ) -> Work:
        hand = take_of(rig).hand
        focal = _focal(hand.focal_length, shot)
        body = bpy.path.abspath(hand.body_file) if hand.body == "file" else hand.body
        height = hand.height if hand.use_height else None
        bodies = {} if body == reshape.body_name(shot, person) else {person.id: body}
        typed = shot.settings.get("heights", {}).get(str(person.id))
        heights = {} if _same(height, typed) else {person.id: height}
        if focal is None and not bodies and not heights:
            raise FhmrError("Nothing was changed.", "Choose another body, height or focal length.")
        self._rigs = [rig.name]
        whole = shot
        if focal is not None:
            # The lens is everybody's.
            others = [item for item in takes.rigs_of_shot(rig) if item != rig]
            whole, self._rigs = _together(rig, shot, others)

        def work(networks: "Networks", report: Report) -> Shot:
            from ...pipeline.resolve import Changes, resolve  # loads onnxruntime: in the worker

            changes = Changes(focal=focal, bodies=bodies, heights=heights)
            return resolve(whole, networks, changes, report)

        return work

    def put(self, context: bpy.types.Context, rig: bpy.types.Object, result: Shot) -> None:
        alone = len(self._rigs) == 1 and len(takes.rigs_of_shot(rig)) > 1
        shot = result
        if alone:
            shot = reshape.in_the_same_world(shot, saved_state.load(rig)[0])
        bodies = models.bodies_of(shot)
        camera = landmarks_view.camera_of(rig)
        people = {person.id: person for person in shot.people}
        for name in self._rigs:
            item = bpy.data.objects[name]
            own = people[take_of(item).person]
            before, _ = saved_state.load(item)
            new_mesh = reshape.body_name(before, own) != reshape.body_name(shot, own)
            reshape.reshape(item, bodies[own.id], own.motion_world.betas, new_mesh)
            shown.refresh(item, context.scene, shot, own)
            saved_state.store_person(item, shot, own)
            people_list.note(item, shot, own, bodies[own.id])
            shown.close(item)
        if camera is not None and not alone:
            saved_state.store_camera(camera, shot)
            scene_camera.place(camera, shot, context.scene)


class FHMR_OT_relink_footage(bpy.types.Operator):
    """Say where the footage lies now. Only estimating and the picture behind the body need it"""

    bl_idname = "fhmr.relink_footage"
    bl_label = "Relink Footage"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
    else:
        filepath: StringProperty(subtype="FILE_PATH")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = takes.why_not(takes.selected_rig(context))
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(
        self, context: bpy.types.Context, _event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        rig = takes.the_rig(context)
        try:
            shot, _ = saved_state.load(rig)
            path = Path(bpy.path.abspath(self.filepath))
            check_same(path, shot)
            camera = landmarks_view.camera_of(rig)
            if camera is not None:
                _show_again(camera, shot, path, context.scene)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(context.scene).filepath = str(path)
        return {"FINISHED"}


def check_same(path: Path, shot: Shot) -> None:
    """Refuse a file that is not the footage that a shot was made from.

    Raises:
        FhmrError: It is another one, or cannot be read.
    """
    from ...pipeline.footage import Footage  # loads the decoder: not when Blender starts

    footage = Footage(path)
    try:
        if footage.sha256 != shot.source_sha256:
            raise FhmrError(
                f"{path.name} is not the footage that this was estimated from.",
                f"Choose {Path(shot.source).name}, wherever it lies now.",
            )
    finally:
        footage.close()


def _show_again(camera: bpy.types.Object, shot: Shot, path: Path, scene: bpy.types.Scene) -> None:
    backgrounds: Any = datablocks.camera(camera).background_images
    image = next((shown.image for shown in backgrounds if shown.image is not None), None)
    if image is None:
        scene_camera.show_footage(camera, shot, path, scene)
        return
    image.filepath = str(path)
    image.reload()


def _focal(millimetres: float, shot: Shot) -> float | None:
    """The focal length in pixels if the field says another one than the shot has."""
    focal = millimetres / conversion.film_millimetres(shot.size)
    return None if _same(focal, float(shot.intrinsics[0, 0])) else focal


def _same(value: float | None, other: float | None) -> bool:
    if value is None or other is None:
        return value is other
    return abs(value - other) <= _SAME * abs(other)


def _together(
    rig: bpy.types.Object, shot: Shot, others: list[bpy.types.Object]
) -> tuple[Shot, list[str]]:
    """The shot with everybody in it, one rig each, and the rigs' names; duplicates stay away."""
    people, names = {shot.people[0].id: shot.people[0]}, {shot.people[0].id: rig.name}
    settings = dict(shot.settings)
    for item in others:
        theirs, person = saved_state.load(item)
        if person.id not in people and theirs.source_sha256 == shot.source_sha256:
            people[person.id], names[person.id] = person, item.name
    ids = sorted(people)
    whole = replace(shot, people=tuple(people[id_] for id_ in ids), settings=settings)
    return whole, [names[id_] for id_ in ids]


CLASSES = (FHMR_OT_resolve, FHMR_OT_relink_footage)
