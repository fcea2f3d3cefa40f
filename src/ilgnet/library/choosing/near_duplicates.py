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

from ilgnet.library.choosing.bursts import (
    Group,
    check_features,
    order_best_first,
    row_lengths,
    unit_rows,
    why_best,
)
from ilgnet.library.photograph.photograph import Photograph

Vectors = Sequence[NDArray[np.float32]]
"""N vectors (D,); not copied as a whole, for a large library's fill much of the memory."""

DIMENSIONS: Final = 128
"""A random projection to so many keeps squared distances within an eighth or so (Johnson and
Lindenstrauss 1984), enough to find the nearest, which is then measured exactly."""

TILE: Final = 2048


def find_near_duplicates(photographs: Sequence[Photograph], similarity: float) -> list[Group]:
    """Groups of two photographs and more whose features agree, whenever they were taken.

    Each photograph joins its nearest earlier one, where that is near enough.

    Args:
        photographs: with their features.
        similarity: the least cosine, as the model's record says (`Similarity.duplicate`).

    Raises:
        LibraryError: some have no features.
    """
    check_features(photographs)
    vectors = [photo.features for photo in photographs if photo.features is not None]
    earlier = nearest_earlier(vectors, similarity)
    root = list(range(len(photographs)))
    members: dict[int, list[Photograph]] = defaultdict(list)
    for index, near in enumerate(earlier):
        if near >= 0:
            root[index] = root[near]
        members[root[index]].append(photographs[index])
    return [_describe(group) for group in members.values() if len(group) > 1]


def nearest_earlier(vectors: Vectors, similarity: float) -> NDArray[np.int64]:
    """For each of N vectors (D,) the nearest before it whose cosine is high enough, or -1: (N,)."""
    nearest = np.full(len(vectors), -1)
    if len(vectors) == 0:
        return nearest
    small, lengths = _project(vectors)
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
        others = np.stack([vectors[index] for index in found])
        products = np.einsum("nd,nd->n", np.stack(vectors[start : start + len(rows)]), others)
        exact = products / (lengths[start : start + len(rows)] * lengths[found])
        found[exact < similarity] = -1
    return nearest


def _project(vectors: Vectors) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors in fewer dimensions, of unit length: (N, 128), and their own lengths (N,)."""
    dimensions = len(vectors[0])
    random = np.random.default_rng(0).standard_normal((dimensions, DIMENSIONS))
    directions = np.eye(dimensions) if dimensions <= DIMENSIONS else random
    parts, lengths = [], []
    for start in range(0, len(vectors), TILE):
        rows = np.stack(vectors[start : start + TILE])
        parts.append(unit_rows(rows @ directions.astype(np.float32)))
        lengths.append(row_lengths(rows))
    return np.concatenate(parts), np.concatenate(lengths)


def _describe(photographs: Sequence[Photograph]) -> Group:
    ordered = order_best_first(photographs)
    contents = {photo.sha256 for photo in photographs}
    same = len(contents) == 1 and None not in contents
    what = "files with the very same contents" if same else "pictures that look the same"
    return Group(ordered, f"{len(ordered)} {what}", why_best(ordered))
