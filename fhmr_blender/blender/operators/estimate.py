"""Estimate Pose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import bpy
import numpy as np

from ...core.motion import Shot
from ...core.shot_notes import notes_of
from ...errors import FhmrError
from ...jobs import Report
from ...pipeline.camera_file import KnownCamera
from ...pipeline.pixels import Picture
from ...pipeline.sequences import is_pattern
from .. import (
    baking,
    body_mesh,
    footage_view,
    job_timer,
    models,
    people_list,
    preferences,
    scene_camera,
    shot_people,
    shot_scene,
    takes,
)
from ..conversion import film_millimetres
from ..people_properties import PORTRAIT
from ..properties import FHMR_PG_footage, settings_of, take_of
from ..scene_camera import MOVIE_START
from ..user_folder import user_folder


class FHMR_OT_estimate(job_timer.JobOperator, bpy.types.Operator):
    """Find the people in the footage and make a posed rig of each, with the camera that saw them"""

    bl_idname = "fhmr.estimate"
    bl_label = "Estimate Pose"
    bl_options: ClassVar = {"REGISTER", "UNDO"}
    title = "Estimate Pose"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not cls.idle():
            return False
        settings = settings_of(context.scene)
        reason = ""
        if not settings.filepath:
            reason = "Choose a picture or a movie under Footage"
        elif settings.problem:
            reason = settings.problem
        elif not settings.probed:
            reason = "Choose the footage again"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def prepare(self, context: bpy.types.Context) -> "Callable[[Report], _Found]":
        choices = preferences.choices(context)
        wish = _wish(context.scene, choices)
        self._source = wish.source.path

        def work(report: Report) -> _Found:
            found = _estimate(wish, choices, report)
            for body in models.bodies_of(found.shot).values():
                body_mesh.key_points(body)  # here, in the worker: the interface then waits less
            return found

        return work

    def finish(self, context: bpy.types.Context, found: "_Found") -> None:
        shot = found.shot
        if context.object is not None and context.object.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        shot_people.remove_previews(context.scene)  # with them the camera that one looked through
        first = context.scene.camera is None or not any(
            take_of(item).kind == "CAMERA" for item in context.scene.objects
        )
        pattern = Path(shot.source)  # of a sequence
        source = pattern if is_pattern(pattern) else self._source
        made = shot_scene.build(context.scene, shot, source, models.bodies_of(shot))
        for rig, person in zip(made.rigs, shot.people, strict=True):
            people_list.note_portrait(rig, found.portraits[person.id])
        _select(context, made.rigs)
        if made.rigs:
            people_list.select_row(settings_of(context.scene), made.collection, made.rigs[0].name)
        if takes.is_still(shot) and context.scene.tool_settings.use_keyframe_insert_auto:
            frame = np.array([context.scene.frame_current])
            for rig, person in zip(made.rigs, shot.people, strict=True):
                baking.bake(rig, person.motion_world, np.zeros(1), frame)
        if first:
            context.scene.camera = made.camera
            _look_through_camera(context)
        count = len(shot.people)
        self.report(
            {"INFO"},
            f"{count} {'person' if count == 1 else 'people'}, "
            f"{len(shot.frames)} frame{'s' if len(shot.frames) > 1 else ''}",
        )
        for note in notes_of(shot, MOVIE_START):
            self.report({"WARNING"}, note)


@dataclass(frozen=True, eq=False)
class _Found:
    """What the worker brings back."""

    shot: Shot
    portraits: Mapping[int, Picture]  # by the person's id


@dataclass(frozen=True, eq=False)
class _Wish:
    """What the panels say, as plain values for the worker."""

    source: footage_view.Source
    start: int  # 0-based
    stop: int
    step: int
    people: int | None
    look_twice: bool
    focal: float | None  # pixels
    body: str
    height: float | None  # metres
    hypotheses: int
    guidance: float
    steps: int
    seed: int
    alignment: bool
    camera: str
    scene_camera: KnownCamera | None
    boxes: tuple[tuple[float, float, float, float], ...] | None
    cache: Path
    cache_limit: int  # bytes


def _wish(scene: bpy.types.Scene, choices: preferences.Choices) -> _Wish:
    """Read the panels.

    Raises:
        FhmrError: They contradict each other.
    """
    settings = settings_of(scene)
    if settings.end < settings.start:
        raise FhmrError(
            f"The footage ends at frame {settings.end}, before it starts at {settings.start}.",
            "Set End after Start.",
        )
    if settings.end > settings.frame_count:
        raise FhmrError(
            f"The footage has {settings.frame_count} frames; End is {settings.end}.",
            f"Set End to {settings.frame_count} or less.",
        )
    return _Wish(
        source=footage_view.source_of(settings),
        start=settings.start - MOVIE_START,
        stop=settings.end - MOVIE_START + 1,
        step=settings.step,
        people=settings.people_limit if settings.use_people_limit else None,
        look_twice=settings.look_twice,
        focal=_focal_pixels(settings) if settings.use_focal_length else None,
        body=_body_name(settings, choices),
        height=settings.height if settings.use_height else None,
        hypotheses=settings.hypotheses,
        guidance=settings.guidance,
        steps=settings.steps,
        seed=settings.seed,
        alignment=settings.use_alignment,
        camera=settings.camera,
        scene_camera=_scene_camera(settings, scene) if settings.camera == "scene" else None,
        boxes=tuple(tuple(box.corners) for box in settings.boxes) or None,
        cache=user_folder("cache"),
        cache_limit=choices.cache_limit,
    )


def _scene_camera(settings: FHMR_PG_footage, scene: bpy.types.Scene) -> KnownCamera:
    if scene.camera is None:
        raise FhmrError("The scene has no camera.", "Add one, or choose Static or Moving.")
    numbers = np.arange(settings.start - MOVIE_START, settings.end, settings.step)
    return scene_camera.as_it_films(scene.camera, numbers, tuple(settings.size), scene)


def _focal_pixels(settings: FHMR_PG_footage) -> float:
    return settings.focal_length / film_millimetres(settings.size)


def _body_name(settings: FHMR_PG_footage, choices: preferences.Choices) -> str:
    if settings.body != "file":
        return settings.body
    if settings.body_file:
        return bpy.path.abspath(settings.body_file)
    if choices.smpl_file is None:
        raise FhmrError(
            "No SMPL file is chosen.", "Choose one under People or in the preferences of FHMR."
        )
    return str(choices.smpl_file)


def _estimate(wish: _Wish, choices: preferences.Choices, report: Report) -> _Found:
    # Decoder and networks are loaded here, in the worker: the interface never waits for them.
    from ...pipeline.estimate import EstimateSettings, estimate
    from ...pipeline.people_edits import portrait

    footage = wish.source.open()
    settings = EstimateSettings(
        start=wish.start,
        stop=wish.stop,
        step=wish.step,
        people=wish.people,
        look_twice=wish.look_twice,
        focal=wish.focal,
        body=wish.body,
        height=wish.height,
        hypotheses=wish.hypotheses,
        guidance=wish.guidance,
        steps=wish.steps,
        seed=wish.seed,
        alignment=wish.alignment,
        camera=wish.camera,
        scene_camera=wish.scene_camera,
        boxes=wish.boxes,
        cache=wish.cache,
        cache_limit=wish.cache_limit,
    )
    try:
        shot = estimate(footage, models.networks(choices), settings, report)
        portraits = {person.id: portrait(footage, person, PORTRAIT) for person in shot.people}
        return _Found(shot, portraits)
    finally:
        footage.close()


def _select(context: bpy.types.Context, rigs: tuple[bpy.types.Object, ...]) -> None:
    for item in context.selected_objects:
        item.select_set(False)
    for rig in rigs:
        rig.select_set(True)
    if rigs:
        context.view_layer.objects.active = rigs[0]


def _look_through_camera(context: bpy.types.Context) -> None:
    """The first time, the view switches to the footage with the body before it."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"
                return


CLASSES = (FHMR_OT_estimate,)
