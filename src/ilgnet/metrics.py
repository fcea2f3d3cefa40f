"""How well scores agree with people, as plain functions of arrays; SciPy does the statistics.

Throughout: `truth` is the people's mean vote and `score` the model's, (N,) float in 1..10;
`high` is whether a picture truly is of high quality and `predicted` what the model says, (N,) bool;
`p_high` is the model's probability of high, (N,) float in 0..1. A figure that the data do not
define (a correlation of constant numbers, the AUC of one class) is `nan`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import require
from ilgnet.values import HIGH_ABOVE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

INTERVAL: Final = 0.95
"""How sure the intervals are."""

FEWEST_UNITS: Final = 10
"""Fewer pictures or groups than these get no interval: it would be far too narrow."""


def _scipy_stats() -> Any:
    return require("scipy.stats", "evaluate", "measuring a model")


def dense_ranks(values: Floats) -> Indices:
    """Numbers 0, 1, 2, ... in the order of the values, equal ones alike.

    Rank statistics are the same of these as of values, and many times quicker: see `ranks`.
    """
    inverse: Indices = np.unique(values, return_inverse=True)[1]
    return inverse


def ranks(values: Floats | Indices) -> Floats:
    """Ranks from 1, ties at their mean rank; whole numbers are ranked by counting."""
    if np.issubdtype(values.dtype, np.integer):
        counts = np.bincount(values)
        middles: Floats = np.cumsum(counts) - (counts - 1) / 2
        return middles[values]
    ranked: Floats = _scipy_stats().rankdata(values)
    return ranked


# --- High or low ------------------------------------------------------------------------------


def accuracy(high: Bools, predicted: Bools) -> float:
    """Share of pictures whose class is right, 0..1. Says little without `majority_rate`."""
    return float(np.mean(high == predicted)) if high.size else math.nan


def majority_rate(high: Bools) -> float:
    """The accuracy of always giving the more frequent answer, 0.5..1."""
    return float(max(high.mean(), 1.0 - high.mean())) if high.size else math.nan


def balanced_accuracy(high: Bools, predicted: Bools) -> float:
    """The mean of the shares of low and of high pictures that are right; 0.5 is chance."""
    if high.all() or not high.any():
        return math.nan
    return float((predicted[high].mean() + (~predicted[~high]).mean()) / 2)


def auc(high: Bools, score: Floats | Indices) -> float:
    """Probability that a high picture scores above a low one; a tie counts half. 0.5 is chance."""
    highs = int(high.sum())
    lows = high.size - highs
    if not highs or not lows:
        return math.nan
    return float((ranks(score)[high].sum() - highs * (highs + 1) / 2) / (highs * lows))


def roc(high: Bools, score: Floats) -> tuple[Floats, Floats]:
    """The ROC curve from (0, 0) to (1, 1): false and true positive rates at every threshold."""
    order = np.argsort(-score, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(score[order])), high.size - 1)
    true_positives = np.cumsum(high[order])[last_of_ties]
    false_positives = last_of_ties + 1 - true_positives
    return (
        np.append(0.0, false_positives / max(int((~high).sum()), 1)),
        np.append(0.0, true_positives / max(int(high.sum()), 1)),
    )


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of what was said against what is true, of the pictures outside a band around 5.

    Attributes:
        delta: half the width of the band; kept are means above 5 + delta, and 5 - delta or below.
        true_low: low pictures that were called low.
        false_high: low pictures that were called high.
        false_low: high pictures that were called low.
        true_high: high pictures that were called high.
    """

    delta: float
    true_low: int
    false_high: int
    false_low: int
    true_high: int

    @property
    def images(self) -> int:
        """How many pictures were counted."""
        return self.true_low + self.false_high + self.false_low + self.true_high

    @property
    def accuracy(self) -> float:
        """Share that is right, 0..1."""
        return (self.true_low + self.true_high) / self.images if self.images else math.nan

    @property
    def majority_rate(self) -> float:
        """The accuracy of always giving the more frequent answer."""
        highs = self.false_low + self.true_high
        return max(highs, self.images - highs) / self.images if self.images else math.nan


