"""One evaluation: a scorer, rated pictures, and the protocol that says what is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from ilgnet import metrics
from ilgnet.data.overlap import Overlap, find_overlap
from ilgnet.data.partitions import shuffled
from ilgnet.data.rated import RatedImage, RatedSet, fingerprint
from ilgnet.errors import DataError
from ilgnet.evaluation import measures
from ilgnet.evaluation.measures import Answers, Category, Prediction
from ilgnet.evaluation.scorers import ImageScorer, Score, Subject, subject_of
from ilgnet.metrics import Confusion, Measure, Reliability
from ilgnet.scoring import Scorer
from ilgnet.values import Failure, ImageRef, Verdict
from ilgnet.zoo.records import Weights

MISSES: Final = 24

Watch = Callable[[Iterable[Any], int], Iterable[Any]]
"""Passes outcomes on while showing progress; the number is how many there will be."""


class SeenInTrainingError(DataError):
    """A model is not measured on pictures that it was trained on, unless that is asked for."""


@dataclass(frozen=True, slots=True)
class Batches:
    """The way of `caffe test`: only the first pictures of the list count.

    Its database holds the list's pictures without the unreadable ones, in the list's order or
    shuffled, and it reads `count` batches of `size`. (50 batches are its default; the published
    accuracies are of these.) The published AVA1 lists hold all low pictures before the first high
    one, so that their first batches say nothing unless they are shuffled.

    Attributes:
        count: batches.
        size: pictures in a batch.
        shuffle: shuffle the pictures first, by the seed, as partitions are shuffled.
    """

    count: int
    size: int
    shuffle: bool = False


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What is counted, and how.

    Attributes:
        overlap: what to do with pictures that the model was trained on: "refuse" to measure at
            all, "remove" them from the list, or "allow" them.
        batches: measure only the first batches, as `caffe test` does; None measures the list.
        deltas: half widths of bands around 5 for more confusion tables, in votes.
        replicates: bootstrap draws for each interval.
        seed: of the draws.
    """

    overlap: Literal["refuse", "remove", "allow"] = "refuse"
    batches: Batches | None = None
    deltas: tuple[float, ...] = (0.5, 1.0)
    replicates: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, under which conditions.

    Attributes:
        subject: what was measured.
        rated: the list as it was measured: without what the protocol removed.
        listed: pictures in the list as it was given.
        protocol: what was counted, and how.
        overlap: which pictures of the list the model was trained on.
        predictions: every picture with its verdict, in list order.
        failures: pictures of the list that could not be read.
        majority_rate: accuracy of always giving the more frequent answer; None without labels.
        figures: by name, each with its interval.
        confusions: of all pictures, then outside each band.
        calibration_of_high: of the probability of high quality.
        calibration_of_mean: of the score.
        categories: the same figures by category.
        misses: what the model is most wrong about.
    """

    subject: Subject
    rated: RatedSet
    listed: int
    protocol: EvaluationOptions
    overlap: Overlap
    predictions: tuple[Prediction, ...]
    failures: tuple[Failure, ...]
    majority_rate: float | None
    figures: dict[str, Measure]
    confusions: tuple[Confusion, ...]
    calibration_of_high: Reliability | None
    calibration_of_mean: Reliability | None
    categories: tuple[Category, ...]
    misses: tuple[Prediction, ...]

    @property
    def answers(self) -> Answers:
        """Verdicts and ratings as arrays, for plots."""
        return Answers(self.predictions, self.subject.scale)

    @property
    def weights(self) -> Weights:
        """The record of the model, where it is one of ours."""
        assert self.subject.weights is not None, f"{self.subject.name} is none of our models"
        return self.subject.weights

    @property
    def measured_fingerprint(self) -> str:
        """Which pictures the figures are of."""
        return fingerprint(p.image.id for p in self.predictions)


def evaluate(
    scorer: ImageScorer | Scorer,
    rated: RatedSet,
    protocol: EvaluationOptions | None = None,
    *,
    watch: Watch = lambda outcomes, total: outcomes,
) -> Evaluation:
    """Measure a model on rated pictures.

    Args:
        scorer: the model, as users run it.
        rated: the pictures and what people think of them.
        protocol: what is counted; None is the whole list, without pictures that the model knows.
        watch: shows progress.

    Raises:
        SeenInTrainingError: the model was trained on some of the pictures.
        DataError: none of them can be read.
    """
    protocol = protocol or EvaluationOptions()
    subject = subject_of(scorer)
    overlap = Overlap({}) if subject.weights is None else find_overlap(subject.weights, rated)
    listed = len(rated.images)
    rated = without_overlap(rated, overlap, protocol)
    if protocol.batches is not None and protocol.batches.shuffle:
        rated = _shuffled(rated, protocol.seed)
    predictions, failures = _predict(scorer, rated, protocol.batches, watch)
    answers = Answers(predictions, subject.scale)
    chosen = measures.choice_accuracy(answers, rated.choices, protocol.replicates, protocol.seed)
    return Evaluation(
        subject=subject,
        rated=rated,
        listed=listed,
        protocol=protocol,
        overlap=overlap,
        predictions=tuple(predictions),
        failures=tuple(failures),
        majority_rate=None if answers.high is None else metrics.majority_rate(answers.high),
        figures=measures.figures(answers, protocol.replicates, protocol.seed) | chosen,
        confusions=measures.confusions(answers, protocol.deltas),
        calibration_of_high=measures.calibration_of_high(answers),
        calibration_of_mean=measures.calibration_of_mean(answers),
        categories=measures.categories(answers, protocol.replicates, protocol.seed),
        misses=measures.misses(answers, MISSES),
    )


def without_overlap(rated: RatedSet, overlap: Overlap, protocol: EvaluationOptions) -> RatedSet:
    """The list as it may be measured with a model that has seen a part of it.

    Raises:
        SeenInTrainingError: the protocol refuses it, or no picture is left.
    """
    if not overlap.ids or protocol.overlap == "allow":
        return rated
    if protocol.overlap == "refuse":
        raise SeenInTrainingError(_refusal(rated, overlap))
    if len(overlap.ids) == len(rated.images):
        left = f"without them, none of its {len(rated.images):,} pictures is left"
        raise SeenInTrainingError(f"{_refusal(rated, overlap)}; {left}")
    return rated.without(overlap.ids)


def _refusal(rated: RatedSet, overlap: Overlap) -> str:
    of_all = f"of the {len(rated.images):,} pictures of {rated.name}"
    said = []
    if overlap.leaked:
        seen = ", ".join(f"{len(ids):,} in {name}" for name, ids in overlap.leaked.items())
        found = {name for ids in overlap.leaked.values() for name in ids}
        said.append(f"the model was trained on {len(found):,} {of_all} ({seen})")
    for name, ids in overlap.possible.items():
        said.append(
            f"the model may have been trained on {len(ids):,} {of_all}: it has seen an unknown "
            f"part of their collection ({name})"
        )
    rest = len(rated.images) - len(overlap.ids)
    remedy = (
        f"Measure on the other {rest:,} with --overlap remove, or write their list with "
        "`ilgnet data overlap DATA --with MODEL -o FILE`"
        if rest
        else "Measure on other pictures"
    )
    return (
        f"{'; '.join(said)}. {remedy}. With --overlap allow, the figures may tell what it "
        "remembers, not what it can"
    )


def _prediction(image: RatedImage, outcome: Verdict | Score) -> Prediction:
    if isinstance(outcome, Verdict):
        return Prediction(image, outcome.score, outcome.p_high, outcome.votes)
    return Prediction(image, outcome.score, None, outcome.votes)


def _shuffled(rated: RatedSet, seed: int) -> RatedSet:
    images = {image.id: image for image in rated.images}
    return replace(rated, images=tuple(images[name] for name in shuffled(rated.ids, seed)))


def _predict(
    scorer: ImageScorer | Scorer, rated: RatedSet, batches: Batches | None, watch: Watch
) -> tuple[list[Prediction], list[Failure]]:
    predictions: list[Prediction] = []
    failures: list[Failure] = []
    wanted = len(rated.images)
    if batches is not None:
        wanted = min(wanted, batches.count * batches.size)
    outcomes = scorer.score_many(ImageRef(image.id, image.path) for image in rated.images)
    for image, outcome in zip(rated.images, watch(outcomes, wanted), strict=False):
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            predictions.append(_prediction(image, outcome))
        if len(predictions) == wanted:
            break
    if not predictions:
        first = f"; the first: {failures[0].path}: {failures[0].message}" if failures else ""
        raise DataError(
            f"none of the {len(rated.images)} pictures of {rated.name} could be read{first}. "
            "Say where the pictures are with --images"
        )
    return predictions, failures
