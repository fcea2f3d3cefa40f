"""The catalogue: what is known of every picture of a library, in one SQLite file.

A verdict belongs to what a file holds (its SHA-256) under one model and one preprocessing, so a
moved, renamed or copied picture keeps it. A path only says where such contents were last seen;
length, times and inode spare reading the file again.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from ilgnet.errors import LibraryError, ModelError
from ilgnet.hashing import file_hash
from ilgnet.library.catalogue.file import CatalogueFile, Mode
from ilgnet.library.catalogue.place import Place
from ilgnet.library.catalogue.rows import (
    SAID,
    FileStamp,
    Filter,
    Known,
    Model,
    Seen,
    capture_from_row,
    model_digest,
    pack_features,
    pack_votes,
    unpack_features,
    verdict_from_row,
)
from ilgnet.library.photograph.file_groups import FileGroup
from ilgnet.library.photograph.opinion import Choice
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.values import Failure, Verdict
from ilgnet.zoo.records import Similarity, Weights, find_base, find_weights

RACY_NS: Final = 2_000_000_000
"""A file that changed this shortly before it was read may change again without its time showing
it (FAT keeps two seconds), so its stamp is not trusted and it is hashed again."""

ROWS_AT_ONCE: Final = 1024
"""Features of so many pictures share an array."""

EVERYTHING: Final = Filter()

_FEATURES: Final = (
    "LEFT JOIN features ON features.content = contents.id AND features.model = verdicts.model "
)

_CHOSEN: Final = (
    "SELECT content, flag, stars, max(id) FROM choices WHERE undone = 0 GROUP BY content"
)
"""The last choice for each contents: SQLite takes the other columns from the row of the maximum."""


class NotCatalogued(LibraryError):  # noqa: N818 - reads as what it says
    """A picture is not in the catalogue."""


class Catalogue:
    """An open catalogue. Use it as a context manager, from the thread that opened it.

    Attributes:
        place: where the pictures and the file are.
    """

    def __init__(self, place: Place, mode: Mode = "write") -> None:
        """Open a catalogue.

        Args:
            place: where it is.
            mode: "read" changes nothing on disk, "write" needs the file, "create" may make it.

        Raises:
            LibraryError: it is not there, damaged, from a newer version, or cannot be written.
        """
        self.place = place
        self._root = os.path.realpath(place.root)
        self._prefix = os.path.join(place.root, "")
        self._parents: dict[str, str] = {}
        self._file = CatalogueFile(place, mode)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; SQLite folds its journal into it."""
        self._file.connection.close()

    def read(self, query: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a query on the tables in `catalogue.schema`."""
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
                f"{path} is not in the library {self.place.root}: a library holds the pictures "
                "below its folder"
            )
        return name if folder == "." else f"{folder}/{name}"

    def absolute(self, path: str) -> Path:
        """Where a catalogued picture is: below the root as the user named it."""
        return self.place.root / path

    def within(self, folder: Path) -> Filter:
        """The pictures of a folder of this library."""
        return Filter(folder=self.relative(folder / "any").rpartition("/")[0])

    # Models

    def model(self, weights: Weights) -> Model:
        """The row of a model, made where it is new and marked as used now."""
        key = (weights.name, model_digest(weights), weights.preprocess.fingerprint(), _now())
        alike = None if weights.similarity is None else json.dumps(asdict(weights.similarity))
        with self._file.transaction() as connection:
            row = connection.execute(
                "INSERT INTO models (name, digest, preprocess, used, similarity) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest, preprocess) DO UPDATE SET "
                "name = excluded.name, used = excluded.used, similarity = excluded.similarity "
                "RETURNING id",
                (*key, alike),
            ).fetchone()
        return Model(row[0], *key, weights.similarity)

    def models(self) -> list[Model]:
        """Every model that has scored here, the last used first."""
        query = (
            "SELECT id, name, digest, preprocess, used, similarity FROM models "
            "ORDER BY used DESC, id DESC"
        )
        return [
            Model(row, name, digest, preprocess, used, alike and Similarity(**json.loads(alike)))
            for row, name, digest, preprocess, used, alike in self.read(query)
        ]

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
            f"Score with: ilgnet score --library {self.place.root}"
        )

    def base_of(self, taste: Weights) -> Model | None:
        """The model that a taste changes, where it has scored here; None for any other model."""
        if taste.base is None:
            return None
        base = find_base(taste)
        key = (model_digest(base), base.preprocess.fingerprint())
        return next((m for m in self.models() if (m.digest, m.preprocess) == key), None)

    # Looking up

    def known(self, path: str, stamp: FileStamp, model: Model, *, features: bool) -> Known | None:
        """What is known of a file whose stamp says that it holds what it held; else None."""
        where = (
            "pictures.path = CAST(? AS TEXT) "
            "AND (pictures.bytes, mtime_ns, ctime_ns, inode) = (?, ?, ?, ?) "
            "AND checked_ns - max(mtime_ns, ctime_ns) > ?"
        )
        values = (os.fsencode(path), *astuple(stamp), RACY_NS)
        return self._known(
            "JOIN pictures ON pictures.content = contents.id", where, values, model, features
        )

    def known_content(self, sha256: bytes, model: Model, *, features: bool) -> Known | None:
        """What is known of some contents, wherever they were seen."""
        return self._known("", "sha256 = ?", (sha256,), model, features)

    def _known(
        self, join: str, where: str, values: Sequence[object], model: Model, features: bool
    ) -> Known | None:
        query = (
            f"SELECT sha256, taken, camera, {'vector' if features else 'NULL'}, {SAID} "
            f"FROM contents {join} "
            "LEFT JOIN verdicts ON verdicts.content = contents.id AND verdicts.model = ? "
            f"{_FEATURES if features else ''} WHERE {where}"
        )
        row = next(self.read(query, (model.id, *values)), None)
        if row is None:
            return None
        sha256, taken, camera, vector, *said = row
        scored = said[0] is not None and not (features and vector is None)
        (own,) = unpack_features([vector])
        verdict = verdict_from_row("", model, said, own) if scored else None
        return Known(sha256, capture_from_row(taken, camera), verdict)

    def may_hold(self, length: int) -> bool:
        """Whether any contents known have so many bytes; if not, a file of them is new."""
        query = "SELECT 1 FROM contents WHERE bytes = ? OR bytes IS NULL LIMIT 1"
        return next(self.read(query, (length,)), None) is not None

    def scored_files(
        self, model: Model, which: Filter = EVERYTHING, *, features: bool = False
    ) -> Iterator[Photograph]:
        """The files that a model has scored, in the order of their paths.

        Each is a photograph of one file: `gather` puts those together that are one, and leaves out
        what is no longer there.
        """
        columns = f"{'vector' if features else 'NULL'}, path, sha256, taken, camera, flag, stars"
        chosen = f"LEFT JOIN ({_CHOSEN}) AS chosen ON chosen.content = contents.id "
        rows = self._scored(model, which, columns, chosen + (_FEATURES if features else ""))
        folder = cache(lambda name: Path(self._root, name))
        while some := list(islice(rows, ROWS_AT_ONCE)):
            vectors = unpack_features([row[0] for row in some])
            for (_, path, sha256, taken, camera, flag, stars, *said), own in zip(
                some, vectors, strict=True
            ):
                above, _, name = path.rpartition("/")
                file = folder(above) / name
                yield Photograph(
                    file,
                    verdict_from_row(self._prefix + path, model, said, own),
                    FileGroup((file,)),
                    capture_from_row(taken, camera),
                    sha256,
                    choice=Choice(flag, stars) if flag or stars is not None else None,
                )

    def verdicts(self, model: Model, which: Filter = EVERYTHING) -> Iterator[Verdict]:
        """What a model said of the files of the library, in the order of their paths."""
        for path, *said in self._scored(model, which, "path"):
            yield verdict_from_row(self._prefix + path, model, said)

    def _scored(
        self, model: Model, which: Filter, columns: str, joins: str = ""
    ) -> Iterator[Sequence[Any]]:
        """Some columns, and after them those of the verdict, of what a model has scored."""
        where, values = which.conditions()
        query = (
            f"SELECT {columns}, {SAID} "
            "FROM pictures JOIN contents ON contents.id = pictures.content "
            "JOIN verdicts ON verdicts.content = contents.id AND verdicts.model = ? "
            f"{joins} WHERE away IS NULL AND {where} ORDER BY path"
        )
        return self.read(query, (model.id, *values))

    def failures(self, folder: str | None = None) -> Iterator[Failure]:
        """The pictures that could not be scored when last tried, in the order of their paths."""
        where, values = Filter(folder=folder).conditions()
        query = f"SELECT path, code, message FROM failures WHERE {where} ORDER BY path"
        for path, code, message in self.read(query, values):
            yield Failure(self._prefix + path, code, message)

    def reading(self) -> set[str]:
        """Catalogue paths that a run which has died, or another that is at work, was reading."""
        return {row[0] for row in self.read("SELECT path FROM reading")}

    def fatal(self) -> dict[bytes, str]:
        """Hashes of contents that have ended their reader, and how."""
        return dict(self.read("SELECT sha256, message FROM fatal"))

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
            self._carry_choice(connection, seen)
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
        connection.execute(
            "INSERT OR REPLACE INTO pictures (path, content, bytes, mtime_ns, ctime_ns, inode, "
            "checked_ns) VALUES (CAST(? AS TEXT), ?, ?, ?, ?, ?, ?)",
            (path, row[0], *astuple(seen.stamp), seen.checked_ns),
        )
        connection.execute("DELETE FROM failures WHERE path = CAST(? AS TEXT)", (path,))
        self._forget_moved_from(connection, row[0], path)

    def _carry_choice(self, connection: sqlite3.Connection, seen: Seen) -> None:
        """A picture that was edited in its place keeps what the person chose for it."""
        connection.execute(
            "UPDATE OR IGNORE choices SET content = (SELECT id FROM contents WHERE sha256 = ?) "
            "WHERE content IN (SELECT content FROM pictures WHERE path = CAST(? AS TEXT)) "
            "AND content NOT IN (SELECT content FROM pictures WHERE path <> CAST(? AS TEXT))",
            (seen.sha256, os.fsencode(seen.path), os.fsencode(seen.path)),
        )

    def _forget_moved_from(self, connection: sqlite3.Connection, content: int, path: bytes) -> None:
        """Contents that are here now and no longer where they were have been moved."""
        query = "SELECT path FROM pictures WHERE content = ? AND path <> CAST(? AS TEXT)"
        for (other,) in connection.execute(query, (content, path)).fetchall():
            if not os.path.lexists(self.absolute(other)):
                connection.execute(
                    "DELETE FROM pictures WHERE path = CAST(? AS TEXT)", (os.fsencode(other),)
                )

    # What the person chose

    def choose(self, chosen: Iterable[tuple[str, Choice]]) -> int:
        """Note choices for pictures by their catalogue paths; all at once is one step to undo.

        What was chosen already is not noted again, so that a choice that is repeated, by a person
        or because its answer was lost, is no step of its own.

        Returns:
            How many contents it is noted for.

        Raises:
            NotCatalogued: a picture is not in the catalogue.
        """
        with self._file.transaction() as connection:
            contents = {self._content(connection, path): choice for path, choice in chosen}
            new = [
                (content, choice)
                for content, choice in contents.items()
                if choice != self._choice(connection, content)
            ]
            if new:
                _note_choices(connection, new)
        return len(new)

    def _choice(self, connection: sqlite3.Connection, content: int) -> Choice:
        query = (
            "SELECT flag, stars FROM choices WHERE content = ? AND undone = 0 "
            "ORDER BY id DESC LIMIT 1"
        )
        return Choice(*(connection.execute(query, (content,)).fetchone() or ()))

    def undo_choice(self, *, redo: bool = False) -> int:
        """Take the last step of choices back, or with `redo` the last that was taken back.

        Returns:
            How many contents it was noted for; 0 where there is nothing to take back.
        """
        pick = "min(batch)" if redo else "max(batch)"
        with self._file.transaction() as connection:
            return connection.execute(
                f"UPDATE choices SET undone = ? WHERE batch = "
                f"(SELECT {pick} FROM choices WHERE undone = ?)",
                (0, 1) if redo else (1, 0),
            ).rowcount

    def _content(self, connection: sqlite3.Connection, path: str) -> int:
        query = "SELECT content FROM pictures WHERE path = CAST(? AS TEXT)"
        row = connection.execute(query, (os.fsencode(path),)).fetchone()
        if row is None:
            raise NotCatalogued(
                f"{path} is not in the catalogue, so nothing can be noted for it. Score it with: "
                f"ilgnet score --library {self.place.root}"
            )
        return int(row[0])

    def choices(self) -> dict[bytes | None, Choice]:
        """SHA-256 of contents -> what the person chose for them last."""
        rows = self.read(
            f"SELECT sha256, flag, stars FROM ({_CHOSEN}) JOIN contents ON contents.id = content"
        )
        return {sha256: Choice(flag, stars) for sha256, flag, stars in rows}

    # Where pictures went

    def follow(self, moves: Iterable[tuple[str, str]]) -> None:
        """Note that files were moved by a run of ours, from one absolute path to another.

        What leaves the library is no longer among its pictures, and is back when it comes back.
        """
        with self._file.transaction() as connection:
            for source, target in moves:
                before, after = self._inside(source), self._inside(target)
                if before is not None and after is not None:
                    _rename(connection, before, after)
                    _restamp(connection, after, target)
                elif before is not None:
                    away = (os.fsencode(target), before)
                    connection.execute(
                        "UPDATE pictures SET away = CAST(? AS TEXT) WHERE path = CAST(? AS TEXT)",
                        away,
                    )
                elif after is not None:
                    connection.execute(
                        "UPDATE OR REPLACE pictures SET away = NULL, path = CAST(? AS TEXT) "
                        "WHERE away = CAST(? AS TEXT)",
                        (after, os.fsencode(source)),
                    )
                    _restamp(connection, after, target)

    def follow_edits(self, edits: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Note that a run of ours changed the metadata inside files: pixels are as they were, so
        what is known of the contents before is known of those after.

        Args:
            edits: absolute path, SHA-256 before, SHA-256 after.
        """
        seen = [
            (path, stamp, checked, before, after)
            for file, before, after in edits
            if (path := self._inside(file)) is not None
            and any(self.read("SELECT 1 FROM contents WHERE sha256 = ?", [before]))
            and (checked := time.time_ns())
            and (stamp := _stamp_of(Path(file), after)) is not None
        ]
        with self._file.transaction() as connection:
            for path, stamp, checked, before, after in seen:
                _carry_over(connection, path, before, after, stamp.bytes)
                connection.execute(
                    "UPDATE pictures SET bytes = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, "
                    "checked_ns = ? WHERE path = CAST(? AS TEXT) "
                    "AND content = (SELECT id FROM contents WHERE sha256 = ?)",
                    (*astuple(stamp), checked, path, after),
                )

    def _inside(self, path: str) -> bytes | None:
        try:
            return os.fsencode(self.relative(path))
        except LibraryError:
            return None

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


def named_model(catalogue: Catalogue, name: str | Path | None) -> Model:
    """A model that has scored here, by anything that `ilgnet.load` takes or by the name it had.

    Raises:
        LibraryError: nothing was scored yet, or not with this model.
    """
    if name is None:
        return catalogue.find_model()
    try:
        digest = model_digest(find_weights(name))
    except ModelError:
        return catalogue.find_model(str(name))
    known = {model.digest for model in catalogue.models()}
    return catalogue.find_model(digest if digest in known else str(name))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _record_verdict(
    connection: sqlite3.Connection, model: Model, seen: Seen, verdict: Verdict
) -> None:
    content = connection.execute(
        "INSERT INTO contents (sha256, width, height, bytes) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (sha256) DO UPDATE "
        "SET width = excluded.width, height = excluded.height, bytes = excluded.bytes "
        "RETURNING id",
        (seen.sha256, verdict.width, verdict.height, seen.stamp.bytes),
    ).fetchone()[0]
    said = (verdict.score, verdict.std, verdict.p_high, verdict.percentile)
    connection.execute(
        "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (content, model.id, *said, pack_votes(verdict.votes), _now(), verdict.technical),
    )
    if verdict.features is not None:
        connection.execute(
            "INSERT OR REPLACE INTO features VALUES (?, ?, ?)",
            (content, model.id, pack_features(verdict.features)),
        )


def _note_choices(connection: sqlite3.Connection, new: Iterable[tuple[int, Choice]]) -> None:
    # Steps follow each other, and those taken back are the last ones: both are found from the end.
    last = connection.execute("SELECT batch FROM choices ORDER BY id DESC LIMIT 1").fetchone()
    connection.execute(
        "DELETE FROM choices WHERE id > coalesce("
        "(SELECT id FROM choices WHERE undone = 0 ORDER BY id DESC LIMIT 1), 0)"
    )
    batch, now = (last[0] if last else 0) + 1, _now()
    connection.executemany(
        "INSERT INTO choices (content, flag, stars, chosen, batch) VALUES (?, ?, ?, ?, ?)",
        [(content, choice.flag, choice.stars, now, batch) for content, choice in new],
    )


def _rename(connection: sqlite3.Connection, before: bytes, after: bytes) -> None:
    for table in ("pictures", "failures"):
        connection.execute(
            f"UPDATE OR REPLACE {table} SET path = CAST(? AS TEXT) WHERE path = CAST(? AS TEXT)",
            (after, before),
        )


def _restamp(connection: sqlite3.Connection, path: bytes, file: str) -> None:
    """A renaming changes times that only the file system can set; the contents are the same."""
    try:
        stamp = FileStamp.of(os.stat(file))
    except OSError:
        return
    connection.execute(
        "UPDATE pictures SET ctime_ns = ?, inode = ?, checked_ns = ? "
        "WHERE path = CAST(? AS TEXT) AND bytes = ? AND mtime_ns = ?",
        (stamp.ctime_ns, stamp.inode, time.time_ns(), path, stamp.bytes, stamp.mtime_ns),
    )


def _stamp_of(file: Path, sha256: bytes) -> FileStamp | None:
    """The stamp of a file that holds certain contents now; None where it does not."""
    try:
        before = FileStamp.of(file.stat())
        same = file_hash(file) == sha256.hex() and FileStamp.of(file.stat()) == before
    except OSError:
        return None
    return before if same else None


def _carry_over(
    connection: sqlite3.Connection, path: bytes, before: bytes, after: bytes, length: int
) -> None:
    """Let a picture have other contents, of which everything is known that was of the ones before.

    Those stay where another picture has them.
    """
    query = (
        "SELECT id FROM contents WHERE sha256 = ? AND id = "
        "(SELECT content FROM pictures WHERE path = CAST(? AS TEXT))"
    )
    row = connection.execute(query, (before, path)).fetchone()
    if row is None:
        return
    old = row[0]
    pictures = "SELECT count(*) FROM pictures WHERE content = ?"
    exists = connection.execute("SELECT id FROM contents WHERE sha256 = ?", (after,)).fetchone()
    if exists is None and connection.execute(pictures, (old,)).fetchone()[0] == 1:
        connection.execute(
            "UPDATE contents SET sha256 = ?, bytes = ? WHERE id = ?", (after, length, old)
        )
        return
    connection.execute(
        "INSERT OR IGNORE INTO contents (sha256, width, height, taken, camera, bytes) "
        "SELECT ?, width, height, taken, camera, ? FROM contents WHERE id = ?",
        (after, length, old),
    )
    (new,) = connection.execute("SELECT id FROM contents WHERE sha256 = ?", (after,)).fetchone()
    for table, columns in (
        ("verdicts", "model, score, std, p_high, percentile, votes, scored, technical"),
        ("features", "model, vector"),
    ):
        connection.execute(
            f"INSERT OR IGNORE INTO {table} (content, {columns}) "
            f"SELECT ?, {columns} FROM {table} WHERE content = ?",
            (new, old),
        )
    connection.execute(
        "INSERT INTO choices (content, flag, stars, chosen, batch, undone) "
        "SELECT ?, flag, stars, chosen, batch, undone FROM choices WHERE content = ? "
        "AND batch NOT IN (SELECT batch FROM choices WHERE content = ?) ORDER BY id",
        (new, old, new),
    )
    connection.execute("UPDATE pictures SET content = ? WHERE path = CAST(? AS TEXT)", (new, path))


def _record_failure(connection: sqlite3.Connection, failure: Failure) -> None:
    path = os.fsencode(failure.path)
    connection.execute("DELETE FROM pictures WHERE path = CAST(? AS TEXT)", (path,))
    connection.execute(
        "INSERT OR REPLACE INTO failures VALUES (CAST(? AS TEXT), ?, ?, ?)",
        (path, failure.code, failure.message, _now()),
    )
