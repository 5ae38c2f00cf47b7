"""Crops, boxes and tracks, without networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhmr_blender.pipeline.perception.boxes import clipped, overlaps, suppress
from fhmr_blender.pipeline.perception.crops import crop_to_image, cut, image_to_crop, painted
from fhmr_blender.pipeline.perception.detector import detect_bodies, detect_people
from fhmr_blender.pipeline.perception.landmarks import find_landmarks, region_from_points
from fhmr_blender.pipeline.perception.tracking import Track, assign, newcomers

places = st.floats(-500, 1500)


def ramp(height: int, width: int) -> np.ndarray:
    """A picture whose red is the column and whose green is the row."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)


# -- crops


@given(places, places, st.floats(1, 2000), st.floats(-np.pi, np.pi), places, places)
def test_crop_and_picture_pixels_are_inverse(
    x: float, y: float, side: float, roll: float, u: float, v: float
) -> None:
    region, point = np.array([x, y, side, roll]), np.array([[u, v]])
    there = crop_to_image(point, region, 256)
    # Small sides magnify the rounding of large coordinates.
    np.testing.assert_allclose(image_to_crop(there, region, 256), point, atol=1e-6)


def test_an_upright_crop_of_the_same_size_copies_pixels() -> None:
    image = ramp(200, 240)
    crop = cut(image, np.array([120.0, 100.0, 64.0, 0.0]), 64, replicate=True)
    np.testing.assert_array_equal(crop, image[68:132, 88:152])


@pytest.mark.parametrize("side", [64.0, 128.0, 192.0, 200.0, 90.0])
def test_shrinking_and_growing_keep_every_pixel_at_its_place(side: float) -> None:
    image = ramp(240, 240)
    region = np.array([119.0, 121.5, side, 0.0])
    crop = cut(image, region, 64, replicate=True)
    centres = np.stack(np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5), axis=-1)
    expected = crop_to_image(centres, region, 64) - 0.5  # a pixel's value is its index
    inner = slice(2, -2)
    np.testing.assert_allclose(crop[inner, inner, :2], expected[inner, inner], atol=0.02)


def test_a_crop_is_turned_clockwise_on_the_screen() -> None:
    image = ramp(200, 200)
    crop = cut(image, np.array([100.0, 100.0, 100.0, np.pi / 2]), 50, replicate=True)
    # The body's up points to the right of the picture: the crop's top is the picture's right.
    assert crop[0, 25, 0] > crop[-1, 25, 0] + 80
    assert crop[25, -1, 1] > crop[25, 0, 1] + 80


def test_outside_the_picture_lies_its_edge_or_black() -> None:
    image = ramp(100, 100)
    region = np.array([0.0, 50.0, 100.0, 0.0])
    edge = cut(image, region, 100, replicate=True)
    np.testing.assert_allclose(edge[:, 10, 0], 0, atol=1e-4)
    np.testing.assert_allclose(edge[:, 10, 1], np.arange(100), atol=1e-4)
    black = cut(image + np.uint8(50), region, 100, replicate=False)
    assert black[:, :50].max() == 0 and black[:, 51:].min() >= 49


def test_fine_stripes_do_not_alias() -> None:
    image = np.zeros((512, 512, 3), np.uint8)
    image[:, ::2] = 255
    crop = cut(image, np.array([256.0, 256.0, 512.0, 0.0]), 128, replicate=True)
    np.testing.assert_allclose(crop, 127.5, atol=1)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_tiny_pictures_can_be_cropped(height: int, width: int) -> None:
    image = np.full((height, width, 3), 7, np.uint8)
    for side in (0.5, 3.0, 500.0):
        for roll in (0.0, 0.3):
            crop = cut(image, np.array([width / 2, height / 2, side, roll]), 16, replicate=True)
            np.testing.assert_array_equal(crop, 7)


