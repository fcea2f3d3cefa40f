"""The end of a run in words: what was measured, and whether it was worth it."""

from __future__ import annotations

import math
from collections.abc import Collection
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

Comparison = Literal["better", "worse", "undecided", "no evidence"]
"""What can be said of two models: the interval of the gain lies above 0, below 0, or around it, or
there are too few pictures that neither has seen."""


def summary(trained: Trained) -> str:
    """What a run has achieved, for people; one line a figure."""
    new, baseline = trained.evaluation, trained.baseline
    intervals = f"; {100 * metrics.INTERVAL:.0f} % intervals"
    rows = [
        f"{len(new.predictions)} validation pictures ({new.measured_fingerprint}), "
        "none of which this run learned from"
        + (intervals if len(new.predictions) >= metrics.FEWEST_UNITS else "")
    ]
    for name, title in SHOWN:
        if name in new.figures and not math.isnan(new.figures[name].value):
            line = f"  {title}: {_words(new.figures[name])}"
            if baseline is not None and name in baseline.figures:
                line += f"; before: {_words(baseline.figures[name])}"
            if name == "accuracy" and new.majority_rate is not None:
                line += f"; always the same answer: {new.majority_rate:.3f}"
            rows.append(line)
    if baseline is not None:
        rows.append(verdict(new, baseline))
    rows.append(f"The model is in {trained.weights.folder}; use it with")
    rows.append(f"  ilgnet score --model {trained.weights.folder} PATH...")
    return "\n".join(rows)


def verdict(new: Evaluation, baseline: Evaluation) -> str:
    """Which of two models agrees better with the ratings, as far as the pictures can tell.

    Only pictures that neither has seen say anything: on others a model shows what it remembers.
    """
    said, gain, unseen = gain_in_order(new, baseline)
    name = baseline.weights.name
    of_all = f"{unseen} of the {len(new.predictions)} pictures"
    measure = (
        "To know, measure both on pictures that neither has seen: "
        f"ilgnet evaluate --data RATINGS --model {baseline.weights.name} (and --model "
        f"{new.weights.folder})."
    )
    match said:
        case "no evidence" if unseen == 0:
            return (
                f"That says nothing of which is better: {name} had learned from all of these "
                f"pictures before. {measure}"
            )
        case "no evidence":
            return (
                f"That says nothing of which is better: {of_all} are new to both, of too few "
                f"pictures to tell ({gain}). {measure}"
            )
        case "better":
            text = f"The new model agrees with these ratings better than {name}: {gain}"
        case "worse":
            text = f"{name} agrees with these ratings better: {gain}. Keep using {name}"
        case "undecided":
            text = (
                f"Which is better these pictures cannot tell: the interval of {gain} holds 0. "
                f"Rate more pictures and train again. {measure[:-1]}"
            )
    known = baseline.overlap.compared_words()
    how = f", compared {known}" if known else ""
    return f"{text}. (Measured on {of_all}, which neither had seen as far as is known{how}.)"


def gain_in_order(new: Evaluation, baseline: Evaluation) -> tuple[Comparison, str, int]:
    """How much better the new model orders the pictures that neither has seen.

    The two are compared on the same draws of pictures (or choices), which is sharper than to
    compare their intervals.

    Returns:
        The comparison, the gain in words, and how many pictures it is of.
    """
    seen = baseline.overlap.ids
    rows = np.array([p.image.id not in seen for p in new.predictions], bool)
    unseen = int(rows.sum())
    truth = _truth(new)
    if truth is None:
        before, after = (_right_choices(e, seen) for e in (baseline, new))
        gain = (
            metrics.bootstrap(
                lambda drawn: {"gain": float(np.mean(after[drawn] - before[drawn]))}, len(after)
            )["gain"]
            if len(after)
            else Measure(math.nan, math.nan, math.nan)
        )
        return _compare(gain), f"right choices {_words(gain, sign=True)}", unseen
    if unseen < 2:
        return "no evidence", "", unseen
    ranks = metrics.dense_ranks(truth[rows])
    scores = [metrics.dense_ranks(e.answers.score[rows]) for e in (new, baseline)]

    def gain_of(drawn: Indices) -> dict[str, float]:
        after, before = (metrics.srcc(ranks[drawn], score[drawn]) for score in scores)
        return {"gain": after - before}

    gain = metrics.bootstrap(gain_of, unseen)["gain"]
    return _compare(gain), f"SRCC {_words(gain, sign=True)}", unseen


def _truth(evaluation: Evaluation) -> metrics.Floats | None:
    answers = evaluation.answers
    if answers.truth is not None:
        return answers.truth
    return None if answers.high is None else answers.high.astype(np.float64)


def _right_choices(evaluation: Evaluation, seen: Collection[str]) -> metrics.Floats:
    """Of choices between unseen pictures: 1 where the scores make it too, 0.5 for a tie, or 0."""
    scores = {p.image.id: p.score for p in evaluation.predictions if p.image.id not in seen}
    return np.array(
        [
            0.5 * (1.0 + float(np.sign(scores[c.better] - scores[c.worse])))
            for c in evaluation.rated.choices
            if c.better in scores and c.worse in scores
        ]
    )


def _compare(gain: Measure) -> Comparison:
    if math.isnan(gain.low):
        return "no evidence"
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "undecided"


def _words(measure: Measure, *, sign: bool = False) -> str:
    form = "+.3f" if sign else ".3f"
    if math.isnan(measure.low):
        return f"{measure.value:{form}}"
    return f"{measure.value:{form}} [{measure.low:{form}}, {measure.high:{form}}]"
