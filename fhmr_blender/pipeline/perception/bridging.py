"""A person's sightings as observations, short gaps bridged: the body stays while nobody sees it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...core.arrays import Floats, Indices
from ...core.motion import Observations
from .appearance import CLOTHING_SIZE
from .sightings import Sighting

_LONGEST = 1.0  # s; a longer absence stays one


def observations_of(
    person: Sequence[Sighting], numbers: Indices, seconds: Floats, intrinsics: Floats
) -> Observations:
    """Turn sightings into observations.

    Args:
        person: In order.
        numbers: (T,) frame numbers in the source of the frames observed.
        seconds: (T,) their times.
        intrinsics: (4,) pixels.

    Returns:
        Rows of frames without a sight that lie in a gap of at most a second have confidence 0:
        place and size run on evenly, landmarks are there but invisible, the feature is NaN.
    """
    seen = np.array([sighting.frame for sighting in person])
    kept = _with_short_gaps(seen, seconds)
    rolls = np.unwrap([sighting.region[3] for sighting in person])
    regions = np.array([[*sighting.region[:2], np.log(sighting.region[2])] for sighting in person])
    regions = np.column_stack((regions, rolls))
    there = np.isin(kept, seen)

    def even(values: Floats) -> Floats:
        """(n, ...) at the sightings -> at every kept frame."""
        flat = values.reshape(len(values), -1).astype(float)
        columns = [np.interp(seconds[kept], seconds[seen], column) for column in flat.T]
        return np.stack(columns, axis=-1).reshape(len(kept), *values.shape[1:])

    region = even(regions)
    region[:, 2] = np.exp(region[:, 2])
    region[:, 3] = (region[:, 3] + np.pi) % (2 * np.pi) - np.pi
    region[there] = [sighting.region for sighting in person]
    keypoints = even(np.array([sighting.keypoints for sighting in person]))
    keypoints[~there, :, 3:] = 0.0
    feature = np.full((len(kept), 288), np.nan)
    feature[there] = [sighting.image_feature for sighting in person]
    agreement = np.full((len(kept), 33), np.nan)
    agreement[there] = [sighting.agreement for sighting in person]
    confidence = np.zeros(len(kept))
    confidence[there] = [sighting.confidence for sighting in person]
    return Observations(
        frames=numbers[kept],
        seconds=seconds[kept],
        intrinsics=np.broadcast_to(intrinsics, (len(kept), 4)).astype(float),
        bbox=even(np.array([sighting.box for sighting in person])),
        region=region,
        track_confidence=confidence,
        keypoints=keypoints,
        keypoints_world=even(np.array([sighting.keypoints_world for sighting in person])),
        agreement=agreement,
        image_feature=feature,
    )


def sightings_of(observations: Observations, numbers: Indices) -> list[Sighting]:
    """The inverse, what was bridged left out: frames counted among `numbers` (T,)."""
    rows = np.searchsorted(numbers, observations.frames)
    return [
        Sighting(
            frame=int(rows[row]),
            confidence=float(observations.track_confidence[row]),
            box=observations.bbox[row],
            region=observations.region[row],
            keypoints=observations.keypoints[row],
            keypoints_world=observations.keypoints_world[row],
            agreement=observations.agreement[row],
            image_feature=observations.image_feature[row],
            clothing=np.zeros(CLOTHING_SIZE),  # not stored
        )
        for row in np.flatnonzero(observations.track_confidence > 0.0)
    ]


def _with_short_gaps(seen: Indices, seconds: Floats) -> Indices:
    """The frames seen and those between them whose gap is short."""
    kept = [int(seen[0])]
    for before, after in pairwise(int(frame) for frame in seen):
        short = seconds[after] - seconds[before] <= _LONGEST
        kept.extend(range(before + 1 if short else after, after + 1))
    return np.array(kept)
