"""Which feet stand and which hands hold: the network's word weighed with how the body moves.

A foot that stands is slow, low, and slower than the other one. The weights are a logistic
regression of true contacts on those, on rendered clips that were not trained on; what it says is
then carried over time by a hidden Markov model of standing and swinging.
Source: Rabiner, A Tutorial on Hidden Markov Models, 1989 (forward-backward).
"""

from typing import Any, cast

import numpy as np

from ..core.arrays import Bools, Floats, Indices
from ..core.filters import smooth_points
from ..core.skeleton import CONTACT_NAMES

# CONTACT_NAMES: ankles, toes, wrists; left before right.
FEET = (0, 1, 2, 3)
HANDS = (4, 5)
_OTHER = (1, 0, 3, 2)  # the same part of the other foot
_HEIGHTS = np.array([0.077, 0.077, 0.033, 0.033])  # m, ankle and toe of one who stands flat
_CUTOFF = 2.0  # Hz, for the speeds: limbs tremble faster than feet come and go
_ALONG = 0.3  # how much speed along the line of sight counts: depth trembles most
_SLOWEST = 0.1  # m/s, what no estimate of speed tells from rest
# Fitted on rendered clips of 2 to 10 s with moving cameras; the bias was then raised by 1.1:
# a foot that is missed slides 10 mm a frame and one that is held too long costs next to nothing.
_BIAS, _SPEED, _LOW, _OTHER_SPEED, _SAID = -0.3, -1.5, -4.4, 0.8, 0.5
_HAND_SPEED = 0.3  # m/s; a guess, at which a hand's speed says nothing
_LASTS = 0.3  # s, how long nothing changes; a guess: half a slow walk's step
_STATES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # left and right foot stand
_PRIOR = np.array([0.06, 0.27, 0.27, 0.40])  # of them; a guess: people are seldom in the air
_SURE = 2.0  # log odds that the likelier of ankle and toe rests where the foot stands; a guess
_RESTS = 0.4  # probability, as for the bias
_NOISE_SPAN = 0.5  # s to either side, within which some foot is taken to have come to rest
_NOISE_MOST = 0.5  # m/s of the slower foot, that is put down to the estimate's trembling
_WEIGHT = 0.5  # of a frame's evidence beside its neighbours': they share their errors; a guess


def stances(
    places: Floats, camera: Floats, seconds: Floats, said: Floats, edits: object, frames: Indices
) -> Floats:
    """How likely each joint of CONTACT_NAMES rests on something.

    Args:
        places: (N, 6, 3) of the joints, metres, `world`.
        camera: (N, 3) metres, `world`.
        seconds: (N,).
        said: (N, 6) 0..1 by stage 2.
        edits: The artist's `contact_edits`, which overrule everything.
        frames: (N,) frame numbers in the source.

    Returns:
        (N, 6) probabilities; 0 or 1 where the artist says so.
    """
    odds = _odds(places, camera, seconds, said)
    likely = np.empty(said.shape)
    pairs = odds[:, FEET].reshape(-1, 2, 2)  # (N, ankle or toe, left or right)
    foot = pairs.max(axis=1)  # (N, 2)
    stands = _stands(foot, seconds)
    # Of ankle and toe the likelier one rests if the foot stands at all, the other one by its odds.
    share = 1.0 / (1.0 + np.exp(-(pairs - foot[:, None] + _SURE)))
    likely[:, FEET] = (stands[:, None] * share).reshape(-1, 4)
    likely[:, HANDS] = 1.0 / (1.0 + np.exp(-odds[:, HANDS]))
    told = edited_contacts(edits, frames)
    return np.where(np.isnan(told), likely, told)


