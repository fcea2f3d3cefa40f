"""What a person has said, from sidecars or from a table, matched with the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.rows import Model
from ilgnet.library.photograph.shots import Shot, shots
from ilgnet.library.sidecar.ratings import own_ratings
from ilgnet.metrics import FEWEST_UNITS
from ilgnet.taste.learn import Choices, Opinions, Stars
from ilgnet.text_files import CsvTable, read_csv

REJECTED: Final = 0.0
"""A reject is worse than one star."""

OUTING_GAP: Final = timedelta(minutes=30)
"""A longer pause begins another outing."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures that a person has said something of.

    Attributes:
        shots: N of the catalogue, no contents twice.
        opinions: about them, row by row.
        groups: (N,) the day of each; or its outing, where there are too few days.
        left_out: what was said of pictures that are not there, and what could not be read.
    """

    shots: tuple[Shot, ...]
    opinions: Opinions
    groups: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def stock(self) -> NDArray[np.float64]:
        """The model's own scores (N,)."""
        return np.array([shot.score for shot in self.shots])


def from_sidecars(catalogue: Catalogue, model: Model) -> Labelled:
    """The person's own stars and rejects; those that this program gave do not count."""
    found = _distinct(shots(catalogue.entries(model)))
    ratings = own_ratings(catalogue.library.root, found)
    rated = [shot for shot in found if shot.path in ratings.stars]
    values = [float(max(ratings.stars[shot.path], REJECTED)) for shot in rated]
    stars = Stars(np.array(values))
    return Labelled(tuple(rated), stars, group_shots(rated), tuple(ratings.problems))


def from_ratings(catalogue: Catalogue, model: Model, table: Path) -> Labelled:
    """A CSV with the columns path and rating, and group where days are not to be the groups.

    Ratings are any numbers, higher is better; of a picture that is rated twice the last counts.
    """
    lookup = _Lookup(catalogue, model, table)
    rated: dict[str, tuple[Shot, float, str]] = {}
    read = _read(table, "path", "rating")
    for row in read.rows:
        shot = lookup.find(row.cells["path"], row.line)
        if shot is not None:
            group = row.cells.get("group", "")
            rated[shot.path] = shot, read.number(row, "rating"), group
    lookup.check(len(rated))
    found = [shot for shot, _, _ in rated.values()]
    given = tuple(group for _, _, group in rated.values())
    return Labelled(
        tuple(found),
        Stars(np.array([rating for _, rating, _ in rated.values()])),
        given if found and all(given) else group_shots(found),
        tuple(lookup.missing),
    )


def from_choices(catalogue: Catalogue, model: Model, table: Path) -> Labelled:
    """A CSV with the columns winner and loser, such as the page writes."""
    lookup = _Lookup(catalogue, model, table)
    rows: dict[str, int] = {}
    found: list[Shot] = []
    pairs: list[tuple[int, int]] = []
    for row in _read(table, "winner", "loser").rows:
        pair = [lookup.find(row.cells[name], row.line) for name in ("winner", "loser")]
        if pair[0] is None or pair[1] is None or pair[0].path == pair[1].path:
            continue
        for shot in (pair[0], pair[1]):
            if shot.path not in rows:
                rows[shot.path] = len(found)
                found.append(shot)
        pairs.append((rows[pair[0].path], rows[pair[1].path]))
    lookup.check(len(pairs))
    winners, losers = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return Labelled(
        tuple(found), Choices(winners, losers), group_shots(found), tuple(lookup.missing)
    )


def group_shots(found: Sequence[Shot]) -> tuple[str, ...]:
    """The day of each shot; the outing, where there are days for too few groups.

    Shots without a time go by their folder.
    """
    days = [shot.day or f"folder {_folder(shot)}" for shot in found]
    return tuple(days if len(set(days)) >= FEWEST_UNITS else _outings(found, days))


def _outings(found: Sequence[Shot], days: Sequence[str]) -> list[str]:
    groups = list(days)
    last: dict[str, datetime] = {}
    number: dict[str, int] = defaultdict(int)
    for index in sorted(range(len(found)), key=lambda i: found[i].taken or datetime.min):
        taken, day = found[index].taken, days[index]
        if taken is not None:
            number[day] += day in last and taken - last[day] > OUTING_GAP
            last[day] = taken
            groups[index] = f"{day}, outing {number[day] + 1}"
    return groups


def _folder(shot: Shot) -> str:
    return shot.path.rpartition("/")[0]


def _distinct(found: Iterable[Shot]) -> list[Shot]:
    """One shot for the same contents: a copy in two groups would be on both sides of a check."""
    return list({shot.entry.sha256: shot for shot in reversed(list(found))}.values())[::-1]


class _Lookup:
    """Finds the shots that a table speaks of, by any of their files."""

    def __init__(self, catalogue: Catalogue, model: Model, table: Path) -> None:
        found = shots(catalogue.entries(model))
        distinct = {shot.entry.sha256: shot for shot in _distinct(found)}
        self._catalogue = catalogue
        self._table = table
        self._shots = {file: distinct[shot.entry.sha256] for shot in found for file in shot.files}
        self.missing: list[str] = []

    def find(self, path: str, line: int) -> Shot | None:
        """A path as it is, from the table's folder, or from the library's root."""
        for start in (Path(), self._table.parent, self._catalogue.library.root):
            try:
                shot = self._shots.get(self._catalogue.relative(start / path))
            except (LibraryError, ValueError):
                continue
            if shot is not None:
                return shot
        self.missing.append(f"{self._table.name} line {line}: {path} is not in the catalogue")
        return None

    def check(self, found: int) -> None:
        """Refuse a table that speaks of no picture of this library."""
        if not found and self.missing:
            raise LibraryError(
                f"no picture that {self._table} speaks of is in the catalogue of "
                f"{self._catalogue.library.root} (first: {self.missing[0]}). Score them with: "
                f"ilgnet score --library {self._catalogue.library.root}"
            )


def _read(table: Path, *columns: str) -> CsvTable:
    read = read_csv(table)
    read.need(*columns)
    return read
