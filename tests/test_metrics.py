"""Metrics: cases worked by hand, laws that hold for any numbers, and SciPy as the judge."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ilgnet import metrics

laws = settings(max_examples=40, deadline=None)

# Few distinct values make many ties, which is where rank statistics go wrong.
scores = st.integers(-20, 20).map(lambda k: k / 4)


@st.composite
def pairs(draw: st.DrawFn, least: int = 2) -> tuple[Any, Any]:
    size = draw(st.integers(least, 40))
    return tuple(draw(arrays(np.float64, size, elements=scores)) for _ in range(2))  # type: ignore[return-value]


@st.composite
def classes(draw: st.DrawFn) -> tuple[Any, Any]:
    size = draw(st.integers(2, 40))
    return draw(arrays(np.bool_, size)), draw(arrays(np.float64, size, elements=scores))


def bools(text: str) -> Any:
    return np.array([c == "1" for c in text])


# --- worked by hand ---------------------------------------------------------------------------


def test_always_high_earns_the_majority_rate_and_is_told_apart_from_skill() -> None:
    high = bools("1111000000")
    always_low = np.zeros(10, dtype=bool)
    assert metrics.majority_rate(high) == pytest.approx(0.6)
    assert metrics.accuracy(high, always_low) == pytest.approx(0.6)
    assert metrics.balanced_accuracy(high, always_low) == pytest.approx(0.5)


def test_balanced_accuracy_by_hand() -> None:
    # 3 of 4 high and 1 of 2 low pictures are right.
    assert metrics.balanced_accuracy(bools("111100"), bools("111010")) == pytest.approx(0.625)


def test_auc_by_hand_with_a_tie() -> None:
    # high 3, 2; low 2, 1: pairs 3>2, 3>1, 2=2 (half), 2>1.
    assert metrics.auc(bools("1100"), np.array([3.0, 2.0, 2.0, 1.0])) == pytest.approx(3.5 / 4)


def test_correlations_by_hand() -> None:
    truth, score = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    assert metrics.srcc(truth, score) == pytest.approx(0.8)
    assert metrics.krcc(truth, score) == pytest.approx(0.6)
    assert metrics.plcc(truth, score) == pytest.approx(0.8)
    assert metrics.rmse(truth, score) == pytest.approx(math.sqrt(4 / 5))


def test_emd_by_hand_names_its_exponent() -> None:
    certain_1, certain_3 = np.eye(10)[[0]], np.eye(10)[[2]]
    # The cumulative shares differ by 1 in two of ten places.
    assert metrics.emd(certain_1, certain_3, r=1) == pytest.approx(0.2)
    assert metrics.emd(certain_1, certain_3, r=2) == pytest.approx(math.sqrt(0.2))
    assert metrics.emd(7 * certain_1, certain_3, r=1) == pytest.approx(0.2)  # counts are shares


def test_confusion_leaves_a_band_out_on_the_right_sides() -> None:
    truth = np.array([4.5, 4.6, 5.0, 5.4, 5.5, 5.6])
    assert metrics.outside(truth, 0.5).tolist() == [True, False, False, False, False, True]
    assert metrics.outside(truth, 0.0).all()
    table = metrics.confusion(bools("0011"), bools("0101"))
    assert (table.true_low, table.false_high, table.false_low, table.true_high) == (1, 1, 1, 1)
    assert table.accuracy == table.majority_rate == 0.5


def test_pairs_are_compared_within_groups_only() -> None:
    truth = np.array([1.0, 2, 3, 9, 8, 7, 7])
    score = np.array([1.0, 3, 2, 5, 5, 1, 2])
    groups = np.array(["a", "a", "a", "", "b", "b", "b"])
    # a: 2 of 3 in order. b: 8 against both 7s is right; the two 7s are rated alike, no pair.
    assert metrics.group_pairs(truth, score, groups).tolist() == [[2, 3], [2, 2]]


def test_a_tie_in_the_score_counts_half() -> None:
    counts = metrics.group_pairs(np.array([1.0, 2.0]), np.array([3.0, 3.0]), np.array(["a", "a"]))
    assert counts.tolist() == [[0.5, 1]]


def test_reliability_by_hand() -> None:
    predicted = np.array([0.1, 0.1, 0.9, 0.9])
    table = metrics.reliability(predicted, np.array([0.0, 1, 1, 1]), np.linspace(0, 1, 3))
    low, high = table.bins
    assert (low.images, low.predicted, low.observed) == (2, pytest.approx(0.1), 0.5)
    assert (high.images, high.observed) == (2, 1.0)
    assert table.error == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)


def test_what_the_data_do_not_define_is_nan_and_raises_no_warning() -> None:
    same, one = np.ones(3), bools("111")
    for value in (
        metrics.srcc(same, np.arange(3.0)),
        metrics.plcc(np.arange(3.0), same),
        metrics.krcc(same, same),
        metrics.auc(one, np.arange(3.0)),
        metrics.balanced_accuracy(one, one),
    ):
        assert math.isnan(value)


# --- laws ----------------------------------------------------------------------------------------


@laws
@given(pairs(least=3))
def test_scipy_agrees_ties_included(pair: tuple[Any, Any]) -> None:
    truth, score = pair
    if np.ptp(truth) == 0 or np.ptp(score) == 0:
        return
    assert metrics.plcc(truth, score) == pytest.approx(stats.pearsonr(truth, score)[0], abs=1e-9)
    assert metrics.srcc(truth, score) == pytest.approx(stats.spearmanr(truth, score)[0], abs=1e-9)
    assert metrics.krcc(truth, score) == pytest.approx(stats.kendalltau(truth, score)[0], abs=1e-9)


@laws
@given(classes())
def test_auc_is_the_mann_whitney_statistic(pair: tuple[Any, Any]) -> None:
    high, score = pair
    if high.all() or not high.any():
        return
    u = stats.mannwhitneyu(score[high], score[~high]).statistic
    assert metrics.auc(high, score) == pytest.approx(u / (high.sum() * (~high).sum()))
    false_positive, true_positive = metrics.roc(high, score)
    assert np.trapezoid(true_positive, false_positive) == pytest.approx(metrics.auc(high, score))


@laws
@given(pairs())
def test_places_change_no_rank_statistic(pair: tuple[Any, Any]) -> None:
    truth, score = pair
    there = metrics.dense_ranks(truth), metrics.dense_ranks(score)
    assert metrics.srcc(truth, score) == pytest.approx(metrics.srcc(*there), nan_ok=True)
    assert metrics.krcc(truth, score) == pytest.approx(metrics.krcc(*there), nan_ok=True)
    assert metrics.ranks(there[0]).tolist() == stats.rankdata(truth).tolist()


@laws
@given(pairs())
def test_only_the_order_matters_to_ranks_and_sign_flips(pair: tuple[Any, Any]) -> None:
    truth, score = pair
    for rank_correlation in (metrics.srcc, metrics.krcc):
        value = rank_correlation(truth, score)
        assert rank_correlation(truth, np.exp(score)) == pytest.approx(value, nan_ok=True)
        assert rank_correlation(truth, -score) == pytest.approx(-value, nan_ok=True)
        assert rank_correlation(score, truth) == pytest.approx(value, nan_ok=True)


@laws
@given(classes())
def test_auc_of_reversed_scores_is_the_rest(pair: tuple[Any, Any]) -> None:
    high, score = pair
    assert metrics.auc(high, -score) == pytest.approx(1 - metrics.auc(high, score), nan_ok=True)


votes = arrays(np.float64, (3, 10), elements=st.integers(0, 9).map(float)).filter(
    lambda rows: bool((rows.sum(axis=1) > 0).all())
)


@laws
@given(votes, votes)
def test_emd_is_a_distance_and_a_tenth_of_the_wasserstein_distance(a: Any, b: Any) -> None:
    for r in (1, 2):
        assert metrics.emd(a, a, r=r) == pytest.approx(0)
        assert metrics.emd(a, b, r=r) == pytest.approx(metrics.emd(b, a, r=r))
    places = np.arange(10)
    expected = [stats.wasserstein_distance(places, places, x, y) for x, y in zip(a, b, strict=True)]
    assert metrics.emd(a, b, r=1) == pytest.approx(np.array(expected) / 10)
    assert (metrics.emd(a, b, r=1) <= metrics.emd(a, b, r=2) + 1e-12).all()


@laws
@given(classes())
def test_every_picture_is_in_one_cell_and_in_one_bin(pair: tuple[Any, Any]) -> None:
    high, score = pair
    table = metrics.confusion(high, score > 0)
    assert table.images == high.size
    assert table.accuracy == pytest.approx(metrics.accuracy(high, score > 0))
    bins = metrics.reliability(score, score, np.linspace(-1, 1, 6))
    assert sum(b.images for b in bins.bins) == high.size
    assert bins.error == pytest.approx(0)  # what is predicted is what is seen


# --- intervals -----------------------------------------------------------------------------------


def share(values: Any) -> metrics.Statistics:
    return lambda rows: {"share": float(values[rows].mean())}


def test_the_interval_agrees_with_the_binomial_distribution_and_with_scipy() -> None:
    right = np.arange(2000) % 5 != 0  # 80 % of 2,000, as a `caffe test` of AVA1 counts
    measure = metrics.bootstrap(share(right), 2000, replicates=2000)["share"]
    assert measure.value == 0.8
    low, high = stats.binom(2000, 0.8).ppf([0.025, 0.975]) / 2000
    assert measure.low == pytest.approx(low, abs=0.002)
    assert measure.high == pytest.approx(high, abs=0.002)
    judge = stats.bootstrap((right,), np.mean, n_resamples=2000, method="percentile", rng=1)
    assert measure.low == pytest.approx(judge.confidence_interval.low, abs=0.002)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).random(50)
    first, again, other = (
        metrics.bootstrap(share(values), 50, replicates=100, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_few_units_have_no_interval() -> None:
    measure = metrics.bootstrap(share(np.ones(9)), 9)["share"]
    assert measure.value == 1
    assert math.isnan(measure.low)
