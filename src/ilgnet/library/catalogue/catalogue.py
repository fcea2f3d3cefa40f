"""The catalogue: what is known of every picture of a library, in one SQLite file.

A verdict belongs to what a file holds (its SHA-256) under one model and one preprocessing, so a
moved, renamed or copied picture keeps it. A path only says where such contents were last seen;
length, times and inode spare reading the file again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.file import CatalogueFile, Mode
from ilgnet.library.catalogue.place import Library
from ilgnet.library.catalogue.rows import (
    Entry,
    Filter,
    Model,
    Seen,
    Stamp,
    model_digest,
    pack_votes,
    verdict_from_row,
)
from ilgnet.library.photograph.capture import sequence_number
from ilgnet.values import Failure, Verdict
from ilgnet.zoo.records import Weights

RACY_NS: Final = 2_000_000_000
"""A file that changed this shortly before it was read may change again without its time showing
it (FAT keeps two seconds), so its stamp is not trusted and it is hashed again."""

EVERYTHING: Final = Filter()


class Catalogue:
    """An open catalogue. Use it as a context manager, from the thread that opened it.

    Attributes:
        library: where the pictures and the file are.
    """

    def __init__(self, library: Library, mode: Mode = "write") -> None:
        """Open a catalogue.

        Args:
            library: where it is.
            mode: "read" changes nothing on disk, "write" needs the file, "create" may make it.

        Raises:
            LibraryError: it is not there, damaged, from a newer version, or cannot be written.
        """
        self.library = library
        self._root = os.path.realpath(library.root)
        self._prefix = os.path.join(library.root, "")
        self._parents: dict[str, str] = {}
        self._file = CatalogueFile(library, mode)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; SQLite folds its journal into it."""
        self._file.connection.close()

    def read(self, query: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a query on the tables in `catalogue_schema`."""
        return self._file.read(query, values)

    # Paths

    def relative(self, path: str | os.PathLike[str]) -> str:
        """A picture's path as the catalogue writes it: below the root, with forward slashes.

        Raises:
            LibraryError: the picture is not in this library.
        """
        parent, name = os.path.split(os.path.abspath(os.fspath(path)))
        if parent not in self._parents:
            # The folder's own links are resolved; a picture that is a link stays where it is.
            real = os.path.realpath(parent)
            # From one drive to another, on Windows, no relative path leads.
            same = os.path.splitdrive(real)[0] == os.path.splitdrive(self._root)[0]
            self._parents[parent] = os.path.relpath(real, self._root) if same else ".."
        folder = self._parents[parent].replace(os.sep, "/")
        if folder == ".." or folder.startswith("../"):
            raise LibraryError(
                f"{path} is not in the library {self.library.root}: a library holds the pictures "
                "below its folder"
            )
        return name if folder == "." else f"{folder}/{name}"

    def absolute(self, path: str) -> Path:
        """Where a catalogued picture is: below the root as the user named it."""
        return self.library.root / path

    def within(self, folder: Path) -> Filter:
        """The pictures of a folder of this library."""
        return Filter(folder=self.relative(folder / "any").rpartition("/")[0])

    # Models

    def model(self, weights: Weights) -> Model:
        """The row of a model, made where it is new and marked as used now."""
        key = (weights.name, model_digest(weights), weights.preprocess.fingerprint(), _now())
        with self._file.transaction() as connection:
            row = connection.execute(
                "INSERT INTO models (name, digest, preprocess, used) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (digest, preprocess) DO UPDATE "
                "SET name = excluded.name, used = excluded.used RETURNING id",
                key,
            ).fetchone()
        return Model(row[0], *key)

    def models(self) -> list[Model]:
        """Every model that has scored here, the last used first."""
        query = "SELECT id, name, digest, preprocess, used FROM models ORDER BY used DESC, id DESC"
        return [Model(*row) for row in self.read(query)]

    def find_model(self, name: str | None = None) -> Model:
        """The model last used, or the last of a name or digest.

        Raises:
            LibraryError: nothing was scored yet, or not with this model.
        """
        models = self.models()
        for model in models:
            if name is None or name in (model.name, model.digest):
                return model
        known = ", ".join(sorted({model.name for model in models})) or "none yet"
        raise LibraryError(
            f"no picture of this library was scored by {name or 'any model'} (models: {known}). "
            f"Score with: ilgnet score --library {self.library.root}"
        )

    # Looking up

    def unchanged(self, path: str, stamp: Stamp) -> bytes | None:
        """The hash of a file whose stamp says that it holds what it held; else None."""
        query = (
            "SELECT sha256 FROM pictures JOIN contents ON contents.id = content "
            "WHERE path = CAST(? AS TEXT) AND (bytes, mtime_ns, ctime_ns, inode) = (?, ?, ?, ?) "
            "AND checked_ns - max(mtime_ns, ctime_ns) > ?"
        )
        values = (os.fsencode(path), *astuple(stamp), RACY_NS)
        row = next(self.read(query, values), None)
        return None if row is None else bytes(row[0])

    def verdict(self, sha256: bytes, model: Model, path: str) -> Verdict | None:
        """What a model said of these contents, under the given path; None if it did not."""
        query = (
            "SELECT score, std, p_high, percentile, votes, technical, width, height "
            "FROM contents JOIN verdicts ON content = contents.id WHERE sha256 = ? AND model = ?"
        )
        row = next(self.read(query, (sha256, model.id)), None)
        return None if row is None else verdict_from_row(path, model, *row)

    def entries(self, model: Model, which: Filter = EVERYTHING) -> Iterator[Entry]:
        """The pictures that a model has scored, in the order of their paths."""
        where, values = which.conditions()
        query = (
            "SELECT path, sha256, taken, camera, sequence, "
            "score, std, p_high, percentile, votes, technical, width, height "
            "FROM pictures JOIN contents ON contents.id = pictures.content "
            "JOIN verdicts ON verdicts.content = contents.id AND model = ? "
            f"WHERE {where} ORDER BY path"
        )
        for path, sha256, taken, camera, sequence, *said in self.read(query, (model.id, *values)):
            verdict = verdict_from_row(self._prefix + path, model, *said)
            moment = datetime.fromisoformat(taken) if taken else None
            yield Entry(path, bytes(sha256), verdict, moment, camera, sequence)

    def failures(self, folder: str | None = None) -> Iterator[Failure]:
        """The pictures that could not be scored when last tried, in the order of their paths."""
        where, values = Filter(folder=folder).conditions()
        query = f"SELECT path, code, message FROM failures WHERE {where} ORDER BY path"
        for path, code, message in self.read(query, values):
            yield Failure(self._prefix + path, code, message)

    def features(self, model: Model, contents: Sequence[bytes]) -> NDArray[np.float32]:
        """Pooled features float32 (N, D) of contents that `entries` lists.

        Raises:
            LibraryError: some have none.
        """
        query = (
            "SELECT vector FROM features JOIN contents ON contents.id = content "
            "WHERE sha256 = ? AND model = ?"
        )
        vectors = np.empty((0, 0), np.float32)
        for index, sha256 in enumerate(contents):
            row = next(self.read(query, (sha256, model.id)), None)
            if row is None:
                raise LibraryError(
                    f"the catalogue holds no features of {sha256.hex()[:12]}... by {model.name}. "
                    f"Forget this model (ilgnet library forget --model {model.name} --apply) "
                    "and score again"
                )
            vector = np.frombuffer(row[0], dtype="<f2")
            if index == 0:
                vectors = np.empty((len(contents), len(vector)), dtype=np.float32)
            vectors[index] = vector
        return vectors

    def reading(self) -> set[str]:
        """Catalogue paths that a run which has died, or another that is at work, was reading."""
        return {row[0] for row in self.read("SELECT path FROM reading")}

    def fatal(self) -> dict[bytes, str]:
        """Hashes of contents that have ended their reader, and how."""
        return {bytes(row[0]): row[1] for row in self.read("SELECT sha256, message FROM fatal")}

    # Writing

    def begin_reading(self, path: str) -> None:
        """Note that a picture is going to be read, so that the next run knows if this one dies."""
        with self._file.transaction(durable=False) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO reading VALUES (CAST(? AS TEXT))", (os.fsencode(path),)
            )

    def record_fatal(self, path: str, sha256: bytes, message: str) -> None:
        """Note that contents end their reader, and that they are no longer being read."""
        name = os.fsencode(path)
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO fatal VALUES (CAST(? AS TEXT), ?, ?, ?)",
                (name, sha256, message, _now()),
            )
            connection.execute("DELETE FROM reading WHERE path = CAST(? AS TEXT)", (name,))

    def record(
        self,
        model: Model,
        outcomes: Iterable[tuple[Seen, Verdict | None] | Failure],
        read: Iterable[str] = (),
    ) -> None:
        """Keep a handful of outcomes in one transaction.

        Args:
            model: the one that scored.
            outcomes: what was seen with its verdict, or with None where the contents have theirs
                already; and failures, whose path is the catalogue's.
            read: catalogue paths that are no longer being read.
        """
        with self._file.transaction() as connection:
            connection.executemany(
                "DELETE FROM reading WHERE path = CAST(? AS TEXT)",
                [(os.fsencode(path),) for path in read],
            )
            for outcome in outcomes:
                if isinstance(outcome, Failure):
                    _record_failure(connection, outcome)
                else:
                    self._record_seen(connection, model, *outcome)

    def _record_seen(
        self, connection: sqlite3.Connection, model: Model, seen: Seen, verdict: Verdict | None
    ) -> None:
        if verdict is not None:
            _record_verdict(connection, model, seen, verdict)
        known = "SELECT id FROM contents WHERE sha256 = ?"
        row = connection.execute(known, (seen.sha256,)).fetchone()
        if row is None:
            return  # another process forgot it in this moment; it is new the next time
        taken = None if seen.capture.taken is None else seen.capture.taken.isoformat()
        connection.execute(
            "UPDATE contents SET taken = coalesce(taken, ?), camera = coalesce(camera, ?) "
            "WHERE id = ?",
            (taken, seen.capture.camera, row[0]),
        )
        path = os.fsencode(seen.path)
        number = sequence_number(seen.path.rpartition("/")[2])
        connection.execute(
            "INSERT OR REPLACE INTO pictures VALUES (CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?)",
            (path, row[0], *astuple(seen.stamp), seen.checked_ns, number),
        )
        connection.execute("DELETE FROM failures WHERE path = CAST(? AS TEXT)", (path,))
        self._forget_moved_from(connection, row[0], path)

    def _forget_moved_from(self, connection: sqlite3.Connection, content: int, path: bytes) -> None:
        """Contents that are here now and no longer where they were have been moved."""
        query = "SELECT path FROM pictures WHERE content = ? AND path <> CAST(? AS TEXT)"
        for (other,) in connection.execute(query, (content, path)).fetchall():
            if not os.path.lexists(self.absolute(other)):
                connection.execute(
                    "DELETE FROM pictures WHERE path = CAST(? AS TEXT)", (os.fsencode(other),)
                )

    def forget(self, paths: Iterable[str]) -> None:
        """Forget pictures by their catalogue paths, and contents that are then at no path."""
        names = [(os.fsencode(path),) for path in paths]
        with self._file.transaction() as connection:
            connection.execute("CREATE TEMP TABLE forgotten (path TEXT PRIMARY KEY)")
            connection.executemany(
                "INSERT OR IGNORE INTO forgotten VALUES (CAST(? AS TEXT))", names
            )
            connection.execute(
                "DELETE FROM contents WHERE id IN "
                "(SELECT content FROM pictures WHERE path IN forgotten) AND id NOT IN "
                "(SELECT content FROM pictures WHERE path NOT IN forgotten)"
            )
            for table in ("pictures", "failures", "fatal"):
                connection.execute(f"DELETE FROM {table} WHERE path IN forgotten")
            connection.execute("DROP TABLE forgotten")

    def forget_model(self, model: Model) -> None:
        """Forget all that a model said; where and when the pictures were taken stays known."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM models WHERE id = ?", (model.id,))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _record_verdict(
    connection: sqlite3.Connection, model: Model, seen: Seen, verdict: Verdict
) -> None:
    content = connection.execute(
        "INSERT INTO contents (sha256, width, height) VALUES (?, ?, ?) "
        "ON CONFLICT (sha256) DO UPDATE SET width = excluded.width, height = excluded.height "
        "RETURNING id",
        (seen.sha256, verdict.width, verdict.height),
    ).fetchone()[0]
    said = (verdict.score, verdict.std, verdict.p_high, verdict.percentile)
    connection.execute(
        "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (content, model.id, *said, pack_votes(verdict.votes), _now(), verdict.technical),
    )
    if verdict.features is not None:
        largest = np.finfo(np.float16).max
        vector = np.clip(verdict.features, -largest, largest).astype("<f2")
        connection.execute(
            "INSERT OR REPLACE INTO features VALUES (?, ?, ?)",
            (content, model.id, vector.tobytes()),
        )


def _record_failure(connection: sqlite3.Connection, failure: Failure) -> None:
    path = os.fsencode(failure.path)
    connection.execute("DELETE FROM pictures WHERE path = CAST(? AS TEXT)", (path,))
    connection.execute(
        "INSERT OR REPLACE INTO failures VALUES (CAST(? AS TEXT), ?, ?, ?)",
        (path, failure.code, failure.message, _now()),
    )
