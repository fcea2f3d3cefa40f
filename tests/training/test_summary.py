"""The end of a run says plainly whether it was worth it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.data.overlap import Overlap
from ilgnet.data.rated import Preference, RatedImage, RatedSet
from ilgnet.engines.protocol import EngineOutput
from ilgnet.evaluation.evaluation import Evaluation, EvaluationOptions, evaluate
from ilgnet.images.preprocess import Preprocess
from ilgnet.scoring import Scorer
from ilgnet.training.publish import Trained, mean_error
from ilgnet.training.summary import gain_in_order, summary
from ilgnet.zoo.records import Weights

PICTURES = 60


class Noisy:
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


def evaluation(name: str, model: Noisy, rated: RatedSet) -> Evaluation:
    record = Weights(
        name, "none", "votes", Preprocess("warp", 8, 8), 0.6, "", "", folder=Path(name)
    )
    return evaluate(Scorer(record, model, threads=1), rated, EvaluationOptions(replicates=200))


@pytest.mark.parametrize(
    ("new", "baseline", "said", "words"),
    [
        (0.1, 2.5, "better", "The new model agrees with these ratings better than baseline"),
        (2.5, 0.1, "worse", "Keep using baseline"),
        (1.0, 1.0, "undecided", "Which is better these pictures cannot tell"),
    ],
)
def test_the_comparison_is_plain(
    rated: RatedSet, new: float, baseline: float, said: str, words: str
) -> None:
    pair = evaluation("new", Noisy(new), rated), evaluation("baseline", Noisy(baseline), rated)
    assert gain_in_order(*pair)[0] == said
    text = summary(Trained(pair[0].weights, *pair))
    assert words in text
    assert f"{PICTURES} validation pictures ({rated.fingerprint})" in text
    assert "always the same answer: 0.5" in text
    assert "before: " in text
    assert "ilgnet score --model new" in text


def test_a_handful_of_pictures_tells_nothing_and_says_so(rated: RatedSet) -> None:
    few = rated.without(rated.ids[6:])
    pair = evaluation("new", Noisy(0.1), few), evaluation("baseline", Noisy(2.5), few)
    text = summary(Trained(pair[0].weights, *pair))
    assert "nan" not in text
    assert "intervals" not in text
    assert "6 of the 6 pictures are new to both, of too few pictures to tell" in text
    assert "Keep using" not in text


def seen_by(evaluation: Evaluation, ids: Sequence[str]) -> Evaluation:
    return replace(evaluation, overlap=Overlap({"what it learned": tuple(ids)}))


def test_pictures_that_the_base_model_had_learned_from_are_no_evidence(rated: RatedSet) -> None:
    new = evaluation("new", Noisy(2.5), rated)
    baseline = seen_by(evaluation("baseline", Noisy(0.1), rated), rated.ids)
    assert gain_in_order(new, baseline)[0] == "no evidence"
    text = summary(Trained(new.weights, new, baseline))
    assert "baseline had learned from all of these pictures before" in text
    assert "ilgnet evaluate --data RATINGS --model baseline (and --model new)" in text
    assert "Keep using" not in text
    assert "better than" not in text


def test_advice_is_of_the_pictures_that_neither_has_seen(rated: RatedSet) -> None:
    # What baseline remembers, it remembers perfectly; of the others it knows nothing.
    class Remembers(Noisy):
        def run(self, batch: np.ndarray, *, features: bool = False) -> EngineOutput:
            dark = batch[:, 0].mean(axis=(1, 2)) < 4 * 30
            right, wrong = Noisy(0.0).run(batch), Noisy(2.5).run(batch)
            return EngineOutput(
                np.where(dark[:, None], right.probabilities, wrong.probabilities), None
            )

    new = evaluation("new", Noisy(0.8), rated)
    baseline = evaluation("baseline", Remembers(0.0), rated)
    known = seen_by(baseline, rated.ids[:30])
    assert gain_in_order(new, known)[0] == "better"
    assert "Measured on 30 of the 60 pictures" in summary(Trained(new.weights, new, known))


@pytest.mark.parametrize("pictures", [12, 20, 60])
def test_a_gain_whose_interval_holds_0_is_not_called_nothing(
    rated: RatedSet, pictures: int
) -> None:
    part = rated.without(rated.ids[pictures:])
    new, baseline = evaluation("new", Noisy(0.9), part), evaluation("baseline", Noisy(1.1), part)
    said, gain, _ = gain_in_order(new, baseline)
    text = summary(Trained(new.weights, new, baseline))
    assert "No clear difference" not in text
    assert gain in text
    assert (said == "undecided") == ("cannot tell" in text)
    if said == "undecided":
        assert "Keep using" not in text


def test_choices_are_compared_choice_by_choice(rated: RatedSet) -> None:
    pairs = tuple(Preference(b, a) for a, b in itertools.pairwise(rated.ids))
    chosen = replace(
        rated, images=tuple(replace(i, mean=None) for i in rated.images), choices=pairs
    )
    new, baseline = (
        evaluation("new", Noisy(0.0), chosen),
        evaluation("baseline", Noisy(2.5), chosen),
    )
    said, gain, unseen = gain_in_order(new, baseline)
    assert (said, unseen) == ("better", PICTURES)
    assert gain.startswith("right choices +0.")
    assert gain_in_order(new, seen_by(baseline, rated.ids))[0] == "no evidence"


def test_without_a_base_model_nothing_is_compared(rated: RatedSet) -> None:
    new = evaluation("new", Noisy(0.5), rated)
    text = summary(Trained(new.weights, new, None))
    assert "SRCC: 0." in text
    assert "before" not in text


def test_mean_error_is_the_spread_of_the_error_and_not_its_shift(rated: RatedSet) -> None:
    judged = evaluation("new", Noisy(0.5, shift=0.7), rated)
    assert judged.answers.truth is not None
    error = judged.answers.score - judged.answers.truth
    assert mean_error(judged) == pytest.approx(float(error.std()), abs=1e-4)
    assert mean_error(judged) < 0.6
