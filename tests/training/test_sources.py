"""Where training's clips come from: shards join while training goes on, simulations are renewed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training import tiny
from tests.training.synthetic_pairs import exact_clip, swaying
from training.data import sources
from training.data.sample import PairClip, save_shard
from training.data.sources import PairSource, SimulatedSource, Stores


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_new_shards_join_and_perturbed_clips_are_kept_apart(tmp_path: Path) -> None:
    clips = [exact_clip(seed, tiny.body(), tiny.calibration()) for seed in range(3)]
    save_shard(tmp_path / "train" / "pairs_0_00000.npz", clips[:1])
    calls: list[str] = []

    def perturbation(clip: PairClip, rng: np.random.Generator) -> PairClip:
        calls.append(clip.name)
        return replace(clip, betas=clip.betas + 1.0)

    source = PairSource(tmp_path, "train", tiny.body(), tiny.calibration(), perturbation)
    assert source.refresh(rng())
    assert len(source.store()) == 1
    save_shard(tmp_path / "train" / "pairs_0_00001.npz", clips[1:])
    assert source.refresh(rng())
    assert len(source.store()) == 3
    assert sorted(set(calls)) == sorted(clip.name for clip in clips)
    changed = source.perturbed_store()
    assert changed is not None
    assert np.allclose(changed.betas, source.store().betas + 1.0, atol=1e-6)
    empty = PairSource(tmp_path, "val", tiny.body(), tiny.calibration())
    assert not empty.refresh(rng())


def test_each_look_perturbs_few_shards_and_all_have_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PERTURBED_AT_FIRST", 2)
    monkeypatch.setattr(sources, "PERTURBED_EACH_TIME", 1)
    clips = [exact_clip(seed, tiny.body(), tiny.calibration()) for seed in range(4)]
    for number, clip in enumerate(clips):
        save_shard(tmp_path / "train" / f"pairs_0_{number:05d}.npz", [clip])
    calls: list[str] = []

    def perturbation(clip: PairClip, rng: np.random.Generator) -> PairClip:
        calls.append(clip.name)
        return clip

    source = PairSource(tmp_path, "train", tiny.body(), tiny.calibration(), perturbation)
    sizes = []
    for _ in range(5):
        source.refresh(rng())
        store = source.perturbed_store()
        assert store is not None
        sizes.append(len(store))
    assert sizes == [2, 3, 4, 4, 4]
    assert calls == [clips[number].name for number in (0, 1, 2, 3, 0, 1)]


def test_simulations_are_renewed_and_only_training_motion_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "SIMULATED_AT_FIRST", 3)
    monkeypatch.setattr(sources, "SIMULATED_EACH_TIME", 2)
    monkeypatch.setattr(sources, "SIMULATED_AT_MOST", 5)
    asked: list[tuple[Path, Path]] = []

    def load_library(motion: Path, cache: Path) -> tuple[object, ...]:
        asked.append((motion, cache))
        return swaying(0, "train"), swaying(1, "val", count=40)

    monkeypatch.setattr(sources, "load_library", load_library)
    source = SimulatedSource(Path("motion"), Path("cache"), tiny.body(), tiny.calibration())
    assert asked == [(Path("motion"), Path("cache"))]
    clips = [exact_clip(seed, tiny.body(), tiny.calibration()) for seed in range(2)]
    rendered = {Path(f"shard{seed}"): (clip,) for seed, clip in enumerate(clips)}
    counts = []
    for seed in range(3):
        source.refresh(rendered, rng(seed))
        counts.append(len(source.store()))
    assert counts == [3, 5, 4]  # the oldest three are forgotten
    assert (source.store().lengths == sources.SIMULATED_LENGTH).all()
    assert np.isnan(source.store().image_feature).all()


def test_sources_are_chosen_by_their_shares() -> None:
    store = tiny.store()
    others = [replace(store) for _ in range(2)]
    stores = Stores(store, others[0], others[1], None)
    draws = [stores.choose(0.2, 0.5, rng(seed)) for seed in range(400)]
    assert np.mean([drawn is others[1] for drawn in draws]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([drawn is others[0] for drawn in draws]) == pytest.approx(0.2, abs=0.08)
    alone = Stores(store, None, None, None)
    assert all(alone.choose(0.2, 0.5, rng(seed)) is store for seed in range(20))
