"""Recorded motion: readers of each format, and their way to SMPL, on small made-up files."""

import json

import numpy as np
import pytest

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.rotations import matrix_from_axis_angle, rotation_about
from training.data.motion_formats.asf_amc import parse_amc, parse_asf
from training.data.motion_formats.bvh import parse_bvh
from training.data.motion_formats.deepmimic import parse_deepmimic
from training.data.motion_formats.expmap import NODE_NAMES, parse_expmap
from training.data.motion_formats.recording import MotionFileError, at_rate, place

ASF = """
:version 1.10
:units
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 4
     axis 0 0 20 XYZ
     dof rx ry rz
     limits (-160.0 20.0)
            (-70.0 70.0)
            (-60.0 70.0)
  end
  begin
     id 2
     name shin
     direction 0 -1 0
     length 3
     axis 90 0 0 XYZ
     dof rx
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""
AMC = """#!comment
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 10 20 30
thigh 40 50 60
shin 70
5
root 1 2 4 10 20 30
thigh 40 50 60
shin 0
"""


def test_acclaim_bones_turn_about_their_own_axes_in_the_written_order() -> None:
    recording = parse_amc(AMC, parse_asf(ASF, "a.asf"), "a.amc")
    nodes = place(recording, ("thigh", "shin", "shin_end"))

    def turn(x: float, y: float, z: float) -> Floats:
        return _about("z", z) @ _about("y", y) @ _about("x", x)

    thigh_axis, shin_axis = _about("z", 20), _about("x", 90)
    thigh = turn(10, 20, 30) @ thigh_axis @ turn(40, 50, 60) @ thigh_axis.T
    shin = thigh @ shin_axis @ _about("x", 70) @ shin_axis.T
    knee = np.array([1, 2, 3]) + thigh @ [0, -4, 0]
    np.testing.assert_allclose(nodes.rotations["shin"][0], shin, atol=1e-12)
    np.testing.assert_allclose(nodes.starts["thigh"][0], [1, 2, 3], atol=1e-12)
    np.testing.assert_allclose(nodes.starts["shin"][0], knee, atol=1e-12)
    np.testing.assert_allclose(nodes.starts["shin_end"][0], knee + shin @ [0, -3, 0], atol=1e-12)
    np.testing.assert_allclose(nodes.rotations["shin"][1], thigh, atol=1e-12)


def _bvh(root_order: str, joint_order: str, values: str, frames: int = 1) -> str:
    def channels(order: str) -> str:
        return " ".join(f"{axis}rotation" for axis in order)

    return f"""HIERARCHY
