"""What the tests ask of the Blender with the window: its state, and where things are on the screen.

Everything that an artist does goes through mouse and keyboard instead; see `driver.py`.
Runs inside Blender. Positions are pixels from the window's top left corner, as a mouse counts.
"""

import hashlib
import sys
from collections.abc import Generator
from typing import Any

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d

MODULE = "bl_ext.user_default.fhmr"
_draws = {"UI": 0, "WINDOW": 0}


def _count(kind: str) -> None:
    _draws[kind] += 1


for _kind in _draws:
    bpy.types.SpaceView3D.draw_handler_add(_count, (_kind,), _kind, "POST_PIXEL")


def install(package: str) -> bool:
    """Install the zip, as dropping it into the window does; True if it is enabled."""
    bpy.ops.extensions.package_install_files(
        filepath=package, repo="user_default", enable_on_install=True
    )
    # What costs time on a machine without a graphics card and shows nothing that is tested.
    preferences = bpy.context.preferences
    preferences.system.viewport_aa = "FXAA"
    preferences.view.smooth_view = 0
    preferences.view.show_tooltips = False
    bpy.ops.wm.save_userpref()
    return MODULE in bpy.context.preferences.addons


def version() -> list[int]:
    """Blender's, such as 5 and 2."""
    return list(bpy.app.version[:2])


def quit_blender() -> None:
    """Leave without a question, as if everything were saved."""
    bpy.app.timers.register(lambda: bpy.ops.wm.quit_blender() and None, first_interval=0.1)


def open_file(path: str) -> None:
    """Open a .blend without a file browser."""
    bpy.ops.wm.open_mainfile(filepath=path)


def start_empty() -> None:
    """A new file with nothing in it but the default screens."""
    bpy.ops.wm.read_homefile(use_splash=False)
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)


def save_file(path: str) -> None:
    """Save without a file browser."""
    bpy.ops.wm.save_as_mainfile(filepath=path)


def show_colours() -> None:
    """Have the view show the materials' colours, as a screenshot wants it."""
    _view().spaces.active.shading.color_type = "MATERIAL"


def region(kind: str) -> dict[str, int]:
    """The place of a region of the 3D view: left, top, right, bottom."""
    found = _region(kind)
    top = bpy.context.window_manager.windows[0].height - found.y - found.height
    return {
        "left": found.x,
        "top": top,
        "right": found.x + found.width,
        "bottom": top + found.height,
    }


def settle(kind: str) -> Generator[str, None, None]:
    """Wait until a region of the 3D view shows what there is now: the sidebar (UI), or WINDOW."""
    before = _draws[kind]
    _region(kind).tag_redraw()
    while _draws[kind] == before:
        yield ""


def sidebar_tab() -> str:
    """The open tab of the 3D view's sidebar; nothing while it is closed."""
    if not _view().spaces.active.show_region_ui or _region("UI").width < 2:
        return ""
    return _region("UI").active_panel_category


def look_for(name: str, index: int | None, places: list[list[int]]) -> Generator[str, None, int]:
    """Move the pointer from place to place until it rests on a control.

    Args:
        name: A property by its path, or an operator.
        index: Of an array; None for any.
        places: Positions in the window.

    Returns:
        The number of the place, -1 if it is at none of them.
    """
    window = bpy.context.window_manager.windows[0]
    for number, (x, y) in enumerate(places):
        window.cursor_warp(x, window.height - 1 - y)
        for _ in range(2):
            yield ""  # Blender handles the movement
        if _is(under_pointer(), name, index):
            yield from settle("UI")  # what has just changed may move the rows
            if _is(under_pointer(), name, index):
                return number
    return -1


def _is(found: dict[str, Any], name: str, index: int | None) -> bool:
    # Older Blenders name a property without the group that it is in.
    names = (name,) if bpy.app.version >= (4, 5, 0) else (name, name.rpartition(".")[2])
    return found["name"] in names and index in (None, found["index"])


def under_pointer() -> dict[str, Any]:
    """The control of the sidebar that the pointer rests on: a property or an operator."""
    manager = bpy.context.window_manager
    window = manager.windows[0]
    place = {"window": window, "screen": window.screen, "area": _view(), "region": _region("UI")}
    with bpy.context.temp_override(**place):
        hovered = bpy.context.property
        if hovered:
            return {"name": hovered[1], "index": hovered[2]}
        manager.clipboard = ""
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
    command = manager.clipboard  # such as bpy.ops.fhmr.estimate()
    return {"name": command.removeprefix("bpy.ops.").split("(")[0], "index": -1}


def on_screen(points: list[list[float]]) -> list[list[float] | None]:
    """Where points of the world (Blender units) are in the window; None behind the camera."""
    place = _region("WINDOW")
    height = bpy.context.window_manager.windows[0].height
    view = _view().spaces.active.region_3d
    found = [location_3d_to_region_2d(place, view, point) for point in points]
    return [each and [place.x + each.x, height - place.y - each.y] for each in found]


