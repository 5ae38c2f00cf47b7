"""The table of joints and bones: filled from presets, mended by the artist, kept as a preset."""

from pathlib import Path

from ...core.retargeting import RETARGETED
from .. import datablocks
from ..user_folder import user_folder
from . import presets
from .presets import Preset
from .properties import FHMR_PG_retarget

NO_PRESET = "By hand"


def fill(settings: FHMR_PG_retarget) -> None:
    """Look which preset the target's bones fit, and fill the table with what it says."""
    settings.rows.clear()
    settings.preset = ""
    if settings.target is None:
        return
    names = [bone.name for bone in datablocks.pose_bones(settings.target)]
    found = presets.find(names, presets.load_own(folder()))
    settings.preset = NO_PRESET if found is None else found.name
    for joint in RETARGETED:
        row = settings.rows.add()
        row.name = joint
        row.bone = "" if found is None else found.bones.get(joint, "")


def as_preset(settings: FHMR_PG_retarget) -> Preset:
    """The table as it is now, with what its preset switches."""
    bones = {row.name: row.bone for row in settings.rows if row.bone}
    switches: dict[tuple[str, str], float] = {}
    if settings.target is not None:
        names = [bone.name for bone in datablocks.pose_bones(settings.target)]
        for known in (*presets.load_own(folder()), *presets.PRESETS):
            found = presets.find(names, [known]) if known.name == settings.preset else None
            if found is not None and found.name == known.name:
                switches = dict(found.switches)
                break
    return Preset(settings.preset, bones, switches)


def folder() -> Path:
    """Where the artist's presets lie."""
    return user_folder("retarget")
