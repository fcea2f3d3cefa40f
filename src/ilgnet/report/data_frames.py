"""Rows as Arrow tables and pandas data frames, where those are installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ilgnet.errors import require
from ilgnet.report.rows import COLUMNS, row, utf8_path
from ilgnet.values import Outcome


def arrow_schema() -> Any:
    """The `pyarrow.Schema` of `COLUMNS`: the same types whatever a run holds."""
    pa = require("pyarrow", "parquet", "Arrow and Parquet")
    number, text = pa.float64(), pa.string()
    return pa.schema(
        [
            pa.field("path", text, nullable=False),
            ("score", number),
            ("std", number),
            ("p_high", number),
            ("verdict", text),
            ("percentile", number),
            ("run_percentile", number),
            ("votes", pa.list_(number)),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("model", text),
            ("preprocess", text),
            ("technical", number),
            ("error", pa.struct([("code", text), ("message", text)])),
        ]
    )


def to_arrow(outcomes: Iterable[Outcome]) -> Any:
    """A `pyarrow.Table` with one row an outcome; needs the extra "parquet"."""
    pa = require("pyarrow", "parquet", "Arrow and Parquet")
    rows = [_utf8(row(outcome)) for outcome in outcomes]
    return pa.Table.from_pylist(rows, schema=arrow_schema())


def _utf8(values: dict[str, Any]) -> dict[str, Any]:
    """The row with every text that may quote a file name as valid UTF-8."""
    error = values["error"]
    if error is not None:
        error = {name: utf8_path(text) for name, text in error.items()}
    return {**values, "path": utf8_path(values["path"]), "error": error}


def to_pandas(outcomes: Iterable[Outcome]) -> Any:
    """A `pandas.DataFrame` with one row an outcome; needs the extra "pandas"."""
    pandas = require("pandas", "pandas", "a data frame")
    # As in Arrow: the strings of pandas 3 are UTF-8 and refuse a lone surrogate.
    return pandas.DataFrame([_utf8(row(outcome)) for outcome in outcomes], columns=list(COLUMNS))
