"""What the picture says of one person, as far as it can be believed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from ..core.arrays import Bools, Floats, Indices, check_shapes
from ..core.calibration import LandmarkCalibration
from ..core.motion import Observations
from ..core.skeleton import LANDMARK_COUNT, LIMB_LANDMARKS, LIMB_NAMES

# How many looks of one kind a landmark is worth on which two agree. On rendered frames not trained
# on (90 clips): PA-MPJPE 121 / 96 / 116 mm of val / test / hdm05 after one look; after two at 5, 10
# and 20: 118 / 94 / 113, 118 / 95 / 113, 117 / 95 / 113, misfit in the picture a third less at 20.
_CONFIRMED = 10.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """Landmarks in the picture and how far each is to be trusted, N frames."""

    pixels: Floats  # (N, 33, 2) `image` frame
    visible: Floats  # (N, 33) 0..1, probability that the landmark is really seen
    intrinsics: Floats  # (N, 4) pixels
    worth: Floats  # (N, 33) of a landmark that is seen; 1 after a single look

    def __post_init__(self) -> None:
        check_shapes(self, pixels="N 33 2", visible="N 33", intrinsics="N 4", worth="N 33")

    def within(self, frames: Bools | Indices | slice) -> "Evidence":
        """Only some frames."""
        return Evidence(**{item.name: getattr(self, item.name)[frames] for item in fields(self)})

    def limb_visibility(self) -> Floats:
        """(N, 5) mean probability over each limb's landmarks."""
        columns = [self.visible[:, list(LIMB_LANDMARKS[limb])].mean(axis=1) for limb in LIMB_NAMES]
        return np.stack(columns, axis=-1)


def gather_evidence(observations: Observations, constants: Mapping[str, Floats]) -> Evidence:
    """Read observations with the detector's confidences calibrated.

    Args:
        observations: N frames.
        constants: `visibility_slope` and `visibility_intercept` (33,): the odds that a landmark is
            truly visible, from the odds that the detector gives.
    """
    said = np.clip(observations.keypoints[..., 3], 1e-6, 1.0 - 1e-6)
    slope, intercept = constants["visibility_slope"], constants["visibility_intercept"]
    odds = slope * np.log(said / (1.0 - said)) + intercept
    visible = 1.0 / (1.0 + np.exp(-odds)) * np.clip(confirmed_presence(observations), 0.0, 1.0)
    return Evidence(
        pixels=observations.keypoints[..., :2].astype(float),
        visible=visible,
        intrinsics=observations.intrinsics,
        worth=np.where(np.isnan(observations.agreement), 1.0, _CONFIRMED),
    )


def confirmed_presence(observations: Observations) -> Floats:
    """(N, 33) presence of the landmarks, less where two looks do not agree."""
    agreement = observations.agreement
    return observations.keypoints[..., 4] * np.where(np.isnan(agreement), 1.0, agreement)


def landmark_calibration(constants: Mapping[str, Floats]) -> LandmarkCalibration:
    """The landmarks' places on the body from `models/constants.npz`."""
    return LandmarkCalibration(
        joint=constants["landmark_joint"].astype(int),
        offset=constants["landmark_offset"].astype(float),
        sigma=constants["landmark_sigma"].astype(float).reshape(LANDMARK_COUNT),
    )
