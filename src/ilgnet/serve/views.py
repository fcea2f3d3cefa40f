"""Pictures as the page shows them: upright, in sRGB, at a few sizes, made once and kept.

Kept in one SQLite file of the user's cache, by what the file holds, so that a picture that is moved
keeps its views and one that changes gets new ones.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import LifoQueue
from typing import Final

from PIL import Image

from ilgnet.images.decode import read_image
from ilgnet.user_folders import user_cache_folder

SIDES: Final = (320, 1024, 2560)
"""Longest sides, in pixels: a tile, a pane of a comparison, the loupe."""

_QUALITY: Final = {320: 80, 1024: 85, 2560: 88}
_PIPELINE: Final = 1
"""Part of every key: whatever changes how views are made counts this up."""

LARGEST: Final = 8_000_000_000
"""Bytes; a file that has grown beyond is begun anew with the next start."""

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS views (sha256 BLOB NOT NULL, side INTEGER NOT NULL, "
    "pipeline INTEGER NOT NULL, jpeg BLOB NOT NULL, PRIMARY KEY (sha256, side, pipeline)) "
    "WITHOUT ROWID"
)


class Views:
    """Makes and keeps views. Safe to use from several threads.

    What was asked for last is made first: a person who scrolls on no longer needs what they left.

    Args:
        threads: views made side by side.
        file: where they are kept; None is the user's cache.
    """

    def __init__(self, threads: int, file: Path | None = None) -> None:
        self._database = _open(file or user_cache_folder() / "views.db")
        self._lock = threading.Lock()
        self._wanted: LifoQueue[tuple[Future[bytes], bytes, Path, int] | None] = LifoQueue()
        self._making: dict[tuple[bytes, int], Future[bytes]] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"ilgnet-view-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def view(self, sha256: bytes, path: Path, side: int) -> Future[bytes]:
        """A picture's view as a JPEG, made where it is not there yet.

        Args:
            sha256: of what the file holds.
            path: the file.
            side: one of `SIDES`; a smaller picture is not enlarged.

        Returns:
            A future whose result is the JPEG; it raises ImageError where the file cannot be read.
        """
        with self._lock:
            if (future := self._making.get((sha256, side))) is not None:
                return future
            future = Future()
            if (kept := self._kept(sha256, side)) is not None:
                future.set_result(kept)
                return future
            self._making[sha256, side] = future
        self._wanted.put((future, sha256, path, side))
        return future

    def close(self) -> None:
        """Stop making views."""
        for _ in self._threads:
            self._wanted.put(None)
        for thread in self._threads:
            thread.join()
        self._database.close()

    def _work(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            future, sha256, path, side = wanted
            try:
                jpeg = make_view(path, side)
            except Exception as error:  # whoever asked is told
                with self._lock:
                    del self._making[sha256, side]
                future.set_exception(error)
                continue
            with self._lock:
                with suppress(sqlite3.Error):  # a full disk: it is shown all the same
                    self._database.execute(
                        "INSERT OR REPLACE INTO views VALUES (?, ?, ?, ?)",
                        (sha256, side, _PIPELINE, jpeg),
                    )
                del self._making[sha256, side]
            future.set_result(jpeg)

    def _kept(self, sha256: bytes, side: int) -> bytes | None:
        query = "SELECT jpeg FROM views WHERE (sha256, side, pipeline) = (?, ?, ?)"
        with suppress(sqlite3.Error):  # damaged: it is made again
            row = self._database.execute(query, (sha256, side, _PIPELINE)).fetchone()
            return None if row is None else bytes(row[0])
        return None


def _open(file: Path) -> sqlite3.Connection:
    """What is kept; begun anew where it is damaged or too large, in memory where it cannot be."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > LARGEST:
            _delete(file)
    with suppress(OSError, sqlite3.OperationalError):
        try:
            return _connect(file)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # locked, or not to be written: no fault of the file
            _delete(file)
            return _connect(file)
    return _connect(Path(":memory:"))


def _delete(file: Path) -> None:
    for part in ("", "-wal", "-shm"):
        file.with_name(file.name + part).unlink(missing_ok=True)


def _connect(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=30, check_same_thread=False, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")  # all of it can be made again
        database.execute(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database


def make_view(path: Path, side: int | None) -> bytes:
    """A picture as an upright sRGB JPEG whose longest side has at most `side` pixels.

    Args:
        path: any picture that can be scored.
        side: None keeps every pixel.

    Raises:
        ImageError: it cannot be read.
    """
    # The decoder counts the shorter side; a panorama would come too small for its longer one.
    picture = read_image(path, min_side=side)
    image = Image.fromarray(picture.rgb)
    if side is not None:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY.get(side or 0, 92))
    return stream.getvalue()
