"""Registration: one ordered tuple, forwards and backwards."""

import bpy

from . import (
    footage_view,
    ghosts,
    job_timer,
    landmarks_view,
    live,
    models,
    operators,
    panels,
    people_list,
    preferences,
    properties,
    saved_state,
    uncertainty_view,
    watch,
)

CLASSES = (
    *properties.CLASSES,
    *preferences.CLASSES,
    *job_timer.CLASSES,
    *operators.CLASSES,
    *panels.CLASSES,
)
HANDLERS = (
    (bpy.app.handlers.load_pre, live.on_leave_file),
    (bpy.app.handlers.load_post, saved_state.on_load),
    (bpy.app.handlers.depsgraph_update_post, watch.on_update),
    (bpy.app.handlers.save_pre, live.on_save),
    (bpy.app.handlers.undo_post, live.on_undo),
    (bpy.app.handlers.redo_post, live.on_undo),
    (bpy.app.handlers.undo_post, watch.on_undo),
    (bpy.app.handlers.redo_post, watch.on_undo),
)
VIEWS = (footage_view, people_list, ghosts, landmarks_view, uncertainty_view)
"""What else Blender holds of ours: each takes it away again in its `detach`."""


def register() -> None:
    """Make everything known to Blender."""
    for class_ in CLASSES:
        bpy.utils.register_class(class_)
    properties.attach()
    for view in VIEWS:
        view.attach()
    for handlers, handler in HANDLERS:
        handlers.append(handler)


def unregister() -> None:
    """The same backwards; what still runs is cancelled."""
    live.stop()
    watch.stop()
    job_timer.stop()
    for handlers, handler in reversed(HANDLERS):
        if handler in handlers:
            handlers.remove(handler)
    for view in reversed(VIEWS):
        view.detach()
    properties.detach()
    for class_ in reversed(CLASSES):
        bpy.utils.unregister_class(class_)
    models.forget()