ROOT hip
{{
  OFFSET 9 9 9
  CHANNELS 6 Xposition Yposition Zposition {channels(root_order)}
  JOINT knee
  {{
    OFFSET 0 -4 0
    CHANNELS 6 Xposition Yposition Zposition {channels(joint_order)}
    End Site
    {{
      OFFSET 0 -3 1
    }}
  }}
}}
MOTION
Frames: {frames}
Frame Time: 0.033333
{values}
"""


@pytest.mark.parametrize("root_order", ["ZXY", "ZYX", "XYZ", "YXZ"])
@pytest.mark.parametrize("joint_order", ["ZXY", "XYZ"])
def test_bvh_channels_apply_in_the_order_written(root_order: str, joint_order: str) -> None:
    text = _bvh(root_order, joint_order, "1 2 3 10 20 30 7 7 7 40 50 60")
    nodes = place(parse_bvh(text, "a.bvh"), ("knee", "knee_end"))
    hip = _chain(root_order, (10, 20, 30))
    knee = hip @ _chain(joint_order, (40, 50, 60))
    start = np.array([1, 2, 3]) + hip @ [0, -4, 0]  # the joint's own positions are ignored
    np.testing.assert_allclose(nodes.rotations["knee"][0], knee, atol=1e-12)
    np.testing.assert_allclose(nodes.starts["knee"][0], start, atol=1e-12)
    np.testing.assert_allclose(nodes.starts["knee_end"][0], start + knee @ [0, -3, 1], atol=1e-12)


def _skeleton_json(parents: list[int] | None = None) -> str:
    offsets = [[0.0, float(node % 3), 1.0] for node in range(len(NODE_NAMES))]
    return json.dumps(
        {"parent": parents or [node - 1 for node in range(38)], "offset_asf_units": offsets}
    )


def test_exponential_maps_turn_against_the_vector() -> None:
    rng = np.random.default_rng(3)
    row = rng.normal(0, 0.4, 3 + 3 * len(NODE_NAMES))
    text = ",".join(map(str, row)) + "\n"
    nodes = place(parse_expmap(text, _skeleton_json(), "a.txt"), ("LeftUpLeg",))
    vectors = row[3:].reshape(-1, 3)
    hips, between = matrix_from_axis_angle(-vectors[:2])
    start = row[:3] + hips @ [0, 1, 1] + hips @ between @ [0, 2, 1]
    np.testing.assert_allclose(nodes.starts["LeftUpLeg"][0], start, atol=1e-12)


def _deepmimic_frame(**joints: list[float]) -> list[float]:
    frame = [0.5, 0.0, 0.9, 0.0] + [1.0, 0, 0, 0] * 4 + [0.0] + [1.0, 0, 0, 0] * 2 + [0.0]
    frame += [1.0, 0, 0, 0] + [0.0] + [1.0, 0, 0, 0] * 2 + [0.0]
    columns = {"root": 4, "right_knee": 20, "left_elbow": 43}
    for name, values in joints.items():
        frame[columns[name] : columns[name] + len(values)] = values
    return frame


def test_deepmimic_knees_bend_backwards_and_elbows_forwards() -> None:
    frame = _deepmimic_frame(right_knee=[-np.pi / 2], left_elbow=[np.pi / 2])
    recording = parse_deepmimic(json.dumps({"Frames": [frame, frame]}), "a.txt")
    nodes = place(recording, ("right_knee", "right_ankle", "left_elbow", "left_wrist"))
    shank = nodes.starts["right_ankle"] - nodes.starts["right_knee"]
    forearm = nodes.starts["left_wrist"] - nodes.starts["left_elbow"]
    np.testing.assert_allclose(shank[0], [-0.4099, 0, 0], atol=1e-12)  # x is forward
    np.testing.assert_allclose(forearm[0], [0.2589, 0, 0], atol=1e-12)
    np.testing.assert_allclose(recording.seconds, [0, 0.5])


def test_quaternions_are_renormalised() -> None:
    half = np.sqrt(0.5)
    frames = [_deepmimic_frame(root=[1.1 * half, 0, 1.1 * half, 0])]
    recording = parse_deepmimic(json.dumps({"Frames": frames}), "a.txt")
    np.testing.assert_allclose(recording.rotations[0, 0], _about("y", 90), atol=1e-12)


def test_even_rates_are_thinned_and_others_interpolated() -> None:
    rows = "\n".join(f"{frame} 0 0 {2 * frame} 0 0 0 0 0 0 0 0" for frame in range(9))
    fast = parse_bvh(_bvh("ZXY", "ZXY", rows, 9).replace("0.033333", "0.0083333"), "fast.bvh")
    thinned = at_rate(fast)
    np.testing.assert_array_equal(thinned.root[:, 0], [0, 4, 8])
    slow = parse_bvh(_bvh("ZXY", "ZXY", rows, 9).replace("0.033333", "0.05"), "slow.bvh")
    smooth = at_rate(slow)
    np.testing.assert_allclose(smooth.root[:4, 0], [0, 2 / 3, 4 / 3, 2], atol=1e-9)
    np.testing.assert_allclose(smooth.rotations[1, 0], _about("z", 4 / 3), atol=1e-9)
    assert len(smooth.root) == 13  # 0.4 s at 30 frames a second


@pytest.mark.parametrize(
    ("parse", "words"),
    [
        (lambda: parse_asf("not a skeleton", "s.asf"), "s.asf holds no bones"),
        (lambda: parse_asf(ASF.replace("20 XYZ", "20 ZYX"), "s.asf"), "another order than XYZ"),
        (lambda: parse_asf(ASF.replace("thigh shin", "hip shin"), "s.asf"), "unknown bone hip"),
        (lambda: parse_amc("1\n", parse_asf(ASF, "s"), "m.amc"), "has no root"),
        (lambda: parse_amc("", parse_asf(ASF, "s"), "m.amc"), "holds no frames"),
        (
            lambda: parse_amc(AMC.rsplit("thigh", 1)[0], parse_asf(ASF, "s"), "m.amc"),
            "breaks off: thigh",
        ),
        (
            lambda: parse_amc(AMC.replace("70", "nan"), parse_asf(ASF, "s"), "m.amc"),
            "not finite in shin",
        ),
        (lambda: parse_bvh("", "m.bvh"), "m.bvh is no BVH file"),
        (lambda: parse_bvh(_bvh("ZXY", "ZXY", "1 2 3"), "m.bvh"), "announces 1 frames of 12"),
        (lambda: parse_bvh(_bvh("ZXQ", "ZXY", "0 " * 12), "m.bvh"), "unknown channel Qrotation"),
        (
            lambda: parse_bvh(_bvh("ZXY", "ZXY", "0 " * 12).replace("}", "", 1), "m.bvh"),
            "breaks off in its hierarchy",
        ),
        (lambda: parse_bvh(_bvh("ZXY", "ZXY", "a " * 12), "m.bvh"), "else than numbers"),
        (lambda: parse_expmap("1,2", _skeleton_json(), "m.txt"), "117 values a line; line 1"),
        (lambda: parse_expmap("1,2", "{}", "m.txt"), "no readable skeleton"),
        (lambda: parse_deepmimic("{", "m.txt"), "no JSON with a list of Frames"),
        (lambda: parse_deepmimic('{"Frames": [[1, 2]]}', "m.txt"), "44 values a frame"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(parse: object, words: str) -> None:
    with pytest.raises(MotionFileError, match=words):
        parse()  # type: ignore[operator]


def _about(axis: str, degrees: float) -> Floats:
    return rotation_about("xyz".index(axis), np.deg2rad(degrees))


def _chain(order: str, degrees: tuple[float, float, float]) -> Floats:
    first, second, third = (
        _about(axis.lower(), angle) for axis, angle in zip(order, degrees, strict=True)
    )
    return first @ second @ third
