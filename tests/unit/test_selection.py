"""How well samples lie on the picture, in words for people."""

import numpy as np
import pytest

from fhmr_blender.core.calibration import LandmarkCalibration
from fhmr_blender.core.camera import project
from fhmr_blender.core.skeleton import LIMB_LANDMARKS, LIMB_NAMES
from fhmr_blender.pipeline.alignment import Build
from fhmr_blender.pipeline.evidence import Evidence
from fhmr_blender.pipeline.selection import picture_agreement

DEPTH, STATURE = 4.0, 1.6
INTRINSICS = np.array([[800.0, 800.0, 400.0, 300.0]])
BUILD = Build(
    rest_joints=np.zeros((24, 3)),
    stature=STATURE,
    calibration=LandmarkCalibration(np.zeros(33, dtype=int), np.zeros((33, 3)), np.ones(33)),
)
ARM = LIMB_NAMES.index("left_arm")


@pytest.mark.parametrize(("share", "said"), [(0.0, 1.0), (0.05, np.exp(-1.0)), (0.1, np.exp(-2.0))])
def test_agreement_falls_with_the_distance_in_the_picture(share: float, said: float) -> None:
    marks = np.random.default_rng(0).normal(0.0, 0.3, (1, 1, 33, 3))
    marks[..., 2] = DEPTH
    pixels = project(marks[0], INTRINSICS)
    pixels[..., 0] += share * STATURE * 800.0 / DEPTH
    evidence = Evidence(pixels, np.ones((1, 33)), INTRINSICS, np.ones((1, 33)))
    found = picture_agreement(marks, np.array([[0.0, 0.0, DEPTH]]), BUILD, evidence, [ARM])
    np.testing.assert_allclose(found, [said], atol=1e-9)


def test_only_visible_landmarks_of_the_listed_limbs_count() -> None:
    marks = np.zeros((1, 1, 33, 3))
    marks[..., 2] = DEPTH
    pixels = project(marks[0], INTRINSICS)
    pixels[:, list(LIMB_LANDMARKS["right_leg"])] += 500.0
    pixels[:, LIMB_LANDMARKS["left_arm"][0]] += 500.0
    visible = np.ones((1, 33))
    visible[:, LIMB_LANDMARKS["left_arm"][0]] = 0.0
    told = (marks, np.array([[0.0, 0.0, DEPTH]]), BUILD)
    assert picture_agreement(*told, Evidence(pixels, visible, INTRINSICS, visible), [ARM])[0] == 1.0
    nothing = Evidence(pixels, np.zeros((1, 33)), INTRINSICS, np.ones((1, 33)))
    assert picture_agreement(*told, nothing, [ARM])[0] == 1.0
