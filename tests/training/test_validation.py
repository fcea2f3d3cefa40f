"""The figures that choose the best weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from ilgnet import metrics
from ilgnet.data.loading import Targets
from ilgnet.data.rated import Preference, RatedImage, RatedSet
from ilgnet.errors import DataError
from ilgnet.training.validation import Figures, measure, refuse_undefined


def targets(*images: RatedImage) -> Targets:
    return Targets.of(RatedSet("test", images))


def rated(name: str, mean: float) -> RatedImage:
    votes = [0.0] * 10
    low = int(mean)
    votes[low - 1], votes[min(low, 9)] = 1.0 - (mean - low), mean - low
    return RatedImage(name, Path(name), mean=mean, votes=tuple(votes))


def test_figures_of_ten_votes() -> None:
    truth = targets(rated("a", 3.0), rated("b", 6.5), rated("c", 4.5), rated("d", 7.25))
    shares = truth.votes.clone()
    shares[0], shares[3] = truth.votes[3], truth.votes[0]
    figures = measure(shares.clamp_min(1e-12).log().double().numpy(), truth)
    assert figures["srcc"] == pytest.approx(
        metrics.srcc(np.array([3, 6.5, 4.5, 7.25]), np.array([7.25, 6.5, 4.5, 3]))
    )
    assert figures["accuracy"] == 0.5
    assert figures["balanced_accuracy"] == 0.5
    assert figures["majority_rate"] == 0.5
    # Cumulative shares differ by 1 over votes 3..6 and by 0.25 at vote 7, for two of the four.
    assert figures["emd"] == pytest.approx(math.sqrt((4 + 0.25**2) / 10) / 2, rel=1e-5)


def test_figures_of_two_classes() -> None:
    truth = targets(*(RatedImage(n, Path(n), label=n in "cd") for n in "abcd"))
    figures = measure(np.array([[2.0, 0], [0, 1.0], [0, 2.0], [0, 3.0]]), truth)
    assert figures["accuracy"] == 0.75
    assert figures["srcc"] == pytest.approx(2 / math.sqrt(5), abs=1e-6)
    assert math.isnan(figures["emd"])


def test_a_metric_rises_with_quality() -> None:
    figures = Figures(srcc=0.5, emd=0.1, accuracy=math.nan)
    assert figures.rising("srcc") == 0.5
    assert figures.rising("emd") == -0.1
    assert figures.rising("accuracy") == -math.inf
    assert str(figures) == "SRCC 0.5000, EMD 0.1000"


@pytest.mark.parametrize("figure", ["emd", "balanced_accuracy", "srcc"])
def test_a_figure_that_the_ratings_do_not_define_is_refused(figure: str) -> None:
    truth = targets(*(RatedImage(n, Path(n), mean=6.0) for n in "abcd"))
    refuse_undefined(truth, "accuracy")
    with pytest.raises(DataError, match=f"do not define '{figure}'"):
        refuse_undefined(truth, figure)


def test_choices_define_the_order_of_the_pictures_that_were_chosen_between() -> None:
    images = tuple(RatedImage(n, Path(n)) for n in "abcd")
    truth = Targets.of(RatedSet("test", images, (Preference("a", "b"), Preference("b", "c"))))
    refuse_undefined(truth, "srcc")
    with pytest.raises(DataError, match="do not define 'accuracy'"):
        refuse_undefined(truth, "accuracy")
    # Nobody chose d, so what the network says of it does not matter.
    order = np.array([3.0, 2.0, 1.0, 9.0])
    figures = measure(np.stack([-order, order], axis=1), truth)
    assert figures["srcc"] == pytest.approx(1.0)


def test_scores_that_hardly_differ_come_after_all_others() -> None:
    """SRCC 1 with all scores within 0.07 of each other is no good epoch: nothing is learned."""
    truth = targets(*(rated(str(i), 3.0 + i / 2) for i in range(9)))
    step = torch.arange(9.0)[:, None] * torch.linspace(-1.0, 1.0, 10)[None, :]
    flat, learned = (measure((slope * step).double().numpy(), truth) for slope in (0.002, 0.2))
    assert flat["srcc"] == pytest.approx(1.0)
    assert flat.degenerate
    assert not learned.degenerate
    worse = Figures(learned, srcc=0.2)
    assert worse.rising("srcc") > flat.rising("srcc")
    assert flat.rising("srcc") > -math.inf
    classes = targets(*(RatedImage(n, Path(n), label=n in "cd") for n in "abcd"))
    same = np.array([[0.0, 0.001 * k] for k in range(4)])
    assert measure(same, classes).degenerate
    assert not measure(1000 * same, classes).degenerate


def test_the_miniature_runs_own_figures_are_not_degenerate_without_ratings() -> None:
    choices = (Preference("a", "b"),)
    images = (RatedImage("a", Path("a")), RatedImage("b", Path("b")))
    chosen = Targets.of(RatedSet("chosen", images, choices))
    figures = measure(np.zeros((2, 10)), chosen)
    assert math.isnan(figures["spread"])
    assert not figures.degenerate
