"""Rendered pictures agree with the geometry that they are made from."""

import numpy as np
import pytest

from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.camera import project
from tests.training.synthetic_pairs import performance
from training.data.appearance import random_appearance
from training.data.cameras import CameraPath, random_camera_path
from training.data.degradation import compress, degrade, random_degradation
from training.data.rendering import Figure, Renderer, seen
from training.data.scenery import Boxes, Scenery, random_scenery

TOWARDS_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("neutral")


@pytest.fixture(scope="module")
def renderer(body: Body) -> Renderer:
    return Renderer(body.v_template, body.rest_joints(np.zeros(10)), body.faces)


def figure(body: Body, renderer: Renderer, count: int = 2) -> Figure:
    acted = performance(3, body, count)
    transl = acted.pelvis - body.rest_joints(np.zeros(10))[0]
    return Figure(
        body.vertices(acted.rotations, np.zeros(10), transl),
        body.joints(acted.rotations, np.zeros(10), transl),
        random_appearance(np.random.default_rng(0), renderer.marks),
    )


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
    person = figure(body, renderer)
    with_person = renderer.render([person], scenery, path)
    without = renderer.render([], scenery, path)
    pixels = project(path.to_cam(person.vertices), path.intrinsics)
    for frame in range(2):
        silhouette = with_person[frame].depth < without[frame].depth - 0.5
        rows, columns = np.nonzero(silhouette)
        assert len(rows) > 1500
        # Cloth and hair stand off by up to 3.5 cm = 3 pixels, pixel edges by one half.
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
    path, person = camera(1), figure(body, renderer, 1)
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
    person = figure(body, renderer)

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
