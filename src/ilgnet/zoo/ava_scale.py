"""Where a mean vote stands among AVA's pictures."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


@cache
def _quantiles() -> NDArray[np.float64]:
    """1,001 ascending quantiles of AVA's mean votes, made by recipes/ava_scale."""
    text = files("ilgnet.zoo").joinpath("ava_mean_quantiles.txt").read_text(encoding="utf-8")
    return np.array([float(line) for line in text.splitlines() if not line.startswith("#")])


def ava_percentile(score: float) -> float:
    """Share of AVA's pictures whose mean vote is below this one, 0..100.

    Interpolated between the quantiles of a random tenth of AVA (25,551 histograms; Murray,
    Marchesotti and Perronnin, CVPR 2012).
    """
    quantiles = _quantiles()
    return float(np.interp(score, quantiles, np.linspace(0.0, 100.0, len(quantiles))))
