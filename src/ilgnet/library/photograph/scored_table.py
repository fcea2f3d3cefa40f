"""Reading back what `ilgnet score` wrote: CSV, JSON Lines or JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, Final

from ilgnet.errors import DataError
from ilgnet.values import Failure, Outcome, Verdict

EXTENSIONS: Final = frozenset({".csv", ".jsonl", ".json"})


def read_scored(path: Path) -> list[Outcome]:
    """The outcomes of a previous run, in its order.

    Raises:
        DataError: the file is not what `ilgnet score` writes.
    """
    try:
        # File names that are not UTF-8 come as their own bytes in CSV.
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
        rows = _csv_rows(text) if path.suffix.lower() == ".csv" else _json_rows(path, text)
        return [_outcome(row) for row in rows]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"{path} is not what `ilgnet score` writes ({error!r}). "
            "It needs at least the columns path, score, percentile and model"
        ) from error


def _csv_rows(text: str) -> list[dict[str, Any]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [{name: value or None for name, value in row.items()} for row in rows]


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    if path.suffix.lower() == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def _outcome(row: dict[str, Any]) -> Outcome:
    path = str(row["path"])
    if row["score"] is None:
        error = row.get("error") or {}
        error = json.loads(error) if isinstance(error, str) else error
        return Failure(path, error.get("code", "io_error"), error.get("message", "not scored"))
    score = float(row["score"])
    if not 1 <= score <= 10:
        raise ValueError(f"a score of {score:g} for {path}")
    return Verdict(
        path=path,
        score=score,
        std=None,
        p_high=float(row.get("p_high") or 0),
        percentile=float(row["percentile"]),
        votes=None,
        width=int(row.get("width") or 0),
        height=int(row.get("height") or 0),
        model=str(row["model"]),
        preprocess=str(row.get("preprocess") or ""),
        technical=None if row.get("technical") is None else float(row["technical"]),
    )
