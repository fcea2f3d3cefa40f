"""Do two engines say the same of the same pictures?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ilgnet.engines.protocol import Engine
from ilgnet.errors import ModelError
from ilgnet.images.preprocess import Preprocess, prepare

TOLERANCE: Final = 1e-4
"""Largest difference between probabilities that is still the same."""

BATCHES: Final = (1, 3, 8)


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two engines are apart.

    Attributes:
        probabilities: the largest difference between probabilities.
        features: the largest difference between features, as a share of the largest feature.
        pictures: how many were compared.
    """

    probabilities: float
    features: float
    pictures: int

    def check(self) -> None:
        """Raise an error where the probabilities are further apart than TOLERANCE."""
        if not self.probabilities <= TOLERANCE:
            raise ModelError(
                f"the engines disagree: probabilities differ by {self.probabilities:.2g}, "
                f"more than {TOLERANCE:g}"
            )


def compare(
    one: Engine, other: Engine, preprocess: Preprocess, *, batches: Sequence[int] = BATCHES
) -> Parity:
    """Run both engines on generated pictures, in batches of several sizes.

    The pictures are coloured noise of every coarseness, so that no layer sees only flat input.
    Those of one batch have one shape; where the preprocessing keeps the aspect, batches differ.
    """
    apart: list[tuple[float, float]] = []
    for index, size in enumerate(batches):
        shape = [(300, 300), (300, 400), (400, 300)][index % 3]
        pictures = [_picture(100 * index + number, *shape) for number in range(size)]
        batch = np.stack([prepare(picture, preprocess) for picture in pictures])
        ours, theirs = (engine.run(batch, features=True) for engine in (one, other))
        assert ours.features is not None
        assert theirs.features is not None
        scale = max(float(np.abs(ours.features).max()), 1e-12)
        features = float(np.abs(ours.features - theirs.features).max()) / scale
        apart.append((float(np.abs(ours.probabilities - theirs.probabilities).max()), features))
    probabilities, features = (float(worst) for worst in np.max(apart, axis=0))
    return Parity(probabilities, features, sum(batches))


def _picture(seed: int, height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cell in (2, 8, 32, 128):
        coarse = random.normal(size=(height // cell + 1, width // cell + 1, 3))
        total += coarse.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width]
    return np.clip(127 + 45 * total, 0, 255).astype(np.uint8)
