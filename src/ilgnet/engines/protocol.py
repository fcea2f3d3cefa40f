"""What scoring needs of a runtime: one method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """What a network returns for a batch of N pictures.

    Attributes:
        probabilities: (N, 10) for votes 1..10, or (N, 2) for low and high; rows sum to 1.
        features: (N, D) pooled features where asked for, else None.
        technical: (N,) as in `Verdict.technical`; None where the network does not tell.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32] | None
    technical: NDArray[np.float32] | None = None


class Engine(Protocol):
    """A network that is ready to run. Safe to call from several threads at once."""

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w)."""
        ...
