"""The catalogue's SQLite file: opening, transactions, and errors that say what to do next."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from operator import methodcaller
from pathlib import Path
from typing import Any, Final, Literal

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.place import Place
from ilgnet.library.catalogue.schema import (
    MIGRATIONS,
    check_version,
    migrate,
    schema_version,
)

BUSY_SECONDS: Final = 30.0
"""How long one process waits for another's transaction; ours last milliseconds."""

PAGE_BYTES: Final = 16384

Mode = Literal["read", "write", "create"]

_FSDECODE: Final = methodcaller(
    "decode", sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
)
"""As `os.fsdecode`, for every text of every row."""


class CatalogueFile:
    """An open file with up-to-date tables. Every write is one short transaction."""

    def __init__(self, place: Place, mode: Mode) -> None:
        if mode == "create":
            _make_folder(place)
        elif not place.file.is_file():
            raise LibraryError(
                f"there is no catalogue {place.file}. "
                f"Make it with: ilgnet score --library {place.root}"
            )
        self.path = place.file
        # The thread that reads a stream looks up and notes, while another keeps what was scored.
        self._one_at_a_time = threading.RLock()
        with _explained(self.path):
            if mode == "read":
                _bring_up_to_date(self.path)
            self.connection = _connect(self.path, mode)
            try:
                # File names are bytes that need not be valid UTF-8; SQLite keeps them as they are.
                self.connection.text_factory = _FSDECODE
                _check(self.connection, place) if mode == "read" else self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self) -> None:
        # A vector of a thousand features would fill half of one of SQLite's usual pages and leave
        # the other half empty. It counts only while the file is new.
        self.connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        migrate(self.connection, self.path)
        self.connection.execute("PRAGMA foreign_keys = ON")
        try:
            # Where the file system cannot do it (network shares) SQLite keeps its older journal.
            self.connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Another process is at it in this moment, and the mode belongs to the file.
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """All or nothing; waits for other processes' transactions.

        Args:
            durable: survives a power cut; without, only the death of this process, which costs
                no wait for the disk.
        """
        with self._one_at_a_time, _explained(self.path):
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def read(self, query: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a query on the tables in `catalogue.schema`."""
        with _explained(self.path):
            yield from self.connection.execute(query, values)


def _make_folder(place: Place) -> None:
    if not place.root.is_dir():
        raise LibraryError(f"{place.root} is not a folder; a library is a folder of pictures")
    try:
        place.file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(
            f"no catalogue can be made in {place.file.parent}: {error.strerror}. Keep it in your "
            f"own folder with: ilgnet score --library {place.root} --user-catalogue"
        ) from error


def _bring_up_to_date(file: Path) -> None:
    """An older file that may be written is migrated, whatever it is opened for."""
    with closing(_connect(file, "read")) as connection:
        if schema_version(connection) in (0, len(MIGRATIONS)):
            return
    with suppress(sqlite3.OperationalError), closing(_connect(file, "write")) as connection:
        migrate(connection, file)


def _check(connection: sqlite3.Connection, place: Place) -> None:
    check_version(connection, place.file)
    if schema_version(connection) < len(MIGRATIONS):
        raise LibraryError(
            f"{place.file} was made by an older ilgnet. Bring it up to date with: "
            f"ilgnet score --library {place.root}"
        )


def _connect(file: Path, mode: Mode) -> sqlite3.Connection:
    """Open the file; nothing runs in a transaction that we did not begin."""
    connection = _open(file, "mode=rwc" if mode == "create" else "mode=rw")
    if mode != "read":
        return connection
    try:
        schema_version(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY"):
            raise
        # On read-only media SQLite cannot make its lock file; there nobody else writes either.
        connection = _open(file, "immutable=1")
    # Not SQLite's own read-only mode: that would leave its journal behind.
    connection.execute("PRAGMA query_only = ON")
    return connection


def _open(file: Path, how: str) -> sqlite3.Connection:
    address = f"{file.absolute().as_uri()}?{how}"
    # Scoring looks pictures up in the thread that reads the stream; SQLite itself is serialised.
    return sqlite3.connect(
        address, BUSY_SECONDS, isolation_level=None, uri=True, check_same_thread=False
    )


_ADVICE: Final = {
    "SQLITE_FULL": "the disk is full. What was kept until now is safe: free some space and run "
    "the same command again",
    "SQLITE_IOERR": "the disk does not take or give the data ({error}). What was kept until now "
    "is safe: check the disk and its free space, and run the same command again",
    "SQLITE_BUSY": "another process has kept it busy for {seconds:.0f} seconds. Wait until it is "
    "done, or end it, and run the same command again",
    "SQLITE_READONLY": "it may not be written. Make the folder writable, or keep the catalogue in "
    "your own folder with --user-catalogue",
    "SQLITE_CANTOPEN": "it cannot be opened ({error}). Make the folder writable, or keep the "
    "catalogue in your own folder with --user-catalogue",
    "SQLITE_NOTADB": "it is not a catalogue ({error}). Move it away and score again; pictures and "
    "sidecars are not affected",
    "SQLITE_CORRUPT": "it is damaged ({error}). Move it away and score again; pictures and "
    "sidecars are not affected",
}


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, with what to do next."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        for start, advice in _ADVICE.items():
            if name.startswith(start):
                text = advice.format(error=error, seconds=BUSY_SECONDS)
                raise LibraryError(f"the catalogue {file}: {text}") from error
        raise LibraryError(f"the catalogue {file}: {error}. Run the same command again") from error
