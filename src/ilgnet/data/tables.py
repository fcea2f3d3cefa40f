"""Rated pictures from a table: CSV, TSV, Parquet or Excel, one row a picture, a vote or a choice.

Pictures are rated by a histogram of votes, a mean, a label (high or low) or stars; or a row is what
one person gave; or it says which of two pictures was preferred. Any scale is mapped to 1..10, see
`ilgnet.data.scale`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Final

from ilgnet.data.columns import PATTERN, Layout, find_layout
from ilgnet.data.lists import set_name
from ilgnet.data.rated import LeftOut, PersonalRating, Preference, RatedImage, RatedSet
from ilgnet.data.scale import Scale, mean_of_votes, votes_to_ten
from ilgnet.data.table_files import Row, Table, open_table
from ilgnet.errors import DataError

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
            group, category, person. "{one}/{other}" makes a name of two columns.
        scale: of means, as in 1..7; votes and stars bring their own.
        where: column -> value; other rows are left out.
        collection: the published collection whose ids the pictures' names are, such as "ava".
    """

    columns: Mapping[str, str]
    scale: Scale | None = None
    where: Mapping[str, str] | None = None
    collection: str = ""


def read_table(path: Path, form: TableForm, images: Path | None = None) -> RatedSet:
    """Read a table of ratings.

    Args:
        path: see `ilgnet.data.table_files.open_table`.
        form: which column is what, and the scale.
        images: the folder that the pictures' names are relative to; None takes the table's own.

    Raises:
        DataError: names the file, the line and the column, and the remedy.
    """
    return rated_table(open_table(path), form, images or path.parent)


def rated_table(table: Table, form: TableForm, folder: Path) -> RatedSet:
    """What a table says of pictures in a folder; see `read_table`."""
    where = str(table.path)
    layout = find_layout(table.header, form.columns, form.scale, where)
    for column in form.where or {}:
        if column not in table.header:
            raise DataError(f"{where} has no column {column!r}; it has: {', '.join(table.header)}")
    rows = [row for row in table.rows if _matches(row, form.where or {})]
    if not rows:
        raise DataError(_none_left(table, form.where or {}))
    name = set_name(table.path)
    if layout.rating == "choice":
        return _choices(name, rows, layout, folder, form.collection)
    scale = str(layout.scale) if layout.scale else "high or low"
    read = [(row, _image(row, layout, folder, form.collection)) for row in rows]
    images = tuple(image for _, image in read if image is not None)
    unrated = tuple(_picture(row, layout.names["picture"]) for row, image in read if image is None)
    left_out = (LeftOut("not rated", unrated),) if unrated else ()
    if "person" not in layout.names:
        return RatedSet(name, images, scale=scale, left_out=left_out)
    persons = (row.text(layout.names["person"]) for row, image in read if image is not None)
    return _together(name, list(zip(persons, images, strict=True)), layout, left_out)


def _matches(row: Row, where: Mapping[str, str]) -> bool:
    return all(row.text(column) == value for column, value in where.items())


def _none_left(table: Table, where: Mapping[str, str]) -> str:
    """Says what the columns do hold, when nothing that was asked for is there."""
    if not table.rows:
        return f"{table.path} has column names, but no row"
    asked = ", ".join(f"{column}={value}" for column, value in where.items())
    contents = []
    for column in where:
        values = dict.fromkeys(row.text(column) for row in table.rows)
        shown = ", ".join(repr(value) for value in list(values)[:SHOWN_VALUES])
        contents.append(f"{column!r} holds {shown}{', ...' if len(values) > SHOWN_VALUES else ''}")
    return f"{table.path}: no row has {asked}; {'; '.join(contents)}"


def _image(row: Row, layout: Layout, folder: Path, collection: str) -> RatedImage | None:
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


def _picture(row: Row, column: str) -> str:
    if PATTERN.search(column):
        name = PATTERN.sub(lambda found: row.text(found[1]), column).replace("\\", "/")
    else:
        name = row.text(column).replace("\\", "/")
    if not name:
        raise row.error(column, "there is no picture's name")
    # Many data sets name their pictures by a number; AVA's are <id>.jpg.
    return name if Path(name).suffix else f"{name}.jpg"


def _rating(row: Row, layout: Layout) -> tuple[float | None, tuple[float, ...] | None]:
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


def _count(row: Row, column: str) -> float:
    count = row.number(column)
    if count < 0:
        raise row.error(column, f"{count:g} is not a number of votes")
    return count


def _label(row: Row, column: str) -> bool:
    text = row.text(column).lower().removesuffix(".0")
    if text not in LABELS:
        raise row.error(column, f"{text!r} is not one of 1, 0, high, low, true, false")
    return LABELS[text]


def _together(
    name: str, rated: list[tuple[str, RatedImage]], layout: Layout, left_out: tuple[LeftOut, ...]
) -> RatedSet:
    """Rows of one person's rating each as pictures: the mean of their ratings, and their votes."""
    assert layout.scale is not None, "persons give numbers"
    by_picture: dict[str, list[RatedImage]] = {}
    for _, image in rated:
        by_picture.setdefault(image.id, []).append(image)
    images = []
    for ratings in by_picture.values():
        means = [image.mean for image in ratings if image.mean is not None]
        images.append(replace(ratings[0], mean=fmean(means), votes=_histogram(means, layout.scale)))
    personal = tuple(
        PersonalRating(person, image.id, image.mean)
        for person, image in rated
        if image.mean is not None
    )
    return RatedSet(
        name, tuple(images), scale=str(layout.scale), left_out=left_out, personal=personal
    )


def _histogram(values: Sequence[float], scale: Scale) -> tuple[float, ...] | None:
    """Votes 1..10 of ratings that were mapped to 1..10; None where they are no whole steps."""
    steps = round(scale.high - scale.low)
    places = [(value - 1.0) * steps / 9.0 for value in values]
    if steps < 1 or steps != scale.high - scale.low:
        return None
    if any(abs(place - round(place)) > 1e-6 for place in places):
        return None
    counts = [0.0] * (steps + 1)
    for place in places:
        counts[round(place)] += 1.0
    return votes_to_ten(counts)


def _choices(
    name: str, rows: Sequence[Row], layout: Layout, folder: Path, collection: str
) -> RatedSet:
    choices = [
        Preference(_picture(row, layout.names["better"]), _picture(row, layout.names["worse"]))
        for row in rows
    ]
    for row, choice in zip(rows, choices, strict=True):
        if choice.better == choice.worse:
            raise row.error(layout.names["worse"], f"{choice.worse!r} is compared with itself")
    names = dict.fromkeys(name for choice in choices for name in (choice.better, choice.worse))
    images = tuple(RatedImage(name, folder / name, collection=collection) for name in names)
    return RatedSet(name, images, tuple(choices), scale="choices")