def outside(truth: Floats, delta: float) -> Bools:
    """Which pictures are clear cases: mean vote above 5 + delta, or 5 - delta or below."""
    clear: Bools = (truth > HIGH_ABOVE + delta) | (truth <= HIGH_ABOVE - delta)
    return clear


def confusion(high: Bools, predicted: Bools, *, delta: float = 0.0) -> Confusion:
    """Count the four cases; leave out pictures near 5 with `outside` first and say so in delta."""
    return Confusion(
        delta,
        true_low=int((~high & ~predicted).sum()),
        false_high=int((~high & predicted).sum()),
        false_low=int((high & ~predicted).sum()),
        true_high=int((high & predicted).sum()),
    )


# --- Scores -----------------------------------------------------------------------------------


def plcc(truth: Floats, score: Floats) -> float:
    """Pearson's linear correlation of the raw numbers (no logistic fit), -1..1."""
    if truth.size < 2 or np.ptp(truth) == 0 or np.ptp(score) == 0:
        return math.nan
    a, b = truth - truth.mean(), score - score.mean()
    # Sums rather than dot products: the latter start threads, a thousand times in a bootstrap.
    norm = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float(np.clip((a * b).sum() / norm, -1.0, 1.0)) if norm else math.nan


def logistic(truth: Floats, score: Floats) -> Floats | None:
    """Scores after the monotone four-parameter logistic that maps them best to the mean votes.

    Linear correlation after this fit is what quality assessment reports: it forgives a scale that
    is bent. Source: VQEG, "Final Report from the Video Quality Experts Group", 2000, phase I.

    Returns:
        (N,) fitted mean votes; None where nothing can be fitted.
    """
    if truth.size < 5 or np.ptp(truth) == 0 or np.ptp(score) == 0:
        return None
    optimize = require("scipy.optimize", "evaluate", "the logistic fit")
    start = (truth.max(), truth.min(), score.mean(), score.std() / 4)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found = optimize.least_squares(lambda x: _logistic(score, *x) - truth, start, max_nfev=2000)
        fitted: Floats = _logistic(score, *found.x)
    return fitted if np.isfinite(fitted).all() else None


def _logistic(x: Floats, top: float, bottom: float, middle: float, width: float) -> Floats:
    curve: Floats = bottom + (top - bottom) / (1.0 + np.exp(-(x - middle) / abs(width)))
    return curve


def srcc(truth: Floats | Indices, score: Floats | Indices) -> float:
    """Spearman's rank correlation, ties at their mean rank, -1..1."""
    return plcc(ranks(truth), ranks(score))


def krcc(truth: Floats | Indices, score: Floats | Indices) -> float:
    """Kendall's rank correlation tau-b, which allows for ties, -1..1."""
    if truth.size < 2 or np.ptp(truth) == 0 or np.ptp(score) == 0:
        return math.nan
    return float(_scipy_stats().kendalltau(truth, score).statistic)


def rmse(truth: Floats, score: Floats) -> float:
    """Root mean square error in votes."""
    return float(np.sqrt(np.mean(np.square(truth - score)))) if truth.size else math.nan


def emd(true_votes: Floats, votes: Floats, *, r: int) -> Floats:
    """Earth mover's distance between distributions of votes, as Talebi and Milanfar (2018) norm it.

    (mean over the ten votes of |difference of the cumulative shares|^r)^(1/r). With r = 1 it is a
    tenth of the distance in votes; r = 2 is the training loss of NIMA.

    Args:
        true_votes: (N, 10) counts or shares; rows are scaled to sum to 1.
        votes: (N, 10) likewise.
        r: 1 or 2. Published numbers differ in this; a number without its r means nothing.

    Returns:
        (N,) distances.
    """
    shares = [rows / rows.sum(axis=1, keepdims=True) for rows in (true_votes, votes)]
    difference = np.abs(np.cumsum(shares[0] - shares[1], axis=1))
    distances: Floats = np.mean(difference**r, axis=1) ** (1.0 / r)
    return distances


