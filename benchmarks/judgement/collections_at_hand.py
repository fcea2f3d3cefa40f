"""The rated collections that are measured wherever a user has them.

A folder of a collection's name (`ilgnet data collections` lists them) holds it as its authors pack
it, and its test part is measured; or it holds a `ratings.csv`, a selection with columns of its own
names, as OASIS and PARA are kept here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ilgnet.data.collections import COLLECTIONS, read_part
from ilgnet.data.rated import RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.data.scale import Scale
from ilgnet.data.tables import TableForm
from ilgnet.errors import DataError

RATINGS = "ratings.csv"


@dataclass(frozen=True)
class Selection:
    """How to read the `ratings.csv` of a collection.

    Attributes:
        scale: of its means; None where it has a histogram.
        columns: role -> column, where names do not tell.
        group: what the pictures of a compared pair have in common, for the page.
    """

    scale: str | None
    columns: dict[str, str]
    group: str


SELECTIONS = {
    "oasis": Selection(None, {"category": "category", "group": "category"}, "category"),
    "para": Selection("1..5", {"mean": "mean", "group": "session"}, "session"),
}


def read_selection(name: str, folder: Path) -> RatedSet:
    """Open the `ratings.csv` of a collection."""
    selection = SELECTIONS[name]
    scale = Scale.parse(selection.scale) if selection.scale else None
    form = TableForm(selection.columns, scale)
    return replace(read_rated(folder / RATINGS, images=folder, form=form), name=name)


def at_hand(folder: Path) -> Iterator[RatedSet]:
    """Every known collection that lies in a folder, opened; its name is the folder's."""
    for name in COLLECTIONS:
        place = folder / name
        if name in SELECTIONS and (place / RATINGS).is_file():
            yield read_selection(name, place)
        elif place.is_dir():
            try:
                yield replace(read_part(COLLECTIONS[name], place), name=name)
            except DataError as error:
                print(f"{name}: left out: {error}", flush=True)


def about(name: str) -> str:
    """What a collection is, in one line."""
    if name not in COLLECTIONS:
        return "as given"
    collection = COLLECTIONS[name]
    pairs = f"; pairs of one {SELECTIONS[name].group}" if name in SELECTIONS else ""
    return f"{collection.source}: {collection.ratings}{pairs}"
