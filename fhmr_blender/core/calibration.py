"""Where the detector's 33 landmarks lie on the body: a joint and an offset in its frame."""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Indices, check_shapes


@dataclass(frozen=True, eq=False)
class LandmarkCalibration:
    """Measured over rendered pairs; valid for every mesh, since it needs no vertex."""

    joint: Indices  # (33,) SMPL joint
    offset: Floats  # (33, 3) in the joint's frame, units of stature
    sigma: Floats  # (33,) robust 2D deviation, units of the person's height in the picture

    def __post_init__(self) -> None:
        check_shapes(self, joint="33", offset="33 3", sigma="33")

    def landmarks(self, rotations_outer: Floats, joints: Floats, stature: Floats | float) -> Floats:
        """Predict the landmarks.

        Args:
            rotations_outer: (..., 24, 3, 3) joint frames in the outer frame.
            joints: (..., 24, 3) metres, outer frame.
            stature: (...,) metres.

        Returns:
            (..., 33, 3) metres, outer frame.
        """
        scale = np.asarray(stature)[..., None, None]
        turned = np.einsum("...nij,nj->...ni", rotations_outer[..., self.joint, :, :], self.offset)
        return joints[..., self.joint, :] + scale * turned
