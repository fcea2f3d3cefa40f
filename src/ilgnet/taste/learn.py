"""Learning a person's taste from ratings or choices, on features that are in the catalogue.

A weight vector on the model's features, blended with its own score. The ridge penalty and the share
of the blend are chosen by cross-validation over days, and what is reported is measured around
that choice (nested), so pictures of one day are never on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ilgnet.engines.taste import Taste
from ilgnet.errors import LibraryError
from ilgnet.metrics import FEWEST_UNITS, Measure, dense_ranks, srcc
from ilgnet.scoring import free_cores
from ilgnet.taste.agreement import Counts, agreement_of, all_pairs, chosen_pairs, gain_of
from ilgnet.taste.learnt import Agreement, Learnt

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST: Final = 50
"""Fewer rated pictures, or choices, than this say too little to learn from."""

FEWEST_OF_A_KIND: Final = 8
"""Pictures that must differ in rating from the most frequent one."""

DIRECTIONS: Final = 256
"""Principal directions of the features that are kept; further ones are noise."""

PENALTIES: Final = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
"""Ridge penalties, in units of the mean variance of a direction."""

BLENDS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the vector in the blend with the base model's score."""

NEWTON_STEPS: Final = 25

PERMUTATIONS: Final = 39
"""Comparisons with chance; being better than all of them happens by chance once in forty times."""

FOLDS: Final = 10
INNER_FOLDS: Final = 5


class Opinions(Protocol):
    """What a person has said of N pictures, in a form that a weight vector can be fitted to."""

    def check(self) -> None:
        """Refuse what is too little to learn from.

        Raises:
            LibraryError: with what is missing.
        """
        ...

    def fit(self, z: Floats, rows: Bools, penalties: Sequence[float]) -> Floats:
        """Weights (R, H) on coordinates z (N, R) from some rows alone, one for each penalty."""
        ...

    def share(self, scores: Floats, rows: Bools) -> float:
        """The share of pairs among some rows that scores (N,) order as the person does."""
        ...

    def counts(self, scores: Floats, groups: Sequence[str]) -> Counts:
        """The pairs among all rows by their groups (N,), for `agreement_of` and `gain_of`."""
        ...

    def spearman(self, scores: Floats) -> float | None:
        """Spearman's rank correlation of scores (N,) with the ratings, where there are any."""
        ...


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings of N pictures, (N,); only their order and rough distances matter."""

    ratings: Floats

    def check(self) -> None:
        """Enough pictures, and not all rated alike."""
        counts = np.unique(self.ratings, return_counts=True)[1]
        others = int(counts.sum() - counts.max(initial=0))
        if len(self.ratings) < FEWEST:
            raise LibraryError(
                f"{len(self.ratings)} rated pictures are too few to learn from; at least {FEWEST} "
                "are needed. Give stars or rejects to more pictures, good and bad"
            )
        if others < FEWEST_OF_A_KIND:
            raise LibraryError(
                f"nearly all of the {len(self.ratings)} pictures are rated alike; at least "
                f"{FEWEST_OF_A_KIND} must be rated higher or lower than the others. "
                "Give stars or rejects to good and to bad pictures"
            )

    def fit(self, z: Floats, rows: Bools, penalties: Sequence[float]) -> Floats:
        """Ridge regression of the ratings."""
        chosen, ratings = z[rows], self.ratings[rows]
        # A decomposition would serve all penalties at once, and take ten times as long on a busy
        # machine, where the threads of linear algebra wait for each other.
        grams = chosen.T @ chosen + np.multiply.outer(penalties, np.eye(z.shape[1]))
        target = chosen.T @ (ratings - ratings.mean())
        vectors: Floats = np.linalg.solve(grams, target[:, None])[:, :, 0].T
        return vectors

    def share(self, scores: Floats, rows: Bools) -> float:
        """By sorting, so that thousands of pictures take milliseconds."""
        said, meant = scores[rows], self.ratings[rows]
        right = pairs = 0.0
        for level in np.unique(meant)[1:]:
            better, worse = said[meant == level], np.sort(said[meant < level])
            below = np.searchsorted(worse, better, "left") + np.searchsorted(worse, better, "right")
            right += float(below.sum()) / 2
            pairs += len(better) * len(worse)
        return right / pairs if pairs else 0.5

    def counts(self, scores: Floats, groups: Sequence[str]) -> Counts:
        """All pairs of different ratings."""
        return all_pairs(scores, self.ratings, groups)

    def spearman(self, scores: Floats) -> float | None:
        """Ties at their mean rank."""
        return srcc(dense_ranks(self.ratings), dense_ranks(scores))


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Which of two pictures a person likes better, P times.

    Attributes:
        winners: row of the better picture, (P,).
        losers: row of the other, (P,).
    """

    winners: NDArray[np.intp]
    losers: NDArray[np.intp]

    def check(self) -> None:
        """Enough choices."""
        if len(self.winners) < FEWEST:
            raise LibraryError(
                f"{len(self.winners)} choices are too few to learn from; at least {FEWEST} are "
                "needed. Compare more pairs"
            )

    def fit(self, z: Floats, rows: Bools, penalties: Sequence[float]) -> Floats:
        """Logistic regression on differences (Bradley and Terry 1952)."""
        inside = rows[self.winners] & rows[self.losers]
        differences = z[self.winners[inside]] - z[self.losers[inside]]
        return np.stack([_logistic(differences, penalty) for penalty in penalties], axis=1)

    def share(self, scores: Floats, rows: Bools) -> float:
        """Of the choices between two of the rows."""
        inside = rows[self.winners] & rows[self.losers]
        lead = scores[self.winners[inside]] - scores[self.losers[inside]]
        return float(np.mean((np.sign(lead) + 1) / 2)) if len(lead) else 0.5

    def counts(self, scores: Floats, groups: Sequence[str]) -> Counts:
        """All choices."""
        return chosen_pairs(scores, self.winners, self.losers, groups)

    def spearman(self, scores: Floats) -> float | None:
        """They are no ratings."""
        return None


