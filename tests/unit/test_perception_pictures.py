"""The front end on real pictures, where front ends fail: cut, turned, crowded, at the edge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fhmr_blender.core.motion import Observations
from fhmr_blender.errors import FhmrError
from fhmr_blender.jobs import silent
from fhmr_blender.pipeline.footage import Footage, MovieWriter, write_picture
from fhmr_blender.pipeline.lens import choose_intrinsics
from fhmr_blender.pipeline.perception.crops import crop_to_image, cut
from fhmr_blender.pipeline.perception.front_end import (
    PictureObservation,
    observe,
    observe_picture,
)
from fhmr_blender.pipeline.weights import Networks, load_networks

Back = Callable[[np.ndarray], np.ndarray]
DATA = Path(__file__).resolve().parents[1] / "data"
NOSE, SHOULDERS, KNEES_ANKLES = 0, [11, 12], [25, 26, 27, 28]
LEFT, RIGHT = [11, 13, 15, 23, 25, 27], [12, 14, 16, 24, 26, 28]
CLOSE = 0.05  # of the region's side: the bound of the measurements behind the region finding


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_networks(threads=2)


@pytest.fixture(scope="module")
def warrior() -> np.ndarray:
    return Footage(DATA / "tfjs_pose.jpg").frame(0)


@pytest.fixture(scope="module")
def whole(warrior: np.ndarray, networks: Networks) -> PictureObservation:
    """The man in the untouched picture: the truth for cut and turned ones."""
    (person,) = observe_picture(warrior, networks)
    return person


def errors(
    person: PictureObservation, whole: PictureObservation, back: Back | None = None
) -> np.ndarray:
    """(33,) distances to the untouched picture's landmarks, over its region's side."""
    points = person.keypoints[:, :2]
    points = points if back is None else back(points)
    return np.linalg.norm(points - whole.keypoints[:, :2], axis=-1) / whole.region[2]


def test_a_whole_body_is_found_where_the_eye_sees_it(whole: PictureObservation) -> None:
    seen = {  # read off the picture by eye, pixels
        NOSE: (458, 284),
        15: (700, 313),  # the wrist of his left arm, at the picture's right
        16: (297, 308),
        27: (704, 614),
        28: (348, 612),
    }
    for landmark, place in seen.items():
        assert np.linalg.norm(whole.keypoints[landmark, :2] - place) < 15, landmark
    assert whole.keypoints[LEFT, 0].min() > whole.keypoints[RIGHT, 0].max() - 40
    assert whole.keypoints[:, 3:].min() >= 0 and whole.keypoints[:, 3:].max() <= 1
    assert whole.keypoints[KNEES_ANKLES, 4].min() > 0.9
    assert np.abs(whole.keypoints_world[[23, 24]].mean(axis=0)).max() < 0.02  # hip-centred
    arms = np.linalg.norm(whole.keypoints_world[15] - whole.keypoints_world[16])
    assert 1.0 < arms < 2.0  # metres between the wrists of outstretched arms


@pytest.mark.parametrize("rows", [400, 450, 470])
def test_a_body_cut_at_the_chest_is_not_squashed(
    rows: int, warrior: np.ndarray, whole: PictureObservation, networks: Networks
) -> None:
    (person,) = observe_picture(warrior[:rows], networks)
    visible = whole.keypoints[:, 1] < rows - 5
    assert np.median(errors(person, whole)[visible]) < CLOSE
    assert person.keypoints[KNEES_ANKLES, 4].mean() < 0.3  # the legs are "not observed"
    assert person.keypoints[SHOULDERS, 4].min() > 0.9


def test_a_portrait_is_not_squashed(networks: Networks) -> None:
    (person,) = observe_picture(Footage(DATA / "skimage_astronaut.jpg").frame(0), networks)
    assert np.linalg.norm(person.keypoints[NOSE, :2] - (225, 130)) < 15  # by eye, pixels
    assert person.keypoints[KNEES_ANKLES, 4].mean() < 0.3
    assert person.keypoints[[23, 24], 1].min() > 450  # the hips sit at the lower edge


@pytest.mark.parametrize("degrees", [30, -45, 60, 90, 135, 180, 270])
def test_a_turned_body_is_found_with_its_left_and_right(
    degrees: float, warrior: np.ndarray, whole: PictureObservation, networks: Networks
) -> None:
    height, width = warrior.shape[:2]
    square = np.array([width / 2, height / 2, 1200.0, np.radians(degrees)])
    turned = cut(warrior, square, 1000, replicate=True).astype(np.uint8)
    (person,) = observe_picture(turned, networks)
    found = errors(person, whole, lambda points: crop_to_image(points, square, 1000))
    assert np.median(found) < CLOSE
    assert found[LEFT + RIGHT].max() < 0.1  # swapped sides would be a third of the region off
    roll = (person.region[3] + np.radians(degrees) - whole.region[3] + np.pi) % (2 * np.pi) - np.pi
    assert abs(roll) < 0.2
    world = person.keypoints_world @ _turn(np.radians(degrees)).T
    # The network's own answer changes by up to 2 cm with the region.
    np.testing.assert_allclose(world, whole.keypoints_world, atol=0.12)


def _turn(roll: float) -> np.ndarray:
    cos, sin = np.cos(roll), np.sin(roll)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def test_neighbours_are_kept_apart(networks: Networks) -> None:
    image = Footage(DATA / "tfjs_three_people.jpg").frame(0)
    people = observe_picture(image, networks)
    noses = sorted(person.keypoints[NOSE, :2].tolist() for person in people)
    assert len(noses) == 3
    by_eye = [(189, 145), (386, 464), (878, 151)]  # pixels
    np.testing.assert_allclose(noses, by_eye, atol=20)
    again = observe_picture(image, networks, boxes=np.array([person.bbox for person in people]))
    assert len(again) == 3  # one each, in their order
    for first, second in zip(people, again, strict=True):
        assert np.linalg.norm(first.keypoints[NOSE] - second.keypoints[NOSE]) < 20
        assert second.confidence == 1.0


@pytest.mark.parametrize(("left", "right"), [(330, 1000), (450, 1000), (0, 650), (0, 550)], ids=str)
def test_a_body_at_the_pictures_edge_is_found_as_far_as_it_shows(
    left: int, right: int, warrior: np.ndarray, whole: PictureObservation, networks: Networks
) -> None:
    (person,) = observe_picture(np.ascontiguousarray(warrior[:, left:right]), networks)
    found = errors(person, whole, lambda points: points + np.array([left, 0]))
    columns = whole.keypoints[:, 0]
    visible = (columns > left + 5) & (columns < right - 5)
    assert np.median(found[visible]) < CLOSE
    assert found[visible].max() < 2 * CLOSE


def test_nobody_is_seen_where_nobody_is(warrior: np.ndarray, networks: Networks) -> None:
    assert observe_picture(np.ascontiguousarray(warrior[:200]), networks) == ()  # sky
    assert observe_picture(np.full((480, 640, 3), 127, np.uint8), networks) == ()


def seen(path: Path, networks: Networks, **options: Any) -> tuple[Observations, ...]:
    footage = Footage(path)
    camera = choose_intrinsics(footage).values
    return observe(footage, range(footage.frame_count), camera, networks, silent, **options).people


def test_a_still_gives_observations_of_one_frame(networks: Networks) -> None:
    (person,) = seen(DATA / "tfjs_pose.jpg", networks)
    assert person.frames.tolist() == [0] and person.seconds.tolist() == [0.0]
    assert person.intrinsics.shape == (1, 4)
    assert np.linalg.norm(person.keypoints[0, NOSE, :2] - (458, 284)) < 15
    assert np.isfinite(person.image_feature).all()


def test_the_most_prominent_people_are_kept(networks: Networks) -> None:
    everybody = seen(DATA / "tfjs_three_people.jpg", networks)
    assert len(everybody) == 3
    (one,) = seen(DATA / "tfjs_three_people.jpg", networks, people=1)
    np.testing.assert_array_equal(one.keypoints, everybody[0].keypoints)


def test_only_people_in_given_boxes_are_followed(networks: Networks) -> None:
    box = np.array([[683.0, 30.0, 1049.0, 861.0]])
    (person,) = seen(DATA / "tfjs_three_people.jpg", networks, boxes=box)
    assert np.linalg.norm(person.keypoints[0, NOSE, :2] - (878, 151)) < 25


def test_somebody_who_walks_through_stays_the_same_person(
    warrior: np.ndarray, networks: Networks, tmp_path: Path
) -> None:
    path = tmp_path / "pan.mp4"
    steps = [0, 12, 24, 36, 48, 60, 72, 84]
    with MovieWriter(path, 25) as writer:
        for step in steps:  # the camera pans to the right
            writer.write(np.ascontiguousarray(warrior[:, step : step + 900]))
    told: list[float] = []
    footage = Footage(path)
    observed = observe(
        footage,
        range(8),
        choose_intrinsics(footage).values,
        networks,
        lambda fraction, message: told.append(fraction),
    )
    (person,) = observed.people
    assert person.frames.tolist() == list(range(8))
    np.testing.assert_allclose(person.seconds, np.arange(8) / 25)
    moved = person.keypoints[:, :, 0] - person.keypoints[:1, :, 0]
    np.testing.assert_allclose(np.median(moved, axis=1), -np.array(steps), atol=4)  # pixels
    assert told == sorted(told) and told[0] >= 0 and told[-1] <= 1


def test_an_empty_picture_is_named(tmp_path: Path, networks: Networks) -> None:
    write_picture(tmp_path / "empty.png", np.full((200, 300, 3), 127, np.uint8))
    with pytest.raises(FhmrError, match=r"No person was found in frame 0 of empty\.png"):
        seen(tmp_path / "empty.png", networks)
