"""Compact pairs: what comes back is what went in, to far less than the front end's jitter."""

import io
import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fhmr_blender.core.body import load_body
from tests.training.synthetic_pairs import exact_clip
from training.data import compact
from training.data.calibration import template_calibration
from training.data.sample import PairClip, load_shards, save_shard


def clips() -> tuple[PairClip, ...]:
    body = load_body("neutral")
    calibration = template_calibration(body)
    made = [exact_clip(seed, body, calibration) for seed in range(3)]
    # One is shorter, and in one of its frames nobody was found.
    short = made[2]
    found = short.found.copy()
    found[1] = False
    keypoints = np.where(found[:, None, None], short.keypoints, 0.0)
    made[2] = replace(short, found=found, keypoints=keypoints)
    return tuple(made)


def test_everything_but_the_image_feature_comes_back() -> None:
    before = clips()
    after = compact.unpack_clips(compact.pack_clips(before), load_body("neutral"))
    assert [len(clip) for clip in after] == [len(clip) for clip in before]
    for one, other in zip(before, after, strict=True):
        assert (one.name, one.source, other.split) == (other.name, other.source, "train")
        for name in ("contacts", "visible", "found", "size"):
            np.testing.assert_array_equal(getattr(other, name), getattr(one, name), name)
        side = one.region[:, None, 2:3]
        places = np.abs(other.keypoints - one.keypoints)[..., :3] / side
        assert places.max() < 0.0015  # of the region's side; half a step and the region's own
        assert np.abs(other.keypoints - one.keypoints)[..., 3:].max() < 0.003
        assert np.abs(other.keypoints_world - one.keypoints_world).max() < 0.002
        assert np.abs(other.joints_cam - one.joints_cam).max() < 0.01
        assert np.abs(other.R_world_from_cam - one.R_world_from_cam).max() < 1e-3
        np.testing.assert_allclose(other.seconds, one.seconds, atol=1e-4)
        assert np.isnan(other.image_feature.astype(float)).all()


def test_the_tracked_pairs_are_unpacked_where_there_are_none(tmp_path: Path) -> None:
    count = compact.unpack_into(tmp_path)
    assert count == compact.unpack_into(tmp_path) > 0
    found = load_shards(tmp_path / "pairs", "train")
    assert all(np.isfinite(clip.keypoints).all() for clip in found)
    # A share-alike source, and what is measured on, must not be among what is shipped.
    assert {clip.split for clip in found} == {"train"}
    assert "hdm05" not in " ".join(clip.source for clip in found)


def test_pairs_that_are_there_stay_alone(tmp_path: Path) -> None:
    save_shard(tmp_path / "pairs" / "train" / "pairs_0_00000.npz", clips())
    assert compact.unpack_into(tmp_path) == 1


def test_packing_keeps_to_the_size_that_it_is_given(tmp_path: Path) -> None:
    body = load_body("neutral")
    calibration = template_calibration(body)
    paths = [tmp_path / f"pairs_0_{number:05d}.npz" for number in range(4)]
    for number, path in enumerate(paths):
        save_shard(path, [exact_clip(number, body, calibration)])
    whole = len(compact.fitting(paths, 10.0))
    assert len(compact.unpack_clips(compact.fitting(paths, 0.8e-6 * whole), body)) in (2, 3)
    with pytest.raises(ValueError, match="not one shard"):
        compact.fitting(paths, 1e-4)


def test_another_file_is_refused() -> None:
    header = compact.pack_clips(clips())
    with pytest.raises(ValueError, match="no compact pairs"):
        compact.unpack_clips(_renamed(header), load_body("neutral"))


def _renamed(packed: bytes) -> bytes:
    """The same archive under another format's name."""
    with np.load(io.BytesIO(lzma.decompress(packed))) as archive:
        arrays = {name: archive[name] for name in archive.files}
    text = bytes(arrays["header"]).replace(b"fhmr-compact-pairs", b"some-other-archive")
    arrays["header"] = np.frombuffer(text, dtype=np.uint8)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return lzma.compress(file.getvalue())
