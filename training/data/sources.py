"""Where training's clips come from: rendered pairs, the same perturbed, and the bank's simulations.

Sources are asked again and again while training goes on: new shards join, perturbations and
simulations are renewed little by little.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fhmr_blender.core.body import Body
from fhmr_blender.core.calibration import LandmarkCalibration

from ..networks.body_layer import Shaped
from .bank import Bank, joined_bank, simulate
from .motion_library import load_library
from .records import Records, measure_records
from .repertoire import Repertoire
from .sample import PairClip, load_shard, shard_paths
from .second_looks import seen_twice
from .windows import FrameStore, joined, store_clips

PERTURBED_AT_FIRST = 24  # shards
PERTURBED_EACH_TIME = 6
BANK_SHARDS = 40  # that each look's simulations take their errors from
SIMULATED_LENGTH = 24  # frames
SIMULATED_AT_FIRST = 800  # clips
SIMULATED_EACH_TIME = 400
SIMULATED_AT_MOST = 6000
SIMULATED_SHARES = (0.15, 0.6)  # with others' limbs, and changed in every way
Perturbation = Callable[[PairClip, np.random.Generator], PairClip]


class PairSource:
    """The clips of one split under `STATE/pairs`, looked for again while training goes on.

    Args:
        folder: `STATE/pairs`.
        split: "train", "val", "test" or "hdm05".
        body: The neutral one.
        calibration: Of the landmarks.
        perturbation: Gives a clip whose body is turned a little, its observation moved along.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        body: Shaped,
        calibration: LandmarkCalibration,
        perturbation: Perturbation | None = None,
    ) -> None:
        self._folder = folder
        self._split = split
        self._body = body
        self._calibration = calibration
        self._perturbation = perturbation
        self._clips: dict[Path, tuple[PairClip, ...]] = {}
        self._stores: dict[Path, FrameStore] = {}
        self._rendered: FrameStore | None = None
        self._perturbed: dict[Path, FrameStore] = {}  # the one that was perturbed last at the end

    @property
    def shards(self) -> Mapping[Path, tuple[PairClip, ...]]:
        """Everything that has been read, by file."""
        return self._clips

    def refresh(self, rng: np.random.Generator) -> bool:
        """Read new shards; perturb some, those first whose turn is longest ago.

        Returns:
            Whether there is anything to train on.
        """
        paths = shard_paths(self._folder, self._split)
        for path in paths:
            if path not in self._stores:
                self._clips[path] = load_shard(path)
                self._stores[path] = self._stored(
                    (*self._clips[path], *seen_twice(self._clips[path]))
                )
                self._rendered = None
        if self._perturbation is not None:
            count = PERTURBED_EACH_TIME if self._perturbed else PERTURBED_AT_FIRST
            waiting = [path for path in paths if path not in self._perturbed]
            for path in (waiting + list(self._perturbed))[:count]:
                changed = [self._perturbation(clip, rng) for clip in self._clips[path]]
                self._perturbed.pop(path, None)  # to the end of the queue
                self._perturbed[path] = self._stored(changed)
        return bool(paths)

    def store(self) -> FrameStore:
        """The clips as they were rendered."""
        if self._rendered is None:
            self._rendered = joined([self._stores[path] for path in sorted(self._stores)])
        return self._rendered

    def perturbed_store(self) -> FrameStore | None:
        """The clips as they were last perturbed."""
        if not self._perturbed:
            return None
        return joined([self._perturbed[path] for path in sorted(self._perturbed)])

    def _stored(self, clips: Sequence[PairClip]) -> FrameStore:
        return store_clips(clips, self._body, self._calibration)


class SimulatedSource:
    """Any recorded motion before any camera, seen as wrongly as the rendered pairs were.

    Args:
        motion: Folder of the motion archives.
        cache: Where the parsed library is kept.
        body: The neutral one.
        calibration: Of the landmarks.
    """

    def __init__(
        self, motion: Path, cache: Path, body: Body, calibration: LandmarkCalibration
    ) -> None:
        recordings = [clip for clip in load_library(motion, cache) if clip.split == "train"]
        self._repertoire = Repertoire(recordings, body.rest_joints(np.zeros(10)))
        self._body = body
        self._calibration = calibration
        self._stores: list[FrameStore] = []
        self._records: dict[Path, Records] = {}

    def refresh(
        self, rendered: Mapping[Path, Sequence[PairClip]], rng: np.random.Generator
    ) -> None:
        """Simulate some more clips with errors of rendered shards; forget the oldest."""
        bank = self._bank(rendered, rng)
        count = SIMULATED_EACH_TIME if self._stores else SIMULATED_AT_FIRST
        exchange, coverage = SIMULATED_SHARES
        clips = [
            simulate(
                self._repertoire.draw(rng, SIMULATED_LENGTH, exchange, coverage),
                bank,
                self._body,
                self._calibration,
                rng,
            )
            for _ in range(count)
        ]
        self._stores.append(store_clips(clips, self._body, self._calibration))
        while sum(map(len, self._stores)) > SIMULATED_AT_MOST:
            self._stores.pop(0)

    def store(self) -> FrameStore:
        """The clips that are remembered."""
        return joined(self._stores)

    def _bank(self, rendered: Mapping[Path, Sequence[PairClip]], rng: np.random.Generator) -> Bank:
        """A bank of some shards, others at every look: small banks are searched fast."""
        paths = sorted(rendered)
        chosen = rng.choice(len(paths), size=min(BANK_SHARDS, len(paths)), replace=False)
        for path in (paths[place] for place in chosen):
            if path not in self._records:
                self._records[path] = measure_records(rendered[path], self._body, self._calibration)
        return joined_bank([self._records[paths[place]] for place in sorted(chosen)])


@dataclass(frozen=True, eq=False)
class Stores:
    """What there is to train on at one time; None where a source is not used or empty."""

    rendered: FrameStore
    perturbed: FrameStore | None
    simulated: FrameStore | None
    held_out: FrameStore | None

    def choose(self, perturbed: float, simulated: float, rng: np.random.Generator) -> FrameStore:
        """One of the three to train on, by their shares."""
        draw = rng.random()
        if draw < simulated and self.simulated is not None:
            return self.simulated
        if draw < simulated + perturbed and self.perturbed is not None:
            return self.perturbed
        return self.rendered


@dataclass(frozen=True, eq=False)
class Sources:
    """Everything that training draws from."""

    train: PairSource
    held_out: PairSource
    simulated: SimulatedSource | None

    def refresh(self, rng: np.random.Generator) -> Stores:
        """Look for new shards and renew what is made of them."""
        self.train.refresh(rng)
        if self.simulated is not None:
            self.simulated.refresh(self.train.shards, rng)
        return Stores(
            rendered=self.train.store(),
            perturbed=self.train.perturbed_store(),
            simulated=None if self.simulated is None else self.simulated.store(),
            held_out=self.held_out.store() if self.held_out.refresh(rng) else None,
        )
