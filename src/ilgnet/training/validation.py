"""Measuring a network on the validation pictures: the figures that choose the best weights."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ilgnet import metrics
from ilgnet.data.loading import BatchPlan, Inputs, Targets
from ilgnet.errors import DataError
from ilgnet.training.losses import predicted_order
from ilgnet.training.processes import Processes
from ilgnet.values import HIGH_ABOVE

LOWER_IS_BETTER: Final = ("emd",)

TITLES: Final = {
    "srcc": "SRCC",
    "emd": "EMD",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "majority_rate": "majority rate",
    "spread": "spread",
}


LEAST_SPREAD: Final = 0.1
"""Of scores, as a share of the ratings' standard deviation, below which weights are not chosen
while others are there: a network whose scores all but agree has not learned, whatever their order.
Networks that have learned reach a half and more."""

NOT_YET: Final = 1000.0
"""What a figure is lowered by where the scores hardly differ: every other one comes before it."""


class Figures(dict[str, float]):
    """Validation figures by name; `nan` where the ratings or the predictions define none.

    `spread` is the standard deviation of the scores by that of the ratings.
    """

    @property
    def degenerate(self) -> bool:
        """Whether the scores hardly differ from picture to picture."""
        return self.get("spread", nan) < LEAST_SPREAD

    def rising(self, name: str) -> float:
        """A figure as a number that rises with quality; the lowest of all where undefined.

        Where the scores hardly differ it comes after all others, by `NOT_YET`.
        """
        value = -self[name] if name in LOWER_IS_BETTER else self[name]
        return -inf if isnan(value) else value - NOT_YET * self.degenerate

    def __str__(self) -> str:
        return ", ".join(
            f"{TITLES[name]} {value:.4f}" for name, value in self.items() if not isnan(value)
        )


def measure(logits: NDArray[np.float64], targets: Targets) -> Figures:
    """Compare a network's outputs with what people said.

    Args:
        logits: (N, 10) for votes 1..10, or (N, 2) for low and high.
        targets: of the same pictures.
    """
    order = predicted_order(torch.from_numpy(logits)).numpy()
    target = targets.rank_target.double().numpy()
    ranked = ~np.isnan(target)
    labelled = ~targets.high.isnan().numpy()
    high = targets.high.numpy()[labelled] > 0.5
    predicted = order[labelled] > (HIGH_ABOVE if logits.shape[1] > 2 else 0.0)
    voted = ~targets.votes.isnan().any(dim=1).numpy()
    distances = [nan]
    if logits.shape[1] > 2 and voted.any():
        shares = torch.from_numpy(logits[voted]).softmax(dim=1).numpy()
        distances = metrics.emd(targets.votes.double().numpy()[voted], shares, r=2).tolist()
    return Figures(
        srcc=metrics.srcc(target[ranked], order[ranked]),
        emd=float(np.mean(distances)),
        accuracy=metrics.accuracy(high, predicted),
        balanced_accuracy=metrics.balanced_accuracy(high, predicted),
        majority_rate=metrics.majority_rate(high),
        spread=_spread(logits, order, targets),
    )


def _spread(logits: NDArray[np.float64], order: NDArray[np.float64], targets: Targets) -> float:
    """The standard deviation of the scores by that of the ratings; `nan` without either.

    Two classes are compared as the probability of high with the labels.
    """
    if logits.shape[1] > 2:
        means = targets.mean.double().numpy()
        known = ~np.isnan(means)
        said, truth = order[known], means[known]
    else:
        labels = targets.high.double().numpy()
        known = ~np.isnan(labels)
        said, truth = 1.0 / (1.0 + np.exp(-order[known])), labels[known]
    if truth.size < 2 or truth.std() == 0:
        return nan
    return float(said.std() / truth.std())


def refuse_undefined(targets: Targets, figure: str) -> None:
    """Stop a run that would choose by a figure that its validation pictures do not define.

    Raises:
        DataError: says what the figure needs.
    """
    ranked, labels = (
        np.unique(column[~column.isnan()].numpy()) for column in (targets.rank_target, targets.high)
    )
    defined = {
        "srcc": len(ranked) > 1,
        "emd": bool((~targets.votes.isnan().any(dim=1)).any()),
        "accuracy": len(labels) > 0,
        "balanced_accuracy": len(labels) > 1,
    }
    if not defined[figure]:
        raise DataError(
            f"the {len(targets.mean)} validation pictures do not define {figure!r}: it needs "
            "pictures that differ, and for emd votes, for accuracies labels or means. "
            "Choose another figure with run.select_by, or give more pictures"
        )


class Validation:
    """Measures a network on pictures that it does not learn from, without any variation.

    Args:
        pictures: to measure on, `UNVARIED`.
        batch: pictures at a time.
        processes: share the work.
    """

    def __init__(self, pictures: Inputs, batch: int, processes: Processes) -> None:
        self.pictures, self.processes = pictures, processes
        sizes = [pictures.size(index) for index in range(len(pictures))]
        plan = BatchPlan(sizes, batch, seed=0)
        steps = range(processes.rank, plan.steps_per_epoch, processes.world)
        self._batches = [plan.step(step) for step in steps]

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> Figures:
        """Measure; every process returns the same figures."""
        network.eval()
        outputs: list[NDArray[np.float64]] = []
        for pixels, _ in self.pictures.batches(self._batches, workers=0):
            outputs.append(network(self.processes.place(pixels)).logits.double().cpu().numpy())
        indices = [index for batch in self._batches for _, index in batch]
        parts = self.processes.gather((indices, outputs))
        found = {
            index: row
            for numbers, arrays in parts
            for index, row in zip(numbers, (row for array in arrays for row in array), strict=True)
        }
        logits = np.stack([found[index] for index in range(len(self.pictures))])
        return measure(logits, self.pictures.targets)
