"""Rendered pictures agree with the geometry that they are made from."""

from dataclasses import replace

import numpy as np
import pytest

from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.camera import project
from fhmr_blender.core.rotations import rotation_about
from fhmr_blender.core.skeleton import LIMBS
from tests.training.synthetic_pairs import performance
from training.data.appearance import Appearance, random_appearance
from training.data.boxes import Boxes
from training.data.cameras import CameraPath, random_camera_path
from training.data.cast import Cast, on_joints_of, template_of
from training.data.degradation import compress, degrade, random_degradation
from training.data.furniture import seat, seated
from training.data.rendering import Figure, Renderer, seen
from training.data.scenery import Scenery, random_scenery

TOWARDS_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("neutral")


@pytest.fixture(scope="module")
def renderer(body: Body) -> Renderer:
    return Renderer(body.faces, len(body.v_template))


def figure(body: Body, count: int = 2) -> Figure:
    acted = performance(3, body, count)
    transl = acted.pelvis - body.rest_joints(np.zeros(10))[0]
    return Figure(
        body.vertices(acted.rotations, np.zeros(10), transl),
        body.joints(acted.rotations, np.zeros(10), transl),
        fitted(random_appearance(np.random.default_rng(0), template_of(body).marks)),
        template_of(body),
    )


def fitted(appearance: Appearance) -> Appearance:
    """The same look in tight clothing, so that the silhouette is the body's."""
    return replace(appearance, loose=(0.0, 0.0), hair_volume=0.003)


def camera(count: int, distance: float = 4.0) -> CameraPath:
    return CameraPath(
        size=(320, 288),
        intrinsics=np.array([300.0, 310.0, 150.0, 150.0]),
        R_world_from_cam=np.broadcast_to(TOWARDS_Y, (count, 3, 3)),
        position=np.broadcast_to(np.array([0.1, -distance, 1.0]), (count, 3)),
    )


def empty_room(rng: np.random.Generator, boxes: Boxes | None = None) -> Scenery:
    scenery = random_scenery(rng, camera(1), np.zeros((1, 24, 3)), 0.0)
    room = Boxes(
        centre=np.array([[0.0, 0.0, 5.0]]),
        half=np.full((1, 3), 20.0),
        turn=np.eye(3)[None],
        texture=np.zeros((1, 6), dtype=int),
        tint=np.full((1, 6, 3), 0.5),
        tiles=np.ones(1),
    )
    parts = [room] if boxes is None else [room, boxes]
    joined = Boxes(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Boxes.__annotations__)
    )
    return Scenery(
        boxes=joined,
        textures=scenery.textures,
        floor_z=0.0,
        light=scenery.light,
        light_colour=scenery.light_colour,
        ambient=scenery.ambient,
        shadow=0.5,
    )


def board(x: float, y: float, half_width: float) -> Boxes:
    """A board across the view at depth y."""
    return Boxes(
        centre=np.array([[x, y, 1.0]]),
        half=np.array([[half_width, 0.01, 2.0]]),
        turn=np.eye(3)[None],
        texture=np.zeros((1, 6), dtype=int),
        tint=np.full((1, 6, 3), 0.5),
        tiles=np.ones(1),
    )


def test_the_silhouette_lies_where_the_vertices_project(body: Body, renderer: Renderer):
    path, scenery = camera(2), empty_room(np.random.default_rng(0))
    person = figure(body)
    with_person = renderer.render([person], scenery, path)
    without = renderer.render([], scenery, path)
    pixels = project(path.to_cam(person.vertices), path.intrinsics)
    for frame in range(2):
        silhouette = with_person[frame].depth < without[frame].depth - 0.5
        rows, columns = np.nonzero(silhouette)
        assert len(rows) > 1500
        # Cloth and hair stand off by some millimetres, pixel edges by one half.
        np.testing.assert_allclose(columns.min() + 0.5, pixels[frame, :, 0].min(), atol=4)
        np.testing.assert_allclose(columns.max() + 0.5, pixels[frame, :, 0].max(), atol=4)
        np.testing.assert_allclose(rows.min() + 0.5, pixels[frame, :, 1].min(), atol=4)
        np.testing.assert_allclose(rows.max() + 0.5, pixels[frame, :, 1].max(), atol=4)
        # The centre of the silhouette against that of a raster of the projected triangles.
        filled = np.zeros_like(silhouette)
        middle = np.floor(pixels[frame][body.faces].mean(axis=1)).astype(int)
        filled[middle[:, 1], middle[:, 0]] = True
        expected = np.array(np.nonzero(filled)).mean(axis=1)
        np.testing.assert_allclose(np.array([rows.mean(), columns.mean()]), expected, atol=2.5)


def test_depth_is_in_metres_along_the_axis(body: Body, renderer: Renderer):
    path = camera(1)
    scenery = empty_room(np.random.default_rng(0), board(0.0, 0.0, 3.0))
    depth = renderer.render([], scenery, path)[0].depth
    np.testing.assert_allclose(depth[100:200, 100:200], 3.99, atol=2e-3)  # 24 bits over 120 m


