"""Which bone of known rigs carries which of SMPL's joints; the artist's own presets as JSON."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.retargeting import NEEDED_JOINTS, RETARGETED
from ...errors import FhmrError

_FORMAT = "fhmr-retarget"
_SIDES = (("left", "L", "Left", "l"), ("right", "R", "Right", "r"))


@dataclass(frozen=True)
class Preset:
    """A rig as its makers name its bones."""

    name: str
    bones: Mapping[str, str]  # joint -> bone
    switches: Mapping[tuple[str, str], float] = field(default_factory=lambda: {})
    """Custom properties to set, by bone and name: from IK to FK, for example."""


def _sided(centre: Mapping[str, str], limbs: Mapping[str, str]) -> dict[str, str]:
    """Both sides of limbs whose bones' names have {L}, {Left} or {l} in them."""
    bones = dict(centre)
    for side, upper, word, lower in _SIDES:
        for joint, name in limbs.items():
            bones[f"{side}_{joint}"] = name.format(L=upper, Left=word, l=lower)
    return bones


_LIMB_PARTS = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")


def _limbs(*names: str) -> dict[str, str]:
    return dict(zip(_LIMB_PARTS, names, strict=True))


_MIXAMO = _sided(
    {
        "pelvis": "Hips",
        "spine1": "Spine",
        "spine2": "Spine1",
        "spine3": "Spine2",
        "neck": "Neck",
        "head": "Head",
    },
    _limbs(
        "{Left}Shoulder",
        "{Left}Arm",
        "{Left}ForeArm",
        "{Left}Hand",
        "{Left}UpLeg",
        "{Left}Leg",
        "{Left}Foot",
        "{Left}ToeBase",
    ),
)
_UNREAL_LIMBS = _limbs(
    "clavicle_{l}",
    "upperarm_{l}",
    "lowerarm_{l}",
    "hand_{l}",
    "thigh_{l}",
    "calf_{l}",
    "foot_{l}",
    "ball_{l}",
)
PRESETS = (
    Preset(
        "Rigify",
        _sided(
            {
                "pelvis": "torso",
                "spine2": "spine_fk.002",
                "spine3": "spine_fk.003",
                "neck": "neck",
                "head": "head",
            },
            _limbs(
                "shoulder.{L}",
                "upper_arm_fk.{L}",
                "forearm_fk.{L}",
                "hand_fk.{L}",
                "thigh_fk.{L}",
                "shin_fk.{L}",
                "foot_fk.{L}",
                "toe_fk.{L}",
            ),
        ),
        {
            (f"{limb}_parent.{side}", "IK_FK"): 1.0
            for limb in ("thigh", "upper_arm")
            for side in "LR"
        }
        | {("torso", "neck_follow"): 1.0, ("torso", "head_follow"): 1.0},
    ),
    Preset(
        "Rigify metarig",
        _sided(
            {
                "pelvis": "spine",
                "spine1": "spine.001",
                "spine2": "spine.002",
                "spine3": "spine.003",
                "neck": "spine.004",
                "head": "spine.006",
            },
            _limbs(
                "shoulder.{L}",
                "upper_arm.{L}",
                "forearm.{L}",
                "hand.{L}",
                "thigh.{L}",
                "shin.{L}",
                "foot.{L}",
                "toe.{L}",
            ),
        ),
    ),
    Preset("Mixamo", _MIXAMO),
    Preset(
        "Unreal UE5",
        _sided(
            {
                "pelvis": "pelvis",
                "spine1": "spine_02",
                "spine2": "spine_03",
                "spine3": "spine_05",
                "neck": "neck_01",
                "head": "head",
            },
            _UNREAL_LIMBS,
        ),
    ),
    Preset(
        "Unreal UE4",
        _sided(
            {
                "pelvis": "pelvis",
                "spine1": "spine_01",
                "spine2": "spine_02",
                "spine3": "spine_03",
                "neck": "neck_01",
                "head": "head",
            },
            _UNREAL_LIMBS,
        ),
    ),
)


def find(bones: Iterable[str], own: Iterable[Preset] = ()) -> Preset | None:
    """The preset that names most of an armature's bones, with these bones' own names in it.

    Prefixes up to a colon (`mixamorig:`) and upper and lower case do not count. The artist's own
    come first; a preset that misses a leg is none.
    """
    names = {_plain(name): name for name in bones}
    best: Preset | None = None
    for preset in (*own, *PRESETS):
        found = {
            joint: names[_plain(bone)]
            for joint, bone in preset.bones.items()
            if _plain(bone) in names
        }
        if all(joint in found for joint in NEEDED_JOINTS) and (
            best is None or len(found) > len(best.bones)
        ):
            switches = {
                (names[_plain(bone)], key): value
                for (bone, key), value in preset.switches.items()
                if _plain(bone) in names
            }
            best = Preset(preset.name, found, switches)
    return best


def load_own(folder: Path) -> list[Preset]:
    """The artist's presets in a folder, those that can be read."""
    presets: list[Preset] = []
    for path in sorted(folder.glob("*.json")):
        try:
            presets.append(_decoded(json.loads(path.read_text(encoding="utf-8")), path))
        except (OSError, ValueError, FhmrError):
            continue  # another program's file does no harm
    return presets


def save_own(folder: Path, preset: Preset) -> Path:
    """Write a preset into the folder, over an older one of the same name.

    Raises:
        FhmrError: The name is empty, or the folder cannot be written.
    """
    stem = re.sub(r"[^\w. -]+", "_", preset.name).strip(" .")
    if not stem:
        raise FhmrError("The preset has no name.", "Type one.")
    content = {
        "format": _FORMAT,
        "name": preset.name,
        "bones": dict(preset.bones),
        "switches": [[bone, key, value] for (bone, key), value in preset.switches.items()],
    }
    path = folder / f"{stem}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    except OSError as error:
        raise FhmrError(
            f"The preset cannot be written: {error.strerror}.", "Make room, or check its rights."
        ) from error
    return path


def _decoded(content: Any, path: Path) -> Preset:
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FhmrError(f"{path.name} is no preset of FHMR.", "Remove it from the folder.")
    bones = {
        str(joint): str(bone)
        for joint, bone in dict(content["bones"]).items()
        if joint in RETARGETED
    }
    switches = {(str(bone), str(key)): float(value) for bone, key, value in content["switches"]}
    return Preset(str(content["name"]), bones, switches)


def _plain(name: str) -> str:
    return name.rpartition(":")[2].lower()
