"""Low-rank updates: a large trunk learns little, in a few numbers (LoRA, Hu et al. 2021).

What is learned is added to the weights of the fully connected layers, and at the end becomes part
of them, so that the model that is kept and exported is the plain network.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ilgnet.errors import RecipeError
from ilgnet.models.trunks.trunk import Trunk

SCALE: Final = 2.0
"""Of the update (the paper's alpha / rank)."""


class LowRank(nn.Module):
    """A weight (out, in) plus the product of two thin matrices, which is zero at first.

    Args:
        weight: what it is added to.
        rank: the common side of the two.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        out, inputs = weight.shape
        self.down = nn.Parameter(torch.empty(rank, inputs).uniform_(-1, 1) * sqrt(3 / inputs))
        self.up = nn.Parameter(torch.zeros(out, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as the layer uses it."""
        return weight + SCALE * (self.up @ self.down)


def add_low_rank(trunk: Trunk, rank: int) -> None:
    """Freeze a trunk, and let every fully connected layer in it learn an update of this rank.

    The projections of an attention block that are one matrix (queries, keys, values) share one.
    Layers that no map depends on, such as a pooling that comes after the last of them, are left.

    Raises:
        RecipeError: the trunk has no such layer, or the rank is not below every layer's sides.
    """
    used = _used(trunk)
    found = [(module, name) for module, name in _weights(trunk) if getattr(module, name) in used]
    trunk.requires_grad_(False)
    if not found:
        raise RecipeError(
            "model.low_rank tunes fully connected layers, and this trunk has none; take a vision "
            "transformer, or set model.low_rank = 0"
        )
    side = min(min(getattr(module, name).shape) for module, name in found)
    if rank >= side:
        raise RecipeError(
            f"model.low_rank is {rank}, and the smallest of the trunk's fully connected layers has "
            f"a side of {side}; take less, such as {max(1, side // 4)}"
        )
    for module, name in found:
        update = LowRank(getattr(module, name), rank)
        parametrize.register_parametrization(module, name, update)


def merge_low_rank(trunk: nn.Module) -> None:
    """Make the updates part of the weights; the trunk computes what it computed before."""
    for module in list(trunk.modules()):
        for name in list(getattr(module, "parametrizations", {})):
            parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def _used(trunk: Trunk) -> set[Tensor]:
    """The weights on which the maps depend; tensors are told apart by identity."""
    trunk.requires_grad_(True)
    training = trunk.training
    side = trunk.input_size
    with torch.enable_grad():
        maps = trunk.eval()(torch.zeros(1, 3, side, side))
        torch.stack([each.sum() for each in maps.values()]).sum().backward()  # type: ignore[no-untyped-call]
    trunk.train(training)
    used: set[Tensor] = {weight for weight in trunk.parameters() if weight.grad is not None}
    trunk.zero_grad(set_to_none=True)
    return used


def _weights(trunk: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Every matrix of a fully connected layer: whose it is, and its name there."""
    for module in trunk.modules():
        if isinstance(module, nn.Linear):
            yield module, "weight"
        elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            yield module, "in_proj_weight"
