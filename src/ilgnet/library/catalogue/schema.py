"""The catalogue's tables, as numbered migrations. A migration is never changed once released."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ilgnet.errors import LibraryError

APPLICATION_ID: Final = int.from_bytes(b"ILGN")
"""Marks the file as ours; `file catalogue.db` shows it."""


def m001_pictures_and_verdicts(connection: sqlite3.Connection) -> None:
    """What a file holds (contents) apart from where it lies (pictures): moves cost nothing."""
    for statement in (
        """CREATE TABLE contents (
            id INTEGER PRIMARY KEY,
            sha256 BLOB NOT NULL UNIQUE,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            taken TEXT,
            camera TEXT
        )""",
        """CREATE TABLE pictures (
            path TEXT PRIMARY KEY,
            content INTEGER NOT NULL REFERENCES contents ON DELETE CASCADE,
            bytes INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            ctime_ns INTEGER NOT NULL,
            inode INTEGER NOT NULL,
            checked_ns INTEGER NOT NULL,
            sequence INTEGER
        ) WITHOUT ROWID""",
        "CREATE INDEX pictures_by_content ON pictures (content)",
        """CREATE TABLE models (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            digest TEXT NOT NULL,
            preprocess TEXT NOT NULL,
            used TEXT NOT NULL,
            UNIQUE (digest, preprocess)
        )""",
        """CREATE TABLE verdicts (
            content INTEGER NOT NULL REFERENCES contents ON DELETE CASCADE,
            model INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
            score REAL NOT NULL,
            std REAL,
            p_high REAL NOT NULL,
            percentile REAL NOT NULL,
            votes BLOB,
            scored TEXT NOT NULL,
            PRIMARY KEY (content, model)
        ) WITHOUT ROWID""",
        "CREATE INDEX verdicts_by_model ON verdicts (model)",
        # Apart from the verdicts, so that reading scores does not wade through the vectors.
        """CREATE TABLE features (
            content INTEGER NOT NULL REFERENCES contents ON DELETE CASCADE,
            model INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
            vector BLOB NOT NULL,
            PRIMARY KEY (content, model)
        )""",
        """CREATE TABLE failures (
            path TEXT PRIMARY KEY,
            code TEXT NOT NULL,
            message TEXT NOT NULL,
            failed TEXT NOT NULL
        ) WITHOUT ROWID""",
    ):
        connection.execute(statement)


def m002_technical(connection: sqlite3.Connection) -> None:
    """What frames of one scene differ by beside their scores; null where not told."""
    connection.execute("ALTER TABLE verdicts ADD COLUMN technical REAL")


def m003_reading(connection: sqlite3.Connection) -> None:
    """What is being read in this moment, and what has been found to end its reader."""
    connection.execute("CREATE TABLE reading (path TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.execute(
        """CREATE TABLE fatal (
            path TEXT PRIMARY KEY,
            sha256 BLOB NOT NULL,
            message TEXT NOT NULL,
            found TEXT NOT NULL
        ) WITHOUT ROWID"""
    )


def m004_times_again(connection: sqlite3.Connection) -> None:
    """More ways to write a time are understood: read pictures without one again, once."""
    connection.execute(
        "UPDATE pictures SET checked_ns = 0 WHERE content IN "
        "(SELECT id FROM contents WHERE taken IS NULL)"
    )


def m005_choices_and_moves(connection: sqlite3.Connection) -> None:
    """What the person chose here, newest last; lengths, which tell that contents are new; and
    pictures that were moved out of the library.
    """
    for statement in (
        """CREATE TABLE choices (
            id INTEGER PRIMARY KEY,
            content INTEGER NOT NULL REFERENCES contents ON DELETE CASCADE,
            flag TEXT,
            stars INTEGER,
            chosen TEXT NOT NULL,
            batch INTEGER NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0
        )""",
        "CREATE INDEX choices_by_content ON choices (content)",
        "ALTER TABLE contents ADD COLUMN bytes INTEGER",
        "UPDATE contents SET bytes = (SELECT bytes FROM pictures WHERE content = contents.id)",
        "CREATE INDEX contents_by_bytes ON contents (bytes)",
        "ALTER TABLE pictures ADD COLUMN away TEXT",
    ):
        connection.execute(statement)


def m006_similarity_and_unit(connection: sqlite3.Connection) -> None:
    """Which of a model's features are alike belongs to the model, and `technical` is in standard
    deviations. Until now it was in one and a half of them, and only one network told it, whose
    features are alike from these cosines on.
    """
    connection.execute("ALTER TABLE models ADD COLUMN similarity TEXT")
    connection.execute(
        "UPDATE models SET similarity = ? WHERE id IN "
        "(SELECT model FROM verdicts WHERE technical IS NOT NULL)",
        ('{"burst": 0.67, "quick": 0.47, "duplicate": 0.92}',),
    )
    connection.execute(
        "UPDATE verdicts SET technical = technical / 1.5 WHERE technical IS NOT NULL"
    )


Migration = Callable[[sqlite3.Connection], None]

MIGRATIONS: Final[tuple[Migration, ...]] = (
    m001_pictures_and_verdicts,
    m002_technical,
    m003_reading,
    m004_times_again,
    m005_choices_and_moves,
    m006_similarity_and_unit,
)


def schema_version(connection: sqlite3.Connection) -> int:
    """How many migrations the file has been through."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(
    connection: sqlite3.Connection, file: Path, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Bring the tables up to date, all in one transaction; two processes may try at once.

    Raises:
        LibraryError: the file was made by a newer version of this program.
    """
    check_version(connection, file, len(migrations))
    if schema_version(connection) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again inside the transaction: another process may have been faster.
        for number in range(schema_version(connection), len(migrations)):
            migrations[number](connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check_version(
    connection: sqlite3.Connection, file: Path, newest: int = len(MIGRATIONS)
) -> None:
    """Refuse a file from the future, and one that is some other program's database.

    Raises:
        LibraryError: this program must not touch the file.
    """
    version = schema_version(connection)
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and owner != APPLICATION_ID:
        raise LibraryError(f"{file} is a database, but not a catalogue of ilgnet; left untouched")
    if version > newest:
        raise LibraryError(
            f"{file} was written by a newer ilgnet (format {version}, this one knows {newest}). "
            "Update ilgnet: pip install --upgrade ilgnet"
        )
