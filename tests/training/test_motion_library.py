"""The way from recordings to the library: retargeting, cleaning, splits, cache."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about
from fhmr_blender.core.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS, forward_kinematics
from fhmr_blender.errors import FhmrError
from training.data import motion_cleaning as cleaning
from training.data import motion_library
from training.data.motion_formats.recording import Recording
from training.data.motion_formats.skeleton_maps import SkeletonMap
from training.data.motion_library import load_library
from training.data.retarget import retarget

HINGE_AXES = {"knee": (1, 0, 0), "left_elbow": (0, -1, 0), "right_elbow": (0, 1, 0)}


def _rest_joints() -> Floats:
    """A T-pose with straight limbs, metres."""
    rest = np.zeros((24, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        places = {
            "hip": (0.1, -0.1, 0.0),
            "knee": (0.1, -0.5, 0.0),
            "ankle": (0.1, -0.9, 0.0),
            "foot": (0.1, -0.95, 0.12),
            "collar": (0.06, 0.42, 0.0),
            "shoulder": (0.18, 0.42, 0.0),
            "elbow": (0.45, 0.42, 0.0),
            "wrist": (0.7, 0.42, 0.0),
            "hand": (0.78, 0.42, 0.0),
        }
        for part, (x, y, z) in places.items():
            rest[JOINT_INDEX[f"{side}_{part}"]] = (sign * x, y, z)
    for name, height in (("spine1", 0.1), ("spine2", 0.2), ("spine3", 0.3), ("neck", 0.5)):
        rest[JOINT_INDEX[name], 1] = height
    rest[JOINT_INDEX["head"], 1] = 0.6
    return rest


def _poses(rng: np.random.Generator, frames: int) -> Floats:
    """Rotations (T, 24, 3, 3), y up; knees and elbows only bend, the first 40 frames stand."""
    vectors = rng.normal(0, 0.3, (frames, 24, 3))
    vectors[:, 0] = [0.0, 0.7, 0.0]
    for name in ("left_knee", "right_knee", "left_elbow", "right_elbow"):
        axis = HINGE_AXES.get(name, HINGE_AXES["knee"])
        vectors[:, JOINT_INDEX[name]] = rng.uniform(0.2, 1.8, (frames, 1)) * np.array(axis)
    vectors[:, [22, 23]] = 0
    vectors[:40, 1:] = 0
    vectors[:40, JOINT_INDEX["left_shoulder"]] = [0, 0, -np.pi / 2]
    vectors[:40, JOINT_INDEX["right_shoulder"]] = [0, 0, np.pi / 2]
    return matrix_from_axis_angle(vectors)


def _recorded(rotations: Floats, rest: Floats, node_from_joint: Floats, metre: float) -> Recording:
    """What a system with its own axes in every joint would have recorded of `rotations`."""
    names = JOINT_NAMES[:22]
    turned = node_from_joint[:22]
    local = rotations[:, :22] @ np.swapaxes(turned, -1, -2)
    offsets = rest[:22].copy()
    for joint in range(1, 22):
        parent = PARENTS[joint]
        local[:, joint] = turned[parent] @ local[:, joint]
        offsets[joint] = turned[parent] @ (rest[joint] - rest[parent])
    return Recording(
        names=names,
        parents=PARENTS[:22],
        offsets=offsets / metre,
        rotations=local,
        root=np.tile([1.0, 0.9, 2.0], (len(rotations), 1)) / metre,
        seconds=np.arange(len(rotations)) / 30,
    )


def _map(zero_pose_is_a_body: bool, metre: float) -> SkeletonMap:
    return SkeletonMap(
        nodes={name: (name,) for name in JOINT_NAMES[:22]},
        metre=metre,
        node_from_body=np.eye(3),
        toes=("left_foot", "right_foot"),
        zero_pose_is_a_body=zero_pose_is_a_body,
    )


@pytest.mark.parametrize("own_axes", [False, True])
def test_a_recorded_pose_comes_back_with_its_twist_whatever_axes_its_nodes_have(
    own_axes: bool,
) -> None:
    rng = np.random.default_rng(5)
    rest, rotations = _rest_joints(), _poses(rng, 400)
    axes = np.broadcast_to(np.eye(3), (24, 3, 3))
    if own_axes:
        axes = matrix_from_axis_angle(rng.normal(0, 1.0, (24, 3)))
    recording = _recorded(rotations, rest, axes, metre=0.01)
    (carried,) = retarget([recording], _map(not own_axes, 0.01), rest)
    outer, joints = forward_kinematics(rotations, rest)
    from_body = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_allclose(carried.outer[:, :22], from_body @ outer[:, :22], atol=1e-6)
    np.testing.assert_allclose(carried.pelvis, np.tile([1, -2, 0.9], (400, 1)), atol=1e-9)
    wrist = (joints[:, 20] + [1, 0.9, 2]) @ from_body.T
    np.testing.assert_allclose(carried.source_joints["left_wrist"], wrist, atol=1e-9)


def test_limbs_and_trunk_point_as_the_source_does_though_bones_differ() -> None:
    rng = np.random.default_rng(6)
    theirs, rotations = _rest_joints(), _poses(rng, 300)
    theirs[[16, 17], 1] += 0.03
    theirs[[4, 5, 7, 8, 10, 11], 1] -= 0.07  # longer thighs
    theirs[[18, 19], 2] -= 0.02
    ours = _rest_joints()
    recording = _recorded(rotations, theirs, np.broadcast_to(np.eye(3), (24, 3, 3)), 1.0)
    (carried,) = retarget([recording], _map(True, 1.0), ours)
    local = motion_library.parent_relative(carried.outer)
    errors = motion_library.bone_errors(carried, forward_kinematics(local, ours)[1])
    arms, legs, _, trunk, _ = errors.T
    assert arms.max() < 1e-4
    assert legs.max() < 1e-4
    assert np.percentile(trunk, 95) < 1.0  # degrees; five rounds of bending the spine
    thighs = np.linalg.norm(ours[4] - ours[7]) + np.linalg.norm(ours[1] - ours[4])
    assert carried.scale == pytest.approx(thighs / (thighs + 0.07), rel=1e-6)


def test_forearm_twist_is_shared_and_moves_nothing() -> None:
    rng = np.random.default_rng(7)
    rest, rotations = _rest_joints(), _poses(rng, 50)
    rotations[:, 20] = rotation_about(0, np.full(50, 1.2))
    rotations[30, 20] = rotation_about(0, 3.0)  # a flip
    shared, flipped = cleaning.share_forearm_twist(rotations, rest)
    assert flipped == 1
    np.testing.assert_allclose(
        cleaning.twist_and_bend(shared[:, 20], np.array([1.0, 0, 0]))[0], 0.6, atol=1e-9
    )
    before, after = (forward_kinematics(some, rest) for some in (rotations, shared))
    np.testing.assert_allclose(after[1], before[1], atol=1e-9)
    kept = np.arange(50) != 30
    np.testing.assert_allclose(after[0][kept, 20], before[0][kept, 20], atol=1e-9)


def test_feet_turned_backwards_go_to_rest_with_their_neighbours() -> None:
    rotations = np.broadcast_to(np.eye(3), (20, 24, 3, 3)).copy()
    rotations[:, 7] = rotation_about(0, 0.5)
    rotations[10, 7] = rotation_about(1, 3.0)
    mended, count = cleaning.mend_ankles(rotations)
    assert count == 7
    np.testing.assert_array_equal(mended[7:14, 7], np.broadcast_to(np.eye(3), (7, 3, 3)))
    kept = [*range(7), *range(14, 20)]
    np.testing.assert_array_equal(mended[kept], rotations[kept])


def test_a_foot_touches_when_it_is_slow_and_low() -> None:
    joints = np.ones((30, 24, 3))
    joints[:, 7, 2] = 0.09  # left ankle stands
    joints[:, 8, 2] = 0.09  # right ankle slides at 0.3 m/s
    joints[:, 8, 0] = 0.01 * np.arange(30)
    touching = cleaning.contacts(joints)
    np.testing.assert_array_equal(touching.all(axis=0), [True, False, False, False, False, False])
    assert not touching[:, 1:].any()


def test_who_hangs_is_measured_from_the_others_floor() -> None:
    heights = [np.full(50, height) for height in (0.02, 0.03, 0.03, 0.9)]
    np.testing.assert_allclose(cleaning.floors(heights), [0.02, 0.03, 0.03, 0.03])
    np.testing.assert_allclose(cleaning.floors(heights[2:]), [0.03, 0.9])  # too few to tell


def test_frames_at_and_before_a_bad_frame_are_not_believed_at_either_rate() -> None:
    packed = np.arange(20) / 30
    valid = cleaning.outside_bad_frames(packed[1:], packed, (5,))
    np.testing.assert_array_equal(np.flatnonzero(~valid) + 1, [4, 5])
    fast = np.arange(80) / 120
    thinned = cleaning.outside_bad_frames(fast[::4], fast, (22,))
    np.testing.assert_array_equal(np.flatnonzero(~thinned), [5, 6])


def test_jumps_and_impossible_turns_are_not_believed() -> None:
    rotations = np.broadcast_to(np.eye(3), (10, 24, 3, 3)).copy()
    joints = np.zeros((10, 24, 3))
    joints[5:, :, 0] = 1.0
    np.testing.assert_array_equal(np.flatnonzero(~cleaning.believable(rotations, joints)), [4, 5])
    rotations[7:, 3] = rotation_about(0, 2.5)
    np.testing.assert_array_equal(
        np.flatnonzero(~cleaning.possible(rotations, _rest_joints())), [7, 8, 9]
    )


def _archive(folder: Path, name: str, files: dict[str, str]) -> None:
    with tarfile.open(folder / f"{name}.tar.xz", "w:xz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def _standing(frames: int) -> str:
    unturned = [1.0, 0, 0, 0]
    joints = unturned * 4 + [0.0] + unturned * 2 + [0.0] + unturned + [0.0] + unturned * 2 + [0.0]
    return json.dumps({"Frames": [[1 / 30, 0.01 * t, 0.9, 0.0, *joints] for t in range(frames)]})


@pytest.fixture
def motion_folder(tmp_path: Path) -> Path:
    files = {
        f"humanoid3d_{letter}.txt": _standing(40 + index) for index, letter in enumerate("abcde")
    }
    _archive(tmp_path, "deepmimic_humanoid3d", files)
    rows = "archive,file,frame_index_in_packed_file,kind,joint,value\n"
    rows += "deepmimic_humanoid3d,humanoid3d_b.txt,10,position_jump_m_per_s,root,20\n"
    (tmp_path / "bad_frames.csv").write_text(rows)
    return tmp_path


def test_the_library_stands_upright_on_the_floor_and_is_read_from_its_cache(
    motion_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = motion_folder / "state"
    clips = load_library(motion_folder, cache)
    assert [clip.name for clip in clips] == [f"deepmimic/humanoid3d_{letter}" for letter in "abcde"]
    assert [clip.split for clip in clips] == ["train"] * 4 + ["val"]
    np.testing.assert_array_equal(np.flatnonzero(~clips[1].valid), [9, 10])
    rest = motion_library.load_body("neutral").rest_joints(np.zeros(10))
    joints = motion_library.world_joints(clips[0], rest, slice(None))
    head, toes = joints[:, 15], joints[:, [10, 11]]
    assert np.all(head[:, 2] > 1.3)
    np.testing.assert_allclose(toes[..., 2], 0.03, atol=0.03)  # the sole is a little below
    forward = np.diff(joints[:, 0], axis=0) * 30
    left = joints[:, 16] - joints[:, 17]
    assert np.all(np.cross([0, 0, 1.0], forward)[:, 1] * left[1:, 1] > 0)  # walks as it faces
    assert not clips[0].contacts[:, :4].any()  # 0.3 m/s is no standing foot

    def parse_again(*arguments: object) -> None:
        raise AssertionError("the cache was not used")

    monkeypatch.setattr(motion_library, "make_library", parse_again)
    again = load_library(motion_folder, cache)
    for first, second in zip(clips, again, strict=True):
        assert first.name == second.name
        np.testing.assert_array_equal(first.poses, second.poses)
        np.testing.assert_array_equal(first.valid, second.valid)


def test_a_damaged_cache_is_made_again(motion_folder: Path) -> None:
    first = load_library(motion_folder, motion_folder)
    (cache,) = (motion_folder / "motion").iterdir()
    cache.write_bytes(cache.read_bytes()[:1000])
    messages: list[str] = []
    again = load_library(motion_folder, motion_folder, lambda _, text: messages.append(text))
    assert "damaged" in messages[0]
    np.testing.assert_array_equal(first[0].poses, again[0].poses)


def test_a_folder_without_archives_is_named(tmp_path: Path) -> None:
    with pytest.raises(FhmrError, match="No motion archive is in"):
        load_library(tmp_path, tmp_path)


def test_a_damaged_archive_is_named(motion_folder: Path) -> None:
    path = motion_folder / "deepmimic_humanoid3d.tar.xz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(FhmrError, match=r"deepmimic_humanoid3d.tar.xz is damaged"):
        load_library(motion_folder, motion_folder)