def camera_frame() -> list[list[float] | None]:
    """Where the corners of what the scene's camera renders are in the window."""
    camera = bpy.context.scene.camera
    corners = camera.data.view_frame(scene=bpy.context.scene)
    return on_screen([list(camera.matrix_world @ corner) for corner in corners])


def view_perspective() -> str:
    """CAMERA while the view looks through one."""
    return _view().spaces.active.region_3d.view_perspective


def names() -> list[str]:
    """The names of all objects."""
    return sorted(bpy.data.objects.keys())


def collections() -> list[str]:
    """The names of all collections, without the one of an empty file."""
    return sorted(name for name in bpy.data.collections.keys() if name != "Collection")  # noqa: SIM118


def active() -> str:
    """The name of the active object."""
    item = bpy.context.view_layer.objects.active
    return item.name if item else ""


def resolution() -> list[int]:
    """The size of what the scene renders."""
    return [bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y]


def footage() -> dict[str, Any]:
    """What the panel Footage holds."""
    settings = bpy.context.scene.fhmr
    wanted = ("filepath", "probed", "problem", "frame_count", "seed")
    return {name: getattr(settings, name) for name in wanted} | {"size": list(settings.size)}


def boxes() -> list[list[float]]:
    """What was drawn by hand: x0 y0 x1 y1 each, pixels of the footage."""
    return [list(box.corners) for box in bpy.context.scene.fhmr.boxes]


def job() -> dict[str, Any] | None:
    """What runs, and how far it is."""
    running = sys.modules[f"{MODULE}.blender.job_timer"].running()
    return running and {"title": running.title, "fraction": running.fraction}


def pose(rig: str) -> dict[str, list[float]]:
    """Each bone's matrix from its parent, flat."""
    bpy.context.view_layer.update()
    bones = bpy.data.objects[rig].pose.bones
    return {bone.name: [value for row in bone.matrix_basis for value in row] for bone in bones}


def joint(rig: str, bone: str) -> list[float]:
    """Where a bone's joint is in the world."""
    item = bpy.data.objects[rig]
    return list(item.matrix_world @ item.pose.bones[bone].head)


def place(name: str) -> list[float]:
    """Where an object is in the world."""
    bpy.context.view_layer.update()
    return list(bpy.data.objects[name].matrix_world.translation)


def unmet(rig: str) -> str:
    """What the shown variation says about pins that it does not reach."""
    found = bpy.data.objects[rig].fhmr_take.hand
    return found.variations[found.shown].unmet if found.shown < len(found.variations) else ""


def mode() -> str:
    """Object or Pose Mode."""
    return bpy.context.mode


def active_bone() -> str:
    """The active bone, in Pose Mode."""
    bone = bpy.context.active_pose_bone
    return bone.name if bone else ""


def take(rig: str) -> dict[str, Any]:
    """What the panels of a rig hold."""
    found = bpy.data.objects[rig].fhmr_take
    plain = {"INT", "FLOAT", "STRING", "ENUM", "BOOLEAN"}
    values: dict[str, Any] = {}
    for entry in found.bl_rna.properties:
        value = getattr(found, entry.identifier)
        if entry.identifier == "rna_type" or entry.type not in plain:
            continue
        if isinstance(value, bytes):
            value = hashlib.sha256(value).hexdigest() if value else ""
        elif getattr(entry, "is_array", False):
            value = list(value)
        values[entry.identifier] = value
    return values


def hand(rig: str) -> dict[str, Any]:
    """What belongs to the artist's choosing: variations, which is shown, whether one is kept."""
    found = bpy.data.objects[rig].fhmr_take.hand
    names = ("shown", "open", "pending", "live", "ghosts")
    return {name: getattr(found, name) for name in names} | {"variations": len(found.variations)}


def stored(rig: str) -> dict[str, Any]:
    """Parts of the take that a rig carries: digests of what must not move, and what is shown."""
    saved_state = sys.modules[f"{MODULE}.blender.saved_state"]
    _, person = saved_state.load(bpy.data.objects[rig])
    torso = [0, 3, 6, 9, 13, 14]  # pelvis, spine1 to 3, collars
    motion = person.motion_world
    return {
        "torso": _digest(motion.rotations[:, torso]),
        "root": _digest(motion.transl),
        "shape": _digest(motion.betas),
        "chosen": person.chosen.tolist(),
        "rotations": [_digest(motion.rotations[:, index]) for index in range(24)],
    }


def keys(rig: str) -> dict[str, int]:
    """How many curves a rig's action has, and how many keys are on them."""
    animation = bpy.data.objects[rig].animation_data
    if animation is None or animation.action is None:
        return {"curves": 0, "keys": 0}
    action = animation.action
    curves = [
        curve
        for layer in getattr(action, "layers", ())
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    ] or list(getattr(action, "fcurves", ()))
    return {"curves": len(curves), "keys": sum(len(each.keyframe_points) for each in curves)}


def _digest(array: "np.ndarray[Any, Any]") -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _view() -> bpy.types.Area:
    screen = bpy.context.window_manager.windows[0].screen
    return next(area for area in screen.areas if area.type == "VIEW_3D")


def _region(kind: str) -> bpy.types.Region:
    return next(region for region in _view().regions if region.type == kind)
