"""Which of several looks at a person to believe: the one of which stage 1 is surest.

Where looks differ, the landmark network does not know which of them is right; stage 1 knows what
bodies do, and its doubt tells more than how far the looks agree (`training/journal.md`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..core.arrays import Floats
from ..core.motion import Observations
from .anchor import regress_anchor, view_of
from .runtime import Network

# What stage 1's log variances count for: root, torso, the five limbs, log depth. Twice the root and
# once all joints judge a little better than the root alone, or all alike (training/journal.md).
_SAY = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
_STEADY = 5  # frames over which doubt is averaged: a look is not changed for a single frame
_LOOKED = ("region", "keypoints", "keypoints_world", "agreement", "image_feature")


def surest_look(
    looks: Sequence[Observations], R_world_from_cam: Floats | None, network: Network
) -> Observations:
    """Put together what is believed of a person.

    Args:
        looks: The same N frames, seen by one look each.
        R_world_from_cam: (N, 3, 3) up to one common rotation; None where it is unknown.
        network: `models/anchor.onnx`, or any function with its inputs and outputs.
    """
    first = looks[0]
    if len(looks) == 1:
        return first
    doubts = np.stack(
        [
            _steady(regress_anchor(view_of(look, R_world_from_cam), network).log_variance @ _SAY)
            for look in looks
        ]
    )
    surest, rows = doubts.argmin(axis=0), np.arange(len(first.frames))
    chosen = {name: np.stack([getattr(look, name) for look in looks]) for name in _LOOKED}
    return replace(first, **{name: arrays[surest, rows] for name, arrays in chosen.items()})


def _steady(doubt: Floats) -> Floats:
    """(N,) the mean over neighbouring frames."""
    reach = _STEADY // 2
    return np.convolve(np.pad(doubt, reach, mode="edge"), np.full(_STEADY, 1 / _STEADY), "valid")
