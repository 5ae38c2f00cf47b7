"""Pairs whose pictures were looked at twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fhmr_blender.core.second_look import unmirrored, unmirrored_world
from tests.training import tiny
from tests.training.synthetic_pairs import exact_clip
from tests.unit.sitter import never
from tests.unit.test_people_edits import anchor_network
from training.data.pairs import MIRRORED_PICTURE
from training.data.sample import PairClip
from training.data.second_looks import seen_twice
from training.evaluation.clips import observations_of, paired, single_pictures
from training.evaluation.contestants import Tools
from training.evaluation.methods import look_at

WRIST = 15


def twins(shift: float) -> tuple[PairClip, PairClip]:
    """A clip, and what is said of its mirror image: the left wrist is seen `shift` sides lower."""
    clip = exact_clip(0, tiny.body(), tiny.calibration())
    again = clip.keypoints.copy()
    again[:, WRIST, 1] += shift * clip.region[:, 2]
    region = clip.region.copy()
    region[:, 0] = clip.size[0] - region[:, 0]
    return clip, replace(
        clip,
        name=clip.name + MIRRORED_PICTURE,
        region=region,
        keypoints=unmirrored(again, float(clip.size[0])).astype(np.float32),
        keypoints_world=unmirrored_world(clip.keypoints_world).astype(np.float32),
    )


def test_two_looks_meet_in_the_middle_and_presence_tells_how_they_agree() -> None:
    clip, mirrored = twins(0.02)
    here, there = seen_twice([clip, mirrored])
    assert (here.name, there.name) == (clip.name, mirrored.name)
    down = (here.keypoints - clip.keypoints)[:, :, 1] / clip.region[:, 2:3]
    np.testing.assert_allclose(down[:, WRIST], 0.01, atol=1e-4)
    np.testing.assert_allclose(np.delete(down, WRIST, axis=1), 0.0, atol=1e-5)
    kept = here.keypoints[..., 4] / clip.keypoints[..., 4]
    assert (kept[:, WRIST] < 0.5).all()
    np.testing.assert_allclose(np.delete(kept, WRIST, axis=1), 1.0, atol=1e-3)
    np.testing.assert_allclose(here.keypoints_world, clip.keypoints_world, atol=1e-5)
    # Both ways round it is one answer, seen from either side.
    back = unmirrored(there.keypoints, float(clip.size[0]))
    np.testing.assert_allclose(back[..., :3], here.keypoints[..., :3], atol=1e-2)


def test_where_one_look_found_nobody_the_first_one_stands() -> None:
    clip, mirrored = twins(0.02)
    found = np.arange(len(clip)) % 2 == 0
    here, _ = seen_twice([clip, replace(mirrored, found=found)])
    np.testing.assert_allclose(here.keypoints[~found], clip.keypoints[~found], atol=1e-4)
    moved = here.keypoints[found][:, WRIST, 1] - clip.keypoints[found][:, WRIST, 1]
    assert (moved > 0.5).all()  # pixels
    assert seen_twice([clip, clip]) == ()


def test_single_pictures_are_measured_after_two_looks_and_clips_after_one() -> None:
    clip, mirrored = twins(0.2)
    cases = paired([clip, mirrored], None)
    constants = {"visibility_slope": np.ones(33), "visibility_intercept": np.zeros(33)}
    tools = Tools(anchor_network, never, None, None, constants, tiny.body(), 1, 1)
    once = look_at(cases[0], tools).evidence
    picture = look_at(single_pictures(cases, 4)[1], tools).evidence
    assert (once.worth == 1.0).all() and (picture.worth > 1.0).all()
    assert picture.visible[0, WRIST] < 0.1 * once.visible[4, WRIST]
    assert np.isnan(observations_of(clip).agreement).all()
    lost = replace(mirrored, found=np.zeros(len(clip), dtype=bool))
    assert np.isnan(observations_of(clip, lost).agreement).all()
