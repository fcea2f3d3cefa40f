"""A planted taste is learnt, noise is refused, and bursts do not leak."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ilgnet.engines.taste import Taste, tilt
from ilgnet.errors import LibraryError
from ilgnet.taste.learn import Comparisons, Ratings, _principal, learn
from ilgnet.values import VOTES

PICTURES, FEATURES, DAYS = 300, 40, 20
Made = tuple[NDArray[np.float32], NDArray[np.float64], list[str]]


def made(seed: int = 0) -> Made:
    """Features, base models that follow the first feature, and days."""
    random = np.random.default_rng(seed)
    features = np.maximum(random.standard_normal((PICTURES, FEATURES)) + 0.5, 0).astype(np.float32)
    baseline = 5.4 + 0.7 * features[:, 0] + 0.1 * random.standard_normal(PICTURES)
    return features, baseline, [f"day {i % DAYS:02d}" for i in range(PICTURES)]


def stars(values: NDArray[np.float64]) -> Ratings:
    """One to five stars, a fifth of the pictures each."""
    return Ratings(np.digitize(values, np.quantile(values, [0.2, 0.4, 0.6, 0.8])) + 1.0)


def planted(features: NDArray[np.float32], noise: float, seed: int = 1) -> NDArray[np.float64]:
    """Someone who likes the third feature and dislikes the fourth."""
    random = np.random.default_rng(seed)
    return features[:, 2] - features[:, 3] + noise * random.standard_normal(len(features))


def is_learnt(
    features: NDArray[np.float32],
    baseline: NDArray[np.float64],
    opinions: Ratings | Comparisons,
    days: list[str],
) -> bool:
    try:
        learn(features, baseline, opinions, days)
    except LibraryError as error:
        return "Nothing was saved" not in str(error)
    return True


def test_a_planted_taste_is_learnt_far_better_than_the_base_model() -> None:
    features, baseline, days = made()
    learnt = learn(features, baseline, stars(planted(features, 0.3)), days)
    assert learnt.agreement.share.low > 0.8
    assert abs(learnt.baseline.share.value - 0.5) < 0.06
    assert learnt.blend >= 0.75
    assert learnt.spearman is not None
    assert learnt.spearman > 0.75
    # And it is the planted one: on new pictures it orders as the person would.
    fresh, fresh_base, _ = made(seed=7)
    scores = learnt.taste.means(fresh, fresh_base)
    assert stars(planted(fresh, 0.0)).share(scores, np.ones(PICTURES, bool)) > 0.85


def test_a_taste_is_learnt_from_choices() -> None:
    features, baseline, days = made()
    liked = planted(features, 0.3)
    drawn = np.random.default_rng(5).integers(0, PICTURES, (400, 2))
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    better = liked[drawn[:, 0]] > liked[drawn[:, 1]]
    winners = np.where(better, drawn[:, 0], drawn[:, 1])
    losers = np.where(better, drawn[:, 1], drawn[:, 0])
    learnt = learn(features, baseline, Comparisons(winners, losers), days)
    assert learnt.agreement.share.low > 0.75
    assert learnt.agreement.pairs == len(drawn)
    assert learnt.spearman is None


@pytest.mark.parametrize("kind", ["stars", "choices"])
def test_random_labels_are_refused(kind: str) -> None:
    """A 95 % interval lets chance through once in forty times."""
    features, baseline, days = made()
    passed = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        opinions: Ratings | Comparisons = Ratings(random.integers(1, 6, PICTURES).astype(float))
        if kind == "choices":
            winners, losers = random.integers(0, PICTURES, (2, 150))
            opinions = Comparisons(winners[winners != losers], losers[winners != losers])
        passed += is_learnt(features, baseline, opinions, days)
    assert passed <= 2


def test_bursts_do_not_leak() -> None:
    """Frames of a burst have one rating and like features; there is nothing else to learn."""
    random = np.random.default_rng(0)
    scenes = random.standard_normal((60, FEATURES))
    features = np.repeat(scenes, 5, axis=0) + 0.02 * random.standard_normal((300, FEATURES))
    ratings = Ratings(np.repeat(random.integers(1, 6, 60), 5).astype(float))
    baseline = 5.4 + 0.5 * random.standard_normal(300)
    days = [f"day {i // 5}" for i in range(300)]
    with pytest.raises(LibraryError, match="no signal"):
        learn(features.astype(np.float32), baseline, ratings, days)
    # A check that forgets about bursts finds a fine agreement; even then, the same is found
    # when the pictures are mixed up burst by burst.
    with pytest.raises(LibraryError, match=r"agrees with you in 7\d\.\d% of pairs; .* tries did"):
        learn(features.astype(np.float32), baseline, ratings, [str(i) for i in range(300)])


def test_who_agrees_with_the_base_model_needs_no_taste() -> None:
    features, baseline, days = made()
    random = np.random.default_rng(0)
    follower = stars(baseline + 0.02 * random.standard_normal(PICTURES))
    # The first feature alone says less than the base model, so no share of a line helps.
    with pytest.raises(LibraryError, match="does not know"):
        learn(features[:, 20:], baseline, follower, days)


def test_a_blend_is_chosen_where_both_know_something() -> None:
    features, baseline, days = made()
    both = planted(features, 0.1) + 2.0 * (baseline - baseline.mean())
    learnt = learn(features[:, 1:], baseline, stars(both), days)
    assert 0 < learnt.blend < 1
    assert learnt.agreement.share.low > learnt.baseline.share.high


def test_scores_stay_on_the_scale_of_the_base_model() -> None:
    features, baseline, days = made()
    learnt = learn(features, baseline, stars(planted(features, 0.3)), days)
    scores = learnt.taste.means(features, baseline)
    assert scores.mean() == pytest.approx(baseline.mean(), abs=0.02)
    assert scores.std() == pytest.approx(baseline.std(), abs=0.02)


@pytest.mark.parametrize(
    ("opinions", "days", "message"),
    [
        (Ratings(np.ones(49)), 20, "too few to learn from; at least 50"),
        (Ratings(np.r_[np.ones(93), np.full(7, 5.0)]), 20, "nearly all of the 100"),
        (Ratings(np.tile([1.0, 5.0], 50)), 9, "come from 9 days or outings; at least 10"),
        (Comparisons(np.zeros(49, int), np.ones(49, int)), 20, "49 choices are too few"),
        (Ratings(np.array([])), 0, "0 rated pictures are too few"),
    ],
)
def test_too_little_is_refused_with_what_is_missing(
    opinions: Ratings | Comparisons, days: int, message: str
) -> None:
    count = len(opinions.ratings) if isinstance(opinions, Ratings) else 100
    features = np.random.default_rng(0).standard_normal((count, 8)).astype(np.float32)
    groups = [str(i % max(days, 1)) for i in range(count)]
    with pytest.raises(LibraryError, match=message):
        learn(features, np.zeros(count), opinions, groups)


def test_features_that_are_all_alike_are_refused() -> None:
    ratings = Ratings(np.tile([1.0, 5.0], 50))
    with pytest.raises(LibraryError, match="same features"):
        learn(np.ones((100, 8), np.float32), np.ones(100), ratings, [str(i) for i in range(100)])


def test_learning_is_repeatable() -> None:
    features, baseline, days = made()
    opinions = stars(planted(features, 0.3))
    one, two = (learn(features, baseline, opinions, days) for _ in range(2))
    np.testing.assert_array_equal(one.taste.direction, two.taste.direction)
    assert one.agreement == two.agreement


def test_share_counts_pairs_as_a_double_loop_does() -> None:
    random = np.random.default_rng(2)
    ratings, scores = random.integers(0, 4, 40).astype(float), random.integers(0, 9, 40) / 2
    right = [
        1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0
        for i in range(40)
        for j in range(40)
        if ratings[i] > ratings[j]
    ]
    assert Ratings(ratings).share(scores, np.ones(40, bool)) == pytest.approx(np.mean(right))


def test_tilted_votes_have_the_mean_and_stay_a_distribution() -> None:
    random = np.random.default_rng(0)
    votes = random.dirichlet(np.ones(10), 50)
    means = random.uniform(1.1, 9.9, 50)
    tilted = tilt(votes, means)
    np.testing.assert_allclose(tilted.sum(axis=1), 1.0)
    np.testing.assert_allclose(tilted @ VOTES, means, atol=1e-6)
    np.testing.assert_allclose(tilt(votes, votes @ VOTES), votes, atol=1e-6)
    # Nearest in the Kullback-Leibler sense: farther along any other line of the same mean.
    step = np.zeros(10)
    step[[1, 2, 3]] = 1e-4, -2e-4, 1e-4
    ours = np.sum(tilted[0] * np.log(tilted[0] / votes[0]))
    for other in (tilted[0] + step, tilted[0] - step):
        assert np.sum(other * np.log(other / votes[0])) > ours


def test_impossible_means_are_clipped() -> None:
    taste = Taste(np.array([100.0], np.float32), 0.0, 5.0)
    features = np.array([[1.0], [-1.0]], np.float32)
    assert taste.means(features, np.zeros(2)).tolist() == [9.95, 1.05]


def test_the_directions_of_many_rows_are_those_of_few() -> None:
    """More rows than features go another way to the same space."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((60, 20)) * np.geomspace(1, 1e-3, 20)
    lengths, directions = _principal(rows)
    few = np.linalg.svd(rows, full_matrices=False)
    np.testing.assert_allclose(lengths, few.S, rtol=1e-6)
    np.testing.assert_allclose(np.abs(directions @ few.Vh.T), np.eye(20), atol=1e-6)
