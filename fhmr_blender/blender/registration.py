"""Registration: one ordered tuple, forwards and backwards."""

import bpy

from . import (
    footage_view,
    job_timer,
    models,
    operators,
    panels,
    preferences,
    properties,
    saved_state,
)

CLASSES = (
    *properties.CLASSES,
    *preferences.CLASSES,
    *job_timer.CLASSES,
    *operators.CLASSES,
    *panels.CLASSES,
)
HANDLERS = ((bpy.app.handlers.load_post, saved_state.on_load),)


def register() -> None:
    """Make everything known to Blender."""
    for class_ in CLASSES:
        bpy.utils.register_class(class_)
    properties.attach()
    footage_view.attach()
    for handlers, handler in HANDLERS:
        handlers.append(handler)


def unregister() -> None:
    """The same backwards; what still runs is cancelled."""
    job_timer.stop()
    for handlers, handler in reversed(HANDLERS):
        if handler in handlers:
            handlers.remove(handler)
    footage_view.detach()
    properties.detach()
    for class_ in reversed(CLASSES):
        bpy.utils.unregister_class(class_)
    models.forget()
