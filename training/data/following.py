"""How far the front end follows the truth: the share of a body's change that it sees.

Where it sees a landmark right, what it says moves with the body. Where it has it wrong it holds on
to its own guess, and it never sees all of a change in depth. So an error measured on one pose must
not be carried to another as it is: truth plus such an error tells more than the front end does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats

# Shares at these 2D errors, in heights of the body in the picture; rows: landmarks in sight, hidden
# ones. As `bank_report` prints them (how the answers of near records of other clips differ, over
# how their truths do); those of world landmarks a quarter lower, since with the measured ones the
# landmark network's PA-MPJPE on simulated clips is 8 % too good.
_KNOTS = (3e-4, 0.01, 0.033, 0.085, 0.3)
_PLANE = ((1.0, 0.97, 0.9, 0.72, 0.0), (1.0, 0.95, 0.88, 0.62, 0.0))
_DEPTH = ((1.15, 1.15, 1.1, 1.0, 0.1), (0.9, 0.9, 0.9, 0.25, 0.0))
_WORLD_ACROSS = ((1.0, 0.8, 0.75, 0.5, 0.3), (1.0, 0.7, 0.7, 0.5, 0.3))
_WORLD_ALONG = ((1.0, 0.4, 0.4, 0.3, 0.3), (1.0, 0.4, 0.4, 0.3, 0.3))


@dataclass(frozen=True, eq=False)
class Shares:
    """Of a change of landmarks (..., 33), upright axes, what the front end shows."""

    plane: Floats  # (..., 33, 1)
    depth: Floats  # (..., 33)
    world: Floats  # (..., 33, 3)


def followed_shares(plane: Floats, visible: Bools) -> Shares:
    """What share of a change the front end shows where it errs so far.

    Args:
        plane: (..., 33, 2) 2D residual, in heights of the body in the picture.
        visible: (..., 33) whether the landmark is truly in sight.
    """
    error = np.log(np.maximum(np.linalg.norm(plane, axis=-1), _KNOTS[0]))

    def share(table: Sequence[Sequence[float]]) -> Floats:
        seen, hidden = (np.interp(error, np.log(_KNOTS), row) for row in table)
        return np.where(visible, seen, hidden)

    across = share(_WORLD_ACROSS)
    return Shares(
        plane=share(_PLANE)[..., None],
        depth=share(_DEPTH),
        world=np.stack((across, across, share(_WORLD_ALONG)), axis=-1),
    )
