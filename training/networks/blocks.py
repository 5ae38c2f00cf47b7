"""Parts of both networks: the encoder of observations and the transformer over time.

A window is padding-free: all windows of a batch have the same number of frames, a single picture
is a window of one. Positions are rotary and continuous: seconds x 30.

Sources: Su et al., RoFormer, 2021 (rotary positions); Shen et al., GVHMR, 2024 (limited reach in
time, so that long clips look like the short ones of training; modalities summed into one token).
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

POSITIONS_PER_SECOND = 30.0
ROTARY_SLOWEST = 1.0 / 256.0  # radians per position of the slowest of the turning pairs; a guess
RAY_OCTAVES = (1.0, 2.0, 4.0)  # of the sinusoidal embedding, in half turns per region half size
LANDMARKS = 33
# mkldnn says yes wherever it can emulate it; only a processor's own instructions are quick.
_BFLOAT16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@dataclass(frozen=True)
class NetworkSettings:
    """The size of one network."""

    layers: int
    width: int
    heads: int
    landmark_width: int  # of a single landmark's embedding
    hidden: int  # of the groups' own MLPs
    reach: int  # frames that a frame sees to either side
    dropout: float = 0.0  # of what attention and MLPs add, while training


@dataclass(frozen=True, eq=False)
class ObservationTensors:
    """A batch of `core.person_view.NetworkInputs`: the same fields with a batch axis in front."""

    landmarks: Tensor  # (B, T, 33, 5)
    landmark_given: Tensor  # (B, T, 33)
    landmarks_world: Tensor  # (B, T, 33, 3)
    image_feature: Tensor  # (B, T, 288)
    box: Tensor  # (B, T, 7)
    camera_motion: Tensor  # (B, T, 6)
    given: Tensor  # (B, T, 5) frame, z, world landmarks, feature, camera motion
    seconds: Tensor  # (B, T)

    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, item.name) for item in fields(self))


class Replaceable(nn.Module):
    """A value where it is given, a learned one where it is not.

    A choice, not a product: what is withheld cannot leave a trace, not even as a NaN.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.replacement = nn.Parameter(torch.randn(*shape) * 0.02)

    def forward(self, value: Tensor, given: Tensor) -> Tensor:
        """`value` (..., *shape); `given` (...,), broadcastable, 1 or 0."""
        return torch.where(given > 0.5, value, self.replacement)


def reduced_precision(training: bool, device: torch.device) -> torch.autocast:
    """The trunk in bfloat16 while training where the device is quick at it; heads stay float32.

    Measured with such instructions: 0.13 s of one core for a step of 512 frames instead of 0.20;
    without them, emulated, 0.86 s for 768 frames instead of 0.36.
    """
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16, enabled=training)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=training and _BFLOAT16)


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))


