"""Stage 2: limbs drawn from a learned flow around the fixed anchor.

Source: FactorizedHMR (arXiv 2605.14854), stage 2.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..core.arrays import Bools, Floats, Indices, check_shapes
from ..core.flow import Denoiser, guided, integrate
from ..core.latent import (
    GRAVITY,
    LATENT_SIZE,
    POSITIONS,
    ROTATIONS,
    VELOCITY,
    limb_coordinates,
    pack,
)
from ..core.motion import Anchor, assemble
from ..core.person_view import translation_person
from ..core.rotations import matrix_from_sixd, sixd_from_matrix
from ..core.skeleton import LIMB_JOINTS, LIMB_NAMES, forward_kinematics
from .anchor import View
from .limb_noise import limb_noise
from .runtime import SMALL, Network
from .side_by_side import side_by_side
from .windows import cut

BATCH = 8  # samples a call; always full, so that a sample's bits do not depend on their number
_REMEMBERED = 32  # frames; scopes up to there are drawn again and again while a slider moves
_LIMB_COORDINATES = np.stack([limb_coordinates(limb) for limb in LIMB_NAMES])  # (5, 168)


@dataclass(frozen=True, eq=False)
class Draw:
    """What decides a draw besides the observations."""

    seed: int
    person: int
    samples: int
    guidance: float  # w: 0 the anchor alone, 1 the model's belief, above clings to the picture
    steps: int


@dataclass(frozen=True, eq=False)
class Subject:
    """One person as stage 2 is told of him, N frames."""

    view: View
    frames: Indices  # (N,) frame numbers in the source
    anchor: Anchor
    rest_joints: Floats  # (24, 3) of the neutral body with the anchor's betas, metres

    def __post_init__(self) -> None:
        check_shapes(self, frames="N", rest_joints="24 3")


@dataclass(frozen=True, eq=False)
class Known:
    """Limbs that are not to be drawn."""

    limbs: Bools  # (N, 5) True where the rotations are given
    rotations: Floats  # (N, 18, 3, 3) LIMB_JOINTS, parent-relative; elsewhere never looked at
    pull: Floats  # (N, 18, 3, 3): a joint at p goes to p + pull (place - p); 0 leaves it alone
    places: Floats  # (N, 18, 3) metres from the pelvis, along `cam`

    def __post_init__(self) -> None:
        check_shapes(self, limbs="N 5", rotations="N 18 3 3", pull="N 18 3 3", places="N 18 3")

    @property
    def pinned(self) -> Bools:
        """(N, 18) True where the joint's place is given outright."""
        return np.all(self.pull == np.eye(3), axis=(-1, -2))


@dataclass(frozen=True, eq=False)
class Completion:
    """S samples of N frames, in `cam`."""

    rotations: Floats  # (S, N, 18, 3, 3) LIMB_JOINTS, parent-relative
    positions: Floats  # (S, N, 18, 3) metres from the pelvis: what the positions branch says
    gravity: Floats  # (S, N, 3) unit
    contacts: Floats  # (S, N, 6) 0..1
    velocity: Floats  # (S, N, 3) of the root along `core.latent.heading_frame`, m/s

    def __post_init__(self) -> None:
        check_shapes(
            self,
            rotations="S N 18 3 3",
            positions="S N 18 3",
            gravity="S N 3",
            contacts="S N 6",
            velocity="S N 3",
        )


def complete(
    subject: Subject,
    network: Network,
    constants: Mapping[str, Floats],
    draw: Draw,
    known: Known | None = None,
    on_batch: Callable[[float], None] = lambda _: None,
) -> Completion:
    """Draw samples of the limbs.

    Args:
        subject: N frames of one person.
        network: `models/completion.onnx`, or any function with its inputs and outputs.
        constants: `latent_mean` and `latent_std` (168,).
        draw: Seed, number of samples, guidance.
        known: What is given; None draws everything.
        on_batch: Told the share that is done.

    Returns:
        Sample s is the same however many are drawn. At guidance 0 nothing that the picture shows
        (landmarks, depths, feature, first guess, how sure it is) is handed to the network.
    """
    sampler = Sampler(subject, network, constants)
    return joined(list(sampler.batches(draw, known, on_batch)), draw.samples)


