"""Averages the weights of several runs that began with the same ones.

    python -m training.average --out STATE/anchor.pt RUN1/anchor.pt RUN2/anchor.pt

The rest of the checkpoint (optimiser, steps) is the first one's, so that training can go on.

Source: Wortsman et al., Model soups, 2022.
"""

import argparse
from pathlib import Path
from typing import Any

import torch


def average(checkpoints: list[dict[str, Any]]) -> dict[str, Any]:
    """The first checkpoint with the mean of all averaged weights."""
    weights = [checkpoint["averaged"] for checkpoint in checkpoints]
    mean = {name: sum(one[name] for one in weights) / len(weights) for name in weights[0]}
    return {**checkpoints[0], "network": mean, "averaged": mean}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Average the weights of several runs.")
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.save(
        average([torch.load(path, weights_only=True) for path in arguments.checkpoints]),
        arguments.out,
    )


if __name__ == "__main__":
    main()
