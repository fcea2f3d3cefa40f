"""Looking after a catalogue: what is in it, whether it is still true, and forgetting."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from ilgnet.errors import ImageError
from ilgnet.hashing import stream_hash
from ilgnet.images.files import open_image_file
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.rows import FileStamp, Filter
from ilgnet.library.photograph.file_groups import group_files
from ilgnet.library.photograph.scan import Scan, scan


@dataclass(frozen=True, slots=True)
class Scored:
    """A model that has scored in a library, and how many of its pictures."""

    model: str
    pictures: int
    last_used: str


@dataclass(frozen=True, slots=True)
class Status:
    """A library at a glance.

    Attributes:
        pictures: in the catalogue.
        scored: by each model, the last used first.
        failures: code -> pictures that could not be scored when last tried.
        without_time: pictures whose file does not say when they were taken.
        pairs: shots that are a RAW and a JPEG (or HEIC).
        new: pictures in the folder that the catalogue does not know.
        missing: pictures of the catalogue that are no longer in the folder.
        moved: pictures that are at another place now, which scoring will find out: (from, to) pairs
            of files with the same length and time.
        away: pictures that a run moved out of the library, with where they went.
        videos: files that are passed over because they are no pictures.
        unread: pictures that are passed over because their format is not decoded here.
        orphans: sidecars without a picture.
        foreign: folders that belong to other programs, which are passed over.
        catalogue_bytes: the size of the file.
    """

    pictures: int
    scored: tuple[Scored, ...]
    failures: dict[str, int]
    without_time: int
    pairs: int
    new: tuple[str, ...]
    missing: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]
    away: tuple[tuple[str, str], ...]
    videos: tuple[str, ...]
    unread: tuple[str, ...]
    orphans: tuple[str, ...]
    foreign: tuple[str, ...]
    catalogue_bytes: int


def status(catalogue: Catalogue) -> Status:
    """What the catalogue holds and what the folder does; no picture is opened."""
    found = scan(catalogue.place.root)
    known = {row[0] for row in catalogue.read("SELECT path FROM pictures WHERE away IS NULL")}
    failed = {row[0] for row in catalogue.read("SELECT path FROM failures")}
    scored = catalogue.read(
        "SELECT name, count(pictures.path), used FROM models "
        "LEFT JOIN verdicts ON verdicts.model = models.id "
        "LEFT JOIN pictures ON pictures.content = verdicts.content "
        "GROUP BY models.id ORDER BY used DESC"
    )
    untimed = next(
        catalogue.read(
            "SELECT count(*) FROM pictures JOIN contents ON contents.id = content "
            "WHERE taken IS NULL"
        )
    )
    unknown = [path for path in found.pictures if path not in known and path not in failed]
    missing = _missing(catalogue, known, found)
    moved = _moved(catalogue, missing, unknown)
    away = catalogue.read("SELECT path, away FROM pictures WHERE away IS NOT NULL ORDER BY path")
    codes = catalogue.read("SELECT code, count(*) FROM failures GROUP BY code ORDER BY code")
    return Status(
        pictures=len(known),
        scored=tuple(Scored(*row) for row in scored),
        failures=dict(codes),
        without_time=untimed[0],
        pairs=sum(len(files) > 1 for files in group_files(found.pictures)),
        new=tuple(path for path in unknown if path not in moved.values()),
        missing=tuple(path for path in missing if path not in moved),
        moved=tuple(moved.items()),
        away=tuple((path, target) for path, target in away),
        videos=found.videos,
        unread=found.unread,
        orphans=found.orphans,
        foreign=found.foreign,
        catalogue_bytes=catalogue.place.file.stat().st_size,
    )


def _missing(catalogue: Catalogue, known: set[str], found: Scan) -> tuple[str, ...]:
    """Catalogue paths with no file; one that the scan passes over may still be there."""
    absent = sorted(known.difference(found.pictures))
    return tuple(path for path in absent if not os.path.lexists(catalogue.absolute(path)))


def _moved(catalogue: Catalogue, missing: Sequence[str], unknown: Sequence[str]) -> dict[str, str]:
    """Catalogue paths that are gone -> a new file of the same length and time."""
    if not (missing and unknown):
        return {}
    stamps = {}
    for path in unknown:
        with suppress(OSError):
            stamp = FileStamp.of(catalogue.absolute(path).stat())
            stamps[stamp.bytes, stamp.mtime_ns] = path
    gone = set(missing)
    query = "SELECT path, bytes, mtime_ns FROM pictures ORDER BY path"
    return {
        path: stamps.pop((length, mtime_ns))
        for path, length, mtime_ns in catalogue.read(query)
        if path in gone and (length, mtime_ns) in stamps
    }


FileState = Literal["same", "missing", "changed", "damaged", "unreadable"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One catalogued file against what the catalogue says of it.

    Attributes:
        path: its catalogue path.
        state: "changed" has another time or length, as after an edit; "damaged" has the time and
            length that were noted and other contents, as after a fault of the disk.
    """

    path: str
    state: FileState


