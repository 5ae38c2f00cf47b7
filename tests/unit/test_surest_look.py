"""Of several looks the one of which stage 1 is surest is believed, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fhmr_blender.core.motion import Observations
from fhmr_blender.pipeline.runtime import Network
from fhmr_blender.pipeline.surest_look import surest_look
from tests.unit.sitter import never, person
from tests.unit.test_people_edits import anchor_network

COUNT = 24


def doubting(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stage 1, the less sure of the root the less present the landmarks are."""
    answer = anchor_network(inputs)
    doubt = answer["log_variance"].copy()
    doubt[..., 0] = -inputs["landmarks"][..., 4].mean(axis=-1)
    return {**answer, "log_variance": doubt}


def two_looks(present: np.ndarray) -> tuple[Observations, Observations]:
    """A look of which stage 1 is half sure, and another one, (COUNT,) sure."""
    first = person(COUNT).observations
    keypoints, again = first.keypoints.copy(), first.keypoints + 3.0
    keypoints[..., 4] = 0.5
    again[..., 4] = present[:, None]
    agreed = np.full((COUNT, 33), 1.0)
    return (
        replace(first, keypoints=keypoints, agreement=agreed),
        replace(first, keypoints=again, agreement=agreed, region=first.region * 1.3),
    )


def test_each_frame_takes_the_look_of_which_stage_1_is_surer() -> None:
    present = np.where(np.arange(COUNT) < 12, 0.1, 0.9)
    first, second = two_looks(present)
    believed = surest_look((first, second), None, doubting)
    for name in ("keypoints", "keypoints_world", "region", "agreement", "image_feature"):
        found = getattr(believed, name)
        np.testing.assert_array_equal(found[:12], getattr(first, name)[:12])
        np.testing.assert_array_equal(found[12:], getattr(second, name)[12:])
    np.testing.assert_array_equal(believed.bbox, first.bbox)


def test_a_single_sure_frame_changes_nothing() -> None:
    present = np.where(np.arange(COUNT) == 10, 0.9, 0.3)
    first, second = two_looks(present)
    believed = surest_look((first, second), None, doubting)
    np.testing.assert_array_equal(believed.keypoints, first.keypoints)


def test_one_look_asks_nobody() -> None:
    first, _ = two_looks(np.zeros(COUNT))
    assert surest_look((first,), None, never) is first


def test_doubt_of_the_limbs_counts_and_the_root_twice() -> None:
    first, second = two_looks(np.full(COUNT, 0.9))

    def limbs_told(root: float) -> Network:
        """Stage 1, doubting a limb of the more present look by 1, the root of the other."""

        def network(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            answer = anchor_network(inputs)
            sure = inputs["landmarks"][..., 4].mean(axis=-1) > 0.7
            doubt = np.zeros_like(answer["log_variance"])
            doubt[..., 3] = np.where(sure, 1.0, 0.0)
            doubt[..., 0] = np.where(sure, 0.0, root)
            return {**answer, "log_variance": doubt}

        return network

    for root, expected in ((0.4, first), (0.6, second)):
        believed = surest_look((first, second), None, limbs_told(root))
        np.testing.assert_array_equal(believed.keypoints, expected.keypoints)
