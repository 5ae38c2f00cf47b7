"""Which kinds of pose are recorded, drawn and made, and a sheet of made ones to look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import CONTACT_JOINTS, JOINT_NAMES, PARENTS, forward_kinematics

from .motion_library import MotionClip
from .performances import Performance
from .pose_kinds import pose_kinds
from .repertoire import Repertoire

WINDOWS = 600  # drawn for a column
_EVERY = 10  # recorded frames
_LENGTH = 24
_SHOWN = (0, 12, 23)  # frames of a made performance
_COLOURS = {"left": "#e8811a", "right": "#2a6fdb"}


def kinds_table(clips: Sequence[MotionClip], repertoire: Repertoire, rest_joints: Floats) -> str:
    """Share of frames of every kind of pose, in percent; one pose may be of several.

    Args:
        clips: All splits.
        repertoire: Of the training split.
        rest_joints: (24, 3).
    """
    columns: dict[str, dict[str, float]] = {}
    for split in dict.fromkeys(clip.split for clip in clips):
        poses = [clip.poses[clip.valid][::_EVERY] for clip in clips if clip.split == split]
        rotations = matrix_from_axis_angle(np.concatenate(poses).astype(float))
        columns[split] = _shares(rotations, rest_joints)
    rng = np.random.default_rng(0)
    for name, coverage in (("drawn", 0.0), ("made", 1.0)):
        drawn = [repertoire.draw(rng, 8, 0.0, coverage).rotations[::4] for _ in range(WINDOWS)]
        columns[name] = _shares(np.concatenate(drawn), rest_joints)
    lines = [f"{'% of frames':30}" + "".join(f"{name:>9}" for name in columns)]
    for kind in columns["drawn"]:
        lines.append(f"{kind:30}" + "".join(f"{one[kind]:9.1f}" for one in columns.values()))
    return "\n".join(lines) + "\n"


def write_made(repertoire: Repertoire, rest_joints: Floats, path: Path, count: int = 48) -> None:
    """A sheet of made performances, each from the front and from its left; contacts are red."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = np.random.default_rng(0)
    figure = Figure(figsize=(24, 1.7 * count / 4))
    FigureCanvasAgg(figure)
    for panel in figure.subplots(count // 4, 4).ravel():
        made = repertoire.draw(rng, _LENGTH, 0.0, coverage=1.0)
        _draw(panel, made, rest_joints)
    figure.subplots_adjust(0, 0, 1, 0.98, 0.02, 0.15)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=70)


def _draw(axes: object, made: Performance, rest_joints: Floats) -> None:
    joints = forward_kinematics(made.rotations, rest_joints)[1] + made.pelvis[:, None]
    for place, frame in enumerate(_SHOWN):
        body = joints[frame]
        left = body[1, :2] - body[2, :2]
        left = left / max(float(np.linalg.norm(left)), 1e-9)
        for view, axis in enumerate((left, np.array([-left[1], left[0]]))):
            across = (body[:, :2] - body[0, :2]) @ axis + 1.9 * (2 * place + view)
            for joint, parent in enumerate(PARENTS[1:], start=1):
                colour = _COLOURS.get(JOINT_NAMES[joint].split("_")[0], "#777777")
                ends = [parent, joint]
                axes.plot(across[ends], body[ends, 2], color=colour, linewidth=2)  # type: ignore[attr-defined]
            axes.plot(across[15], body[15, 2], "o", color="#777777", markersize=6)  # type: ignore[attr-defined]
            on = [j for j, t in zip(CONTACT_JOINTS, made.contacts[frame], strict=True) if t]
            axes.plot(across[on], body[on, 2], "o", color="#c02020", markersize=3)  # type: ignore[attr-defined]
    axes.axhline(0, color="black", linewidth=0.5)  # type: ignore[attr-defined]
    axes.set_xlim(-1, 10.5)  # type: ignore[attr-defined]
    axes.set_ylim(-0.2, 2.0)  # type: ignore[attr-defined]
    axes.set_aspect("equal")  # type: ignore[attr-defined]
    axes.set_axis_off()  # type: ignore[attr-defined]
    names = [part.split("=")[0] for part in made.name.split("|")[1:]]
    axes.set_title(", ".join(names), fontsize=8)  # type: ignore[attr-defined]


def _shares(rotations: Floats, rest_joints: Floats) -> dict[str, float]:
    _, joints = forward_kinematics(rotations, rest_joints)
    return {name: 100.0 * float(of.mean()) for name, of in pose_kinds(joints).items()}
