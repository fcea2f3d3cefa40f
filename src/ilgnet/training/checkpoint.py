"""Everything that a killed run needs to go on exactly where it was, in one safetensors file.

Tensors: `network.<name>`, `average.<name>`, `optimizer.<parameter>.<what>`; the rest is JSON in
the file's header. One file replaces the last one in one move, so what belongs together cannot be
torn apart. Random numbers need no state: they are functions of the seed and the step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from ilgnet.errors import ModelError, RecipeError, in_words
from ilgnet.models.checkpoints import save_tensors
from ilgnet.training.optimizers import MovingAverage


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a run is.

    Attributes:
        step: steps that are done.
        best: the best validation figure so far, None before the first validation.
        best_step: steps that were done when it was reached.
        stale: validations since then.
        finished: whether the run has reached its end, or stopped early.
        threads: of the processor, with which it began: others would give other last digits.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    finished: bool = False
    threads: int = 0


def save_checkpoint(
    path: Path,
    network: nn.Module,
    optimizer: Optimizer,
    average: MovingAverage | None,
    progress: TrainingProgress,
    identity: str,
) -> None:
    """Write where a run is.

    Args:
        path: of the file.
        network: the network that learns.
        optimizer: over the network's parameters.
        average: the moving average, where there is one.
        progress: what is not a tensor.
        identity: names the recipe and the data; only the same run can go on from here.
    """
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.values.items()}
    for name, parameter in network.named_parameters():
        for what, value in optimizer.state.get(parameter, {}).items():
            if value is not None:
                tensors[f"optimizer.{name}.{what}"] = value
    header = json.dumps({"identity": identity, **asdict(progress)})
    save_tensors(path, tensors, {"progress": header})


def threads_of(path: Path) -> int | None:
    """With how many threads the run of a checkpoint began; None where there is none to ask."""
    try:
        with safe_open(path, "pt") as stored:
            return json.loads(stored.metadata()["progress"]).get("threads") or None
    except (SafetensorError, OSError, TypeError, KeyError, ValueError):
        return None  # `load_checkpoint` says what is wrong with it


def load_checkpoint(
    path: Path,
    network: nn.Module,
    optimizer: Optimizer,
    average: MovingAverage | None,
    identity: str,
) -> TrainingProgress:
    """Put a run back to where `save_checkpoint` saw it; without a file, at its beginning.

    Raises:
        RecipeError: the checkpoint is of another run.
        ModelError: the file is damaged.
    """
    if not path.is_file():
        return TrainingProgress()
    try:
        with safe_open(path, "pt") as stored:
            header = json.loads(stored.metadata()["progress"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path} is damaged: {in_words(error)}. Train again with --restart"
        ) from error
    if header.pop("identity") != identity:
        raise RecipeError(
            f"{path.parent} holds a run with another recipe or other pictures. Choose another "
            "folder with --out, or begin again with --restart"
        )
    network.load_state_dict(_under("network.", tensors))
    if average is not None:
        average.values = {
            name: value.to(average.values[name].device)
            for name, value in _under("average.", tensors).items()
        }
    for name, parameter in network.named_parameters():
        for what, value in _under(f"optimizer.{name}.", tensors).items():
            optimizer.state[parameter][what] = _like(value, parameter)
    return TrainingProgress(**header)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """In the parameter's memory layout and place; counters of steps stay as they are."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
