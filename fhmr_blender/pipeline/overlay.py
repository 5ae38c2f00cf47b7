"""The bodies drawn over the footage: left orange, right blue, head and torso grey."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.arrays import Floats, Indices
from ..core.body import Body
from ..core.motion import Person, Shot
from ..core.skeleton import JOINT_NAMES, LANDMARK_NAMES, LIMBS, TORSO_JOINTS
from ..errors import FhmrError
from ..jobs import Report
from .bodies import body_of
from .footage import Footage, MovieWriter, write_picture
from .pixels import Picture
from .rasteriser import Fragments, rasterise

LEFT = np.array([0.96, 0.52, 0.11])
RIGHT = np.array([0.16, 0.46, 0.90])
MIDDLE = np.array([0.72, 0.72, 0.74])
_OPACITY = 0.78
_AMBIENT = 0.42
_LIGHT = np.array([-0.35, -0.65, -0.68])  # `cam`: from above, over the photographer's left shoulder
_VISIBLE = 0.5  # of the detector's own visibility, for a landmark to be drawn
_DOT = 0.008  # of the side of the person's region
_MOVIES = (".mp4", ".mov", ".mkv")


def write_overlay(path: Path, shot: Shot, footage: Footage, report: Report) -> None:
    """Write the footage with the bodies over it.

    Args:
        path: .png shows the shot's first frame, .mp4 (.mov, .mkv) all of them.
        shot: What was estimated.
        footage: What it was estimated from.
        report: Told the progress; may raise `Cancelled`.

    Raises:
        FhmrError: Another ending, the file cannot be written, or a body is missing.
    """
    check_overlay(path)
    bodies = {person.id: body_of(shot, person) for person in shot.people}
    if path.suffix.lower() == ".png":
        image = footage.frame(int(shot.frames[0]))
        write_picture(path, draw_overlay(image, shot, bodies, int(shot.frames[0])))
        return
    step = float(np.median(np.diff(shot.frames))) if len(shot.frames) > 1 else 1.0
    with MovieWriter(path, shot.fps / step) as movie:
        for index, number in enumerate(shot.frames):
            report(index / len(shot.frames), f"Overlay {index + 1}/{len(shot.frames)}")
            movie.write(draw_overlay(footage.frame(int(number)), shot, bodies, int(number)))


def check_overlay(path: Path) -> None:
    """Refuse endings that cannot be written.

    Raises:
        FhmrError: Names the ending.
    """
    if path.suffix.lower() not in (".png", *_MOVIES):
        raise FhmrError(
            f"An overlay cannot be written as {path.suffix or 'a file without an ending'}.",
            "Choose a name that ends in .png or .mp4.",
        )


def draw_overlay(image: Picture, shot: Shot, bodies: "dict[int, Body]", number: int) -> Picture:
    """One frame with everybody who is seen in it, (H, W, 3) uint8 RGB."""
    present = [
        (person, int(index))
        for person in shot.people
        for index in np.flatnonzero(person.observations.frames == number)
    ]
    if not present:
        return image
    intrinsics = shot.intrinsics[int(np.searchsorted(shot.frames, number))]
    mesh = _joined([_mesh(person, index, bodies[person.id]) for person, index in present])
    height, width = image.shape[:2]
    seen = rasterise(mesh.points, mesh.faces, intrinsics, (width, height))
    painted = _blended(image, seen, mesh)
    for person, index in present:
        observed = person.observations
        _dots(painted, observed.keypoints[index], _DOT * float(observed.region[index, 2]))
    return painted


@dataclass(frozen=True, eq=False)
class _Mesh:
    points: Floats  # (V, 3) metres, `cam`
    normals: Floats  # (V, 3) unit, `cam`
    colours: Floats  # (V, 3) linear 0..1
    faces: Indices  # (F, 3)


def _mesh(person: Person, index: int, body: Body) -> _Mesh:
    motion = person.motion_cam
    points = body.vertices(motion.rotations[index], motion.betas, motion.transl[index])
    corners = points[body.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [
            np.bincount(body.faces.ravel(), np.repeat(flat[:, axis], 3), len(points))
            for axis in range(3)
        ],
        axis=-1,
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return _Mesh(points.astype(float), normals, body.weights @ _joint_colours(), body.faces)


def _joint_colours() -> Floats:
    """(24, 3)."""
    middle = {*TORSO_JOINTS, *LIMBS["head"]}
    return np.stack(
        [
            MIDDLE if joint in middle else LEFT if name.startswith("left") else RIGHT
            for joint, name in enumerate(JOINT_NAMES)
        ]
    )


def _joined(meshes: Sequence[_Mesh]) -> _Mesh:
    starts = np.cumsum([0, *(len(mesh.points) for mesh in meshes[:-1])])
    return _Mesh(
        points=np.concatenate([mesh.points for mesh in meshes]),
        normals=np.concatenate([mesh.normals for mesh in meshes]),
        colours=np.concatenate([mesh.colours for mesh in meshes]),
        faces=np.concatenate([m.faces + start for m, start in zip(meshes, starts, strict=True)]),
    )


def _blended(image: Picture, seen: Fragments, mesh: _Mesh) -> Picture:
    """The shaded body over the picture, its outline softened."""
    height, width = image.shape[:2]
    corners = mesh.faces[seen.faces]  # (M, 3)
    normal = np.einsum("mk,mki->mi", seen.corners, mesh.normals[corners])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    colour = np.einsum("mk,mki->mi", seen.corners, mesh.colours[corners])
    light = _AMBIENT + (1.0 - _AMBIENT) * np.clip(
        normal @ (_LIGHT / np.linalg.norm(_LIGHT)), 0.0, 1.0
    )
    facing = np.clip(-normal[:, 2], 0.0, 1.0)
    shaded = colour * (light * (0.55 + 0.45 * facing))[:, None]  # darker towards the outline
    cover = np.zeros(height * width)
    cover[seen.pixels] = 1.0
    soft = _smoothed(cover.reshape(height, width)).reshape(-1)[seen.pixels, None] * _OPACITY
    painted = image.reshape(-1, 3).copy()
    under = painted[seen.pixels].astype(float)
    painted[seen.pixels] = np.rint(under * (1.0 - soft) + 255.0 * shaded.clip(0, 1) * soft)
    return painted.reshape(height, width, 3)


def _smoothed(cover: Floats) -> Floats:
    """Mean over 3 x 3 pixels."""
    padded = np.pad(cover, 1, "edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0


def _dots(image: Picture, keypoints: Floats, radius: float) -> None:
    """Draw visible landmarks (33, 5) as dots of a radius in pixels with a dark rim, in place."""
    height, width = image.shape[:2]
    radius = max(radius, 1.5)
    reach = int(np.ceil(radius + 1.5))
    for name, (x, y, _, visibility, presence) in zip(LANDMARK_NAMES, keypoints, strict=True):
        if min(visibility, presence) < _VISIBLE or not (0 <= x < width and 0 <= y < height):
            continue
        rows = slice(max(int(y) - reach, 0), int(y) + reach + 1)
        columns = slice(max(int(x) - reach, 0), int(x) + reach + 1)
        patch = image[rows, columns]
        down, across = np.indices(patch.shape[:2])
        distance = np.hypot(down + (rows.start + 0.5 - y), across + (columns.start + 0.5 - x))
        fill = LEFT if "left" in name else RIGHT if "right" in name else MIDDLE
        for limit, colour in ((radius + 1.0, np.zeros(3)), (radius, 0.45 + 0.55 * fill)):
            share = np.clip(limit - distance + 0.5, 0.0, 1.0)[..., None]
            patch[:] = np.rint(patch * (1.0 - share) + 255.0 * colour * share)
