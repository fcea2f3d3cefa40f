"""What is said of a taste that was learnt: values only, so that naming them costs no import."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from ilgnet.engines.taste import Taste
from ilgnet.metrics import FEWEST_UNITS, Measure
from ilgnet.zoo.records import Weights


@dataclass(frozen=True, slots=True)
class Agreement:
    """The share of pairs that are ordered as the person orders them; a tied score is half.

    Attributes:
        share: 0..1 with its 95 % interval over whole groups; one half is what chance gives. Too
            few groups have no interval (`nan`).
        pairs: pairs of pictures with different ratings.
        groups: what was resampled: bursts, or days.
    """

    share: Measure
    pairs: int
    groups: int

    def __str__(self) -> str:
        interval = (
            f"no interval from fewer than {FEWEST_UNITS} groups"
            if isnan(self.share.low)
            else f"95 % interval {self.share.low:.1%} to {self.share.high:.1%}"
        )
        return f"{self.share.value:.1%} of {self.pairs} pairs ({interval})"


@dataclass(frozen=True, slots=True)
class Learnt:
    """A taste and how well it was found to agree with the person.

    Attributes:
        taste: the weight vector on the base model's features, and the blend.
        agreement: of the taste on days that it was not learnt from.
        baseline: of the base model's own score on the same pictures.
        gain: how much larger the first is, with its interval, on the same draws.
        spearman: of the taste; None for choices.
        baseline_spearman: of the base model; None for choices.
        blend: the share of the weight vector, 0..1; the rest is the base model's score.
        penalty: the penalty.
        pictures: learnt from.
        groups: days, or outings of a day, that were held out in turn.
    """

    taste: Taste
    agreement: Agreement
    baseline: Agreement
    gain: Measure
    spearman: float | None
    baseline_spearman: float | None
    blend: float
    penalty: float
    pictures: int
    groups: int


@dataclass(frozen=True, slots=True)
class TasteLearnt:
    """A taste that was learnt and saved.

    Attributes:
        weights: its record.
        key: the name by which it is kept; `ilgnet.load(key)` scores with it.
        figures: how often it agrees with the person, measured on days that it has not seen.
        left_out: what was said of pictures that are not there, and what could not be read.
    """

    weights: Weights
    key: str
    figures: Learnt
    left_out: tuple[str, ...]
