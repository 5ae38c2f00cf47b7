"""The root's way: seen from the camera, pushed off from feet that stand, smoothed by inertia.

With a camera at rest every body is on its own. With a camera that may walk, the ways of all people
and the camera's are found together: the picture ties each body to the camera, and feet that stand
and what stage 2 says of the speed tie it to the ground.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Floats, Indices, check_shapes
from .paths import Track, find_paths
from .stance import FEET, stances

_ROUNDS = 3  # of finding who stands and moving accordingly
_ACROSS = 0.004  # radians: the pelvis' direction from the camera; a guess, a pixel or two
_DEPTH = 0.03  # of the distance: how well it is known from frame to frame; measured .007 to .03
_STEP = 0.015  # m between frames: how still a standing foot is in the pose; measured .010 to .025
_SPEED = 2.0  # m/s, of what stage 2 says of the root's speed: .8 measured, but it lasts
_AGILITY = 1.0  # m^2 / s^3 of a root, where nobody has chosen one; a guess
_CAMERA_AGILITY = 0.1  # m^2 / s^3 of a camera that walks; a guess
_STEADY = 0.03  # m, of a foot's height over a flat floor


@dataclass(frozen=True, eq=False)
class Walker:
    """What is known of one person's way, N frames."""

    limbs: Floats  # (N, 6, 3) the joints of CONTACT_NAMES from the pelvis, along `world`, metres
    pelvis: Floats  # (N, 3) as the camera saw it, along `world`, metres
    said: Floats  # (N, 6) contacts by stage 2, 0..1
    edits: object  # the artist's `contact_edits`
    frames: Indices  # (N,) numbers in the source
    seconds: Floats  # (N,)

    def __post_init__(self) -> None:
        check_shapes(self, limbs="N 6 3", pelvis="N 3", said="N 6", frames="N", seconds="N")

    def stances(self, way: Floats, camera: Floats) -> Floats:
        """(N, 6) what rests, if the pelvis went this way (N, 3) before this camera (N, 3)."""
        places = self.limbs + way[:, None]
        return stances(places, camera, self.seconds, self.said, self.edits, self.frames)


def steady_root(
    walker: Walker, camera: Floats, agility: float, push: float, ground: Floats | None = None
) -> tuple[Floats, Floats]:
    """Find the root's way and who stands, in turn.

    Args:
        walker: `pelvis` in `world`.
        camera: (N, 3) its places, metres, `world`.
        agility: m^2 / s^3 of the root.
        push: 0..1, how much standing feet count.
        ground: (4,) heights of ankles and toes over a flat floor at z = 0, metres; None: there is
            none.

    Returns:
        The pelvis (N, 3) and the probability of rest (N, 6).
    """
    seen = _seen_information(walker.pelvis - camera)
    still = np.zeros((max(len(walker.frames) - 1, 0), 3))
    way = _way(walker.pelvis, seen, still, still, agility, walker.seconds)
    likely = walker.stances(way, camera)
    if push <= 0.0:
        return way, likely
    for _ in range(_ROUNDS):
        moves, certainty = _pushed(walker.limbs, likely)
        places, information = walker.pelvis, seen
        if ground is not None:
            places, information = _stood(walker, likely, ground, places, push * information)
        way = _way(places, information, moves, push * certainty, agility, walker.seconds)
        likely = walker.stances(way, camera)
    return way, likely


def standing_on(walker: Walker, camera: Floats) -> Floats:
    """(N,) how likely one of the feet rests; the walker and the camera (N, 3) in `world`."""
    likely = steady_root(walker, camera, _AGILITY, 1.0)[1]
    return likely[:, FEET].max(axis=1)


def camera_way(
    walkers: Sequence[Walker],
    speeds: Sequence[Floats],
    frames: Indices,
    seconds: Floats,
) -> Floats:
    """Find how the camera walked, from the people before it.

    Args:
        walkers: `pelvis` from the camera, along `world`.
        speeds: (N, 3) each root's velocity by stage 2, along `world`, m/s.
        frames: (T,) of the shot.
        seconds: (T,).

    Returns:
        (T, 3) metres, from where it began.
    """
    places = [np.searchsorted(frames, walker.frames) for walker in walkers]
    likely = [np.zeros(walker.said.shape) for walker in walkers]
    camera = np.zeros((len(frames), 3))
    for _ in range(_ROUNDS + 1):
        tracks = tuple(
            _track(walker, speed, rests, place, len(frames))
            for walker, speed, rests, place in zip(walkers, speeds, likely, places, strict=True)
        )
        ways, camera = find_paths(tracks, seconds, _CAMERA_AGILITY)
        likely = [
            walker.stances(way[place], camera[place])
            for walker, way, place in zip(walkers, ways, places, strict=True)
        ]
    return camera


def _track(walker: Walker, speed: Floats, likely: Floats, place: Indices, count: int) -> Track:
    """One person over all frames of the shot."""
    seen = np.zeros((count, 3))
    information = np.zeros((count, 3, 3))
    seen[place], information[place] = walker.pelvis, _seen_information(walker.pelvis)
    moves, certainty = _pushed(walker.limbs, likely)
    steps = np.diff(walker.seconds)[:, None]
    told = 1.0 / (_SPEED * steps) ** 2
    moves = (certainty * moves + told * speed[1:] * steps) / (certainty + told)
    certainty = certainty + told
    displacement, known = np.zeros((count - 1, 3)), np.zeros((count - 1, 3))
    next_to = np.diff(place) == 1  # where frames are missing nothing is said of the way
    displacement[place[:-1][next_to]] = moves[next_to]
    known[place[:-1][next_to]] = certainty[next_to]
    return Track(seen, information, displacement, known, _AGILITY)


def _seen_information(from_camera: Floats) -> Floats:
    """(T, 3, 3) 1 / m^2 of places (T, 3) from the camera: much across the sight, little along."""
    distance = np.maximum(np.linalg.norm(from_camera, axis=-1), 0.1)[:, None, None]
    sight = from_camera[:, :, None] / distance
    along = sight @ np.swapaxes(sight, -1, -2)
    return (np.eye(3) - along) / (_ACROSS * distance) ** 2 + along / (_DEPTH * distance) ** 2


def _pushed(limbs: Floats, likely: Floats) -> tuple[Floats, Floats]:
    """How feet that stand move the root between frames: metres (T - 1, 3), certainty 1 / m^2."""
    moves = limbs[:-1, FEET] - limbs[1:, FEET]
    weight = (likely[:-1, FEET] * likely[1:, FEET]) ** 2  # doubtful feet hardly count
    total = weight.sum(axis=1)
    mean = (weight[..., None] * moves).sum(axis=1) / np.maximum(total, 1e-9)[:, None]
    return mean, np.repeat((total / _STEP**2)[:, None], 3, axis=1)


def _stood(
    walker: Walker, likely: Floats, ground: Floats, places: Floats, information: Floats
) -> tuple[Floats, Floats]:
    """Places and information with what feet on a flat floor say of the pelvis' height."""
    weight = likely[:, FEET] ** 2 / _STEADY**2
    height = ground - walker.limbs[:, FEET, 2]
    known = information.copy()
    known[:, 2, 2] += weight.sum(axis=1)
    pull = (information @ places[..., None])[..., 0]
    pull[:, 2] += (weight * height).sum(axis=1)
    return np.linalg.solve(known, pull[..., None])[..., 0], known


def _way(
    places: Floats,
    information: Floats,
    moves: Floats,
    certainty: Floats,
    agility: float,
    seconds: Floats,
) -> Floats:
    track = Track(places, information, moves, certainty, agility)
    return find_paths((track,), seconds)[0][0]
