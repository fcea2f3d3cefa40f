"""Near-duplicates across a library: copies, edits and second takes that look the same.

A flat index: every picture is compared with every earlier one, tile by tile, in 128 dimensions
first. Memory grows with the number of pictures, not with its square.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.library.choosing.bursts import Group, order_best_first, row_lengths, unit_rows, why_best
from ilgnet.library.photograph.shots import Shot

NEAR_DUPLICATE: Final = 0.92
"""The least cosine of the default model's features."""

DIMENSIONS: Final = 128
"""A random projection to so many keeps squared distances within an eighth or so (Johnson and
Lindenstrauss 1984), enough to find the nearest, which is then measured exactly."""

TILE: Final = 2048


def find_near_duplicates(
    shots: Sequence[Shot], features: NDArray[np.float32], similarity: float
) -> list[Group]:
    """Groups of two shots and more whose features agree, whenever they were taken.

    Each shot joins its nearest earlier one, where that is near enough.

    Args:
        shots: N shots.
        features: float32 (N, D), row by row those of the shots.
        similarity: the least cosine.
    """
    earlier = nearest_earlier(features, similarity)
    root = list(range(len(shots)))
    members: dict[int, list[Shot]] = defaultdict(list)
    for index, near in enumerate(earlier):
        if near >= 0:
            root[index] = root[near]
        members[root[index]].append(shots[index])
    return [_describe(group) for group in members.values() if len(group) > 1]


def nearest_earlier(features: NDArray[np.float32], similarity: float) -> NDArray[np.int64]:
    """For each row the nearest row before it whose cosine is high enough, or -1: (N,)."""
    small, lengths = _project(features), row_lengths(features)
    nearest = np.full(len(small), -1)
    for start in range(0, len(small), TILE):
        rows = small[start : start + TILE]
        best = np.full(len(rows), -np.inf, dtype=np.float32)
        for column in range(0, start + len(rows), TILE):
            cosines = rows @ small[column : column + TILE].T
            if column == start:
                cosines[np.triu_indices(len(rows))] = -np.inf  # only earlier ones
            here = cosines.argmax(axis=1)
            value = cosines[np.arange(len(rows)), here]
            better = value > best
            best[better] = value[better]
            nearest[start : start + len(rows)][better] = column + here[better]
        found = nearest[start : start + len(rows)]
        products = np.einsum("nd,nd->n", features[start : start + len(rows)], features[found])
        exact = products / (lengths[start : start + len(rows)] * lengths[found])
        found[exact < similarity] = -1
    return nearest


def _project(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (N, D) in fewer dimensions, of unit length."""
    if features.shape[1] <= DIMENSIONS:
        return unit_rows(features)
    random = np.random.default_rng(0).standard_normal((features.shape[1], DIMENSIONS))
    return unit_rows(features @ random.astype(np.float32))


def _describe(shots: Sequence[Shot]) -> Group:
    ordered = order_best_first(shots)
    same = len({shot.entry.sha256 for shot in shots}) == 1
    what = "files with the very same contents" if same else "pictures that look the same"
    return Group(ordered, f"{len(ordered)} {what}", why_best(ordered))