def _logistic(differences: Floats, penalty: float) -> Floats:
    """The weight vector (R,) with which differences (P, R) are positive, by Newton's method."""
    vector: Floats = np.zeros(differences.shape[1])
    for _ in range(NEWTON_STEPS):
        lost = 1.0 / (1.0 + np.exp(np.clip(differences @ vector, -30, 30)))
        curvature = (differences * (lost * (1 - lost))[:, None]).T @ differences
        slope = differences.T @ lost - penalty * vector
        step = np.linalg.solve(curvature + penalty * np.eye(len(vector)), slope)
        vector = vector + step
        if np.abs(step).max() < 1e-4 * np.abs(vector).max():
            break
    return vector


def learn(
    features: NDArray[np.float32], baseline: Floats, opinions: Opinions, groups: Sequence[str]
) -> Learnt:
    """Learn a taste and measure it.

    Args:
        features: of the base model, float32 (N, D).
        baseline: the base model's scores (N,).
        opinions: what the person said of the N pictures.
        groups: (N,) the day or outing of each; one is never on both sides of a check.

    Raises:
        LibraryError: there is too little to learn from, or nothing was found in it.
    """
    # The solver's threads wait for each other: where others are busy, more of them take longer.
    with threadpool_limits(free_cores(), user_api="blas"):
        return _learn(features, baseline, opinions, groups)


def _learn(
    features: NDArray[np.float32], baseline: Floats, opinions: Opinions, groups: Sequence[str]
) -> Learnt:
    opinions.check()
    names = sorted(set(groups))
    if len(names) < FEWEST_UNITS:
        raise LibraryError(
            f"the rated pictures come from {len(names)} days or outings; at least {FEWEST_UNITS} "
            "are needed to check a taste on days that it was not learnt from. Rate pictures of "
            "other days"
        )
    numbers = np.array([names.index(group) for group in groups])
    space = _Space.of(features, baseline)
    z, own = space.coordinates(features), space.z_scores(baseline)
    held_out = _cross_predict(z, own, opinions, numbers)
    counts, own_counts = (opinions.counts(scores, groups) for scores in (held_out, own))
    agreement, of_baseline = agreement_of(counts), agreement_of(own_counts)
    assert agreement is not None
    assert of_baseline is not None
    _refuse_chance(z, opinions, numbers, of_baseline)
    everyone = np.ones(len(z), bool)
    penalty, blend = _choose(z, own, opinions, numbers, everyone)
    gain = gain_of(counts, own_counts)
    _refuse_baseline(agreement, of_baseline, gain, blend)
    vector = _vectors(z, opinions, everyone, [penalty])[:, 0]
    return Learnt(
        space.taste(vector, blend, baseline, features),
        agreement,
        of_baseline,
        gain,
        opinions.spearman(held_out),
        opinions.spearman(own),
        blend,
        penalty,
        len(z),
        len(names),
    )