@pytest.mark.parametrize("side", [30.0, 64.0, 150.0, 400.0])
@pytest.mark.parametrize("replicate", [True, False])
def test_an_upright_crop_is_the_limit_of_turned_ones(side: float, replicate: bool) -> None:
    image = np.random.default_rng(3).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    region = np.array([31.3, 60.7, side, 0.0])  # it goes beyond the edges
    turned = region + np.array([0.0, 0.0, 0.0, 1e-12])
    upright = cut(image, region, 64, replicate=replicate)
    # Upright crops are sampled row by row, turned ones point by point.
    np.testing.assert_allclose(upright, cut(image, turned, 64, replicate=replicate), atol=1e-4)


@pytest.mark.parametrize("factor", [1, 2, 16, 17, 40])
def test_blocks_of_every_size_average_to_their_mean(factor: int) -> None:
    image = np.full((8 * factor, 8 * factor, 3), 255, np.uint8)
    image[:, : 4 * factor] = (250, 3, 0)
    middle = 4.0 * factor
    crop = cut(image, np.array([middle, middle, 8.0 * factor, 0.0]), 8, replicate=True)
    np.testing.assert_array_equal(crop[:, 4:], 255)
    np.testing.assert_array_equal(crop[:, :4], np.broadcast_to([250, 3, 0], (8, 4, 3)))


def test_a_region_far_outside_shows_the_nearest_edge() -> None:
    crop = cut(ramp(100, 100), np.array([900.0, 900.0, 50.0, 0.0]), 8, replicate=True)
    np.testing.assert_allclose(crop[..., :2], 99, atol=3)  # the mean of the last block


def test_painting_covers_the_mask_and_nothing_else() -> None:
    image = ramp(120, 160)
    image[::2, :, 2] = 200  # the mean colour occurs nowhere
    mask = np.zeros((256, 256), np.bool_)
    mask[64:192, 64:192] = True
    covered = painted(image, mask, np.array([80.0, 60.0, 40.0, 0.0]))
    changed = (covered != image).any(axis=-1)
    assert changed[52:68, 72:88].all()
    assert not changed[:50].any() and not changed[:, :70].any() and not changed[70:].any()
    assert image[60, 80, 0] == 80  # the picture itself is left alone


# -- boxes


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.array([[0.0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]])
    np.testing.assert_allclose(overlaps(boxes, boxes)[0], [1, 1 / 7, 0])


def test_the_best_of_overlapping_boxes_stays() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
    assert suppress(boxes, np.array([0.5, 0.9, 0.3]), 0.5).tolist() == [1, 2]
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []


def test_boxes_are_clipped_to_the_picture() -> None:
    np.testing.assert_array_equal(clipped(np.array([-5.0, 3, 50, 900]), 40, 30), [0, 3, 40, 30])


# -- decoding, with networks of three lines


