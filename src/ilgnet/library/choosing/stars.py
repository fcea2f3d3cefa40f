"""From scores to stars: where the cuts are. No file is looked at or touched."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.opinion import REJECTED
from ilgnet.library.photograph.photograph import Photograph

DEFAULT_CUTS: Final = (10.0, 30.0, 60.0, 85.0, 95.0)
"""Percentiles from which a picture has 1, 2, 3, 4 and 5 stars: 5% have five, 10% four."""

FEWEST_FOR_RANKS: Final = 20
"""Among fewer photographs than these not even one is in the best five per cent."""

StarScale = Literal["run", "ava", "score"]


@dataclass(frozen=True, slots=True)
class StarRule:
    """How many stars a score is worth.

    Attributes:
        by: "run": the share of this run's pictures with a lower score, 0..100; "ava": the share of
            AVA's pictures; "score": the score itself, 1..10; None: "run", or "ava" where there are
            fewer than `FEWEST_FOR_RANKS`.
        cuts: five rising values on that scale, from which a picture has 1, 2, 3, 4, 5 stars.
        reject_below: below this value on that scale a picture is rejected; None rejects nothing.
    """

    by: StarScale | None = None
    cuts: tuple[float, ...] = DEFAULT_CUTS
    reject_below: float | None = None

    def __post_init__(self) -> None:
        low, high = (1.0, 10.0) if self.by == "score" else (0.0, 100.0)
        limits = [self.reject_below] if self.reject_below is not None else []
        if len(self.cuts) != 5 or list(self.cuts) != sorted(self.cuts):
            raise LibraryError(f"five rising cuts are needed, for 1 to 5 stars, not {self.cuts}")
        if not all(low <= value <= high for value in (*self.cuts, *limits)):
            raise LibraryError(
                f"cuts by {self.by or 'percentile'} are {low:g} to {high:g}, not {self.cuts}"
            )

    def rating(self, value: float) -> int:
        """Stars 0..5, or -1, for a value on the rule's scale."""
        if self.reject_below is not None and value < self.reject_below:
            return REJECTED
        return bisect_right(self.cuts, value)

    def scale(self, count: int) -> StarScale:
        """The scale for so many photographs."""
        return self.by or ("ava" if count < FEWEST_FOR_RANKS else "run")


def give_stars(photographs: Sequence[Photograph], rule: StarRule) -> list[int]:
    """Stars 0..5, or -1, for each photograph, whatever the person gave it."""
    scale = rule.scale(len(photographs))
    if scale == "run":
        values = run_percentiles([photo.score for photo in photographs])
    elif scale == "ava":
        values = [photo.verdict.percentile for photo in photographs]
    else:
        values = [photo.score for photo in photographs]
    return [rule.rating(value) for value in values]


def run_percentiles(scores: Sequence[float]) -> list[float]:
    """For each score, the share of the scores that are lower, 0..100."""
    ordered = sorted(scores)
    return [100.0 * bisect_left(ordered, score) / len(ordered) for score in scores]
