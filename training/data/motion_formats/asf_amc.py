"""Acclaim skeleton (.asf) and motion (.amc) files.

Source: J. Lander, Working with Motion Capture File Formats, Game Developer, 1998.
"""

from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import rotation_about

from .recording import MotionFileError, Recording, numbers

_ROTATION_DOFS = ("rx", "ry", "rz")


@dataclass(frozen=True, eq=False)
class Bone:
    """One bone of an .asf, along the skeleton's outer axes in its rest pose."""

    tip: Floats  # (3,) from its start to its end, file units
    axis: Floats  # (3, 3) the axes in which its motion is written
    dof: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class AsfSkeleton:
    """The bones of an .asf; a bone starts where its parent ends."""

    bones: dict[str, Bone]
    parents: dict[str, str]


def parse_asf(text: str, name: str) -> AsfSkeleton:
    """Read a skeleton whose angles are degrees and whose bone axes are written XYZ."""
    bones: dict[str, Bone] = {}
    parents: dict[str, str] = {}
    section = ""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith(":"):
            section = words[0]
        elif section == ":bonedata":
            if words[0] == "begin":
                fields = {}
            elif words[0] == "end":
                bone_name = fields.get("name", ["?"])[0]
                bones[bone_name] = _bone(fields, name, bone_name)
            else:
                fields[words[0]] = words[1:]
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            parents.update(dict.fromkeys(words[1:], words[0]))
    if not bones or not parents:
        raise MotionFileError(name, "holds no bones or no hierarchy")
    strangers = sorted(set(parents) - set(bones)) + sorted(
        set(parents.values()) - set(bones) - {"root"}
    )
    if strangers:
        raise MotionFileError(name, f"names the unknown bone {strangers[0]} in its hierarchy")
    return AsfSkeleton(bones=bones, parents=parents)


def parse_amc(text: str, skeleton: AsfSkeleton, name: str, fps: float = 30.0) -> Recording:
    """Read a motion for `skeleton` into nodes that are its bones; `<bone>_end` are leaf ends."""
    values, frames = _values(text, name)
    names, parents, offsets = _nodes(skeleton)
    rotations = np.broadcast_to(np.eye(3), (frames, len(names), 3, 3)).copy()
    for node, bone_name in enumerate(names):
        if bone_name not in values:
            continue
        if bone_name == "root":
            axis, dof = np.eye(3), _ROTATION_DOFS
            angles = values["root"][:, 3:]
        else:
            axis, dof = skeleton.bones[bone_name].axis, skeleton.bones[bone_name].dof
            angles = values[bone_name]
        if angles.shape[1] != len(dof):
            raise MotionFileError(name, f"gives {bone_name} {angles.shape[1]} channels")
        rotations[:, node] = axis @ _motion(np.deg2rad(angles), dof) @ axis.T
    if "root" not in values:
        raise MotionFileError(name, "has no root")
    return Recording(
        names=names,
        parents=parents,
        offsets=offsets,
        rotations=rotations,
        root=values["root"][:, :3],
        seconds=np.arange(frames) / fps,
    )


def _bone(fields: dict[str, list[str]], name: str, bone: str) -> Bone:
    missing = [key for key in ("name", "direction", "length", "axis") if key not in fields]
    if missing:
        raise MotionFileError(name, f"gives the bone {bone} no {missing[0]}")
    if fields["axis"][3:] != ["XYZ"]:
        raise MotionFileError(name, f"writes the axis of {bone} in another order than XYZ")
    a, b, c = np.deg2rad(numbers(fields["axis"][:3], name, f"the axis of {bone}"))
    direction = numbers(fields["direction"], name, f"the direction of {bone}")
    length = numbers(fields["length"], name, f"the length of {bone}")
    return Bone(
        tip=direction * length,
        axis=rotation_about(2, c) @ rotation_about(1, b) @ rotation_about(0, a),
        dof=tuple(word for word in fields.get("dof", []) if word in _ROTATION_DOFS),
    )


def _nodes(skeleton: AsfSkeleton) -> tuple[tuple[str, ...], tuple[int, ...], Floats]:
    """Bones in an order with parents first, then an end node for every leaf."""
    names, parents = ["root"], [-1]
    offsets: list[Floats] = [np.zeros(3)]
    waiting = list(skeleton.parents)
    while waiting:
        ready = [bone for bone in waiting if skeleton.parents[bone] in names]
        for bone in ready or waiting:
            parent = skeleton.parents[bone]
            names.append(bone)
            parents.append(names.index(parent))
            offsets.append(np.zeros(3) if parent == "root" else skeleton.bones[parent].tip)
        waiting = [bone for bone in waiting if bone not in ready]
    for bone in set(skeleton.bones) & (set(names) - set(skeleton.parents.values())):
        names.append(f"{bone}_end")
        parents.append(names.index(bone))
        offsets.append(skeleton.bones[bone].tip)
    return tuple(names), tuple(parents), np.stack(offsets)


def _values(text: str, name: str) -> tuple[dict[str, Floats], int]:
    """Channels (T, C) by bone, and T. Every bone must come in every frame or in none."""
    words: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    frames = 0
    for line in text.splitlines():
        head, _, rest = line.strip().partition(" ")
        if not head or head[0] in "#:":
            continue
        if head.isdigit() and not rest:
            frames += 1
            continue
        words.setdefault(head, []).extend(rest.split())
        counts[head] = counts.get(head, 0) + 1
    if not frames:
        raise MotionFileError(name, "holds no frames")
    uneven = [bone for bone, count in counts.items() if count != frames]
    uneven += [bone for bone in words if len(words[bone]) % frames]
    if uneven:
        raise MotionFileError(name, f"breaks off: {uneven[0]} is not whole in {frames} frames")
    values = {
        bone: numbers(channels, name, bone).reshape(frames, -1) for bone, channels in words.items()
    }
    return values, frames


def _motion(angles: Floats, dof: tuple[str, ...]) -> Floats:
    """Rotations (T, 3, 3) of angles (T, C) radians: the first of the list is applied first."""
    motion = np.eye(3)
    for column, axis in enumerate(dof):
        motion = rotation_about("xyz".index(axis[1]), angles[:, column]) @ motion
    return motion
