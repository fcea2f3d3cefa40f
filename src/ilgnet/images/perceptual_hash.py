"""What a picture looks like, in 256 bits: the same for a copy that was saved again or made smaller.

The signs of its coarsest waves: luma squeezed to 64 x 64, the cosine transform's first 16 x 16
coefficients without the constant ones, each above or below their median (after PDQ, Facebook 2019,
"The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm").
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = 64
WAVES: Final = 16
BITS: Final = WAVES * WAVES

SAME: Final = 32
"""Hashes of one picture, saved again, differ in fewer bits than this, as PDQ has it; measured in
docs/decisions/0091-the-same-picture.md."""

FEATURELESS: Final = 2.0
"""Where the waves' coefficients are smaller than this (in grey levels, root mean square over the
picture), as in a plain wall or a sky, they are noise and say nothing."""


def perceptual_hash(rgb: NDArray[np.uint8]) -> bytes | None:
    """The hash of a picture, 32 bytes; None for one without features.

    Args:
        rgb: uint8 (H, W, 3), upright sRGB.
    """
    grey = Image.fromarray(rgb).convert("L")
    small = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    waves = _cosines() @ (small - small.mean()) @ _cosines().T
    if float(np.sqrt(np.mean(np.square(waves)))) * WAVES / SIDE < FEATURELESS:
        return None
    return np.packbits(waves > np.median(waves)).tobytes()


def same_picture(
    hashes: NDArray[np.uint8], others: NDArray[np.uint8], *, differ: int = SAME
) -> NDArray[np.bool_]:
    """For each of N hashes (N, 32) whether one of M others (M, 32) is of the same picture: (N,)."""
    ours, theirs = _signs(hashes), _signs(others)
    found = np.zeros(len(ours), bool)
    for start in range(0, len(theirs), BLOCK):
        # Two rows of signs that differ in d places have the product BITS - 2 d.
        products = ours @ theirs[start : start + BLOCK].T
        found |= (products > BITS - 2 * differ).any(axis=1)
    return found


def first_same(hashes: NDArray[np.uint8], *, differ: int = SAME) -> list[int]:
    """For each of N hashes (N, 32) the row of the first of the same picture, or its own."""
    signs = _signs(hashes)
    first = np.arange(len(signs))
    for start in range(0, len(signs), BLOCK):
        rows = signs[start : start + BLOCK]
        for before in range(0, start + 1, BLOCK):
            same = rows @ signs[before : before + BLOCK].T > BITS - 2 * differ
            found = np.where(same.any(axis=1), before + same.argmax(axis=1), len(signs))
            first[start : start + BLOCK] = np.minimum(first[start : start + BLOCK], found)
    return first.tolist()


BLOCK: Final = 4096
"""Hashes that are compared at a time: what their products take stays below 100 MB."""


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bits (N, 32) as -1 and 1: (N, 256)."""
    bits = np.unpackbits(hashes.reshape(-1, BITS // 8), axis=1)
    return bits.astype(np.float32) * 2 - 1


@cache
def _cosines() -> NDArray[np.float64]:
    """The orthonormal cosine transform's rows 1..16: (16, 64)."""
    row, column = np.arange(1, WAVES + 1)[:, None], np.arange(SIDE)[None]
    waves: NDArray[np.float64] = np.cos(np.pi * row * (2 * column + 1) / (2 * SIDE))
    waves *= np.sqrt(2 / SIDE)
    return waves
