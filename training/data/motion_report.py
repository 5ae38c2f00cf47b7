"""What the motion library holds: a table of figures, and contact sheets to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.skeleton import JOINT_NAMES, PARENTS

if TYPE_CHECKING:
    from .motion_library import MotionClip

_COLOURS = {"left": "#e8811a", "right": "#2a6fdb"}
_VIEWS = ((0, 1.0), (1, 1.0))  # axis along the picture and its sign: the front, the left side
_BODIES = 14  # of a row of a sheet


def table(clips: Sequence["MotionClip"]) -> str:
    """Clips, seconds, rejected frames and bone-direction errors of every source."""
    from .motion_library import BONE_GROUPS

    head = f"{'source':16}{'split':7}{'clips':>6}{'seconds':>8}{'rejected':>9}{'mended':>7}"
    head += "".join(f"{group.split()[0]:>16}" for group in BONE_GROUPS)
    lines = [head + "   (degrees, mean / 95 %)"]
    for source, split in dict.fromkeys((clip.source, clip.split) for clip in clips):
        some = [clip for clip in clips if (clip.source, clip.split) == (source, split)]
        frames = sum(len(clip.valid) for clip in some)
        rejected = sum(int(np.sum(~clip.valid)) for clip in some)
        errors = np.concatenate([clip.bone_errors[clip.valid] for clip in some])
        line = f"{source:16}{split:7}{len(some):6}{frames / 30:8.0f}{rejected:9}"
        line += f"{sum(clip.flipped for clip in some):7}"
        for column in errors.T:
            if np.isnan(column).any():
                line += f"{'none':>16}"
            else:
                line += f"{column.mean():>9.1f} /{np.percentile(column, 95):5.1f}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def write_sheets(clips: Sequence["MotionClip"], rest_joints: Floats, folder: Path) -> None:
    """A picture for every source: frames of some clips from the front and from the left."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in dict.fromkeys(clip.source for clip in clips):
        some = [clip for clip in clips if clip.source == source and clip.valid.any()]
        chosen = [some[int(place)] for place in np.linspace(0, len(some) - 1, min(10, len(some)))]
        _write_sheet(chosen, rest_joints, folder / f"{source}.png")


def _write_sheet(clips: Sequence["MotionClip"], rest_joints: Floats, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from .motion_library import world_joints

    figure = Figure(figsize=(20, 2.4 * len(clips)))
    canvas = FigureCanvasAgg(figure)
    for row, clip in enumerate(clips):
        axes = figure.add_axes((0, 1 - (row + 1) / len(clips), 1, 0.94 / len(clips)))
        believed = np.flatnonzero(clip.valid)
        frames = believed[np.linspace(0, len(believed) - 1, _BODIES // 2).astype(int)]
        joints = world_joints(clip, rest_joints, [int(frame) for frame in frames])
        touching = clip.contacts[frames]
        for place, body in enumerate(joints):
            forward = _forward(body)
            for view in range(2):
                _draw(axes, body, touching[place], forward, view, 2.2 * (2 * place + view))
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set_xlim(-1.2, 2.2 * _BODIES - 1)
        axes.set_ylim(-0.3, 2.1)
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.text(-1.1, 1.9, f"{clip.name}  {clip.split}", fontsize=9)
    canvas.print_png(str(path))


def _forward(body: Floats) -> Floats:
    """The level direction (2,) that the hips face."""
    left = body[1] - body[2]
    forward = np.array([left[1], -left[0]])
    return forward / max(float(np.linalg.norm(forward)), 1e-9)


def _draw(
    axes: object, body: Floats, touching: Floats, forward: Floats, view: int, offset: float
) -> None:
    """One stick figure: view 0 looks at its front, view 1 at its left side (it faces left)."""
    from fhmr_blender.core.skeleton import CONTACT_JOINTS

    side = np.array([-forward[1], forward[0]]) if view == 0 else -forward
    across = (body[:, :2] - body[0, :2]) @ side + offset
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            colour = _COLOURS.get(JOINT_NAMES[joint].split("_")[0], "#777777")
            ends = [parent, joint]
            axes.plot(across[ends], body[ends, 2], color=colour, linewidth=2)  # type: ignore[attr-defined]
    on = [joint for joint, touches in zip(CONTACT_JOINTS, touching, strict=True) if touches]
    axes.plot(across[on], body[on, 2], "o", color="#c02020", markersize=4)  # type: ignore[attr-defined]
