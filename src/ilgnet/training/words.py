"""The end of a run in words: what was measured, and whether it was worth it."""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np

from ilgnet import metrics
from ilgnet.evaluation.evaluation import Evaluation
from ilgnet.metrics import Indices, Measure
from ilgnet.training.publish import Trained

SHOWN: Final = (
    ("srcc", "SRCC"),
    ("plcc", "PLCC"),
    ("auc", "AUC"),
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced accuracy"),
    ("choices", "choices"),
    ("emd_r2", "EMD (r=2)"),
    ("rmse", "error in votes (RMSE)"),
)
"""Figures in the order of interest, as people call them."""

Comparison = Literal["better", "worse", "no clear difference"]


def summary(trained: Trained) -> str:
    """What a run has achieved, for people; one line a figure."""
    new, stock = trained.evaluation, trained.stock
    intervals = f"; {100 * metrics.INTERVAL:.0f} % intervals"
    rows = [
        f"{len(new.predictions)} validation pictures ({new.measured_fingerprint}), "
        "none of which was learned from"
        + (intervals if len(new.predictions) >= metrics.FEWEST_UNITS else "")
    ]
    for name, title in SHOWN:
        if name in new.figures and not math.isnan(new.figures[name].value):
            line = f"  {title}: {_words(new.figures[name])}"
            if stock is not None and name in stock.figures:
                line += f"; before: {_words(stock.figures[name])}"
            if name == "accuracy" and new.majority_rate is not None:
                line += f"; always the same answer: {new.majority_rate:.3f}"
            rows.append(line)
    if stock is not None:
        rows.append(verdict(new, stock))
    rows.append(f"The model is in {trained.weights.folder}; use it with")
    rows.append(f"  ilgnet score --model {trained.weights.folder} PATH...")
    return "\n".join(rows)


def verdict(new: Evaluation, stock: Evaluation) -> str:
    """Whether to use the new model, plainly."""
    judged, gain = gain_in_order(new, stock)
    name = stock.weights.name
    seen = len(stock.overlap.ids)
    caution = (
        f" ({name} has seen {seen} of these pictures before, which favours it.)" if seen else ""
    )
    match judged:
        case "better":
            text = f"The new model agrees with these ratings better than {name}: {gain}."
        case "worse":
            text = f"{name} agrees with these ratings better: {gain}. Keep using {name}."
        case "no clear difference":
            text = (
                f"No clear difference from {name}: {gain}. Keep using {name}, or rate more "
                "pictures and train again."
            )
    return text + caution


def gain_in_order(new: Evaluation, stock: Evaluation) -> tuple[Comparison, str]:
    """How much better the new model orders the pictures that both have judged.

    The two are compared on the same draws of pictures, which is sharper than to compare their
    intervals.
    """
    truth = _standing(new)
    if truth is None:
        wins = [
            e.figures.get("choices", Measure(math.nan, math.nan, math.nan)) for e in (new, stock)
        ]
        gain = Measure(
            wins[0].value - wins[1].value, wins[0].low - wins[1].high, wins[0].high - wins[1].low
        )
        return _compare(gain), f"right choices {_words(gain, sign=True)}"
    places = metrics.dense_ranks(truth)
    scores = [metrics.dense_ranks(e.answers.score) for e in (new, stock)]

    def gain_of(rows: Indices) -> dict[str, float]:
        after, before = (metrics.srcc(places[rows], score[rows]) for score in scores)
        return {"gain": after - before}

    gain = metrics.bootstrap(gain_of, len(truth))["gain"]
    return _compare(gain), f"SRCC {_words(gain, sign=True)}"


def _standing(evaluation: Evaluation) -> metrics.Floats | None:
    answers = evaluation.answers
    if answers.truth is not None:
        return answers.truth
    return None if answers.high is None else answers.high.astype(np.float64)


def _compare(gain: Measure) -> Comparison:
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "no clear difference"


def _words(measure: Measure, *, sign: bool = False) -> str:
    form = "+.3f" if sign else ".3f"
    if math.isnan(measure.low):
        return f"{measure.value:{form}}" + (", of too few pictures to tell" if sign else "")
    return f"{measure.value:{form}} [{measure.low:{form}}, {measure.high:{form}}]"
