"""From scores to stars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.errors import LibraryError
from ilgnet.library.choosing.stars import DEFAULT_CUTS, StarRule, run_percentiles


@given(st.lists(st.floats(1, 10), min_size=1))
def test_run_percentiles_are_shares_of_lower_scores(scores: list[float]) -> None:
    for score, percentile in zip(scores, run_percentiles(scores), strict=True):
        assert percentile == 100 * sum(other < score for other in scores) / len(scores)


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_is_never_fewer_stars(low: float, high: float) -> None:
    rule = StarRule(reject_below=5)
    low, high = sorted((low, high))
    assert rule.rating(low) <= rule.rating(high)


def test_default_shares() -> None:
    rule = StarRule()
    stars = [rule.rating(p) for p in run_percentiles(range(1000))]  # type: ignore[arg-type]
    assert [stars.count(n) for n in range(6)] == [100, 200, 300, 250, 100, 50]


def test_a_value_on_a_cut_has_its_stars() -> None:
    assert [StarRule().rating(cut) for cut in DEFAULT_CUTS] == [1, 2, 3, 4, 5]
    own = StarRule("score", (4, 5, 5.5, 6, 7), reject_below=3)
    assert [own.rating(score) for score in (2.9, 3, 4, 5.4, 9)] == [-1, 0, 1, 2, 5]


@pytest.mark.parametrize(
    "rule",
    [
        ("run", (10.0, 20.0)),
        ("run", (50.0, 40.0, 60.0, 70.0, 80.0)),
        ("run", (10.0, 30.0, 60.0, 85.0, 101.0)),
        ("score", DEFAULT_CUTS),
        ("run", DEFAULT_CUTS, 200.0),
    ],
)
def test_impossible_cuts_are_refused(rule: tuple[object, ...]) -> None:
    with pytest.raises(LibraryError):
        StarRule(*rule)  # type: ignore[arg-type]
