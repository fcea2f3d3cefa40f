"""Outcomes to rows in a stream: a table for people, JSON, JSON Lines, CSV, Parquet.

    with open_writer("jsonl", None) as write:
        for outcome in scorer.score_many(images):
            write(outcome)

JSON Lines and CSV are streamed: each row is flushed as it is scored, and `run_percentile` is null
because the run is not over. The table, JSON and Parquet are written at the end, with it.
In CSV a list or record is its JSON text and nothing is an empty cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol

from ilgnet.errors import IlgnetError, require
from ilgnet.report.data_frames import arrow_schema, to_arrow
from ilgnet.report.output import open_output
from ilgnet.report.rows import COLUMNS, json_bytes, json_text, row, with_run_percentiles
from ilgnet.values import Outcome

Format = Literal["table", "json", "jsonl", "csv", "parquet"]
"""What `open_writer` can write."""

STREAMED: Final[frozenset[Format]] = frozenset({"jsonl", "csv"})
"""The formats whose rows appear as they are scored."""

ROW_GROUP: Final = 10_000


class Writer(Protocol):
    """Takes outcomes one at a time."""

    def __call__(self, outcome: Outcome, /) -> None:
        """Write one outcome, or keep it until the end."""
        ...


@contextmanager
def open_writer(format: Format, target: Path | None = None) -> Iterator[Writer]:
    """A writer for one run.

    Args:
        format: one of `Format`.
        target: the file to make or replace, see `open_output`; None is standard output.

    Raises:
        IlgnetError: the target cannot be written, or is a terminal and the format binary.
        MissingExtra: Parquet without pyarrow; raised before any picture is scored.
    """
    with (
        open_output(target, keep_partial=format in STREAMED) as stream,
        _WRITERS[format](stream) as write,
    ):
        yield write


@contextmanager
def _jsonl(stream: BinaryIO) -> Iterator[Writer]:
    def write(outcome: Outcome) -> None:
        stream.write(json_bytes(row(outcome)) + b"\n")
        stream.flush()

    yield write


@contextmanager
def _csv(stream: BinaryIO) -> Iterator[Writer]:
    def write(outcome: Outcome) -> None:
        stream.write(csv_bytes([_cell(value) for value in row(outcome).values()]))
        stream.flush()

    stream.write(csv_bytes(COLUMNS))
    stream.flush()
    yield write


def _cell(value: Any) -> Any:
    return json_text(value) if isinstance(value, list | dict) else value


def csv_bytes(cells: Any) -> bytes:
    """One CSV line, ending in a newline; undecodable bytes of file names as they were."""
    line = io.StringIO()
    # Ends in \r\n here so that the writer quotes a cell which contains either.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    text = line.getvalue().removesuffix("\r\n") + "\n"
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character that no file name's bytes can give
        return text.encode("utf-8", "backslashreplace")


@contextmanager
def _json(stream: BinaryIO) -> Iterator[Writer]:
    outcomes: list[Outcome] = []
    yield outcomes.append
    separator = b"[\n"
    for outcome in with_run_percentiles(outcomes):
        stream.write(separator + json_bytes(row(outcome)))
        separator = b",\n"
    stream.write(b"\n]\n" if outcomes else b"[]\n")


@contextmanager
def _parquet(stream: BinaryIO) -> Iterator[Writer]:
    if stream.isatty():
        raise IlgnetError("Parquet is not for a terminal: name a file with -o, or use a pipe.")
    pa = require("pyarrow", "parquet", "writing Parquet")
    parquet = require("pyarrow.parquet", "parquet", "writing Parquet")
    outcomes: list[Outcome] = []
    yield outcomes.append
    run = with_run_percentiles(outcomes)
    sink = pa.BufferOutputStream()  # a pipe cannot tell its position, as Parquet asks
    with parquet.ParquetWriter(sink, arrow_schema(), compression="zstd") as file:
        for start in range(0, len(run), ROW_GROUP):
            file.write_table(to_arrow(run[start : start + ROW_GROUP]))
    stream.write(sink.getvalue())


@contextmanager
def _table(stream: BinaryIO) -> Iterator[Writer]:
    from ilgnet.report.table import print_table

    outcomes: list[Outcome] = []
    yield outcomes.append
    print_table(with_run_percentiles(outcomes), stream)


_WRITERS: Final[dict[Format, Callable[[BinaryIO], AbstractContextManager[Writer]]]] = {
    "table": _table,
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "parquet": _parquet,
}
