"""Scoring through the catalogue: only what is new or changed reaches the network.

    picture -> stamp known?  -> contents known?  -> network
               (no read)        (read and hashed)

Verdicts that are known pass through the same stream, so the order is that of the pictures.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ilgnet.errors import ImageError, LibraryError
from ilgnet.hashing import stream_hash
from ilgnet.images.files import open_image_file
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.rows import Model, Seen, Stamp
from ilgnet.library.photograph.capture import Capture, read_capture
from ilgnet.scoring import Scorer
from ilgnet.values import Failure, ImageRef, Outcome, Verdict

COMMIT_SECONDS: Final = 1.0
"""The most work that a kill can cost."""

COMMIT_ROWS: Final = 500
"""Rows of one transaction at most, so that another process never waits long."""


def score_library(
    scorer: Scorer, images: Iterable[ImageRef | Failure], catalogue: Catalogue
) -> Iterator[Outcome]:
    """Score the pictures of a library, each only once.

    What was finished is in the catalogue at most a second later: a run that is killed continues
    where it was. A picture that changes while it is scored gets its verdict, and is scored again
    the next time. Pictures that failed are tried again every time.

    Args:
        scorer: the model.
        images: pictures below the library's root, as `find_images` yields them.
        catalogue: open for writing.

    Yields:
        One verdict or failure for each picture, in input order.

    Raises:
        LibraryError: a picture is not in the library, or the catalogue cannot be written.
    """
    keeper = _Keeper(catalogue, catalogue.model(scorer.weights))
    found: deque[_Found] = deque()

    def known_or_not() -> Iterator[ImageRef | Outcome]:
        with ThreadPoolExecutor(scorer.threads, thread_name_prefix="ilgnet-hash") as pool:
            for item in _look_ahead(images, keeper, pool, 2 * scorer.threads):
                found.append(item)
                yield item.known or item.image

    try:
        for outcome in scorer.score_many(known_or_not(), features=True):
            keeper.keep(found.popleft(), outcome)
            yield replace(outcome, features=None) if isinstance(outcome, Verdict) else outcome
    finally:
        keeper.commit()


@dataclass(frozen=True, slots=True)
class _Found:
    """A picture on its way: what was seen on disk, and what is known of that."""

    image: ImageRef | Failure
    seen: Seen | None
    known: Verdict | None = None


def _look_ahead(
    images: Iterable[ImageRef | Failure], keeper: _Keeper, pool: ThreadPoolExecutor, depth: int
) -> Iterator[_Found]:
    """Pictures in order, read and hashed by the pool a few ahead of the network."""
    waiting: deque[Callable[[], _Found]] = deque()
    for image in images:
        waiting.append(keeper.look_up(image, pool))
        if len(waiting) > depth:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


class _Keeper:
    """Looks pictures up in the catalogue and keeps what the network says of the others."""

    def __init__(self, catalogue: Catalogue, model: Model) -> None:
        self._catalogue = catalogue
        self._model = model
        self._rows: list[tuple[Seen, Verdict | None] | Failure] = []
        self._committed = time.monotonic()

    def look_up(self, image: ImageRef | Failure, pool: ThreadPoolExecutor) -> Callable[[], _Found]:
        """Start to look a picture up; calling the result waits until it is done."""
        if isinstance(image, Failure):
            return lambda: _Found(image, None)
        if not isinstance(image.source, str | os.PathLike):
            raise LibraryError(f"{image.id} is not a file; only files can be in a library")
        path = self._catalogue.relative(image.source)
        try:
            stamp = Stamp.of(Path(image.source).stat())
            sha256 = self._catalogue.unchanged(path, stamp)
        except (OSError, ValueError):
            return lambda: _Found(image, None)  # scoring says what is wrong with it
        if sha256 is not None:
            seen = Seen(path, stamp, time.time_ns(), sha256, Capture())
            known = self._catalogue.verdict(sha256, self._model, image.id)
            return lambda: _Found(image, None if known else seen, known)
        reading = pool.submit(_read, image.source, path)
        return lambda: self._read_up(image, reading)

    def _read_up(self, image: ImageRef, reading: Future[Seen | None]) -> _Found:
        seen = reading.result()
        known = seen and self._catalogue.verdict(seen.sha256, self._model, image.id)
        return _Found(image, seen, known or None)

    def keep(self, found: _Found, outcome: Outcome) -> None:
        """Take one outcome for the catalogue."""
        if isinstance(outcome, Failure):
            self._keep_failure(outcome)
        elif found.seen is not None and self._is_still(found.seen):
            self._rows.append((found.seen, None if found.known else outcome))
        late = time.monotonic() - self._committed > COMMIT_SECONDS
        if late or len(self._rows) >= COMMIT_ROWS:
            self.commit()

    def _is_still(self, seen: Seen) -> bool:
        """Whether the file is still what was hashed, now that it was scored."""
        try:
            return Stamp.of(self._catalogue.absolute(seen.path).stat()) == seen.stamp
        except OSError:
            return False

    def _keep_failure(self, failure: Failure) -> None:
        try:
            path = self._catalogue.relative(failure.path)
        except (LibraryError, ValueError):
            return  # a pattern or a list's line that is nowhere in the library
        self._rows.append(Failure(path, failure.code, failure.message))

    def commit(self) -> None:
        """Write what was taken, all of it or nothing."""
        rows, self._rows = self._rows, []
        if rows:
            self._catalogue.record(self._model, rows)
        self._committed = time.monotonic()


def _read(source: str | os.PathLike[str], path: str) -> Seen | None:
    """Hash a file and read its capture time; None where it cannot be read."""
    try:
        with open_image_file(source) as stream:
            checked = time.time_ns()
            stamp = Stamp.of(os.fstat(stream.fileno()))
            sha256 = stream_hash(stream)
            stream.seek(0)
            return Seen(path, stamp, checked, sha256, read_capture(stream))
    except (OSError, ImageError):
        return None