def test_what_a_board_hides_is_not_visible_and_the_rest_is(body: Body, renderer: Renderer):
    path, person = camera(1), figure(body, 1)
    joints_cam = path.to_cam(person.joints)[0]
    pixels = project(joints_cam, path.intrinsics)
    flesh = np.full(24, 0.2)
    free = renderer.render([person], empty_room(np.random.default_rng(0)), path)[0]
    assert seen(free.depth, joints_cam, pixels, flesh).all()
    arm, rest = [18, 20, 22], [0, 15, 17, 19, 21]
    edge = (person.joints[0, arm, 0].min() + person.joints[0, rest, 0].max()) / 2
    nearer = 0.1 + (edge - 0.1) * 3 / 4  # the same line of sight at 3 of 4 metres
    hiding = empty_room(np.random.default_rng(0), board(nearer + 0.8, -1.0, 0.8))
    hidden = renderer.render([person], hiding, path)[0]
    visible = seen(hidden.depth, joints_cam, pixels, flesh)
    assert not visible[arm].any()
    assert visible[rest].all()


def test_points_outside_the_picture_or_behind_the_camera_are_not_visible():
    depth = np.full((100, 100), 50.0)
    points = np.array([[0.0, 0.0, 2.0], [9.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    pixels = np.array([[50.0, 50.0], [150.0, 50.0], [50.0, 50.0]])
    np.testing.assert_array_equal(seen(depth, points, pixels, np.zeros(3)), [True, False, False])


def test_the_same_seed_gives_the_same_picture(body: Body, renderer: Renderer):
    person = figure(body)

    def picture(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        path = random_camera_path(rng, person.joints[:, 0], 1.7, np.arange(2) / 30)
        scenery = random_scenery(rng, path, person.joints, 0.0)
        image = renderer.render([person], scenery, path)[0].image
        return degrade(image, random_degradation(rng, 200.0), rng)

    np.testing.assert_array_equal(picture(5), picture(5))
    first, second = picture(5), picture(6)
    assert first.shape != second.shape or np.abs(first.astype(float) - second).mean() > 1


def test_compression_loses_more_at_lower_quality():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:50, 0:70]
    smooth = 128 + 60 * np.sin(rows / 9) * np.cos(columns / 7)
    image = smooth[..., None] + rng.normal(0, 4, (50, 70, 3))
    errors = [np.abs(compress(image, quality) - image).mean() for quality in (95, 60, 20)]
    assert errors[0] < errors[1] < errors[2] < 12
    assert compress(image, 50).shape == image.shape


@pytest.mark.parametrize("name", ["male", "female"])
def test_another_skin_is_moved_onto_the_neutral_joints(body: Body, name: str):
    skin, own, turns = load_body(name), [], np.broadcast_to(np.eye(3), (24, 3, 3))
    for seed in range(6):
        betas = np.random.default_rng(seed).normal(0, 1, 10)
        moved, wanted = on_joints_of(body, betas, skin), body.rest_joints(betas)
        np.testing.assert_array_equal(moved.rest_joints(betas), wanted)
        vertices = moved.vertices(turns, betas, np.zeros(3))
        own.append(np.linalg.norm(skin.J_regressor @ vertices - wanted, axis=1))
    limbs = [joint for name, chain in LIMBS.items() if name != "head" for joint in chain]
    # Metres; carrying the shape alone leaves 9 mm on average. The female hips stay 7 mm off.
    assert np.mean(own, axis=0)[limbs].max() < 0.01
    assert np.mean(own, axis=0)[limbs].mean() < 0.004


def test_a_cast_wears_all_skins_and_keeps_the_truth_s_joints(body: Body):
    acted, betas = performance(3, body, 2), np.random.default_rng(0).normal(0, 1, 10)
    cast = Cast(body)
    figures = [cast.figure(np.random.default_rng(seed), acted, betas) for seed in range(12)]
    assert len({id(one.template) for one in figures}) == 3
    for one in figures:
        np.testing.assert_array_equal(one.joints, figures[0].joints)
        np.testing.assert_allclose(one.joints[:, 0], acted.pelvis, atol=1e-9)
        skin_middle = one.vertices.mean(axis=1)
        assert np.linalg.norm(skin_middle - figures[0].vertices.mean(axis=1), axis=-1).max() < 0.05


def test_a_chair_stands_under_who_sits(body: Body):
    acted = performance(3, body, 4)
    rotations = acted.rotations.copy()
    assert not seated(body.joints(rotations, np.zeros(10), acted.pelvis))
    for joint in (1, 2):
        rotations[:, joint] = rotation_about(0, -1.5)
        rotations[:, joint + 3] = rotation_about(0, 1.5)
    joints = body.joints(rotations, np.zeros(10), acted.pelvis * np.array([0, 0, 0.6]))
    assert seated(joints)
    hips = joints[:, [1, 2]]
    floor = float(joints[..., 2].min()) - 0.05
    for seed in range(8):
        boxes = seat(np.random.default_rng(seed), joints, floor)
        tops = boxes.centre[:, 2] + boxes.half[:, 2]
        assert tops[0] < hips[..., 2].min()
        assert tops[:5].max() > hips[..., 2].min() - 0.12  # the board is just under the hips
        bottom = (boxes.centre - boxes.half)[:, 2].min()
        assert bottom == pytest.approx(floor, abs=1e-6)
