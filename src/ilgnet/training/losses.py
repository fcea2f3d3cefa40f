"""What training minimises: four losses, each a mean over the batch, and their weighted sum."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ilgnet.data.loading import Targets
from ilgnet.training.recipe import LossRecipe
from ilgnet.values import VOTES

HUBER_DELTA: Final = 0.5
"""In votes: errors of the mean below this count squared, larger ones by their size."""


def predicted_mean(logits: Tensor) -> Tensor:
    """The mean vote of each row: logits (N, 10) -> (N,), 1..10."""
    values = torch.as_tensor(VOTES, dtype=logits.dtype, device=logits.device)
    return logits.softmax(dim=1) @ values


def predicted_order(logits: Tensor) -> Tensor:
    """A number that rises with quality, (N, K) -> (N,): the mean vote, or low against high."""
    return predicted_mean(logits) if logits.shape[1] > 2 else logits[:, 1] - logits[:, 0]


def earth_movers_distance(logits: Tensor, votes: Tensor) -> Tensor:
    """Distance between distributions over the votes 1..10, each row's own, (N, 10) -> (N,).

    The root of the mean squared difference of the cumulative distributions (r = 2), which is
    0 where they agree, 0.316 for all 1 against all 2, and 0.949 for all 1 against all 10.
    Source: Talebi & Milanfar, "NIMA: Neural Image Assessment", 2018, equation 1.
    """
    difference = logits.softmax(dim=1).cumsum(dim=1) - votes.cumsum(dim=1)
    # The root has no finite slope at zero; the floor is a thousandth of a useful distance.
    return difference.square().mean(dim=1).clamp_min(1e-10).sqrt()


def ranking_loss(order: Tensor, rank_target: Tensor, gap: float) -> Tensor:
    """Logistic loss on the order of all pairs whose rank targets differ by at least `gap`.

    Zero where no pair does.
    Source: Burges et al., "Learning to Rank using Gradient Descent", 2005, equation 3.

    Args:
        order: predicted numbers that rise with quality, (N,).
        rank_target: what people said, in any unit that rises with quality, (N,).
        gap: in the unit of `rank_target`.
    """
    truth = rank_target[:, None] - rank_target[None, :]
    better = truth >= gap if gap > 0 else truth > 0
    pairs = F.softplus(-(order[:, None] - order[None, :]))
    return torch.where(better, pairs, 0.0).sum() / better.sum().clamp_min(1)


def _mean_of_known(values: Tensor, known: Tensor) -> Tensor:
    """The mean over the rows whose target is known; zero where there is none."""
    return torch.where(known, values, 0.0).sum() / known.sum().clamp_min(1)


def total_loss(logits: Tensor, targets: Targets, recipe: LossRecipe) -> Tensor:
    """The recipe's weighted sum for a batch: logits (N, 10) or (N, 2) -> a number >= 0.

    A picture takes part in every loss for which it has a target.
    """
    logits = logits.float()
    loss = logits.sum() * 0.0
    if recipe.emd:
        known = ~targets.votes.isnan().any(dim=1)
        distance = earth_movers_distance(logits, targets.votes.nan_to_num())
        loss = loss + recipe.emd * _mean_of_known(distance, known)
    if recipe.mean:
        error = predicted_mean(logits) - targets.mean.nan_to_num()
        huber = F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=HUBER_DELTA)
        loss = loss + recipe.mean * _mean_of_known(huber, ~targets.mean.isnan())
    if recipe.ranking:
        loss = loss + recipe.ranking * ranking_loss(
            predicted_order(logits), targets.rank_target, recipe.gap
        )
    if recipe.cross_entropy:
        known = ~targets.high.isnan()
        label = targets.high.nan_to_num().long()
        entropy = F.cross_entropy(logits, label, reduction="none")
        loss = loss + recipe.cross_entropy * _mean_of_known(entropy, known)
    return loss
