"""How often scores order pictures as a person does, and how sure that is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilgnet.metrics import Measure, bootstrap, group_pairs
from ilgnet.taste.learnt import Agreement

Floats = NDArray[np.float64]


def within_groups(scores: Floats, ratings: Floats, groups: NDArray[Any]) -> Agreement | None:
    """Pairwise accuracy over the pairs of pictures of one group; None where there is no pair.

    Args:
        scores: the model's, (N,).
        ratings: the person's, (N,); only their order matters.
        groups: (N,) the name of each picture's burst; "" is no burst.
    """
    counts = group_pairs(ratings, scores, groups)
    return _summed(counts) if len(counts) else None


def among_all(scores: Floats, ratings: Floats, groups: Sequence[Hashable]) -> Agreement | None:
    """Pairwise accuracy over all pairs, with an interval over groups; None without a pair.

    Args:
        scores: the model's, (N,).
        ratings: the person's, (N,); only their order matters.
        groups: (N,) what belongs together and is resampled together, such as days.
    """
    right, pairs = _by_group(scores, ratings, groups)
    if not pairs.sum():
        return None
    return Agreement(_share(right, pairs), int(pairs.sum()), len(pairs))


def gain_among_all(
    scores: Floats, others: Floats, ratings: Floats, groups: Sequence[Hashable]
) -> Measure:
    """How much larger the share of `among_all` is for some scores than for others.

    Both on the same draws of groups, which is sharper than to compare their intervals.
    """
    right, pairs = _by_group(scores, ratings, groups)
    return _share(right - _by_group(others, ratings, groups)[0], pairs)


def _by_group(scores: Floats, ratings: Floats, groups: Sequence[Hashable]) -> tuple[Floats, Floats]:
    names = sorted(set(groups), key=str)
    number = {name: index for index, name in enumerate(names)}
    day = np.array([number[group] for group in groups], dtype=np.intp)
    order = np.argsort(day, kind="stable")
    return _pairs_between(scores[order], ratings[order], day[order], len(names))


def _share(right: Floats, pairs: Floats) -> Measure:
    """Of pairs by the groups of their pictures, (G, G); groups resampled whole."""

    def share(chosen: NDArray[np.intp]) -> dict[str, float]:
        weight = np.bincount(chosen, minlength=len(pairs)).astype(np.float64)
        all_pairs = float(weight @ pairs @ weight)
        return {"share": float(weight @ right @ weight) / all_pairs if all_pairs else np.nan}

    return bootstrap(share, len(pairs))["share"]


def chosen_pairs(
    scores: Floats,
    winners: NDArray[np.intp],
    losers: NDArray[np.intp],
    groups: Sequence[Hashable],
) -> Agreement | None:
    """The share of a person's choices between two pictures that scores make likewise.

    Args:
        scores: the model's, (N,).
        winners: row of the better picture, (P,).
        losers: row of the other, (P,).
        groups: (N,) what is resampled together; a choice belongs to its winner's.
    """
    counts = _choices_by_group(scores, winners, losers, groups)
    return _summed(counts) if len(counts) else None


def gain_in_choices(
    scores: Floats,
    others: Floats,
    winners: NDArray[np.intp],
    losers: NDArray[np.intp],
    groups: Sequence[Hashable],
) -> Measure:
    """How much larger the share of `chosen_pairs` is for some scores than for others."""
    counts = _choices_by_group(scores, winners, losers, groups)
    counts[:, 0] -= _choices_by_group(others, winners, losers, groups)[:, 0]
    return _summed(counts).share


def _choices_by_group(
    scores: Floats,
    winners: NDArray[np.intp],
    losers: NDArray[np.intp],
    groups: Sequence[Hashable],
) -> Floats:
    """For each group: choices that the scores make likewise, and all, (G, 2)."""
    right = (np.sign(scores[winners] - scores[losers]) + 1) / 2
    names = sorted({groups[row] for row in winners}, key=str)
    number = {name: index for index, name in enumerate(names)}
    group = np.array([number[groups[row]] for row in winners], dtype=np.intp)
    return np.stack([np.bincount(group, right), np.bincount(group)], axis=1).astype(np.float64)


def _summed(counts: Floats) -> Agreement:
    """Groups' counts of (pairs ordered alike, pairs) as one share, groups resampled whole."""

    def share(chosen: NDArray[np.intp]) -> dict[str, float]:
        right, pairs = counts[chosen].sum(axis=0)
        return {"share": float(right / pairs)}

    measured = bootstrap(share, len(counts))["share"]
    return Agreement(measured, int(counts[:, 1].sum()), len(counts))


def _pairs_between(
    scores: Floats, ratings: Floats, day: NDArray[np.intp], days: int
) -> tuple[Floats, Floats]:
    """Pairs by the days of their better and worse picture, (G, G): ordered alike, and all."""
    right, pairs = np.zeros((days, days)), np.zeros((days, days))
    starts = np.searchsorted(day, np.arange(days))
    for index in range(len(scores)):
        worse = ratings < ratings[index]
        alike = (np.sign(scores[index] - scores) + 1) / 2 * worse
        right[day[index]] += np.add.reduceat(alike, starts)
        pairs[day[index]] += np.add.reduceat(worse.astype(np.float64), starts)
    return right, pairs
