"""Small things around footage and models."""

from typing import TYPE_CHECKING, ClassVar

import bpy

from ...errors import FhmrError
from .. import preferences, saved_state, scene_camera
from ..properties import settings_of, take_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class FHMR_OT_match_scene(bpy.types.Operator):
    """Give the scene the footage's resolution, and a movie's frame rate and range"""

    bl_idname = "fhmr.match_scene"
    bl_label = "Match Scene to Footage"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not settings_of(context.scene).probed:
            cls.poll_message_set("Choose a picture or a movie under Footage")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        scene, settings = context.scene, settings_of(context.scene)
        scene.render.resolution_x, scene.render.resolution_y = settings.size
        scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
        if settings.frame_count > 1:
            scene.render.fps = max(1, round(settings.fps))
            scene.render.fps_base = scene.render.fps / settings.fps
            scene.frame_start, scene.frame_end = settings.start, settings.end
        try:
            for item in scene.objects:
                if take_of(item).kind == "CAMERA" and item.type == "CAMERA":
                    scene_camera.place(item, saved_state.load_camera(item), scene)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class FHMR_OT_verify_models(bpy.types.Operator):
    """Read every model file and hold it against its checksum"""

    bl_idname = "fhmr.verify_models"
    bl_label = "Verify Models"
    bl_options: ClassVar = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        from ...pipeline.weights import verify  # loads onnxruntime: not when Blender starts

        try:
            names = verify(preferences.choices(context).models)
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{len(names)} model files are as they should be")
        return {"FINISHED"}


CLASSES = (FHMR_OT_match_scene, FHMR_OT_verify_models)
