"""Every figure of an evaluation, from verdicts and what people said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet import metrics
from ilgnet.data.rated import Preference, RatedImage
from ilgnet.data.scale import AVA_SCALE, Scale
from ilgnet.metrics import Bools, Confusion, Floats, Indices, Measure, Reliability, logistic
from ilgnet.values import HIGH_ABOVE

SMALLEST_CATEGORY: Final = 10
"""Categories with fewer pictures have no row: their figures would be noise."""

CALIBRATION_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Prediction:
    """A picture, what people think of it, and what the model says.

    Attributes:
        image: with its ratings.
        score: on the model's own scale.
        p_high: probability of high quality; None where the model does not tell.
        votes: shares of the votes 1..10; None where the model does not tell.
    """

    image: RatedImage
    score: float
    p_high: float | None = None
    votes: tuple[float, ...] | None = None


class Answers:
    """Verdicts and ratings side by side, as arrays over N pictures in list order.

    A rating that not every picture has is not there at all (None); so is what a model does not
    tell.

    Args:
        predictions: what is compared.
        scale: of the scores; None where they are on no known one, so that there is no boundary
            between high and low, and no error in votes.
    """

    def __init__(self, predictions: Sequence[Prediction], scale: Scale | None = AVA_SCALE) -> None:
        self.predictions = predictions
        self.scale = scale
        given: Floats = np.array([p.score for p in predictions], dtype=np.float64)
        self.score: Floats = (
            given
            if scale is None or scale == AVA_SCALE
            else np.array([scale.to_ten(value) for value in given.tolist()], dtype=np.float64)
        )
        self.predicted: Bools | None = None if scale is None else self.score > HIGH_ABOVE

    @cached_property
    def p_high(self) -> Floats | None:
        """Probabilities of high quality."""
        given = [p.p_high for p in self.predictions]
        return None if None in given else np.array(given, dtype=np.float64)

    @cached_property
    def truth(self) -> Floats | None:
        """Mean votes 1..10."""
        means = [p.image.mean for p in self.predictions]
        return None if None in means else np.array(means, dtype=np.float64)

    @cached_property
    def high(self) -> Bools | None:
        """Whether each picture is of high quality."""
        labels = [p.image.high for p in self.predictions]
        return None if None in labels else np.array(labels, dtype=np.bool_)

    @cached_property
    def votes(self) -> tuple[Floats, Floats] | None:
        """People's votes and the model's, (N, 10) each."""
        pairs = [(p.image.votes, p.votes) for p in self.predictions]
        if any(people is None or model is None for people, model in pairs):
            return None
        people, model = zip(*pairs, strict=True)
        return np.array(people, dtype=np.float64), np.array(model, dtype=np.float64)

    @cached_property
    def groups(self) -> NDArray[np.str_] | None:
        """The group of each picture, or None where there are no groups to compare within."""
        names = np.array([p.image.group for p in self.predictions])
        return names if self.truth is not None and np.any(names != "") else None


@dataclass(frozen=True, slots=True)
class Category:
    """One row of the table by category; figures that the data do not define are absent."""

    name: str
    images: int
    majority_rate: float | None
    figures: dict[str, Measure]


def figures(answers: Answers, replicates: int, seed: int) -> dict[str, Measure]:
    """Every figure over pictures that the ratings allow, with its interval."""
    columns = _Columns(answers)
    found = metrics.bootstrap(
        columns.every, len(answers.predictions), replicates=replicates, seed=seed
    )
    if answers.truth is not None and answers.groups is not None:
        pairs = metrics.group_pairs(answers.truth, answers.score, answers.groups)
        if len(pairs):
            found |= _share("pairs_in_group", pairs, replicates, seed)
    return found


def mean_figures(runs: Sequence[Answers], replicates: int, seed: int) -> dict[str, Measure]:
    """The figures that all runs have, as the mean over runs; intervals are over pictures.

    Args:
        runs: of several models on the same pictures, in the same order.
        replicates: draws of pictures, the same for all runs.
        seed: of the draws.
    """
    columns = [_Columns(answers) for answers in runs]

    def means(rows: Indices) -> dict[str, float]:
        every = [each.every(rows) for each in columns]
        shared = [name for name in every[0] if all(name in one for one in every)]
        return {name: float(np.mean([one[name] for one in every])) for name in shared}

    return metrics.bootstrap(means, len(runs[0].predictions), replicates=replicates, seed=seed)


def choice_accuracy(
    answers: Answers, choices: Sequence[Preference], replicates: int, seed: int
) -> dict[str, Measure]:
    """How often the model prefers what people preferred; a tie counts half."""
    scores = {p.image.id: p.score for p in answers.predictions}
    wins = [
        (0.5 * (1 + np.sign(scores[c.better] - scores[c.worse])), 1.0)
        for c in choices
        if c.better in scores and c.worse in scores
    ]
    return _share("choices", np.array(wins), replicates, seed) if wins else {}


def categories(answers: Answers, replicates: int, seed: int) -> tuple[Category, ...]:
    """The table by category, the most frequent first; a picture may count in several."""
    members: dict[str, list[int]] = {}
    for index, prediction in enumerate(answers.predictions):
        for name in prediction.image.categories:
            members.setdefault(name, []).append(index)
    rows = [
        _category(
            name,
            Answers([answers.predictions[i] for i in indices], answers.scale),
            replicates,
            seed,
        )
        for name, indices in members.items()
        if len(indices) >= SMALLEST_CATEGORY
    ]
    return tuple(sorted(rows, key=lambda row: (-row.images, row.name)))


def _category(name: str, answers: Answers, replicates: int, seed: int) -> Category:
    columns = _Columns(answers)
    units = len(answers.predictions)
    rate = None if answers.high is None else metrics.majority_rate(answers.high)
    return Category(
        name, units, rate, metrics.bootstrap(columns.few, units, replicates=replicates, seed=seed)
    )


def confusions(answers: Answers, deltas: Sequence[float]) -> tuple[Confusion, ...]:
    """The confusion of all pictures, and of those outside each band around 5."""
    if answers.high is None or answers.predicted is None:
        return ()
    tables = [metrics.confusion(answers.high, answers.predicted)]
    for delta in deltas:
        if answers.truth is not None and delta > 0:
            clear = metrics.outside(answers.truth, delta)
            high, predicted = answers.high[clear], answers.predicted[clear]
            tables.append(metrics.confusion(high, predicted, delta=delta))
    return tuple(tables)


def calibration_of_high(answers: Answers) -> Reliability | None:
    """Whether pictures given p_high are of high quality that often: ten bins of equal width."""
    if answers.high is None or answers.p_high is None:
        return None
    edges = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)
    return metrics.reliability(answers.p_high, answers.high.astype(np.float64), edges)


def calibration_of_mean(answers: Answers) -> Reliability | None:
    """Whether pictures given a score have that mean vote: ten bins of equally many pictures."""
    if answers.truth is None or answers.scale is None:
        return None
    edges = np.quantile(answers.score, np.linspace(0.0, 1.0, CALIBRATION_BINS + 1))
    return metrics.reliability(answers.score, answers.truth, edges)


def misses(answers: Answers, count: int) -> tuple[Prediction, ...]:
    """The pictures that the model is most wrong about, the worst first."""
    if answers.truth is not None and answers.scale is not None:
        wrong = np.abs(answers.score - answers.truth)
    elif answers.high is not None and answers.p_high is not None:
        wrong = np.abs(answers.p_high - answers.high)
    else:
        return ()
    order = np.argsort(-wrong, kind="stable")[:count]
    return tuple(answers.predictions[i] for i in order)


class _Columns:
    """The arrays that every replicate of the bootstrap indexes, made once."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.score_ranks = metrics.dense_ranks(answers.score)
        self.truth_ranks = None if answers.truth is None else metrics.dense_ranks(answers.truth)
        self.fitted = None if answers.truth is None else logistic(answers.truth, answers.score)
        self.distances: Mapping[str, Floats] = {}
        if answers.votes is not None:
            people, model = answers.votes
            self.distances = {f"emd_r{r}": metrics.emd(people, model, r=r) for r in (1, 2)}

    def every(self, rows: Indices) -> dict[str, float]:
        """All figures of the pictures at these indices."""
        found = self.few(rows)
        high, truth = self.answers.high, self.answers.truth
        if high is not None:
            found["auc"] = metrics.auc(high[rows], self.score_ranks[rows])
        if high is not None and self.answers.p_high is not None:
            found["brier"] = metrics.brier(high[rows], self.answers.p_high[rows])
        if truth is not None and self.truth_ranks is not None:
            found["krcc"] = metrics.krcc(self.truth_ranks[rows], self.score_ranks[rows])
        if truth is not None and self.fitted is not None:
            found["plcc_fitted"] = metrics.plcc(truth[rows], self.fitted[rows])
        if truth is not None and self.answers.scale is not None:
            found["rmse"] = metrics.rmse(truth[rows], self.answers.score[rows])
            found["bias"] = float((self.answers.score[rows] - truth[rows]).mean())
        return found | {name: float(d[rows].mean()) for name, d in self.distances.items()}

    def few(self, rows: Indices) -> dict[str, float]:
        """The figures that a table by category has room for."""
        found = {}
        high, truth = self.answers.high, self.answers.truth
        if high is not None and self.answers.predicted is not None:
            predicted = self.answers.predicted[rows]
            found["accuracy"] = metrics.accuracy(high[rows], predicted)
            found["balanced_accuracy"] = metrics.balanced_accuracy(high[rows], predicted)
        if truth is not None and self.truth_ranks is not None:
            found["srcc"] = metrics.srcc(self.truth_ranks[rows], self.score_ranks[rows])
            found["plcc"] = metrics.plcc(truth[rows], self.answers.score[rows])
        return found


def _share(name: str, counts: Floats, replicates: int, seed: int) -> dict[str, Measure]:
    """A share of pairs, (units, 2) of right and of all, with units drawn whole."""

    def share(rows: Indices) -> dict[str, float]:
        right, total = counts[rows].sum(axis=0)
        return {name: float(right / total)}

    return metrics.bootstrap(share, len(counts), replicates=replicates, seed=seed)
