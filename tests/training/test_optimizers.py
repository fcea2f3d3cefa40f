"""Rates over time, what is frozen, and the moving average."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ilgnet.errors import RecipeError
from ilgnet.models.registry import create
from ilgnet.training.optimizers import (
    MovingAverage,
    freeze,
    make_optimizer,
    rate_factor,
    set_rates,
    set_training,
)
from ilgnet.training.recipe import ModelRecipe, OptimizerRecipe, ScheduleRecipe

TINY = "ilgnet_mobilenet_tiny"


def test_published_rates_by_layer() -> None:
    network = create("ilgnet_inception_v1_tiny")
    published = OptimizerRecipe(
        "sgd", 1e-4, new_multiplier=10, bias_multiplier=2, momentum=0.9, weight_decay=2e-4
    )
    optimizer = make_optimizer(network, published)
    set_rates(optimizer, 0.96)
    rates = {
        parameter: (group["lr"], group["weight_decay"], group["momentum"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(rates) == len(list(network.parameters()))
    output = network.output
    assert rates[output.weight] == pytest.approx((0.96e-3, 2e-4, 0.9))
    assert rates[output.bias] == pytest.approx((1.92e-3, 0.0, 0.9))
    trunk = dict(network.trunk.named_parameters())
    assert rates[trunk["conv1.weight"]] == pytest.approx((0.96e-4, 2e-4, 0.9))
    assert rates[trunk["conv1.bias"]] == pytest.approx((1.92e-4, 0.0, 0.9))


def test_step_schedule_falls_as_published() -> None:
    schedule = ScheduleRecipe("step", every=115_000, gamma=0.96)
    factors = [rate_factor(schedule, step, 475_000) for step in (0, 114_999, 115_000, 474_999)]
    assert factors == pytest.approx([1.0, 1.0, 0.96, 0.96**4])


def test_cosine_rises_then_falls_to_nothing() -> None:
    schedule = ScheduleRecipe("cosine", warmup=4)
    factors = [rate_factor(schedule, step, 104) for step in range(104)]
    assert factors[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert factors[4] == 1.0
    assert factors[54] == pytest.approx(0.5)
    assert factors[-1] < 0.001
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert rate_factor(ScheduleRecipe("constant"), 50, 104) == 1.0


def test_frozen_parts_do_not_learn() -> None:
    network = create(TINY)
    recipe = ModelRecipe(TINY, freeze="trunk")
    freeze(network, recipe)
    optimizer = make_optimizer(network, OptimizerRecipe())
    learning = sum(len(group["params"]) for group in optimizer.param_groups)
    assert learning == 4  # weight and bias of the connected layer and of the output
    set_training(network, recipe)
    assert not network.trunk.training
    assert network.connected.training

    network.requires_grad_(False)
    with pytest.raises(RecipeError, match="nothing learns"):
        make_optimizer(network, OptimizerRecipe())


def test_frozen_norms_keep_their_statistics() -> None:
    network = create(TINY)
    set_training(network, ModelRecipe(TINY, freeze="norms"))
    norm = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    before = norm.running_mean.clone()
    network(torch.randn(2, 3, 64, 64))
    assert torch.equal(norm.running_mean, before)
    set_training(network, ModelRecipe(TINY))
    network(torch.randn(2, 3, 64, 64))
    assert not torch.equal(norm.running_mean, before)


def test_the_average_forgets_its_beginning() -> None:
    network = nn.Linear(1, 1)
    with torch.no_grad():
        network.weight.fill_(0.0)
    average = MovingAverage(network, decay=0.9)
    with torch.no_grad():
        network.weight.fill_(1.0)
    expected = 0.0
    for update in range(30):
        average.update(network, update)
        kept = min(0.9, (1 + update) / (10 + update))
        expected = kept * expected + 1.0 - kept
    assert average.values["weight"].item() == pytest.approx(expected)
    assert math.isclose(expected, 1.0, abs_tol=1e-3)
