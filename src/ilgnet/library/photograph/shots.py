"""One press of the shutter: its RAW and its JPEG are one shot, however many files there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from posixpath import splitext
from typing import Final

from ilgnet.images.formats import RAW_EXTENSIONS
from ilgnet.library.catalogue.rows import Entry

DEVELOPED_EXTENSIONS: Final = frozenset({".jpg", ".jpeg", ".jpe", ".heic", ".heif", ".hif"})
"""What a camera writes beside its RAW files."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A photograph of the catalogue.

    Attributes:
        entry: the file that speaks for it: the camera's JPEG or HEIC where there is a pair.
        files: all its files, by their catalogue paths, that of `entry` first.
    """

    entry: Entry
    files: tuple[str, ...]

    @property
    def path(self) -> str:
        """The catalogue path of the file that speaks for it."""
        return self.entry.path

    @property
    def score(self) -> float:
        """Mean vote, 1..10."""
        return self.entry.verdict.score

    @property
    def frame_score(self) -> float:
        """What frames of one scene are ordered by, in votes."""
        return self.entry.verdict.frame_score

    @property
    def taken(self) -> datetime | None:
        """The camera's wall clock, without a time zone."""
        return None if self.entry.taken is None else self.entry.taken.replace(tzinfo=None)

    @property
    def day(self) -> str:
        """The day it was taken, "YYYY-MM-DD"; "" where that is not known."""
        return "" if self.entry.taken is None else self.entry.taken.date().isoformat()


def group_files(paths: Iterable[str]) -> list[tuple[str, ...]]:
    """Files that are one shot: same folder, same stem, one of them RAW and one developed.

    Returns:
        Groups in the order of their first file, the developed file first in each.
    """
    stems: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folder, _, name = path.rpartition("/")
        stems[f"{folder}/{splitext(name)[0].lower()}"].append(path)
    return [group for files in stems.values() for group in _pair(files)]


def _pair(files: list[str]) -> list[tuple[str, ...]]:
    if len(files) == 1:
        return [(files[0],)]
    raw = [path for path in files if _extension(path) in RAW_EXTENSIONS]
    developed = [path for path in files if _extension(path) in DEVELOPED_EXTENSIONS]
    if not raw or not developed:
        return [(path,) for path in files]
    others = [path for path in files if path not in raw and path not in developed]
    return [(*developed, *raw), *((path,) for path in others)]


def _extension(path: str) -> str:
    return splitext(path)[1].lower()


def shots(entries: Iterable[Entry]) -> list[Shot]:
    """The shots that some pictures are, in the order of their first file."""
    by_path = {entry.path: entry for entry in entries}
    return [Shot(by_path[group[0]], group) for group in group_files(by_path)]
