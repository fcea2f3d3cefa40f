"""From gradients to steps: the rule, the schedule, the moving average."""

from __future__ import annotations

from math import cos, pi

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from ilgnet.errors import RecipeError
from ilgnet.models.groups import optimizer_groups
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.low_rank import add_low_rank
from ilgnet.training.recipe import ModelRecipe, OptimizerRecipe, ScheduleRecipe


def freeze(network: ILGNet, recipe: ModelRecipe) -> None:
    """Take the gradients off what the recipe does not let learn."""
    if recipe.freeze == "trunk":
        network.trunk.requires_grad_(False)
    if recipe.low_rank:
        add_low_rank(network.trunk, recipe.low_rank)


def set_training(network: ILGNet, recipe: ModelRecipe) -> None:
    """Training mode, in which frozen norms keep the statistics that they have."""
    network.train()
    if recipe.freeze == "trunk" or recipe.low_rank:
        network.trunk.eval()
    elif recipe.freeze == "norms":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def make_optimizer(network: ILGNet, recipe: OptimizerRecipe) -> Optimizer:
    """The rule over the network's groups of learning rates; see `ilgnet.models.groups`."""
    groups = optimizer_groups(
        network,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        head=recipe.new_multiplier,
        bias=recipe.bias_multiplier,
    )
    if not groups:
        raise RecipeError("nothing learns: every part of the network is frozen")
    for group in groups:
        group["initial_lr"] = group["lr"]
    if recipe.name == "sgd":
        return SGD(groups, momentum=recipe.momentum)
    return AdamW(groups)


def rate_factor(recipe: ScheduleRecipe, step: int, steps: int) -> float:
    """What the rate of a step is multiplied by.

    Args:
        recipe: the schedule.
        step: counted from 0.
        steps: length of the run.
    """
    if step < recipe.warmup:
        return (step + 1) / (recipe.warmup + 1)
    match recipe.name:
        case "step":
            return float(recipe.gamma ** (step // recipe.every))
        case "cosine":
            done = (step - recipe.warmup) / max(1, steps - recipe.warmup)
            return 0.5 * (1.0 + cos(pi * done))
        case "constant":
            return 1.0


def set_rates(optimizer: Optimizer, factor: float) -> None:
    """Give every group its rate for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


class MovingAverage:
    """An exponential moving average of a network's weights and statistics.

    The decay grows with the number of updates, min(decay, (1 + n) / (10 + n)), so that a short run
    is not an average of where it began.

    Args:
        network: whose values are averaged; the average begins as a copy of them.
        decay: after many updates, 0..1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, updates: int) -> None:
        """Move towards the network's present values.

        Args:
            network: what was averaged before.
            updates: how many there were before this one.
        """
        kept = min(self.decay, (1 + updates) / (10 + updates))
        for name, value in network.state_dict().items():
            average = self.values[name]
            if average.is_floating_point():
                average.lerp_(value, 1.0 - kept)
            else:
                average.copy_(value)
