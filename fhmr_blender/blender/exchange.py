"""Files for other programs, written from what the rigs play in the scene."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np

from ..core import interchange
from ..errors import FhmrError
from ..pipeline.atomic_file import atomic, unwritable
from . import datablocks, rig, saved_state, takes
from .played_motion import played_person

ENDINGS = {"BVH": ".bvh", "FBX": ".fbx", "GLTF": ".glb", "AMASS": ".npz", "CSV": ".csv"}
_FILES_OF_SCENES = ("FBX", "GLTF")


def export(
    rigs: Sequence[bpy.types.Object], path: Path, kind: str, units_a_metre: float = 1.0
) -> list[Path]:
    """Write rigs in one of the formats of `ENDINGS`.

    Args:
        rigs: At least one. FBX and glTF hold them all, the other formats are a file each.
        path: Where to; with several files each adds its person's name.
        kind: A key of `ENDINGS`.
        units_a_metre: Of a BVH.

    Returns:
        The files.

    Raises:
        FhmrError: A file cannot be written, or Blender's exporter is missing.
    """
    if not path.parent.is_dir():
        raise FhmrError(f"{path.name} cannot be written: there is no such folder.", "Choose one.")
    if kind in _FILES_OF_SCENES:
        _export_scene(rigs, path, kind)
        return [path]
    written: list[Path] = []
    for item in rigs:
        own = path
        if len(rigs) > 1:
            _, person = saved_state.load(item)
            own = path.with_name(f"{path.stem}_person{person.id}{path.suffix}")
        content = _content(item, kind, units_a_metre)
        with atomic(own) as partial, unwritable(own):
            partial.write_bytes(content)
        written.append(own)
    return written


def _content(item: bpy.types.Object, kind: str, units_a_metre: float) -> bytes:
    shot, person = saved_state.load(item)
    person = played_person(item, shot, person)
    if kind == "AMASS":
        return interchange.amass(shot, person)
    if kind == "CSV":
        return interchange.table(shot, person).encode()
    return interchange.bvh(shot, person, rig.rest_joints(item), units_a_metre).encode()


def _export_scene(rigs: Sequence[bpy.types.Object], path: Path, kind: str) -> None:
    """By Blender's own exporters, with what makes the file upright and as large as the body."""
    # Blender offers these through operators alone; they write what is selected.
    operators: dict[str, Any] = {"FBX": bpy.ops.export_scene.fbx, "GLTF": bpy.ops.export_scene.gltf}
    options: dict[str, dict[str, Any]] = {
        "FBX": {
            "object_types": {"ARMATURE", "MESH"},
            "apply_scale_options": "FBX_SCALE_UNITS",
            "add_leaf_bones": False,
            "bake_anim": True,
            "bake_anim_use_nla_strips": False,
            "bake_anim_use_all_actions": False,
            "bake_anim_force_startend_keying": True,
            "bake_anim_simplify_factor": 0.0,
        },
        "GLTF": {
            "export_format": "GLB",
            "export_yup": True,
            "export_animations": True,
            "export_animation_mode": "ACTIVE_ACTIONS",
            "export_frame_range": True,
            "export_force_sampling": True,
            "export_optimize_animation_size": False,
        },
    }
    if operators[kind].idname_py().rpartition(".")[2] not in dir(bpy.ops.export_scene):
        raise FhmrError(
            f"Blender's exporter for {kind} is switched off.",
            "Enable it in the preferences under Add-ons.",
        )
    with _only(rigs), _own_range(rigs), _metres(rigs, kind):
        try:
            operators[kind](filepath=str(path), use_selection=True, **options[kind])
        except RuntimeError as error:
            raise FhmrError(
                f"{path.name} cannot be written: {str(error).strip()}",
                "Choose another folder or name.",
            ) from error


@contextmanager
def _only(rigs: Sequence[bpy.types.Object]) -> Iterator[None]:
    """The rigs and bodies of their shape are what is selected, in Object Mode."""
    layer = bpy.context.view_layer
    active = layer.objects.active
    mode = "OBJECT" if active is None else active.mode
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    before = [item for item in layer.objects if item.select_get()]
    bodies = [body for body in map(rig.mesh_of, rigs) if body is not None]
    shaped = [_shaped(body) for body in bodies]
    wanted = [*rigs, *shaped]
    for item in before:
        item.select_set(False)
    for item in wanted:
        item.select_set(True)
    layer.objects.active = rigs[0]
    try:
        yield
    finally:
        for item in shaped:
            bpy.data.batch_remove([item, datablocks.mesh(item)])
        for item in rigs:
            item.select_set(False)
        for item in before:
            item.select_set(True)
        layer.objects.active = active
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)


def _shaped(body: bpy.types.Object) -> bpy.types.Object:
    """A copy of a body whose shape is its mesh: other programs need no sliders for it."""
    copied = cast("bpy.types.Object", body.copy())
    copied.data = datablocks.mesh(body).copy()
    body.users_collection[0].objects.link(copied)
    if datablocks.mesh(copied).shape_keys is not None:
        mixed = copied.shape_key_add(name="shape", from_mix=True)
        points = np.empty(3 * len(mixed.data), dtype=np.float32)
        mixed.data.foreach_get("co", points)
        copied.shape_key_clear()
        datablocks.mesh(copied).vertices.foreach_set("co", points)
    return copied


@contextmanager
def _own_range(rigs: Sequence[bpy.types.Object]) -> Iterator[None]:
    """The scene plays the frames of the rigs' takes."""
    scene = bpy.context.scene
    before = scene.frame_start, scene.frame_end, scene.frame_current
    first, last = _span(rigs)
    scene.frame_start, scene.frame_end = first, last
    try:
        yield
    finally:
        scene.frame_start, scene.frame_end = before[:2]
        scene.frame_set(before[2])


def _span(rigs: Sequence[bpy.types.Object]) -> tuple[int, int]:
    current = bpy.context.scene.frame_current
    firsts, lasts = [], []
    for item in rigs:
        shot, person = saved_state.load(item)
        frames = [current] if takes.is_still(shot) else takes.scene_frames(person)
        firsts.append(int(frames[0]))
        lasts.append(int(frames[-1]))
    return min(firsts), max(lasts)


@contextmanager
def _metres(rigs: Sequence[bpy.types.Object], kind: str) -> Iterator[None]:
    """glTF counts in metres and knows no scene's unit: the rigs shrink to metres meanwhile."""
    unit = bpy.context.scene.unit_settings.scale_length if kind == "GLTF" else 1.0
    before = [(item.location.copy(), item.scale.copy()) for item in rigs]
    for item in rigs:
        item.location, item.scale = item.location * unit, item.scale * unit
    try:
        yield
    finally:
        for item, (location, scale) in zip(rigs, before, strict=True):
            item.location, item.scale = location, scale