def group_pairs(truth: Floats, score: Floats, groups: NDArray[Any]) -> Floats:
    """Compare the pictures of each group two by two.

    Pairs that people rate alike are left out; a pair that the model scores alike counts half.

    Args:
        truth: mean votes.
        score: scores.
        groups: (N,) names; pictures named "" belong to no group.

    Returns:
        (G, 2): for each group with a pair, how many pairs are in the right order, and how many
        there are.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.append(True, groups[order][1:] != groups[order][:-1]))
    counts = [
        _pairs_in_order(truth[members], score[members])
        for members in np.split(order, starts[1:])
        if members.size > 1 and groups[members[0]] != ""
    ]
    return np.array([c for c in counts if c[1]], dtype=np.float64).reshape(-1, 2)


def _pairs_in_order(truth: Floats, score: Floats) -> tuple[float, float]:
    right = total = 0.0
    for i in range(truth.size - 1):
        wanted = np.sign(truth[i + 1 :] - truth[i])
        given = np.sign(score[i + 1 :] - score[i])
        rated = wanted != 0
        total += float(rated.sum())
        right += float((wanted[rated] * given[rated] + 1).sum()) / 2
    return right, total


# --- Calibration ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures of similar prediction: how many, what was predicted, what was seen (means)."""

    images: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far predictions can be taken at their word.

    Attributes:
        bins: from the lowest prediction to the highest; empty ones are left out.
        error: mean of |predicted - observed| over pictures (the expected calibration error).
    """

    bins: tuple[Bin, ...]
    error: float


def reliability(predicted: Floats, observed: Floats, edges: Floats) -> Reliability:
    """Group pictures by what was predicted and compare with what was seen.

    Args:
        predicted: (N,) probabilities of high, or scores.
        observed: (N,) 1 where high and 0 where low, or mean votes.
        edges: (B + 1,) ascending limits of the bins; what lies beyond goes into the outer ones.
    """
    where = np.digitize(predicted, edges[1:-1])
    bins = tuple(
        Bin(int(inside.sum()), float(predicted[inside].mean()), float(observed[inside].mean()))
        for inside in (where == k for k in range(len(edges) - 1))
        if inside.any()
    )
    gaps = sum(b.images * abs(b.predicted - b.observed) for b in bins)
    return Reliability(bins, gaps / predicted.size if predicted.size else math.nan)


def brier(high: Bools, p_high: Floats) -> float:
    """Mean squared error of the probabilities of high, 0..1; 0.25 is what 0.5 for all earns."""
    return float(np.mean(np.square(p_high - high))) if high.size else math.nan


# --- Intervals --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


Statistics = Callable[[Indices], Mapping[str, float]]
"""Figures of the units at some indices; an index may occur several times."""


def bootstrap(
    statistics: Statistics, units: int, *, replicates: int = 1000, seed: int = 0
) -> dict[str, Measure]:
    """Figures with percentile bootstrap intervals (Efron 1979): units are drawn with replacement.

    All figures see the same draws, so the same seed gives the same intervals. Fewer units than
    `FEWEST_UNITS` have none (`nan`).

    Args:
        statistics: computes the figures from the indices of the units.
        units: how many pictures (or groups, or choices) there are.
        replicates: draws; the interval's ends wander by about a tenth of its width at 1000.
        seed: of the draws.
    """
    point = statistics(np.arange(units))
    random = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in point}
    for _ in range(replicates if units >= FEWEST_UNITS else 0):
        for name, value in statistics(random.integers(0, units, units)).items():
            drawn[name].append(value)
    return {name: _measure(value, drawn[name]) for name, value in point.items()}


def _measure(value: float, drawn: list[float]) -> Measure:
    defined = [v for v in drawn if not math.isnan(v)]
    if math.isnan(value) or not defined:
        return Measure(value, math.nan, math.nan)
    tail = (1.0 - INTERVAL) / 2
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return Measure(value, float(low), float(high))
