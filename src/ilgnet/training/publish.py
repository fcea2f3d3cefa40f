"""From the best weights of a run to a model folder that `ilgnet score --model` takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from ilgnet import scoring
from ilgnet.data.overlap import write_trained_on
from ilgnet.data.rated import RatedSet
from ilgnet.evaluation.evaluation import Evaluation, EvaluationOptions, evaluate
from ilgnet.models.checkpoints import save_network
from ilgnet.models.export import export_onnx
from ilgnet.models.ilgnet import ILGNet
from ilgnet.report.progress import track
from ilgnet.training.recipe import Recipe
from ilgnet.training.seen_before import Ancestry, header
from ilgnet.training.split import Split
from ilgnet.values import HIGH_ABOVE, Outcome
from ilgnet.zoo.lineage import TrainedOn, joined
from ilgnet.zoo.measurements import Figure, Measurement
from ilgnet.zoo.records import (
    ONNX_NAME,
    SAFETENSORS_NAME,
    Weights,
    write_weights,
)

USUAL_MEAN_ERROR: Final = 0.6
"""Of models of this size on AVA, in votes; taken where the pictures have no mean votes."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run.

    Attributes:
        weights: the record of the new model; its folder is ready for scoring.
        evaluation: the new model on the validation pictures, through the way that users score.
        baseline: the model that the run began with, on the same pictures; None without one.
    """

    weights: Weights
    evaluation: Evaluation
    baseline: Evaluation | None


def publish(
    network: ILGNet,
    recipe: Recipe,
    split: Split,
    base: Weights | None,
    ancestry: Ancestry,
    out: Path,
    *,
    remarks: str,
    show: bool | None,
) -> Trained:
    """Write the model folder and measure it.

    The record is written last, so a folder that has one is whole.

    Args:
        network: with the best weights, on the CPU.
        recipe: resolved.
        split: what was learned from and validated on.
        base: the model that the run began with.
        ancestry: what the weights that the run began with had seen.
        out: the folder.
        remarks: what the weights began with, for the record.
        show: progress on stderr, as in `ilgnet.report.progress.track`.
    """
    trained_on = _trained_on(out, split, ancestry)
    save_network(network, out / SAFETENSORS_NAME, header(trained_on))
    export_onnx(network, out / ONNX_NAME)
    assert recipe.preprocess is not None, "the recipe is resolved"
    weights = Weights(
        name=recipe.name,
        architecture=recipe.model.architecture,
        output=network.output_kind,
        preprocess=recipe.preprocess,
        mean_error=base.mean_error if base else USUAL_MEAN_ERROR,
        licence=recipe.licence,
        about=" ".join(filter(None, (recipe.about, f"It {remarks}."))),
        trained_on=trained_on,
        recipe="training/recipe.toml",
        notes=_notes(network, recipe),
        similarity=base.similarity if base and recipe.model.freeze == "trunk" else None,
    )
    weights = write_weights(weights, out)
    evaluation = measure(weights, split.validation, show)
    weights = write_weights(replace(weights, mean_error=mean_error(evaluation)), out)
    if weights.output == "high_low":  # the error also scales what two classes say of the mean
        evaluation = measure(weights, split.validation, show)
    weights = write_weights(replace(weights, metrics=_metrics(evaluation)), out)
    baseline = measure(base, split.validation, show) if base else None
    return Trained(weights, evaluation, baseline)


def measure(weights: Weights, rated: RatedSet, show: bool | None) -> Evaluation:
    """Measure a model on the validation pictures, through the way that users score."""

    def watch(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
        return track(outcomes, total=total, show=show, label=f"Measuring {weights.name}")

    scorer = scoring.load(weights.folder)
    return evaluate(scorer, rated, EvaluationOptions(overlap="allow"), watch=watch)


def mean_error(evaluation: Evaluation) -> float:
    """Standard deviation of the error of the mean vote, as `Weights.mean_error` wants it.

    A network with two classes says how probable "high" is; its error is then what maps these
    probabilities best (least squares) to mean votes.
    """
    weights, truth = evaluation.weights, evaluation.answers.truth
    if truth is None:
        return weights.mean_error
    score = evaluation.answers.score
    if weights.output == "votes":
        return round(float(np.std(score - truth)), 4)
    lead = (score - HIGH_ABOVE) / weights.mean_error
    fitted = float(lead @ (truth - HIGH_ABOVE)) / max(float(lead @ lead), 1e-9)
    return round(min(max(fitted, 0.05), 5.0), 4)


def _notes(network: ILGNet, recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """What a user of the model must know."""
    if network.technical is None or recipe.model.freeze == "trunk":
        return {}
    return {
        "Limits": (
            "The trunk went on learning after `technical` was made for it; what `technical` is "
            "worth on its new maps was not measured.",
        )
    }


def _trained_on(out: Path, split: Split, ancestry: Ancestry) -> tuple[TrainedOn, ...]:
    """Everything that the weights have seen, what they began with included."""
    ancestry.hand_on(out)
    train = write_trained_on(out, split.train)
    validation = write_trained_on(out, split.validation)
    own = (
        replace(train, name=f"{train.name} (training)"),
        replace(validation, name=f"{validation.name} (validation)"),
    )
    return joined(ancestry.trained_on, own)


def _metrics(evaluation: Evaluation) -> dict[str, Measurement]:
    """The figures for the record, with their conditions."""
    measured = Measurement(
        {
            name: Figure(round(m.value, 4), (round(m.low, 4), round(m.high, 4)))
            for name, m in evaluation.figures.items()
            if not math.isnan(m.value + m.low + m.high)
        },
        "validation pictures: not learned from; they chose the best weights if the run was "
        "validated more than once",
        images=len(evaluation.predictions),
        fingerprint=evaluation.measured_fingerprint,
        majority_rate=evaluation.majority_rate,
    )
    return {f"{evaluation.rated.name} (validation)": measured}
