"""A focal length from the bodies themselves, where nothing else tells it.

Through the wrong lens the perspective of a body near the camera does not fit: stage 1, asked with
several lenses, meets the landmarks best near the true one. The valley is shallow, so the lens that
was assumed has a say, and is kept unless another one is clearly better.
Measured on thirteen rendered clips of 2 to 10 s: mean error of the lens (log) .30 -> .22 where the
assumed one was 30 % off, .51 -> .38 where it was 60 % off, .06 where it was right.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..core.arrays import Floats, Indices
from ..core.motion import Observations, assemble
from .alignment import Build, Posture, reprojection
from .anchor import regress_anchor, view_of
from .bodies import body_named
from .evidence import gather_evidence, landmark_calibration
from .weights import Networks

_RATIOS = np.array([0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0])  # of the assumed focal length
_ASSUMED = 0.2  # of log misfit, for a lens e times as long as the assumed one; measured
_GAIN = 0.01  # of log misfit, that another lens must be better by; measured
_FRAMES = 64  # at most, evenly over a person's clip
_PEOPLE = 3  # the most prominent; more would only take longer
_FEWEST = 24  # frames of a person, below which nothing is said


def focal_ratio(
    people: Sequence[Observations], R_first_from_cam: Floats, frames: Indices, networks: Networks
) -> float | None:
    """How much longer the lens is than the one that was assumed.

    Args:
        people: With the assumed intrinsics.
        R_first_from_cam: (T, 3, 3) the camera's turn.
        frames: (T,) numbers of the shot.
        networks: `anchor` is called.

    Returns:
        None where the bodies do not tell.
    """
    misfits: list[Floats] = []
    for person in people[:_PEOPLE]:
        if len(person.frames) >= _FEWEST:
            some = np.unique(np.linspace(0, len(person.frames) - 1, _FRAMES).astype(int))
            turns = R_first_from_cam[np.searchsorted(frames, person.frames[some])]
            few = _some(person, some)
            misfits.append(np.array([_misfit(few, turns, ratio, networks) for ratio in _RATIOS]))
    if not misfits:
        return None
    return lowest(np.log(np.array(misfits)).mean(axis=0))


def lowest(log_misfit: Floats) -> float | None:
    """The ratio at the bottom of a valley (7,) over `_RATIOS`, if it is deep enough."""
    curve = np.polynomial.Polynomial.fit(np.log(_RATIOS), log_misfit, 3)
    fine: Floats = np.linspace(math.log(0.5), math.log(2.0), 101)
    misfit: Floats = np.asarray(curve(fine), dtype=float)
    best = int(np.argmin(misfit + _ASSUMED * fine**2))
    assumed = float(np.interp(0.0, fine, misfit))
    return float(np.exp(fine[best])) if assumed - misfit[best] > _GAIN else None


def _misfit(person: Observations, turns: Floats, ratio: float, networks: Networks) -> float:
    """Mean distance of stage 1's landmarks to those seen, over the body's height."""
    lens = person.intrinsics * np.array([ratio, ratio, 1.0, 1.0])
    through = replace(person, intrinsics=lens)
    said = regress_anchor(view_of(through, turns), networks.anchor)
    body = body_named("neutral")
    build = Build(
        body.rest_joints(said.betas),
        float(body.stature(said.betas)),
        landmark_calibration(networks.constants),
    )
    posture = Posture(assemble(said.rotations, said.first_guess), said.pelvis)
    height = build.stature * lens[:, 1] / np.maximum(said.pelvis[:, 2], 0.1)
    distance = reprojection(posture, build, gather_evidence(through, networks.constants))
    return max(float((distance / height).mean()), 1e-6)


def _some(person: Observations, rows: Indices) -> Observations:
    return Observations(**{name: array[rows] for name, array in vars(person).items()})
