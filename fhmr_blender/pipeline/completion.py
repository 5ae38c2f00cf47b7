"""Stage 2: limbs drawn from a learned flow around the fixed anchor.

Source: FactorizedHMR (arXiv 2605.14854), stage 2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Bools, Floats, Indices, check_shapes
from ..core.flow import guided, integrate
from ..core.latent import (
    GRAVITY,
    LATENT_SIZE,
    POSITIONS,
    ROTATIONS,
    limb_coordinates,
    pack,
)
from ..core.motion import Anchor, assemble
from ..core.noise import normal_noise
from ..core.person_view import translation_person
from ..core.rotations import matrix_from_sixd, sixd_from_matrix
from ..core.skeleton import LIMB_JOINTS, LIMB_NAMES, forward_kinematics
from .anchor import View
from .runtime import Network
from .windows import cut

_BATCH = 8  # samples a call; always full, so that a sample's bits do not depend on their number
_WORLD_GROUP = len(LIMB_NAMES)  # of the noise: the limbs come first
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
    pinned: Bools  # (N, 18) True where only the joint's place is given
    places: Floats  # (N, 18, 3) metres from the pelvis, along `cam`

    def __post_init__(self) -> None:
        check_shapes(self, limbs="N 5", rotations="N 18 3 3", pinned="N 18", places="N 18 3")


@dataclass(frozen=True, eq=False)
class Completion:
    """S samples of N frames, in `cam`."""

    rotations: Floats  # (S, N, 18, 3, 3) LIMB_JOINTS, parent-relative
    positions: Floats  # (S, N, 18, 3) metres from the pelvis: what the positions branch says
    gravity: Floats  # (S, N, 3) unit
    contacts: Floats  # (S, N, 6) 0..1

    def __post_init__(self) -> None:
        check_shapes(
            self,
            rotations="S N 18 3 3",
            positions="S N 18 3",
            gravity="S N 3",
            contacts="S N 6",
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
        (landmarks, depths, feature, first guess) is handed to the network.
    """
    mean, std = constants["latent_mean"].astype(float), constants["latent_std"].astype(float)
    values = np.zeros((len(subject.frames), LATENT_SIZE))
    given = np.zeros(values.shape, dtype=bool)
    if known is not None:
        values = (_latent_of(subject, known) - mean) / std
        given = known.limbs @ _LIMB_COORDINATES
        given[:, POSITIONS] |= np.repeat(known.pinned, 3, axis=1)
    batches = -(-draw.samples // _BATCH)
    noise = _noise(draw, subject.frames, batches * _BATCH)
    latents: list[Floats] = []
    contacts: list[Floats] = []
    for batch in range(batches):
        on_batch(batch / batches)
        rows = slice(batch * _BATCH, (batch + 1) * _BATCH)
        latent, logits = _integrate_windows(subject, network, draw, noise[rows], given, values)
        latents.append(latent)
        contacts.append(logits)
    latent = np.concatenate(latents)[: draw.samples] * std + mean  # (S, N, 168)
    logits = np.concatenate(contacts)[: draw.samples]
    return _unpack(latent, logits, subject)


def _noise(draw: Draw, frames: Indices, samples: int) -> Floats:
    """(S, N, 168) standard normal, each limb's own wherever and with whatever it is drawn."""
    noise = np.empty((samples, len(frames), LATENT_SIZE))
    world = ~_LIMB_COORDINATES.any(axis=0)
    for group, places in enumerate((*_LIMB_COORDINATES, world)):
        noise[..., places] = normal_noise(
            seed=draw.seed,
            person=draw.person,
            samples=samples,
            frames=frames,
            group=group,
            size=int(places.sum()),
        )
    return noise


def _integrate_windows(
    subject: Subject,
    network: Network,
    draw: Draw,
    noise: Floats,
    given: Bools,
    values: Floats,
) -> tuple[Floats, Floats]:
    """One full batch over all windows; a window starts from what the one before it drew.

    Returns:
        Latent (B, N, 168), normalised, and logits of contacts (B, N, 6).
    """
    latent = np.empty_like(noise)
    contacts = np.empty((*noise.shape[:2], 6))
    weights = _guidance(draw.guidance, subject.anchor.limb_trust)
    for window in cut(len(subject.frames)):
        frames = window.frames
        known = np.broadcast_to(given[frames], noise[:, frames].shape).copy()
        answer = np.broadcast_to(values[frames], known.shape).copy()
        shared = slice(window.start, window.start + window.shared)
        known[:, : window.shared] = True
        answer[:, : window.shared] = latent[:, shared]
        conditions = _conditions(subject, frames, len(noise))
        alone = _Asked(network, _withheld(conditions), known)
        seeing = _Asked(network, conditions, known)
        denoiser = guided(alone, seeing, weights[frames])
        latent[:, frames] = integrate(denoiser, noise[:, frames], known, answer, draw.steps)
        fresh = slice(window.start + window.shared, window.stop)
        told = alone if draw.guidance == 0.0 else seeing
        contacts[:, fresh] = told.contacts[:, window.shared :]
    return latent, contacts


class _Asked:
    """Stage 2's network with its conditions filled in."""

    def __init__(self, network: Network, conditions: Mapping[str, Floats], known: Bools) -> None:
        self._network = network
        self._conditions = {**conditions, "known": known.astype(np.float32)}
        self.contacts: Floats = np.zeros(0)  # of the last call

    def __call__(self, state: Floats, time: float) -> Floats:
        inputs = {**self._conditions, "latent": state, "time": np.full(len(state), time)}
        answer = self._network(inputs)
        self.contacts = answer["contacts"]
        return answer["clean"].astype(float)


def _conditions(subject: Subject, frames: slice, batch: int) -> dict[str, Floats]:
    """Everything that does not change from step to step, float32, (B, T, ...)."""
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
        "first_guess": anchor.first_guess[None, frames],
        "guess_given": np.ones((1, len(rotations))),
    }
    return {
        name: np.repeat(np.asarray(array, dtype=np.float32), batch, axis=0)
        for name, array in told.items()
    }


_FROM_THE_PICTURE = (
    "landmarks",
    "landmark_given",
    "landmarks_world",
    "image_feature",
    "first_guess",
    "guess_given",
)


def _withheld(conditions: Mapping[str, Floats]) -> dict[str, Floats]:
    """The anchor alone: what the picture shows is flagged absent, and not even handed over."""
    alone = {
        name: np.zeros_like(array) if name in _FROM_THE_PICTURE else array
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
    R_cam_from_person = subject.view.camera.R_cam_from_person
    leading = latent.shape[:2]
    positions = latent[..., POSITIONS].reshape(*leading, 18, 3)
    gravity = latent[..., GRAVITY]
    gravity = gravity / np.maximum(np.linalg.norm(gravity, axis=-1, keepdims=True), 1e-9)
    return Completion(
        rotations=matrix_from_sixd(latent[..., ROTATIONS].reshape(*leading, 18, 6)),
        positions=np.einsum("tij,stnj->stni", R_cam_from_person, positions),
        gravity=np.einsum("tij,stj->sti", R_cam_from_person, gravity),
        contacts=1.0 / (1.0 + np.exp(-logits.astype(float))),
    )
