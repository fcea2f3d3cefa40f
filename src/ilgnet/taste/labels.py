"""What a person has said, from sidecars or from a table, matched with photographs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import LibraryError
from ilgnet.library.choosing.bursts import check_features
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.metrics import FEWEST_UNITS
from ilgnet.taste.learn import Comparisons, Opinions, Ratings
from ilgnet.text_files import CsvTable, read_csv

NO_STARS: Final = 0.0
"""A reject is worse than one star."""

PICKED: Final = 4.0
"""What a pick without stars is worth, in stars."""

OUTING_GAP: Final = timedelta(minutes=30)
"""A longer pause begins another outing."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photographs that a person has said something of.

    Attributes:
        photographs: N, with their features; no contents twice.
        opinions: about them, row by row.
        groups: (N,) the day of each; or its outing, where there are too few days.
        left_out: what was said of pictures that are not there, and what could not be read.
    """

    photographs: tuple[Photograph, ...]
    opinions: Opinions
    groups: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def baseline(self) -> NDArray[np.float64]:
        """The model's own scores (N,)."""
        return np.array([photo.score for photo in self.photographs])

    @property
    def features(self) -> NDArray[np.float32]:
        """The model's features (N, D)."""
        check_features(self.photographs)
        vectors = [photo.features for photo in self.photographs if photo.features is not None]
        return np.stack(vectors) if vectors else np.empty((0, 0), np.float32)


def from_opinions(photographs: Sequence[Photograph]) -> Labelled:
    """The person's own stars, rejects and choices; those that this program gave do not count.

    Args:
        photographs: with their features and opinions.
    """
    rated = [photo for photo in _distinct(photographs) if _stars(photo) is not None]
    stars = Ratings(np.array([_stars(photo) for photo in rated], dtype=np.float64))
    problems = (problem for photo in photographs for problem in photo.opinion.problems)
    return Labelled(tuple(rated), stars, group_photographs(rated), tuple(dict.fromkeys(problems)))


def _stars(photo: Photograph) -> float | None:
    opinion = photo.opinion
    if opinion.is_doubtful:
        return None
    if opinion.rating is not None:
        return max(float(opinion.rating), NO_STARS)
    return PICKED if opinion.picked else None


def from_ratings(photographs: Sequence[Photograph], table: Path, root: Path) -> Labelled:
    """A CSV with the columns path and rating, and group where days are not to be the groups.

    Ratings are any numbers, higher is better; of a picture that is rated twice the last counts.

    Args:
        photographs: with their features.
        table: the file.
        root: a folder that its paths may be relative to, beside its own and the current one.
    """
    lookup = _Lookup(photographs, table, root)
    rated: dict[Path, tuple[Photograph, float, str]] = {}
    read = _read(table, "path", "rating")
    for row in read.rows:
        photo = lookup.find(row.cells["path"], row.line)
        if photo is not None:
            group = row.cells.get("group", "")
            rated[photo.path] = photo, read.number(row, "rating"), group
    lookup.check(len(rated))
    found = [photo for photo, _, _ in rated.values()]
    given = tuple(group for _, _, group in rated.values())
    return Labelled(
        tuple(found),
        Ratings(np.array([rating for _, rating, _ in rated.values()])),
        given if found and all(given) else group_photographs(found),
        tuple(lookup.missing),
    )


def from_pairs(photographs: Sequence[Photograph], table: Path, root: Path) -> Labelled:
    """A CSV with the columns winner and loser, such as the page writes; see `from_ratings`."""
    lookup = _Lookup(photographs, table, root)
    rows: dict[Path, int] = {}
    found: list[Photograph] = []
    pairs: list[tuple[int, int]] = []
    for row in _read(table, "winner", "loser").rows:
        winner, loser = (lookup.find(row.cells[name], row.line) for name in ("winner", "loser"))
        if winner is None or loser is None or winner.path == loser.path:
            continue
        for photo in (winner, loser):
            if photo.path not in rows:
                rows[photo.path] = len(found)
                found.append(photo)
        pairs.append((rows[winner.path], rows[loser.path]))
    lookup.check(len(pairs))
    winners, losers = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return Labelled(
        tuple(found), Comparisons(winners, losers), group_photographs(found), tuple(lookup.missing)
    )


def group_photographs(found: Sequence[Photograph]) -> tuple[str, ...]:
    """The day of each photograph; the outing, where there are days for too few groups.

    Photographs without a time go by their folder.
    """
    days = [photo.day or f"folder {photo.path.parent}" for photo in found]
    return tuple(days if len(set(days)) >= FEWEST_UNITS else _outings(found, days))


def _outings(found: Sequence[Photograph], days: Sequence[str]) -> list[str]:
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


def _distinct(found: Iterable[Photograph]) -> list[Photograph]:
    """One photograph for the same contents: a copy in two groups would be on both sides of a
    check.
    """
    contents = {photo.sha256 or photo.path: photo for photo in reversed(list(found))}
    return list(contents.values())[::-1]


class _Lookup:
    """Finds the photographs that a table speaks of, by any of their files."""

    def __init__(self, photographs: Sequence[Photograph], table: Path, root: Path) -> None:
        distinct = {photo.sha256 or photo.path: photo for photo in _distinct(photographs)}
        self._table = table
        self._root = root
        self._files = {
            file: distinct[photo.sha256 or photo.path]
            for photo in photographs
            for file in photo.group.pictures
        }
        self.missing: list[str] = []

    def find(self, path: str, line: int) -> Photograph | None:
        """A path as it is, from the table's folder, or from the library's root."""
        for start in (Path(), self._table.parent, self._root):
            full = Path(os.path.abspath(start / path))
            with suppress(ValueError, OSError):
                photo = self._files.get(full) or self._files.get(full.parent.resolve() / full.name)
                if photo is not None:
                    return photo
        self.missing.append(f"{self._table.name} line {line}: {path} is not in the catalogue")
        return None

    def check(self, found: int) -> None:
        """Refuse a table that speaks of no picture of this library."""
        if not found and self.missing:
            raise LibraryError(
                f"no picture that {self._table} speaks of is in the catalogue of "
                f"{self._root} (first: {self.missing[0]}). Score them with: "
                f"ilgnet score --library {self._root}"
            )


def _read(table: Path, *columns: str) -> CsvTable:
    read = read_csv(table)
    read.need(*columns)
    return read
