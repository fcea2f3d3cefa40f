"""The vocabulary of the package: plain immutable values, no behaviour beyond arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from statistics import NormalDist
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

VOTES: Final = np.arange(1, 11, dtype=np.float64)
"""The values a vote can take on AVA's scale, 1 (worst) to 10 (best)."""

HIGH_ABOVE: Final = 5.0
"""A picture is of high aesthetic quality when its mean vote is greater than this (AVA, delta 0)."""

ImageSource: TypeAlias = (
    str
    | PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | Callable[[], bytes]
    | NDArray[np.uint8]
    | Image
)
"""What can be scored: a path, encoded bytes, a function that returns them, RGB uint8 (H, W, 3) or
grey (H, W), or a `PIL.Image.Image`."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One picture to score: how it is named in the output, and where its bytes come from."""

    id: str
    source: ImageSource


@dataclass(frozen=True, slots=True)
class ScoreDistribution:
    """A distribution over votes 1..10.

    Attributes:
        votes: ten probabilities that sum to 1, index 0 is vote 1.
    """

    votes: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The mean vote, 1..10."""
        return float(self.votes @ VOTES)

    @property
    def std(self) -> float:
        """The standard deviation of the votes (how much people would disagree), 0..4.5."""
        return math.sqrt(max(0.0, float(self.votes @ np.square(VOTES - self.mean))))


def probability_high(score: float, mean_error: float) -> float:
    """The probability that the true mean vote exceeds 5, given the model's score.

    Args:
        score: predicted mean vote, 1..10.
        mean_error: standard deviation of the model's error on the mean vote, measured on pictures
            that it was not trained on; part of the model's record.
    """
    return NormalDist(HIGH_ABOVE, mean_error).cdf(score)


def score_from_probability(p_high: float, mean_error: float) -> float:
    """The mean vote that `probability_high` would map to `p_high`; for two-class networks.

    Clipped to 1..10, so a saturated softmax stays finite.
    """
    bounded = min(max(p_high, 1e-12), 1.0 - 1e-12)
    return min(max(NormalDist(HIGH_ABOVE, mean_error).inv_cdf(bounded), 1.0), 10.0)


TECHNICAL_VOTES: Final = 1.5
"""Votes between frames of one scene for each standard deviation between their `technical`."""

MOST_TECHNICAL: Final = 5.0
"""Votes that `technical` adds or takes at most; see docs/decisions/0090-technical-is-bounded.md."""


def technical_votes(technical: float) -> float:
    """What `technical` is worth between frames of one scene, in votes.

    Near 0 it grows by TECHNICAL_VOTES a standard deviation; it never reaches MOST_TECHNICAL.
    """
    return MOST_TECHNICAL * math.tanh(TECHNICAL_VOTES * technical / MOST_TECHNICAL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of one picture.

    Attributes:
        path: the picture's id: its path as given, or the caller's name for it.
        score: mean vote, 1 (worst) to 10 (best), on AVA's scale.
        std: standard deviation of the votes; None for a two-class network.
        p_high: probability that the mean vote exceeds 5.
        percentile: share of AVA's pictures whose mean vote is lower, 0..100.
        votes: ten probabilities for votes 1..10; None for a two-class network.
        width: of the upright picture in pixels.
        height: of the upright picture in pixels.
        model: name of the weights.
        preprocess: fingerprint of the preprocessing (`Preprocess.fingerprint`).
        run_percentile: share of this run's scored pictures with a lower score, 0..100; None while
            the run is not finished.
        features: pooled features (D,) float32 where asked for, else None; never exported.
        technical: what frames of one scene differ by beside their scores, in standard deviations
            over ordinary photographs, whose mean is 0; a blurred, noisy, badly exposed, tilted or
            badly framed one is below. What is no photograph may lie ten below. Says little across
            scenes. None where the model does not tell.
        look: `ilgnet.images.perceptual_hash` where asked for (`Scorer.looks`), else None; None too
            for a picture without features, such as a plain wall.
    """

    path: str
    score: float
    std: float | None
    p_high: float
    percentile: float
    votes: tuple[float, ...] | None
    width: int
    height: int
    model: str
    preprocess: str
    run_percentile: float | None = None
    features: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    technical: float | None = None
    look: bytes | None = field(default=None, repr=False)

    @property
    def frame_score(self) -> float:
        """What frames of one scene are ordered by: the score and `technical_votes`, in votes.

        It lies between -4 and 15, less than MOST_TECHNICAL from the score.
        """
        return self.score + (0.0 if self.technical is None else technical_votes(self.technical))

    @property
    def verdict(self) -> Literal["high", "low"]:
        """High when the mean vote exceeds 5."""
        return "high" if self.score > HIGH_ABOVE else "low"


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be scored.

    Attributes:
        path: the picture's id.
        code: a key of `ilgnet.errors.FAILURE_CODES`.
        message: what happened, for people.
    """

    path: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What is worse in one frame of a scene than in another, as far as it was measured.

    Attributes:
        reading: what was measured: the name of an attribute of `ilgnet.explanation`, as
            "subject_blur", or "face_detail" or "eyes_open" of a face.
        frame: the reading of the worse frame.
        best: that of the better one.
        unit: of both; "" where they have none.
        words: the difference for people, as "softer: 0.6 px".
    """

    reading: str
    frame: float
    best: float
    unit: str
    words: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to what they are good for."""
        return {
            "reading": self.reading,
            "frame": round(self.frame, 3),
            "best": round(self.best, 3),
            "unit": self.unit,
            "words": self.words,
        }


Outcome = Verdict | Failure
"""What scoring yields, one for every picture, in input order."""
