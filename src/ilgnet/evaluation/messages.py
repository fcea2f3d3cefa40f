"""How figures are called and written, for the terminal and the page alike."""

from __future__ import annotations

import math
from typing import Final

from ilgnet.data.overlap import Overlap
from ilgnet.errors import amount
from ilgnet.evaluation.evaluation import Evaluation, EvaluationOptions
from ilgnet.metrics import INTERVAL, Measure

NAMES: Final = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC",
    "srcc": "SRCC",
    "plcc": "PLCC",
    "plcc_fitted": "PLCC, fitted",
    "krcc": "KRCC",
    "rmse": "RMSE",
    "bias": "Bias",
    "emd_r1": "EMD, r = 1",
    "emd_r2": "EMD, r = 2",
    "pairs_in_group": "Pairs within groups",
    "choices": "Choices",
    "brier": "Brier score",
}
"""Figure -> its name, in the order in which they are shown."""

MEANINGS: Final = {
    "accuracy": "share of pictures called high or low rightly",
    "balanced_accuracy": "mean of that share over low and over high pictures; 50 % is chance",
    "auc": "a high picture scores above a low one this often; 0.5 is chance",
    "srcc": "rank correlation of score and mean vote (Spearman)",
    "plcc": "linear correlation of the raw numbers (Pearson)",
    "plcc_fitted": "the same after the logistic fit of VQEG (its interval leaves the fit as it is)",
    "krcc": "rank correlation by pairs (Kendall's tau-b)",
    "rmse": "root mean square error, in votes",
    "bias": "mean of score minus mean vote, in votes",
    "emd_r1": "earth mover's distance of the votes, 0 to 1",
    "emd_r2": "the same with squared differences",
    "pairs_in_group": "two pictures of one group are in the right order this often",
    "choices": "the model prefers what people preferred this often",
    "brier": "mean squared error of the probability of high",
}

SHARES: Final = frozenset({"accuracy", "balanced_accuracy", "pairs_in_group", "choices"})
"""Figures that are shown in per cent."""


SHOWN_IDS: Final = 3
"""Of pictures that were left out; the JSON has them all."""


def number(name: str, value: float) -> str:
    """One figure, as people write it."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:.2f} %" if name in SHARES else f"{value:.3f}"


def interval(name: str, measure: Measure) -> str:
    """The interval of a figure."""
    if math.isnan(measure.low):
        return "–"
    return f"{number(name, measure.low)} to {number(name, measure.high)}"


def shown(figures: dict[str, Measure]) -> list[tuple[str, Measure]]:
    """The figures in the order of `NAMES`."""
    return [(name, figures[name]) for name in NAMES if name in figures]


def conditions(evaluation: Evaluation) -> list[tuple[str, str]]:
    """What the figures are of: everything that one must know to compare them."""
    rated, protocol = evaluation.rated, evaluation.protocol
    measured = f"{len(evaluation.predictions):,} of {len(rated.images):,} pictures"
    if evaluation.failures:
        measured += f"; {len(evaluation.failures):,} could not be read"
    if protocol.batches is not None:
        order = "of the shuffled list" if protocol.batches.shuffle else "in list order"
        measured += (
            f"; the first {protocol.batches.count} batches of {protocol.batches.size} {order}, as "
            "caffe test counts"
        )
    majority = evaluation.majority_rate
    rows = [
        ("Model", f"{evaluation.subject.name} ({evaluation.subject.feed})"),
        ("Licence", evaluation.subject.licence),
        ("List", f"{rated.name}, fingerprint {rated.fingerprint}"),
        ("Measured", f"{measured}; fingerprint {evaluation.measured_fingerprint}"),
        ("Ratings", _scale(rated.scale)),
        ("Majority rate", "–" if majority is None else f"{100 * majority:.2f} %"),
        (
            "Intervals",
            f"{100 * INTERVAL:.0f} %, percentile bootstrap, {protocol.replicates} draws, "
            f"seed {protocol.seed}",
        ),
        ("Seen in training", _overlap(evaluation)),
    ]
    if rated.protocol:
        rows.insert(1, ("Protocol", rated.protocol))
    for left in rated.left_out:
        shown = ", ".join(left.ids[:SHOWN_IDS]) + (", ..." if len(left.ids) > SHOWN_IDS else "")
        rows.append(("Left out", f"{len(left.ids):,} of the list, {left.reason}: {shown}"))
    return rows


def _scale(scale: str) -> str:
    return f"on {scale}, mapped to 1..10" if ".." in scale and scale != "1..10" else scale


def _overlap(evaluation: Evaluation) -> str:
    if evaluation.subject.weights is None:
        return "unknown: it is none of our models"
    return seen_in_training(evaluation.overlap, evaluation.protocol)


def seen_in_training(overlap: Overlap, options: EvaluationOptions) -> str:
    """What a model had seen of a list, and what was done about it."""
    said = []
    if overlap.ids:
        done = "taken out" if options.overlap == "remove" else "STILL IN THE FIGURES"
        certain = "" if overlap.leaked else "perhaps "
        said.append(f"{certain}{amount(len(overlap.ids), 'picture')} of the list, {done}")
    elif overlap.compared:
        said.append(f"none of those that are known, compared {overlap.compared_words()}")
    if overlap.unchecked:
        said.append(f"cannot be checked against {', '.join(overlap.unchecked)}")
    return "; ".join(said) or "unknown: its record is empty"
