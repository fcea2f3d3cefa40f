"""How often scores order pictures as a person does, and how sure that is.

Pairs of pictures are counted by the groups that these are of, and groups are resampled whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilgnet.metrics import Measure, bootstrap, group_pairs
from ilgnet.taste.learnt import Agreement

Floats = NDArray[np.float64]

Counts = tuple[Floats, Floats]
"""Pairs that scores order as the person does, and all pairs: by the groups of the better and of the
worse picture (G, G), or by one group for both (G,)."""


def agreement_of(counts: Counts) -> Agreement | None:
    """Pairwise accuracy, with an interval over groups; None where there is no pair."""
    right, pairs = counts
    return Agreement(_share(right, pairs), int(pairs.sum()), len(pairs)) if pairs.sum() else None


def gain_of(counts: Counts, others: Counts) -> Measure:
    """How much larger the pairwise accuracy of some scores is than that of others.

    Both on the same draws of groups, which is sharper than to compare their intervals.
    """
    return _share(counts[0] - others[0], counts[1])


def pairs_in_groups(scores: Floats, ratings: Floats, groups: NDArray[Any]) -> Counts:
    """Pairs of pictures of one group that are rated differently.

    Args:
        scores: the model's, (N,).
        ratings: the person's, (N,); only their order matters.
        groups: (N,) the name of each picture's burst; "" is no burst.
    """
    right, pairs = group_pairs(ratings, scores, groups).T
    return right, pairs


def all_pairs(scores: Floats, ratings: Floats, groups: Sequence[Hashable]) -> Counts:
    """All pairs of pictures that are rated differently.

    Args:
        scores: the model's, (N,).
        ratings: the person's, (N,); only their order matters.
        groups: (N,) what belongs together and is resampled together, such as days.
    """
    names, number = _numbered(groups)
    order = np.argsort(number, kind="stable")
    scores, ratings, number = scores[order], ratings[order], number[order]
    right, pairs = np.zeros((names, names)), np.zeros((names, names))
    starts = np.searchsorted(number, np.arange(names))
    for index in range(len(scores)):
        worse = ratings < ratings[index]
        alike = (np.sign(scores[index] - scores) + 1) / 2 * worse
        right[number[index]] += np.add.reduceat(alike, starts)
        pairs[number[index]] += np.add.reduceat(worse.astype(np.float64), starts)
    return right, pairs


def chosen_pairs(
    scores: Floats,
    winners: NDArray[np.intp],
    losers: NDArray[np.intp],
    groups: Sequence[Hashable],
) -> Counts:
    """A person's choices between two pictures.

    Args:
        scores: the model's, (N,).
        winners: row of the better picture, (P,).
        losers: row of the other, (P,).
        groups: (N,) what is resampled together; a choice belongs to its winner's.
    """
    alike = (np.sign(scores[winners] - scores[losers]) + 1) / 2
    _, number = _numbered([groups[row] for row in winners])
    right, choices = np.bincount(number, alike), np.bincount(number)
    return right.astype(np.float64), choices.astype(np.float64)


def _numbered(groups: Sequence[Hashable]) -> tuple[int, NDArray[np.intp]]:
    """How many different groups there are, and the number of each, in the order of their names."""
    numbers = {name: number for number, name in enumerate(sorted(set(groups), key=str))}
    return len(numbers), np.array([numbers[group] for group in groups], dtype=np.intp)


def _share(right: Floats, pairs: Floats) -> Measure:
    def share(chosen: NDArray[np.intp]) -> dict[str, float]:
        weight = np.bincount(chosen, minlength=len(pairs)).astype(np.float64)
        count = _weighted(pairs, weight)
        return {"share": _weighted(right, weight) / count if count else np.nan}

    return bootstrap(share, len(pairs))["share"]


def _weighted(counts: Floats, weight: Floats) -> float:
    """A pair of two groups is drawn as often as both of them together."""
    return float(weight @ counts if counts.ndim == 1 else weight @ counts @ weight)