def _refuse_chance(
    z: Floats, opinions: Opinions, groups: NDArray[np.intp], baseline: Agreement
) -> None:
    """Refuse opinions that features agree with no better when they belong to other pictures.

    The features are shifted along the opinions, so that bursts and days stay as alike as they are
    and only who belongs to whom is lost. Shuffling would make bursts look like evidence.
    """
    everyone = np.ones(len(z), bool)
    order = np.argsort(groups, kind="stable")
    offsets = np.linspace(0, len(z), PERMUTATIONS + 2)[1:-1].astype(int)

    def share(offset: int) -> float:
        permuted = np.empty_like(z)
        permuted[order] = np.roll(z[order], offset, axis=0)
        values = np.zeros(len(z))
        for held_out in _folds(groups, INNER_FOLDS, seed=1):
            vector = _vectors(permuted, opinions, ~held_out, [float(len(z))])[:, 0]
            values[held_out] = permuted[held_out] @ vector
        return opinions.share(values, everyone)

    found = share(0)
    better = sum(share(offset) >= found for offset in offsets)
    if better and baseline.share.low > 0.5:
        raise LibraryError(
            "nothing can be learnt that the base model does not know: it agrees with you in "
            f"{baseline}, a taste no more than by chance. Nothing was saved; go on with the base "
            "model, or rate more pictures"
        )
    if better:
        raise LibraryError(
            "these labels carry no signal that can be told from chance: on days that it was not "
            f"learnt from, a taste agrees with you in {found:.1%} of pairs; with the pictures "
            f"mixed up, {better} of {PERMUTATIONS} tries did as well. Nothing was saved. More "
            "ratings, or clearer ones, may help"
        )


def _refuse_baseline(taste: Agreement, baseline: Agreement, gain: Measure, blend: float) -> None:
    if blend == 0.0 or not taste.share.low > 0.5:
        raise LibraryError(
            "nothing can be learnt that the base model does not know: it agrees with you in "
            f"{baseline}, a taste in {taste}. Nothing was saved; go on with the base model, or "
            "rate more pictures"
        )
    if not gain.low > 0.0:
        raise LibraryError(
            f"a taste agrees with you in {taste}, the base model's score in {baseline}: "
            f"{gain.value:+.1%}, 95 % interval {gain.low:+.1%} to {gain.high:+.1%}, so it is not "
            "clear that anything was learnt. Nothing was saved; go on with the base model, or "
            "rate more pictures"
        )


def _cross_predict(
    z: Floats, baseline: Floats, opinions: Opinions, groups: NDArray[np.intp]
) -> Floats:
    """Every picture's score from a taste, chosen and fitted without any picture of its group."""
    scores = np.zeros(len(z))
    for held_out in _folds(groups, FOLDS, seed=0):
        rows = ~held_out
        penalty, blend = _choose(z, baseline, opinions, groups, rows)
        vector = _vectors(z, opinions, rows, [penalty])[:, 0]
        scores[held_out] = _blended(z[held_out] @ vector, baseline[held_out], blend)
    return scores


