"""From anybody's rating scale to AVA's 1..10.

The mapping is affine: the lowest vote becomes 1, the highest 10. Order, and with it every rank
statistic, is kept; so is linear correlation. What is high or low (above 5), the root mean square
error and the earth mover's distance do depend on the mapping, so results name the scale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ilgnet.errors import DataError


@dataclass(frozen=True, slots=True)
class Scale:
    """A rating scale from its worst value to its best."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise DataError(
                f"a scale runs from its worst to its best value, as in 1..7, not {self}"
            )

    @classmethod
    def parse(cls, text: str) -> Scale:
        """Read "1..7" or "0..100"."""
        match = re.fullmatch(r"\s*(-?[\d.]+?)\s*\.\.\s*(-?[\d.]+)\s*", text)
        try:
            if match:
                return cls(float(match[1]), float(match[2]))
        except ValueError:
            pass
        raise DataError(f"a scale is written as its worst and best value, as in 1..7, not {text!r}")

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def to_ten(self, value: float) -> float:
        """A value on this scale as a vote on 1..10."""
        return 1.0 + 9.0 * (value - self.low) / (self.high - self.low)


AVA_SCALE = Scale(1, 10)
STARS = Scale(1, 5)


def votes_to_ten(counts: Sequence[float]) -> tuple[float, ...]:
    """Counts of evenly spaced votes as counts of the votes 1..10.

    A value that falls between two whole votes is shared between both, so that the mean vote is
    kept exactly (the spread widens by at most a quarter of a squared vote).

    Args:
        counts: how many gave the worst value, the next, ... the best; two or more.
    """
    if len(counts) == 10:
        return tuple(counts)
    places = np.linspace(0.0, 9.0, len(counts))
    lower = np.minimum(np.floor(places).astype(int), 8)
    upper_share = places - lower
    votes = np.zeros(10)
    np.add.at(votes, lower, np.asarray(counts) * (1.0 - upper_share))
    np.add.at(votes, lower + 1, np.asarray(counts) * upper_share)
    return tuple(votes.tolist())


def mean_of_votes(votes: Sequence[float]) -> float:
    """The mean vote, 1..10, of counts of the votes 1..10."""
    return sum(k * count for k, count in enumerate(votes, 1)) / sum(votes)
