"""Rated pictures from a table: CSV, TSV (plain or gzip) or Parquet, one row a picture or a choice.

Pictures are rated by a histogram of votes, a mean, a label (high or low) or stars; or a row says
which of two pictures was preferred. Any scale is mapped to 1..10, see `ilgnet.data.scale`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ilgnet.data.columns import Layout, find_layout
from ilgnet.data.lists import set_name
from ilgnet.data.rated import Choice, RatedImage, RatedSet
from ilgnet.data.scale import Scale, mean_of_votes, votes_to_ten
from ilgnet.errors import DataError, in_words, require
from ilgnet.text_files import read_csv

TABLE_SUFFIXES: Final = (".csv", ".tsv", ".parquet")

_HIGH: Final = {"1": True, "true": True, "high": True, "yes": True, "good": True}
_LOW: Final = {"0": False, "false": False, "low": False, "no": False, "bad": False}
LABELS: Final = {**_HIGH, **_LOW}
"""How labels are written, in any case."""

SHOWN_VALUES: Final = 8
"""Of a column in which no value is the one asked for."""


@dataclass(frozen=True, slots=True)
class TableForm:
    """How to read a table.

    Attributes:
        columns: role -> column name, for columns that their names do not give away. Roles:
            picture, votes (what stands before the number), mean, stars, label, better, worse,
            group, category.
        scale: of means, as in 1..7; votes and stars bring their own.
        where: column -> value; other rows are left out.
        collection: the published collection whose ids the pictures' names are, such as "ava".
    """

    columns: Mapping[str, str]
    scale: Scale | None = None
    where: Mapping[str, str] | None = None
    collection: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row and where it stands, for errors."""

    table: str
    line: int
    cells: Mapping[str, Any]

    def text(self, column: str) -> str:
        value = self.cells.get(column)
        return "" if value is None else str(value).strip()

    def number(self, column: str) -> float:
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(column, f"{text!r} is not a number")
        return value

    def error(self, column: str, what: str) -> DataError:
        return DataError(
            f"{self.table}, line {self.line}, column {column!r}: {what}; "
            "correct the cell or take the row out"
        )


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table."""
    return path.name.lower().removesuffix(".gz").endswith(TABLE_SUFFIXES)


def read_table(path: Path, form: TableForm, images: Path | None = None) -> RatedSet:
    """Read a table of ratings.

    Args:
        path: CSV, TSV (plain or gzip) or Parquet.
        form: which column is what, and the scale.
        images: the folder that the pictures' names are relative to; None takes the table's own.

    Raises:
        DataError: names the file, the line and the column, and the remedy.
    """
    header, rows = _open(path)
    layout = find_layout(header, form.columns, form.scale, str(path))
    for column in form.where or {}:
        if column not in header:
            raise DataError(f"{path} has no column {column!r}; it has: {', '.join(header)}")
    wanted = [row for row in rows if _matches(row, form.where or {})]
    if not wanted:
        raise DataError(_none_left(path, rows, form.where or {}))
    folder = images or path.parent
    if layout.rating == "choice":
        return _choices(path, wanted, layout, folder, form.collection)
    rated = [_image(row, layout, folder, form.collection) for row in wanted]
    return RatedSet(
        set_name(path),
        tuple(image for image in rated if image is not None),
        scale=str(layout.scale) if layout.scale else "high or low",
        unrated=sum(image is None for image in rated),
    )


def _matches(row: _Row, where: Mapping[str, str]) -> bool:
    return all(row.text(column) == value for column, value in where.items())


def _none_left(path: Path, rows: list[_Row], where: Mapping[str, str]) -> str:
    """Says what the columns do hold, when nothing that was asked for is there."""
    if not rows:
        return f"{path} has column names, but no row"
    asked = ", ".join(f"{column}={value}" for column, value in where.items())
    held = []
    for column in where:
        values = dict.fromkeys(row.text(column) for row in rows)
        shown = ", ".join(repr(value) for value in list(values)[:SHOWN_VALUES])
        held.append(f"{column!r} holds {shown}{', ...' if len(values) > SHOWN_VALUES else ''}")
    return f"{path}: no row has {asked}; {'; '.join(held)}"


def _open(path: Path) -> tuple[list[str], list[_Row]]:
    if path.suffix.lower() == ".parquet":
        return _open_parquet(path)
    table = read_csv(path)
    if len(table.columns) < 2:
        raise DataError(f"{path} needs a first line of column names, separated by commas")
    return list(table.columns), [_Row(str(path), row.line, row.cells) for row in table.rows]


def _open_parquet(path: Path) -> tuple[list[str], list[_Row]]:
    parquet = require("pyarrow.parquet", "parquet", "reading Parquet")
    arrow = require("pyarrow", "parquet", "reading Parquet")
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {in_words(error)}") from error
    rows = [_Row(str(path), number, row) for number, row in enumerate(table.to_pylist(), 1)]
    return list(table.column_names), rows


def _image(row: _Row, layout: Layout, folder: Path, collection: str) -> RatedImage | None:
    """The picture of one row; None where it names a picture without rating it."""
    names = layout.names
    mean, votes = _rating(row, layout)
    label = _label(row, names["label"]) if "label" in names else None
    if mean is None and label is None:
        return None
    name = _picture(row, names["picture"])
    category = row.text(names["category"]) if "category" in names else ""
    return RatedImage(
        id=name,
        path=folder / name,
        mean=mean,
        votes=votes,
        label=label,
        group=row.text(names["group"]) if "group" in names else "",
        categories=(category,) if category else (),
        collection=collection,
    )


def _picture(row: _Row, column: str) -> str:
    name = row.text(column).replace("\\", "/")
    if not name:
        raise row.error(column, "there is no picture's name")
    # Many data sets name their pictures by a number; AVA's are <id>.jpg.
    return name if Path(name).suffix else f"{name}.jpg"


def _rating(row: _Row, layout: Layout) -> tuple[float | None, tuple[float, ...] | None]:
    """Mean vote 1..10 and votes 1..10, each None where the row has none."""
    match layout.rating:
        case "votes":
            votes = votes_to_ten([_count(row, column) for column in layout.votes])
            if sum(votes) == 0:
                return None, None
            return mean_of_votes(votes), votes
        case "stars" if row.text(layout.names["stars"]) in ("", "0", "0.0"):
            return None, None  # an unrated picture, as cameras and catalogues write it
        case "mean" | "stars" as role:
            assert layout.scale is not None
            column = layout.names[role]
            value = row.number(column)
            if value not in layout.scale:
                raise row.error(column, f"{value:g} is not on the scale {layout.scale}")
            return layout.scale.to_ten(value), None
    return None, None


def _count(row: _Row, column: str) -> float:
    count = row.number(column)
    if count < 0:
        raise row.error(column, f"{count:g} is not a number of votes")
    return count


def _label(row: _Row, column: str) -> bool:
    text = row.text(column).lower().removesuffix(".0")
    if text not in LABELS:
        raise row.error(column, f"{text!r} is not one of 1, 0, high, low, true, false")
    return LABELS[text]


def _choices(
    path: Path, rows: list[_Row], layout: Layout, folder: Path, collection: str
) -> RatedSet:
    choices = [
        Choice(_picture(row, layout.names["better"]), _picture(row, layout.names["worse"]))
        for row in rows
    ]
    for row, choice in zip(rows, choices, strict=True):
        if choice.better == choice.worse:
            raise row.error(layout.names["worse"], f"{choice.worse!r} is compared with itself")
    names = dict.fromkeys(name for choice in choices for name in (choice.better, choice.worse))
    images = tuple(RatedImage(name, folder / name, collection=collection) for name in names)
    return RatedSet(set_name(path), images, tuple(choices), scale="choices")
