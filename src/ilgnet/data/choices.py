"""From choices between two pictures to a strength for each."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.data.rated import RatedSet
from ilgnet.errors import require

PRIOR_STD: Final = 2.0
"""Standard deviation, in logits, of the strengths before any choice is seen; it keeps a picture
that has never lost finite."""


def strengths(rated: RatedSet) -> dict[str, float]:
    """How each picture that was chosen between stands, in logits, mean about 0.

    The difference of two strengths is the log odds that people prefer the one to the other.
    Source: Bradley & Terry, "Rank Analysis of Incomplete Block Designs", 1952, with a normal
    prior.

    Returns:
        id -> strength; empty for a set without choices.
    """
    if not rated.choices:
        return {}
    optimize = require("scipy.optimize", "train", "learning from choices")
    names = sorted({name for choice in rated.choices for name in (choice.better, choice.worse)})
    number = {name: index for index, name in enumerate(names)}
    better = np.array([number[choice.better] for choice in rated.choices])
    worse = np.array([number[choice.worse] for choice in rated.choices])

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        lead = values[better] - values[worse]
        slope = -1.0 / (1.0 + np.exp(lead))
        gradient = values / PRIOR_STD**2
        np.add.at(gradient, better, slope)
        np.subtract.at(gradient, worse, slope)
        prior = np.square(values / PRIOR_STD).sum() / 2
        return float(np.logaddexp(0.0, -lead).sum() + prior), gradient

    found = optimize.minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B")
    return dict(zip(names, found.x.tolist(), strict=True))