class ObservationEncoder(nn.Module):
    """Groups of observations -> one token a frame: an MLP a group, summed.

    What is withheld is replaced by learned values before anything else sees it. A frame that is
    withheld withholds everything that comes from its picture; box and camera motion stay.
    """

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        each, hidden, width = settings.landmark_width, settings.hidden, settings.width
        rays = 2 + 4 * len(RAY_OCTAVES)
        self.ray = nn.Linear(rays + 2, each)
        self.depth = nn.Linear(1, each)
        self.depth_missing = Replaceable(LANDMARKS, each)
        self.landmark_name = nn.Parameter(torch.randn(LANDMARKS, each) * 0.5)
        self.landmark_missing = Replaceable(LANDMARKS, each)
        self.landmarks = mlp(LANDMARKS * each, hidden, width)
        self.world = nn.Linear(3, 16)
        self.world_name = nn.Parameter(torch.randn(LANDMARKS, 16) * 0.5)
        self.world_missing = Replaceable(LANDMARKS, 16)
        self.world_landmarks = mlp(LANDMARKS * 16, hidden, width)
        self.feature = mlp(288, hidden, width)
        self.feature_missing = Replaceable(width)
        self.box = mlp(7, 64, width)
        self.motion = mlp(6, 64, width)
        self.motion_missing = Replaceable(width)
        self.register_buffer("feature_mean", torch.zeros(288))
        self.register_buffer("feature_std", torch.ones(288))

    def forward(self, observed: ObservationTensors) -> Tensor:
        """-> (B, T, W)."""
        frame = observed.given[..., 0:1]
        seen = observed.landmark_given * frame  # (B, T, 33)
        depth_given = (observed.given[..., 1:2] * seen)[..., None]  # (B, T, 33, 1)
        world_given = (observed.given[..., 2:3] * seen)[..., None]
        rays, depth, confidences = observed.landmarks.split((2, 1, 2), dim=-1)
        angles = torch.cat([rays * (math.pi * octave) for octave in RAY_OCTAVES], dim=-1)
        flat = torch.cat((rays, angles.sin(), angles.cos(), confidences), dim=-1)
        one = self.ray(flat) + self.depth_missing(self.depth(depth), depth_given)
        one = self.landmark_missing(functional.gelu(one + self.landmark_name), seen[..., None])
        token = self.landmarks(one.flatten(-2))
        world = functional.gelu(self.world(observed.landmarks_world) + self.world_name)
        world = self.world_missing(world, world_given)
        token = token + self.world_landmarks(world.flatten(-2))
        feature = self.feature((observed.image_feature - self.feature_mean) / self.feature_std)
        token = token + self.feature_missing(feature, observed.given[..., 3:4] * frame)
        motion = self.motion_missing(self.motion(observed.camera_motion), observed.given[..., 4:5])
        return token + motion + self.box(observed.box)


class Attention(nn.Module):
    """Self-attention over the frames of a window."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.size = settings.width // settings.heads
        self.incoming = nn.Linear(settings.width, 3 * settings.width)
        self.outgoing = nn.Linear(settings.width, settings.width)

    def forward(self, tokens: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Tokens (B, T, W); cosines and sines (B, 1, T, D/2); mask (T, T), added to the scores."""
        windows, frames, width = tokens.shape
        split = self.incoming(tokens).reshape(windows, frames, 3, self.heads, self.size)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, T, D) each
        query, key = _turned(query, *turn), _turned(key, *turn)
        scores = query @ key.transpose(-1, -2) / self.size**0.5 + mask
        mixed = scores.softmax(dim=-1) @ value
        return self.outgoing(mixed.transpose(1, 2).reshape(windows, frames, width))


class Block(nn.Module):
    """Pre-norm attention and MLP."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(settings.width)
        self.attention = Attention(settings)
        self.norm_mlp = nn.LayerNorm(settings.width)
        self.mlp = mlp(settings.width, 4 * settings.width, settings.width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, tokens: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        tokens = tokens + self.dropout(self.attention(self.norm_attention(tokens), turn, mask))
        return tokens + self.dropout(self.mlp(self.norm_mlp(tokens)))


class TimeTransformer(nn.Module):
    """Tokens (B, T, W) at `seconds` (B, T) -> tokens that know their neighbours in time."""

    rates: Tensor

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width)
        self.reach = settings.reach
        pairs = settings.width // settings.heads // 2
        exponents = torch.arange(pairs, dtype=torch.float32) / max(pairs - 1, 1)
        self.register_buffer("rates", ROTARY_SLOWEST**exponents, persistent=False)

    def forward(self, tokens: Tensor, seconds: Tensor) -> Tensor:
        since_start = (seconds - seconds[:, :1]) * POSITIONS_PER_SECOND
        angles = since_start[:, None, :, None] * self.rates  # (B, 1, T, D/2)
        index = torch.arange(seconds.shape[1], device=seconds.device)
        far = (index[:, None] - index[None, :]).abs() > self.reach
        mask = far.to(tokens.dtype) * -1e4
        turn = (angles.cos(), angles.sin())
        for block in self.blocks:
            tokens = block(tokens, turn, mask)
        return self.norm(tokens)


def _turned(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of coordinates by their positions' angles."""
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)
