"""An outcome as one flat row: the only place that knows the names, their order and the rounding.

Every format has these columns, in this order: see `COLUMNS`. A failure has a path and an `error`;
all else is null. `verdict` is decided before rounding.

Paths are what `os.fsdecode` gives: a name that is not UTF-8 holds lone surrogates, and a name may
hold newlines or control characters. What becomes of them, by format:

    JSON, JSON Lines   the surrogate is escaped (`\\udce9`), so `json.loads` gives the path back
    CSV                the file name's own bytes (`surrogateescape`); newlines are quoted
    Parquet, pandas    valid UTF-8 with `\\xe9` for a byte that is not; newlines stay
    table, HTML        as Parquet, and control characters are escaped too: names are for looking at

Names are exact: a spreadsheet may take a file called `=1+1.jpg` in a CSV for a formula.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ilgnet.values import Failure, Outcome, Verdict

COLUMNS: Final = (
    "path",
    "score",
    "std",
    "p_high",
    "verdict",
    "percentile",
    "run_percentile",
    "votes",
    "width",
    "height",
    "model",
    "preprocess",
    "technical",
    "error",
)
"""The names in every format, in this order."""

DECIMALS: Final = {
    "score": 4,
    "std": 4,
    "p_high": 4,
    "percentile": 2,
    "run_percentile": 2,
    "votes": 5,
    "technical": 4,
}
"""Far finer than the model's error, and short enough to read."""

_LINE_BREAKS: Final = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}

_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)

Row = dict[str, Any]
"""Column name -> plain value: str, float, int, list of ten floats, {"code", "message"}, or None."""


def row(outcome: Outcome) -> Row:
    """One outcome with every column of `COLUMNS`, in order."""
    if isinstance(outcome, Failure):
        error = {"code": outcome.code, "message": outcome.message}
        return {**dict.fromkeys(COLUMNS), "path": outcome.path, "error": error}
    values: Row = {name: _rounded(name, getattr(outcome, name)) for name in COLUMNS[:-1]}
    values["error"] = None
    return values


def outcome_of_row(given: Mapping[str, Any]) -> Outcome:
    """The outcome that a row tells of, with the row's rounding; the inverse of `row`.

    Raises:
        KeyError: the row lacks a column.
    """
    if given["error"] is not None:
        return Failure(given["path"], given["error"]["code"], given["error"]["message"])
    values = {name: given[name] for name in COLUMNS if name not in ("verdict", "error")}
    votes = values["votes"]
    return Verdict(**{**values, "votes": None if votes is None else tuple(votes)})


def _rounded(name: str, value: Any) -> Any:
    if value is None or name not in DECIMALS:
        return value
    if name == "votes":
        return [round(float(vote), DECIMALS[name]) for vote in value]
    return round(float(value), DECIMALS[name])


def with_run_percentiles(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The same outcomes in the same order, each verdict with its `run_percentile`.

    One that has it already keeps it: the ten best of a run stay in the place that the run gave
    them. Holds the whole run: less than a kilobyte a picture.
    """
    run = list(outcomes)
    scores = np.sort([outcome.score for outcome in run if isinstance(outcome, Verdict)])

    def placed(outcome: Outcome) -> Outcome:
        if isinstance(outcome, Failure) or outcome.run_percentile is not None:
            return outcome  # a part of a run keeps its places in the whole
        lower = int(np.searchsorted(scores, outcome.score, side="left"))
        return replace(outcome, run_percentile=100.0 * lower / len(scores))

    return [placed(outcome) for outcome in run]


def best_first(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Verdicts by falling score, then failures; equals in the order given."""
    return sorted(
        outcomes, key=lambda outcome: -outcome.score if isinstance(outcome, Verdict) else np.inf
    )


def json_text(value: Any) -> str:
    """JSON on one line, whatever takes a line's end for one; keeps letters of all scripts."""
    text = _JSON.encode(value)
    return text if text.isascii() else text.translate(_LINE_BREAKS)


def json_bytes(value: Any) -> bytes:
    """UTF-8 JSON; a lone surrogate becomes its JSON escape."""
    return json_text(value).encode("utf-8", "backslashreplace")


def utf8_path(path: str) -> str:
    """The path as valid Unicode: `\\xNN` for a byte that is not UTF-8."""
    escaped = "".join(
        f"\\x{ord(letter) - 0xDC00:02x}" if "\udc80" <= letter <= "\udcff" else letter
        for letter in path
    )
    return escaped.encode("utf-8", "backslashreplace").decode()


def shown(text: str) -> str:
    """A path or message for people's eyes: as `utf8_path`, and nothing that moves the cursor."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in utf8_path(text)
    )
