"""What of a model's answer is explained, as one number a picture."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ilgnet.engines.protocol import EngineOutput
from ilgnet.errors import ModelError
from ilgnet.images.preprocess import normalise
from ilgnet.scoring import Scorer
from ilgnet.values import VOTES, score_from_probability, technical_votes

Target = Literal["score", "technical", "frame_score"]

TARGETS: Final[dict[Target, str]] = {
    "score": "the mean vote",
    "technical": "what frames of one scene differ by beside their scores",
    "frame_score": "what frames of one scene are ordered by",
}
"""Every target, in words."""

UNITS: Final[dict[Target, str]] = {
    "score": "votes",
    "technical": "standard deviations",
    "frame_score": "votes",
}
"""The unit of every target."""


def target_of(output: EngineOutput, scorer: Scorer, target: Target) -> NDArray[np.float64]:
    """The target (N,) of what a network returned, in its unit (`UNITS`).

    Raises:
        ModelError: this model does not tell it.
    """
    if target != "score" and output.technical is None:
        raise ModelError(
            f"model {scorer.weights.name!r} does not tell {target!r}; explain its 'score'"
        )
    if scorer.weights.output == "votes":
        score = output.probabilities.astype(np.float64) @ VOTES
    else:
        error = scorer.weights.mean_error
        score = np.array(
            [score_from_probability(float(p), error) for p in output.probabilities[:, 1]]
        )
    if target == "score":
        return score
    assert output.technical is not None
    technical = output.technical.astype(np.float64)
    if target == "technical":
        return technical
    worth = np.array([technical_votes(float(value)) for value in technical], np.float64)
    return np.asarray(score + worth)


class Predictor:
    """Asks a model about many versions of a picture, on all its threads.

    Attributes:
        scorer: the model.
        target: what is asked.
    """

    def __init__(self, scorer: Scorer, target: Target = "score") -> None:
        self.scorer = scorer
        self.target = target

    def inputs(self, versions: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """The target (N,) of versions that have the network's size, RGB uint8 (h, w, 3)."""

        def ask(rgb: NDArray[np.uint8]) -> float:
            batch = normalise(rgb, self.scorer.weights.preprocess)[None]
            return float(target_of(self.scorer.engine.run(batch), self.scorer, self.target)[0])

        with ThreadPoolExecutor(self.scorer.threads, thread_name_prefix="ilgnet") as pool:
            return np.array(list(pool.map(ask, versions)), dtype=np.float64)
