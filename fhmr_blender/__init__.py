"""FHMR: factorized human mesh recovery for Blender."""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    # Blender's own modules come in here only: the pipeline works without them.
    from .blender import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; leaves nothing behind."""
    from .blender import registration

    registration.unregister()