def _choose(
    z: Floats, baseline: Floats, opinions: Opinions, groups: NDArray[np.intp], rows: Bools
) -> tuple[float, float]:
    """The penalty and blend that agree best with the person on held-out groups among some rows.

    Ties go to the stronger penalty and to the smaller share of the vector.
    """
    penalties = sorted(PENALTIES, reverse=True)
    values = np.zeros((len(z), len(penalties)))
    for held_out in _folds(groups, INNER_FOLDS, seed=1):
        values[held_out] = z[held_out] @ _vectors(z, opinions, rows & ~held_out, penalties)
    shares = {
        (penalty, blend): opinions.share(_blended(values[:, column], baseline, blend), rows)
        for blend, (column, penalty) in product(BLENDS, enumerate(penalties))
    }
    return max(shares, key=lambda choice: round(shares[choice], 6))


def _vectors(z: Floats, opinions: Opinions, rows: Bools, penalties: Sequence[float]) -> Floats:
    """Weight vectors (R, H) whose values over the rows they were learnt from have deviation 1."""
    vectors = opinions.fit(z, rows, penalties)
    deviations = np.std(z[rows] @ vectors, axis=0)
    scaled: Floats = vectors / np.where(deviations > 0, deviations, 1.0)
    return scaled


def _blended(vector: Floats, baseline: Floats, blend: float) -> Floats:
    return blend * vector + (1.0 - blend) * baseline


def _folds(groups: NDArray[np.intp], folds: int, *, seed: int) -> list[Bools]:
    """Whole groups shuffled into folds, as (N,) masks of what is held out."""
    names = np.unique(groups)
    shuffled = np.random.default_rng(seed).permutation(len(names)) % min(folds, len(names))
    fold_of = dict(zip(names.tolist(), shuffled.tolist(), strict=True))
    fold = np.array([fold_of[group] for group in groups.tolist()])
    return [fold == number for number in range(min(folds, len(names)))]


def _principal(rows: Floats) -> tuple[Floats, Floats]:
    """Lengths (R,), the longest first, and principal directions (R, D) of rows (N, D)."""
    if len(rows) <= rows.shape[1]:
        _, lengths, directions = np.linalg.svd(rows, full_matrices=False)
        return lengths, directions
    # Of many rows the same from their products, in less time and memory. Lengths below 1e-8 of the
    # longest are lost, which is far below what is kept.
    squares, columns = np.linalg.eigh(rows.T @ rows)
    return np.sqrt(np.maximum(squares[::-1], 0.0)), columns[:, ::-1].T


@dataclass(frozen=True, slots=True)
class _Space:
    """Coordinates in which a vector is fitted: principal directions, and the base's z-scores.

    Known from the features alone, without any opinion.
    """

    mean: Floats
    basis: Floats
    baseline_mean: float
    baseline_deviation: float

    @classmethod
    def of(cls, features: NDArray[np.float32], baseline: Floats) -> _Space:
        centred = features.astype(np.float64)
        mean = centred.mean(axis=0)
        centred -= mean
        lengths, directions = _principal(centred)
        kept = lengths > 1e-6 * max(float(lengths[0]), 1e-12)
        kept[DIRECTIONS:] = False
        if not kept.any():
            raise LibraryError("all rated pictures have the same features; nothing can be learnt")
        scale = np.sqrt(np.mean(np.square(lengths[kept])) / len(centred))
        return cls(
            mean, directions[kept].T / scale, float(baseline.mean()), float(baseline.std()) or 1.0
        )

    def coordinates(self, features: NDArray[np.float32]) -> Floats:
        z: Floats = (features.astype(np.float64) - self.mean) @ self.basis
        return z

    def z_scores(self, baseline: Floats) -> Floats:
        return (baseline - self.baseline_mean) / self.baseline_deviation

    def taste(
        self, vector: Floats, blend: float, baseline: Floats, features: NDArray[np.float32]
    ) -> Taste:
        """The blend on AVA's scale: its scores spread over the rated pictures as the base's do."""
        blended = _blended(self.coordinates(features) @ vector, self.z_scores(baseline), blend)
        votes = self.baseline_deviation / max(float(blended.std()), 1e-9)
        direction = votes * blend * self.basis @ vector
        slope = votes * (1.0 - blend) / self.baseline_deviation
        bias = self.baseline_mean * (1.0 - slope) - float(self.mean @ direction)
        bias -= votes * float(blended.mean())
        return Taste(direction.astype(np.float32), slope, bias)
