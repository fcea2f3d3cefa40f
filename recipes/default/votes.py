"""From everybody's scale to AVA's votes.

AVA's histograms are close to Gaussian (Murray et al. 2012): the Gaussian over votes 1..10 with a
histogram's own mean and deviation is on average 0.020 away from it (earth mover's distance over the
40,123 histograms in data/ava). So a picture's opinion is its mean and its spread, each placed on
AVA's scale by its standing among its peers, and turned into votes by that Gaussian.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

AVA_MEAN, AVA_MEAN_DEVIATION = 5.377, 0.734
"""Of the mean votes of AVA's pictures."""
AVA_SPREAD, AVA_SPREAD_DEVIATION = 1.43, 0.20
"""Of the standard deviations of AVA's votes, picture by picture."""
VOTES = np.arange(1, 11, dtype=np.float64)


def standing(values: Array, peers: Array) -> Array:
    """How many deviations of its peers each value is above their mean."""
    return (values - peers.mean()) / peers.std()


def on_ava_scale(standings: Array) -> Array:
    """Mean votes of pictures that stand so many deviations above the mean of their peers."""
    return AVA_MEAN + AVA_MEAN_DEVIATION * standings


def gaussian_votes(mean: Array, spread: Array) -> Array:
    """Means and deviations (N,) -> votes (N, 10) with that mean and deviation, clipped to 1..10.

    The Gaussian's own parameters are moved until the discrete, cut-off distribution has them.
    """
    mean, spread = np.clip(mean, 1.6, 9.4), np.clip(spread, 0.8, 2.4)
    location, scale = mean.copy(), spread.copy()
    for _ in range(30):
        votes = np.exp(-0.5 * np.square((VOTES - location[:, None]) / scale[:, None]))
        votes /= votes.sum(axis=1, keepdims=True)
        now_mean, now_spread = moments(votes)
        location += mean - now_mean
        scale *= np.clip(spread / now_spread, 0.8, 1.25)
    return votes


def moments(votes: Array) -> tuple[Array, Array]:
    """Votes (N, 10) -> means and standard deviations (N,)."""
    mean = votes @ VOTES
    variance = (votes * np.square(VOTES - mean[:, None])).sum(axis=1)
    return mean, np.sqrt(variance)
