"""Ways through the world by least squares: what was seen, what stands still, and inertia.

Every body (and, where it moves, the camera) has a place and a velocity in every frame. Unknown
accelerations link the frames; observations of places pull, and so do displacements between frames,
such as that of a foot that stands. The normal equations are block tridiagonal and are solved by
cyclic reduction, all frames of a level at once.
Sources: Rauch, Tung & Striebel, 1965 (the smoother that this is in one go); Hockney, 1965 (cyclic
reduction).
"""

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Floats, check_shapes

_RESTING = 1e-6  # of information: keeps what nothing observes from being singular


@dataclass(frozen=True, eq=False)
class Track:
    """What is known of one body's way, T frames."""

    places: Floats  # (T, 3) metres, `world`; with a moving camera: seen from the camera
    information: Floats  # (T, 3, 3) of them, 1 / m^2; 0 where the body was not seen
    displacement: Floats  # (T - 1, 3) metres from each frame to the next one
    certainty: Floats  # (T - 1, 3) of it, 1 / m^2; by axis
    agility: float  # m^2 / s^3: the power of unknown accelerations

    def __post_init__(self) -> None:
        check_shapes(self, places="T 3", information="T 3 3")
        check_shapes(self, displacement="S 3", certainty="S 3")


def find_paths(
    tracks: tuple[Track, ...], seconds: Floats, camera_agility: float | None = None
) -> tuple[Floats, Floats]:
    """Find the ways of all bodies, and of the camera.

    Args:
        tracks: One a body, over the same T frames.
        seconds: (T,) increasing.
        camera_agility: As for a body; None where the camera stays at the origin.

    Returns:
        (P, T, 3) the bodies, and (T, 3) the camera, which starts at the origin; metres.
    """
    moving = camera_agility is not None
    agilities = [track.agility for track in tracks] + ([camera_agility] if moving else [])
    count, bodies = len(seconds), len(agilities)
    diagonal = np.zeros((count, bodies, 2, 3, bodies, 2, 3))
    upper = np.zeros((max(count - 1, 0), bodies, 2, 3, bodies, 2, 3))
    right = np.zeros((count, bodies, 2, 3))
    axes = np.arange(3)
    for body, agility in enumerate(agilities):
        _add_inertia(diagonal, upper, body, np.diff(seconds), float(agility or 0.0))
        diagonal[:, body, :, axes, body, :, axes] += _RESTING * np.eye(2)
    for body, track in enumerate(tracks):
        pull = (track.information @ track.places[..., None])[..., 0]
        diagonal[:, body, 0, :, body, 0, :] += track.information
        right[:, body, 0] += pull
        if moving:
            diagonal[:, -1, 0, :, -1, 0, :] += track.information
            diagonal[:, body, 0, :, -1, 0, :] -= track.information
            diagonal[:, -1, 0, :, body, 0, :] -= track.information
            right[:, -1, 0] -= pull
        diagonal[:-1, body, 0, axes, body, 0, axes] += track.certainty
        diagonal[1:, body, 0, axes, body, 0, axes] += track.certainty
        upper[:, body, 0, axes, body, 0, axes] -= track.certainty
        right[1:, body, 0] += track.certainty * track.displacement
        right[:-1, body, 0] -= track.certainty * track.displacement
    if moving:
        diagonal[0, -1, 0, axes, -1, 0, axes] += 1e8  # it starts at the origin: to 0.1 mm
    size = bodies * 6
    found = solve_tridiagonal(
        diagonal.reshape(count, size, size),
        upper.reshape(len(upper), size, size),
        right.reshape(count, size),
    ).reshape(count, bodies, 2, 3)
    places = np.moveaxis(found[:, :, 0], 1, 0)
    return places[: len(tracks)], places[-1] if moving else np.zeros((count, 3))


def solve_tridiagonal(diagonal: Floats, upper: Floats, right: Floats) -> Floats:
    """Solve a symmetric block tridiagonal system by cyclic reduction.

    Args:
        diagonal: (T, C, C), positive definite as a whole.
        upper: (T - 1, C, C) block t couples t with t + 1.
        right: (T, C).

    Returns:
        (T, C).
    """
    if len(diagonal) == 1:
        return np.linalg.solve(diagonal, right[..., None])[..., 0]
    odd, before, after = diagonal[1::2], upper[0::2], upper[1::2]
    both = len(after)  # odd blocks that have an even one on either side
    forward = np.linalg.solve(odd, np.swapaxes(before, -1, -2))
    backward = np.linalg.solve(odd[:both], after)
    own = np.linalg.solve(odd, right[1::2, :, None])
    kept, kept_right = diagonal[0::2].copy(), right[0::2, :, None].copy()
    kept[: len(odd)] -= before @ forward
    kept_right[: len(odd)] -= before @ own
    kept[1 : 1 + both] -= np.swapaxes(after, -1, -2) @ backward
    kept_right[1 : 1 + both] -= np.swapaxes(after, -1, -2) @ own[:both]
    even = solve_tridiagonal(kept, -before[:both] @ backward, kept_right[..., 0])
    solved = np.empty_like(right)
    solved[0::2] = even
    answer = own - forward @ even[: len(odd), :, None]
    answer[:both] -= backward @ even[1 : 1 + both, :, None]
    solved[1::2] = answer[..., 0]
    return solved


def _add_inertia(diagonal: Floats, upper: Floats, body: int, steps: Floats, agility: float) -> None:
    """Link each frame's place and velocity with the next one's, in place.

    Source: Bar-Shalom et al., Estimation with Applications to Tracking and Navigation, 2001, 6.2
    (white noise acceleration in continuous time).
    """
    forward = np.zeros((len(steps), 2, 2))
    forward[:, 0, 0] = forward[:, 1, 1] = 1.0
    forward[:, 0, 1] = steps
    noise = np.empty((len(steps), 2, 2))
    noise[:, 0, 0], noise[:, 1, 1] = steps**3 / 3.0, steps
    noise[:, 0, 1] = noise[:, 1, 0] = steps**2 / 2.0
    information = np.linalg.inv(agility * noise)
    onwards = np.swapaxes(forward, -1, -2) @ information
    for axis in range(3):
        diagonal[:-1, body, :, axis, body, :, axis] += onwards @ forward
        diagonal[1:, body, :, axis, body, :, axis] += information
        upper[:, body, :, axis, body, :, axis] -= onwards
