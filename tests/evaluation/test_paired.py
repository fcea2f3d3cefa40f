"""Paired tests: known values, and what they say where nothing or everything differs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ilgnet import metrics
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.data.scale import AVA_SCALE
from ilgnet.evaluation.evaluation import Evaluation, EvaluationOptions, evaluate
from ilgnet.evaluation.paired import difference, mcnemar, steiger
from ilgnet.evaluation.scorers import FunctionScorer

QUICK = EvaluationOptions(replicates=200)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(2, 10) == pytest.approx(stats.binomtest(2, 12, 0.5).pvalue)
    assert mcnemar(10, 2) == mcnemar(2, 10)


def test_steiger_by_hand_and_by_simulation() -> None:
    """Under equal correlations, p is below 0.05 in about one of twenty samples."""
    random = np.random.default_rng(0)
    ps = []
    for _ in range(400):
        truth = random.normal(size=120)
        first, second = (truth + random.normal(size=120) for _ in range(2))
        ps.append(steiger(truth, first, second))
    assert 0.02 < np.mean(np.array(ps) < 0.05) < 0.08
    truth = np.arange(20.0)
    worse = truth + 8 * np.sin(truth * 1.7)
    better = truth + 2 * np.sin(truth * 2.3)
    r1, r2, between = (
        float(np.corrcoef(a, b)[0, 1])
        for a, b in ((truth, worse), (truth, better), (worse, better))
    )
    mean = (r1 + r2) / 2
    psi = between * (1 - 2 * mean**2) - 0.5 * mean**2 * (1 - 2 * mean**2 - between**2)
    z = (math.atanh(r1) - math.atanh(r2)) * math.sqrt(17)
    z /= math.sqrt(2 - 2 * psi / (1 - mean**2) ** 2)
    assert steiger(truth, worse, better) == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert steiger(truth, worse, worse) == 1.0
    assert math.isnan(steiger(truth, worse, np.ones(20)))


def test_the_logistic_fit_forgives_a_bent_scale_and_keeps_the_order() -> None:
    score = np.linspace(-3, 3, 60)
    truth = 2 + 6 / (1 + np.exp(-2 * score))
    fitted = metrics.logistic(truth, score)
    assert fitted is not None
    assert metrics.plcc(truth, score) < 0.97
    assert metrics.plcc(truth, fitted) > 0.9999
    assert (np.diff(fitted) > 0).all()
    assert metrics.logistic(np.ones(60), score) is None


def rated(count: int = 60) -> RatedSet:
    return RatedSet(
        "made up",
        tuple(
            RatedImage(f"{i}.jpg", Path(f"{i}.jpg"), mean=2 + 6 * i / count) for i in range(count)
        ),
    )


def scored(name: str, noise: float, seed: int = 0, count: int = 60) -> Evaluation:
    random = np.random.default_rng(seed)
    said = {f"{i}.jpg": 2 + 6 * i / count + noise * random.normal() for i in range(count)}
    scorer = FunctionScorer(lambda path: said[path], name, scale=AVA_SCALE)
    return evaluate(scorer, rated(count), QUICK)


def test_a_difference_is_of_the_pictures_that_both_were_measured_on() -> None:
    sharp, blunt = scored("sharp", 0.3), scored("blunt", 3.0, seed=1)
    found = difference([sharp], [blunt], replicates=200)
    assert found is not None
    assert found.images == 60
    assert found.fingerprint == sharp.measured_fingerprint
    assert found.gains["srcc"].value == pytest.approx(
        sharp.figures["srcc"].value - blunt.figures["srcc"].value
    )
    assert found.gains["srcc"].low > 0
    assert found.steiger["srcc"] < 0.001
    assert found.mcnemar is not None
    assert found.only_first > found.only_second
    turned = difference([blunt], [sharp], replicates=200)
    assert turned is not None
    assert turned.gains["srcc"].value == -found.gains["srcc"].value
    itself = difference([sharp], [sharp], replicates=200)
    assert itself is not None
    assert (itself.gains["srcc"].value, itself.mcnemar, itself.steiger["plcc"]) == (0.0, 1.0, 1.0)


def test_several_runs_are_compared_by_their_means() -> None:
    runs = [scored("a", 1.0, seed) for seed in range(3)]
    others = [scored("b", 2.0, seed) for seed in range(3, 6)]
    found = difference(runs, others, replicates=100)
    assert found is not None
    means = [np.mean([run.figures["srcc"].value for run in some]) for some in (runs, others)]
    assert found.gains["srcc"].value == pytest.approx(means[0] - means[1])
    assert found.mcnemar is None
    assert found.steiger == {}