def test_a_cell_of_nanodet_becomes_a_box_in_the_picture() -> None:
    image = np.zeros((416, 832, 3), np.uint8)  # the square is padded above and below, scale 2
    stride, cell = 16, 10 * 26 + 5

    def network(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        answer = {}
        for step, count in ((8, 2704), (16, 676), (32, 169)):
            answer[f"scores_{step}"] = np.zeros((1, count, 80), np.float32)
            answer[f"distances_{step}"] = np.zeros((1, count, 44), np.float32)
        answer[f"scores_{stride}"][0, cell, 0] = 0.9
        answer[f"scores_{stride}"][0, cell + 3, 1] = 0.9  # a bicycle
        bins = np.full((4, 11), -50.0, np.float32)
        bins[np.arange(4), [1, 2, 3, 4]] = 50.0
        answer[f"distances_{stride}"][0, cell] = bins.ravel()
        return answer

    people = detect_people(image, network, 0.3, tiles=False)
    centre = np.array([5.5, 10.5]) * stride
    sides = np.array([-16, -32, 48, 64])
    box = (np.tile(centre, 2) + sides) * 2 - [0, 208, 0, 208]
    np.testing.assert_allclose(people.boxes, [box], atol=1e-3)
    np.testing.assert_allclose(people.scores, [0.9], rtol=1e-6)


def test_two_tiles_find_what_the_whole_picture_misses_and_double_nothing() -> None:
    image = np.zeros((400, 1200, 3), np.uint8)
    looks: list[int] = []

    def network(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        looks.append(1)
        answer = {}
        for step, count in ((8, 2704), (16, 676), (32, 169)):
            answer[f"scores_{step}"] = np.zeros((1, count, 80), np.float32)
            answer[f"distances_{step}"] = np.zeros((1, count, 44), np.float32)
        if len(looks) > 1:
            answer["scores_32"][0, 6 * 13 + 6, 0] = 0.8  # in the middle of each tile
        return answer

    people = detect_people(image, network, 0.3, tiles=True)
    assert len(looks) == 3 and len(people.boxes) == 2
    centres = (people.boxes[:, 0] + people.boxes[:, 2]) / 2
    np.testing.assert_allclose(np.sort(centres), [200, 1000], atol=20)


def test_the_pose_detectors_points_are_averaged_over_its_hits() -> None:
    first, second = 0, 2  # two cells side by side in the finest layer, their centres 8 apart

    def network(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        boxes = np.zeros((1, 2254, 12), np.float32)
        logits = np.full((1, 2254, 1), -100.0, np.float32)
        for cell, shift in ((first, 0.0), (second, -8.0)):
            boxes[0, cell] = [shift, 0, 100, 100, shift, 10, shift, -60, shift, -20, shift, -90]
            logits[0, cell] = 2.0
        return {"boxes": boxes, "logits": logits}

    bodies = detect_bodies(np.zeros((224, 224, 3), np.uint8), np.array([112, 112, 224, 0]), network)
    expected = [[4, 14], [4, -56], [4, -16], [4, -86]]  # both name the same place
    np.testing.assert_allclose(bodies.points, [expected], atol=1e-4)
    np.testing.assert_allclose(bodies.scores, [1 / (1 + np.exp(-2.0))], rtol=1e-6)


@pytest.mark.parametrize("roll", [0.0, 0.7, -2.0, 3.0])
def test_landmarks_come_back_in_pixels_metres_and_picture_axes(roll: float) -> None:
    region = np.array([300.0, 200.0, 512.0, roll])

    def network(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        landmarks = np.zeros((39, 5), np.float32)
        landmarks[:, :3] = [128, 64, 10]
        landmarks[33, :2], landmarks[34, :2] = [128, 128], [128, 32]
        landmarks[:, 3], landmarks[:, 4] = 0.0, 3.0
        world = np.tile(np.array([0, -1, 0.5], np.float32), (39, 1))
        return {
            "landmarks": landmarks.reshape(1, 195),
            "world": world.reshape(1, 117),
            "heatmap": np.full((1, 39, 64, 64), -9.0, np.float32),  # too weak to refine
            "poseflag": np.ones((1, 1), np.float32),
            "seg_logits": np.zeros((1, 1, 256, 256), np.float32),
            "feature": np.stack([np.full((2, 288), 1.0), np.full((2, 288), 3.0)])[None],
        }

    found = find_landmarks(np.zeros((400, 600, 3), np.uint8), region, network)
    up = np.array([np.sin(roll), -np.cos(roll)])
    np.testing.assert_allclose(found.keypoints[0, :2], region[:2] + 128 * up, atol=1e-6)
    np.testing.assert_allclose(found.keypoints[0, 2], 20)  # crop pixels are 2 pixels wide
    np.testing.assert_allclose(found.keypoints[0, 3:], [0.5, 1 / (1 + np.exp(-3.0))])
    np.testing.assert_allclose(found.keypoints_world[0], [*up, 0.5], atol=1e-6)
    np.testing.assert_allclose(found.image_feature, 2.0)
    np.testing.assert_allclose(found.next_region, [300, 200, 2.5 * 192, roll], atol=1e-6)


def test_a_strong_heatmap_moves_a_landmark_to_its_centroid() -> None:
    def network(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        landmarks = np.zeros((39, 5), np.float32)
        landmarks[:, :2] = [130, 130]  # cell 32, 32
        heatmap = np.full((39, 64, 64), -50.0, np.float32)
        heatmap[0, 33, 34] = 5.0
        heatmap[1, 40, 40] = 5.0  # too far away
        return {
            "landmarks": landmarks.reshape(1, 195),
            "world": np.zeros((1, 117), np.float32),
            "heatmap": heatmap[None],
            "poseflag": np.ones((1, 1), np.float32),
            "seg_logits": np.zeros((1, 1, 256, 256), np.float32),
            "feature": np.zeros((1, 2, 2, 288), np.float32),
        }

    region = np.array([128.0, 128.0, 256.0, 0.0])
    found = find_landmarks(np.zeros((256, 256, 3), np.uint8), region, network)
    np.testing.assert_allclose(found.keypoints[0, :2], [34 * 4, 33 * 4], atol=1e-4)
    np.testing.assert_allclose(found.keypoints[1:, :2], 130)


@given(places, places, st.floats(1, 400), st.floats(-3.1, 3.1))
def test_a_region_points_up_along_the_body(x: float, y: float, size: float, roll: float) -> None:
    centre = np.array([x, y])
    edge = centre + size * np.array([np.sin(roll), -np.cos(roll)])
    np.testing.assert_allclose(
        region_from_points(centre, edge), [x, y, 2.5 * size, roll], atol=1e-6
    )


# -- tracks


def walk(track: Track, places: list[tuple[float, float]], start: int = 0) -> None:
    """Let a person of 40 x 100 pixels be seen at centres."""
    for frame, (x, y) in enumerate(places, start):
        box = np.array([x - 20, y - 50, x + 20, y + 50])
        track.see(box, np.array([x, y, 150, 0]), frame)


def box_at(x: float, y: float) -> np.ndarray:
    return np.array([x - 20, y - 50, x + 20, y + 50])


def test_people_who_cross_keep_their_tracks() -> None:
    right, left = Track(box_at(0, 100), 0), Track(box_at(300, 100), 0)
    frames = range(30)
    for frame in frames[1:]:
        places = [10 * frame, 300 - 10 * frame]
        boxes = np.array([box_at(places[1], 100), box_at(places[0], 102)])
        matched = assign([right, left], boxes, np.array([0.9, 0.9]), frame)
        for track, index in zip((right, left), matched, strict=True):
            assert index is not None
            centre = (boxes[index][:2] + boxes[index][2:]) / 2
            track.see(boxes[index], np.array([*centre, 150, 0]), frame)
    assert right.box[0] > 250 and left.box[0] < 0


def test_a_lost_person_is_expected_where_it_was_heading_but_not_forever() -> None:
    track = Track(box_at(0, 100), 0)
    walk(track, [(8 * frame, 100) for frame in range(1, 20)], start=1)
    soon, late = track.expected_box(21), track.expected_box(40)
    assert 160 < (soon[0] + soon[2]) / 2 < 175
    assert (late[0] + late[2]) / 2 < 200
    region = track.expected_region(21)
    assert region is not None
    np.testing.assert_allclose(region[:2], (soon[:2] + soon[2:]) / 2, atol=1e-6)


def test_a_far_box_is_nobody_known_and_a_covered_one_nobody_new() -> None:
    track = Track(box_at(100, 100), 0)
    boxes = np.array([box_at(101, 100), box_at(400, 100), box_at(108, 98)])
    scores = np.array([0.9, 0.8, 0.7])
    matched = assign([track], boxes, scores, 1)
    assert matched == [0]
    assert newcomers([track], boxes, scores, matched, 1) == [1]
    assert newcomers([track], boxes, np.array([0.9, 0.2, 0.7]), matched, 1) == []


def test_a_part_of_somebody_known_is_nobody_new_but_a_child_before_an_adult_is() -> None:
    track = Track(np.array([0.0, 0, 100, 200]), 0)
    half, child = np.array([0.0, 0, 100, 95]), np.array([30.0, 120, 70, 200])
    boxes = np.array([half, child])
    assert newcomers([track], boxes, np.ones(2), [None], 0) == [1]


def test_without_boxes_nobody_is_matched() -> None:
    assert assign([Track(box_at(0, 0), 0)], np.zeros((0, 4)), np.zeros(0), 1) == [None]
    assert assign([], np.zeros((1, 4)), np.ones(1), 1) == []
    assert newcomers([], np.array([box_at(0, 0)]), np.ones(1), [], 0) == [0]
