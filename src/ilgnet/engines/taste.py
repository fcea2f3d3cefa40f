"""A person's taste on top of another model: the same network, its votes moved to a new mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.engines.protocol import Engine, EngineOutput
from ilgnet.errors import ModelError, in_words
from ilgnet.values import VOTES, probability_high, score_from_probability

LOWEST_MEAN: Final = 1.05
HIGHEST_MEAN: Final = 9.95
_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Taste:
    """A linear opinion: mean vote = bias + baseline * the base's mean vote + features @ direction.

    Attributes:
        direction: float32 (D,), votes a unit of each feature of the base model.
        baseline: how much of the base's own score is blended in.
        bias: in votes.
    """

    direction: NDArray[np.float32]
    baseline: float
    bias: float

    def means(
        self, features: NDArray[np.float32], baseline: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Mean votes (N,) from features (N, D) and the base's mean votes (N,)."""
        means: NDArray[np.float64] = (
            self.bias + self.baseline * baseline + features @ self.direction
        )
        return np.clip(means, LOWEST_MEAN, HIGHEST_MEAN)


class TasteEngine:
    """Runs the base model and moves its votes to where the taste wants their mean."""

    def __init__(self, base: Engine, taste: Taste, mean_error: float) -> None:
        self.base = base
        self.taste = taste
        self.mean_error = mean_error

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w)."""
        return self.moved(self.base.run(batch, features=True))

    def moved(self, output: EngineOutput) -> EngineOutput:
        """What the taste makes of the base model's output, which has the features.

        Raises:
            ModelError: the features are not those that the taste was learnt on.
        """
        vectors = output.features
        assert vectors is not None
        if vectors.shape[1] != len(self.taste.direction):
            raise ModelError(
                f"this taste was learnt on {len(self.taste.direction)} features, the base model "
                f"has {vectors.shape[1]}. Learn it again with: ilgnet taste learn"
            )
        moved = self._moved(output.probabilities, vectors)
        return EngineOutput(moved, vectors, output.technical)

    def _moved(
        self, probabilities: NDArray[np.float32], features: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if probabilities.shape[1] == len(VOTES):
            votes = probabilities.astype(np.float64)
            return tilt(votes, self.taste.means(features, votes @ VOTES)).astype(np.float32)
        base = [score_from_probability(float(p), self.mean_error) for p in probabilities[:, 1]]
        means = self.taste.means(features, np.array(base))
        high = np.array([probability_high(mean, self.mean_error) for mean in means])
        return np.stack([1.0 - high, high], axis=1).astype(np.float32)


def tilt(votes: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distributions (N, 10) nearest to `votes` (N, 10) that have given means (N,).

    Nearest in the Kullback-Leibler sense: each vote v is weighted by exp(t v), with t found by
    bisection (Csiszar 1975, I-projection on a linear family).
    """
    logits = np.log(np.maximum(votes, 1e-12))
    low, high = np.full(len(votes), -50.0), np.full(len(votes), 50.0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = _weighted(logits, middle) @ VOTES > means
        high[above], low[~above] = middle[above], middle[~above]
    return _weighted(logits, (low + high) / 2)


def _weighted(logits: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    exponents = logits + t[:, None] * VOTES
    weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))
    distribution: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return distribution


def write_taste(taste: Taste, path: Path) -> None:
    """Write a taste as a small npz file; `stock` there is the share of the base's own score."""
    with path.open("wb") as stream:
        np.savez(stream, direction=taste.direction, stock=taste.baseline, bias=taste.bias)


def read_taste(path: Path) -> Taste:
    """Read what `write_taste` wrote; nothing in the file is executed.

    Raises:
        ModelError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            direction = arrays["direction"].astype(np.float32)
            return Taste(direction, float(arrays["stock"]), float(arrays["bias"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is not a taste ({in_words(error)}). Learn it again with: ilgnet taste learn"
        ) from error
