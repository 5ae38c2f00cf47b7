"""The bodies that ship: surface, joints and skin, and shapes carried between them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from fhmr_blender.core.body import (
    BODY_NAMES,
    Body,
    betas_for_height,
    body_folder,
    carry_shape,
    load_body,
)
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import JOINT_INDEX, LIMBS, MIRRORED_JOINTS, PARENTS

MIRROR = np.array([-1.0, 1.0, 1.0])
STATURE = {"neutral": 1.70, "male": 1.76, "female": 1.63}  # of the population it is made from
MEGABYTE = 1_000_000

loaded = cache(load_body)


@pytest.fixture(params=BODY_NAMES)
def body(request: pytest.FixtureRequest) -> Body:
    return loaded(request.param)


def _mirror_map(body: Body) -> np.ndarray:
    micrometres = np.round(body.v_template.astype(float) * 1e6).astype(int)
    places = {tuple(place): vertex for vertex, place in enumerate(micrometres.tolist())}
    return np.array([places[-x, y, z] for x, y, z in micrometres.tolist()])


def _random_pose(seed: int, frames: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return matrix_from_axis_angle(rng.normal(0.0, 0.5, (frames, 24, 3)))


def test_surface_is_watertight(body: Body):
    edges = np.concatenate([body.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    walked = {tuple(edge) for edge in edges.tolist()}
    assert len(walked) == len(edges)
    assert walked == {(end, start) for start, end in walked}


def test_surface_encloses_the_volume_of_an_adult(body: Body):
    a, b, c = (body.v_template[body.faces[:, corner]].astype(float) for corner in range(3))
    litres = np.sum(a * np.cross(b, c)) / 6.0 * 1000.0
    assert 45.0 < litres < 95.0  # positive: the faces look outwards


def test_left_mirrors_right_in_everything(body: Body):
    mirrored = _mirror_map(body)
    triangles = {tuple(sorted(face)) for face in body.faces.tolist()}
    assert {tuple(sorted(face)) for face in mirrored[body.faces].tolist()} == triangles
    swap = list(MIRRORED_JOINTS)
    # Rounded to 1e-6 (1e-5 for the weights) on both sides.
    np.testing.assert_allclose(body.weights[mirrored][:, swap], body.weights, atol=1.1e-5)
    np.testing.assert_allclose(
        body.shapedirs[mirrored] * MIRROR[:, None], body.shapedirs, atol=1.1e-6
    )
    np.testing.assert_allclose(body.J_regressor[swap][:, mirrored], body.J_regressor, atol=1.1e-6)


def test_mirrored_pose_gives_the_mirrored_skin(body: Body):
    rotations = _random_pose(1)
    reflection = np.diag(MIRROR)
    flipped = reflection @ rotations[:, list(MIRRORED_JOINTS)] @ reflection
    betas = np.linspace(-1, 1, 10)
    skin = body.vertices(rotations, betas, np.zeros((3, 3)))
    other = body.vertices(flipped, betas, np.zeros((3, 3)))
    # posedirs are rounded to 1e-5 and there are 207 of them.
    np.testing.assert_allclose(other, skin[:, _mirror_map(body)] * MIRROR, atol=1e-4)


def test_body_stands_upright_facing_forwards_with_its_left_at_plus_x(body: Body):
    joints = body.rest_joints(np.zeros(10))
    place = {name: joints[index] for name, index in JOINT_INDEX.items()}
    assert place["head"][1] > place["pelvis"][1] > place["left_ankle"][1]
    assert place["left_wrist"][0] > 0.5
    assert place["left_foot"][2] > place["left_ankle"][2] + 0.08
    nose = body.v_template[body.landmark_vertices["nose"]]
    assert nose[2] > place["head"][2] + 0.08
    assert abs(nose[0]) < 1e-6


def test_rest_pose_is_the_exact_t_pose(body: Body):
    joints = body.rest_joints(np.zeros(10))
    shoulder, elbow, wrist = joints[[16, 18, 20]]
    for bone in (elbow - shoulder, wrist - elbow):
        angle = np.degrees(np.arccos(bone[0] / np.linalg.norm(bone)))
        assert angle < 2.0  # the regressor is a few millimetres off the bones
    hip, ankle = joints[[1, 7]]
    leg = (ankle - hip) / np.linalg.norm(ankle - hip)
    assert -leg[1] > np.cos(np.radians(4.0))


def test_beta_0_is_stature_alone(body: Body):
    average = body.stature(np.zeros(10))
    assert average == pytest.approx(STATURE[body.name], abs=0.01)
    assert body.beta_names[0] == "stature"
    statures = body.stature(np.eye(10))
    assert statures[0] - average > 0.05
    assert np.all(np.abs(statures[1:] - average) < 0.003)  # another vertex may be the highest


def test_files_are_small_and_hold_no_pickle():
    for name in BODY_NAMES:
        path = body_folder() / f"{name}.npz"
        assert path.stat().st_size < 3 * MEGABYTE
        with np.load(path, allow_pickle=False) as archive:
            assert all(archive[key].dtype != object for key in archive.files)


def test_weights_are_at_most_four_and_sum_to_one(body: Body):
    assert (body.weights > 0).sum(1).max() == 4
    np.testing.assert_allclose(body.weights.sum(1), 1.0, atol=1e-6)


def test_unposed_skin_is_the_shaped_template(body: Body):
    betas = np.linspace(1, -1, 10)
    identity = np.broadcast_to(np.eye(3), (24, 3, 3))
    skin = body.vertices(identity, betas, np.zeros(3))
    np.testing.assert_allclose(skin, body.rest_vertices(betas), atol=1e-6)


def test_turning_the_pelvis_turns_the_whole_body_about_its_joint(body: Body):
    rotations = _random_pose(2, 1)
    betas, transl = np.linspace(-1, 1, 10), np.array([[0.3, -1.0, 4.0]])
    turn = matrix_from_axis_angle(np.array([0.4, -1.1, 0.7]))
    turned = rotations.copy()
    turned[:, 0] = turn @ rotations[:, 0]
    pelvis = body.joints(rotations, betas, transl)[:, :1]
    for posed in (body.joints, body.vertices):
        before, after = posed(rotations, betas, transl), posed(turned, betas, transl)
        np.testing.assert_allclose(after, (before - pelvis) @ turn.T + pelvis, atol=2e-6)


def test_pelvis_is_at_transl_plus_its_rest_place(body: Body):
    betas, transl = np.linspace(-1, 1, 10), np.array([[0.3, -1.0, 4.0], [0.0, 1.0, 2.0]])
    joints = body.joints(_random_pose(3, 2), betas, transl)
    np.testing.assert_allclose(joints[:, 0], transl + body.rest_joints(betas)[0], atol=1e-12)


def test_bending_an_elbow_moves_only_the_forearm():
    body = loaded("neutral")
    rotations = np.broadcast_to(np.eye(3), (24, 3, 3)).copy()
    rest = body.vertices(rotations, np.zeros(10), np.zeros(3))
    rotations[18] = matrix_from_axis_angle(np.array([0.0, -1.5, 0.0]))
    moved = np.linalg.norm(body.vertices(rotations, np.zeros(10), np.zeros(3)) - rest, axis=1)
    arm = body.weights[:, list(LIMBS["left_arm"])].sum(1)
    assert moved[arm == 0].max() < 1e-6
    assert moved[body.landmark_vertices["lmiddle"]] > 0.3


def test_many_frames_agree_with_one_at_a_time():
    body, rotations = loaded("neutral"), _random_pose(4, 70)
    betas, transl = np.zeros(10), np.random.default_rng(5).normal(size=(70, 3))
    together = body.vertices(rotations, betas, transl)
    for frame in (0, 31, 32, 69):
        alone = body.vertices(rotations[frame], betas, transl[frame])
        np.testing.assert_allclose(together[frame], alone, atol=1e-6)


def test_landmarks_sit_where_their_names_say():
    body = loaded("neutral")
    place = {name: body.v_template[vertex] for name, vertex in body.landmark_vertices.items()}
    joints = body.rest_joints(np.zeros(10))
    assert place["leye"][1] == pytest.approx(place["lear"][1], abs=0.04)
    assert place["lear"][0] == pytest.approx(-place["rear"][0], abs=1e-6)
    assert place["LHeel"][2] < joints[7, 2] < place["LBigToe"][2]
    assert place["lmiddle"][0] > place["lpinky"][0] > joints[20, 0]
    assert place["LBigToe"][0] < place["LSmallToe"][0]


@pytest.mark.parametrize("other", ["male", "female"])
def test_a_carried_shape_keeps_joints_and_stature(other: str):
    source, target = loaded("neutral"), loaded(other)
    rng = np.random.default_rng(6)
    for betas in rng.normal(0.0, 0.8, (5, 10)):
        carried = carry_shape(betas, source, target)
        wanted, got = source.rest_joints(betas), target.rest_joints(carried)
        offset = np.linalg.norm((got - got[0]) - (wanted - wanted[0]), axis=1)
        plain = target.rest_joints(np.zeros(10))
        apart = np.linalg.norm((plain - plain[0]) - (wanted - wanted[0]), axis=1)
        assert offset.mean() < 0.02  # the spine's pivots differ by 3 cm
        assert offset.mean() < apart.mean()
        assert abs(target.stature(carried) - source.stature(betas)) < 0.02


def test_a_shape_carried_to_the_same_body_stays():
    body, betas = loaded("neutral"), np.linspace(-1.5, 1.5, 10)
    np.testing.assert_array_equal(carry_shape(betas, body, body), betas)


@pytest.mark.parametrize("height", [1.45, 1.70, 2.05])
def test_a_typed_height_moves_beta_0_alone(body: Body, height: float):
    betas = np.linspace(-1, 1, 10)
    changed = betas_for_height(body, betas, height)
    assert body.stature(changed) == pytest.approx(height, abs=1e-4)
    np.testing.assert_array_equal(changed[1:], betas[1:])


def test_joints_are_connected_as_the_skeleton_says():
    with np.load(body_folder() / "neutral.npz") as archive:
        assert tuple(archive["kintree_table"][0]) == PARENTS
