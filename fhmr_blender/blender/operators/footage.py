"""Small things around footage and models."""

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import StringProperty

from ...errors import FhmrError
from .. import footage_view, preferences, saved_state, scene_camera
from ..conversion import film_millimetres
from ..properties import settings_of, take_of
from ..user_folder import user_folder

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


class FHMR_OT_clear_cache(bpy.types.Operator):
    """Delete what was kept of footage. Estimating it again then takes as long as at first"""

    bl_idname = "fhmr.clear_cache"
    bl_label = "Clear Cache"
    bl_options: ClassVar = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> "set[OperatorReturnItems]":
        from ...pipeline.perception.cache import clear, size_of

        folder = user_folder("cache")
        megabytes = size_of(folder) / 1e6
        clear(folder)
        self.report({"INFO"}, f"{megabytes:.0f} MB freed")
        return {"FINISHED"}


class FHMR_OT_use_clip(bpy.types.Operator):
    """Take the footage of the active movie clip, with the lens that was solved for it"""

    bl_idname = "fhmr.use_clip"
    bl_label = "Use Active Movie Clip"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if _active_clip(context) is None:
            cls.poll_message_set("Open a movie clip in the Movie Clip Editor")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        clip, settings = _active_clip(context), settings_of(context.scene)
        assert clip is not None
        settings.filepath = clip.filepath
        if clip.source == "SEQUENCE":
            settings.sequence = True
        if settings.problem:
            self.report({"ERROR"}, settings.problem)
            return {"CANCELLED"}
        tracking = clip.tracking
        if tracking.reconstruction.is_valid and settings.probed:
            pixels = tracking.camera.focal_length_pixels
            settings.use_focal_length = True
            settings.focal_length = film_millimetres(settings.size) * pixels
        return {"FINISHED"}


class FHMR_OT_take_footage(bpy.types.Operator):
    """Take a file as the footage"""

    bl_idname = "fhmr.take_footage"
    bl_label = "Use as FHMR Footage"
    bl_options: ClassVar = {"REGISTER", "UNDO", "INTERNAL"}

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        settings = settings_of(context.scene)
        settings.filepath = self.filepath
        if settings.problem:
            self.report({"ERROR"}, settings.problem)
            return {"CANCELLED"}
        self.report({"INFO"}, f"Footage: {bpy.path.basename(self.filepath)}")
        return {"FINISHED"}


class FHMR_FH_footage(bpy.types.FileHandler):
    """Movies and pictures that are dropped into a 3D view"""

    bl_idname = "FHMR_FH_footage"
    bl_label = "FHMR Footage"
    bl_import_operator = "fhmr.take_footage"
    bl_file_extensions = ";".join(sorted(footage_view.MOVIES | footage_view.PICTURES))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def _active_clip(context: bpy.types.Context) -> bpy.types.MovieClip | None:
    """The clip of an open Movie Clip Editor, else the scene's."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "CLIP_EDITOR" and area.spaces.active.clip is not None:
                return area.spaces.active.clip
    return context.scene.active_clip


CLASSES = (
    FHMR_OT_match_scene,
    FHMR_OT_verify_models,
    FHMR_OT_clear_cache,
    FHMR_OT_use_clip,
    FHMR_OT_take_footage,
    FHMR_FH_footage,
)
