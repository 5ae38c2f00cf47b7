"""Body, height and lens changed after estimating, without looking at the footage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import LIMB_JOINTS, TORSO_JOINTS
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.bodies import body_named
from fhmr_blender.pipeline.resolve import Changes, resolve, settings_of
from fhmr_blender.pipeline.weights import Networks
from tests.unit.sitter import networks, posture, shot

COUNT = 5


def anchor_network(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An upright body in the middle of the region, as large as it says."""
    frames = inputs["seconds"].shape[1]
    upright = matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    rotations = np.tile(np.eye(3), (1, frames, 6, 1, 1))
    rotations[:, :, 0] = upright
    translation = np.zeros((1, frames, 3))
    translation[..., 2] = np.log(1.0)
    return {
        "rotations": rotations,
        "translation": translation,
        "betas": np.zeros((1, 10)),
        "log_variance": np.full((1, frames, 8), -3.0),
        "first_guess": np.tile(np.eye(3), (1, frames, 18, 1, 1)),
    }


def both() -> Networks:
    return replace(networks(), anchor=anchor_network)


def solved(changes: Changes | None = None, before: Shot | None = None) -> Shot:
    return resolve(before or shot(COUNT), both(), changes or Changes(), silent)


def test_the_same_wishes_give_the_same_bits() -> None:
    once = solved()
    assert shot_file.encode(solved(before=once)) == shot_file.encode(once)


def test_a_longer_lens_moves_the_person_away_and_keeps_the_picture() -> None:
    near = solved()
    focal = 2.0 * float(near.intrinsics[0, 0])
    far = solved(Changes(focal=focal), near)
    np.testing.assert_allclose(far.intrinsics[:, :2], focal)
    np.testing.assert_allclose(far.people[0].observations.intrinsics[:, :2], focal)
    depths = [one.people[0].joints_cam[:, 0, 2].mean() for one in (near, far)]
    assert depths[1] == pytest.approx(2.0 * depths[0], rel=0.15)
    pixels = [project(one.people[0].joints_cam, one.intrinsics)[:, 0] for one in (near, far)]
    np.testing.assert_allclose(pixels[0], pixels[1], atol=8.0)  # of 480
    assert far.settings["lens"] == "given"


def test_a_typed_height_is_the_bodys_and_can_be_taken_back() -> None:
    plain = solved()
    tall = solved(Changes(heights={1: 1.95}), plain)
    body = body_named("neutral")
    assert float(body.stature(tall.people[0].motion_cam.betas)) == pytest.approx(1.95, abs=2e-3)
    assert tall.settings["heights"] == {"1": 1.95}
    back = solved(Changes(heights={1: None}), tall)
    assert shot_file.encode(back) == shot_file.encode(plain)


def test_another_body_is_only_for_the_one_who_asked() -> None:
    two = solved(before=shot(COUNT, people=2))
    male = solved(Changes(bodies={2: "male"}), two)
    assert male.settings["body"]["1"]["name"] == "neutral"
    assert male.settings["body"]["2"]["name"] == "male"
    for name in ("rotations", "transl", "betas"):
        before, after = (getattr(one.people[0].motion_cam, name) for one in (two, male))
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(two.people[1].motion_cam.betas, male.people[1].motion_cam.betas)


def test_what_was_seen_and_what_the_artist_did_stays() -> None:
    before = shot(COUNT)
    pins = {"pins": [{"joint": "left_wrist"}], "contact_edits": []}
    before = replace(before, people=(replace(before.people[0], edits=pins),))
    after = solved(Changes(heights={1: 1.6}), before).people[0]
    assert after.edits == pins
    assert after.id == 1
    np.testing.assert_array_equal(
        after.observations.keypoints, before.people[0].observations.keypoints
    )
    np.testing.assert_array_equal(after.observations.frames, np.arange(COUNT))


def test_an_edited_keypoint_counts_and_the_seen_one_stays_stored() -> None:
    before = solved()
    moved = [{"frame": 0, "end": COUNT, "landmark": "left_wrist", "x": 40.0, "y": 60.0}]
    edited = replace(before, people=(replace(before.people[0], edits={"keypoint_edits": moved}),))
    after = solved(before=edited).people[0]
    arm = LIMB_JOINTS[2:6]
    assert not np.allclose(
        after.motion_cam.rotations[:, arm], before.people[0].motion_cam.rotations[:, arm]
    )
    np.testing.assert_array_equal(
        after.observations.keypoints, before.people[0].observations.keypoints
    )


def test_what_was_drawn_again_is_forgotten_in_the_recipe() -> None:
    before = shot(COUNT)
    drawn = replace(before, settings={**before.settings, "resampled": [{"seed": 5}]})
    assert "resampled" not in solved(before=drawn).settings


def test_a_given_camera_stays_where_it_was() -> None:
    before = shot(COUNT)
    known = replace(
        before, settings={**before.settings, "camera_motion": {"given": True, "walks": False}}
    )
    after = solved(Changes(heights={1: 1.9}), known)
    np.testing.assert_array_equal(after.T_world_from_cam, before.T_world_from_cam)


def test_the_recipe_is_read_back() -> None:
    plain = solved(Changes(heights={1: 1.7}))
    settings = settings_of(plain)
    assert settings.height_of(1) == 1.7
    assert settings.body_of(1) == "neutral"
    assert settings.seed == plain.settings["seed"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Changes(bodies={7: "male"}), "no person 7"),
        (Changes(heights={1: 9.0}), "fits no adult"),
        (Changes(focal=float("nan")), "focal length"),
        (Changes(bodies={1: "nobody.npz"}), "does not exist"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(changes: Changes, said: str) -> None:
    with pytest.raises(FhmrError, match=said):
        solved(changes)


def test_the_torso_follows_stage_1() -> None:
    """That the little network above is asked at all."""
    first = solved().people[0].anchor.rotations
    assert not np.allclose(first, posture(COUNT, seed=1).rotations[:, TORSO_JOINTS])
