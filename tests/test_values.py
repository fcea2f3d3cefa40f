"""Arithmetic on votes and scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.values import (
    MOST_TECHNICAL,
    TECHNICAL_VOTES,
    ScoreDistribution,
    probability_high,
    score_from_probability,
    technical_votes,
)
from ilgnet.zoo.ava_scale import ava_percentile


def test_mean_and_deviation_by_hand() -> None:
    votes = np.zeros(10)
    votes[2], votes[6] = 0.25, 0.75
    distribution = ScoreDistribution(votes)
    assert distribution.mean == pytest.approx(0.25 * 3 + 0.75 * 7)
    assert distribution.std == pytest.approx(np.sqrt(0.25 * 3**2 + 0.75 * 1**2))


@given(st.floats(1.5, 9.5), st.floats(0.2, 1.5))
def test_probability_and_score_are_inverse(score: float, error: float) -> None:
    p_high = probability_high(score, error)
    assert (p_high > 0.5) == (score > 5) or score == pytest.approx(5)
    if 1e-9 < p_high < 1 - 1e-9:
        assert score_from_probability(p_high, error) == pytest.approx(score, abs=1e-4)


def test_a_saturated_probability_stays_on_the_scale() -> None:
    assert score_from_probability(1.0, 2.0) == 10.0
    assert score_from_probability(0.0, 2.0) == 1.0


@given(st.floats(1, 10), st.floats(1, 10))
def test_percentiles_rise_with_the_score(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= ava_percentile(low) <= ava_percentile(high) <= 100


def test_percentiles_are_avas() -> None:
    # 29.7 % of AVA's random sample have a mean of 5 or less; the median is about 5.4.
    assert ava_percentile(5.0) == pytest.approx(29.7, abs=1.0)
    assert ava_percentile(5.377) == pytest.approx(49, abs=2)
    assert ava_percentile(1.0) == 0
    assert ava_percentile(10.0) == 100


@pytest.mark.parametrize("technical", [-1e6, -12.0, -1.0, 0.0, 0.3, 5.0, 1e6])
def test_technical_never_outweighs_everything(technical: float) -> None:
    worth = technical_votes(technical)
    assert abs(worth) <= MOST_TECHNICAL
    assert math.copysign(1.0, worth) == math.copysign(1.0, technical)
    assert technical_votes(technical + 0.1) >= worth, "the order of frames is kept"
    assert technical_votes(0.01) == pytest.approx(0.01 * TECHNICAL_VOTES, rel=1e-3)
