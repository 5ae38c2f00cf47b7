"""Processes that train one network together, each on its own device, as `torchrun` starts them.

    torchrun --nproc-per-node 4 -m training.train_anchor --state DIR --motion DIR

Every process draws its own batches, and their gradients are averaged: so many times the batch. One
process alone is a team of one; it takes a GPU where torch sees one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

Moved = TypeVar("Moved")
PROCESSOR = torch.device("cpu")


@dataclass(frozen=True)
class Team:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = PROCESSOR

    @property
    def leads(self) -> bool:
        """Whether this one measures, says and saves."""
        return self.rank == 0

    @property
    def seed(self) -> tuple[int, ...]:
        """What is added to a seed, so that no two draw the same; nothing for the first."""
        return (self.rank,) if self.rank else ()

    def share_weights(self, network: nn.Module) -> None:
        """Give everybody the leader's weights."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by the mean of all processes', in one message."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        parts = (together / self.size).split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def agreed(self, value: float) -> float:
        """The leader's number, in all processes: clocks differ."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(told, src=0)
        return float(told)


def join_team() -> Team:
    """Join the processes that `torchrun` has started; without it, be alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    device = PROCESSOR
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if size > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Team(rank, size, device)


def moved(value: Moved, device: torch.device) -> Moved:
    """A tensor, or a dataclass of tensors, on a device."""
    found: Any = value
    if isinstance(value, Tensor):
        found = value.to(device)
    elif is_dataclass(value) and not isinstance(value, type):
        names: Sequence[str] = [item.name for item in fields(value)]
        found = replace(value, **{name: moved(getattr(value, name), device) for name in names})
    return found
