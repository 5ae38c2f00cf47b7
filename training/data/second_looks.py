"""Pairs of which the front end saw every picture twice, as it is and in the mirror."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.second_look import agreement, middle, unmirrored, unmirrored_world

from .pairs import MIRRORED_PICTURE
from .sample import PairClip


def seen_twice(clips: Sequence[PairClip]) -> tuple[PairClip, ...]:
    """What two looks make of clips and their mirror images, which follow them; both ways round.

    Presence carries how far the looks agree, as it does where the networks are used.
    """
    twice: list[PairClip] = []
    for clip, following in pairwise(clips):
        if following.name == clip.name + MIRRORED_PICTURE:
            twice.extend((_looked_again(clip, following), _looked_again(following, clip)))
    return tuple(twice)


def _looked_again(clip: PairClip, mirrored: PairClip) -> PairClip:
    """A clip with the middle of both looks; the first one where only one of them found anybody."""
    keypoints, world, agreed = both_looks(clip, mirrored)
    both = (clip.found & mirrored.found)[:, None, None]
    keypoints = keypoints.copy()
    keypoints[..., 4] *= agreed
    return replace(
        clip,
        keypoints=np.where(both, keypoints, clip.keypoints).astype(np.float32),
        keypoints_world=np.where(both, world, clip.keypoints_world).astype(np.float32),
    )


def both_looks(
    clip: PairClip, mirrored: PairClip, *, turned: bool = False
) -> tuple[Floats, Floats, Floats]:
    """Landmarks (T, 33, 5), world landmarks (T, 33, 3) and agreement (T, 33) of two looks.

    In the clip's picture, the first look completed by the second, or, `turned`, the second by the
    first.
    """
    first = clip.keypoints.astype(float), clip.keypoints_world.astype(float)
    again = (
        unmirrored(mirrored.keypoints.astype(float), float(clip.size[0])),
        unmirrored_world(mirrored.keypoints_world.astype(float)),
    )
    if turned:
        first, again = again, first
    side = clip.region[:, 2].astype(float)
    keypoints, world = middle(first[0], again[0], first[1], again[1], side)
    return keypoints, world, agreement(first[0], again[0], side)