def joined(batches: Sequence[Completion], samples: int) -> Completion:
    """Batches in one, of the first samples."""
    if len(batches) == 1 and samples == len(batches[0].rotations):
        return batches[0]
    return Completion(
        **{
            item.name: np.concatenate([getattr(batch, item.name) for batch in batches])[:samples]
            for item in fields(Completion)
        }
    )


class Sampler:
    """Stage 2 around one subject: what no draw changes is made once."""

    def __init__(self, subject: Subject, network: Network, constants: Mapping[str, Floats]) -> None:
        self._subject = subject
        self._network = network
        self._mean = constants["latent_mean"].astype(float)
        self._std = constants["latent_std"].astype(float)
        self._told = [_conditions(subject, window.frames) for window in cut(len(subject.frames))]
        self._withheld = [_withheld(told) for told in self._told]
        self._first: _Memory | None = {} if len(subject.frames) <= _REMEMBERED else None
        self._noise: dict[tuple[int, int, int], Floats] = {}  # of the last seed

    def batches(
        self,
        draw: Draw,
        known: Known | None = None,
        on_step: Callable[[float], None] = lambda _: None,
    ) -> Iterator[Completion]:
        """Draw eight samples at a time, as many times as `draw.samples` need."""
        subject = self._subject
        values = np.zeros((len(subject.frames), LATENT_SIZE))
        given = np.zeros(values.shape, dtype=bool)
        if known is not None:
            values = (_latent_of(subject, known) - self._mean) / self._std
            given = known.limbs @ _LIMB_COORDINATES
            given[:, POSITIONS] |= np.repeat(known.pinned, 3, axis=1)
        batches = -(-draw.samples // BATCH)
        noise = self._noise_of(draw, batches * BATCH)
        parts = {batch: noise[batch * BATCH : (batch + 1) * BATCH] for batch in range(batches)}
        del noise  # a long clip's makes room before its samples are unpacked
        shares = [0.0] * batches

        def drawn(batch: int) -> Completion:
            def progress(share: float) -> None:
                shares[batch] = share
                on_step(sum(shares) / batches)

            latent, logits = self._integrate(
                draw, batch, parts.pop(batch), given, values, known, progress
            )
            latent *= self._std
            latent += self._mean
            shares[batch] = 1.0
            return _unpack(latent, logits, subject)

        if len(subject.frames) <= SMALL:
            yield from side_by_side(drawn, range(batches))
        else:
            yield from map(drawn, range(batches))

    def _integrate(
        self,
        draw: Draw,
        batch: int,
        noise: Floats,
        given: Bools,
        values: Floats,
        pulled: Known | None,
        on_step: Callable[[float], None],
    ) -> tuple[Floats, Floats]:
        """One full batch over all windows; a window starts from what the one before it drew.

        Returns:
            Latent (B, N, 168), normalised, and logits of contacts (B, N, 6).
        """
        latent = np.empty_like(noise)
        contacts = np.empty((*noise.shape[:2], 6))
        weights = _guidance(draw.guidance, self._subject.anchor.limb_trust)
        windows = cut(len(self._subject.frames))
        for index, window in enumerate(windows):
            frames = window.frames
            known = np.broadcast_to(given[frames], noise[:, frames].shape).copy()
            answer = np.broadcast_to(values[frames], known.shape).copy()
            shared = slice(window.start, window.start + window.shared)
            known[:, : window.shared] = True
            answer[:, : window.shared] = latent[:, shared]
            seen = self._told[index]
            unseen = self._withheld[index]
            alone = _Asked(self._network, unseen, known, self._first, (batch, index, 0))
            seeing = _Asked(self._network, seen, known, self._first, (batch, index, 1))
            denoiser = guided(alone, seeing, weights[frames])
            if pulled is not None and pulled.pull.any():
                denoiser = self._pulled(denoiser, pulled, frames)

            def step(
                state: Floats, time: float, ask: Denoiser = denoiser, at: int = index
            ) -> Floats:
                on_step((at + time) / len(windows))
                return ask(state, time)

            latent[:, frames] = integrate(step, noise[:, frames], known, answer, draw.steps)
            fresh = slice(window.start + window.shared, window.stop)
            told = alone if draw.guidance == 0.0 else seeing
            contacts[:, fresh] = told.contacts[:, window.shared :]
        return latent, contacts

    def _noise_of(self, draw: Draw, samples: int) -> Floats:
        key = draw.seed, draw.person, samples
        if key in self._noise:
            return self._noise[key]
        noise = limb_noise(draw.seed, draw.person, samples, self._subject.frames)
        if len(self._subject.frames) <= _UNPACKED:  # a longer one's costs memory
            self._noise = {key: noise}
        return noise

    def _pulled(self, denoiser: Denoiser, known: Known, frames: slice) -> Denoiser:
        """What the network says of joints' places, drawn towards where they are wanted."""
        R_cam_from_person = self._subject.view.camera.R_cam_from_person[frames, None]
        R_person_from_cam = np.swapaxes(R_cam_from_person, -1, -2)
        pull = R_person_from_cam @ known.pull[frames] @ R_cam_from_person  # (T, 18, 3, 3)
        places = (R_person_from_cam @ known.places[frames][..., None])[..., 0]
        mean, std = self._mean[POSITIONS].reshape(18, 3), self._std[POSITIONS].reshape(18, 3)

        def pulled(state: Floats, time: float) -> Floats:
            clean = denoiser(state, time).copy()
            said = clean[..., POSITIONS].reshape(*clean.shape[:2], 18, 3) * std + mean
            said = said + (pull @ (places - said)[..., None])[..., 0]
            clean[..., POSITIONS] = ((said - mean) / std).reshape(*clean.shape[:2], 54)
            return clean

        return pulled


_UNPACKED = 1024  # frames at once

_Memory = dict[tuple[int, int, int], tuple[Floats, Floats, dict[str, Floats]]]


class _Asked:
    """Stage 2's network with its conditions filled in."""

    def __init__(
        self,
        network: Network,
        conditions: Mapping[str, Floats],
        known: Bools,
        memory: _Memory | None,
        place: tuple[int, int, int],
    ) -> None:
        self._network = network
        self._conditions = {**conditions, "known": known.astype(np.float32)}
        self._memory = memory
        self._place = place
        self.contacts: Floats = np.zeros(0)  # of the last call

    def __call__(self, state: Floats, time: float) -> Floats:
        answer = self._remembered(state) if time == 0.0 else None
        if answer is None:
            inputs = {**self._conditions, "latent": state, "time": np.full(len(state), time)}
            answer = self._network(inputs)
            if time == 0.0 and self._memory is not None:
                self._memory[self._place] = (state, self._conditions["known"], answer)
        self.contacts = answer["contacts"]
        return answer["clean"].astype(float)

    def _remembered(self, state: Floats) -> dict[str, Floats] | None:
        """The answer to the noise itself: it is the same whatever the guidance."""
        if self._memory is None or self._place not in self._memory:
            return None
        asked, known, answer = self._memory[self._place]
        same = np.array_equal(asked, state) and np.array_equal(known, self._conditions["known"])
        return answer if same else None


def _conditions(subject: Subject, frames: slice) -> dict[str, Floats]:
    """What no sample and no step changes, float32, (1, T, ...)."""
    anchor, camera = subject.anchor, subject.view.camera
    rotations = anchor.rotations[frames].copy()
    R_person_from_cam = np.swapaxes(camera.R_cam_from_person, -1, -2)[frames]
    rotations[:, 0] = R_person_from_cam @ rotations[:, 0]
    pelvis = anchor.transl + subject.rest_joints[0]
    told = {
        **subject.view.batch(frames),
        "anchor_rotations": rotations[None],
        "anchor_translation": translation_person(pelvis, camera)[None, frames],
        "anchor_betas": anchor.betas[None],
        "anchor_log_variance": anchor.log_variance[None, frames],
        "first_guess": anchor.first_guess[None, frames],
        "guess_given": np.ones((1, len(rotations))),
    }
    return {name: np.asarray(array, dtype=np.float32) for name, array in told.items()}


_FROM_THE_PICTURE = (
    "landmarks",
    "landmark_given",
    "landmarks_world",
    "image_feature",
    "anchor_log_variance",
    "first_guess",
    "guess_given",
)


def _withheld(conditions: Mapping[str, Floats]) -> dict[str, Floats]:
    """The anchor alone: what the picture shows is flagged absent, and not even handed over."""
    alone = {
        name: np.broadcast_to(np.float32(0.0), array.shape) if name in _FROM_THE_PICTURE else array
        for name, array in conditions.items()
    }
    alone["first_guess"] = np.broadcast_to(np.eye(3, dtype=np.float32), alone["first_guess"].shape)
    alone["given"] = conditions["given"] * np.array([0, 0, 0, 0, 1], dtype=np.float32)
    return alone


def _guidance(weight: float, limb_trust: Floats) -> Floats:
    """(N, 168): above 1 only limbs that are seen cling further; the world never does."""
    beyond = max(weight - 1.0, 0.0)
    limbs = min(weight, 1.0) + beyond * limb_trust  # (N, 5)
    world = np.full((len(limb_trust), 1), min(weight, 1.0))
    groups = np.argmax(np.concatenate((_LIMB_COORDINATES, [~_LIMB_COORDINATES.any(0)])), axis=0)
    return np.concatenate((limbs, world), axis=1)[:, groups]


def _latent_of(subject: Subject, known: Known) -> Floats:
    """(N, 168) the latent of given limbs and places; the world block is left at 0."""
    rotations = assemble(subject.anchor.rotations, known.rotations)
    R_cam_from_person = subject.view.camera.R_cam_from_person
    _, joints = forward_kinematics(rotations, subject.rest_joints)
    places = np.where(known.pinned[..., None], known.places, joints[:, LIMB_JOINTS, :])
    positions = places @ R_cam_from_person  # rows: the inverse turn
    nothing = np.zeros((len(places), 3))
    return pack(sixd_from_matrix(known.rotations), positions, nothing, nothing)


def _unpack(latent: Floats, logits: Floats, subject: Subject) -> Completion:
    """Samples of N frames; block by block, for memory."""
    count = latent.shape[1]
    blocks = [slice(start, start + _UNPACKED) for start in range(0, count, _UNPACKED)]
    if len(blocks) == 1:
        return _unpacked(latent, logits, subject, blocks[0])
    whole: dict[str, Floats] = {}
    for block in blocks:
        for name, part in vars(_unpacked(latent, logits, subject, block)).items():
            if name not in whole:
                whole[name] = np.empty((len(part), count, *part.shape[2:]))
            whole[name][:, block] = part
    return Completion(**whole)


def _unpacked(latent: Floats, logits: Floats, subject: Subject, frames: slice) -> Completion:
    latent, logits = latent[:, frames], logits[:, frames]
    R_cam_from_person = subject.view.camera.R_cam_from_person[frames]
    leading = latent.shape[:2]
    positions = latent[..., POSITIONS].reshape(*leading, 18, 3)
    gravity = latent[..., GRAVITY]
    gravity = gravity / np.maximum(np.linalg.norm(gravity, axis=-1, keepdims=True), 1e-9)
    return Completion(
        rotations=matrix_from_sixd(latent[..., ROTATIONS].reshape(*leading, 18, 6)),
        positions=np.einsum("tij,stnj->stni", R_cam_from_person, positions),
        gravity=np.einsum("tij,stj->sti", R_cam_from_person, gravity),
        contacts=1.0 / (1.0 + np.exp(-logits.astype(float))),
        velocity=latent[..., VELOCITY],
    )
