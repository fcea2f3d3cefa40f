"""Which pictures look the same, among very many: hashes that share some of their bits are compared.

Comparing all with all is what `ilgnet.images.perceptual_hash` does, for thousands. Here each hash
is filed under a few of its bits, in TABLES different ways, and only those under one heading are
compared. Two hashes that differ in d of BITS bits are found with the probability
1 - (1 - (1 - d/BITS)^k)^TABLES, k being the bits of a heading, about log2 of how many there are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.images.perceptual_hash import BITS, SAME

TABLES: Final = 16

FEWEST: Final = 16
MOST: Final = 40
"""Bits of a heading: about as many as number the hashes, so that few share one by chance."""

NEIGHBOURS: Final = 64
"""Under one heading each is compared with so many before it: a heading may be a plain wall's."""

BYTES: Final = BITS // 8


def first_alike(hashes: NDArray[np.uint8], *, differ: int = SAME) -> NDArray[np.int64]:
    """For each of N hashes the row of the first found that looks the same, or its own.

    Takes 32 bytes a hash for the hashes and about 40 while it works.

    Args:
        hashes: uint8 (N, 32).
        differ: hashes of one picture differ in fewer bits than this.
    """
    words = _words(hashes)
    first = np.arange(len(words))
    for places in _tables(len(words)):
        headings = _headings(hashes, places)
        order = np.argsort(headings, kind="stable")
        filed = headings[order]
        for back in range(1, NEIGHBOURS + 1):
            rows = np.flatnonzero(filed[back:] == filed[:-back]) + back
            if not len(rows):
                break
            later, earlier = order[rows], order[rows - back]
            same = _apart(words[later], words[earlier]) < differ
            np.minimum.at(first, later[same], earlier[same])
    return first


class Looks:
    """Hashes to look others up in.

    Args:
        hashes: uint8 (M, 32).
    """

    def __init__(self, hashes: NDArray[np.uint8]) -> None:
        self._words = _words(hashes)
        self._filed = []
        for places in _tables(len(hashes)):
            headings = _headings(hashes, places)
            order = np.argsort(headings, kind="stable")
            self._filed.append((places, headings[order], order))

    def __len__(self) -> int:
        return len(self._words)

    def hold(self, hashes: NDArray[np.uint8], *, differ: int = SAME) -> NDArray[np.bool_]:
        """For each of N hashes (N, 32) whether one that looks the same is among these: (N,)."""
        words = _words(hashes)
        found = np.zeros(len(words), bool)
        for places, filed, order in self._filed:
            headings = _headings(hashes, places)
            begin, end = np.searchsorted(filed, headings), np.searchsorted(filed, headings, "right")
            for step in range(min(NEIGHBOURS, int((end - begin).max(initial=0)))):
                rows = np.flatnonzero(~found & (begin + step < end))
                other = self._words[order[begin[rows] + step]]
                found[rows] = _apart(words[rows], other) < differ
        return found


def _tables(count: int) -> list[NDArray[np.int64]]:
    """The places of each table's bits: always the same ones for as many hashes."""
    bits = min(max(int(count).bit_length(), FEWEST), MOST)
    random = np.random.default_rng(20_160)
    return [random.choice(BITS, bits, replace=False) for _ in range(TABLES)]


def _headings(hashes: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.uint64]:
    headings = np.zeros(len(hashes), np.uint64)
    for place in places:
        bit = (hashes[:, place // 8] >> np.uint8(7 - place % 8)) & np.uint8(1)
        headings = (headings << np.uint64(1)) | bit.astype(np.uint64)
    return headings


def _words(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(hashes.reshape(-1, BYTES)).view(np.uint64)


def _apart(some: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """In how many bits each pair differs: (N, words), (N, words) -> (N,)."""
    apart: NDArray[np.int64] = np.bitwise_count(some ^ others).sum(axis=1, dtype=np.int64)
    return apart
