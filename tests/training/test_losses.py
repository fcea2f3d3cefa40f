"""The losses against hand-worked cases, and the laws they must keep."""

from __future__ import annotations

import math

import pytest
import torch

from ilgnet.data.loading import Targets
from ilgnet.training.losses import (
    earth_movers_distance,
    predicted_mean,
    predicted_order,
    ranking_loss,
    total_loss,
)
from ilgnet.training.recipe import LossRecipe


def one_hot_logits(*votes: int) -> torch.Tensor:
    logits = torch.full((len(votes), 10), -60.0)
    for row, vote in enumerate(votes):
        logits[row, vote - 1] = 60.0
    return logits


def shares(*votes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(votes) - 1, 10).float()


def targets(votes: torch.Tensor, mean: list[float], high: list[float]) -> Targets:
    return Targets(votes, torch.tensor(mean), torch.tensor(high), torch.tensor(mean))


def test_emd_of_one_hots_is_the_root_of_the_mean_square() -> None:
    logits = one_hot_logits(1, 1, 4)
    expected = [0.0, math.sqrt(9 / 10), math.sqrt(2 / 10)]
    distance = earth_movers_distance(logits, shares(1, 10, 6))
    assert distance.tolist() == pytest.approx(expected, abs=2e-5)


def test_emd_has_a_finite_gradient_where_it_is_zero() -> None:
    logits = torch.zeros(1, 10, requires_grad=True)
    earth_movers_distance(logits, torch.full((1, 10), 0.1)).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_predicted_mean_and_order() -> None:
    assert predicted_mean(one_hot_logits(3, 10)).tolist() == [3.0, 10.0]
    assert predicted_order(torch.tensor([[1.0, 3.5]])).tolist() == [2.5]


def test_ranking_of_one_pair_is_the_logistic_loss() -> None:
    loss = ranking_loss(torch.tensor([4.0, 6.0]), torch.tensor([7.0, 3.0]), gap=1.0)
    assert loss.item() == pytest.approx(math.log1p(math.exp(2.0)))


def test_ranking_leaves_out_close_and_unknown_pairs() -> None:
    order = torch.tensor([4.0, 6.0, 1.0])
    assert ranking_loss(order, torch.tensor([7.0, 6.9, math.nan]), gap=0.5).item() == 0.0
    all_pairs = ranking_loss(order, torch.tensor([7.0, 6.9, math.nan]), gap=0.0)
    assert all_pairs.item() == pytest.approx(math.log1p(math.exp(2.0)))


def test_the_sum_is_weighted_and_skips_what_is_unknown() -> None:
    nan_votes = torch.full((2, 10), math.nan)
    nan_votes[0] = shares(2)[0]
    known = targets(nan_votes, [2.0, math.nan], [0.0, 1.0])
    logits = one_hot_logits(5, 9)
    emd = total_loss(logits, known, LossRecipe(emd=2.0))
    assert emd.item() == pytest.approx(2 * math.sqrt(3 / 10), rel=1e-4)
    mean = total_loss(logits, known, LossRecipe(mean=1.0))
    assert mean.item() == pytest.approx(0.5 * (3.0 - 0.25))
    both = total_loss(logits, known, LossRecipe(emd=2.0, mean=1.0))
    assert both.item() == pytest.approx(emd.item() + mean.item())


def test_cross_entropy_of_two_classes() -> None:
    known = targets(torch.full((2, 10), math.nan), [math.nan] * 2, [1.0, math.nan])
    logits = torch.tensor([[0.0, 2.0], [5.0, 0.0]])
    loss = total_loss(logits, known, LossRecipe(cross_entropy=1.0))
    assert loss.item() == pytest.approx(math.log1p(math.exp(-2.0)))


def test_unknown_targets_give_zero_and_no_nan_gradient() -> None:
    logits = torch.randn(3, 10, requires_grad=True)
    unknown = targets(torch.full((3, 10), math.nan), [math.nan] * 3, [math.nan] * 3)
    loss = total_loss(logits, unknown, LossRecipe(emd=1.0, mean=1.0, ranking=1.0))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert logits.grad.abs().sum().item() == 0.0