def edited_contacts(edits: object, frames: Indices) -> Floats:
    """(N, 6) 1 and 0 where the artist says that something rests or does not; NaN elsewhere.

    Args:
        edits: A list of `{"joint", "start", "end", "state"}`, frames of the source, the end
            outside; the last one counts. What is not of that form is passed over.
        frames: (N,) frame numbers in the source.
    """
    told = np.full((len(frames), len(CONTACT_NAMES)), np.nan)
    for edit in cast("list[Any]", edits) if isinstance(edits, list) else []:
        try:
            column = CONTACT_NAMES.index(edit["joint"])
            inside = (frames >= int(edit["start"])) & (frames < int(edit["end"]))
            state = bool(edit["state"])
        except (KeyError, TypeError, ValueError):
            continue
        told[inside, column] = float(state)
    return told


def resting(likely: Floats) -> Bools:
    """(N, 6) what is taken to rest."""
    return likely > _RESTS


def _odds(places: Floats, camera: Floats, seconds: Floats, said: Floats) -> Floats:
    """(N, 6) log odds of contact from each frame alone."""
    clipped = np.clip(said, 0.01, 0.99)
    network = np.log(clipped / (1.0 - clipped))
    if len(seconds) < 3:
        return network
    slow = smooth_points(places, seconds, _CUTOFF)
    speeds = _speeds(slow, camera, seconds)
    trembling = _slowest_around(speeds[:, FEET].min(axis=1), seconds)
    logs = np.log(np.maximum(speeds - trembling[:, None], 0.0) + _SLOWEST)
    height = slow[:, FEET, 2] - _HEIGHTS
    above = height - height.min(axis=1, keepdims=True)
    feet = (
        _BIAS
        + _SPEED * logs[:, FEET]
        + _LOW * above
        + _OTHER_SPEED * logs[:, _OTHER]
        + _SAID * network[:, FEET]
    )
    hands = network[:, HANDS] + _SPEED * (logs[:, HANDS] - np.log(_HAND_SPEED))
    return np.concatenate((feet, hands), axis=1)


def _speeds(places: Floats, camera: Floats, seconds: Floats) -> Floats:
    """(N, 6) m/s, mostly across the line of sight."""
    velocity = np.gradient(places, seconds, axis=0)
    sight = places - camera[:, None]
    sight = sight / np.maximum(np.linalg.norm(sight, axis=-1, keepdims=True), 1e-6)
    along = np.sum(velocity * sight, axis=-1, keepdims=True) * sight
    return np.linalg.norm(velocity - (1.0 - _ALONG) * along, axis=-1)


def _slowest_around(speeds: Floats, seconds: Floats) -> Floats:
    """(N,) the least of speeds (N,) in the frames around, as far as it is trembling."""
    slowest = speeds.copy()
    for shift in range(1, len(speeds)):
        near = seconds[shift:] - seconds[:-shift] <= _NOISE_SPAN
        if not near.any():
            break
        slowest[:-shift] = np.where(
            near, np.minimum(slowest[:-shift], speeds[shift:]), slowest[:-shift]
        )
        slowest[shift:] = np.where(
            near, np.minimum(slowest[shift:], speeds[:-shift]), slowest[shift:]
        )
    return np.minimum(slowest, _NOISE_MOST)


def _stands(odds: Floats, seconds: Floats) -> Floats:
    """(N, 2) probability that each foot stands, from each frame's odds (N, 2) and all frames.

    Hidden states: none, left, right, both.
    """
    evidence = np.exp(np.clip(_WEIGHT * odds @ _STATES.T, -30.0, 30.0))  # (N, 4)
    change = 1.0 - np.exp(-np.diff(seconds) / _LASTS)
    forward, backward = np.empty_like(evidence), np.empty_like(evidence)
    forward[0], backward[-1] = _PRIOR, 1.0
    for frame in range(1, len(odds)):
        told = forward[frame - 1] * evidence[frame - 1]
        told = told / told.sum()
        forward[frame] = (1.0 - change[frame - 1]) * told + change[frame - 1] * _PRIOR
    for frame in range(len(odds) - 2, -1, -1):
        told = backward[frame + 1] * evidence[frame + 1]
        told = told / told.sum()
        mixed = change[frame] * (told @ _PRIOR)
        backward[frame] = (1.0 - change[frame]) * told + mixed
    joint = forward * evidence * backward
    return (joint / joint.sum(axis=1, keepdims=True)) @ _STATES
