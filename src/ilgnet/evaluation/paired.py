"""Two models on the same pictures: how much better is one, and could that be chance?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from ilgnet import metrics
from ilgnet.data.rated import fingerprint
from ilgnet.errors import require
from ilgnet.evaluation.evaluation import Evaluation
from ilgnet.evaluation.measures import Answers, Prediction
from ilgnet.metrics import Bools, Floats, Indices, Measure


@dataclass(frozen=True, slots=True)
class Difference:
    """One model less another, on the pictures that both were measured on.

    Attributes:
        images: how many pictures.
        fingerprint: which.
        gains: of "srcc", "plcc" and "accuracy": the difference with its paired bootstrap interval
            (Efron 1979; both see the same draws). Of several runs, the difference of their means.
        steiger: two-sided p that both correlations with the ratings are equal, of "srcc" and
            "plcc" (Steiger 1980, for correlations that share a variable; of ranks for SRCC).
            Empty for several runs.
        mcnemar: two-sided exact p that both are right equally often (McNemar 1947); None without
            classes, or for several runs.
        only_first: pictures that the first alone calls rightly high or low.
        only_second: likewise.
    """

    images: int
    fingerprint: str
    gains: dict[str, Measure]
    steiger: dict[str, float]
    mcnemar: float | None
    only_first: int
    only_second: int


def difference(
    first: Sequence[Evaluation],
    second: Sequence[Evaluation],
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> Difference | None:
    """How much better the first model is than the second.

    Args:
        first: its evaluations on one collection, one for each run.
        second: those of the other model, on the same collection.
        replicates: draws for the intervals.
        seed: of the draws.

    Returns:
        None where no picture was measured by both.
    """
    runs = [*first, *second]
    shared = set.intersection(*({p.image.id for p in run.predictions} for run in runs))
    if not shared:
        return None
    answers = [Answers(_of(run.predictions, shared)) for run in runs]
    ids = [p.image.id for p in answers[0].predictions]
    split = len(first)
    gains = _gains(answers[:split], answers[split:], replicates, seed)
    alone = len(runs) == 2
    only_first, only_second = _only(answers) if alone else (0, 0)
    classes = alone and answers[0].high is not None and _calibrated(answers)
    return Difference(
        images=len(ids),
        fingerprint=fingerprint(ids),
        gains=gains,
        steiger=_steiger(answers) if alone else {},
        mcnemar=mcnemar(only_first, only_second) if classes else None,
        only_first=only_first,
        only_second=only_second,
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p of McNemar's test, from the pictures on which two models differ."""
    if not only_first + only_second:
        return 1.0
    stats = require("scipy.stats", "evaluate", "comparing models")
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)


def steiger(truth: Floats, first: Floats, second: Floats) -> float:
    """Two-sided p that two scores correlate equally with the truth, on the same N pictures.

    Steiger, "Tests for comparing elements of a correlation matrix", 1980, equation 14, with the
    pooled estimate of the covariance. `nan` where a correlation is not defined.
    """
    r1, r2 = metrics.plcc(truth, first), metrics.plcc(truth, second)
    between = metrics.plcc(first, second)
    if math.isnan(r1 + r2 + between) or truth.size < 4:
        return math.nan
    if abs(between) == 1.0 or max(abs(r1), abs(r2)) == 1.0:
        return 1.0 if r1 == r2 else math.nan
    mean = (r1 + r2) / 2
    square = mean * mean
    covariance = between * (1 - 2 * square) - square * (1 - 2 * square - between * between) / 2
    shared = covariance / (1 - square) ** 2
    spread = 2 - 2 * shared
    if spread <= 0:
        return math.nan
    z = (math.atanh(r1) - math.atanh(r2)) * math.sqrt((truth.size - 3) / spread)
    return 2 * (1 - NormalDist().cdf(abs(z)))


def _of(predictions: Sequence[Prediction], shared: set[str]) -> list[Prediction]:
    """In one order, whatever the lists' own."""
    return sorted((p for p in predictions if p.image.id in shared), key=lambda p: p.image.id)


def _calibrated(answers: Sequence[Answers]) -> bool:
    return all(each.predicted is not None for each in answers)


def _gains(
    first: Sequence[Answers], second: Sequence[Answers], replicates: int, seed: int
) -> dict[str, Measure]:
    truth, high = first[0].truth, first[0].high
    columns: dict[str, tuple[Any, list[Any], list[Any]]] = {}
    if truth is not None:
        ranked = metrics.dense_ranks(truth)
        columns["srcc"] = (
            ranked,
            [metrics.dense_ranks(each.score) for each in first],
            [metrics.dense_ranks(each.score) for each in second],
        )
        columns["plcc"] = (truth, [a.score for a in first], [a.score for a in second])
    if high is not None and _calibrated([*first, *second]):
        columns["accuracy"] = (high, [a.predicted for a in first], [a.predicted for a in second])
    figures = {"srcc": metrics.srcc, "plcc": metrics.plcc, "accuracy": metrics.accuracy}

    def gain(rows: Indices) -> dict[str, float]:
        found = {}
        for name, (target, ones, others) in columns.items():
            figure: Any = figures[name]
            mean_of_ones = np.mean([figure(target[rows], one[rows]) for one in ones])
            mean_of_others = np.mean([figure(target[rows], other[rows]) for other in others])
            found[name] = float(mean_of_ones - mean_of_others)
        return found

    return metrics.bootstrap(gain, len(first[0].predictions), replicates=replicates, seed=seed)


def _steiger(answers: Sequence[Answers]) -> dict[str, float]:
    one, other = answers
    if one.truth is None:
        return {}
    ranks = [metrics.ranks(values) for values in (one.truth, one.score, other.score)]
    return {
        "srcc": steiger(*ranks),
        "plcc": steiger(one.truth, one.score, other.score),
    }


def _only(answers: Sequence[Answers]) -> tuple[int, int]:
    one, other = answers
    high, first, second = one.high, one.predicted, other.predicted
    if high is None or first is None or second is None:
        return 0, 0
    right: list[Bools] = [first == high, second == high]
    return int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
