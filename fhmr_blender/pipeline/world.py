"""From the camera's frame to the world: z up, the floor at 0, the first camera looking along +y.

Gravity is the median of what stage 2 says, over all frames and people, turned into the first
camera's frame by the camera's own turn; heading comes from that turn alone. A camera that walks is
found from the people before it. Behind a cut everything begins anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..core.arrays import Floats, Indices, check_shapes
from ..core.body import Body
from ..core.frames import rigid
from ..core.latent import heading_frame
from ..core.motion import Motion
from ..core.skeleton import CONTACT_JOINTS, forward_kinematics
from .camera_motion import CameraMotion
from .root_motion import Walker, camera_way, standing_on

_UP_WITHOUT_GRAVITY = np.array([0.0, -1.0, 0.0])  # `cam`: the picture's own up
_STANDS = 0.5  # probability
_FEWEST = 10  # frames in which somebody stands; with fewer the lowest point of all is the floor
_FLOOR = 20.0  # percentile of what stands: who jumps from a roof lands on the floor; a guess
_LOOKED_AT = 60  # frames a person, evenly over the clip, that tell the floor
_FRAMES_AT_ONCE = 32  # of vertices, for memory


@dataclass(frozen=True, eq=False)
class Actor:
    """One posed person of N frames, before a world is chosen."""

    rows: Indices  # (N,) among the shot's frames
    seconds: Floats  # (N,)
    body: Body
    motion_cam: Motion
    gravity: Floats  # (N, 3) by stage 2, `cam`
    velocity: Floats  # (N, 3) of the root by stage 2, heading frame, m/s
    contacts: Floats  # (N, 6) by stage 2, 0..1

    def __post_init__(self) -> None:
        check_shapes(self, rows="N", seconds="N", gravity="N 3", velocity="N 3", contacts="N 6")


def place_world(actors: Sequence[Actor], frames: Indices, camera: CameraMotion) -> Floats:
    """Choose the world of a shot.

    Args:
        actors: Everybody.
        frames: (T,) numbers of the shot.
        camera: Its turn, and whether it walks.

    Returns:
        (T, 4, 4) `T_world_from_cam`: z against gravity, the first camera at x = y = 0 looking
        along +y, the floor on which people stand at z = 0.
    """
    T_world_from_cam = np.tile(np.eye(4), (len(frames), 1, 1))
    edges = (0, *camera.cuts, len(frames))
    for start, stop in pairwise(edges):
        present = [actor for actor in actors if start <= actor.rows[0] < stop]
        if present:  # between cuts without anybody there is nothing to place
            T_world_from_cam[start:stop] = _placed(present, frames, camera, slice(start, stop))
    return T_world_from_cam


def _placed(actors: Sequence[Actor], frames: Indices, camera: CameraMotion, part: slice) -> Floats:
    """(T, 4, 4) of the frames between two cuts."""
    turns = camera.R_first_from_cam[part]
    rows = [np.minimum(actor.rows - part.start, len(turns) - 1) for actor in actors]
    gravity = [
        np.einsum("nij,nj->ni", turns[row], actor.gravity)
        for actor, row in zip(actors, rows, strict=True)
    ]
    R_world_from_cam = level(np.concatenate(gravity)) @ turns
    walkers = [
        _walker(actor, R_world_from_cam[row], frames[part][row])
        for actor, row in zip(actors, rows, strict=True)
    ]
    position = np.zeros((len(turns), 3))
    if camera.walks and len(turns) > 2:
        speeds = [
            _speed(actor, R_world_from_cam[row]) for actor, row in zip(actors, rows, strict=True)
        ]
        position = camera_way(walkers, speeds, frames[part], _seconds(actors, rows, len(turns)))
    lowest: list[Floats] = []
    standing: list[Floats] = []
    for actor, walker, row in zip(actors, walkers, rows, strict=True):
        place = position[row]
        some = np.unique(np.linspace(0, len(row) - 1, _LOOKED_AT).astype(int))
        lowest.append(_lowest(actor, some, R_world_from_cam[row[some], 2]) + place[some, 2])
        stands = standing_on(replace(walker, pelvis=walker.pelvis + place), place)
        standing.append(stands[some])
    position[:, 2] -= floor_height(lowest, standing)
    return rigid(R_world_from_cam, position)


def _walker(actor: Actor, R_world_from_cam: Floats, frames: Indices) -> Walker:
    """A person's way from the camera (N, 3), along `world`."""
    rotations = actor.motion_cam.rotations.copy()
    rotations[:, 0] = R_world_from_cam @ rotations[:, 0]
    rest_joints = actor.body.rest_joints(actor.motion_cam.betas)
    pelvis = actor.motion_cam.transl + rest_joints[0]
    return Walker(
        limbs=forward_kinematics(rotations, rest_joints)[1][:, CONTACT_JOINTS],
        pelvis=np.einsum("nij,nj->ni", R_world_from_cam, pelvis),
        said=actor.contacts,
        edits=None,
        frames=frames,
        seconds=actor.seconds,
    )


