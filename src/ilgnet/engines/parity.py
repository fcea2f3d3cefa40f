"""Do two engines say the same of the same pictures?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import ModelError
from ilgnet.images.preprocess import Preprocess, prepare

TOLERANCE: Final = 1e-4
"""Largest difference between probabilities that is still the same."""

RELATIVE: Final = 1e-3
"""Of every other output, as a share of its largest value: what float32 leaves of a deep network."""

BATCHES: Final = (1, 3, 8)


class Comparable(Protocol):
    """An engine that can return everything that its network says, by name."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of everything that it can return."""
        ...

    def fetch(self, names: list[str], batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run a batch float32 (N, 3, h, w) and return the named outputs."""
        ...


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two engines are apart.

    Attributes:
        differences: of every output, by name: the largest difference between probabilities; of the
            others the largest as a share of the largest value.
        pictures: how many were compared.
    """

    differences: dict[str, float]
    pictures: int

    def check(self) -> None:
        """Raise an error where an output is further apart than TOLERANCE or RELATIVE."""
        for name, found in self.differences.items():
            allowed = TOLERANCE if name == "probabilities" else RELATIVE
            if not found <= allowed:
                raise ModelError(
                    f"the engines disagree: {name} differs by {found:.2g}, more than {allowed:g}"
                )

    def __str__(self) -> str:
        """In words, for people."""
        said = [
            f"{name} by at most {found:.1e}"
            + ("" if name == "probabilities" else " of the largest")
            for name, found in self.differences.items()
            if not name.startswith(TAP)
        ]
        taps = [found for name, found in self.differences.items() if name.startswith(TAP)]
        if taps:
            said.append(f"feature maps by {max(taps):.1e} of the largest")
        return ", ".join(said)


TAP: Final = "tap:"
"""How the names of feature maps begin."""


def compare(
    one: Comparable, other: Comparable, preprocess: Preprocess, *, batches: Sequence[int] = BATCHES
) -> Parity:
    """Run both engines on generated pictures, in batches of several sizes, and compare all outputs.

    The pictures are coloured noise of every coarseness, so that no layer sees only flat input.
    Those of one batch have one shape; where the preprocessing keeps the aspect, batches differ.

    Raises:
        ModelError: one of them has an output that the other lacks, or of another shape.
    """
    missing = set(one.output_names) ^ set(other.output_names)
    if missing:
        raise ModelError(f"only one of the two has the output {', '.join(sorted(missing))}")
    names = list(one.output_names)
    differences = dict.fromkeys(names, 0.0)
    for index, size in enumerate(batches):
        shape = [(300, 300), (300, 400), (400, 300)][index % 3]
        pictures = [_picture(100 * index + number, *shape) for number in range(size)]
        batch = np.stack([prepare(picture, preprocess) for picture in pictures])
        for name, ours, theirs in zip(
            names, one.fetch(names, batch), other.fetch(names, batch), strict=True
        ):
            if ours.shape != theirs.shape:
                raise ModelError(f"{name} has the shape {ours.shape} in one, {theirs.shape} in two")
            scale = 1.0 if name == "probabilities" else max(float(np.abs(ours).max()), 1e-12)
            found = float(np.abs(ours - theirs).max()) / scale
            # A NaN is no agreement, and `max` would lose it.
            differences[name] = found if not found <= differences[name] else differences[name]
    return Parity(differences, sum(batches))


def _picture(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cell in (2, 8, 32, 128):
        coarse = random.normal(size=(height // cell + 1, width // cell + 1, 3))
        total += coarse.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width]
    return np.clip(127 + 45 * total, 0, 255).astype(np.uint8)
