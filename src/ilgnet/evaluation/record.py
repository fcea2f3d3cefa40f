"""An evaluation as JSON: every number with its conditions."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, Final

from ilgnet.evaluation.evaluation import Evaluation
from ilgnet.evaluation.measures import Category, Prediction
from ilgnet.evaluation.scorers import Subject
from ilgnet.metrics import Confusion, Measure, Reliability

DIGITS: Final = 6


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The whole evaluation in plain JSON types; undefined figures are null."""
    rated, protocol = evaluation.rated, evaluation.protocol
    record = {
        "model": _model(evaluation.subject),
        "data": {
            "name": rated.name,
            "listed": evaluation.listed,
            "images": len(rated.images),
            "fingerprint": rated.fingerprint,
            "protocol": rated.protocol,
            "scale": rated.scale,
            "unrated": rated.unrated,
            "left_out": [asdict(left) for left in rated.left_out],
        },
        "measured": {
            "images": len(evaluation.predictions),
            "fingerprint": evaluation.measured_fingerprint,
            "failures": [asdict(failure) for failure in evaluation.failures],
        },
        "protocol": asdict(protocol),
        "overlap": {
            "images": len(evaluation.overlap.ids),
            "with": {name: len(ids) for name, ids in evaluation.overlap.leaked.items()},
            "possible": {name: len(ids) for name, ids in evaluation.overlap.possible.items()},
            "unchecked": list(evaluation.overlap.unchecked),
            "compared": list(evaluation.overlap.compared),
        },
        "majority_rate": evaluation.majority_rate,
        "metrics": _measures(evaluation.figures),
        "confusion": [_confusion(table) for table in evaluation.confusions],
        "calibration": {
            "p_high": _reliability(evaluation.calibration_of_high),
            "mean": _reliability(evaluation.calibration_of_mean),
        },
        "categories": [_category(row) for row in evaluation.categories],
        "misses": [_miss(prediction) for prediction in evaluation.misses],
    }
    plain: dict[str, Any] = _plain(record)
    return plain


def _model(subject: Subject) -> dict[str, Any]:
    known = {"name": subject.name, "feed": subject.feed, "licence": subject.licence}
    weights = subject.weights
    if weights is None:
        return known
    return known | {
        "output": weights.output,
        "preprocess": weights.preprocess.fingerprint(),
        "mean_error": weights.mean_error,
        "files": weights.files,
    }


def _measures(figures: dict[str, Measure]) -> dict[str, Any]:
    return {name: asdict(measure) for name, measure in figures.items()}


def _confusion(table: Confusion) -> dict[str, Any]:
    return {
        **asdict(table),
        "images": table.images,
        "accuracy": table.accuracy,
        "majority_rate": table.majority_rate,
    }


def _reliability(table: Reliability | None) -> dict[str, Any] | None:
    return None if table is None else asdict(table)


def _category(row: Category) -> dict[str, Any]:
    return {
        "name": row.name,
        "images": row.images,
        "majority_rate": row.majority_rate,
        "metrics": _measures(row.figures),
    }


def _miss(prediction: Prediction) -> dict[str, Any]:
    image = prediction.image
    return {
        "id": image.id,
        "score": prediction.score,
        "p_high": prediction.p_high,
        "mean": image.mean,
        "high": image.high,
    }


def _plain(value: Any) -> Any:
    """Round numbers, and write what is undefined as null: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
