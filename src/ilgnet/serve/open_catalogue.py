"""The catalogue while a person chooses: opening and closing it costs more than noting a choice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import Place

IDLE_SECONDS: Final = 5.0
"""So long after its last use it is closed, so that nothing keeps a disk from being unmounted."""


class OpenCatalogue:
    """Lends one open catalogue to one thread at a time, and closes it when nobody needs it.

    Args:
        place: says where the catalogue is now.
        idle_seconds: how long it stays open.
    """

    def __init__(self, place: Callable[[], Place], idle_seconds: float = IDLE_SECONDS) -> None:
        self._place = place
        self._idle_seconds = idle_seconds
        self._turn = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._file: tuple[int, int] | None = None
        self._used = 0.0
        self._closer: threading.Timer | None = None

    @contextmanager
    def lend(self) -> Iterator[Catalogue]:
        """The catalogue, for writing. After an error it is opened anew.

        Raises:
            LibraryError: it is not there, or cannot be used.
        """
        with self._turn:
            try:
                yield self._opened()
            except LibraryError:
                self._close()
                raise
            finally:
                self._used = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether the file is held now."""
        return self._catalogue is not None

    def close(self) -> None:
        """Close it now; the next loan opens it again."""
        with self._turn:
            self._close()

    def _opened(self) -> Catalogue:
        place = self._place()
        if self._catalogue is not None and self._file != _identity(place):
            self._close()  # another file lies there now: what is written must be in that one
        if self._catalogue is None:
            self._catalogue = Catalogue(place)
            self._file = _identity(place)
            self._close_later(self._idle_seconds)
        return self._catalogue

    def _close(self) -> None:
        if self._closer is not None:
            self._closer.cancel()
            self._closer = None
        if self._catalogue is not None:
            self._catalogue.close()
            self._catalogue = None

    def _close_later(self, seconds: float) -> None:
        self._closer = threading.Timer(seconds, self._close_if_idle)
        self._closer.daemon = True
        self._closer.start()

    def _close_if_idle(self) -> None:
        with self._turn:
            left = self._used + self._idle_seconds - time.monotonic()
            if self._catalogue is None:
                return
            if left > 0:
                self._close_later(left)
            else:
                self._close()


def _identity(place: Place) -> tuple[int, int] | None:
    try:
        found = place.file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
