"""What the model's record says: held-out figures with 95 % bootstrap intervals, and conditions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from material import Material
from numpy.typing import NDArray
from scipy.stats import spearmanr
from views import FAMILY, View
from votes import Array, on_ava_scale, standing

from ilgnet.engines.runtime import onnx_runtime

RESAMPLES = 1000


def interval(statistic: Callable[[NDArray[np.int64]], float], count: int) -> dict[str, object]:
    """A statistic of `count` pictures and its percentile bootstrap interval over pictures."""
    rng = np.random.default_rng(0)
    samples = [statistic(rng.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(samples, [0.025, 0.975])
    return {
        "value": round(float(statistic(np.arange(count))), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
    }


def rank_correlation(predicted: Array, truth: Array) -> dict[str, object]:
    """Spearman's rho.

    Args:
        predicted: (N,), or (S, N) for S seeds, whose rhos are averaged.
        truth: (N,).
    """
    runs = np.atleast_2d(predicted)

    def mean_rho(rows: NDArray[np.int64]) -> float:
        return float(np.mean([spearmanr(run[rows], truth[rows]).statistic for run in runs]))

    measured = interval(mean_rho, len(truth))
    if len(runs) > 1:
        rhos = [spearmanr(run, truth).statistic for run in runs]
        measured["deviation_over_seeds"] = round(float(np.std(rhos, ddof=1)), 4)
    return measured


def oasis_figures(material: Material, means: Array, spreads: Array) -> dict[str, Any]:
    """Held-out scores (S, R) of S seeds against people's ratings."""
    wanted = on_ava_scale(standing(material.mean, material.mean))
    errors = [np.std(on_ava_scale(standing(run, run)) - wanted) for run in means]
    kinds = sorted(set(material.category))
    return {
        "srcc": rank_correlation(means, material.mean),
        "srcc_by_category": {
            str(kind): rank_correlation(
                means[:, material.category == kind], material.mean[material.category == kind]
            )
            for kind in kinds
        },
        "srcc_of_the_votes_deviation": rank_correlation(spreads, material.std),
        "mean_error": round(float(np.mean(errors)), 3),
        "images": len(material.mean),
    }


def degradation_figures(views: Sequence[View], scores: Array) -> dict[str, object]:
    """How often the original is preferred, and the milder of two strengths, by family."""
    original = {v.picture: s for v, s in zip(views, scores, strict=True) if v.kind == "original"}
    pictures = {picture: i for i, picture in enumerate(original)}
    preferred: dict[str, list[tuple[int, bool]]] = {}
    ordered: dict[str, list[tuple[int, bool]]] = {}
    for index, (view, score) in enumerate(zip(views, scores, strict=True)):
        if view.kind == "original":
            continue
        family, owner = FAMILY[view.kind], pictures[view.picture]
        preferred.setdefault(family, []).append((owner, score < original[view.picture]))
        before = views[index - 1]
        if (before.picture, before.kind) == (view.picture, view.kind):
            ordered.setdefault(family, []).append((owner, score < scores[index - 1]))
    return {
        "original_preferred": {name: _share(pairs) for name, pairs in sorted(preferred.items())},
        "milder_preferred": {name: _share(pairs) for name, pairs in sorted(ordered.items())},
    }


def preferred_figures(views: Sequence[View], scores: Array, beside: Array) -> dict[str, object]:
    """How often what each spoilt view stands beside is preferred, by family."""
    owners = np.unique([view.picture for view in views], return_inverse=True)[1]
    answers: dict[str, list[tuple[int, bool]]] = {}
    for view, owner, score, better in zip(views, owners, scores, beside, strict=True):
        answers.setdefault(FAMILY[view.kind], []).append((int(owner), score < better))
    return {name: _share(pairs) for name, pairs in sorted(answers.items())}


def _share(pairs: list[tuple[int, bool]]) -> dict[str, object]:
    """The share of true answers; resampled by picture: its pairs belong together."""
    owners = np.array([owner for owner, _ in pairs])
    answers = np.array([answer for _, answer in pairs], float)
    count = owners.max() + 1
    total, right = np.bincount(owners, minlength=count), np.bincount(owners, answers, count)
    return interval(lambda rows: right[rows].sum() / total[rows].sum(), count)


def milliseconds(path: Path, side: int, batch: int = 8, rounds: int = 15) -> float:
    """The fastest of some runs of a batch on one core, a picture (a busy machine only adds)."""
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).uniform(-1, 1, (batch, 3, side, side)).astype(np.float32)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        session.run(["probabilities", "technical"], {"images": images})
        times.append(time.perf_counter() - start)
    return round(1000 * min(times) / batch, 1)
