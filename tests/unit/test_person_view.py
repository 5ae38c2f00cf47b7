"""The person camera and what the networks see in it."""

import numpy as np

from fhmr_blender.core import camera, latent, person_view, rotations
from fhmr_blender.core.arrays import Floats

INTRINSICS = np.array([500.0, 500.0, 320.0, 240.0])


def observed(
    points_cam: Floats, region: Floats, intrinsics: Floats, **changes: Floats
) -> tuple[person_view.NetworkInputs, camera.PersonCamera]:
    """Inputs for points (T, 33, 3) seen through a camera."""
    count = len(points_cam)
    pixels = camera.project(points_cam, np.broadcast_to(intrinsics, (count, 4)))
    keypoints = np.concatenate((pixels, np.zeros((count, 33, 1)), np.ones((count, 33, 2))), axis=-1)
    arguments = {
        "seconds": np.arange(count) / 30,
        "intrinsics": intrinsics,
        "region": region,
        "keypoints": keypoints,
        "keypoints_world": np.zeros((count, 33, 3)),
        "image_feature": np.zeros((count, 288)),
        "R_world_from_cam": np.broadcast_to(np.eye(3), (count, 3, 3)),
    }
    return person_view.network_inputs(**(arguments | changes))


def points_before_the_camera(seed: int = 0, count: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 33, 3)) * 0.5 + [0.4, -0.3, 4.0]


def test_the_region_spans_minus_one_to_one_along_its_up() -> None:
    region = np.array([[300.0, 200.0, 150.0, 0.3]])
    person = camera.person_camera(region, INTRINSICS)
    up = np.array([np.sin(0.3), -np.cos(0.3)])
    pixels = np.stack((region[0, :2], region[0, :2] + up * 75))[None]
    rays = camera.rays_person(pixels, INTRINSICS, person)
    np.testing.assert_allclose(rays[0, 0], 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(rays[0, 1]), 1, atol=1e-12)
    assert rays[0, 1, 1] < -0.99


def test_turning_the_camera_changes_no_ray() -> None:
    points = points_before_the_camera()
    turn = rotations.matrix_from_axis_angle(np.array([0.2, -0.3, 0.0]))
    seen = []
    for points_cam in (points, points @ turn.T):
        centre = camera.project(points_cam.mean(axis=1, keepdims=True), INTRINSICS[None])[0, 0]
        region = np.array([[*centre, 100.0, 0.0]])
        inputs, person = observed(points_cam, region, INTRINSICS)
        seen.append(inputs.landmarks[0, :, :2] * person.half_size)
    # The shortest arc fixes the axis, not the roll about it, which the two views may differ in.
    lengths = [np.linalg.norm(rays, axis=-1) for rays in seen]
    np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-9)
    np.testing.assert_allclose(seen[0] @ seen[0].T, seen[1] @ seen[1].T, atol=1e-9)


def test_resolution_and_focal_length_drop_out() -> None:
    points = points_before_the_camera()
    region = np.array([[300.0, 200.0, 150.0, 0.2]])
    first, _ = observed(points, region, INTRINSICS)
    region_double = region * [2, 2, 2, 1]
    second, _ = observed(points, region_double, INTRINSICS * 2)
    np.testing.assert_allclose(first.landmarks, second.landmarks, atol=1e-9)
    np.testing.assert_allclose(first.box, second.box, atol=1e-9)


def test_the_networks_translation_survives_the_round_trip() -> None:
    region = np.array([[100.0, 400.0, 220.0, -0.6], [300.0, 200.0, 150.0, 0.3]])
    person = camera.person_camera(region, INTRINSICS)
    pelvis = np.array([[-0.8, 0.9, 3.0], [0.1, 0.2, 7.0]])
    translation = person_view.translation_person(pelvis, person)
    np.testing.assert_allclose(person_view.pelvis_cam(translation, person), pelvis, atol=1e-9)


def test_a_static_camera_with_a_still_region_does_not_turn() -> None:
    points = np.repeat(points_before_the_camera(), 3, axis=0)
    region = np.tile([300.0, 200.0, 150.0, 0.2], (3, 1))
    inputs, _ = observed(points, region, INTRINSICS)
    np.testing.assert_allclose(
        inputs.camera_motion, np.tile(rotations.IDENTITY_6D, (3, 1)), atol=1e-9
    )
    np.testing.assert_array_equal(inputs.given[:, 4], [0, 1, 1])


def test_the_turn_maps_directions_of_the_last_frame_into_this_one() -> None:
    pan = np.stack((np.eye(3), rotations.rotation_about(1, 0.1)))  # R_world_from_cam
    region = np.array([[300.0, 200.0, 150.0, 0.0], [320.0, 210.0, 150.0, 0.1]])
    points = np.repeat(points_before_the_camera(), 2, axis=0)
    inputs, person = observed(points, region, INTRINSICS, R_world_from_cam=pan)
    turn = rotations.matrix_from_sixd(inputs.camera_motion[1])
    direction_world = np.array([0.3, -0.2, 0.9])
    in_person = [person.R_cam_from_person[t].T @ pan[t].T @ direction_world for t in (0, 1)]
    np.testing.assert_allclose(turn @ in_person[0], in_person[1], atol=1e-9)


def test_an_unknown_image_feature_is_marked_and_holds_no_nan() -> None:
    points = points_before_the_camera(count=2)
    feature = np.zeros((2, 288))
    feature[1] = np.nan
    region = np.tile([300.0, 200.0, 150.0, 0.0], (2, 1))
    inputs, _ = observed(points, region, INTRINSICS, image_feature=feature)
    np.testing.assert_array_equal(inputs.given[:, 3], [1, 0])
    assert np.isfinite(inputs.image_feature).all()


def test_heading_is_upright_and_faces_with_the_pelvis() -> None:
    up = np.array([0.0, 0.0, 1.0])
    pelvis = rotations.rotation_about(2, 0.5) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    leaning = pelvis @ rotations.rotation_about(0, 0.4)
    for orientation in (pelvis, leaning):
        heading = latent.heading_frame(orientation, up)
        np.testing.assert_allclose(heading, pelvis, atol=1e-9)


def test_limbs_split_the_latent_without_overlap() -> None:
    limbs = ("head", "left_arm", "right_arm", "left_leg", "right_leg")
    masks = np.stack([latent.limb_coordinates(limb) for limb in limbs])
    covered = masks.sum(axis=0)
    np.testing.assert_array_equal(covered[: latent.GRAVITY.start], 1)
    np.testing.assert_array_equal(covered[latent.GRAVITY.start :], 0)


def test_rays_behind_the_camera_stay_finite() -> None:
    person = camera.person_camera(
        np.array([[0.0, 0.0, 100.0, 0.0]]), np.array([20.0, 20.0, 320.0, 240.0])
    )
    pixels = np.array([[[640.0, 480.0], [-5000.0, 300.0]]])
    rays = camera.rays_person(pixels, np.array([20.0, 20.0, 320.0, 240.0]), person)
    assert np.isfinite(rays).all()
