"""The whole way on real pictures, with the networks that ship."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core import shot_file
from fhmr_blender.core.camera import project
from fhmr_blender.core.frames import transform
from fhmr_blender.core.motion import FIRST_GUESS, Person, Shot
from fhmr_blender.core.rotations import geodesic_angle, matrix_from_sixd
from fhmr_blender.core.shot_layout import arrays_of
from fhmr_blender.core.skeleton import (
    LIMB_JOINTS,
    LIMB_NAMES,
    LIMB_OF_LIMB_JOINT,
)
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import Cancelled, silent
from fhmr_blender.pipeline.alignment import Build, Posture, reprojection
from fhmr_blender.pipeline.bodies import body_named
from fhmr_blender.pipeline.estimate import EstimateSettings, estimate
from fhmr_blender.pipeline.evidence import gather_evidence, landmark_calibration
from fhmr_blender.pipeline.footage import Footage, MovieWriter, write_picture
from fhmr_blender.pipeline.resample import ResampleSettings, resample
from tests.unit.footage_networks import shipped

DATA = Path(__file__).resolve().parents[1] / "data"
TORSO = [joint for joint in range(24) if joint not in LIMB_JOINTS]
PICTURE = DATA / "tfjs_pose.jpg"


@functools.cache
def estimated(**wanted: float) -> Shot:
    return estimate(Footage(PICTURE), shipped(), EstimateSettings(**wanted), silent)


def poses(shot: Shot) -> np.ndarray:
    return arrays_of(shot)["person1/poses"].reshape(-1, 24, 3)


def again(shot: Shot, *limbs: str, **wanted: float) -> Shot:
    return resample(shot, shipped(), ResampleSettings(limbs=limbs, **wanted), silent)


def misfit(shot: Shot) -> float:
    """Mean distance of projected landmarks, pixels."""
    person = shot.people[0]
    body, motion = body_named("neutral"), person.motion_cam
    rest = body.rest_joints(motion.betas)
    build = Build(
        rest, float(body.stature(motion.betas)), landmark_calibration(shipped().constants)
    )
    posture = Posture(motion.rotations, motion.transl + rest[0])
    evidence = gather_evidence(person.observations, shipped().constants)
    return float(reprojection(posture, build, evidence).mean())


def spread(person: Person, limb: str) -> float:
    """Mean angle between samples and their middle, radians."""
    rotations = matrix_from_sixd(person.samples.rotations6d)
    own = rotations[:, :, LIMB_NAMES.index(limb) == LIMB_OF_LIMB_JOINT]
    return float(geodesic_angle(own[:, None], own[None]).mean())


# -- one picture


def test_a_picture_becomes_a_shot_that_hangs_together() -> None:
    shot = estimated()
    (person,) = shot.people
    motion = person.motion_world
    body = body_named("neutral")
    skin = body.vertices(motion.rotations, motion.betas, motion.transl)
    assert skin[..., 2].min() == pytest.approx(0.0, abs=1e-3)  # stands on the floor
    joints = body.joints(motion.rotations, motion.betas, motion.transl)
    moved = transform(shot.T_world_from_cam, person.joints_cam)
    np.testing.assert_allclose(joints, moved, atol=1e-4)  # float32 in the file
    camera = shot.T_world_from_cam[0]
    np.testing.assert_array_equal(camera[:2, 3], 0.0)
    assert np.all(person.chosen == FIRST_GUESS)
    assert person.samples.rotations6d.shape == (8, 1, 18, 6)


def test_the_body_lies_over_the_person() -> None:
    person = estimated().people[0]
    pixels = project(person.joints_cam, person.observations.intrinsics)[0]
    x0, y0, x1, y1 = person.observations.bbox[0]
    margin = 0.1 * (y1 - y0)
    assert np.all(pixels > [x0 - margin, y0 - margin])
    assert np.all(pixels < [x1 + margin, y1 + margin])


@pytest.mark.parametrize(
    "wanted",
    [{"seed": 9}, {"guidance": 0.0}, {"guidance": 4.0}, {"hypotheses": 2}, {"steps": 9}],
    ids=str,
)
def test_the_anchor_is_the_same_to_the_bit_however_limbs_are_drawn(wanted: dict) -> None:
    first, other = (arrays_of(shot) for shot in (estimated(), estimated(**wanted)))
    for name in first:
        if "anchor" in name or name.removeprefix("person1/") in ("transl_cam", "betas"):
            np.testing.assert_array_equal(first[name], other[name], err_msg=name)
    torso = [shot["person1/poses"].reshape(-1, 24, 3)[:, TORSO] for shot in (first, other)]
    np.testing.assert_array_equal(*torso)
    drawn = [shot["person1/sample_rotations6d"] for shot in (first, other)]
    assert not np.array_equal(*drawn)


def test_the_same_seed_gives_the_same_bits() -> None:
    fresh = estimate(Footage(PICTURE), shipped(), EstimateSettings(), silent)
    assert shot_file.encode(fresh) == shot_file.encode(estimated())


def test_alignment_never_worsens_the_reprojection() -> None:
    assert misfit(estimated()) <= misfit(estimated(alignment=False))


def test_resampling_from_the_estimates_seed_draws_its_samples_again() -> None:
    shot = estimated(alignment=False)  # a variation is stored as it is shown: aligned
    changed = again(shot, *LIMB_NAMES)
    samples = np.array(changed.settings["resampled"][0]["samples"])
    of_estimate = samples < 8
    assert of_estimate.sum() >= 4
    np.testing.assert_array_equal(
        changed.people[0].samples.rotations6d[of_estimate],
        shot.people[0].samples.rotations6d[samples[of_estimate]],
    )


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_limbs_that_are_not_listed_stay_to_the_bit(guidance: float) -> None:
    before, after = (
        poses(estimated()),
        poses(again(estimated(), "left_arm", guidance=guidance, seed=3)),
    )
    arm = list(LIMB_JOINTS[4 - 2 : 8 - 2])
    rest = [joint for joint in range(24) if joint not in arm]
    np.testing.assert_array_equal(before[:, rest], after[:, rest])
    assert not np.array_equal(before[:, arm], after[:, arm])


def test_without_guidance_the_picture_reaches_no_limb() -> None:
    shot = estimated()
    person = shot.people[0]
    rng = np.random.default_rng(0)
    seen = person.observations
    keypoints = seen.keypoints + rng.normal(0.0, 80.0, seen.keypoints.shape)
    keypoints[..., 3:] = rng.random((1, 33, 2))
    changed = replace(
        seen,
        keypoints=keypoints,
        keypoints_world=rng.normal(0.0, 0.5, seen.keypoints_world.shape),
        image_feature=rng.normal(0.0, 1.0, seen.image_feature.shape),
    )
    other = replace(shot, people=(replace(person, observations=changed),))
    for guidance, alike in ((0.0, True), (1.0, False)):
        first, second = (poses(again(one, *LIMB_NAMES, guidance=guidance)) for one in (shot, other))
        assert np.array_equal(first, second) == alike


def test_samples_spread_more_on_a_hidden_limb_than_on_a_visible_one(tmp_path: Path) -> None:
    picture = Footage(PICTURE).frame(0).copy()
    rng = np.random.default_rng(0)
    wall = np.array([90, 140, 110]) + rng.integers(0, 40, (180, 340, 1))
    picture[240:420, 560:900] = wall  # before the left arm, from the elbow on
    write_picture(tmp_path / "hidden.png", picture)
    settings = EstimateSettings(hypotheses=16)
    hidden = estimate(Footage(tmp_path / "hidden.png"), shipped(), settings, silent).people[0]
    visible = estimated(hypotheses=16).people[0]
    arm = LIMB_NAMES.index("left_arm")
    assert hidden.anchor.limb_trust[0, arm] < visible.anchor.limb_trust[0, arm] - 0.1
    growth = {limb: spread(hidden, limb) / spread(visible, limb) for limb in LIMB_NAMES}
    assert growth["left_arm"] > 1.2
    assert growth["left_arm"] == max(growth.values())


def test_a_typed_height_is_the_bodys_height_and_the_picture_stays_the_same() -> None:
    tall, plain = estimated(height=1.95), estimated()
    person = tall.people[0]
    body = body_named("neutral")
    assert float(body.stature(person.motion_cam.betas)) == pytest.approx(1.95, abs=2e-3)
    depth = [shot.people[0].joints_cam[0, 0, 2] for shot in (tall, plain)]
    assert depth[0] > depth[1]
    assert misfit(tall) < 1.5 * misfit(plain)


def test_another_body_takes_the_same_pose() -> None:
    male = estimate(Footage(PICTURE), shipped(), EstimateSettings(body="male"), silent)
    assert male.settings["body"]["1"]["name"] == "male"
    assert misfit_of_joints(male, estimated()) < 0.06  # metres


def misfit_of_joints(first: Shot, second: Shot) -> float:
    joints = [
        shot.people[0].joints_cam[0] - shot.people[0].joints_cam[0, 0] for shot in (first, second)
    ]
    return float(np.linalg.norm(joints[0] - joints[1], axis=-1).mean())


def test_several_people_share_one_world() -> None:
    shot = estimate(
        Footage(DATA / "tfjs_three_people.jpg"), shipped(), EstimateSettings(hypotheses=2), silent
    )
    assert [person.id for person in shot.people] == [1, 2, 3]
    body = body_named("neutral")
    floors = [
        body.vertices(one.motion_world.rotations, one.motion_world.betas, one.motion_world.transl)[
            ..., 2
        ].min()
        for one in shot.people
    ]
    assert min(floors) == pytest.approx(0.0, abs=1e-3)


# -- a clip


def test_a_clip_becomes_a_motion_over_its_frames(tmp_path: Path) -> None:
    picture = Footage(PICTURE).frame(0)
    path = tmp_path / "clip.mp4"
    with MovieWriter(path, 10.0) as movie:
        for shift in range(6):
            movie.write(np.roll(picture, 4 * shift, axis=1))
    shot = estimate(
        Footage(path), shipped(), EstimateSettings(start=1, stop=6, step=2, people=1), silent
    )
    assert shot.frames.tolist() == [1, 3, 5]
    person = shot.people[0]
    np.testing.assert_allclose(person.observations.seconds, [0.1, 0.3, 0.5], atol=1e-6)
    drift = np.diff(project(person.joints_cam, person.observations.intrinsics)[:, 0, 0])
    np.testing.assert_allclose(drift, 8.0, atol=4.0)  # pixels; the landmarks' own jitter


# -- what cannot be


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"stop": 5}, "has 1 frame"),
        ({"start": 3, "stop": 3}, "are none"),
        ({"step": 0}, "is none"),
        ({"camera": "nowhere.json"}, "does not exist"),
        ({"camera": "sideways"}, "is no camera"),
        ({"camera": "scene"}, "in Blender alone"),
        ({"hypotheses": 0}, "cannot be drawn"),
        ({"guidance": float("nan")}, "means nothing"),
        ({"steps": 0}, "steps"),
        ({"seed": -1}, "no seed"),
        ({"people": 0}, "cannot be posed"),
        ({"height": 17.5}, "fits no adult"),
        ({"body": "nobody.npz"}, "does not exist"),
        ({"focal": -3.0}, "focal length"),
    ],
    ids=str,
)
def test_what_cannot_be_estimated_is_refused_before_any_work(
    wanted: dict[str, object], said: str
) -> None:
    def never(fraction: float, message: str) -> None:
        raise AssertionError("work has begun")

    with pytest.raises(FhmrError, match=said):
        estimate(Footage(PICTURE), shipped(), EstimateSettings(**wanted), never)


def test_giving_up_stops_the_work() -> None:
    def give_up(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        estimate(Footage(PICTURE), shipped(), EstimateSettings(), give_up)
