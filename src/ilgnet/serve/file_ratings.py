"""Stars and rejects that other programs left beside photographs, read while the page works."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ilgnet.library.photograph.opinion import REJECTED, Opinion
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.sidecar.statements import read_statements

_AT_A_TIME: Final = 20
"""Photographs that are read before others may have the processor, for as long as they took."""


class FileRatings:
    """What the files of photographs say, by path; never what was chosen here.

    Every photograph's files have to be opened for it, which takes a while in a large library, so a
    thread of its own reads them, and whoever asks gets what is known by then.
    """

    def __init__(self) -> None:
        self._ratings: dict[Path, int | None] = {}
        self._reader: threading.Thread | None = None
        self._newer = threading.Event()  # tells the reader that it is no longer wanted

    @property
    def is_complete(self) -> bool:
        """Whether all that `read` was given has been read."""
        return self._reader is None or not self._reader.is_alive()

    def of(self, path: Path) -> int | None:
        """-1 for a reject, 1..5 stars; None where nothing is said or nobody has looked yet."""
        return self._ratings.get(path)

    def read(self, photographs: Sequence[Photograph], *, again: bool) -> None:
        """Begin to read, instead of what is being read now.

        Args:
            photographs: those to look at.
            again: also those that were read before.
        """
        self.stop()
        known = {} if again else self._ratings
        unread = [photo for photo in photographs if photo.path not in known]
        self._newer = threading.Event()
        self._reader = threading.Thread(
            target=self._read, args=(unread, self._newer), name="ilgnet-ratings", daemon=True
        )
        self._reader.start()

    def stop(self) -> None:
        """Read no further."""
        self._newer.set()
        if self._reader is not None:
            self._reader.join()

    def _read(self, photographs: Iterable[Photograph], newer: threading.Event) -> None:
        began = time.monotonic()
        for number, photo in enumerate(photographs, start=1):
            self._ratings[photo.path] = rating_of(read_statements(photo.group).opinion())
            if number % _AT_A_TIME == 0:
                if newer.wait(min(0.1, time.monotonic() - began)):
                    return
                began = time.monotonic()


def rating_of(opinion: Opinion) -> int | None:
    """What is sure of an opinion: a reject that is in doubt is none."""
    return None if opinion.rating == REJECTED and opinion.is_doubtful else opinion.rating