@dataclass(slots=True)
class Verified:
    """What `verify` found, filled while it runs.

    Attributes:
        structure: what SQLite finds wrong with its file; empty if nothing.
        checked: how many files were looked at.
        paths: the files that are not the same, by state.
    """

    structure: list[str] = field(default_factory=list)
    checked: int = 0
    paths: dict[FileState, list[str]] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing is lost: the file is whole and no picture is damaged or unreadable."""
        return not (self.structure or self.paths.get("damaged") or self.paths.get("unreadable"))

    def add(self, checked: Checked) -> None:
        """Count one file."""
        self.checked += 1
        if checked.state != "same":
            self.paths.setdefault(checked.state, []).append(checked.path)


def check_structure(catalogue: Catalogue) -> list[str]:
    """What SQLite finds wrong with its file; empty if nothing."""
    problems = [str(row[0]) for row in catalogue.read("PRAGMA integrity_check")]
    broken = [
        f"{row[0]}: a row refers to a missing one"
        for row in catalogue.read("PRAGMA foreign_key_check")
    ]
    return ([] if problems == ["ok"] else problems) + broken


def check_files(catalogue: Catalogue, *, read: bool = True) -> Iterator[Checked]:
    """Look at every catalogued file, in the order of their paths.

    Args:
        catalogue: open in any mode.
        read: read every file and compare its hash; without, only look at time and length.
    """
    query = (
        "SELECT path, pictures.bytes, mtime_ns, sha256 FROM pictures "
        "JOIN contents ON contents.id = content WHERE away IS NULL ORDER BY path"
    )
    for path, length, mtime_ns, sha256 in catalogue.read(query):
        yield Checked(path, _state(catalogue, path, (length, mtime_ns), sha256 if read else None))


def _state(
    catalogue: Catalogue, path: str, stamp: tuple[int, int], sha256: bytes | None
) -> FileState:
    file = catalogue.absolute(path)
    try:
        now = FileStamp.of(file.stat())
        if (now.bytes, now.mtime_ns) != stamp:
            return "changed"
        if sha256 is None:
            return "same"
        with open_image_file(file) as stream:
            return "same" if stream_hash(stream) == sha256 else "damaged"
    except FileNotFoundError:
        return "missing"
    except (OSError, ImageError):
        return "unreadable"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What would be forgotten.

    Attributes:
        paths: catalogue paths of pictures and failures.
        moved: pictures that are left out, because they only seem to have another place.
        chosen: how many of the pictures the person has chosen something for.
    """

    paths: tuple[str, ...]
    moved: tuple[str, ...]
    chosen: int


def to_forget(catalogue: Catalogue, *, missing: bool, folder: str | None) -> Forgotten:
    """What forgetting would forget: what has no file, or all of a folder."""
    where, values = Filter(folder=folder).conditions()
    at_home = "away IS NULL AND " if missing else ""
    query = (
        f"SELECT path FROM pictures WHERE {at_home}{where} "
        f"UNION SELECT path FROM failures WHERE {where} ORDER BY path"
    )
    paths = [row[0] for row in catalogue.read(query, [*values, *values])]
    moved: tuple[str, ...] = ()
    if missing:
        paths = [path for path in paths if not os.path.lexists(catalogue.absolute(path))]
        moved = tuple(path for path, _ in status(catalogue).moved) if paths else ()
    left = set(paths).difference(moved)
    chosen = catalogue.read(
        "SELECT path FROM pictures WHERE content IN (SELECT content FROM choices WHERE undone = 0)"
    )
    count = sum(path in left for (path,) in chosen)
    return Forgotten(tuple(p for p in paths if p in left), moved, count)


def folders_away(catalogue: Catalogue) -> dict[str, int]:
    """Folders of the catalogue that are not there now -> pictures known in and below them.

    Only the topmost is named: of a disk that is not connected, where it was mounted.
    """
    root = os.path.realpath(catalogue.place.root)
    there: dict[str, bool] = {}
    found: dict[str, int] = {}
    for (path,) in catalogue.read("SELECT path FROM pictures WHERE away IS NULL ORDER BY path"):
        folder = path.rpartition("/")[0]
        if folder not in there:
            there[folder] = os.path.isdir(os.path.join(root, folder))
        if not there[folder]:
            while (above := folder.rpartition("/")[0]) and not os.path.isdir(
                os.path.join(root, above)
            ):
                folder = above
            found[folder] = found.get(folder, 0) + 1
    return found
