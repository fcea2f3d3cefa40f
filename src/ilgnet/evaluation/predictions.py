"""Every prediction of an evaluation as a table: what another program can check or compare."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ilgnet.errors import DataError, require
from ilgnet.evaluation.evaluation import Evaluation

SUFFIXES: Final = (".csv", ".parquet")

VOTES: Final = tuple(f"vote_{vote}" for vote in range(1, 11))

COLUMNS: Final = (
    "model",
    "collection",
    "id",
    "truth",
    "high",
    "score",
    "p_high",
    "error",
    *(f"people_{name}" for name in VOTES),
    *(f"model_{name}" for name in VOTES),
    "failure",
)
"""`truth` is the people's mean vote 1..10 and `error` the score less it; `people_vote_*` are counts
and `model_vote_*` shares; `failure` says why a picture has no score."""


def rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """One row a picture, the failures last."""
    known = {"model": evaluation.subject.name, "collection": evaluation.rated.name}
    calibrated = evaluation.subject.scale is not None
    for prediction in evaluation.predictions:
        image = prediction.image
        votes = {
            f"{who}_{name}": value
            for who, given in (("people", image.votes), ("model", prediction.votes))
            for name, value in zip(VOTES, given or (), strict=False)
        }
        yield {
            **known,
            "id": image.id,
            "truth": image.mean,
            "high": image.high,
            "score": prediction.score,
            "p_high": prediction.p_high,
            "error": prediction.score - image.mean if calibrated and image.mean else None,
            **votes,
        }
    for failure in evaluation.failures:
        yield {**known, "id": failure.path, "failure": f"{failure.code}: {failure.message}"}


def encoded(evaluations: Iterable[Evaluation], path: Path) -> bytes:
    """The table of some evaluations, as the extension of a file wants it.

    Raises:
        DataError: it is neither .csv nor .parquet.
    """
    table = [row for evaluation in evaluations for row in rows(evaluation)]
    match path.suffix.lower():
        case ".csv":
            stream = io.StringIO()
            writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
            return stream.getvalue().encode(errors="surrogateescape")
        case ".parquet":
            return _parquet(table)
    raise DataError(f"predictions are written as {' or '.join(SUFFIXES)}, not {path.name}")


def _parquet(table: list[dict[str, Any]]) -> bytes:
    arrow = require("pyarrow", "parquet", "writing Parquet")
    parquet = require("pyarrow.parquet", "parquet", "writing Parquet")
    types = dict.fromkeys(COLUMNS, arrow.float64())
    types |= dict.fromkeys(("model", "collection", "id", "failure"), arrow.string())
    types["high"] = arrow.bool_()
    sink = arrow.BufferOutputStream()
    parquet.write_table(arrow.Table.from_pylist(table, schema=arrow.schema(types.items())), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data
