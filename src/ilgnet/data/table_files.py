"""A table's rows, whatever file they lie in: CSV, TSV, Parquet, Excel, lines without a header."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ilgnet.errors import DataError, in_words, require
from ilgnet.text_files import read_csv, read_text

TABLE_SUFFIXES: Final = (".csv", ".tsv", ".parquet", ".xlsx")

_COMMA: Final = re.compile(r"-?\d+,\d+")
"""A number as spreadsheets write it where the comma is the decimal point."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it stands, for errors.

    Attributes:
        table: the file.
        line: where the row ends in it, counted from 1.
        cells: column -> text, or a value where the file has types.
    """

    table: str
    line: int
    cells: Mapping[str, Any]

    def text(self, column: str) -> str:
        """A cell without the white space around it; "" where it is empty."""
        value = self.cells.get(column)
        return "" if value is None else str(value).strip()

    def number(self, column: str) -> float:
        """A cell as a finite number."""
        text = self.text(column)
        try:
            value = float(text.replace(",", ".") if _COMMA.fullmatch(text) else text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(column, f"{text!r} is not a number")
        return value

    def error(self, column: str, what: str) -> DataError:
        """What is wrong with a cell."""
        return DataError(
            f"{self.table}, line {self.line}, column {column!r}: {what}; "
            "correct the cell or take the row out"
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column names.

    Attributes:
        path: the file.
        header: the columns' names, in order.
        rows: in order.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[Row, ...]


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table."""
    return path.name.lower().removesuffix(".gz").endswith(TABLE_SUFFIXES)


def open_table(path: Path, *, header: Sequence[str] = (), separator: str = "") -> Table:
    """Read a table.

    Args:
        path: .csv and .tsv (plain or gzip, any encoding and separator that spreadsheets write),
            .parquet, or .xlsx (its first sheet).
        header: the columns' names, for a text file without a line of names.
        separator: of the columns, where it is none of those that are recognised; " " stands for
            any white space.

    Raises:
        DataError: the file is not there, or is not what its name says.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _open_parquet(path)
    if suffix == ".xlsx":
        return _open_excel(path)
    if header or separator:
        return _open_text(path, header, separator)
    read = read_csv(path)
    if len(read.columns) < 2:
        raise DataError(
            f"{path} needs a first line of column names, separated by commas, semicolons or tabs"
        )
    return Table(path, read.columns, tuple(Row(str(path), r.line, r.cells) for r in read.rows))


def made_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> Table:
    """A table of rows that were read in another way, such as JSON; they share their columns."""
    made = tuple(Row(str(path), number, cells) for number, cells in enumerate(rows, 1))
    if not made:
        raise DataError(f"{path} holds no picture")
    return Table(path, tuple(made[0].cells), made)


def _open_text(path: Path, header: Sequence[str], separator: str) -> Table:
    text = read_text(path)
    lines = (
        (line.split() for line in text.splitlines())
        if separator == " "
        else csv.reader(io.StringIO(text, newline=""), delimiter=separator or ",")
    )
    rows = [(number, cells) for number, cells in enumerate(lines, 1) if cells]
    names = tuple(header)
    if not names:
        if not rows:
            raise DataError(f"{path} is empty")
        names = tuple(cell.strip() for cell in rows.pop(0)[1])
    for number, cells in rows:
        if len(cells) != len(names):
            raise DataError(
                f"{path}, line {number}: {len(cells)} values where {len(names)} are expected "
                f"({', '.join(names)})"
            )
    return Table(
        path,
        names,
        tuple(Row(str(path), n, dict(zip(names, cells, strict=True))) for n, cells in rows),
    )


def _open_parquet(path: Path) -> Table:
    parquet = require("pyarrow.parquet", "parquet", "reading Parquet")
    arrow = require("pyarrow", "parquet", "reading Parquet")
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {in_words(error)}") from error
    rows = (Row(str(path), number, row) for number, row in enumerate(table.to_pylist(), 1))
    return Table(path, tuple(table.column_names), tuple(rows))


def _open_excel(path: Path) -> Table:
    excel = require("openpyxl", "xlsx", "reading Excel's files")
    try:
        book = excel.load_workbook(path, read_only=True, data_only=True)
        values = [row for row in book.worksheets[0].iter_rows(values_only=True) if any(row)]
        book.close()
    except Exception as error:  # openpyxl raises whatever its XML and ZIP readers raise
        raise DataError(f"{path} cannot be read as an Excel file: {in_words(error)}") from error
    if not values:
        raise DataError(f"{path}: its first sheet is empty")
    header = tuple("" if name is None else str(name).strip() for name in values[0])
    rows = (
        Row(str(path), number, dict(zip(header, cells, strict=False)))
        for number, cells in enumerate(values[1:], 2)
    )
    return Table(path, header, tuple(rows))
