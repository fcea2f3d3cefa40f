"""The end of a run says plainly whether it was worth it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.engines.protocol import EngineOutput
from ilgnet.evaluation.evaluation import Evaluation, EvaluationOptions, evaluate
from ilgnet.images.preprocess import Preprocess
from ilgnet.scoring import Scorer
from ilgnet.training.publish import Trained, mean_error
from ilgnet.training.words import gain_in_order, summary
from ilgnet.zoo.records import Weights

PICTURES = 60


class Judge:
    """A network that reads a picture's true score off its colour, and errs by a known amount."""

    def __init__(self, noise: float, shift: float = 0.0) -> None:
        self.noise, self.shift = noise, shift

    def run(self, batch: np.ndarray, *, features: bool = False) -> EngineOutput:
        truth = 2.0 + 6.0 * batch[:, 0].mean(axis=(1, 2)) / 250.0
        error = self.noise * np.sin(1e3 * truth)
        mean = np.clip(truth + error + self.shift, 1.0, 9.999)
        votes = np.zeros((len(mean), 10), np.float32)
        low = mean.astype(int)
        votes[np.arange(len(mean)), low - 1] = 1.0 - (mean - low)
        votes[np.arange(len(mean)), low] = mean - low
        return EngineOutput(votes, None)


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> RatedSet:
    folder = tmp_path_factory.mktemp("greys")
    images = []
    for index in range(PICTURES):
        shade = 4 * index
        Image.new("RGB", (8, 8), (shade, shade, shade)).save(folder / f"{index}.png")
        mean = 2.0 + 6.0 * shade / 250.0
        images.append(RatedImage(f"{index}.png", folder / f"{index}.png", mean=mean))
    return RatedSet("greys", tuple(images))


def evaluation(name: str, judge: Judge, rated: RatedSet) -> Evaluation:
    record = Weights(
        name, "none", "votes", Preprocess("warp", 8, 8), 0.6, "", "", folder=Path(name)
    )
    return evaluate(Scorer(record, judge, threads=1), rated, EvaluationOptions(replicates=200))


@pytest.mark.parametrize(
    ("new", "stock", "said", "words"),
    [
        (0.1, 2.5, "better", "The new model agrees with these ratings better than stock"),
        (2.5, 0.1, "worse", "Keep using stock"),
        (1.0, 1.0, "no clear difference", "No clear difference from stock"),
    ],
)
def test_the_comparison_is_plain(
    rated: RatedSet, new: float, stock: float, said: str, words: str
) -> None:
    pair = evaluation("new", Judge(new), rated), evaluation("stock", Judge(stock), rated)
    assert gain_in_order(*pair)[0] == said
    text = summary(Trained(pair[0].weights, *pair))
    assert words in text
    assert f"{PICTURES} validation pictures ({rated.fingerprint})" in text
    assert "always the same answer: 0.5" in text
    assert "before: " in text
    assert "ilgnet score --model new" in text


def test_a_handful_of_pictures_tells_nothing_and_says_so(rated: RatedSet) -> None:
    few = rated.without(rated.ids[6:])
    pair = evaluation("new", Judge(0.1), few), evaluation("stock", Judge(2.5), few)
    text = summary(Trained(pair[0].weights, *pair))
    assert "nan" not in text
    assert "intervals" not in text
    assert "of too few pictures to tell. Keep using stock" in text


def test_without_a_stock_model_nothing_is_compared(rated: RatedSet) -> None:
    new = evaluation("new", Judge(0.5), rated)
    text = summary(Trained(new.weights, new, None))
    assert "SRCC: 0." in text
    assert "before" not in text


def test_mean_error_is_the_spread_of_the_error_and_not_its_shift(rated: RatedSet) -> None:
    judged = evaluation("new", Judge(0.5, shift=0.7), rated)
    assert judged.answers.truth is not None
    error = judged.answers.score - judged.answers.truth
    assert mean_error(judged) == pytest.approx(float(error.std()), abs=1e-4)
    assert mean_error(judged) < 0.6
