"""Which samples are worth showing: plausible ones that differ from each other."""

import numpy as np

from ..core.arrays import Floats, Indices

_SAMPLES = 8  # a batch of stage 2
_SHOWN = 4  # of each batch; guess: half is enough to choose from
_KEPT = 0.75  # of the samples are plausible enough; guess


def samples_for(variations: int) -> int:
    """How many samples are drawn so that so many variations can be shown."""
    return -(-variations // _SHOWN) * _SAMPLES


def choose(joints: Floats, scores: Floats, fit: Floats, count: int) -> Indices:
    """Choose variations, each one farthest from those before it.

    The first four are chosen among the first eight samples, the next four among the first
    sixteen, and so on: a variation is the same however many are asked for.

    Args:
        joints: (P, n, K, 3) the listed limbs' joints of all samples, metres.
        scores: (P,) higher is better; the best of the first eight comes first.
        fit: (P,) higher is better: what a sample must be good at to be shown at all.
        count: Variations; those that P samples do not serve are left out.

    Returns:
        (count,) indices of samples. Source: Gonzalez, Clustering to minimize the maximum
        intercluster distance, 1985 (farthest point first).
    """
    chosen: list[int] = []
    flat = joints.reshape(len(joints), -1)
    while len(chosen) < count and samples_for(len(chosen) + 1) <= len(joints):
        seen = samples_for(len(chosen) + 1)
        if not chosen:
            chosen.append(int(np.argmax(scores[:seen])))
            continue
        plausible = np.argsort(-fit[:seen], kind="stable")[: int(_KEPT * seen)]
        free = np.setdiff1d(plausible, chosen)
        distance = np.linalg.norm(flat[free, None] - flat[None, chosen], axis=-1).min(axis=1)
        chosen.append(int(free[np.argmax(distance)]))
    return np.array(chosen, dtype=np.int64)