def _speed(actor: Actor, R_world_from_cam: Floats) -> Floats:
    """(N, 3) the root's velocity by stage 2, along `world`, m/s."""
    R_world_from_pelvis = R_world_from_cam @ actor.motion_cam.rotations[:, 0]
    heading = heading_frame(R_world_from_pelvis, np.array([0.0, 0.0, 1.0]))
    return np.einsum("nij,nj->ni", heading, actor.velocity)


def _seconds(actors: Sequence[Actor], rows: Sequence[Indices], count: int) -> Floats:
    """(T,) of all frames; those in which nobody is seen lie evenly between."""
    known, first = np.unique(np.concatenate(rows), return_index=True)
    seconds = np.concatenate([actor.seconds for actor in actors])[first]
    step = float(np.median(np.diff(seconds) / np.diff(known))) if len(known) > 1 else 1.0 / 30.0
    before = seconds[0] + (np.arange(count) - known[0]) * step
    after = seconds[-1] + (np.arange(count) - known[-1]) * step
    inside = np.interp(np.arange(count), known, seconds)
    return np.where(
        np.arange(count) < known[0], before, np.where(np.arange(count) > known[-1], after, inside)
    )


def _lowest(actor: Actor, some: Indices, up: Floats) -> Floats:
    """(n,) how high along `up` (n, 3) in `cam` the lowest vertex lies in some frames, metres."""
    motion, lowest = actor.motion_cam, np.empty(len(some))
    for start in range(0, len(some), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        rotations, transl = motion.rotations[some[part]], motion.transl[some[part]]
        vertices = actor.body.vertices(rotations, motion.betas, transl)
        lowest[part] = (vertices @ up[part, :, None].astype(vertices.dtype))[..., 0].min(axis=1)
    return lowest


def level(gravity: Floats) -> Floats:
    """Choose the axes of a shot's world.

    Args:
        gravity: (M, 3) unit, in the first camera's frame: the opinions of all people and frames.

    Returns:
        (3, 3) `R_world_from_first`: z against gravity, the camera looking along +y.
    """
    up = _up(gravity)
    forward = np.array([0.0, 0.0, 1.0])
    if abs(forward @ up) > 0.999:  # looking straight down or up: the picture's up leads
        forward = -np.sign(forward @ up) * _UP_WITHOUT_GRAVITY
    forward = forward - (forward @ up) * up
    forward /= np.linalg.norm(forward)
    return np.stack((np.cross(forward, up), forward, up))


def floor_height(lowest: Sequence[Floats], standing: Sequence[Floats]) -> float:
    """How high the floor lies on which people stand.

    Args:
        lowest: For each person (N,) the height of the lowest point of the body, metres.
        standing: For each person (N,) the probability that a foot rests.
    """
    heights = np.concatenate(lowest)
    stands = np.concatenate(standing) > _STANDS
    if stands.sum() < _FEWEST:
        return float(heights.min())
    return float(np.percentile(heights[stands], _FLOOR))


def move_to_world(motion_cam: Motion, T_world_from_cam: Floats, rest_pelvis: Floats) -> Motion:
    """Apply (N, 4, 4) or (4, 4) to a motion in `cam`.

    Args:
        motion_cam: N frames.
        T_world_from_cam: Metres.
        rest_pelvis: (3,) of the shaped body: SMPL turns about it, not about the origin.
    """
    R_world_from_cam = T_world_from_cam[..., :3, :3]
    rotations = motion_cam.rotations.copy()
    rotations[:, 0] = R_world_from_cam @ rotations[:, 0]
    pelvis = (R_world_from_cam @ (motion_cam.transl + rest_pelvis)[..., None])[..., 0]
    return Motion(
        rotations=rotations,
        transl=pelvis + T_world_from_cam[..., :3, 3] - rest_pelvis,
        betas=motion_cam.betas,
    )


def _up(gravity: Floats) -> Floats:
    """(3,) unit in `cam`: against the geometric median of opinions. Source: Weiszfeld, 1937."""
    centre = gravity.mean(axis=0)
    for _ in range(20):
        weight = 1.0 / np.maximum(np.linalg.norm(gravity - centre, axis=1), 1e-6)
        centre = (gravity * weight[:, None]).sum(axis=0) / weight.sum()
    length = float(np.linalg.norm(centre))
    return -centre / length if length > 1e-6 else _UP_WITHOUT_GRAVITY
