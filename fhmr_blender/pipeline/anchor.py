"""Stage 1: torso, root and shape by regression, a trust and a first guess for every limb.

Source: FactorizedHMR (arXiv 2605.14854), stage 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from ..core.arrays import Bools, Floats, check_shapes
from ..core.camera import PersonCamera
from ..core.motion import Observations
from ..core.person_view import NetworkInputs, network_inputs, pelvis_cam
from ..core.rotations import nearest_rotation
from .evidence import confirmed_presence
from .runtime import Network
from .windows import cut, fades


@dataclass(frozen=True, eq=False)
class View:
    """One person's observations as the networks see them, N frames."""

    inputs: NetworkInputs
    camera: PersonCamera

    def batch(self, frames: slice) -> dict[str, Floats]:
        """The inputs of some frames, with a batch axis of one."""
        return {
            item.name: np.asarray(getattr(self.inputs, item.name)[frames], dtype=np.float32)[None]
            for item in fields(self.inputs)
        }


@dataclass(frozen=True, eq=False)
class Regression:
    """What stage 1 says, in `cam`, before it is aligned to the picture."""

    rotations: Floats  # (N, 6, 3, 3) TORSO_JOINTS; the pelvis cam from body, others parent-relative
    pelvis: Floats  # (N, 3) metres
    betas: Floats  # (10,) of the neutral body
    log_variance: Floats  # (N, 8) root, torso, the five limbs: rad^2 about each axis; log depth
    first_guess: Floats  # (N, 18, 3, 3) LIMB_JOINTS, parent-relative

    def __post_init__(self) -> None:
        check_shapes(
            self,
            rotations="N 6 3 3",
            pelvis="N 3",
            betas="10",
            log_variance="N 8",
            first_guess="N 18 3 3",
        )


def view_of(observations: Observations, R_world_from_cam: Floats | None) -> View:
    """Turn observations into the person camera.

    Args:
        observations: N frames.
        R_world_from_cam: (N, 3, 3) up to one common rotation; None where it is unknown.
    """
    keypoints = observations.keypoints.copy()
    keypoints[..., 4] = confirmed_presence(observations)
    inputs, camera = network_inputs(
        seconds=observations.seconds,
        intrinsics=observations.intrinsics,
        region=observations.region,
        keypoints=keypoints,
        keypoints_world=observations.keypoints_world,
        image_feature=observations.image_feature,
        R_world_from_cam=R_world_from_cam,
    )
    return View(_without_hidden(inputs, observations.track_confidence == 0.0), camera)


def _without_hidden(inputs: NetworkInputs, hidden: Bools) -> NetworkInputs:
    """Frames in which the person was not seen are flagged absent, N frames; single landmarks, too,
    whose presence is plainly 0: somebody has marked them wrong."""
    given = inputs.given.copy()
    given[hidden, :4] = 0.0  # all but the camera's motion
    absent = hidden[:, None] | (inputs.landmarks[..., 4] == 0.0)
    landmark_given = np.where(absent, 0.0, inputs.landmark_given)
    return replace(inputs, given=given, landmark_given=landmark_given)


def regress_anchor(
    view: View, network: Network, on_window: Callable[[float], None] = lambda _: None
) -> Regression:
    """Run stage 1 over a clip of any length.

    Args:
        view: N frames.
        network: `models/anchor.onnx`, or any function with its inputs and outputs.
        on_window: Told the share of windows that are done.
    """
    windows = cut(len(view.inputs.seconds))
    answers: list[dict[str, Floats]] = []
    for index, window in enumerate(windows):
        on_window(index / len(windows))
        answers.append(network(view.batch(window.frames)))
    says = fades(windows)
    count = len(view.inputs.seconds)

    def blended(name: str) -> Floats:
        total = np.zeros((count, *answers[0][name].shape[2:]))
        for window, say, answer in zip(windows, says, answers, strict=True):
            weight = say.reshape(-1, *(1 for _ in total.shape[1:]))
            total[window.frames] += weight * answer[name][0]
        return total

    lengths = [float(say.sum()) for say in says]
    betas = np.average([answer["betas"][0] for answer in answers], axis=0, weights=lengths)
    rotations = nearest_rotation(blended("rotations"))
    rotations[:, 0] = view.camera.R_cam_from_person @ rotations[:, 0]
    return Regression(
        rotations=rotations,
        pelvis=pelvis_cam(blended("translation"), view.camera),
        betas=betas.astype(float),
        log_variance=blended("log_variance"),
        first_guess=nearest_rotation(blended("first_guess")),
    )
