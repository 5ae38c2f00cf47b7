"""Export: files for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import EnumProperty, StringProperty

from ...errors import FhmrError
from .. import exchange, takes
from .bake import chosen_rigs

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_KINDS = (
    ("FBX", "FBX", "Rig, body and animation, for Unreal, Unity, Maya and others"),
    ("GLTF", "glTF", "Rig, body and animation in one .glb file"),
    ("BVH", "BVH", "The skeleton's motion alone, a file for each person"),
    ("AMASS", "AMASS", "SMPL parameters as an .npz like those of AMASS, a file for each person"),
    ("CSV", "CSV", "Joints and rotations as a table, a file for each person"),
)
_UNITS = (
    ("1", "Metres", "As Blender reads it without a scale"),
    ("100", "Centimetres", "As Maya, MotionBuilder and Unreal expect it"),
)


class FHMR_OT_export(bpy.types.Operator):
    """Write what the chosen people play, your own keys with it, for another program"""

    bl_idname = "fhmr.export"
    bl_label = "Export Motion"
    bl_options: ClassVar = {"REGISTER"}

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
        kind: str
        unit: str
    else:
        filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
        filter_glob: StringProperty(
            default=";".join(f"*{ending}" for ending in exchange.ENDINGS.values()),
            options={"HIDDEN"},
        )
        kind: EnumProperty(name="Format", description="What kind of file", items=_KINDS)
        unit: EnumProperty(
            name="Unit", description="The unit of length in the BVH file", items=_UNITS
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rig = takes.selected_rig(context)
        if rig is None:
            cls.poll_message_set(takes.NO_RIG)
            return False
        return True

    def invoke(
        self, context: bpy.types.Context, _event: bpy.types.Event
    ) -> "set[OperatorReturnItems]":
        if not self.filepath:
            self.filepath = takes.the_rig(context).name + exchange.ENDINGS[self.kind]
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: bpy.types.Context) -> bool:
        """The name ends as the format does."""
        path = Path(self.filepath)
        if not path.name or path.suffix == exchange.ENDINGS[self.kind]:
            return False
        known = path.suffix in exchange.ENDINGS.values()
        bare = path.with_suffix("") if known else path
        self.filepath = str(bare) + exchange.ENDINGS[self.kind]
        return True

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        assert layout is not None
        layout.prop(self, "kind")
        if self.kind == "BVH":
            layout.prop(self, "unit")

    def execute(self, context: bpy.types.Context) -> "set[OperatorReturnItems]":
        self.check(context)
        path = Path(bpy.path.abspath(self.filepath))
        try:
            if not path.name:
                raise FhmrError("The file has no name.", "Type one.")
            files = exchange.export(chosen_rigs(context), path, self.kind, float(self.unit))
        except FhmrError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Written: {', '.join(file.name for file in files)}")
        return {"FINISHED"}


CLASSES = (FHMR_OT_export,)
