"""Training on another device, and by several processes: nothing is left behind, gradients agree."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training import tiny
from training.configuration import load_settings
from training.data.windows import Batch, plain_batch, whole_clips
from training.losses import anchor_losses, completion_losses
from training.networks.anchor import AnchorNetwork
from training.networks.body_layer import BodyLayer
from training.networks.completion import CompletionNetwork
from training.team import Team, moved
from training.train_completion import prepare

ROOT = Path(__file__).parents[2]
SETTINGS = load_settings("first")
# Knows shapes and devices but no numbers, and like a GPU refuses to be mixed with the processor's.
ELSEWHERE = torch.device("meta")


def batch() -> Batch:
    return moved(plain_batch(tiny.store(), whole_clips(tiny.store(), 8)), ELSEWHERE)


def completion_network() -> CompletionNetwork:
    body = BodyLayer.of(tiny.body())
    return CompletionNetwork(tiny.SETTINGS, body, np.zeros(168), np.ones(168)).to(ELSEWHERE)


def test_stage_1_learns_on_another_device() -> None:
    whole, network = batch(), AnchorNetwork(tiny.SETTINGS).to(ELSEWHERE)
    model = tiny.body_model().on(ELSEWHERE)
    terms = anchor_losses(network(whole.observed), whole.truth, model, whole.observed.seconds)
    network.eval()(whole.observed)
    assert {term.device.type for term in terms.values()} == {"meta"}
    torch.stack(tuple(terms.values())).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_stage_2_learns_on_another_device() -> None:
    whole, network = batch(), completion_network()
    model = tiny.body_model().on(ELSEWHERE)
    said = AnchorNetwork(tiny.SETTINGS).to(ELSEWHERE)(whole.observed)
    drawn = prepare(whole, said, network, SETTINGS, model.body, np.random.default_rng(0))
    terms = completion_losses(
        network(drawn.observed, drawn.told),
        drawn.told,
        drawn.target,
        drawn.truth,
        model,
        network.latent_mean,
        network.latent_std,
        drawn.observed.seconds,
        drawn.picture,
    )
    assert {term.device.type for term in terms.values()} == {"meta"}


def test_what_lies_on_two_devices_is_refused() -> None:
    whole = plain_batch(tiny.store(), whole_clips(tiny.store(), 8))
    with pytest.raises(RuntimeError, match="device"):
        AnchorNetwork(tiny.SETTINGS).to(ELSEWHERE)(whole.observed)


def test_a_copy_of_the_body_goes_alone() -> None:
    tiny.body_model().on(ELSEWHERE)
    assert tiny.body_model().body.template.device.type == "cpu"


def test_processes_draw_differently_and_one_alone_as_ever() -> None:
    assert Team().seed == ()
    assert Team(rank=1, size=2).seed != Team(rank=2, size=3).seed


_TOGETHER = """
import torch
from training.team import join_team

team = join_team()
torch.manual_seed(team.rank)
network = torch.nn.Linear(3, 2)
team.share_weights(network)
network(torch.full((1, 3), float(team.rank + 1))).sum().backward()
team.average_gradients(network)
told = [round(x, 6) for x in network.weight.flatten().tolist()]
print(team.rank, told, network.weight.grad[0, 0].item(), team.agreed(team.rank + 5.0), flush=True)
"""


def test_two_processes_end_with_the_same_weights_and_mean_gradients(tmp_path: Path) -> None:
    script = tmp_path / "together.py"
    script.write_text(_TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )
    lines = sorted(line for line in done.stdout.splitlines() if line[:2] in ("0 ", "1 "))
    assert len(lines) == 2, done.stderr[-2000:]
    assert lines[0][2:] == lines[1][2:]  # weights, gradient, and the leader's number
    assert lines[0].endswith("] 1.5 5.0")  # the mean of 1 and 2
