"""Reading back what `ilgnet score` wrote: CSV, JSON Lines or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ilgnet.errors import DataError, in_words
from ilgnet.text_files import CsvRow, CsvTable, read_csv, read_text
from ilgnet.values import Failure, Outcome, Verdict

_EXTENSIONS: Final = frozenset({".csv", ".jsonl", ".json"})
_NEEDED: Final = ("path", "score", "percentile", "model")


def is_scored_table(path: str) -> bool:
    """Whether a path is taken for a table that `ilgnet score` wrote."""
    return Path(path).suffix.lower() in _EXTENSIONS and not os.path.isdir(path)


def read_scored(path: Path) -> list[Outcome]:
    """The outcomes of a previous run, in its order.

    Relative paths lead from the table's folder; those of a table whose pictures are not there and
    are found from the current folder, from which they were scored, lead from that. What is in
    neither place is a failure.

    Raises:
        DataError: the file is not what `ilgnet score` writes.
    """
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    return _placed([_outcome(row, path) for row in rows], path)


def _csv_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    table = read_csv(path)
    if not set(_NEEDED) <= set(table.columns):
        raise _not_ours(path, f"its first line names {', '.join(table.columns) or 'nothing'}")
    return [_typed(table, row) for row in table.rows]


def _typed(table: CsvTable, row: CsvRow) -> dict[str, Any]:
    """A row of CSV as JSON would give it; an empty cell is nothing."""
    numbers = {"score", "p_high", "percentile", "width", "height", "technical"}
    return {
        column: table.number(row, column) if column in numbers else cell
        for column, cell in row.cells.items()
        if cell.strip()
    }


def _json_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    text = read_text(path)
    try:
        if path.suffix.lower() == ".jsonl":
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
        else:
            rows = json.loads(text)
    except ValueError as error:
        raise _not_ours(path, f"it is no JSON ({in_words(error)})") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _not_ours(path, "it holds no list of rows")
    return rows


def _outcome(row: Mapping[str, Any], table: Path) -> Outcome:
    path = row.get("path")
    if not isinstance(path, str):
        raise _not_ours(table, "a row has no path")
    if row.get("score") is None:
        error = row.get("error") or {}
        error = json.loads(error) if isinstance(error, str) else error
        return Failure(path, error.get("code", "io_error"), error.get("message", "not scored"))
    try:
        verdict = _verdict(path, row)
    except (KeyError, TypeError, ValueError) as error:
        raise _not_ours(table, f"of {path}, {in_words(error)}") from error
    if not 1 <= verdict.score <= 10:
        raise _not_ours(table, f"the score of {path} is {verdict.score:g}, which is not in 1..10")
    return verdict


def _verdict(path: str, row: Mapping[str, Any]) -> Verdict:
    return Verdict(
        path=path,
        score=float(row["score"]),
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


def _not_ours(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} is not what `ilgnet score` writes: {what}. "
        f"It needs at least {', '.join(_NEEDED)} of every picture"
    )


def _placed(outcomes: list[Outcome], table: Path) -> list[Outcome]:
    """The same outcomes with paths that lead to the pictures from here."""
    # One folder for the whole table, so that no row is taken for a namesake elsewhere.
    folders = (table.parent, Path())
    found = [sum((folder / outcome.path).exists() for outcome in outcomes) for folder in folders]
    folder = folders[found.index(max(found))]
    return [_at(os.path.join(folder, outcome.path), outcome, table) for outcome in outcomes]


def _at(path: str, outcome: Outcome, table: Path) -> Outcome:
    if isinstance(outcome, Failure):
        return Failure(path, outcome.code, outcome.message)
    if not os.path.lexists(path):
        where = "neither beside the table nor below the current folder"
        return Failure(path, "not_found", f"{table} names it, and it is {where}")
    return replace(outcome, path=path)
