"""Learning rates by layer, as the original sets them."""

from __future__ import annotations

from typing import Any

from torch import nn

from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.low_rank import LowRank


def optimizer_groups(
    network: ILGNet,
    *,
    learning_rate: float,
    weight_decay: float,
    head: float = 10.0,
    bias: float = 2.0,
) -> list[dict[str, Any]]:
    """Parameter groups for any optimizer of torch, every parameter in exactly one.

    Weights of the trunk learn at the base rate, its biases at twice that; everything that is new
    (the reduced taps, the connected layer, the output) ten times as fast. Only weights of
    convolutions and of fully connected layers decay. Norms, slopes and low-rank updates
    learn at their layer's rate.

    Args:
        network: whose parameters to group; frozen ones are left out.
        learning_rate: of the trunk's weights.
        weight_decay: of the weights.
        head: how many times as fast the new layers learn.
        bias: how many times as fast biases learn.

    Returns:
        Groups with the keys "name", "params", "lr", "weight_decay"; none is empty.
    """
    groups: dict[tuple[str, str], list[nn.Parameter]] = {}
    for name, module in network.named_modules():
        part = "trunk" if name.startswith("trunk") else "head"
        for kind, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                groups.setdefault((part, _role(module, kind)), []).append(parameter)
    return [
        {
            "name": f"{part} {role}",
            "params": parameters,
            "lr": learning_rate
            * (head if part == "head" else 1.0)
            * (bias if role == "bias" else 1.0),
            "weight_decay": weight_decay if role == "weight" else 0.0,
        }
        for (part, role), parameters in groups.items()
    ]


def _role(module: nn.Module, kind: str) -> str:
    if isinstance(module, nn.Conv2d | nn.Linear):
        return kind
    return "low rank" if isinstance(module, LowRank) else "norm"
