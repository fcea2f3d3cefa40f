"""A checkpoint brings back the whole state, and refuses what is not this run's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from ilgnet.errors import ModelError, RecipeError
from ilgnet.training.checkpoint import TrainingProgress, load_checkpoint, save_checkpoint
from ilgnet.training.optimizers import MovingAverage


def parts(rule: type[Optimizer]) -> tuple[nn.Module, Optimizer, MovingAverage]:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    network.to(memory_format=torch.channels_last)
    settings = {"lr": 0.1, "momentum": 0.9} if rule is SGD else {"lr": 0.1}
    return network, rule(network.parameters(), **settings), MovingAverage(network, 0.9)


def step(network: nn.Module, optimizer: Optimizer, average: MovingAverage, number: int) -> None:
    torch.manual_seed(number)
    optimizer.zero_grad()
    network(torch.randn(2, 3, 8, 8)).square().sum().backward()
    optimizer.step()
    average.update(network, number)


@pytest.mark.parametrize("rule", [SGD, AdamW])
def test_going_on_is_the_same_as_never_having_stopped(
    tmp_path: Path, rule: type[Optimizer]
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    torch.manual_seed(0)
    straight = parts(rule)
    for number in range(3):
        step(*straight, number)
    progress = TrainingProgress(3, best=0.5, best_step=2, stale=1)
    save_checkpoint(path, *straight, progress, "me")
    again = parts(rule)
    assert load_checkpoint(path, *again, "me") == progress
    for number in range(3, 6):
        step(*straight, number)
        step(*again, number)
    for one, other in zip(
        straight[0].state_dict().values(), again[0].state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert all(torch.equal(v, again[2].values[n]) for n, v in straight[2].values.items())


def test_without_a_checkpoint_a_run_begins(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none", *parts(SGD), "me") == TrainingProgress()


def test_another_run_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, *parts(SGD), TrainingProgress(1), "me")
    with pytest.raises(RecipeError, match=r"other pictures.*--restart"):
        load_checkpoint(path, *parts(SGD), "somebody else")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match=r"is damaged.*--restart"):
        load_checkpoint(path, *parts(SGD), "me")


def test_a_failed_write_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, *parts(SGD), TrainingProgress(1), "me")
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ilgnet.models.checkpoints.save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, *parts(SGD), TrainingProgress(2), "me")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
